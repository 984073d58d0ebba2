//! Giving a process a program: execve (Linux 6.12 fs/exec.c). How an ELF image is mapped is in [`super::load`].

use super::elf::{ElfError, Image};
use super::load::{Executable, Loadable};
use super::rlimits::Resource;
use super::script::ScriptLine;
use crate::ctx::Ctx;
use crate::event::{FrameNeed, Interest, What};
use crate::fs::{At, LookupFlags, Node};
use crate::syscall::{Flow, UserPtr};
use crate::task::{Rescue, Signal, WaitStatus};
use crate::{Errno, FileId, MmId};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// The longest single string, with its NUL (`MAX_ARG_STRLEN`).
const MAX_STRING: usize = 32 * PAGE_SIZE as usize;
/// Strings and pointers may always take this much (`ARG_MAX`).
const LEAST_ROOM: u64 = 128 << 10;
/// And never more than this, three quarters of a usual stack, whatever the stack's limit is.
const MOST_ROOM: u64 = 6 << 20;
/// As much of a file as is read to find its headers, which follow the ELF header unless a tool has moved them.
const HEAD_BYTES: usize = 4 << 10;
/// As much of an interpreter as must be there before anything in it is looked at.
const ELF_HEADER_BYTES: usize = 64;
/// A script may name a script as its interpreter, and so on (fs/exec.c `exec_binprm`).
const MAX_SCRIPTS: usize = 5;

/// A program to load first.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its path in the machine.
    pub path: Vec<u8>,
    /// The file to put there; none when there is one.
    pub bytes: Option<Vec<u8>>,
    /// Its arguments, its name first.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment.
    pub environment: Vec<Vec<u8>>,
    /// The directory in which it starts.
    pub cwd: Vec<u8>,
}

/// Why a program cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The file is no program for this machine.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// The interpreter that it needs (`PT_INTERP`, or the first line of a script) cannot be used.
    #[error("it needs the interpreter {path}, which the guest cannot use: {errno}")]
    Interpreter {
        /// Path of the interpreter in the machine.
        path: String,
        /// What is wrong with it; `ENOENT` when it is not there.
        errno: Errno,
    },
    /// A system call's reason.
    #[error("{0}")]
    Errno(Errno),
}

impl From<Errno> for ExecError {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl ExecError {
    fn interpreter(path: &[u8], errno: Errno) -> Self {
        Self::Interpreter { path: String::from_utf8_lossy(path).into_owned(), errno }
    }

    /// Returns the error of execve(2).
    pub const fn errno(&self) -> Errno {
        match self {
            Self::Elf(error) => error.errno(),
            Self::Interpreter { errno, .. } | Self::Errno(errno) => *errno,
        }
    }
}

/// What a program is told.
#[derive(Clone, Debug)]
pub(crate) struct ProgramStrings {
    /// Its arguments, its name first.
    pub arguments: Vec<Vec<u8>>,
    /// Its environment.
    pub environment: Vec<Vec<u8>>,
}

/// What execve(2) is asked to run.
#[derive(Clone, Debug)]
pub(crate) struct ExecRequest {
    /// The file.
    pub node: Node,
    /// The name under which it was asked for.
    pub name: Vec<u8>,
    /// Whether that name leads nowhere once the descriptors are closed, so that a script cannot be read by it.
    pub name_vanishes: bool,
    /// Whether a descriptor alone names it: then the process is called as the file is, and not by the descriptor's number.
    pub by_descriptor: bool,
    /// What it is told.
    pub strings: ProgramStrings,
}

impl Ctx<'_> {
    /// Replaces the process's program.
    ///
    /// # Errors
    /// The errno of execve(2) while the old program can still go on. Later the process is killed, and the call does not
    /// return.
    pub(crate) fn execute(&mut self, request: ExecRequest) -> Result<(), Flow> {
        let by_descriptor = request.by_descriptor;
        let program = self.resolve_program(request).map_err(|error| error.errno())?;
        let given = self.credentials_in(program.image.node);
        let fresh = loop {
            let shortages = self.kernel.memory.frames().shortages();
            match self.new_memory(&program) {
                Err(Errno::ENOMEM) if self.make_room(FrameNeed::Exec, shortages) == Rescue::Retry => {}
                made => break made?,
            }
        };
        self.become_only_task();
        self.enter_memory(fresh.mm);
        // The old program is gone: from here on a failure can only kill.
        let name = if by_descriptor { self.own_name(program.image.node) } else { program.name.clone() };
        self.forget_old_program(&name, program.image.node);
        self.take_program_credentials(program.image.node, &given);
        match self.start_image(&fresh, &program, &given) {
            Ok(()) => {
                let path = String::from_utf8_lossy(&program.name).into_owned();
                self.log(Interest::EXEC, || What::Exec { path });
                Ok(())
            }
            Err(_) => {
                let core = self.dumps_core();
                self.exit_process(WaitStatus::Killed { signal: Signal::SIGSEGV, core });
                Err(Flow::NoReturn)
            }
        }
    }

    /// Goes from what was asked for, through the scripts that name one another, to an ELF program and its interpreter.
    ///
    /// # Errors
    /// [`ExecError`] for what execve(2) refuses.
    pub(crate) fn resolve_program(&mut self, request: ExecRequest) -> Result<Executable, ExecError> {
        let ExecRequest { mut node, name, name_vanishes, strings, by_descriptor: _ } = request;
        let ProgramStrings { mut arguments, environment } = strings;
        if arguments.is_empty() {
            // Since Linux 5.18 a program always has a first argument.
            arguments.push(Vec::new());
        }
        let mut script = name.clone();
        for _ in 0..=MAX_SCRIPTS {
            let file = self.program_file(node)?;
            let head = self.head_of(file);
            let Some(line) = ScriptLine::parse(&head)? else {
                let image = Loadable { node, file, image: self.read_image(file, &head)? };
                let interpreter = image.image.interpreter.clone();
                let interpreter = interpreter.map(|path| self.find_interpreter(&path)).transpose()?;
                let program = Executable {
                    image,
                    interpreter,
                    name,
                    strings: ProgramStrings { arguments, environment },
                };
                self.check_room(&program)?;
                return Ok(program);
            };
            if name_vanishes {
                return Err(Errno::ENOENT.into());
            }
            arguments = line.arguments(script, arguments);
            script = line.interpreter;
            node = self.find_file(&script).map_err(|errno| ExecError::interpreter(&script, errno))?;
        }
        Err(Errno::ELOOP.into())
    }

    /// Finds what a path leads to from the working directory.
    pub(crate) fn find_file(&mut self, path: &[u8]) -> Result<Node, Errno> {
        let base = self.kernel.fs.cwd(self.task().work_dir);
        self.with_fs(|fs, env| fs.lookup(env, At { base, path }, LookupFlags::empty()))
    }

    /// Returns the contents of a program that the task may execute.
    pub(crate) fn program_file(&mut self, node: Node) -> Result<FileId, Errno> {
        self.with_fs(|fs, env| fs.program(env, node))
    }

    fn head_of(&mut self, file: FileId) -> Vec<u8> {
        self.kernel.memory.cache().read(self.harts.ram(), file, 0, HEAD_BYTES)
    }

    /// Reads the headers of a program that begins with `head`.
    fn read_image(&mut self, file: FileId, head: &[u8]) -> Result<Image, ElfError> {
        match Image::parse(head) {
            Err(ElfError::HeadersTruncated | ElfError::InterpreterTruncated) if head.len() == HEAD_BYTES => {
                let whole = self.kernel.memory.cache().read(self.harts.ram(), file, 0, usize::MAX);
                Image::parse(&whole)
            }
            image => image,
        }
    }

    fn find_interpreter(&mut self, path: &[u8]) -> Result<Loadable, ExecError> {
        let unusable = |errno| ExecError::interpreter(path, errno);
        let node = self.find_file(path).map_err(unusable)?;
        let file = self.program_file(node).map_err(unusable)?;
        let head = self.head_of(file);
        if head.len() < ELF_HEADER_BYTES {
            return Err(unusable(Errno::EIO));
        }
        let image = self.read_image(file, &head);
        let image = image.map_err(|error| unusable(error.errno_of_interpreter()))?;
        Ok(Loadable { node, file, image })
    }

    /// Returns a file's path, be the file still there or not.
    fn own_name(&self, node: Node) -> Vec<u8> {
        let path = self.kernel.fs.path_of(node);
        path.strip_suffix(b" (deleted)").map_or(path.clone(), <[u8]>::to_vec)
    }

    /// Forgets what does not outlive a program: handlers, descriptors marked so, the word to clear, the name.
    fn forget_old_program(&mut self, path: &[u8], node: Node) {
        const COMM_BYTES: usize = 15;
        let files = self.files();
        let own = self.kernel.fs.unshare_table(files);
        let before = self.process_mut().exe.replace(node);
        self.task_mut().files = own;
        self.kernel.fs.hold_program(node);
        self.with_fs(|fs, env| {
            fs.close_on_exec(env, own);
            if let Some(before) = before {
                fs.release_program(env, before);
            }
        });
        self.wake_files();
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        let tasks = &mut self.kernel.tasks;
        if let Some(before) = tasks.process(self.pid).map(|process| process.handlers) {
            let own = tasks.handlers.unshare(before);
            tasks.handlers.reset(own);
            self.process_mut().handlers = own;
        }
        self.kernel.delete_timers(self.pid);
        let process = self.process_mut();
        process.command = name[..name.len().min(COMM_BYTES)].to_vec();
        process.has_execed = true;
        process.barriers = 0;
        process.exit_signal = process.exit_signal.map(|_| Signal::SIGCHLD);
        self.task_mut().alternate_stack = Default::default();
    }

    /// Ends the process's other tasks; the one that is left is known by the process's number (de_thread).
    fn become_only_task(&mut self) {
        self.make_way_for_program();
        if self.tid != self.pid {
            for child in self.process().children.clone() {
                if let Some(child) = self.kernel.tasks.process_mut(child).filter(|it| it.made_by == self.tid)
                {
                    child.made_by = self.pid;
                }
            }
            self.kernel.tasks.make_leader(self.tid);
            self.kernel.sched.rename(self.hart, self.pid);
            self.tid = self.pid;
        }
        self.task_mut().name = None;
    }

    /// Lets go of the old address space and runs in the new one.
    fn enter_memory(&mut self, mm: MmId) {
        self.leave_user_words(self.tid);
        self.release_memory(self.tid);
        self.process_mut().mm = Some(mm);
        self.kernel.activate(self.harts, self.hart, mm);
    }

    /// Returns how many bytes strings and their pointers may take (`bprm_stack_limits`).
    fn room(&self) -> u64 {
        let quarter = self.process().rlimits.current(Resource::Stack) / 4;
        quarter.clamp(LEAST_ROOM, MOST_ROOM)
    }

    fn check_room(&self, program: &Executable) -> Result<(), Errno> {
        let strings = program.strings.arguments.iter().chain(&program.strings.environment);
        let bytes: usize = strings.map(|string| string.len() + 1 + size_of::<u64>()).sum();
        let bytes = bytes + program.name.len() + 1;
        if bytes as u64 > self.room() { Err(Errno::E2BIG) } else { Ok(()) }
    }

    /// Reads the arguments and the environment of execve(2).
    ///
    /// # Errors
    /// `EFAULT`, and `E2BIG` for too much.
    pub(crate) fn read_program_strings(
        &mut self,
        argv: VirtAddr,
        envp: VirtAddr,
    ) -> Result<ProgramStrings, Errno> {
        let mut room = self.room();
        let argv = self.read_pointers(argv, &mut room)?;
        let envp = self.read_pointers(envp, &mut room)?;
        let environment = self.read_strings(&envp, &mut room)?;
        let arguments = self.read_strings(&argv, &mut room)?;
        Ok(ProgramStrings { arguments, environment })
    }

    /// Reads pointers up to NULL. Instead of a vector there may be NULL itself, which is an empty one.
    fn read_pointers(&mut self, vector: VirtAddr, room: &mut u64) -> Result<Vec<VirtAddr>, Errno> {
        let mut pointers = Vec::new();
        if vector.0 == 0 {
            return Ok(pointers);
        }
        loop {
            let at = self.read(UserPtr::<u64>::new(vector + 8 * pointers.len() as u64))?;
            if at == 0 {
                break;
            }
            *room = room.checked_sub(size_of::<u64>() as u64).ok_or(Errno::E2BIG)?;
            pointers.push(VirtAddr(at));
        }
        Ok(pointers)
    }

    fn read_strings(&mut self, pointers: &[VirtAddr], room: &mut u64) -> Result<Vec<Vec<u8>>, Errno> {
        let mut strings = Vec::with_capacity(pointers.len());
        for at in pointers {
            let string = self.read_string(*at, MAX_STRING, Errno::E2BIG)?;
            *room = room.checked_sub(string.len() as u64 + 1).ok_or(Errno::E2BIG)?;
            strings.push(string);
        }
        Ok(strings)
    }
}
