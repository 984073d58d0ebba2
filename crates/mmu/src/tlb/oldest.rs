//! The least recently used entries of a large set.

use std::cmp::Reverse;
use std::ops::Range;

/// The entries of one set that had not been used for long when all of them were last looked at, the least recently used one at the
/// end.
///
/// Uses are not told. But whatever was used since was used later than everything that was not; so the last one of which that is
/// not so is the least recently used of the whole set. When none is left, all are looked at anew.
///
/// No two entries are used at the same instant: an access that goes to two pages makes two look-ups, one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Oldest {
    /// When each was used, and which it is.
    queue: Vec<(u64, usize)>,
    /// When the one was used that was taken last.
    last: u64,
}

impl Oldest {
    /// Takes the least recently used entry of `set`, which is full. `used` says when an entry was used last, before `now`.
    pub(super) fn take(&mut self, set: Range<usize>, now: u64, used: impl Fn(usize) -> u64) -> usize {
        // Most of what was used in the younger half of the time will soon be used again.
        let mut latest = u64::midpoint(self.last, now);
        loop {
            while let Some((known, index)) = self.queue.pop() {
                if used(index) == known {
                    self.last = known;
                    return index;
                }
            }
            for index in set.clone() {
                let instant = used(index);
                if instant <= latest {
                    self.queue.push((instant, index));
                }
            }
            self.queue.sort_unstable_by_key(|&(instant, _)| Reverse(instant));
            latest = u64::MAX;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamps rise, as those of a TLB do.
    #[test]
    fn the_oldest_is_what_a_scan_finds() {
        const WAYS: usize = 12;
        let mut stamps: Vec<u64> = (0..WAYS as u64 + 5).collect();
        let (mut oldest, mut random) = (Oldest::default(), 1_u64);
        for now in 100..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = (random >> 33) as usize;
            if draw & 0x100 == 0 {
                stamps[3 + draw % WAYS] = now;
                continue;
            }
            let scanned = (3..3 + WAYS).min_by_key(|&index| stamps[index]).unwrap();
            let taken = oldest.take(3..3 + WAYS, now, |index| stamps[index]);
            assert_eq!(taken, scanned, "{stamps:?}");
            stamps[taken] = now;
        }
    }
}
