//! Timers that one can wait for (timerfd_create(2); Linux 6.12 fs/timerfd.c).
//!
//! A periodic timer that has expired stands still until somebody asks for it: the periods that passed meanwhile are counted
//! then. So a timer that nobody reads costs one wake-up, however short its period is.

use super::Anonymous;
use crate::Errno;
use crate::fs::flags::{OpenFlags, PollEvents};
use crate::fs::inode::InodeId;
use crate::fs::wait::Wait;
use crate::fs::{Env, Fs, OpenId};
use crate::task::NEVER_NS;

/// What a read moves: one 64-bit number.
pub(super) const BYTES: usize = size_of::<u64>();

/// What a timer counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeBase {
    /// The time since the machine started, which nothing sets.
    Uptime,
    /// The time of day.
    Wall,
}

impl TimeBase {
    /// Returns what the clock says.
    pub(in crate::fs) const fn now_ns(self, env: &Env<'_>) -> u64 {
        match self {
            Self::Uptime => env.uptime_ns,
            Self::Wall => env.now_ns,
        }
    }
}

/// When a timer expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerSetting {
    /// What `next_ns` is a time of.
    pub base: TimeBase,
    /// The next expiry; `None` for a timer that is off.
    pub next_ns: Option<u64>,
    /// The time between expiries; 0 for a timer that expires once.
    pub interval_ns: u64,
    /// Whether a change of the time of day ends it (`TFD_TIMER_CANCEL_ON_SET`).
    pub on_clock_set: OnClockSet,
}

/// What a change of the time of day does to a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnClockSet {
    /// It expires when the new time says so.
    Follow,
    /// A read says `ECANCELED`.
    Cancel,
}

/// Whether a timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is off, or will expire.
    Quiet,
    /// It has expired and waits to be asked for.
    Expired,
    /// The clock was set.
    Cancelled,
}

/// A timer.
#[derive(Clone, Copy, Debug)]
pub(in crate::fs) struct Timerfd {
    /// What absolute times are of.
    clock: TimeBase,
    setting: TimerSetting,
    ticks: u64,
    state: State,
}

impl Timerfd {
    /// Returns when it will expire by the machine's uptime.
    fn deadline_ns(&self, env: &Env<'_>) -> Option<u64> {
        let next = self.setting.next_ns.filter(|_| self.state == State::Quiet)?;
        let start_ns = self.setting.base.now_ns(env) - env.uptime_ns;
        Some(next.saturating_sub(start_ns))
    }

    /// Counts the periods that have passed since it expired, and lets it run again.
    fn catch_up(&mut self, env: &Env<'_>) {
        if self.state != State::Expired {
            return;
        }
        self.state = State::Quiet;
        let interval = self.setting.interval_ns;
        self.setting.next_ns = self.setting.next_ns.filter(|_| interval > 0).map(|next| {
            let more = self.setting.base.now_ns(env).saturating_sub(next) / interval;
            self.ticks += more;
            next.saturating_add(interval.saturating_mul(more + 1))
        });
    }

    /// Returns how long until it expires, 0 when it is off, and its interval.
    fn remaining(&self, env: &Env<'_>) -> (u64, u64) {
        let next = self.setting.next_ns.unwrap_or(0);
        (next.saturating_sub(self.setting.base.now_ns(env)), self.setting.interval_ns)
    }

    /// Returns what a read of `len` bytes gets; `None` while it has not expired.
    ///
    /// # Errors
    /// `EINVAL` when there is no room for the number, `ECANCELED` when the clock was set.
    pub(super) fn peek(&mut self, env: &Env<'_>, len: usize) -> Result<Option<Vec<u8>>, Errno> {
        if len < BYTES {
            return Err(Errno::EINVAL);
        }
        if self.state == State::Cancelled {
            (self.state, self.ticks) = (State::Quiet, 0);
            return Err(Errno::ECANCELED);
        }
        self.catch_up(env);
        Ok((self.ticks > 0).then(|| self.ticks.to_le_bytes().to_vec()))
    }

    /// Takes what [`Timerfd::peek`] has shown.
    pub(super) const fn consume(&mut self) {
        self.ticks = 0;
    }

    /// Returns what `/proc` says of it.
    pub(super) fn info(&self, env: &Env<'_>) -> String {
        const NS_PER_S: u64 = 1_000_000_000;
        let clock = match self.clock {
            TimeBase::Wall => 0,
            TimeBase::Uptime => 1,
        };
        let (next, interval) = self.remaining(env);
        let pair = |ns: u64| format!("({}, {})", ns / NS_PER_S, ns % NS_PER_S);
        let (ticks, next, interval) = (self.ticks, pair(next), pair(interval));
        format!(
            "clockid: {clock}\nticks: {ticks}\nsettime flags: 00\nit_value: {next}\nit_interval: {interval}\n"
        )
    }

    pub(super) const fn poll(&self) -> PollEvents {
        if self.ticks > 0 { PollEvents::IN } else { PollEvents::empty() }
    }
}

impl Fs {
    /// Opens a timer that is off (timerfd_create(2)). Of `flags`, `O_NONBLOCK` counts.
    pub fn timerfd(&mut self, clock: TimeBase, flags: OpenFlags, now_ns: u64) -> OpenId {
        let (base, on_clock_set) = (TimeBase::Uptime, OnClockSet::Follow);
        let setting = TimerSetting { base, next_ns: None, interval_ns: 0, on_clock_set };
        let timer = Timerfd { clock, setting, ticks: 0, state: State::Quiet };
        self.open_anonymous(Anonymous::Timerfd(timer), flags, now_ns)
    }

    fn timerfd_mut(&mut self, open: OpenId) -> Result<(InodeId, &mut Timerfd), Errno> {
        let (inode, _) = self.anonymous(self.opens[open].node).ok_or(Errno::EINVAL)?;
        match self.object_mut(inode) {
            Some(Anonymous::Timerfd(timer)) => Ok((inode, timer)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Returns what a timer's absolute times are of.
    ///
    /// # Errors
    /// `EINVAL` when it is no timer.
    pub fn timerfd_base(&mut self, open: OpenId) -> Result<TimeBase, Errno> {
        Ok(self.timerfd_mut(open)?.1.clock)
    }

    /// Sets a timer (timerfd_settime(2)). Returns how long it had to go, and its interval.
    ///
    /// # Errors
    /// `EINVAL` when it is none; `ECANCELED` when the clock was set, and the timer is set all the same.
    pub fn set_timerfd(
        &mut self,
        env: &Env<'_>,
        open: OpenId,
        setting: TimerSetting,
    ) -> Result<(u64, u64), Errno> {
        let (inode, timer) = self.timerfd_mut(open)?;
        let before = timer.deadline_ns(env);
        let was_cancelled = timer.state == State::Cancelled && setting.on_clock_set == OnClockSet::Cancel;
        timer.catch_up(env);
        let old = timer.remaining(env);
        *timer = Timerfd { setting, ticks: 0, state: State::Quiet, ..*timer };
        let after = timer.deadline_ns(env);
        self.move_timer(inode, before, after);
        if was_cancelled && setting.next_ns.is_some() { Err(Errno::ECANCELED) } else { Ok(old) }
    }

    /// Returns how long a timer has to go, and its interval (timerfd_gettime(2)).
    ///
    /// # Errors
    /// `EINVAL` when it is none.
    pub fn timerfd_remaining(&mut self, env: &Env<'_>, open: OpenId) -> Result<(u64, u64), Errno> {
        let (inode, timer) = self.timerfd_mut(open)?;
        let before = timer.deadline_ns(env);
        if timer.setting.interval_ns > 0 {
            timer.catch_up(env);
        }
        let (after, remaining) = (timer.deadline_ns(env), timer.remaining(env));
        self.move_timer(inode, before, after);
        Ok(remaining)
    }

    /// Begins a read of a timer, which lets it run again.
    pub(super) fn read_timerfd(
        &mut self,
        env: &Env<'_>,
        inode: InodeId,
        len: usize,
    ) -> Result<Option<Vec<u8>>, Errno> {
        let Some(Anonymous::Timerfd(timer)) = self.object_mut(inode) else { return Err(Errno::EINVAL) };
        let before = timer.deadline_ns(env);
        let shown = timer.peek(env, len);
        let after = timer.deadline_ns(env);
        self.move_timer(inode, before, after);
        shown
    }

    fn move_timer(&mut self, inode: InodeId, before_ns: Option<u64>, after_ns: Option<u64>) {
        if let Some(before) = before_ns {
            self.timers.remove(&(before, inode));
        }
        self.timers.extend(after_ns.map(|after| (after, inode)));
    }

    /// Takes a timer out of those that will expire.
    pub(super) fn forget_timer(&mut self, inode: InodeId) {
        self.timers.retain(|(_, timer)| *timer != inode);
    }

    /// Returns when the next timer expires, by the machine's uptime.
    pub fn next_timer_ns(&self) -> Option<u64> {
        self.timers.first().map(|(deadline, _)| *deadline).filter(|deadline| *deadline < NEVER_NS)
    }

    /// Lets the timers expire that are due at `uptime_ns`.
    pub fn expire_timers(&mut self, uptime_ns: u64) {
        while let Some((deadline, inode)) = self.timers.first().copied().filter(|(at, _)| *at <= uptime_ns) {
            self.timers.remove(&(deadline, inode));
            if let Some(Anonymous::Timerfd(timer)) = self.object_mut(inode) {
                timer.ticks += 1;
                timer.state = State::Expired;
                self.wakes.push(Wait::Readable(inode));
            }
        }
    }

    /// Has the timers follow a time of day that was set, or tell that it was.
    pub fn clock_was_set(&mut self, env: &Env<'_>) {
        let inodes: Vec<InodeId> = self.inodes.iter().map(|(inode, _)| inode).collect();
        for inode in inodes {
            let Some(Anonymous::Timerfd(timer)) = self.object_mut(inode) else { continue };
            if timer.setting.base == TimeBase::Uptime {
                continue;
            }
            if timer.setting.on_clock_set == OnClockSet::Cancel {
                timer.ticks += 1;
                timer.state = State::Cancelled;
                self.wakes.push(Wait::Readable(inode));
            }
            let Some(Anonymous::Timerfd(timer)) = self.object_mut(inode) else { continue };
            let deadline = timer.deadline_ns(env);
            self.forget_timer(inode);
            self.timers.extend(deadline.map(|deadline| (deadline, inode)));
        }
    }
}
