//! The least recently used entries of a large set.

use std::ops::Range;

/// An entry, in a ring from the oldest to the newest.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// The entry is known to have been used at this instant, or later.
    known: u64,
    older: u16,
    newer: u16,
}

/// The entries of one set, in the order in which each is known to have been used.
///
/// Uses are not told. So the oldest entry may have been used since, which is found out when it is its turn; it then takes its
/// place among the others. The first one of which that is not so is the least recently used of the whole set, for all others
/// were used no earlier than is known of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Oldest {
    /// A link for each way, and one behind them that stands between the newest and the oldest.
    ring: Vec<Link>,
}

impl Oldest {
    /// Finds the least recently used entry of `set`, which is full; of several equally old ones, the first. `used` says when an
    /// entry was used last.
    pub(super) fn take(&mut self, set: Range<usize>, mut used: impl FnMut(usize) -> u64) -> usize {
        let ways = set.len();
        if self.ring.len() <= ways {
            let around = |way: usize| (way % (ways + 1)) as u16;
            let link = |way| Link { known: 0, older: around(way + ways), newer: around(way + 1) };
            self.ring = (0..=ways).map(link).collect();
        }
        loop {
            let way = self.ring[ways].newer;
            let latest = used(set.start + usize::from(way));
            if latest == self.ring[usize::from(way)].known {
                return set.start + usize::from(way);
            }
            self.renew(ways, way, latest);
        }
    }

    /// Puts the oldest entry, which has been used since that was known, where it belongs.
    fn renew(&mut self, ways: usize, way: u16, latest: u64) {
        let next = self.ring[usize::from(way)].newer;
        self.ring[ways].newer = next;
        self.ring[usize::from(next)].older = ways as u16;
        // What is used is used again soon: the newest are looked at first. Nothing is known of the end, and `latest` is not 0.
        let mut before = self.ring[ways].older;
        let after = loop {
            let Link { known, older, newer } = self.ring[usize::from(before)];
            if known < latest || known == latest && before <= way {
                break newer;
            }
            before = older;
        };
        self.ring[usize::from(way)] = Link { known: latest, older: before, newer: after };
        self.ring[usize::from(before)].newer = way;
        self.ring[usize::from(after)].older = way;
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
