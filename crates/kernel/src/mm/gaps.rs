//! Finding room: the free ranges of an address space, searchable by size in logarithmic time.

use std::collections::BTreeMap;
use tine_mmu::Vpn;

/// log2 of the fan-out of a level.
const BITS: u32 = 6;
/// Slots in a row.
const FAN_OUT: usize = 1 << BITS;
/// Enough levels for every page of a user address space (26 bits).
const LEVELS: usize = 5;

/// The lengths of all gaps by their first page, with the longest of every 64, 4,096, … neighbours above them.
///
/// `levels[0]` holds the lengths; slot *i* of row *r* in `levels[n + 1]` is the largest of row `r * 64 + i` in `levels[n]`.
/// Rows without any gap are absent.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    levels: [BTreeMap<u64, Row>; LEVELS],
}

/// The lengths of 64 neighbours.
#[derive(Clone, Debug)]
struct Row {
    pages: [u64; FAN_OUT],
    /// A bit for each slot that is not 0: most rows have one or two.
    used: u64,
}

impl Row {
    const EMPTY: Self = Self { pages: [0; FAN_OUT], used: 0 };

    fn set(&mut self, slot: usize, pages: u64) {
        self.pages[slot] = pages;
        self.used = self.used & !(1 << slot) | u64::from(pages > 0) << slot;
    }

    fn longest(&self) -> u64 {
        let (mut longest, mut left) = (0, self.used);
        while left > 0 {
            longest = longest.max(self.pages[left.trailing_zeros() as usize]);
            left &= left - 1;
        }
        longest
    }
}

/// Splits an index into its row and the slot in it.
fn place(index: u64) -> (u64, usize) {
    (index >> BITS, index as usize % FAN_OUT)
}

impl Gaps {
    /// Returns how many pages the gap at `start` has; 0 when none begins there.
    pub(super) fn pages_at(&self, start: Vpn) -> u64 {
        let (row, slot) = place(start.0);
        self.levels[0].get(&row).map_or(0, |row| row.pages[slot])
    }

    /// Sets the length of the gap that begins at `start`; 0 removes it.
    pub(super) fn set(&mut self, start: Vpn, pages: u64) {
        let mut index = start.0;
        let mut value = pages;
        for level in &mut self.levels {
            let (row, slot) = place(index);
            let slots = level.entry(row).or_insert(Row::EMPTY);
            slots.set(slot, value);
            value = slots.longest();
            if value == 0 {
                level.remove(&row);
            }
            index = row;
        }
    }

    /// Returns the highest gap of at least `pages` pages that begins below `limit`.
    pub(super) fn highest_below(&self, limit: Vpn, pages: u64) -> Option<Vpn> {
        let mut index = limit.0;
        for level in 0..LEVELS {
            let (row, slot) = place(index);
            if let Some(found) = self.last_fit(level, row, slot, pages) {
                return self.descend(level, row << BITS | found, pages);
            }
            index = row;
        }
        None
    }

    /// Goes down from a slot whose subtree has a gap that fits to the highest such gap.
    fn descend(&self, level: usize, mut index: u64, pages: u64) -> Option<Vpn> {
        for below in (0..level).rev() {
            index = index << BITS | self.last_fit(below, index, FAN_OUT, pages)?;
        }
        Some(Vpn(index))
    }

    /// Returns the last of the first `before` slots of a row that holds at least `pages`.
    fn last_fit(&self, level: usize, row: u64, before: usize, pages: u64) -> Option<u64> {
        let slots = &self.levels[level].get(&row)?.pages;
        slots[..before].iter().rposition(|&longest| longest >= pages).map(|slot| slot as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_highest_gap_that_fits_below_the_limit() {
        let mut gaps = Gaps::default();
        for (start, pages) in [(1, 100), (5_000, 3), (70_000, 7), (30_000_000, 3)] {
            gaps.set(Vpn(start), pages);
        }
        let top = Vpn(1 << 26);
        assert_eq!(gaps.highest_below(top, 3), Some(Vpn(30_000_000)));
        assert_eq!(gaps.highest_below(top, 4), Some(Vpn(70_000)));
        assert_eq!(gaps.highest_below(Vpn(70_000), 4), Some(Vpn(1)));
        assert_eq!(gaps.highest_below(Vpn(70_001), 4), Some(Vpn(70_000)));
        assert_eq!(gaps.highest_below(top, 101), None);
        gaps.set(Vpn(70_000), 0);
        assert_eq!(gaps.highest_below(top, 4), Some(Vpn(1)));
        assert_eq!(gaps.pages_at(Vpn(5_000)), 3);
    }
}
