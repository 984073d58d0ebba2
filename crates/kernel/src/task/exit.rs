//! How tasks and processes end (Linux 6.12 kernel/exit.c do_exit, do_group_exit).

use crate::account::ProcessRecord;
use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::fs::{Life, PidfdKind};
use crate::ipc::Passage;
use crate::kernel::INIT;
use crate::syscall;
use crate::task::wait::Change;
use crate::task::{Handler, Process, SI_USER, Signal, SignalFields, SignalInfo, WaitKey, WaitStatus};
use crate::{Harts, Kernel, Pid};

/// `SA_NOCLDWAIT`: children leave no zombies.
const SA_NOCLDWAIT: u64 = 2;

impl Ctx<'_> {
    /// Ends the process: its other tasks wherever they are, then the one that is served.
    pub(crate) fn exit_process(&mut self, status: WaitStatus) {
        self.end_other_tasks(status);
        self.exit_task(status);
    }

    /// Ends the task that is served. With its last task a process ends, as that task did.
    pub(crate) fn exit_task(&mut self, status: WaitStatus) {
        self.end_task(self.tid, What::Exit { status });
        if !self.process().tasks.is_empty() {
            self.kernel.retarget_signals(self.pid);
            return;
        }
        let pid = self.pid;
        self.kernel.drop_timers(pid);
        self.kernel.undo_semaphores(pid, self.wall_clock_s());
        self.kernel.adopt_children(pid);
        self.kernel.release_orphaned_group(pid, self.process().parent, Some(pid));
        self.process_mut().end = Some(status);
        self.kernel.tell_pidfds(pid, PidfdKind::Process, Life::Ended);
        if self.kernel.program == Some(pid) {
            self.kernel.program_end = Some(status);
        }
        if self.process().session == pid {
            self.kernel.fs.leave_tty(pid);
            self.kernel.wake_files();
        }
        self.kernel.tell_parent(pid, status);
    }

    /// Ends every task of the process but the one that is served.
    pub(crate) fn end_other_tasks(&mut self, status: WaitStatus) {
        for tid in self.process().tasks.clone() {
            if tid != self.tid {
                self.end_task(tid, What::Exit { status });
            }
        }
    }

    /// Ends every task of the process but the one that is served, which executes a program: the first task last, as the
    /// other takes its place.
    pub(crate) fn make_way_for_program(&mut self) {
        let (caller, first) = (self.tid, self.pid);
        for tid in self.process().tasks.clone() {
            if tid != caller && tid != first {
                self.end_task(tid, What::Exit { status: WaitStatus::Exited(0) });
            }
        }
        let superseded = What::Superseded { by: caller };
        if caller != first && self.process().tasks.contains(&first) {
            self.end_task(first, superseded);
        } else if caller != first {
            // It has ended already, which nobody was told yet.
            self.kernel.log(Interest::EXIT, self.hart, first, || superseded);
        }
    }

    /// Ends a task of the process: it lets go of what it holds, and is on no hart and in no queue any more.
    fn end_task(&mut self, tid: Pid, what: What) {
        self.kernel.log(Interest::EXIT, self.hart, tid, || what);
        let calls =
            self.kernel.tasks.task_mut(tid).map(|task| [task.continuation.take(), task.interrupted.take()]);
        for suspended in calls.into_iter().flatten().flatten() {
            syscall::abandon(self, suspended);
        }
        self.release_files(tid);
        self.leave_children(tid);
        self.leave_user_words(tid);
        self.kernel.take_off(self.harts, tid);
        self.release_memory(tid);
        let task = self.kernel.tasks.remove_task(tid);
        if let Some(task) = task.filter(|_| tid == self.pid) {
            let process = self.process_mut();
            (process.credentials, process.scheduling) = (task.credentials, task.scheduling);
        }
        self.kernel.tasks.remove_task(tid);
        // The first task's number stays the process's.
        let life = if tid == self.pid { Life::Ended } else { Life::Reaped };
        self.kernel.tell_pidfds(tid, PidfdKind::Task, life);
    }

    /// Tells the children of a task that ends, if they asked for it, and hands them to another task of the process, if there
    /// is one (Linux 6.12 kernel/exit.c `forget_original_parent`).
    fn leave_children(&mut self, tid: Pid) {
        let heir = self.process().tasks.iter().copied().find(|other| *other != tid).unwrap_or(self.pid);
        let children: Vec<Pid> = self.process().children.iter().copied().collect();
        for child in children {
            let Some(process) = self.kernel.tasks.process_mut(child).filter(|child| child.made_by == tid)
            else {
                continue;
            };
            process.made_by = heir;
            let tasks = process.tasks.clone();
            for task in tasks {
                let wanted = self.kernel.tasks.task(task).and_then(|task| task.parent_death_signal);
                if let Some(signal) = wanted {
                    let info = self.own_signal(signal, SI_USER);
                    self.kernel.send_to_process(child, info);
                }
            }
        }
    }

    /// Lets a task's descriptors and working directory go, and with the last task the program.
    fn release_files(&mut self, tid: Pid) {
        let Some(task) = self.kernel.tasks.task(tid) else { return };
        let (files, work_dir) = (task.files, task.work_dir);
        let is_last = self.process().tasks.len() == 1;
        let exe = if is_last { self.process_mut().exe.take() } else { None };
        self.with_fs(|fs, env| {
            fs.release_table(env, files);
            if let Some(exe) = exe {
                fs.release_program(env, exe);
            }
            fs.release_work_dir(env, work_dir);
        });
        self.wake_files();
    }

    /// Gives back a task's use of the address space, and lets a parent go on that had lent it.
    pub(crate) fn release_memory(&mut self, tid: Pid) {
        let is_last = self.process().tasks.len() == 1;
        if let Some(mm) = self.process().mm {
            self.kernel.keep_peak(self.pid, mm);
            if self.kernel.memory.users(mm) == 1 {
                self.kernel.pass_segments(mm, self.pid, self.wall_clock_s(), Passage::Left);
            }
            self.kernel.drop_memory(self.harts, self.hart, self.pid, mm);
            self.write_back_later();
        }
        if is_last {
            self.process_mut().mm = None;
        }
        if self.kernel.tasks.task_mut(tid).and_then(|task| task.vfork_parent.take()).is_some() {
            self.wake(WaitKey::VforkDone(tid));
        }
    }
}

impl Kernel {
    /// Takes a task away from where it is: a hart, the run queue, or what it waits for.
    fn take_off(&mut self, harts: &mut dyn Harts, tid: Pid) {
        if let Some(hart) = self.sched.hart_of(tid) {
            self.leave_hart(harts, hart);
        }
        self.sched.remove(tid);
        self.futexes.remove(tid);
        self.remove_cpu_sleeper(tid);
        self.leave_semaphores(tid);
    }

    /// Drops one use of an address space, on behalf of `pid`.
    pub(crate) fn drop_memory(
        &mut self,
        harts: &mut dyn Harts,
        hart: crate::HartId,
        pid: Pid,
        mm: crate::MmId,
    ) {
        if self.settings.interest.contains(Interest::REMAINS) && self.memory.users(mm) == 1 {
            let areas = self.memory.survey(harts.ram(), mm);
            let program = self.memory.program_file(mm);
            self.log(Interest::REMAINS, hart, pid, || What::Remains { mm, program, areas });
        }
        let counters = self.memory.release(harts.ram(), mm);
        self.free_doomed_segments(harts.ram());
        self.hart_account(hart).memory += &counters;
        if let Some(process) = self.tasks.process_mut(pid) {
            process.account.memory += &counters;
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
            (process.parent, process.made_by) = (adopter, adopter);
            process.exit_signal = Some(Signal::SIGCHLD);
            let end = process.end;
            if let Some(parent) = self.tasks.process_mut(adopter) {
                parent.children.insert(child);
            }
            if let Some(status) = end {
                self.tell_parent(child, status);
            }
            self.release_orphaned_group(child, pid, None);
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
        let action = self.tasks.action(parent, Signal::SIGCHLD);
        // POSIX: a parent that ignores SIGCHLD gets no zombies.
        let unwanted = exit_signal == Some(Signal::SIGCHLD)
            && (action.handler == Handler::Ignore || action.flags & SA_NOCLDWAIT != 0);
        if let Some(signal) = exit_signal {
            let (code, value) = Change::Ended(status).info();
            let fields = SignalFields::Child(pid, self.tasks.user_of(pid), value);
            self.send_to_process(parent, SignalInfo { signal, code, fields });
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
        for kind in [PidfdKind::Process, PidfdKind::Task] {
            self.tell_pidfds(pid, kind, Life::Reaped);
        }
    }

    /// Tells who has a process or task open what has become of it.
    fn tell_pidfds(&mut self, pid: Pid, kind: PidfdKind, life: Life) {
        self.fs.pid_changed(pid, kind, life);
        self.wake_files();
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
