//! The first two processes: init, which is the supervisor itself, and the program.

use crate::creds::Credentials;
use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::fs::{At, LookupFlags};
use crate::inject::{Injections, Target};
use crate::kernel::INIT;
use crate::syscall::{exit_with, quoted};
use crate::task::{ExecError, ExecRequest, HandlersId, Process, Program, ProgramStrings, Scheduling, Task};
use crate::{Errno, HartId, Harts, Host, Kernel, Origin, Pid, Reg};
use std::collections::BTreeSet;

/// The permissions of the program's file in the machine.
const PROGRAM_PERMISSIONS: u32 = 0o755;

/// A file that the machine's user puts into it.
#[derive(Clone, Debug)]
pub struct InstalledFile {
    /// Its path in the machine.
    pub path: Vec<u8>,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Its permission bits.
    pub permissions: u32,
}

impl Process {
    fn first(pid: Pid, parent: Pid, handlers: HandlersId) -> Self {
        Self {
            parent,
            made_by: parent,
            children: BTreeSet::new(),
            group: pid,
            session: pid,
            tasks: Vec::new(),
            mm: None,
            handlers,
            pending: Default::default(),
            exit_signal: Some(crate::task::Signal::SIGCHLD),
            command: b"init".to_vec(),
            exe: None,
            timers: Default::default(),
            posix_timers: Default::default(),
            origin: Origin::Program,
            account: Default::default(),
            usage: Default::default(),
            children_usage: Default::default(),
            start_ns: 0,
            job: Default::default(),
            is_subreaper: false,
            end: None,
            has_execed: false,
            rlimits: Default::default(),
            personality: 0,
            credentials: Credentials::ROOT,
            scheduling: Scheduling::default(),
            dumpable: Default::default(),
            transfers: Default::default(),
            oom_score_adj: 0,
            coredump_filter: Process::COREDUMP_FILTER,
            barriers: 0,
        }
    }
}

/// Returns the arguments of the call that starts the program, which no program made, as strace prints them. The
/// environment is shown where the program finds it.
fn execve_text(path: &[u8], strings: &ProgramStrings, sp: u64, limit: usize) -> String {
    let mut arguments: Vec<_> =
        strings.arguments.iter().take(limit).map(|string| quoted(string, limit)).collect();
    if strings.arguments.len() > limit {
        arguments.push("...".to_owned());
    }
    // The number of arguments, the arguments and NULL lie below the environment.
    let environment = sp + 8 * (strings.arguments.len() as u64 + 2);
    let count = strings.environment.len();
    let plural = if count == 1 { "" } else { "s" };
    let path = quoted(path, usize::MAX);
    format!("{path}, [{}], {environment:#x} /* {count} var{plural} */", arguments.join(", "))
}

impl Kernel {
    /// Makes init. It has no task and runs no instruction: it is there to be a parent.
    pub(crate) fn create_init(&mut self) {
        let handlers = self.tasks.handlers.create();
        self.tasks.insert_process(INIT, Process::first(INIT, Pid(0), handlers));
    }

    /// Puts a file into the file system, with the directories on the way.
    ///
    /// # Errors
    /// As [`crate::fs::Fs::install`].
    pub fn install(
        &mut self,
        harts: &mut dyn Harts,
        host: &mut dyn Host,
        file: &InstalledFile,
    ) -> Result<(), Errno> {
        let epoch_ns = self.settings.epoch_ns();
        self.with_fs(harts.ram(), host, INIT, epoch_ns, |fs, env| {
            fs.install(env, &file.path, &file.bytes, file.permissions).map(|_| ())
        })
    }

    /// Finds the file of a program as execvp(3) does: a name without a slash in one of the directories that `search` names
    /// with colons between them, any other from the directory `cwd`. Returns its path, from there.
    ///
    /// # Errors
    /// `EACCES` when all that is found cannot be executed, and what a look-up gives.
    pub fn find_program(
        &mut self,
        harts: &mut dyn Harts,
        host: &mut dyn Host,
        cwd: &[u8],
        search: &[u8],
        name: &[u8],
    ) -> Result<Vec<u8>, Errno> {
        let epoch_ns = self.settings.epoch_ns();
        self.with_fs(harts.ram(), host, INIT, epoch_ns, |fs, env| {
            let cwd = fs.lookup(env, At { base: fs.root(), path: cwd }, LookupFlags::empty())?;
            let mut check = |path: &[u8]| {
                let node = fs.lookup(env, At { base: cwd, path }, LookupFlags::empty())?;
                fs.program(env, node).map(|_| ())
            };
            if name.contains(&b'/') {
                return check(name).map(|()| name.to_vec());
            }
            let mut failure = Errno::ENOENT;
            for directory in search.split(|byte| *byte == b':') {
                let path = [directory, name].join(&b'/');
                match check(&path) {
                    Ok(()) => return Ok(path),
                    Err(Errno::EACCES) => failure = Errno::EACCES,
                    Err(_) => {}
                }
            }
            Err(failure)
        })
    }

    /// Makes the process that runs the program, which is installed in the file system first when it comes with its bytes.
    ///
    /// # Errors
    /// [`ExecError`] when the file is no program that Tine can run, or does not fit into memory.
    pub fn start(
        &mut self,
        harts: &mut dyn Harts,
        host: &mut dyn Host,
        program: Program,
    ) -> Result<Pid, ExecError> {
        let epoch_ns = self.settings.epoch_ns();
        let Program { path, bytes, arguments, environment, cwd } = program;
        if let Some(bytes) = bytes {
            let file = InstalledFile { path: path.clone(), bytes, permissions: PROGRAM_PERMISSIONS };
            self.install(harts, host, &file)?;
        }
        let pid = self.tasks.next_pid().ok_or(Errno::EAGAIN)?;
        let files = self.fs.console_table(epoch_ns);
        let work_dir = self.fs.new_work_dir();
        let handlers = self.tasks.handlers.create();
        self.tasks.insert_process(pid, Process::first(pid, INIT, handlers));
        self.tasks.insert_task(pid, Task::new(pid, Default::default(), files, work_dir));
        if let Some(init) = self.tasks.process_mut(INIT) {
            init.children.insert(pid);
        }
        self.program = Some(pid);
        let hart = HartId(0);
        self.switch_to(harts, hart, pid);
        let mut ctx = Ctx::new(self, harts, host, hart);
        let cwd = ctx.find_file(&cwd)?;
        ctx.with_fs(|fs, env| fs.chdir(env, work_dir, cwd))?;
        let request = ExecRequest {
            node: ctx.find_file(&path)?,
            name: path,
            name_vanishes: false,
            by_descriptor: false,
            strings: ProgramStrings { arguments, environment },
        };
        ctx.resolve_program(request.clone())?;
        let (path, strings) = (request.name.clone(), request.strings.clone());
        match ctx.execute(request) {
            Ok(()) => {
                let (sp, limit) = (ctx.harts.register(hart, Reg::SP), ctx.kernel.settings.string_limit);
                let (name, arguments) = ("execve", execve_text(&path, &strings, sp, limit));
                ctx.log(Interest::SYSCALL, || What::SyscallEnter {
                    name: name.into(),
                    arguments,
                    is_complete: true,
                });
                exit_with(&mut ctx, name, "0");
                // What is asked to fail is counted from the program's first instruction on.
                self.memory.inject(Injections::of(&self.settings.injections, Target::is_of_memory));
                Ok(pid)
            }
            Err(crate::syscall::Flow::Errno(errno)) => Err(errno.into()),
            Err(_) => Err(Errno::ENOMEM.into()),
        }
    }
}
