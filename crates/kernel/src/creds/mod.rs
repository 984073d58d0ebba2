//! Credentials: who a task is, and what that allows (credentials(7); Linux 6.12 kernel/cred.c, security/commoncap.c).
//!
//! Every task has its own, as system calls change those of one task only; the C library changes all of a process. How they
//! change by request is in [`change`], how by a program in [`exec`]. Whether a file may be used is decided in
//! [`crate::fs`], from what is here.

mod capability;
mod change;
mod exec;
#[cfg(test)]
mod tests;

pub use capability::{Capabilities, CapabilitySets, SecureBits};
pub use change::IdKind;
pub(crate) use exec::{Privileges, ProgramCredentials};

/// The four users, or groups, of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Who it belongs to.
    pub real: u32,
    /// As whom it acts.
    pub effective: u32,
    /// As whom it may act again.
    pub saved: u32,
    /// As whom it uses files.
    pub fs: u32,
}

impl Ids {
    /// Makes four equal ones.
    pub const fn of(id: u32) -> Self {
        Self { real: id, effective: id, saved: id, fs: id }
    }

    /// Tells whether the others stand for the same actions.
    const fn acts_as(self, other: Self) -> bool {
        self.effective == other.effective && self.fs == other.fs
    }

    /// Tells whether `id` is the real, the effective or the saved one.
    const fn has(&self, id: u32) -> bool {
        self.real == id || self.effective == id || self.saved == id
    }
}

/// The user who may do everything.
pub const ROOT: u32 = 0;

/// Who a task is, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Users.
    pub user: Ids,
    /// Groups.
    pub group: Ids,
    /// Supplementary groups, the lowest first.
    pub groups: Vec<u32>,
    /// Capabilities.
    pub capabilities: CapabilitySets,
    /// What root means.
    pub secure: SecureBits,
    /// Whether no program gives it more than it has (prctl(2), `PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
}

impl Credentials {
    /// Root, with every capability.
    pub const ROOT: Self = Self {
        user: Ids::of(ROOT),
        group: Ids::of(ROOT),
        groups: Vec::new(),
        capabilities: CapabilitySets::ALL,
        secure: SecureBits::empty(),
        no_new_privileges: false,
    };

    /// Returns the credentials of what the kernel does by itself.
    pub fn of_kernel() -> &'static Self {
        static ROOT: Credentials = Credentials::ROOT;
        &ROOT
    }

    /// Tells whether it has a capability in effect (capable).
    pub const fn can(&self, capability: Capabilities) -> bool {
        self.capabilities.effective.contains(capability)
    }

    /// Tells whether it uses files as a member of `group` (`in_group_p`).
    pub fn is_in_group(&self, group: u32) -> bool {
        self.group.fs == group || self.groups.binary_search(&group).is_ok()
    }

    /// Tells whether it may send a signal to a task with the credentials `target` (Linux 6.12 kernel/signal.c
    /// `kill_ok_by_cred`).
    pub const fn may_signal(&self, target: &Self) -> bool {
        let Ids { real, saved, .. } = target.user;
        self.user.effective == saved
            || self.user.effective == real
            || self.user.real == saved
            || self.user.real == real
            || self.can(Capabilities::KILL)
    }

    /// Tells whether a task with the credentials `target` is its own (Linux 6.12 kernel/sched/syscalls.c
    /// `check_same_owner`).
    pub const fn owns_task(&self, target: &Self) -> bool {
        target.user.real == self.user.effective || target.user.effective == self.user.effective
    }

    /// Tells whether it may change where and how urgently such a task runs (Linux 6.12 kernel/sys.c `set_one_prio_perm`).
    pub const fn may_schedule(&self, target: &Self) -> bool {
        self.owns_task(target) || self.can(Capabilities::SYS_NICE)
    }

    /// Tells whether it may set the limits of a task with the credentials `target` (Linux 6.12 kernel/sys.c
    /// `check_prlimit_permission`).
    pub fn may_limit(&self, target: &Self) -> bool {
        let same = |ids: Ids, id| ids == Ids { fs: ids.fs, ..Ids::of(id) };
        same(target.user, self.user.real) && same(target.group, self.group.real)
            || self.can(Capabilities::SYS_RESOURCE)
    }

    /// Tells whether it may look at a task with the credentials `target` (Linux 6.12 kernel/ptrace.c `__ptrace_may_access`,
    /// with `PTRACE_MODE_READ_FSCREDS`), apart from whether that one can be looked at at all.
    pub fn may_inspect(&self, target: &Self) -> bool {
        let is = |ids: Ids, id| ids == Ids { fs: ids.fs, ..Ids::of(id) };
        let same = is(target.user, self.user.fs) && is(target.group, self.group.fs);
        let covers = self.capabilities.effective.contains(target.capabilities.permitted);
        same && covers || self.can(Capabilities::SYS_PTRACE)
    }

    /// Returns the credentials with which access(2) asks: the real user's (Linux 6.12 fs/open.c `access_override_creds`).
    pub fn as_real_user(&self) -> Self {
        let mut asking = self.clone();
        asking.user.fs = self.user.real;
        asking.group.fs = self.group.real;
        if !self.secure.contains(SecureBits::NO_SETUID_FIXUP) {
            asking.capabilities.effective =
                if self.user.real == ROOT { self.capabilities.permitted } else { Capabilities::empty() };
        }
        asking
    }

    /// Tells whether the change to `after` takes the task out of the reach of those that it was like: it can no longer be
    /// looked at, and its parent's end is no longer its business (`commit_creds`).
    pub const fn withdraws(&self, after: &Self) -> bool {
        !self.user.acts_as(after.user)
            || !self.group.acts_as(after.group)
            || !self.capabilities.permitted.contains(after.capabilities.permitted)
    }
}
