//! How a served task reaches the file system: its descriptors, and what `/proc` shows of the processes.

use crate::creds::{Capabilities, Credentials};
use crate::ctx::Ctx;
use crate::event::FrameNeed;
use crate::fs::{
    At, Env, FdTableId, Fs, LookupFlags, Node, OpenFlags, OpenId, Processes, Resolve, TtySignal, WorkDirId,
};
use crate::kernel::INIT;
use crate::mm::Truncated;
use crate::task::{Dumpable, Rescue, SignalInfo, SignalSet, TaskTable, WaitKey};
use crate::{Errno, Fd, Harts, Host, Kernel, Pid};
use tine_mmu::Ram;

/// The processes as the file system sees them.
struct View<'a> {
    tasks: &'a TaskTable,
    /// The task that asks, or init.
    caller: Pid,
    credentials: &'a Credentials,
}

impl<'a> View<'a> {
    fn new(tasks: &'a TaskTable, caller: Pid) -> Self {
        let credentials = tasks.credentials(caller).unwrap_or(Credentials::of_kernel());
        Self { tasks, caller, credentials }
    }
}

impl Processes for View<'_> {
    fn pids(&self) -> Vec<Pid> {
        self.tasks.processes().map(|(pid, _)| pid).collect()
    }

    fn exists(&self, pid: Pid) -> bool {
        self.tasks.process(pid).is_some()
    }

    fn tasks(&self, pid: Pid) -> Vec<Pid> {
        let Some(process) = self.tasks.process(pid) else { return Vec::new() };
        // The first task is there as long as the process is (Linux keeps a zombie of it).
        let mut tasks: Vec<Pid> = [pid].into_iter().chain(process.tasks.iter().copied()).collect();
        tasks.sort_unstable();
        tasks.dedup();
        tasks
    }

    fn process_of(&self, number: Pid) -> Option<Pid> {
        self.tasks.process_of(number).or_else(|| self.exists(number).then_some(number))
    }

    fn caller(&self) -> Pid {
        self.tasks.process_of(self.caller).unwrap_or(self.caller)
    }

    fn caller_task(&self) -> Pid {
        self.caller
    }

    fn credentials(&self) -> &Credentials {
        self.credentials
    }

    fn owner(&self, pid: Pid) -> (u32, u32) {
        let process = self.tasks.process(pid).filter(|process| process.dumpable == Dumpable::Yes);
        let credentials =
            process.and_then(|_| self.tasks.credentials(pid)).unwrap_or(Credentials::of_kernel());
        (credentials.user.effective, credentials.group.effective)
    }

    fn may_inspect(&self, pid: Pid) -> bool {
        let Some(process) = self.tasks.process(pid) else { return false };
        let target = self.tasks.credentials(pid).unwrap_or(&process.credentials);
        let open = process.dumpable == Dumpable::Yes || self.credentials.can(Capabilities::SYS_PTRACE);
        pid == self.caller() || open && self.credentials.may_inspect(target)
    }

    fn held_signals(&self) -> SignalSet {
        let Some(task) = self.tasks.task(self.caller) else { return SignalSet::default() };
        let process = self.tasks.process(task.process);
        let shared = process.map_or_else(SignalSet::default, |process| process.pending.set());
        task.pending.set().union(shared)
    }

    fn group(&self, pid: Pid) -> Option<Pid> {
        Some(self.tasks.process(pid)?.group)
    }

    fn session(&self, pid: Pid) -> Option<Pid> {
        Some(self.tasks.process(pid)?.session)
    }

    fn has_memory(&self, task: Pid) -> bool {
        // The supervisor's own process shows an empty one.
        task == INIT || self.tasks.task(task).is_some()
    }

    fn exe(&self, task: Pid) -> Option<Node> {
        self.tasks.process(self.tasks.task(task)?.process)?.exe
    }

    fn work_dir(&self, task: Pid) -> Option<WorkDirId> {
        Some(self.tasks.task(task)?.work_dir)
    }

    fn fd_table(&self, task: Pid) -> Option<FdTableId> {
        Some(self.tasks.task(task)?.files)
    }
}

impl Kernel {
    /// Does something in the file system on behalf of the task `caller`.
    pub(crate) fn with_fs<R>(
        &mut self,
        ram: &mut Ram,
        host: &mut dyn Host,
        caller: Pid,
        now_ns: u64,
        operate: impl FnOnce(&mut Fs, &mut Env<'_>) -> R,
    ) -> R {
        let view = View::new(&self.tasks, caller);
        let (cache, frames) = self.memory.cache_mut();
        let uptime_ns = now_ns - self.wall_offset_ns;
        let resolve = Resolve::empty();
        let mut env = Env { ram, frames, cache, processes: &view, resolve, host, now_ns, uptime_ns };
        operate(&mut self.fs, &mut env)
    }

    /// Writes to the host what is left of the stores to mapped files, at the end of a run. Returns the paths of what the host
    /// refused.
    pub fn write_rest(&mut self, harts: &mut dyn Harts, host: &mut dyn Host) -> Vec<(Vec<u8>, Errno)> {
        let now_ns = self.settings.epoch_ns();
        self.with_fs(harts.ram(), host, INIT, now_ns, |fs, env| fs.unwritten(env))
    }

    /// Tells whether a path leads anywhere, from a directory.
    pub fn is_there(
        &mut self,
        harts: &mut dyn Harts,
        host: &mut dyn Host,
        directory: &[u8],
        path: &[u8],
    ) -> bool {
        let now_ns = self.settings.epoch_ns();
        self.with_fs(harts.ram(), host, INIT, now_ns, |fs, env| {
            let at = At { base: fs.root(), path: directory };
            let found = fs.lookup(env, at, LookupFlags::empty());
            found.and_then(|base| fs.lookup(env, At { base, path }, LookupFlags::empty())).is_ok()
        })
    }

    /// Returns the paths that programs asked for and did not find, as they wrote them, the first few.
    pub fn missed_paths(&self) -> impl Iterator<Item = &[u8]> {
        self.missed.iter().map(Vec::as_slice)
    }

    /// Wakes the tasks for which the file system has something now, and sends the signals of terminals.
    pub(crate) fn wake_files(&mut self) {
        if !self.fs.has_news() {
            return;
        }
        for signal in self.fs.take_tty_signals() {
            match signal {
                TtySignal::Group(group, signal) => self.send_to_group(group, SignalInfo::of_kernel(signal)),
                TtySignal::Process(pid, signal) => self.send_to_process(pid, SignalInfo::of_kernel(signal)),
            }
        }
        let sched = &self.sched;
        let wakes = self.fs.take_wakes(|wait| sched.has_waiters(WaitKey::File(wait)));
        for wait in wakes {
            self.wake(WaitKey::File(wait));
        }
        for told in self.fs.take_io_signals() {
            self.send_io_signal(told);
        }
    }
}

impl Ctx<'_> {
    /// Does something in the file system on behalf of the process.
    pub(crate) fn with_fs<R>(&mut self, operate: impl FnOnce(&mut Fs, &mut Env<'_>) -> R) -> R {
        self.keep_frames_free();
        let now_ns = self.wall_clock_ns();
        self.kernel.with_fs(self.harts.ram(), self.host, self.tid, now_ns, operate)
    }

    /// Does something in the file system that may need frames for the contents of files, and makes room as long as that helps
    /// (Linux 6.12 mm/shmem.c `shmem_alloc_and_add_folio`: an allocation like any other). A file system that is full stays so.
    pub(crate) fn fill_files<R, E: PartialEq + From<Errno>>(
        &mut self,
        mut operate: impl FnMut(&mut Fs, &mut Env<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        loop {
            let shortages = self.kernel.memory.frames().shortages();
            match self.with_fs(&mut operate) {
                Err(error)
                    if error == Errno::ENOSPC.into()
                        && self.make_room(FrameNeed::File, shortages) == Rescue::Retry => {}
                done => return done,
            }
        }
    }

    /// Looks at something in the file system on behalf of the process.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Fs, &dyn Processes) -> R) -> R {
        look(&self.kernel.fs, &View::new(&self.kernel.tasks, self.tid))
    }

    /// Writes to the host what stores have changed in files that are mapped.
    ///
    /// # Errors
    /// What the host says.
    pub(crate) fn write_back(&mut self) -> Result<(), Errno> {
        self.with_fs(|fs, env| fs.write_back(env))
    }

    /// The same for a call that does not tell: what the host refuses now is tried again, at last when the run ends.
    pub(crate) fn write_back_later(&mut self) {
        let _ = self.write_back();
    }

    /// Wakes the tasks for which the file system has something now.
    pub(crate) fn wake_files(&mut self) {
        self.kernel.wake_files();
    }

    /// Returns the time of day in nanoseconds since 1970.
    pub(crate) fn wall_clock_ns(&self) -> u64 {
        self.kernel.wall_offset_ns + self.now_ns()
    }

    /// Returns the task's descriptor table.
    pub(crate) fn files(&self) -> FdTableId {
        self.task().files
    }

    /// Returns what a descriptor has open.
    pub(crate) fn open_of(&self, fd: Fd) -> Result<OpenId, Errno> {
        self.kernel.fs.fd(self.files(), fd)
    }

    /// Returns the file that a descriptor has open for use, and not only by path (`O_PATH`).
    pub(crate) fn file_of(&self, fd: Fd) -> Result<Node, Errno> {
        let open = self.open_of(fd)?;
        let fs = &self.kernel.fs;
        if fs.status_flags(open).contains(OpenFlags::PATH) { Err(Errno::EBADF) } else { Ok(fs.node(open)) }
    }

    /// Takes pages that were cut off a file out of every mapping.
    pub(crate) fn unmap_truncated(&mut self, truncated: Truncated) {
        let mm = self.mm();
        let owed = self.memory(mm, |memory, work| memory.unmap_truncated(work, truncated));
        for (mm, fences) in owed {
            self.kernel.settle(self.harts, self.hart, mm, fences);
        }
    }
}
