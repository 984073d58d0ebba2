//! The least recently used entries of a large set.

use std::cmp::Reverse;
use std::ops::Range;

/// An entry, and when it was used last as far as is known.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    used: u64,
    index: usize,
}

/// The entries of one set that had not been used for long when all of them were last looked at, the least recently used one at the
/// end.
///
/// Uses are not told. But whatever was used since was used later than everything that was not; so the last one of which that is
/// not so is the least recently used of the whole set. When none is left, all are looked at anew.
///
/// No two entries are used at the same instant: an access that goes to two pages makes two look-ups, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Oldest {
    /// Room for the whole set, of which the first `len` are those entries.
    queue: Box<[Known]>,
    len: usize,
    /// When the one was used that was taken last.
    last: u64,
}

impl Oldest {
    /// Knows nothing of a set of so many entries.
    pub(super) fn new(ways: usize) -> Self {
        Self { queue: vec![Known::default(); ways].into(), len: 0, last: 0 }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        (self.len, self.last) = (0, 0);
    }

    /// Takes the least recently used entry of `set`, which is full. `used` says when an entry was used last, before `now`.
    pub(super) fn take(&mut self, set: Range<usize>, now: u64, used: impl Fn(usize) -> u64) -> usize {
        // Most of what was used in the younger half of the time will soon be used again.
        let mut latest = u64::midpoint(self.last, now);
        loop {
            while let Some((oldest, younger)) = self.queue[..self.len].split_last() {
                self.len = younger.len();
                if used(oldest.index) == oldest.used {
                    self.last = oldest.used;
                    return oldest.index;
                }
            }
            for index in set.clone() {
                // No branch, for nobody could predict it.
                let used = used(index);
                self.queue[self.len] = Known { used, index };
                self.len += usize::from(used <= latest);
            }
            sort(&mut self.queue[..self.len]);
            latest = u64::MAX;
        }
    }
}

/// Sorts entries, the one that was used last first.
fn sort(entries: &mut [Known]) {
    const FEW: usize = 16;
    if entries.len() > FEW {
        entries.sort_unstable_by_key(|entry| Reverse(entry.used));
        return;
    }
    // Again without a branch: an entry's place is how many are younger.
    let mut before = [Known::default(); FEW];
    before[..entries.len()].copy_from_slice(entries);
    let before = &before[..entries.len()];
    for entry in before {
        let younger = before.iter().filter(|other| other.used > entry.used).count();
        entries[younger] = *entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamps rise, as those of a TLB do.
    #[test]
    fn the_oldest_is_what_a_scan_finds() {
        for ways in [9, 16, 40] {
            let mut stamps: Vec<u64> = (0..ways as u64 + 5).collect();
            let (mut oldest, mut random) = (Oldest::new(ways), 1_u64);
            for now in 100..10_000 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let draw = (random >> 33) as usize;
                if draw & 0x100 == 0 {
                    stamps[3 + draw % ways] = now;
                    continue;
                }
                let scanned = (3..3 + ways).min_by_key(|&index| stamps[index]).unwrap();
                let taken = oldest.take(3..3 + ways, now, |index| stamps[index]);
                assert_eq!(taken, scanned, "{stamps:?}");
                stamps[taken] = now;
            }
        }
    }
}
