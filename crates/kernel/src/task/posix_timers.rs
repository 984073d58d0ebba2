//! Timers of a process by number (timer_create(2); Linux 6.12 kernel/time/posix-timers.c).
//!
//! A periodic timer that has sent its signal stands still until the signal is taken; the periods that passed meanwhile are
//! counted then, as overruns. So a timer has at most one signal waiting.

use super::clock::{Clock, CpuClock, CpuOwner};
use super::sched::{Alarm, SLICE_NS};
use super::signal::{SI_TIMER, SignalFields};
use crate::ctx::Ctx;
use crate::task::{Resource, Signal, SignalInfo};
use crate::{Errno, Kernel, Pid};
use std::collections::BTreeMap;

/// What a timer's expiry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The signal that it sends.
    pub signal: Signal,
    /// The word that comes with it; `None` is the timer's number.
    pub value: Option<u64>,
    /// The task that gets it, rather than the process.
    pub task: Option<Pid>,
}

/// What the time of a timer's next expiry is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Wall,
    Uptime,
    Cpu(CpuClock),
}

/// Where a timer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It is off.
    Off,
    /// It will expire.
    Armed,
    /// Its signal waits to be taken.
    Signalled,
}

#[derive(Clone, Debug)]
struct PosixTimer {
    clock: Clock,
    /// `None` for a timer that is only looked at (`SIGEV_NONE`).
    notice: Option<Notice>,
    base: Base,
    next_ns: u64,
    interval_ns: u64,
    phase: Phase,
    /// Periods that have passed since the last signal was taken, but for the one that the signal tells of.
    overrun: i64,
    last_overrun: i64,
}

impl PosixTimer {
    /// Moves past `now_ns` and counts the periods.
    fn forward(&mut self, now_ns: u64) {
        if self.interval_ns > 0 && self.next_ns <= now_ns {
            let periods = (now_ns - self.next_ns) / self.interval_ns + 1;
            self.next_ns = self.next_ns.saturating_add(periods.saturating_mul(self.interval_ns));
            self.overrun = self.overrun.saturating_add_unsigned(periods);
        }
    }
}

/// The timers of a process.
#[derive(Clone, Debug, Default)]
pub struct PosixTimers {
    timers: BTreeMap<i32, PosixTimer>,
    next_id: i32,
}

/// How long a timer has to go, 0 when it is off, and its interval.
pub(crate) type Remaining = (u64, u64);

impl Ctx<'_> {
    /// Returns a number for a new timer, which is used up even if that is not made.
    ///
    /// # Errors
    /// `EAGAIN` when there are as many as signals may be queued.
    pub(crate) fn next_timer(&mut self) -> Result<i32, Errno> {
        let limit = self.process().rlimits.current(Resource::PendingSignals);
        let timers = &mut self.process_mut().posix_timers;
        if timers.timers.len() as u64 >= limit {
            return Err(Errno::EAGAIN);
        }
        let id = timers.next_id;
        timers.next_id = id.checked_add(1).unwrap_or(0);
        Ok(id)
    }

    /// Makes a timer that is off.
    pub(crate) fn create_timer(&mut self, id: i32, clock: Clock, notice: Option<Notice>) {
        let timer = PosixTimer {
            clock,
            notice,
            base: Base::Uptime,
            next_ns: 0,
            interval_ns: 0,
            phase: Phase::Off,
            overrun: -1,
            last_overrun: 0,
        };
        self.process_mut().posix_timers.timers.insert(id, timer);
    }

    /// Forgets a timer. A signal that it has sent is taken all the same.
    ///
    /// # Errors
    /// `EINVAL` when there is none with this number.
    pub(crate) fn delete_timer(&mut self, id: i32) -> Result<(), Errno> {
        self.find_timer(id)?;
        let pid = self.pid;
        self.kernel.disarm_timer(pid, id);
        self.process_mut().posix_timers.timers.remove(&id);
        Ok(())
    }

    fn find_timer(&self, id: i32) -> Result<&PosixTimer, Errno> {
        self.process().posix_timers.timers.get(&id).ok_or(Errno::EINVAL)
    }

    /// Returns how long a timer has to go (common_timer_get).
    ///
    /// # Errors
    /// `EINVAL` when there is none with this number.
    pub(crate) fn timer_remaining(&mut self, id: i32) -> Result<Remaining, Errno> {
        let base = self.find_timer(id)?.base;
        let now = self.kernel.timer_now_ns(base, self.now_ns());
        let timer = self.process_mut().posix_timers.timers.get_mut(&id).ok_or(Errno::EINVAL)?;
        if timer.phase == Phase::Off {
            return Ok((0, timer.interval_ns));
        }
        let is_watched = timer.notice.is_none();
        if is_watched || timer.phase == Phase::Signalled {
            timer.forward(now);
        }
        // A timer that is on does not read as off, but one that tells nobody does when its time is over.
        let least = u64::from(!is_watched);
        Ok((timer.next_ns.saturating_sub(now).max(least), timer.interval_ns))
    }

    /// Sets a timer: to a moment of its clock, or after a span of time; 0 turns it off.
    ///
    /// # Errors
    /// `EINVAL` when there is none with this number.
    pub(crate) fn set_timer(
        &mut self,
        id: i32,
        is_absolute: bool,
        (value_ns, interval_ns): Remaining,
    ) -> Result<Remaining, Errno> {
        let before = self.timer_remaining(id)?;
        let pid = self.pid;
        self.kernel.disarm_timer(pid, id);
        let base = match self.find_timer(id)?.clock {
            Clock::Cpu(clock) => Base::Cpu(clock),
            Clock::Wall(_) if is_absolute => Base::Wall,
            // A span of time is the same whatever the clock is set to.
            Clock::Wall(_) | Clock::Uptime(_) | Clock::RawUptime => Base::Uptime,
        };
        let from_ns = if is_absolute { 0 } else { self.kernel.timer_now_ns(base, self.now_ns()) };
        let timer = self.process_mut().posix_timers.timers.get_mut(&id).ok_or(Errno::EINVAL)?;
        (timer.overrun, timer.last_overrun) = (-1, 0);
        timer.base = base;
        timer.phase = if value_ns > 0 { Phase::Armed } else { Phase::Off };
        timer.interval_ns = if value_ns > 0 { interval_ns } else { 0 };
        timer.next_ns = from_ns.saturating_add(value_ns);
        self.kernel.arm_timer(pid, id);
        Ok(before)
    }

    /// Returns how many periods passed while the last signal waited.
    ///
    /// # Errors
    /// `EINVAL` when there is no timer with this number.
    pub(crate) fn timer_overrun(&self, id: i32) -> Result<i32, Errno> {
        Ok(i32::try_from(self.find_timer(id)?.last_overrun).unwrap_or(i32::MAX))
    }

    /// Has a timer whose signal was taken go on, and says in the signal how many periods have passed (posixtimer_rearm).
    pub(crate) fn restart_timer(&mut self, info: &mut SignalInfo) {
        let SignalFields::Timer(id, overrun, _) = &mut info.fields else { return };
        let (pid, now_ns) = (self.pid, self.now_ns());
        let Ok(base) = self.find_timer(*id).map(|timer| timer.base) else { return };
        let now = self.kernel.timer_now_ns(base, now_ns);
        let Some(timer) = self.process_mut().posix_timers.timers.get_mut(id) else { return };
        if timer.phase != Phase::Signalled {
            return;
        }
        if timer.interval_ns == 0 {
            timer.phase = Phase::Off;
            return;
        }
        timer.forward(now);
        timer.last_overrun = timer.overrun.max(0);
        *overrun = i32::try_from(timer.last_overrun).unwrap_or(i32::MAX);
        (timer.overrun, timer.phase) = (-1, Phase::Armed);
        self.kernel.arm_timer(pid, *id);
    }
}

impl Kernel {
    fn timer_now_ns(&self, base: Base, uptime_ns: u64) -> u64 {
        match base {
            Base::Wall => self.wall_offset_ns + uptime_ns,
            Base::Uptime => uptime_ns,
            Base::Cpu(clock) => self.cpu_ns(clock).unwrap_or(0),
        }
    }

    /// Has a timer that is armed expire when its time has come.
    fn arm_timer(&mut self, owner: Pid, id: i32) {
        let Some(timer) = self.timer(owner, id).filter(|timer| timer.phase == Phase::Armed) else { return };
        match timer.base {
            _ if timer.notice.is_none() => {}
            Base::Cpu(clock) => {
                self.cpu_timers.insert((runner(clock, owner), owner, id));
            }
            Base::Wall | Base::Uptime => {
                let deadline = self.timer_deadline_ns(timer);
                self.sched.set_alarm(Alarm::Timer(owner, id), None, Some(deadline));
            }
        }
    }

    fn disarm_timer(&mut self, owner: Pid, id: i32) {
        let Some(timer) = self.timer(owner, id) else { return };
        if let Base::Cpu(clock) = timer.base {
            self.cpu_timers.remove(&(runner(clock, owner), owner, id));
        } else {
            let deadline = self.timer_deadline_ns(timer);
            self.sched.set_alarm(Alarm::Timer(owner, id), Some(deadline), None);
        }
    }

    fn timer_deadline_ns(&self, timer: &PosixTimer) -> u64 {
        let offset = if timer.base == Base::Wall { self.wall_offset_ns } else { 0 };
        timer.next_ns.saturating_sub(offset)
    }

    fn timer(&self, owner: Pid, id: i32) -> Option<&PosixTimer> {
        self.tasks.process(owner)?.posix_timers.timers.get(&id)
    }

    /// Lets a timer expire: it sends its signal, or, where that is ignored, goes on as if it had (posix_timer_fn).
    pub(crate) fn expire_timer(&mut self, owner: Pid, id: i32, uptime_ns: u64) {
        self.disarm_timer(owner, id);
        let Some(timer) = self.timer(owner, id) else { return };
        let (Some(notice), base) = (timer.notice, timer.base) else { return };
        let Some(first) = self.tasks.process(owner).and_then(|process| process.tasks.first().copied()) else {
            return;
        };
        let is_ignored = self.is_unwanted(owner, notice.task.unwrap_or(first), notice.signal);
        let now = self.timer_now_ns(base, uptime_ns);
        let timers = self.tasks.process_mut(owner).map(|process| &mut process.posix_timers.timers);
        let Some(timer) = timers.and_then(|timers| timers.get_mut(&id)) else { return };
        if is_ignored {
            // Where nobody takes the signal, a short interval would leave no time for anything else.
            let is_short = timer.interval_ns < SLICE_NS && !matches!(base, Base::Cpu(_));
            timer.forward(if is_short { now + SLICE_NS } else { now });
            timer.phase = if timer.interval_ns > 0 { Phase::Armed } else { Phase::Off };
            self.arm_timer(owner, id);
            return;
        }
        timer.phase = Phase::Signalled;
        let fields = SignalFields::Timer(id, 0, notice.value.unwrap_or(id as u64));
        let info = SignalInfo { signal: notice.signal, code: SI_TIMER, fields };
        match notice.task {
            Some(task) => self.send_to_task(task, info),
            None => self.send_to_process(owner, info),
        }
    }

    /// Lets those timers expire that follow the time which `runner`, or a task of it, has run.
    pub(crate) fn expire_cpu_timers(&mut self, runner: Pid) {
        let due = |(_, owner, id): &(Pid, Pid, i32)| {
            let timer = self.timer(*owner, *id);
            timer.is_some_and(|timer| timer.next_ns <= self.timer_now_ns(timer.base, 0))
        };
        let due: Vec<_> = self.cpu_timers_of(runner).filter(|timer| due(timer)).collect();
        for (_, owner, id) in due {
            self.expire_timer(owner, id, 0);
        }
    }

    /// Returns how long `runner` may run before one of those timers is due.
    pub(crate) fn cpu_timers_budget(&self, runner: Pid) -> Option<u64> {
        let timers = self.cpu_timers_of(runner).filter_map(|(_, owner, id)| self.timer(owner, id));
        timers.map(|timer| timer.next_ns.saturating_sub(self.timer_now_ns(timer.base, 0))).min()
    }

    fn cpu_timers_of(&self, runner: Pid) -> impl Iterator<Item = (Pid, Pid, i32)> {
        let (first, last) = ((runner, Pid(i32::MIN), i32::MIN), (runner, Pid(i32::MAX), i32::MAX));
        self.cpu_timers.range(first..=last).copied()
    }

    /// Has timers for a time of day follow the clock that was set.
    pub(crate) fn move_wall_timers(&mut self, set_clock: impl FnOnce(&mut Self)) {
        let all = self.tasks.processes().flat_map(|(pid, process)| {
            let timers = process.posix_timers.timers.iter();
            timers.filter(|(_, timer)| timer.base == Base::Wall).map(move |(id, _)| (pid, *id))
        });
        let all: Vec<(Pid, i32)> = all.collect();
        all.iter().for_each(|(owner, id)| self.disarm_timer(*owner, *id));
        set_clock(self);
        all.iter().for_each(|(owner, id)| self.arm_timer(*owner, *id));
    }

    /// Forgets the timers of a process: it has ended, or has another program.
    pub(crate) fn delete_timers(&mut self, owner: Pid) {
        let timers = self.tasks.process(owner).map(|process| &process.posix_timers.timers);
        let ids: Vec<i32> = timers.into_iter().flat_map(|timers| timers.keys().copied()).collect();
        for id in ids {
            self.disarm_timer(owner, id);
        }
        if let Some(process) = self.tasks.process_mut(owner) {
            process.posix_timers.timers.clear();
        }
    }
}

/// Returns the process whose running moves a clock on that a timer of `owner` follows.
const fn runner(clock: CpuClock, owner: Pid) -> Pid {
    match clock.owner {
        CpuOwner::Process(pid) => pid,
        CpuOwner::Task(_) => owner,
    }
}
