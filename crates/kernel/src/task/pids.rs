//! The numbers that tasks and processes get.

use crate::{Errno, Pid};

/// `pid_max` of a default Linux.
pub const PID_MAX: i32 = 32768;

/// Which number is next: they rise, and wrap round past the low ones (Linux 6.12 kernel/pid.c `alloc_pid`).
#[derive(Clone, Copy, Debug)]
pub struct PidNumbers {
    last: i32,
    max: i32,
}

impl Default for PidNumbers {
    fn default() -> Self {
        Self { last: 0, max: PID_MAX }
    }
}

impl PidNumbers {
    /// Numbers below are not given again once they have wrapped round.
    const RESERVED: i32 = 300;
    /// `PID_MAX_LIMIT` of a 64-bit machine.
    const MOST: i64 = 4 << 20;

    /// Returns the next number that is free.
    pub fn next(&mut self, is_free: impl Fn(Pid) -> bool) -> Option<Pid> {
        let after_wrap = if self.last >= self.max - 1 { Self::RESERVED } else { self.last + 1 };
        let candidates = (after_wrap..self.max).chain(Self::RESERVED..after_wrap.max(Self::RESERVED));
        let pid = candidates.map(Pid).find(|pid| *pid != Pid(0) && is_free(*pid))?;
        self.last = pid.0;
        Some(pid)
    }

    /// Returns the bound that numbers stay below.
    pub const fn max(&self) -> i32 {
        self.max
    }

    /// Returns the number that was given last.
    pub const fn last(&self) -> i32 {
        self.last
    }

    /// Sets the bound (`/proc/sys/kernel/pid_max`).
    ///
    /// # Errors
    /// `EINVAL` for one that leaves no number, and above what there can be.
    pub fn set_max(&mut self, max: i64) -> Result<(), Errno> {
        if !(i64::from(Self::RESERVED) < max && max <= Self::MOST) {
            return Err(Errno::EINVAL);
        }
        self.max = max as i32;
        Ok(())
    }

    /// Lets the next number be the one after this (`/proc/sys/kernel/ns_last_pid`).
    ///
    /// # Errors
    /// `EINVAL` for what is no number of a task.
    pub fn set_last(&mut self, last: i64) -> Result<(), Errno> {
        if !(0..=i64::from(self.max)).contains(&last) {
            return Err(Errno::EINVAL);
        }
        self.last = last as i32;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_round_past_the_reserved_ones() {
        let mut numbers = PidNumbers::default();
        assert_eq!(numbers.set_max(300), Err(Errno::EINVAL));
        assert_eq!(numbers.set_max(302), Ok(()));
        assert_eq!(numbers.set_last(299), Ok(()));
        let taken = [Pid(300)];
        let mut next = || numbers.next(|pid| !taken.contains(&pid));
        assert_eq!((next(), next()), (Some(Pid(301)), Some(Pid(301))));
        assert_eq!(numbers.set_last(5), Ok(()));
        assert_eq!(numbers.next(|_| true), Some(Pid(6)));
        assert_eq!(numbers.next(|_| false), None);
    }
}
