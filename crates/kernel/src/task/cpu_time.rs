//! The limit on the time that a process runs, and sleeps by clocks that move only while somebody runs (Linux 6.12
//! kernel/time/posix-cpu-timers.c `check_process_timers`, `do_cpu_nanosleep`).

use super::clock::{CpuClock, CpuOwner};
use crate::syscall::Continuation;
use crate::task::{Resource, Rlimit, Signal, SignalInfo, UNLIMITED};
use crate::{Kernel, Pid};

const NS_PER_S: u64 = 1_000_000_000;

impl Kernel {
    /// Tells a process that it has run longer than it may: SIGXCPU at the soft limit, which then rises by a second, and
    /// SIGKILL at the hard one.
    pub(super) fn enforce_cpu_limit(&mut self, pid: Pid) {
        let Some(process) = self.tasks.process_mut(pid) else { return };
        let Rlimit { current, maximum } = process.rlimits.get(Resource::Cpu);
        // Linux, too, looks at the hard limit only where there is a soft one.
        if current == UNLIMITED {
            return;
        }
        let ran_s = process.usage.cpu_ns() / NS_PER_S;
        if maximum != UNLIMITED && ran_s >= maximum {
            self.send_to_process(pid, SignalInfo::of_kernel(Signal::SIGKILL));
        } else if ran_s >= current {
            process.rlimits.set(Resource::Cpu, Rlimit { current: current + 1, maximum });
            self.send_to_process(pid, SignalInfo::of_kernel(Signal::SIGXCPU));
        }
    }

    /// Returns how long a process may run before it meets a limit or somebody's sleep by its clock ends.
    pub(super) fn cpu_time_budget(&self, pid: Pid) -> Option<u64> {
        let process = self.tasks.process(pid)?;
        let Rlimit { current, maximum } = process.rlimits.get(Resource::Cpu);
        let limit_ns = current.min(maximum).saturating_mul(NS_PER_S);
        let limit = (current != UNLIMITED).then(|| limit_ns.saturating_sub(process.usage.cpu_ns()));
        let sleeps = self.cpu_sleepers_of(pid).filter_map(|task| self.cpu_sleep_left(task));
        limit.into_iter().chain(sleeps).min()
    }

    /// Has a task be woken when a clock of a process or task reaches the time that its sleep lasts until.
    pub(crate) fn add_cpu_sleeper(&mut self, clock: CpuClock, task: Pid) {
        if let Some(runner) = self.runner(clock) {
            self.cpu_sleepers.insert((runner, task));
        }
    }

    /// Forgets that a task sleeps by such a clock.
    pub(crate) fn remove_cpu_sleeper(&mut self, task: Pid) {
        self.cpu_sleepers.retain(|(_, sleeper)| *sleeper != task);
    }

    /// Wakes those whose sleep by a clock of this process is over.
    pub(super) fn wake_cpu_sleepers(&mut self, pid: Pid) {
        let done: Vec<Pid> =
            self.cpu_sleepers_of(pid).filter(|task| self.cpu_sleep_left(*task) == Some(0)).collect();
        done.into_iter().for_each(|task| self.wake_task(task));
    }

    fn cpu_sleepers_of(&self, runner: Pid) -> impl Iterator<Item = Pid> {
        self.cpu_sleepers.range((runner, Pid(i32::MIN))..=(runner, Pid(i32::MAX))).map(|(_, task)| *task)
    }

    fn cpu_sleep_left(&self, task: Pid) -> Option<u64> {
        match &self.tasks.task(task)?.continuation.as_ref()?.continuation {
            Continuation::Sleep(sleep) => sleep.cpu_left_ns(self),
            _ => None,
        }
    }

    /// Returns the process whose running moves a clock on.
    fn runner(&self, clock: CpuClock) -> Option<Pid> {
        match clock.owner {
            CpuOwner::Process(pid) => Some(pid),
            CpuOwner::Task(tid) => self.tasks.task(tid).map(|task| task.process),
        }
    }
}
