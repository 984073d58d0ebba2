//! Disciplining the time of day (adjtimex(2); Linux 6.12 kernel/time/ntp.c).
//!
//! The machine's clock is exact: it counts instructions, and nothing steers it. So what a program says of the clock's rate is
//! kept and told again, but the rate stays; only `ADJ_SETOFFSET` moves the clock.

use super::args::{Timespec, UserPtr, UserValue};
use super::time::set_wall_clock;
use super::types::ClockId;
use super::{Flow, SysResult};
use crate::Errno;
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::task::Clock;

const ADJ_OFFSET: u32 = 0x1;
const ADJ_FREQUENCY: u32 = 0x2;
const ADJ_MAXERROR: u32 = 0x4;
const ADJ_ESTERROR: u32 = 0x8;
const ADJ_STATUS: u32 = 0x10;
const ADJ_TIMECONST: u32 = 0x20;
const ADJ_TAI: u32 = 0x80;
const ADJ_SETOFFSET: u32 = 0x100;
const ADJ_MICRO: u32 = 0x1000;
const ADJ_NANO: u32 = 0x2000;
const ADJ_TICK: u32 = 0x4000;
/// adjtime(3): the offset alone, in microseconds.
const ADJ_ADJTIME: u32 = 0x8000;
/// With it, `ADJ_NANO`'s bit only asks (`ADJ_OFFSET_READONLY`).
const ADJ_OFFSET_READONLY: u32 = ADJ_NANO;

const STA_PLL: i32 = 0x1;
const STA_UNSYNC: i32 = 0x40;
const STA_CLOCKERR: i32 = 0x1000;
const STA_NANO: i32 = 0x2000;
/// The bits of the status that programs cannot set (`STA_RONLY`).
const STA_READ_ONLY: i32 = 0xff00;

/// What an error may be at most, in microseconds (`NTP_PHASE_LIMIT`).
const MOST_ERROR_US: i64 = 16_000_000;
/// What an offset may be at most, in nanoseconds (`MAXPHASE`).
const MOST_OFFSET_NS: i64 = 500_000_000;
/// What a frequency may be at most, in parts per million with 16 bits behind the point (`MAXFREQ_SCALED`).
const MOST_FREQUENCY: i64 = 500 << 16;
/// `MAXTC`.
const MOST_CONSTANT: i64 = 10;
/// `MAX_TAI_OFFSET`.
const MOST_TAI: i64 = 100_000;
/// Microseconds of a tick of a clock that is right, and what they may be.
const TICK_US: i64 = 10_000;
const TICKS_US: std::ops::RangeInclusive<i64> = 9_000..=11_000;
/// The clock is as it should be, or nobody vouches for it.
const TIME_OK: u64 = 0;
const TIME_ERROR: u64 = 5;

/// What programs have said of the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockDiscipline {
    offset_ns: i64,
    frequency: i64,
    most_error_us: i64,
    error_us: i64,
    status: i32,
    constant: i64,
    tick_us: i64,
    tai_s: i32,
    /// What adjtime(3) has asked for last.
    slew_us: i64,
}

impl Default for ClockDiscipline {
    fn default() -> Self {
        Self {
            offset_ns: 0,
            frequency: 0,
            most_error_us: MOST_ERROR_US,
            error_us: MOST_ERROR_US,
            status: STA_UNSYNC,
            constant: 2,
            tick_us: TICK_US,
            tai_s: 0,
            slew_us: 0,
        }
    }
}

/// `struct timex`: what is to change, then what there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timex {
    modes: u32,
    offset: i64,
    frequency: i64,
    most_error_us: i64,
    error_us: i64,
    status: i32,
    constant: i64,
    time: [i64; 2],
    tick_us: i64,
    tai_s: i32,
}

impl UserValue for Timex {
    const SIZE: usize = 208;

    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |at: usize| i32::from_bytes(&bytes[at..at + 4]);
        let long = |at: usize| i64::from_bytes(&bytes[at..at + 8]);
        Self {
            modes: word(0) as u32,
            offset: long(8),
            frequency: long(16),
            most_error_us: long(24),
            error_us: long(32),
            status: word(40),
            constant: long(48),
            time: [long(72), long(80)],
            tick_us: long(88),
            tai_s: word(160),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        /// In microseconds, and with 16 bits behind the point.
        const PRECISION: i64 = 1;
        const TOLERANCE: i64 = MOST_FREQUENCY;
        let longs = [
            (0, i64::from(self.modes)),
            (8, self.offset),
            (16, self.frequency),
            (24, self.most_error_us),
            (32, self.error_us),
            (40, i64::from(self.status as u32)),
            (48, self.constant),
            (56, PRECISION),
            (64, TOLERANCE),
            (72, self.time[0]),
            (80, self.time[1]),
            (88, self.tick_us),
            (160, i64::from(self.tai_s as u32)),
        ];
        let mut bytes = vec![0; Self::SIZE];
        for (at, value) in longs {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}

impl Timex {
    /// Checks what is to change (`timekeeping_validate_timex`).
    ///
    /// # Errors
    /// `EPERM` without `CAP_SYS_TIME`, `EINVAL` for a tick, a part of a second or a frequency that cannot be.
    fn check(&self, may_set: bool) -> Result<(), Errno> {
        let has = |mode| self.modes & mode != 0;
        if has(ADJ_ADJTIME) {
            if !has(ADJ_OFFSET) {
                return Err(Errno::EINVAL);
            }
            if !has(ADJ_OFFSET_READONLY) && !may_set {
                return Err(Errno::EPERM);
            }
        } else {
            if self.modes != 0 && !may_set {
                return Err(Errno::EPERM);
            }
            if has(ADJ_TICK) && !TICKS_US.contains(&self.tick_us) {
                return Err(Errno::EINVAL);
            }
        }
        if has(ADJ_SETOFFSET) {
            let parts = if has(ADJ_NANO) { 1_000_000_000 } else { 1_000_000 };
            if !may_set {
                return Err(Errno::EPERM);
            }
            if !(0..parts).contains(&self.time[1]) {
                return Err(Errno::EINVAL);
            }
        }
        let scale = 65_536_000_000_i64 / 1_000;
        if has(ADJ_FREQUENCY) && self.frequency.checked_mul(scale).is_none() {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }
}

impl ClockDiscipline {
    /// Keeps what is to change, and returns what is told of the offset (`process_adjtimex_modes`).
    fn apply(&mut self, asked: &Timex) -> i64 {
        let has = |mode| asked.modes & mode != 0;
        if has(ADJ_ADJTIME) {
            let before = self.slew_us;
            if !has(ADJ_OFFSET_READONLY) {
                self.slew_us = asked.offset;
            }
            return before;
        }
        if has(ADJ_STATUS) {
            let asked = asked.status;
            if self.status & STA_PLL != 0 && asked & STA_PLL == 0 {
                self.status = STA_UNSYNC;
            }
            self.status = self.status & STA_READ_ONLY | asked & !STA_READ_ONLY;
        }
        if has(ADJ_NANO) {
            self.status |= STA_NANO;
        }
        if has(ADJ_MICRO) {
            self.status &= !STA_NANO;
        }
        let is_nano = self.status & STA_NANO != 0;
        if has(ADJ_FREQUENCY) {
            self.frequency = asked.frequency.clamp(-MOST_FREQUENCY, MOST_FREQUENCY);
        }
        if has(ADJ_MAXERROR) {
            self.most_error_us = asked.most_error_us.clamp(0, MOST_ERROR_US);
        }
        if has(ADJ_ESTERROR) {
            self.error_us = asked.error_us.clamp(0, MOST_ERROR_US);
        }
        if has(ADJ_TIMECONST) {
            let constant = asked.constant.clamp(0, MOST_CONSTANT);
            self.constant = (constant + if is_nano { 0 } else { 4 }).min(MOST_CONSTANT);
        }
        if has(ADJ_TAI) && (0..=MOST_TAI).contains(&asked.constant) {
            self.tai_s = asked.constant as i32;
        }
        let unit_ns = if is_nano { 1 } else { 1_000 };
        if has(ADJ_OFFSET) && self.status & STA_PLL != 0 {
            self.offset_ns = asked.offset.saturating_mul(unit_ns).clamp(-MOST_OFFSET_NS, MOST_OFFSET_NS);
        }
        if has(ADJ_TICK) {
            self.tick_us = asked.tick_us;
        }
        self.offset_ns / unit_ns
    }
}

/// `adjtimex(2)`.
pub(super) fn adjtimex(ctx: &mut Ctx<'_>, timex: UserPtr<Timex>) -> SysResult {
    let asked = ctx.read(timex)?;
    adjust(ctx, timex, asked)
}

/// `clock_adjtime(2)`: the time of day alone can be disciplined.
///
/// # Errors
/// As [`Timex::check`]; `EINVAL` for no clock, `EOPNOTSUPP` for another, `EFAULT`.
pub(super) fn clock_adjtime(ctx: &mut Ctx<'_>, clock: ClockId, timex: UserPtr<Timex>) -> SysResult {
    let asked = ctx.read(timex)?;
    match ctx.clock(clock.0)? {
        Clock::Wall(_) if clock.0 == ClockId::REALTIME => adjust(ctx, timex, asked),
        _ => Err(Errno::EOPNOTSUPP.into()),
    }
}

fn adjust(ctx: &mut Ctx<'_>, to: UserPtr<Timex>, asked: Timex) -> SysResult {
    asked.check(ctx.credentials().can(Capabilities::SYS_TIME))?;
    if asked.modes & ADJ_SETOFFSET != 0 {
        let [seconds, parts] = asked.time;
        let part_ns = if asked.modes & ADJ_NANO != 0 { 1 } else { 1_000 };
        let offset = i128::from(seconds) * 1_000_000_000 + i128::from(parts * part_ns);
        let time = u64::try_from(i128::from(ctx.wall_clock_ns()) + offset).map_err(|_| Errno::EINVAL)?;
        set_wall_clock(ctx, Timespec::from_ns(time))?;
    }
    let mut discipline = ctx.kernel.discipline;
    let offset = discipline.apply(&asked);
    ctx.kernel.discipline = discipline;
    let now_ns = ctx.wall_clock_ns();
    let part_ns = if discipline.status & STA_NANO != 0 { 1 } else { 1_000 };
    let now = [(now_ns / 1_000_000_000) as i64, (now_ns % 1_000_000_000 / part_ns) as i64];
    let told = Timex {
        modes: asked.modes,
        offset,
        frequency: discipline.frequency,
        most_error_us: discipline.most_error_us,
        error_us: discipline.error_us,
        status: discipline.status,
        constant: discipline.constant,
        time: now,
        tick_us: discipline.tick_us,
        tai_s: discipline.tai_s,
    };
    ctx.write(to, told).map_err(Flow::Errno)?;
    let is_doubtful = discipline.status & (STA_UNSYNC | STA_CLOCKERR) != 0;
    Ok(if is_doubtful { TIME_ERROR } else { TIME_OK })
}
