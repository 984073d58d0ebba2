//! Clocks and sleeping. Time is virtual: see [`crate::task::Scheduler`].

use super::args::{Itimer, Itimerspec, Timespec, Timeval, Tms, UserPtr};
use super::types::{ClockId, TimerArg};
use super::{Continuation, Flow, Restart, SysResult};
use crate::Errno;
use crate::ctx::Ctx;
use crate::task::IntervalClock;

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

/// Reads a clock.
///
/// # Errors
/// `EINVAL` when there is no such clock.
fn clock_ns(ctx: &Ctx<'_>, clock: ClockId) -> Result<u64, Errno> {
    match clock.0 {
        0 | 5 => Ok(ctx.wall_clock_ns()),
        1 | 4 | 6 | 7 => Ok(ctx.now_ns()),
        2 | 3 => Ok(ctx.process().usage.user_ns + ctx.process().usage.system_ns),
        _ => Err(Errno::EINVAL),
    }
}

/// `clock_gettime(2)`.
pub(super) fn clock_gettime(ctx: &mut Ctx<'_>, clock: ClockId, to: UserPtr<Timespec>) -> SysResult {
    let now = clock_ns(ctx, clock)?;
    ctx.write(to, Timespec::from_ns(now))?;
    Ok(0)
}

/// `clock_getres(2)`: one nanosecond.
pub(super) fn clock_getres(ctx: &mut Ctx<'_>, clock: ClockId, to: UserPtr<Timespec>) -> SysResult {
    clock_ns(ctx, clock)?;
    ctx.write_optional(to, Timespec::from_ns(1))?;
    Ok(0)
}

/// `gettimeofday(2)`: the time zone is UTC.
pub(super) fn gettimeofday(ctx: &mut Ctx<'_>, to: UserPtr<Timeval>, zone: UserPtr<u64>) -> SysResult {
    let now = clock_ns(ctx, ClockId(0))?;
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
    deadline_ns: u64,
    remaining: Option<UserPtr<Timespec>>,
}

impl Sleep {
    /// Returns when the sleep ends, in virtual nanoseconds.
    pub(super) fn deadline_ns(&self) -> u64 {
        self.deadline_ns
    }

    /// Ends the sleep if its time has come.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        if ctx.now_ns() >= self.deadline_ns { Ok(0) } else { Err(Flow::Block(Continuation::Sleep(self))) }
    }

    /// Says what becomes of the sleep when a signal interrupts it: one until a moment needs no memory of what was left.
    pub(super) fn restart(&self) -> Restart {
        if self.remaining.is_some() { Restart::WithTimeLeft } else { Restart::WithoutHandler }
    }

    /// Says what was left when a signal ended the sleep.
    pub(super) fn interrupted(&self, ctx: &mut Ctx<'_>) -> Result<(), Errno> {
        let left = self.deadline_ns.saturating_sub(ctx.now_ns());
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

/// `clock_nanosleep(2)`: every clock but the CPU-time ones, which are `EOPNOTSUPP`.
pub(super) fn clock_nanosleep(
    ctx: &mut Ctx<'_>,
    clock: ClockId,
    flags: u32,
    request: UserPtr<Timespec>,
    remaining: UserPtr<Timespec>,
) -> SysResult {
    let now = clock_ns(ctx, clock)?;
    if matches!(clock.0, 2..=5) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let time = ctx.read(request)?.to_ns()?;
    let absolute = flags & TIMER_ABSTIME != 0;
    let wait_ns = if absolute { time.saturating_sub(now) } else { time };
    let deadline_ns = ctx.now_ns().saturating_add(wait_ns);
    Sleep { deadline_ns, remaining: (!absolute).then_some(remaining) }.run(ctx)
}
