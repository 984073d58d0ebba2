//! Who a task is: taking other credentials, and how many tasks a user has (Linux 6.12 kernel/cred.c, kernel/sys.c, fs/exec.c).

use crate::creds::{Credentials, Privileges, ProgramCredentials, ROOT};
use crate::ctx::Ctx;
use crate::fs::{AccessMode, Node};
use crate::kernel::INIT;
use crate::task::{Dumpable, Resource, Signal, SignalFields, SignalInfo};
use crate::{Errno, Kernel, Pid};

impl Ctx<'_> {
    /// Returns the task's credentials.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.task().credentials
    }

    /// Makes a signal that the task sends.
    pub(crate) fn own_signal(&self, signal: Signal, code: i32) -> SignalInfo {
        let fields = SignalFields::Sender(self.pid, self.credentials().user.real);
        SignalInfo { signal, code, fields }
    }

    /// Gives the task other credentials (`commit_creds`). Whom it becomes may have more tasks than its limit allows: it
    /// is refused when it executes a program, as giving up root must not fail (`flag_nproc_exceeded`).
    pub(crate) fn take_credentials(&mut self, after: Credentials) {
        let user = after.user.real;
        if user != self.credentials().user.real {
            let limit = self.process().rlimits.current(Resource::Processes);
            self.task_mut().exceeds_limit = user != ROOT && self.kernel.task_count_of(user) > limit;
        }
        if self.credentials().withdraws(&after) {
            self.process_mut().dumpable = Dumpable::No;
            self.task_mut().parent_death_signal = None;
        }
        self.task_mut().credentials = after;
        self.kernel.limit_memory(self.tid);
    }

    /// Checks that the task's user may have one more task (`copy_process`).
    ///
    /// # Errors
    /// `EAGAIN`.
    pub(super) fn check_task_limit(&self) -> Result<(), Errno> {
        use crate::creds::Capabilities as May;
        let who = self.credentials();
        let limit = self.process().rlimits.current(Resource::Processes);
        let is_free = who.user.real == ROOT || who.can(May::SYS_RESOURCE) || who.can(May::SYS_ADMIN);
        if is_free || self.kernel.task_count_of(who.user.real) < limit { Ok(()) } else { Err(Errno::EAGAIN) }
    }

    /// Checks that a task that became somebody with too many tasks has become one of fewer.
    ///
    /// # Errors
    /// `EAGAIN`.
    pub(crate) fn check_exec_limit(&mut self) -> Result<(), Errno> {
        let limit = self.process().rlimits.current(Resource::Processes);
        let user = self.credentials().user.real;
        if self.task().exceeds_limit && self.kernel.task_count_of(user) > limit {
            return Err(Errno::EAGAIN);
        }
        self.task_mut().exceeds_limit = false;
        Ok(())
    }

    /// Returns the credentials that a program begins with.
    pub(super) fn credentials_in(&mut self, program: Node) -> ProgramCredentials {
        let (user, group) = self.with_fs(|fs, env| fs.set_ids(env.processes, program));
        // The process's other tasks are about to end.
        let work_dir = self.task().work_dir;
        let tasks = self.process().tasks.iter().filter_map(|tid| self.kernel.tasks.task(*tid));
        let own_users = tasks.filter(|task| task.work_dir == work_dir).count() as u32;
        let shares_directory = self.kernel.fs.work_dir_users(work_dir) > own_users;
        self.credentials().execute(Privileges { user, group, shares_directory })
    }

    /// Takes the credentials that a program gives (`begin_new_exec`). Who may look at the process follows from them, and from
    /// whether the caller could read the file.
    pub(super) fn take_program_credentials(&mut self, program: Node, given: &ProgramCredentials) {
        let ProgramCredentials { credentials: after, is_privileged } = given;
        let is_readable =
            self.with_fs(|fs, env| fs.permission(env.processes, program, AccessMode::READ).is_ok());
        let is_plain = after.user.effective == after.user.real && after.group.effective == after.group.real;
        let withdraws = self.credentials().withdraws(after);
        self.task_mut().credentials = after.clone();
        if withdraws || *is_privileged {
            self.task_mut().parent_death_signal = None;
        }
        self.process_mut().dumpable =
            if is_readable && is_plain && !withdraws { Dumpable::Yes } else { Dumpable::No };
    }
}

impl Kernel {
    /// Returns how many tasks a user has. A process counts as long as it is not waited for.
    fn task_count_of(&self, user: u32) -> u64 {
        let is_theirs = |credentials: &Credentials| credentials.user.real == user;
        let living = self.tasks.tasks().filter(|(_, task)| is_theirs(&task.credentials)).count();
        let is_dead = |pid: Pid| pid != INIT && self.tasks.task(pid).is_none();
        let dead =
            self.tasks.processes().filter(|(pid, process)| is_dead(*pid) && is_theirs(&process.credentials));
        (living + dead.count()) as u64
    }
}
