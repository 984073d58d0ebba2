//! How a process ends (Linux 6.12 kernel/exit.c do_exit).

use crate::account::ProcessRecord;
use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::kernel::INIT;
use crate::syscall;
use crate::task::wait::Change;
use crate::task::{Handler, Process, Signal, SignalFields, SignalInfo, WaitKey, WaitStatus};
use crate::{Errno, Harts, Kernel, Pid};
use tine_mmu::VirtAddr;

/// `SA_NOCLDWAIT`: children leave no zombies.
const SA_NOCLDWAIT: u64 = 2;

impl Ctx<'_> {
    /// Ends the process: gives back what it holds, hands its children to init, and tells its parent.
    pub(crate) fn exit_process(&mut self, status: WaitStatus) {
        let (hart, tid, pid) = (self.hart, self.tid, self.pid);
        self.log(Interest::EXIT, || What::Exit { status });
        if let Some(suspended) = self.task_mut().interrupted.take() {
            syscall::abandon(self, suspended);
        }
        self.release_files();
        self.clear_child_tid();
        self.kernel.leave_hart(self.harts, hart);
        self.release_memory();
        self.kernel.tasks.remove_task(tid);
        self.process_mut().tasks.clear();
        self.kernel.drop_timers(pid);
        self.kernel.adopt_children(pid);
        self.process_mut().end = Some(status);
        if self.kernel.program == Some(pid) {
            self.kernel.program_end = Some(status);
        }
        self.kernel.tell_parent(pid, status);
    }

    fn release_files(&mut self) {
        let (files, work_dir) = (self.process_mut().files.take(), self.process().work_dir);
        let exe = self.process_mut().exe.take();
        self.with_fs(|fs, env| {
            if let Some(files) = files {
                fs.release_table(env, files);
            }
            if let Some(exe) = exe {
                fs.release(env, exe);
            }
            fs.release_work_dir(env, work_dir);
        });
        self.wake_files();
    }

    /// Clears the word that set_tid_address(2) named, where somebody else can still see it.
    fn clear_child_tid(&mut self) {
        let at = std::mem::take(&mut self.task_mut().clear_child_tid);
        let mm = self.mm();
        if at != 0 && self.kernel.memory.users(mm) > 1 {
            // A bad address is nobody's concern any more (mm_release).
            let _: Result<(), Errno> = self.write(syscall::UserPtr::new(VirtAddr(at)), 0_i32);
        }
    }

    /// Gives the address space back, and lets a parent go on that had lent it.
    pub(crate) fn release_memory(&mut self) {
        if let Some(mm) = self.process_mut().mm.take() {
            self.kernel.keep_peak(self.pid, mm);
            self.kernel.drop_memory(self.harts, self.hart, self.pid, mm);
        }
        if self.process_mut().vfork_parent.take().is_some() {
            self.wake(WaitKey::VforkDone(self.pid));
        }
    }
}

impl Kernel {
    /// Drops one use of an address space, on behalf of `pid`.
    pub(crate) fn drop_memory(
        &mut self,
        harts: &mut dyn Harts,
        hart: crate::HartId,
        pid: Pid,
        mm: crate::MmId,
    ) {
        let counters = self.memory.release(harts.ram(), mm);
        self.hart_account(hart).memory += counters;
        if let Some(process) = self.tasks.process_mut(pid) {
            process.account.memory += counters;
        }
    }

    /// Keeps the largest resident set for getrusage.
    pub(crate) fn keep_peak(&mut self, pid: Pid, mm: crate::MmId) {
        let peak_kib = self.memory.usage(mm).resident.peak * 4;
        if let Some(process) = self.tasks.process_mut(pid) {
            process.usage.max_rss_kib = process.usage.max_rss_kib.max(peak_kib);
        }
    }

    /// Hands the children of `pid` to its nearest ancestor that adopts orphans; init is the last, and waits for the dead
    /// ones at once.
    fn adopt_children(&mut self, pid: Pid) {
        let children = self.tasks.process_mut(pid).map(|process| std::mem::take(&mut process.children));
        let adopter = self.adopter(pid);
        for child in children.into_iter().flatten() {
            let Some(process) = self.tasks.process_mut(child) else { continue };
            process.parent = adopter;
            process.exit_signal = Some(Signal::SIGCHLD);
            let end = process.end;
            if let Some(parent) = self.tasks.process_mut(adopter) {
                parent.children.insert(child);
            }
            if let Some(status) = end {
                self.tell_parent(child, status);
            }
        }
    }

    fn adopter(&self, pid: Pid) -> Pid {
        let parent = |pid: &Pid| self.tasks.process(*pid).map(|process| process.parent);
        let mut ancestors = std::iter::successors(parent(&pid), parent);
        let adopts = |pid: &Pid| self.tasks.process(*pid).is_some_and(|process| process.is_subreaper);
        ancestors.find(adopts).unwrap_or(INIT)
    }

    fn tell_parent(&mut self, pid: Pid, status: WaitStatus) {
        let Some(process) = self.tasks.process(pid) else { return };
        let (parent, exit_signal) = (process.parent, process.exit_signal);
        let Some(parent_process) = self.tasks.process(parent) else { return };
        let action = parent_process.action(Signal::SIGCHLD);
        // POSIX: a parent that ignores SIGCHLD gets no zombies.
        let unwanted = exit_signal == Some(Signal::SIGCHLD)
            && (action.handler == Handler::Ignore || action.flags & SA_NOCLDWAIT != 0);
        if let Some(signal) = exit_signal {
            let (code, value) = Change::Ended(status).info();
            self.send_to_process(
                parent,
                SignalInfo { signal, code, fields: SignalFields::Child(pid, value) },
            );
        }
        if parent == INIT || unwanted {
            self.reap(pid);
        }
        self.wake(WaitKey::ChildOf(parent));
    }

    /// Forgets a zombie and keeps its record.
    pub(crate) fn reap(&mut self, pid: Pid) {
        let Some(process) = self.tasks.remove_process(pid) else { return };
        if let Some(parent) = self.tasks.process_mut(process.parent) {
            parent.children.remove(&pid);
        }
        self.record(process.record(pid));
    }
}

impl Process {
    /// Returns what the report says of this process.
    pub fn record(&self, pid: Pid) -> ProcessRecord {
        ProcessRecord {
            pid,
            parent: self.parent,
            command: String::from_utf8_lossy(&self.command).into_owned(),
            origin: self.origin,
            account: self.account.clone(),
            end: self.end,
        }
    }
}
