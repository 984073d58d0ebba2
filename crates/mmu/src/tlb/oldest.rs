//! The least recently used entries of a large set.

use std::ops::Range;

/// Entries of one set that were the least recently used when this was made, the oldest last.
///
/// An entry that was used since has another stamp, and a later one than all that are listed; so the last entry whose stamp
/// is the listed one is the least recently used of the whole set. One scan of the set thus serves many fills.
#[derive(Clone, Debug, Default)]
pub(super) struct Oldest {
    listed: Vec<(u64, usize)>,
}

impl Oldest {
    /// Takes the least recently used entry of `set`, which is full; of several equally old ones, the first. `used` says when an
    /// entry was used last.
    pub(super) fn take(&mut self, set: Range<usize>, mut used: impl FnMut(usize) -> u64) -> usize {
        if let Some(index) = self.take_listed(&mut used) {
            return index;
        }
        self.listed.extend(set.clone().map(|index| (used(index), index)));
        // What was used last is not listed: another use may come that is equally late.
        let latest = self.listed.iter().map(|(stamp, _)| *stamp).max().unwrap_or(0);
        self.listed.retain(|(stamp, _)| *stamp < latest);
        self.listed.sort_unstable_by(|one, other| other.cmp(one));
        self.take_listed(&mut used).unwrap_or(set.start)
    }

    fn take_listed(&mut self, used: &mut impl FnMut(usize) -> u64) -> Option<usize> {
        while let Some((stamp, index)) = self.listed.pop() {
            if used(index) == stamp {
                return Some(index);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamps rise, as those of a TLB do, and some are equal.
    #[test]
    fn the_oldest_is_what_a_scan_finds() {
        const WAYS: usize = 12;
        let mut stamps = vec![0; WAYS + 5];
        let (mut oldest, mut now, mut random) = (Oldest::default(), 1, 1_u64);
        for _ in 0..10_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let draw = (random >> 33) as usize;
            now += (draw % 3 / 2) as u64;
            if draw & 0x100 == 0 {
                stamps[3 + draw % WAYS] = now;
                continue;
            }
            let scanned = (3..3 + WAYS).min_by_key(|&index| stamps[index]).unwrap();
            let taken = oldest.take(3..3 + WAYS, |index| stamps[index]);
            assert_eq!(taken, scanned, "{stamps:?}");
            stamps[taken] = now;
        }
    }
}
