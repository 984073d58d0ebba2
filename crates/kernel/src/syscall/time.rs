//! Clocks and sleeping. Time is virtual: see [`crate::task::Scheduler`].

use super::args::{Itimer, Itimerspec, Timespec, Timeval, Tms, UserPtr};
use super::types::{ClockId, TimerArg};
use super::{Continuation, Flow, Restart, SysResult};
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::task::{COARSE_NS, Clock, CpuClock, CpuOwner, IntervalClock, NEVER_NS, Precision, Task};
use crate::{Errno, Kernel, Pid};

const NS_PER_S: u64 = 1_000_000_000;
/// `TIMER_ABSTIME` of clock_nanosleep.
const TIMER_ABSTIME: u32 = 1;
/// What `sysconf(_SC_CLK_TCK)` says: ticks in a second.
pub(crate) const CLOCK_TICKS: u64 = 100;

impl Timespec {
    /// Splits nanoseconds.
    pub(super) fn from_ns(ns: u64) -> Self {
        Self { seconds: (ns / NS_PER_S) as i64, nanoseconds: (ns % NS_PER_S) as i64 }
    }

    /// Returns the time in nanoseconds, the largest number when there is no room for it.
    ///
    /// # Errors
    /// `EINVAL` for a negative part or a full second of nanoseconds.
    pub(super) fn to_ns(self) -> Result<u64, Errno> {
        let seconds = u64::try_from(self.seconds).map_err(|_| Errno::EINVAL)?;
        let nanoseconds =
            u64::try_from(self.nanoseconds).ok().filter(|ns| *ns < NS_PER_S).ok_or(Errno::EINVAL)?;
        Ok(seconds.saturating_mul(NS_PER_S).saturating_add(nanoseconds))
    }
}

impl Itimerspec {
    /// Makes one of nanoseconds: to the next expiry, and between expiries.
    pub(super) fn from_ns((value, interval): (u64, u64)) -> Self {
        let (value, interval) = (Timespec::from_ns(value), Timespec::from_ns(interval));
        Self {
            interval_s: interval.seconds,
            interval_ns: interval.nanoseconds,
            value_s: value.seconds,
            value_ns: value.nanoseconds,
        }
    }

    /// Returns it in nanoseconds, as [`Itimerspec::from_ns`] takes it.
    ///
    /// # Errors
    /// As [`Timespec::to_ns`].
    pub(super) fn to_ns(self) -> Result<(u64, u64), Errno> {
        let value = Timespec { seconds: self.value_s, nanoseconds: self.value_ns }.to_ns()?;
        let interval = Timespec { seconds: self.interval_s, nanoseconds: self.interval_ns }.to_ns()?;
        Ok((value, interval))
    }
}

/// `clock_gettime(2)`.
pub(super) fn clock_gettime(ctx: &mut Ctx<'_>, clock: ClockId, to: UserPtr<Timespec>) -> SysResult {
    let now = ctx.clock_ns(ctx.clock(clock.0)?)?;
    ctx.write(to, Timespec::from_ns(now))?;
    Ok(0)
}

/// `clock_getres(2)`: one nanosecond, or a tick.
pub(super) fn clock_getres(ctx: &mut Ctx<'_>, clock: ClockId, to: UserPtr<Timespec>) -> SysResult {
    let resolution_ns = match ctx.clock(clock.0)? {
        Clock::Wall(Precision::Coarse) | Clock::Uptime(Precision::Coarse) => COARSE_NS,
        _ => 1,
    };
    ctx.write_optional(to, Timespec::from_ns(resolution_ns))?;
    Ok(0)
}

/// `clock_settime(2)`: the time of day alone can be set.
///
/// # Errors
/// `EINVAL` for another clock, and for a time before the machine started; `EPERM` for the clock of
/// a process or task by its number, and without `CAP_SYS_TIME`.
pub(super) fn clock_settime(ctx: &mut Ctx<'_>, clock: ClockId, from: UserPtr<Timespec>) -> SysResult {
    let is_dynamic = (clock.0 as i32) < 0;
    if !is_dynamic && clock.0 != ClockId::REALTIME {
        return Err(Errno::EINVAL.into());
    }
    let time = ctx.read(from)?;
    ctx.clock(clock.0)?;
    if is_dynamic {
        return Err(Errno::EPERM.into());
    }
    set_wall_clock(ctx, time)
}

/// `settimeofday(2)`: time zones are a matter of programs.
pub(super) fn settimeofday(ctx: &mut Ctx<'_>, from: UserPtr<Timeval>, zone: UserPtr<[i32; 2]>) -> SysResult {
    let time = if from.is_null() { None } else { Some(ctx.read(from)?) };
    if !zone.is_null() {
        ctx.read(zone)?;
    }
    let Some(time) = time else { return Ok(0) };
    let nanoseconds = time.microseconds.checked_mul(1_000).ok_or(Errno::EINVAL)?;
    set_wall_clock(ctx, Timespec { seconds: time.seconds, nanoseconds })
}

/// The last second that the time of day can be set to: thirty years are left until the clock ends (Linux 6.12
/// include/linux/time64.h `TIME_SETTOD_SEC_MAX`).
const LATEST_SETTABLE_S: i64 = i64::MAX / NS_PER_S as i64 - 30 * 365 * 24 * 3600;

/// Sets the time of day. What waits for a moment of it waits anew (clock_was_set).
pub(super) fn set_wall_clock(ctx: &mut Ctx<'_>, time: Timespec) -> SysResult {
    let time_ns = time.to_ns()?;
    if time.seconds > LATEST_SETTABLE_S {
        return Err(Errno::EINVAL.into());
    }
    if !ctx.credentials().can(Capabilities::SYS_TIME) {
        return Err(Errno::EPERM.into());
    }
    let offset_ns = time_ns.checked_sub(ctx.now_ns()).ok_or(Errno::EINVAL)?;
    ctx.kernel.move_wall_timers(|kernel| kernel.wall_offset_ns = offset_ns);
    let (kernel, ram) = (&mut *ctx.kernel, ctx.harts.ram());
    kernel.vdso.set_wall_offset(ram, &mut kernel.memory, &kernel.settings.isa, offset_ns);
    ctx.with_fs(|fs, env| fs.clock_was_set(env));
    ctx.wake_files();
    let sleeps = |task: &Task| {
        task.continuation.as_ref().is_some_and(|call| matches!(call.continuation, Continuation::Sleep(_)))
    };
    let sleepers: Vec<Pid> =
        ctx.kernel.tasks.tasks().filter(|(_, task)| sleeps(task)).map(|(tid, _)| tid).collect();
    sleepers.into_iter().for_each(|tid| ctx.kernel.wake_task(tid));
    Ok(0)
}

/// `restart_syscall(2)`: what sleeps goes on by itself, so there is never a call to restart.
pub(super) fn restart_syscall(_: &mut Ctx<'_>) -> SysResult {
    Err(Errno::EINTR.into())
}

/// `gettimeofday(2)`: the time zone is UTC.
pub(super) fn gettimeofday(ctx: &mut Ctx<'_>, to: UserPtr<Timeval>, zone: UserPtr<u64>) -> SysResult {
    let now = ctx.wall_clock_ns();
    let time = Timeval { seconds: (now / NS_PER_S) as i64, microseconds: (now % NS_PER_S / 1_000) as i64 };
    ctx.write_optional(to, time)?;
    ctx.write_optional(zone, 0)?;
    Ok(0)
}

/// `times(2)`.
pub(super) fn times(ctx: &mut Ctx<'_>, to: UserPtr<Tms>) -> SysResult {
    let ticks = |ns: u64| (ns / (NS_PER_S / CLOCK_TICKS)) as i64;
    let (own, children) = (ctx.process().usage, ctx.process().children_usage);
    let times = Tms {
        user: ticks(own.user_ns),
        system: ticks(own.system_ns),
        children_user: ticks(children.user_ns),
        children_system: ticks(children.system_ns),
    };
    ctx.write_optional(to, times)?;
    Ok(ticks(ctx.now_ns()) as u64)
}

fn interval_clock(which: TimerArg) -> Result<IntervalClock, Errno> {
    match which.0 {
        0 => Ok(IntervalClock::Real),
        1 => Ok(IntervalClock::Virtual),
        2 => Ok(IntervalClock::Profile),
        _ => Err(Errno::EINVAL),
    }
}

/// Returns a time of seconds and microseconds in nanoseconds.
///
/// # Errors
/// `EINVAL` for a negative part or a full second of microseconds.
fn timeval_ns(seconds: i64, microseconds: i64) -> Result<u64, Errno> {
    let nanoseconds = microseconds.checked_mul(1_000).ok_or(Errno::EINVAL)?;
    Timespec { seconds, nanoseconds }.to_ns()
}

fn itimer(ctx: &Ctx<'_>, clock: IntervalClock) -> Itimer {
    let split = |ns: u64| ((ns / NS_PER_S) as i64, (ns % NS_PER_S).div_ceil(1_000) as i64);
    let (left, interval) = ctx.interval_timer(clock);
    let ((left_s, left_us), (interval_s, interval_us)) = (split(left), split(interval));
    Itimer { interval_s, interval_us, left_s, left_us }
}

/// `getitimer(2)`.
pub(super) fn getitimer(ctx: &mut Ctx<'_>, which: TimerArg, to: UserPtr<Itimer>) -> SysResult {
    let timer = itimer(ctx, interval_clock(which)?);
    ctx.write(to, timer)?;
    Ok(0)
}

/// `setitimer(2)`: NULL for the new value turns the timer off, as Linux has it.
pub(super) fn setitimer(
    ctx: &mut Ctx<'_>,
    which: TimerArg,
    new: UserPtr<Itimer>,
    old: UserPtr<Itimer>,
) -> SysResult {
    let clock = interval_clock(which)?;
    let value = if new.is_null() { Itimer::default() } else { ctx.read(new)? };
    let after_ns = timeval_ns(value.left_s, value.left_us)?;
    let interval_ns = timeval_ns(value.interval_s, value.interval_us)?;
    let before = itimer(ctx, clock);
    ctx.set_interval_timer(clock, after_ns, interval_ns);
    ctx.write_optional(old, before)?;
    Ok(0)
}

/// A sleep: when it ends, and where to say what was left of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sleep {
    until: Until,
    remaining: Option<UserPtr<Timespec>>,
}

/// The moment at which a sleep ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// Of the time since the machine started.
    Uptime(u64),
    /// Of the time of day, and when that was since the machine started when it was last looked at.
    Wall(u64, u64),
    /// Of the time that a process or task has run.
    Cpu(CpuClock, u64),
}

impl Sleep {
    /// Returns when the sleep ends, in virtual nanoseconds, if that can be known.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        match self.until {
            Until::Uptime(deadline_ns) | Until::Wall(_, deadline_ns) => Some(deadline_ns),
            Until::Cpu(..) => None,
        }
    }

    /// Returns how long somebody else has still to run before the sleep ends, if it is by the clock of somebody who is there.
    pub(crate) fn cpu_left_ns(&self, kernel: &Kernel) -> Option<u64> {
        match self.until {
            Until::Cpu(clock, until_ns) => Some(until_ns.saturating_sub(kernel.cpu_ns(clock)?)),
            Until::Uptime(_) | Until::Wall(..) => None,
        }
    }

    fn left_ns(&self, ctx: &Ctx<'_>) -> u64 {
        match self.deadline_ns() {
            Some(deadline_ns) => deadline_ns.saturating_sub(ctx.now_ns()),
            // By the clock of somebody who is gone it lasts for ever.
            None => self.cpu_left_ns(ctx.kernel).unwrap_or(NEVER_NS),
        }
    }

    /// Ends the sleep if its time has come.
    pub(super) fn run(mut self, ctx: &mut Ctx<'_>) -> SysResult {
        self.abandon(ctx);
        if let Until::Wall(wall_ns, deadline_ns) = &mut self.until {
            // The clock may have been set.
            *deadline_ns = wall_ns.saturating_sub(ctx.kernel.wall_offset_ns);
        }
        if self.left_ns(ctx) == 0 {
            return Ok(0);
        }
        if let Until::Cpu(clock, _) = self.until {
            ctx.kernel.add_cpu_sleeper(clock, ctx.tid);
        }
        Err(Flow::Block(Continuation::Sleep(self)))
    }

    /// Has nobody wake the task any more.
    pub(super) fn abandon(&self, ctx: &mut Ctx<'_>) {
        if let Until::Cpu(..) = self.until {
            ctx.kernel.remove_cpu_sleeper(ctx.tid);
        }
    }

    /// Says what becomes of the sleep when a signal interrupts it: one until a moment needs no memory of what was left.
    pub(super) fn restart(&self) -> Restart {
        if self.remaining.is_some() { Restart::WithTimeLeft } else { Restart::WithoutHandler }
    }

    /// Says what was left when a signal ended the sleep.
    pub(super) fn interrupted(&self, ctx: &mut Ctx<'_>) -> Result<(), Errno> {
        let left = self.left_ns(ctx);
        match self.remaining {
            Some(to) => ctx.write_optional(to, Timespec::from_ns(left)),
            None => Ok(()),
        }
    }
}

/// `nanosleep(2)`.
pub(super) fn nanosleep(
    ctx: &mut Ctx<'_>,
    request: UserPtr<Timespec>,
    remaining: UserPtr<Timespec>,
) -> SysResult {
    clock_nanosleep(ctx, ClockId(1), 0, request, remaining)
}

/// `clock_nanosleep(2)`.
///
/// # Errors
/// `EOPNOTSUPP` for clocks that nobody can sleep by: coarse and raw ones, and the time of whatever task asks; `EINVAL` for the
/// caller's own time by its number.
pub(super) fn clock_nanosleep(
    ctx: &mut Ctx<'_>,
    clock: ClockId,
    flags: u32,
    request: UserPtr<Timespec>,
    remaining: UserPtr<Timespec>,
) -> SysResult {
    let kind = ctx.clock(clock.0)?;
    let can_sleep = match kind {
        Clock::Wall(precision) | Clock::Uptime(precision) => precision == Precision::Exact,
        Clock::RawUptime => false,
        Clock::Cpu(_) => clock.0 != ClockId::THREAD_CPUTIME,
    };
    if !can_sleep {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let time_ns = ctx.read(request)?.to_ns()?;
    let is_absolute = flags & TIMER_ABSTIME != 0;
    let from = |now_ns: u64| if is_absolute { time_ns } else { now_ns.saturating_add(time_ns) };
    let until = match kind {
        // It could not run until then.
        Clock::Cpu(clock) if clock.owner == CpuOwner::Task(ctx.tid) => return Err(Errno::EINVAL.into()),
        Clock::Cpu(clock) => Until::Cpu(clock, from(ctx.kernel.cpu_ns(clock).ok_or(Errno::EINVAL)?)),
        Clock::Wall(_) if is_absolute => Until::Wall(time_ns, 0),
        Clock::Wall(_) | Clock::Uptime(_) | Clock::RawUptime => Until::Uptime(from(ctx.now_ns())),
    };
    Sleep { until, remaining: (!is_absolute).then_some(remaining) }.run(ctx)
}
