//! What clone(2) and clone3(2) can be asked for, and which requests make no sense (Linux 6.12 kernel/fork.c copy_process).

use crate::creds::{Capabilities, Credentials};
use crate::syscall::UserPtr;
use crate::task::Signal;
use crate::{Errno, Pid};
use bitflags::bitflags;

bitflags! {
    /// `CLONE_*`, without the low byte of clone(2), which holds the exit signal.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct CloneFlags: u64 {
        /// Share the address space instead of copying it.
        const VM = 0x100;
        /// Share working directory and file mode creation mask.
        const FS = 0x200;
        /// Share the descriptor table.
        const FILES = 0x400;
        /// Share what is to be done with signals.
        const SIGHAND = 0x800;
        /// Make a descriptor for the child.
        const PIDFD = 0x1000;
        /// Let a tracer trace the child too: there is none.
        const PTRACE = 0x2000;
        /// Wait until the child gives the address space back.
        const VFORK = 0x4000;
        /// Make a sibling, not a child.
        const PARENT = 0x8000;
        /// Make a task of the same process.
        const THREAD = 0x1_0000;
        /// Share what System V semaphores undo, as the tasks of a process always do, and others never.
        const SYSVSEM = 0x4_0000;
        /// Give the child this thread pointer.
        const SETTLS = 0x8_0000;
        /// Store the child's number in the parent's memory.
        const PARENT_SETTID = 0x10_0000;
        /// Clear a word when the child ends, and wake who waits for it.
        const CHILD_CLEARTID = 0x20_0000;
        /// Nothing, since Linux 2.6.2; clone3 refuses it.
        const DETACHED = 0x40_0000;
        /// Forbid a tracer: there is none.
        const UNTRACED = 0x80_0000;
        /// Store the child's number in the child's memory.
        const CHILD_SETTID = 0x100_0000;
        /// A namespace of users.
        const NEWUSER = 0x1000_0000;
        /// Namespaces of every kind.
        const NAMESPACES = 0x7e02_0000;
        /// Share an I/O scheduler's context: there is none.
        const IO = 0x8000_0000;
        /// Set every handler back to the default (clone3 only).
        const CLEAR_SIGHAND = 0x1_0000_0000;
        /// Begin in another control group (clone3 only).
        const INTO_CGROUP = 0x2_0000_0000;
    }
}

impl CloneFlags {
    /// Refuses namespaces, of which there is one of each kind.
    ///
    /// # Errors
    /// `EPERM` for who may not make any, or `EINVAL`.
    pub(crate) fn check_namespaces(self, who: &Credentials) -> Result<(), Errno> {
        let wanted = self & Self::NAMESPACES;
        match wanted.is_empty() {
            true => Ok(()),
            // Everybody may make a namespace of users, and then the others in it.
            false if !wanted.contains(Self::NEWUSER) && !who.can(Capabilities::SYS_ADMIN) => {
                Err(Errno::EPERM)
            }
            false => Err(Errno::EINVAL),
        }
    }
}

/// What clone is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloneRequest {
    /// What is shared, and what is done beside.
    pub flags: CloneFlags,
    /// The signal that the parent gets when the child ends.
    pub exit_signal: Option<Signal>,
    /// The child's stack pointer; 0 keeps the parent's.
    pub stack: u64,
    /// Where `CLONE_PARENT_SETTID` stores.
    pub parent_tid: UserPtr<i32>,
    /// Where `CLONE_PIDFD` stores.
    pub pidfd: UserPtr<i32>,
    /// The child's thread pointer.
    pub tls: u64,
    /// Where `CLONE_CHILD_SETTID` and `CLONE_CHILD_CLEARTID` store.
    pub child_tid: u64,
    /// The number that the child is to have.
    pub set_tid: Option<Pid>,
}

impl CloneRequest {
    /// Tells whether a flag is set.
    pub(super) fn has(&self, flag: CloneFlags) -> bool {
        self.flags.contains(flag)
    }

    /// Refuses what contradicts itself, and what Tine does not have.
    ///
    /// # Errors
    /// `EINVAL` for a contradiction; for namespaces `EPERM` without `CAP_SYS_ADMIN`, and `EINVAL` as from a kernel that was
    /// built without them. `EBADF` for a control group, of which no descriptor can be had.
    pub(super) fn check(&self, who: &Credentials) -> Result<(), Errno> {
        let thread = self.has(CloneFlags::THREAD);
        let contradicts = thread && !self.has(CloneFlags::SIGHAND)
            || self.has(CloneFlags::SIGHAND) && !self.has(CloneFlags::VM);
        if contradicts {
            return Err(Errno::EINVAL);
        }
        self.flags.check_namespaces(who)?;
        if self.has(CloneFlags::INTO_CGROUP) {
            return Err(Errno::EBADF);
        }
        Ok(())
    }
}
