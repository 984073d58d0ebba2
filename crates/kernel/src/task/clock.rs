//! The clocks that programs read, sleep by and set timers on (clock_gettime(2); Linux 6.12 kernel/time/posix-timers.c,
//! posix-cpu-timers.c).

use super::table::Usage;
use crate::ctx::Ctx;
use crate::{Errno, Kernel, Pid};

/// How often a coarse clock moves on: with each tick of a 250 Hz kernel.
pub(crate) const COARSE_NS: u64 = 4_000_000;

/// How exact a clock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// To the nanosecond.
    Exact,
    /// To the last tick.
    Coarse,
}

/// A clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The time of day. Atomic time is the same: nobody has set what it is ahead.
    Wall(Precision),
    /// The time since the machine started.
    Uptime(Precision),
    /// `CLOCK_MONOTONIC_RAW`: as [`Clock::Uptime`], but no timer follows it.
    RawUptime,
    /// The time that a process or a task has run.
    Cpu(CpuClock),
}

/// Whose time a clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CpuOwner {
    /// A process's.
    Process(Pid),
    /// A task's.
    Task(Pid),
}

/// Which time a clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CpuTime {
    /// In user mode and in the supervisor (`CPUCLOCK_SCHED`, `CPUCLOCK_PROF`).
    All,
    /// In user mode (`CPUCLOCK_VIRT`).
    User,
}

/// A clock that moves only while somebody runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuClock {
    pub owner: CpuOwner,
    pub time: CpuTime,
}

impl Kernel {
    /// Returns what a clock of a process or task says; `None` when it is gone.
    pub(crate) fn cpu_ns(&self, clock: CpuClock) -> Option<u64> {
        let usage: Usage = match clock.owner {
            CpuOwner::Process(pid) => self.tasks.process(pid)?.usage,
            CpuOwner::Task(tid) => self.tasks.task(tid)?.usage,
        };
        match clock.time {
            CpuTime::All => Some(usage.cpu_ns()),
            CpuTime::User => Some(usage.user_ns),
        }
    }
}

impl Ctx<'_> {
    /// Returns the clock with this number.
    ///
    /// # Errors
    /// `EINVAL` when there is none: the clocks that wake a sleeping machine need a device that is not there; a task's clock is
    /// for its own process, and a process's must name one.
    pub(crate) fn clock(&self, id: u32) -> Result<Clock, Errno> {
        let cpu = |owner| Clock::Cpu(CpuClock { owner, time: CpuTime::All });
        match id as i32 {
            0 | 11 => Ok(Clock::Wall(Precision::Exact)),
            1 | 7 => Ok(Clock::Uptime(Precision::Exact)),
            2 => Ok(cpu(CpuOwner::Process(self.pid))),
            3 => Ok(cpu(CpuOwner::Task(self.tid))),
            4 => Ok(Clock::RawUptime),
            5 => Ok(Clock::Wall(Precision::Coarse)),
            6 => Ok(Clock::Uptime(Precision::Coarse)),
            0.. => Err(Errno::EINVAL),
            ..0 => self.dynamic_clock(id).map(Clock::Cpu),
        }
    }

    /// Decodes the clock of a process or task (clock_getcpuclockid(3)): the complement of its number above three bits, of which
    /// the highest means a task.
    fn dynamic_clock(&self, id: u32) -> Result<CpuClock, Errno> {
        const PER_TASK: u32 = 4;
        let time = match id & 3 {
            0 | 2 => CpuTime::All,
            1 => CpuTime::User,
            // A clock that is a file: there is no such device.
            _ => return Err(Errno::EINVAL),
        };
        let number = Pid(!(id as i32 >> 3));
        let tasks = &self.kernel.tasks;
        let owner = match (id & PER_TASK != 0, number.0) {
            (true, 0) => Some(CpuOwner::Task(self.tid)),
            (true, _) => {
                tasks.task(number).filter(|task| task.process == self.pid).map(|_| CpuOwner::Task(number))
            }
            (false, 0) => Some(CpuOwner::Process(self.pid)),
            (false, _) if number == self.tid => Some(CpuOwner::Process(self.pid)),
            (false, _) => tasks.process(number).map(|_| CpuOwner::Process(number)),
        };
        owner.map(|owner| CpuClock { owner, time }).ok_or(Errno::EINVAL)
    }

    /// Returns what a clock says, in nanoseconds.
    pub(crate) fn clock_ns(&self, clock: Clock) -> Result<u64, Errno> {
        let (now, precision) = match clock {
            Clock::Wall(precision) => (self.wall_clock_ns(), precision),
            Clock::Uptime(precision) => (self.now_ns(), precision),
            Clock::RawUptime => (self.now_ns(), Precision::Exact),
            Clock::Cpu(clock) => (self.kernel.cpu_ns(clock).ok_or(Errno::EINVAL)?, Precision::Exact),
        };
        match precision {
            Precision::Exact => Ok(now),
            Precision::Coarse => Ok(now - now % COARSE_NS),
        }
    }
}
