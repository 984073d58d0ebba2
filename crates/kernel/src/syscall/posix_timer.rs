//! Calls about a process's own timers (timer_create(2)).

use super::SysResult;
use super::args::{Itimerspec, UserPtr, UserValue};
use super::types::ClockId;
use crate::ctx::Ctx;
use crate::task::{Clock, Notice, Precision, Signal};
use crate::{Errno, Pid};

/// `TIMER_ABSTIME`.
const TIMER_ABSTIME: u32 = 1;

/// `struct sigevent`: what an expiry does.
#[derive(Clone, Copy, Debug)]
pub(super) struct SigEvent {
    value: u64,
    signal: i32,
    notify: i32,
    task: i32,
}

impl UserValue for SigEvent {
    const SIZE: usize = 64;

    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| i32::from_bytes(&bytes[at..at + 4]);
        Self { value: u64::from_bytes(&bytes[..8]), signal: word(8), notify: word(12), task: word(16) }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.value.to_bytes();
        bytes.extend([self.signal, self.notify, self.task].to_bytes());
        bytes.resize(Self::SIZE, 0);
        bytes
    }
}

impl SigEvent {
    /// `SIGEV_SIGNAL`.
    pub(super) const SIGNAL: i32 = 0;
    /// `SIGEV_NONE`.
    pub(super) const NONE: i32 = 1;
    /// `SIGEV_THREAD`: to the kernel, the same as a signal.
    pub(super) const THREAD: i32 = 2;
    /// `SIGEV_THREAD_ID`.
    pub(super) const THREAD_ID: i32 = 4;

    /// Returns `sigev_notify`.
    pub(super) const fn notify(self) -> i32 {
        self.notify
    }

    /// Returns `sigev_signo`.
    pub(super) const fn signal(self) -> i32 {
        self.signal
    }

    /// Returns `sigev_value`.
    pub(super) const fn value(self) -> u64 {
        self.value
    }

    /// Returns what is to be done; nothing for a timer that is only looked at (good_sigevent).
    ///
    /// # Errors
    /// `EINVAL` for no signal, a task of another process, and ways to tell that there are not.
    fn notice(self, ctx: &Ctx<'_>) -> Result<Option<Notice>, Errno> {
        let task = Pid(self.task);
        let task = match self.notify {
            Self::NONE => return Ok(None),
            Self::SIGNAL | Self::THREAD => None,
            Self::THREAD_ID if ctx.process().tasks.contains(&task) => Some(task),
            _ => return Err(Errno::EINVAL),
        };
        let signal = u64::try_from(self.signal).ok().and_then(Signal::new).ok_or(Errno::EINVAL)?;
        Ok(Some(Notice { signal, value: Some(self.value), task }))
    }
}

/// `timer_create(2)`: without an event, SIGALRM with the timer's number.
///
/// # Errors
/// `EINVAL` for no clock, `EOPNOTSUPP` for one that cannot have timers.
pub(super) fn timer_create(
    ctx: &mut Ctx<'_>,
    clock: ClockId,
    event: UserPtr<SigEvent>,
    id: UserPtr<[i32; 1]>,
) -> SysResult {
    let event = if event.is_null() { None } else { Some(ctx.read(event)?) };
    let clock = match (clock.0, ctx.clock(clock.0)) {
        (ClockId::REALTIME_ALARM | ClockId::BOOTTIME_ALARM, _) => Err(Errno::EOPNOTSUPP),
        (_, Ok(Clock::RawUptime | Clock::Wall(Precision::Coarse) | Clock::Uptime(Precision::Coarse))) => {
            Err(Errno::EOPNOTSUPP)
        }
        (_, clock) => clock,
    }?;
    let timer = ctx.next_timer()?;
    let notice = match event {
        Some(event) => event.notice(ctx)?,
        None => Some(Notice { signal: Signal::SIGALRM, value: None, task: None }),
    };
    ctx.create_timer(timer, clock, notice);
    if let Err(errno) = ctx.write(id, [timer]) {
        // The program never learned its number.
        ctx.delete_timer(timer)?;
        return Err(errno.into());
    }
    Ok(0)
}

/// `timer_settime(2)`.
pub(super) fn timer_settime(
    ctx: &mut Ctx<'_>,
    id: i32,
    flags: u32,
    new: UserPtr<Itimerspec>,
    old: UserPtr<Itimerspec>,
) -> SysResult {
    if new.is_null() {
        return Err(Errno::EINVAL.into());
    }
    let setting = ctx.read(new)?.to_ns()?;
    let before = ctx.set_timer(id, flags & TIMER_ABSTIME != 0, setting)?;
    ctx.write_optional(old, Itimerspec::from_ns(before))?;
    Ok(0)
}

/// `timer_gettime(2)`.
pub(super) fn timer_gettime(ctx: &mut Ctx<'_>, id: i32, to: UserPtr<Itimerspec>) -> SysResult {
    let remaining = ctx.timer_remaining(id)?;
    ctx.write(to, Itimerspec::from_ns(remaining))?;
    Ok(0)
}

/// `timer_getoverrun(2)`.
pub(super) fn timer_getoverrun(ctx: &mut Ctx<'_>, id: i32) -> SysResult {
    Ok(ctx.timer_overrun(id)? as u64)
}

/// `timer_delete(2)`.
pub(super) fn timer_delete(ctx: &mut Ctx<'_>, id: i32) -> SysResult {
    ctx.delete_timer(id)?;
    Ok(0)
}
