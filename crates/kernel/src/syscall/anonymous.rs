//! Calls that make objects which only descriptors name, and set them: counters, timers, signals.

use super::SysResult;
use super::args::{Itimerspec, UserPtr, UserValue};
use super::event_types::{EventfdFlags, SignalfdFlags, TimerfdFlags, TimerfdSetFlags};
use super::file::new_fd;
use super::types::ClockId;
use crate::ctx::Ctx;
use crate::fs::{EventfdKind, OnClockSet, OpenFlags, SIGNALFD_INFO_BYTES, TimeBase, TimerSetting};
use crate::task::signal::INFO_BYTES;
use crate::task::{Signal, SignalSet};
use crate::{Errno, Fd};

/// Returns the status flags among `flags`, which have the numbers of open(2)'s.
///
/// # Errors
/// `EINVAL` for any other than `O_CLOEXEC` and `O_NONBLOCK`.
pub(super) fn status_flags(flags: u32) -> Result<OpenFlags, Errno> {
    let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK;
    OpenFlags::from_bits(flags).filter(|flags| known.contains(*flags)).ok_or(Errno::EINVAL)
}

/// `eventfd2(2)`.
pub(super) fn eventfd2(ctx: &mut Ctx<'_>, count: u32, flags: EventfdFlags) -> SysResult {
    const EFD_SEMAPHORE: u32 = 1;
    let kind = if flags.0 & EFD_SEMAPHORE == 0 { EventfdKind::Counter } else { EventfdKind::Semaphore };
    let flags = status_flags(flags.0 & !EFD_SEMAPHORE)?;
    new_fd(ctx, flags, |fs, env| fs.eventfd(count, kind, flags, env.now_ns))
}

/// `timerfd_create(2)`: the clocks that would wake a sleeping machine are those that would not.
pub(super) fn timerfd_create(ctx: &mut Ctx<'_>, clock: ClockId, flags: TimerfdFlags) -> SysResult {
    let flags = status_flags(flags.0)?;
    let base = match clock.0 {
        ClockId::REALTIME | ClockId::REALTIME_ALARM => TimeBase::Wall,
        ClockId::MONOTONIC | ClockId::BOOTTIME | ClockId::BOOTTIME_ALARM => TimeBase::Uptime,
        _ => return Err(Errno::EINVAL.into()),
    };
    new_fd(ctx, flags, |fs, env| fs.timerfd(base, flags, env.now_ns))
}

/// `timerfd_settime(2)`.
pub(super) fn timerfd_settime(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    flags: TimerfdSetFlags,
    new: UserPtr<Itimerspec>,
    old: UserPtr<Itimerspec>,
) -> SysResult {
    let new = ctx.read(new)?;
    if flags.0 & !(TimerfdSetFlags::ABSOLUTE | TimerfdSetFlags::CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (value_ns, interval_ns) = new.to_ns()?;
    ctx.file_of(fd)?;
    let open = ctx.open_of(fd)?;
    let is_absolute = flags.0 & TimerfdSetFlags::ABSOLUTE != 0;
    let before = ctx.with_fs(|fs, env| {
        let clock = fs.timerfd_base(open)?;
        // A span of time is the same whatever the clock is set to.
        let (base, from_ns) = if is_absolute { (clock, 0) } else { (TimeBase::Uptime, env.uptime_ns) };
        let cancels = flags.0 & TimerfdSetFlags::CANCEL_ON_SET != 0 && is_absolute && base == TimeBase::Wall;
        let on_clock_set = if cancels { OnClockSet::Cancel } else { OnClockSet::Follow };
        let next_ns = (value_ns > 0).then(|| from_ns.saturating_add(value_ns));
        fs.set_timerfd(env, open, TimerSetting { base, next_ns, interval_ns, on_clock_set })
    })?;
    ctx.write_optional(old, Itimerspec::from_ns(before))?;
    Ok(0)
}

/// `timerfd_gettime(2)`.
pub(super) fn timerfd_gettime(ctx: &mut Ctx<'_>, fd: Fd, to: UserPtr<Itimerspec>) -> SysResult {
    ctx.file_of(fd)?;
    let open = ctx.open_of(fd)?;
    let remaining = ctx.with_fs(|fs, env| fs.timerfd_remaining(env, open))?;
    ctx.write(to, Itimerspec::from_ns(remaining))?;
    Ok(0)
}

/// `signalfd4(2)`: descriptor -1 makes a new one, another is changed.
pub(super) fn signalfd4(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    mask: UserPtr<u64>,
    size: u64,
    flags: SignalfdFlags,
) -> SysResult {
    let wanted = super::signal::read_mask(ctx, mask, size)?;
    let flags = status_flags(flags.0)?;
    if fd.0 == -1 {
        return new_fd(ctx, flags, |fs, env| fs.signalfd(wanted, flags, env.now_ns));
    }
    ctx.file_of(fd)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.set_signalfd(open, wanted)?;
    // Who waits for the old signals looks again.
    ctx.kernel.fs.announce(crate::fs::Wait::Signals(ctx.pid));
    ctx.wake_files();
    Ok(fd.0 as u64)
}

impl Ctx<'_> {
    /// Takes as many of the `wanted` signals as `room` bytes hold, as a read of a signalfd does.
    pub(super) fn read_signals(&mut self, wanted: SignalSet, room: usize) -> Vec<u8> {
        let infos = std::iter::from_fn(|| self.take_signal(wanted));
        infos.take(room / SIGNALFD_INFO_BYTES).flat_map(|info| signalfd_info(&info.to_bytes())).collect()
    }
}

/// Translates a `siginfo_t` to a `struct signalfd_siginfo` (Linux 6.12 fs/signalfd.c signalfd_copyinfo).
fn signalfd_info(info: &[u8; INFO_BYTES]) -> [u8; SIGNALFD_INFO_BYTES] {
    const SI_TIMER: i32 = -2;
    let word = |at: usize| u32::from_bytes(&info[at..at + 4]);
    let long = |at: usize| u64::from_bytes(&info[at..at + 8]);
    let (signal, code) = (u64::from(word(0)), word(8) as i32);
    let mut bytes = [0; SIGNALFD_INFO_BYTES];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &word(0).to_le_bytes());
    put(4, &word(4).to_le_bytes());
    put(8, &word(8).to_le_bytes());
    if code > 0 && Signal::new(signal).is_some_and(|signal| SignalSet::FAULTS.contains(signal)) {
        put(72, &long(16).to_le_bytes());
        return bytes;
    }
    if code == SI_TIMER {
        put(24, &word(16).to_le_bytes());
        put(32, &word(20).to_le_bytes());
    } else {
        put(12, &word(16).to_le_bytes());
        put(16, &word(20).to_le_bytes());
    }
    // POLL_IN and the like, of a signal that has no codes of its own.
    if (1..=6).contains(&code) && signal != u64::from(Signal::SIGCHLD.number()) {
        put(12, &[0; 8]);
        put(20, &word(24).to_le_bytes());
        put(28, &word(16).to_le_bytes());
        return bytes;
    }
    if code < 0 {
        put(44, &word(24).to_le_bytes());
        put(48, &long(24).to_le_bytes());
    } else if code > 0 && signal == u64::from(Signal::SIGCHLD.number()) {
        put(40, &word(24).to_le_bytes());
        put(56, &long(32).to_le_bytes());
        put(64, &long(40).to_le_bytes());
    }
    bytes
}
