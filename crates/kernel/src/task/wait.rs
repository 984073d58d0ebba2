//! Which child a wait is for, and whether one is there (Linux 6.12 kernel/exit.c do_wait).

use crate::ctx::Ctx;
use crate::task::signal::{CLD_CONTINUED, CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED};
use crate::task::{JobState, Process, Signal, SignalFields, SignalInfo, Usage, WaitStatus};
use crate::{Errno, Pid};

/// `WSTOPPED`, which wait4 calls `WUNTRACED`: children that a signal stopped.
pub(crate) const WSTOPPED: u32 = 2;
/// `WEXITED`: children that have ended.
pub(crate) const WEXITED: u32 = 4;
/// `WCONTINUED`: children that go on after a stop.
pub(crate) const WCONTINUED: u32 = 8;
/// `__WNOTHREAD`: only children that the waiting task has made itself.
const WNOTHREAD: u32 = 0x2000_0000;
/// `__WALL`: children of every kind.
const WALL: u32 = 0x4000_0000;
/// `__WCLONE`: only children whose end sends something other than SIGCHLD.
const WCLONE: u32 = 0x8000_0000;

/// Which children a wait is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Any.
    Any,
    /// One.
    Pid(Pid),
    /// Those of a process group.
    Group(Pid),
}

impl Selector {
    fn fits(self, pid: Pid, process: &Process) -> bool {
        match self {
            Self::Any => true,
            Self::Pid(wanted) => wanted == pid,
            Self::Group(group) => process.group == group,
        }
    }
}

/// What has become of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It has ended.
    Ended(WaitStatus),
    /// A signal stopped it.
    Stopped(Signal),
    /// SIGCONT let it go on.
    Continued,
}

impl Change {
    /// Returns the word that wait4(2) stores.
    pub(crate) const fn word(self) -> u32 {
        match self {
            Self::Ended(status) => status.word(),
            Self::Stopped(signal) => signal.number() << 8 | 0x7f,
            Self::Continued => 0xffff,
        }
    }

    /// Returns `si_code` and `si_status`.
    pub(crate) const fn info(self) -> (i32, i32) {
        match self {
            Self::Ended(WaitStatus::Exited(code)) => (CLD_EXITED, code as i32),
            Self::Ended(WaitStatus::Killed { signal, core: false }) => (CLD_KILLED, signal.number() as i32),
            Self::Ended(WaitStatus::Killed { signal, core: true }) => (CLD_DUMPED, signal.number() as i32),
            Self::Stopped(signal) => (CLD_STOPPED, signal.number() as i32),
            Self::Continued => (CLD_CONTINUED, Signal::SIGCONT.number() as i32),
        }
    }
}

/// A child of which there is something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// Its number.
    pub pid: Pid,
    /// The user that it belongs to.
    pub user: u32,
    /// What has become of it.
    pub change: Change,
    /// What it used, with the children that it waited for.
    pub usage: Usage,
}

impl Child {
    /// Returns the `siginfo_t` of waitid(2).
    pub(crate) const fn info(&self) -> SignalInfo {
        let (code, status) = self.change.info();
        SignalInfo { signal: Signal::SIGCHLD, code, fields: SignalFields::Child(self.pid, self.user, status) }
    }
}

impl Ctx<'_> {
    /// Looks for a child of which the options want to hear.
    ///
    /// # Errors
    /// `ECHILD` when no child fits at all.
    pub(crate) fn changed_child(&self, selector: Selector, options: u32) -> Result<Option<Child>, Errno> {
        let children = self.process().children.iter();
        let known = children.filter_map(|pid| self.kernel.tasks.process(*pid).map(|process| (*pid, process)));
        let eligible = known.filter(|(pid, process)| {
            let special = process.exit_signal != Some(Signal::SIGCHLD);
            let is_own = options & WNOTHREAD == 0 || process.made_by == self.tid;
            is_own
                && selector.fits(*pid, process)
                && (options & WALL != 0 || special == (options & WCLONE != 0))
        });
        let mut any = false;
        for (pid, process) in eligible {
            // Of one that has ended there will be nothing else to tell.
            any |= process.end.is_none();
            if let Some(change) = process.change(options) {
                return Ok(Some(Child {
                    pid,
                    user: self.kernel.tasks.user_of(pid),
                    change,
                    usage: process.total_usage(),
                }));
            }
        }
        if any { Ok(None) } else { Err(Errno::ECHILD) }
    }

    /// Takes note that a wait has told of a child: an ended one is gone, and its usage becomes this process's.
    pub(crate) fn take_change(&mut self, child: &Child) {
        let job = match child.change {
            Change::Ended(_) => {
                self.process_mut().children_usage.absorb(child.usage);
                self.kernel.reap(child.pid);
                return;
            }
            Change::Stopped(signal) => JobState::StoppedAndTold(signal),
            Change::Continued => JobState::Running,
        };
        if let Some(process) = self.kernel.tasks.process_mut(child.pid) {
            process.job = job;
        }
    }
}

impl Process {
    fn change(&self, options: u32) -> Option<Change> {
        match (self.end, self.job) {
            (Some(status), _) => (options & WEXITED != 0).then_some(Change::Ended(status)),
            (None, JobState::Stopped(signal)) => (options & WSTOPPED != 0).then_some(Change::Stopped(signal)),
            (None, JobState::Continued) => (options & WCONTINUED != 0).then_some(Change::Continued),
            (None, JobState::Running | JobState::StoppedAndTold(_)) => None,
        }
    }

    /// Returns what this process used itself.
    pub(crate) fn own_usage(&self) -> Usage {
        let counters = self.account.memory;
        let minor_faults = counters.faults - counters.major;
        Usage { minor_faults, major_faults: counters.major, ..self.usage }
    }

    fn total_usage(&self) -> Usage {
        let mut usage = self.own_usage();
        usage.absorb(self.children_usage);
        usage
    }
}
