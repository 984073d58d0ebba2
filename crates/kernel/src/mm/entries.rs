//! The slots of a page table as they lie in guest RAM.

use super::page_table::SLOTS;
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, PhysAddr, Ppn, Pte};

/// A PTE as it lies in RAM.
pub(super) type Entry = [u8; size_of::<Pte>()];

/// Returns the slots of a table.
pub(super) fn entries_of(table: &[u8; PAGE_SIZE as usize]) -> &[Entry; SLOTS as usize] {
    table.as_chunks().0.try_into().expect("a page has so many slots")
}

/// Returns the slots of a table to change.
pub(super) fn entries_of_mut(table: &mut [u8; PAGE_SIZE as usize]) -> &mut [Entry; SLOTS as usize] {
    table.as_chunks_mut().0.try_into().expect("a page has so many slots")
}

/// Returns where a slot of a table is.
pub(super) fn entry_address(table: Ppn, slot: usize) -> PhysAddr {
    table.base() + (slot * size_of::<Entry>()) as u64
}

/// Returns what a slot holds.
#[inline]
pub(super) fn decode(entry: Entry) -> Pte {
    Pte(u64::from_le_bytes(entry))
}

/// Returns what a slot that holds `pte` looks like.
#[inline]
pub(super) fn encode(pte: Pte) -> Entry {
    pte.0.to_le_bytes()
}

/// How many slots are passed over together where they are empty, as most slots of most tables are.
const GROUP: usize = 8;

#[inline]
fn is_used(group: &[Entry; GROUP]) -> bool {
    group.iter().fold(0, |any, entry| any | decode(*entry).0) != 0
}

/// Finds the first slot that is not empty.
#[inline]
pub(super) fn first_used(entries: &[Entry]) -> Option<usize> {
    let (groups, _) = entries.as_chunks();
    let start = groups.iter().take_while(|group| !is_used(group)).count() * GROUP;
    entries[start..].iter().position(|entry| decode(*entry) != Pte::EMPTY).map(|index| start + index)
}

/// Returns slots with every one that is not empty among them, and few empty ones before or behind.
pub(super) fn used_span(entries: &[Entry]) -> Option<Range<usize>> {
    let start = first_used(entries)?;
    let (_, groups) = entries[start..].as_rchunks();
    let behind = groups.iter().rev().take_while(|group| !is_used(group)).count() * GROUP;
    Some(start..entries.len() - behind)
}

/// Visits the slots that are not empty: the index of each, and what it holds.
#[inline]
pub(super) fn for_each_used(entries: &[Entry], mut visit: impl FnMut(usize, Pte)) {
    let (groups, _) = entries.as_chunks::<GROUP>();
    let mut index = 0;
    while index < entries.len() {
        if groups.get(index / GROUP).is_some_and(|group| !is_used(group)) {
            index += GROUP;
            continue;
        }
        let end = entries.len().min(index + GROUP);
        for (index, entry) in (index..end).zip(&entries[index..end]) {
            if decode(*entry) != Pte::EMPTY {
                visit(index, decode(*entry));
            }
        }
        index = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_slot_that_is_used_whatever_the_range() {
        let filled = [0, 7, 8, 63, 200, 511];
        let mut table = [Entry::default(); SLOTS as usize];
        filled.iter().for_each(|&slot| table[slot] = encode(Pte(1 << 63)));
        for start in 0..SLOTS as usize {
            for end in start..=SLOTS as usize {
                let entries = &table[start..end];
                let expected: Vec<usize> = filled
                    .into_iter()
                    .filter(|slot| (start..end).contains(slot))
                    .map(|slot| slot - start)
                    .collect();
                let mut visited = Vec::new();
                for_each_used(entries, |index, _| visited.push(index));
                assert_eq!(visited, expected, "{start}..{end}");
                assert_eq!(first_used(entries), expected.first().copied(), "{start}..{end}");
                let span = used_span(entries);
                assert!(expected.iter().all(|index| span.as_ref().is_some_and(|span| span.contains(index))));
                assert_eq!(span.is_none(), expected.is_empty(), "{start}..{end}");
            }
        }
    }
}
