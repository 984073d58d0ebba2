//! Interval timers (setitimer(2)): three a process, each of which sends a signal when its clock reaches a time.

use super::sched::Alarm;
use crate::ctx::Ctx;
use crate::task::{Process, Resource, Signal, SignalInfo, UNLIMITED, Usage};
use crate::{Kernel, Pid};

/// Which clock a timer follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntervalClock {
    /// Time as it passes: SIGALRM.
    Real,
    /// Time in user mode: SIGVTALRM.
    Virtual,
    /// Time in user mode and in the supervisor: SIGPROF.
    Profile,
}

impl IntervalClock {
    /// The clocks that only a running process moves.
    const OF_CPU: [Self; 2] = [Self::Virtual, Self::Profile];

    const fn signal(self) -> Signal {
        match self {
            Self::Real => Signal::SIGALRM,
            Self::Virtual => Signal::SIGVTALRM,
            Self::Profile => Signal::SIGPROF,
        }
    }

    const fn cpu_ns(self, usage: &Usage) -> u64 {
        match self {
            Self::Real | Self::Virtual => usage.user_ns,
            Self::Profile => usage.cpu_ns(),
        }
    }
}

/// A timer: when it fires next, and how long after that again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntervalTimer {
    /// On the timer's clock; `None` while it is off.
    pub next_ns: Option<u64>,
    /// 0 for a timer that fires once.
    pub interval_ns: u64,
}

impl IntervalTimer {
    /// Moves past `now_ns`; what was missed on the way is one expiry.
    fn advance(&mut self, now_ns: u64) {
        self.next_ns = match (self.next_ns, self.interval_ns) {
            (Some(next), interval) if interval > 0 => {
                let missed = now_ns.saturating_sub(next) / interval;
                Some(next.saturating_add(interval.saturating_mul(missed + 1)))
            }
            _ => None,
        };
    }
}

/// The three timers of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntervalTimers {
    real: IntervalTimer,
    virtual_: IntervalTimer,
    profile: IntervalTimer,
}

impl IntervalTimers {
    const fn get(&self, clock: IntervalClock) -> IntervalTimer {
        match clock {
            IntervalClock::Real => self.real,
            IntervalClock::Virtual => self.virtual_,
            IntervalClock::Profile => self.profile,
        }
    }

    const fn get_mut(&mut self, clock: IntervalClock) -> &mut IntervalTimer {
        match clock {
            IntervalClock::Real => &mut self.real,
            IntervalClock::Virtual => &mut self.virtual_,
            IntervalClock::Profile => &mut self.profile,
        }
    }
}

impl Ctx<'_> {
    fn interval_now_ns(&self, clock: IntervalClock) -> u64 {
        match clock {
            IntervalClock::Real => self.now_ns(),
            IntervalClock::Virtual | IntervalClock::Profile => clock.cpu_ns(&self.process().usage),
        }
    }

    /// Returns how long until a timer fires (0: it is off), and its interval.
    pub(crate) fn interval_timer(&self, clock: IntervalClock) -> (u64, u64) {
        let timer = self.process().timers.get(clock);
        // A timer that is on never reads as off, even at the moment at which it fires.
        let left = timer.next_ns.map_or(0, |next| next.saturating_sub(self.interval_now_ns(clock)).max(1));
        (left, timer.interval_ns)
    }

    /// Sets a timer to fire after `after_ns`; 0 turns it off.
    pub(crate) fn set_interval_timer(&mut self, clock: IntervalClock, after_ns: u64, interval_ns: u64) {
        let next_ns = (after_ns > 0).then(|| self.interval_now_ns(clock).saturating_add(after_ns));
        let before = std::mem::replace(
            self.process_mut().timers.get_mut(clock),
            IntervalTimer { next_ns, interval_ns },
        );
        if clock == IntervalClock::Real {
            self.kernel.sched.set_alarm(Alarm::Interval(self.pid), before.next_ns, next_ns);
        }
    }
}

impl Kernel {
    /// Fires the timers that are due whoever runs.
    pub(crate) fn fire_alarms(&mut self, now_ns: u64) {
        for (alarm, deadline) in self.sched.due_alarms(now_ns) {
            let pid = match alarm {
                Alarm::Interval(pid) => pid,
                Alarm::Timer(owner, id) => {
                    self.expire_timer(owner, id, now_ns);
                    continue;
                }
            };
            let Some(process) = self.tasks.process_mut(pid) else { continue };
            process.timers.real.advance(now_ns);
            let next = process.timers.real.next_ns;
            self.sched.set_alarm(alarm, Some(deadline), next);
            self.send_to_process(pid, SignalInfo::of_kernel(Signal::SIGALRM));
        }
    }

    /// Fires the timers of a process that follow the time it has used, and does what else is due then.
    #[inline]
    pub(crate) fn fire_cpu_timers(&mut self, pid: Pid) {
        if self.cpu_timer_budget(pid) == Some(0) {
            self.fire_due_cpu_timers(pid);
        }
    }

    fn fire_due_cpu_timers(&mut self, pid: Pid) {
        for clock in IntervalClock::OF_CPU {
            let Some(process) = self.tasks.process_mut(pid) else { return };
            let now_ns = clock.cpu_ns(&process.usage);
            let timer = process.timers.get_mut(clock);
            if timer.next_ns.is_some_and(|next| next <= now_ns) {
                timer.advance(now_ns);
                self.send_to_process(pid, SignalInfo::of_kernel(clock.signal()));
            }
        }
        self.expire_cpu_timers(pid);
        self.enforce_cpu_limit(pid);
        self.wake_cpu_sleepers(pid);
    }

    /// Returns how many instructions a process may retire before one of its CPU timers, or a limit, is due.
    #[inline]
    pub(crate) fn cpu_timer_budget(&self, pid: Pid) -> Option<u64> {
        let process = self.tasks.process(pid)?;
        // Nearly every process is without any of it, and each trap asks.
        let IntervalTimers { virtual_, profile, .. } = &process.timers;
        let has_timer = virtual_.next_ns.is_some() || profile.next_ns.is_some();
        let is_followed = !self.cpu_timers.is_empty() || !self.cpu_sleepers.is_empty();
        if has_timer || is_followed || process.rlimits.current(Resource::Cpu) != UNLIMITED {
            self.least_cpu_budget(pid, process)
        } else {
            None
        }
    }

    #[cold]
    fn least_cpu_budget(&self, pid: Pid, process: &Process) -> Option<u64> {
        let left = |clock: IntervalClock| {
            Some(process.timers.get(clock).next_ns?.saturating_sub(clock.cpu_ns(&process.usage)))
        };
        let others = [self.cpu_timers_budget(pid), self.cpu_time_budget(pid)];
        IntervalClock::OF_CPU.into_iter().filter_map(left).chain(others.into_iter().flatten()).min()
    }

    /// Forgets the timers of a process that has ended.
    pub(crate) fn drop_timers(&mut self, pid: Pid) {
        let Some(process) = self.tasks.process_mut(pid) else { return };
        let timers = std::mem::take(&mut process.timers);
        self.sched.set_alarm(Alarm::Interval(pid), timers.real.next_ns, None);
        self.delete_timers(pid);
    }
}

#[cfg(test)]
mod tests {
    use super::IntervalTimer;

    #[test]
    fn missed_periods_are_one_expiry() {
        let mut timer = IntervalTimer { next_ns: Some(100), interval_ns: 30 };
        timer.advance(100);
        assert_eq!(timer.next_ns, Some(130));
        timer.advance(195);
        assert_eq!(timer.next_ns, Some(220));
    }

    #[test]
    fn a_timer_without_interval_fires_once() {
        let mut timer = IntervalTimer { next_ns: Some(100), interval_ns: 0 };
        timer.advance(100);
        assert_eq!(timer.next_ns, None);
    }
}
