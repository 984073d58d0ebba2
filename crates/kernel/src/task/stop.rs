//! Stopping and continuing processes (signal(7), job control; Linux 6.12 kernel/signal.c do_signal_stop, prepare_signal).

use crate::ctx::Ctx;
use crate::event::{Interest, What};
use crate::kernel::INIT;
use crate::task::signal::{CLD_CONTINUED, CLD_STOPPED, DefaultAction};
use crate::task::{Process, Signal, SignalFields, SignalInfo, TaskState, WaitKey};
use crate::{Kernel, Pid};

/// `SA_NOCLDSTOP`: a parent does not want to be told that a child stopped.
const SA_NOCLDSTOP: u64 = 1;

/// Whether a process is stopped, and what its parent has yet to hear of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JobState {
    /// Running, and nothing to tell.
    #[default]
    Running,
    /// Stopped by this signal; no wait has said so yet.
    Stopped(Signal),
    /// Stopped by this signal, and a wait has said so.
    StoppedAndTold(Signal),
    /// Running again after a stop; no wait has said so yet.
    Continued,
}

impl JobState {
    /// Tells whether the process may not run.
    pub const fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped(_) | Self::StoppedAndTold(_))
    }
}

impl Ctx<'_> {
    /// Stops the process by `signal` and tells its parent.
    pub(crate) fn stop_process(&mut self, signal: Signal) {
        self.process_mut().job = JobState::Stopped(signal);
        self.stop_task();
        self.kernel.tell_parent_of_job(self.pid, CLD_STOPPED, signal);
    }

    /// Tells whether `signal` stops the process where it is left to its default: in a group that nobody would continue, only
    /// SIGSTOP does.
    pub(crate) fn may_stop(&self, signal: Signal) -> bool {
        signal == Signal::SIGSTOP || !self.kernel.is_orphaned(self.process().group, None)
    }

    /// Takes the task off its hart until its process goes on. The process's other tasks come to this when they would next
    /// run.
    pub(crate) fn stop_task(&mut self) {
        if let JobState::Stopped(signal) | JobState::StoppedAndTold(signal) = self.process().job {
            self.log(Interest::SIGNAL, || What::Stop { signal });
        }
        self.kernel.leave_hart(self.harts, self.hart);
        self.task_mut().state = TaskState::Stopped;
    }
}

impl Kernel {
    /// Does what a signal does when it is sent, whoever blocks or ignores it: SIGCONT lets a stopped process go on, SIGKILL
    /// too, and stop signals and SIGCONT take each other back.
    pub(crate) fn prepare_signal(&mut self, pid: Pid, signal: Signal) {
        let is_stop = |signal: Signal| signal.default_action() == DefaultAction::Stop;
        if signal == Signal::SIGCONT {
            self.discard_pending(pid, is_stop);
        } else if is_stop(signal) {
            self.discard_pending(pid, |held| held == Signal::SIGCONT);
        }
        let Some(process) = self.tasks.process_mut(pid) else { return };
        if !process.job.is_stopped() || !matches!(signal, Signal::SIGCONT | Signal::SIGKILL) {
            return;
        }
        process.job = if signal == Signal::SIGCONT { JobState::Continued } else { JobState::Running };
        let tasks = process.tasks.clone();
        for tid in tasks {
            if let Some(task) = self.tasks.task_mut(tid).filter(|task| task.state == TaskState::Stopped) {
                task.state = TaskState::Ready;
                self.sched.enqueue(tid);
            }
        }
        if signal == Signal::SIGCONT {
            self.tell_parent_of_job(pid, CLD_CONTINUED, signal);
        }
    }

    /// Tells whether nobody in the session, but outside of a process group, is a parent in it: who would continue its stopped
    /// processes (Linux 6.12 kernel/exit.c will_become_orphaned_pgrp). The supervisor is that to the program, as the shell is
    /// that started one.
    pub(crate) fn is_orphaned(&self, group: Pid, leaving: Option<Pid>) -> bool {
        let connects = |pid: Pid, process: &Process| match process.parent {
            INIT => self.program == Some(pid),
            parent => self
                .tasks
                .process(parent)
                .is_some_and(|parent| parent.group != group && parent.session == process.session),
        };
        let mut members = self.tasks.processes().filter(|(pid, process)| {
            process.group == group && process.end.is_none() && leaving != Some(*pid)
        });
        !members.any(|(pid, process)| connects(pid, process))
    }

    /// Sends SIGHUP and SIGCONT to the group of `pid` if it has stopped processes and its last connection outside, between
    /// `pid` and `parent`, is gone (Linux 6.12 kernel/exit.c kill_orphaned_pgrp). `leaving` is a member that does not count.
    pub(super) fn release_orphaned_group(&mut self, pid: Pid, parent: Pid, leaving: Option<Pid>) {
        let (Some(process), Some(parent)) = (self.tasks.process(pid), self.tasks.process(parent)) else {
            return;
        };
        let group = process.group;
        if parent.group == group || parent.session != process.session || !self.is_orphaned(group, leaving) {
            return;
        }
        let members = self.tasks.processes().filter(|(_, process)| process.group == group);
        let (pids, stopped): (Vec<Pid>, Vec<bool>) =
            members.map(|(pid, process)| (pid, process.job.is_stopped())).unzip();
        if !stopped.contains(&true) {
            return;
        }
        for signal in [Signal::SIGHUP, Signal::SIGCONT] {
            for pid in &pids {
                self.send_to_process(*pid, SignalInfo::of_kernel(signal));
            }
        }
    }

    /// Forgets the held signals of a process that are unwanted, and those of its tasks.
    pub(super) fn discard_pending(&mut self, pid: Pid, unwanted: impl Fn(Signal) -> bool) {
        let Some(process) = self.tasks.process_mut(pid) else { return };
        process.pending.discard(&unwanted);
        for tid in process.tasks.clone() {
            if let Some(task) = self.tasks.task_mut(tid) {
                task.pending.discard(&unwanted);
            }
        }
    }

    fn tell_parent_of_job(&mut self, pid: Pid, code: i32, signal: Signal) {
        let Some(parent) = self.tasks.process(pid).map(|process| process.parent) else { return };
        let wants = |flags: u64| flags & SA_NOCLDSTOP == 0;
        if wants(self.tasks.action(parent, Signal::SIGCHLD).flags) {
            let fields = SignalFields::Child(pid, self.tasks.user_of(pid), signal.number() as i32);
            self.send_to_process(parent, SignalInfo { signal: Signal::SIGCHLD, code, fields });
        }
        self.wake(WaitKey::ChildOf(parent));
    }
}
