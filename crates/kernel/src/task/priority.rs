//! How urgent a task is: policy, real-time priority, niceness (sched(7); Linux 6.12 kernel/sched/syscalls.c).
//!
//! A task with a real-time policy runs before every other that it outranks. Niceness is kept, inherited and limited, and
//! changes nothing: every slice is as long as the others.

use crate::creds::{Capabilities, Credentials};
use crate::ctx::Ctx;
use crate::task::{Resource, Rlimits, TaskState};
use crate::{Errno, Pid};

/// The highest real-time priority.
pub(crate) const MOST_URGENT: u32 = 99;

/// By which rule a task gets a hart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// `SCHED_OTHER`.
    #[default]
    Other = 0,
    /// `SCHED_FIFO`: until it waits, or something more urgent is ready.
    Fifo = 1,
    /// `SCHED_RR`: as FIFO, and in turn with its equals.
    RoundRobin = 2,
    /// `SCHED_BATCH`.
    Batch = 3,
    /// `SCHED_IDLE`.
    Idle = 5,
}

impl Policy {
    const ALL: [Self; 5] = [Self::Other, Self::Fifo, Self::RoundRobin, Self::Batch, Self::Idle];

    /// Returns the policy with this number. Deadlines are not kept here, nor policies loaded.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| *policy as u32 == number)
    }

    /// Tells whether niceness means something under the policy.
    pub(crate) const fn heeds_niceness(self) -> bool {
        matches!(self, Self::Other | Self::Batch)
    }

    /// Tells whether tasks of the policy run before those of others.
    pub(crate) const fn is_real_time(self) -> bool {
        matches!(self, Self::Fifo | Self::RoundRobin)
    }
}

/// How urgent a task is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scheduling {
    /// By which rule it gets a hart.
    pub policy: Policy,
    /// 1 to 99 with a real-time policy, otherwise 0.
    pub priority: u32,
    /// -20, which is the most urgent, to 19.
    pub nice: i32,
    /// Whether children begin without real-time policy and negative niceness.
    pub resets_on_fork: bool,
    /// What ioprio_set(2) said. No device is slow enough for it to matter.
    pub io_priority: u16,
}

impl Scheduling {
    /// Returns how long a slice is that is `slice_ns` long for an ordinary task without niceness, so that tasks in turn get harts
    /// by their weights: a step of niceness is a quarter more or less, SCHED_IDLE next to nothing (Linux 6.12
    /// kernel/sched/core.c `sched_prio_to_weight`, kernel/sched/sched.h `WEIGHT_IDLEPRIO`).
    pub(super) fn share_of(self, slice_ns: u64) -> u64 {
        const WEIGHT: u64 = 1024;
        const IDLE_WEIGHT: u64 = 3;
        match self.policy {
            Policy::Idle => slice_ns * IDLE_WEIGHT / WEIGHT,
            policy if policy.is_real_time() => slice_ns,
            _ if self.nice >= 0 => (0..self.nice).fold(slice_ns, |slice_ns, _| slice_ns * 4 / 5),
            _ => (self.nice..0).fold(slice_ns, |slice_ns, _| slice_ns * 5 / 4),
        }
    }

    /// Returns what a child begins with (`sched_fork`).
    pub(super) const fn of_child(self) -> Self {
        if !self.resets_on_fork {
            return self;
        }
        let calm = Self { resets_on_fork: false, ..self };
        if self.policy.is_real_time() {
            Self { policy: Policy::Other, priority: 0, nice: 0, ..calm }
        } else if self.nice < 0 {
            Self { nice: 0, ..calm }
        } else {
            calm
        }
    }

    /// Tells whether the limit allows this niceness (`is_nice_reduction`).
    pub(crate) const fn may_be_nice(nice: i32, limits: &Rlimits) -> bool {
        (20 - nice) as u64 <= limits.current(Resource::Nice)
    }

    /// Checks whether `who` may change this, of a task with the credentials `of` and these limits, to `after`
    /// (`user_check_sched_setscheduler`).
    ///
    /// # Errors
    /// `EPERM`.
    pub(crate) fn check_change(
        &self,
        after: &Self,
        who: &Credentials,
        of: &Credentials,
        limits: &Rlimits,
    ) -> Result<(), Errno> {
        let most = limits.current(Resource::RealTimePriority);
        let takes_real_time = after.policy.is_real_time()
            && (after.policy != self.policy && most == 0
                || after.priority > self.priority && u64::from(after.priority) > most);
        let becomes_less_nice =
            after.policy.heeds_niceness() && after.nice < self.nice && !Self::may_be_nice(after.nice, limits);
        let leaves_idle = self.policy == Policy::Idle
            && after.policy != Policy::Idle
            && !Self::may_be_nice(self.nice, limits);
        let keeps_children = self.resets_on_fork && !after.resets_on_fork;
        let needs_privilege =
            takes_real_time || becomes_less_nice || leaves_idle || keeps_children || !who.owns_task(of);
        if needs_privilege && !who.can(Capabilities::SYS_NICE) { Err(Errno::EPERM) } else { Ok(()) }
    }
}

impl Ctx<'_> {
    /// Changes how urgent a task is.
    pub(crate) fn schedule(&mut self, tid: Pid, scheduling: Scheduling) {
        if let Some(task) = self.kernel.tasks.task_mut(tid) {
            task.scheduling = scheduling;
            self.kernel.sched.set_rank(tid, scheduling.priority);
            if task.state == TaskState::Ready && scheduling.priority > 0 {
                self.kernel.sched.end_long_slice(tid, |hart| task.may_run_on(hart));
            }
        }
        if tid == self.tid {
            self.yield_after_call = self.kernel.sched.is_outranked(tid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_those_of_the_weights() {
        let share = |nice, policy| Scheduling { nice, policy, ..Scheduling::default() }.share_of(1_024_000);
        assert_eq!(share(0, Policy::Other), 1_024_000);
        // The weights of Linux, within two in a hundred.
        for (nice, weight) in [(-20, 88_761), (-5, 3_121), (1, 820), (5, 335), (10, 110), (19, 15)] {
            let off = share(nice, Policy::Batch).abs_diff(weight * 1_000);
            assert!(off * 100 <= weight * 2_000, "{nice}: {off}");
        }
        assert_eq!(share(19, Policy::Idle), 3_000);
        assert_eq!(share(19, Policy::RoundRobin), 1_024_000);
    }
}
