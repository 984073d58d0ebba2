//! Programs that name their interpreter in their first line, `#! interpreter [argument]` (execve(2), "Interpreter scripts";
//! Linux 6.12 fs/binfmt_script.c).

use crate::Errno;

/// As much of a script as the kernel looks at (`BINPRM_BUF_SIZE`).
const LINE_BYTES: usize = 256;

/// The first line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ScriptLine {
    /// Path of the interpreter.
    pub interpreter: Vec<u8>,
    /// Everything behind it, as one argument.
    pub argument: Option<Vec<u8>>,
}

impl ScriptLine {
    /// Reads the first line of a file; `None` when it does not begin with `#!`.
    ///
    /// # Errors
    /// `ENOEXEC` when it names no interpreter, or one whose path does not end within the first 256 bytes.
    pub(super) fn parse(file: &[u8]) -> Result<Option<Self>, Errno> {
        let Some(line) = file[..file.len().min(LINE_BYTES)].strip_prefix(b"#!") else { return Ok(None) };
        // A short file is as good as padded with NULs, and a NUL ends a string.
        let text = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let ends_in_nul = text.len() < line.len() || file.len() < LINE_BYTES;
        let newline = text.iter().position(|byte| *byte == b'\n');
        let text = trim_start(newline.map_or(text, |end| trim_end(&text[..end])));
        let name_bytes = text.iter().position(|byte| is_blank(*byte));
        let names_nothing = newline.is_some() && text.is_empty();
        // Without an end in sight, the path may go on where the kernel did not look.
        let may_go_on = newline.is_none() && !ends_in_nul && name_bytes.is_none();
        if names_nothing || may_go_on {
            return Err(Errno::ENOEXEC);
        }
        let (interpreter, rest) = text.split_at(name_bytes.unwrap_or(text.len()));
        let argument = trim_start(rest);
        // The last byte gives way to the NUL that ends the argument.
        let cut = newline.is_none() && !ends_in_nul && !argument.is_empty();
        let argument = &argument[..argument.len() - usize::from(cut)];
        Ok(Some(Self {
            interpreter: interpreter.to_vec(),
            argument: (!argument.is_empty()).then(|| argument.to_vec()),
        }))
    }

    /// Makes the arguments of the interpreter out of those of the script called `script`: its own name and argument, and the
    /// script's path in place of its name.
    pub(super) fn arguments(&self, script: Vec<u8>, arguments: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let own = [self.interpreter.clone()].into_iter().chain(self.argument.clone());
        own.chain([script]).chain(arguments.into_iter().skip(1)).collect()
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn trim_start(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    &text[blanks..]
}

fn trim_end(text: &[u8]) -> &[u8] {
    let blanks = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
    &text[..text.len() - blanks]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expected: Result<Option<(&str, Option<&str>)>, Errno>) {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let parsed = ScriptLine::parse(file.as_bytes())
            .map(|line| line.map(|line| (text(line.interpreter), line.argument.map(text))));
        let expected = expected.map(|line| line.map(|(a, b)| (a.to_owned(), b.map(str::to_owned))));
        assert_eq!(parsed, expected, "{file:?}");
    }

    #[test]
    fn line_is_split_once() {
        check("#!/bin/sh\necho", Ok(Some(("/bin/sh", None))));
        check("#! \t/bin/sh \t\n", Ok(Some(("/bin/sh", None))));
        check("#!/usr/bin/env -S a b\tc  \n", Ok(Some(("/usr/bin/env", Some("-S a b\tc")))));
        check("#!sh", Ok(Some(("sh", None))));
        // Without a newline nothing says that the blanks are not part of the argument.
        check("#!/bin/sh -x  ", Ok(Some(("/bin/sh", Some("-x  ")))));
        check("#!/bin/sh\0-x\n", Ok(Some(("/bin/sh", None))));
        check("\x7fELF", Ok(None));
        check("#", Ok(None));
    }

    #[test]
    fn line_without_interpreter_is_refused() {
        check("#!\n", Err(Errno::ENOEXEC));
        check("#! \t \n", Err(Errno::ENOEXEC));
        // The kernel takes the padding for an empty path, which then leads nowhere.
        check("#!", Ok(Some(("", None))));
    }

    #[test]
    fn path_must_end_within_what_is_read() {
        let path = |bytes: usize| format!("/{}", "x".repeat(bytes - 1));
        check(&format!("#!{}\n", path(253)), Ok(Some((&path(253)[..], None))));
        check(&format!("#!{}\n", path(254)), Err(Errno::ENOEXEC));
        let argument = format!("y{}", "z".repeat(400));
        let expected = Ok(Some((&path(100)[..], Some(&argument[..152]))));
        check(&format!("#!{} {argument}", path(100)), expected);
    }

    #[test]
    fn script_takes_the_place_of_its_name() {
        let line = ScriptLine { interpreter: b"/bin/sh".to_vec(), argument: Some(b"-e".to_vec()) };
        let arguments = line.arguments(b"./run".to_vec(), vec![b"run".to_vec(), b"1".to_vec()]);
        assert_eq!(arguments, [&b"/bin/sh"[..], b"-e", b"./run", b"1"]);
    }
}
