//! Which child a wait is for, and whether one is there (Linux 6.12 kernel/exit.c do_wait).

use crate::ctx::Ctx;
use crate::task::{Process, Signal, Usage, WaitStatus};
use crate::{Errno, Pid};

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

/// A child that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    /// Its number.
    pub pid: Pid,
    /// How it ended.
    pub status: WaitStatus,
    /// What it used, with the children that it waited for.
    pub usage: Usage,
}

impl Ctx<'_> {
    /// Looks for a child that has ended.
    ///
    /// # Errors
    /// `ECHILD` when no child fits at all.
    pub(crate) fn ended_child(&self, selector: Selector, options: u32) -> Result<Option<Child>, Errno> {
        let children = self.process().children.iter();
        let known = children.filter_map(|pid| self.kernel.tasks.process(*pid).map(|process| (*pid, process)));
        let eligible = known.filter(|(pid, process)| {
            let special = process.exit_signal != Some(Signal::SIGCHLD);
            selector.fits(*pid, process) && (options & WALL != 0 || special == (options & WCLONE != 0))
        });
        let mut any = false;
        for (pid, process) in eligible {
            any = true;
            if let Some(status) = process.end {
                return Ok(Some(Child { pid, status, usage: process.total_usage() }));
            }
        }
        if any { Ok(None) } else { Err(Errno::ECHILD) }
    }

    /// Takes an ended child away: its usage becomes this process's.
    pub(crate) fn take_child(&mut self, child: &Child) {
        self.process_mut().children_usage.absorb(child.usage);
        self.kernel.reap(child.pid);
    }
}

impl Process {
    /// Returns what this process used itself.
    pub(crate) fn own_usage(&self) -> Usage {
        Usage { minor_faults: self.account.memory.faults, ..self.usage }
    }

    fn total_usage(&self) -> Usage {
        let mut usage = self.own_usage();
        usage.absorb(self.children_usage);
        usage
    }
}
