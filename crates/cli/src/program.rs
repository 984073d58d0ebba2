//! Finds the program that is to run, and says why it cannot when it cannot.

use crate::failure::Failure;
use crate::guests;
use crate::host::CommandHost;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use tine_machine::{ElfError, Errno, ExecError, Image, LoadError, Machine};

/// A program, as named on the command line.
#[derive(Debug)]
pub(crate) struct Program {
    /// Its name as the user wrote it.
    pub(crate) shown: String,
    /// Its path in the machine.
    pub(crate) path: Vec<u8>,
    /// Its name as the guest sees it in `argv[0]`.
    pub(crate) argv0: Vec<u8>,
    /// The file, which is put there; none when the guest sees it there anyway.
    pub(crate) elf: Option<Cow<'static, [u8]>>,
}

const COMPILE: &str = "compile it with riscv64-linux-gnu-gcc -static";
/// What a script begins with.
const SCRIPT: &[u8] = b"#!";
const LINK: &str = "link it statically: riscv64-linux-gnu-gcc -static";

impl Program {
    /// Finds the program called `name`: a built-in one, one that the guest sees, or one of the host.
    ///
    /// # Errors
    /// What keeps it from running.
    pub(crate) fn find(name: &OsStr, machine: &mut Machine, host: &mut CommandHost) -> Result<Self, Failure> {
        let program = match name.as_bytes().strip_prefix(b"@") {
            Some(guest) => {
                let guest = guests::find(&String::from_utf8_lossy(guest))?;
                Self {
                    shown: format!("@{}", guest.name),
                    path: format!("/bin/{}", guest.name).into_bytes(),
                    argv0: guest.name.into(),
                    elf: Some(Cow::Borrowed(guest.elf)),
                }
            }
            None => match Self::find_in_machine(name, machine, host)? {
                Some(program) => program,
                None => Self {
                    path: path_in_machine(machine.work_directory(), Path::new(name)),
                    elf: Some(Cow::Owned(read(Path::new(name))?)),
                    ..Self::named(name)
                },
            },
        };
        program.check()?;
        Ok(program)
    }

    fn named(name: &OsStr) -> Self {
        let (shown, argv0) = (name.to_string_lossy().into_owned(), name.as_bytes().to_owned());
        Self { shown, path: Vec::new(), argv0, elf: None }
    }

    /// Finds the program among what the guest sees of the host: by the name that the guest has for it, or else by the
    /// host's.
    fn find_in_machine(
        name: &OsStr,
        machine: &mut Machine,
        host: &mut CommandHost,
    ) -> Result<Option<Self>, Failure> {
        if host.grants.is_empty() {
            return Ok(None);
        }
        let own = Some(name.as_bytes().to_owned());
        let translated = host.grants.path_in_machine(Path::new(name)).filter(|_| Path::new(name).exists());
        for path in [own, translated].into_iter().flatten() {
            let program = Self::named(name);
            match machine.find_program(host, &path) {
                Ok(path) => return Ok(Some(Self { path, ..program })),
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Err(Errno::EACCES) => {
                    return Err(program.cannot_run("the guest may not execute it").hint(format!(
                        "it must be a regular file that may be read and executed: chmod +rx {}",
                        program.shown
                    )));
                }
                Err(errno) => return Err(program.cannot_run(errno.text())),
            }
        }
        Ok(None)
    }

    /// Says why the machine cannot load it.
    pub(crate) fn refused(&self, error: &LoadError) -> Failure {
        match error {
            LoadError::Exec(ExecError::Elf(error)) => self.explain(*error),
            LoadError::Exec(ExecError::Errno(Errno::ENOMEM | Errno::ENOSPC))
            | LoadError::TooLittleMemory(_) => {
                self.cannot_run("guest memory is too little to load it").hint("give it more: --mem 512M")
            }
            LoadError::Exec(ExecError::Interpreter { path, errno: Errno::ENOENT }) => Failure::cannot_run(
                format!("{} needs the interpreter {path}, which the guest cannot see", self.shown),
            )
            .hint("give it a root directory: --root DIR (guest/debian/make-root makes one)"),
            LoadError::Exec(error) => self.cannot_run(error.to_string()),
            LoadError::Ram(error) => {
                Failure::tine(format!("--mem: {error}")).hint("ask for less: --mem 512M")
            }
            LoadError::Grant(..) => Failure::tine(error.to_string()),
        }
    }

    fn check(&self) -> Result<(), Failure> {
        let Some(elf) = self.elf.as_ref().filter(|elf| !elf.starts_with(SCRIPT)) else { return Ok(()) };
        let image = Image::parse(elf).map_err(|error| self.explain(error))?;
        let len = elf.len() as u64;
        if let Some(segment) = image.truncated_segment(len) {
            let end = segment.offset + segment.file_bytes;
            return Err(self
                .cannot_run(format!(
                    "it is cut short: its segment at {} ends at byte {end} of a file of {len} bytes",
                    segment.at
                ))
                .hint("link or copy it again"));
        }
        Ok(())
    }

    fn cannot_run(&self, reason: impl AsRef<str>) -> Failure {
        Failure::cannot_run(format!("cannot run {}: {}", self.shown, reason.as_ref()))
    }

    /// Says why the ELF file cannot be executed, and what to do about it.
    fn explain(&self, error: ElfError) -> Failure {
        match error {
            ElfError::NotElf if self.elf.as_ref().is_some_and(|elf| elf.is_empty()) => {
                self.cannot_run("it is empty").hint("compile or copy it again")
            }
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

/// Says why there can be no machine at all.
pub(crate) fn refused_machine(name: &OsStr, error: &LoadError) -> Failure {
    Program::named(name).refused(error)
}

/// Returns where a name leads from the directory in which the program starts, so that `argv[0]` finds the program there too.
fn path_in_machine(work_directory: &[u8], name: &Path) -> Vec<u8> {
    let mut path = Path::new("/").join(OsStr::from_bytes(work_directory));
    if name.is_absolute() {
        path = PathBuf::from("/");
    }
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
