//! System calls as strace prints them.
//!
//! What a call reads is shown when it begins, what it fills in when it ends. Looking at user memory for this goes through
//! the page table and touches no TLB, no counter and no accessed bit: watching changes nothing.

use super::{Arguments, Syscall};
use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::fs::PATH_MAX;
use tine_mmu::VirtAddr;

/// How much of a string strace prints (`-s 32`).
const STRING_MAX: usize = 32;

/// How one argument is printed.
#[derive(Clone, Copy)]
pub struct ShowArg {
    /// Whether it can be shown only when the call has ended.
    pub filled_by_call: bool,
    /// Prints it.
    pub show: fn(u64, &mut Shower<'_>) -> String,
}

/// What printing an argument may look at.
pub struct Shower<'a> {
    /// All arguments of the call.
    pub arguments: Arguments,
    /// Which of them is printed.
    pub index: usize,
    /// The result, once the call has ended; an errno as a positive number.
    pub result: Option<Result<u64, i32>>,
    inspect: &'a mut dyn FnMut(VirtAddr, &mut [u8]) -> usize,
}

impl Shower<'_> {
    /// Returns up to `len` bytes at `at`; fewer where memory is not there.
    pub fn bytes(&mut self, at: VirtAddr, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let got = (self.inspect)(at, &mut bytes);
        bytes.truncate(got);
        bytes
    }

    /// Prints a NUL-terminated string.
    pub fn string(&mut self, at: VirtAddr) -> String {
        let bytes = self.bytes(at, PATH_MAX);
        match bytes.iter().position(|byte| *byte == 0) {
            _ if at.0 == 0 => "NULL".to_owned(),
            Some(end) => quoted(&bytes[..end], usize::MAX),
            None => format!("{at}"),
        }
    }

    /// Prints a buffer of `len` bytes, shortened as strace does.
    pub fn buffer(&mut self, at: VirtAddr, len: usize) -> String {
        let bytes = self.bytes(at, len.min(STRING_MAX + 1));
        if bytes.len() < len.min(STRING_MAX + 1) {
            super::args::pointer(at.0)
        } else {
            quoted(&bytes, STRING_MAX)
        }
    }
}

/// Prints bytes as a C string literal; `...` follows when there are more than `max`.
pub(crate) fn quoted(bytes: &[u8], max: usize) -> String {
    let mut text = String::from("\"");
    for (index, byte) in bytes.iter().take(max).enumerate() {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(*byte)),
            // Three digits where a digit follows, so that it is not read as part of the escape.
            _ if bytes.get(index + 1).is_some_and(u8::is_ascii_digit) => {
                text.push_str(&format!("\\{byte:03o}"))
            }
            _ => text.push_str(&format!("\\{byte:o}")),
        }
    }
    text.push('"');
    if bytes.len() > max {
        text.push_str("...");
    }
    text
}

/// Logs the beginning of a call.
pub(super) fn enter(ctx: &mut Ctx<'_>, call: &'static Syscall, arguments: Arguments) {
    if ctx.kernel.settings.interest.contains(Interest::SYSCALL) {
        let text = show_range(ctx, call, arguments, None);
        ctx.log(Interest::SYSCALL, || What::SyscallEnter { name: call.name, arguments: text });
    }
}

/// Logs the end of a call.
pub(super) fn exit(
    ctx: &mut Ctx<'_>,
    call: &'static Syscall,
    arguments: Arguments,
    result: Result<u64, i32>,
) {
    if ctx.kernel.settings.interest.contains(Interest::SYSCALL) {
        let text = show_range(ctx, call, arguments, Some(result));
        let result = show_result(call, result);
        ctx.log(Interest::SYSCALL, || What::SyscallExit { name: call.name, arguments: text, result });
    }
}

/// Logs a call that does not return to its caller: `?` for the exits, 0 for execve.
pub(crate) fn exit_with(ctx: &mut Ctx<'_>, name: &'static str, result: &str) {
    ctx.log(Interest::SYSCALL, || What::SyscallExit {
        name,
        arguments: String::new(),
        result: result.to_owned(),
    });
}

/// Logs a call that Tine does not have.
pub(super) fn unknown(ctx: &mut Ctx<'_>, number: u64, arguments: Arguments) {
    let text = arguments.map(|argument| format!("{argument:#x}")).join(", ");
    let arguments = format!("{number:#x}, {text}");
    ctx.log(Interest::SYSCALL, || What::SyscallEnter { name: "syscall", arguments });
    let result = "-1 ENOSYS (Function not implemented)".to_owned();
    ctx.log(Interest::SYSCALL, || What::SyscallExit { name: "syscall", arguments: String::new(), result });
}

/// Prints the arguments before the first that the call fills in, or, once there is a result, the rest.
fn show_range(
    ctx: &mut Ctx<'_>,
    call: &Syscall,
    arguments: Arguments,
    result: Option<Result<u64, i32>>,
) -> String {
    let split = call.show.iter().position(|arg| arg.filled_by_call).unwrap_or(call.show.len());
    let range = if result.is_none() { 0..split } else { split..call.show.len() };
    let mm = ctx.process().mm;
    let (memory, ram) = (&ctx.kernel.memory, ctx.harts.ram());
    let mut inspect = |at: VirtAddr, to: &mut [u8]| mm.map_or(0, |mm| memory.inspect(ram, mm, at, to));
    let mut text = String::new();
    for index in range {
        let mut shower = Shower { arguments, index, result, inspect: &mut inspect };
        let shown = (call.show[index].show)(arguments[index], &mut shower);
        // An argument that means nothing in this call is not shown.
        if index > 0 && !shown.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&shown);
    }
    text
}

fn show_result(call: &Syscall, result: Result<u64, i32>) -> String {
    match result {
        Ok(value) if call.returns_address => super::args::pointer(value),
        Ok(value) => (value as i64).to_string(),
        Err(number) => match crate::Errno::from_number(number) {
            Some(errno) => format!("-1 {} ({})", errno.name(), errno.text()),
            None => format!("-1 (errno {number})"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_are_quoted_as_strace_quotes_them() {
        assert_eq!(quoted(b"a\"b\\\n\t", 32), r#""a\"b\\\n\t""#);
        assert_eq!(quoted(b"\0", 32), r#""\0""#);
        assert_eq!(quoted(b"\x001", 32), r#""\0001""#);
        assert_eq!(quoted(b"\xff", 32), r#""\377""#);
        assert_eq!(quoted(b"abcd", 3), r#""abc"..."#);
    }
}
