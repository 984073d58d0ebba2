//! Finds the program that is to run, and says why it cannot when it cannot.

use crate::failure::Failure;
use crate::guests;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use tine_machine::{ElfError, Errno, ExecError, Image, LoadError};

/// A program, as named on the command line.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name as the user wrote it.
    pub(crate) shown: String,
    /// Its path in the machine, where it is the only file that the guest did not make.
    pub(crate) path: Vec<u8>,
    /// Its name as the guest sees it in `argv[0]`.
    pub(crate) argv0: Vec<u8>,
    /// Its ELF file.
    pub(crate) elf: Cow<'static, [u8]>,
}

const COMPILE: &str = "compile it with riscv64-linux-gnu-gcc -static";
const LINK: &str = "link it statically: riscv64-linux-gnu-gcc -static";

impl Program {
    /// Reads the program called `name` and checks that it can be run.
    ///
    /// # Errors
    /// What keeps it from running.
    pub(crate) fn open(name: &OsStr) -> Result<Self, Failure> {
        let program = match name.as_bytes().strip_prefix(b"@") {
            Some(guest) => {
                let guest = guests::find(&String::from_utf8_lossy(guest))?;
                Self {
                    shown: format!("@{}", guest.name),
                    path: format!("/bin/{}", guest.name).into_bytes(),
                    argv0: guest.name.into(),
                    elf: Cow::Borrowed(guest.elf),
                }
            }
            None => Self {
                shown: name.to_string_lossy().into_owned(),
                path: path_in_machine(Path::new(name)),
                argv0: name.as_bytes().to_owned(),
                elf: Cow::Owned(read(Path::new(name))?),
            },
        };
        program.check()?;
        Ok(program)
    }

    /// Says why the machine cannot load it.
    pub(crate) fn refused(&self, error: &LoadError) -> Failure {
        match error {
            LoadError::Exec(ExecError::Elf(error)) => self.explain(*error),
            LoadError::Exec(ExecError::Errno(Errno::ENOMEM | Errno::ENOSPC))
            | LoadError::TooLittleMemory(_) => {
                self.cannot_run("guest memory is too little to load it").hint("give it more: --mem 512M")
            }
            LoadError::Exec(error) => self.cannot_run(error.to_string()),
            LoadError::Ram(error) => {
                Failure::tine(format!("--mem: {error}")).hint("ask for less: --mem 512M")
            }
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let image = Image::parse(&self.elf).map_err(|error| self.explain(error))?;
        let len = self.elf.len() as u64;
        if let Some(segment) = image.truncated_segment(len) {
            let end = segment.offset + segment.file_bytes;
            return Err(self
                .cannot_run(format!(
                    "it is cut short: its segment at {} ends at byte {end} of a file of {len} bytes",
                    segment.at
                ))
                .hint("link or copy it again"));
        }
        if let Some(interpreter) = &image.interpreter {
            let interpreter = String::from_utf8_lossy(interpreter);
            let message =
                format!("{} needs the interpreter {interpreter}, which the guest cannot see", self.shown);
            return Err(Failure::cannot_run(message).hint(LINK));
        }
        Ok(())
    }

    fn cannot_run(&self, reason: impl AsRef<str>) -> Failure {
        Failure::cannot_run(format!("cannot run {}: {}", self.shown, reason.as_ref()))
    }

    /// Says why the ELF file cannot be executed, and what to do about it.
    fn explain(&self, error: ElfError) -> Failure {
        match error {
            ElfError::NotElf if self.elf.is_empty() => self
                .cannot_run("it is empty")
                .hint("compile or copy it again")
                .hint("compile or copy it again"),
            ElfError::NotElf if self.elf.starts_with(b"#!") => self
                .cannot_run("it is a script, and Tine runs riscv64 ELF programs")
                .hint("run its interpreter, compiled with riscv64-linux-gnu-gcc -static"),
            ElfError::NotElf => self.cannot_run(error.to_string()).hint(COMPILE),
            ElfError::Class(1) => {
                self.cannot_run("it is a 32-bit program, and Tine runs riscv64").hint(COMPILE)
            }
            ElfError::ByteOrder(2) => {
                self.cannot_run("it is a big-endian program, and Tine runs riscv64").hint(COMPILE)
            }
            ElfError::Machine(machine) => self
                .cannot_run(format!("it is {}, and Tine runs riscv64", machine_name(machine)))
                .hint(COMPILE),
            ElfError::Type(1) => self.cannot_run("it is an object file, which is not linked yet").hint(LINK),
            _ => self.cannot_run(error.to_string()).hint("the file is damaged: link or copy it again"),
        }
    }
}

/// Returns where a relative name leads from `/`, so that `argv[0]` finds the program there too.
fn path_in_machine(name: &Path) -> Vec<u8> {
    let mut path = PathBuf::from("/");
    for component in name.components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path.into_os_string().into_vec()
}

fn machine_name(machine: u16) -> String {
    use goblin::elf::header;
    let name = match machine {
        header::EM_386 => "an x86",
        header::EM_X86_64 => "an x86-64",
        header::EM_ARM => "an ARM",
        header::EM_AARCH64 => "an AArch64",
        header::EM_MIPS => "a MIPS",
        header::EM_PPC64 => "a 64-bit PowerPC",
        header::EM_S390 => "an s390",
        header::EM_LOONGARCH => "a LoongArch",
        _ => return format!("a program for another machine (ELF machine {machine})"),
    };
    format!("{name} program")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Failure::not_found(format!("there is no program {shown}")).hint(missing_hint(path))
        }
        ErrorKind::PermissionDenied => Failure::cannot_run(format!("cannot read {shown}: permission denied"))
            .hint(format!("chmod +r {shown}")),
        _ => Failure::cannot_run(format!("cannot read {shown}: {error}")),
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Failure::cannot_run(format!("cannot run {shown}: it is a directory"))
            .hint("name the program in it"));
    }
    if !metadata.is_file() {
        return Err(Failure::cannot_run(format!("cannot run {shown}: it is not a regular file"))
            .hint("name a riscv64 ELF program"));
    }
    let mode = metadata.permissions().mode();
    if mode & 0o111 == 0 {
        let message = format!("cannot run {shown}: it is not executable (mode {:04o})", mode & 0o7777);
        return Err(Failure::cannot_run(message).hint(format!("chmod +x {shown}")));
    }
    fs::read(path).map_err(unreadable)
}

fn missing_hint(path: &Path) -> String {
    match path.to_str().map(guests::find) {
        Some(Ok(guest)) => format!("did you mean the built-in @{}?", guest.name),
        _ => "PROGRAM is a path (./program), or @NAME for one that tine guests lists".to_owned(),
    }
}
