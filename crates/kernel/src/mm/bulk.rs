//! Leaf tables as a whole: all their pages into a fork's child, or out of an address space.
//!
//! What [`PageTable::fill`], [`PageTable::change`] and [`PageTable::clear`] do for one page is done here for up to 512: each
//! frame's row is visited once, each table written once, and what is counted is added up first.

use super::Work;
use super::frames::{FrameKind, Frames, OutOfMemory};
use super::page_size::PageSize;
use super::page_table::{self, Leaf, PageTable, SLOTS, owe};
use super::sabotage::{Sabotage, is_broken};
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, Ppn, Pte, PteFlags, Ram, Vpn};

/// The slots of a leaf table, read at once.
struct Slots([Pte; SLOTS as usize]);

impl Slots {
    fn read(ram: &Ram, table: Ppn) -> Self {
        let entries = ram.frame(table).as_chunks().0;
        Self(std::array::from_fn(|index| Pte(u64::from_le_bytes(entries[index]))))
    }

    fn write(&self, ram: &mut Ram, table: Ppn) {
        let mut bytes = [0; PAGE_SIZE as usize];
        for (entry, pte) in bytes.as_chunks_mut().0.iter_mut().zip(&self.0) {
            *entry = pte.0.to_le_bytes();
        }
        ram.write(table.base(), &bytes).expect("page tables lie in RAM");
    }
}

/// How many pages of each kind a table has gained or lost.
#[derive(Default)]
struct Tally {
    pages: [u16; FrameKind::COUNT],
}

impl Tally {
    fn add(&mut self, kind: FrameKind) {
        self.pages[kind as usize] += 1;
    }

    /// Returns the pages of every kind, those that no process is charged for among them.
    fn slots(&self) -> u16 {
        self.pages.iter().sum()
    }

    /// Returns the pages that a process is charged for.
    fn by_kind(&self) -> [(FrameKind, u16); 3] {
        [FrameKind::Anon, FrameKind::PageCache, FrameKind::SharedMemory]
            .map(|kind| (kind, self.pages[kind as usize]))
    }
}

/// Owes the fences for the slots of `leaf` that are about to become what `new` says.
fn owe_changes(work: &mut Work<'_>, leaf: &Leaf, new: &Slots) {
    if work.fences.are_whole() {
        return;
    }
    let old = Slots::read(work.ram, leaf.table());
    for (vpn, slot) in leaf.pages().zip(leaf.slots()) {
        if old.0[slot] != new.0[slot] {
            owe(work, vpn, old.0[slot]);
            if work.fences.are_whole() {
                return;
            }
        }
    }
}

impl PageTable {
    /// Empties every slot of `range`, and splits huge pages that reach beyond it. Leaf tables at its ends are the address
    /// space's own.
    pub(super) fn clear_range(&mut self, work: &mut Work<'_>, frames: &mut Frames, range: Range<Vpn>) {
        self.split_edges(work, frames, &range);
        self.drop_shared_tables(work, frames, &range);
        for leaf in self.leaves(work.ram, range) {
            if leaf.is_table() {
                self.clear_pages(work, frames, &leaf);
                continue;
            }
            for (slot, old) in leaf.populated(work.ram) {
                self.clear(work, frames, slot, old);
            }
        }
    }

    /// Maps every base page of `leaf` in `child` too; a private one may then be written by neither (Linux 6.12 mm/memory.c
    /// `copy_pte_range`).
    ///
    /// # Errors
    /// [`OutOfMemory`] when the child finds no frame for its table.
    pub(super) fn share_pages(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        child: &mut Self,
        leaf: &Leaf,
        private: bool,
    ) -> Result<(), OutOfMemory> {
        let table = leaf.table();
        let mut ours = Slots::read(work.ram, table);
        let Some(first) = leaf.pages().find(|vpn| ours.0[leaf.slot(*vpn)] != Pte::EMPTY) else {
            return Ok(());
        };
        let target = child.reserve(work, frames, first, PageSize::Base)?.at.ppn();
        let mut theirs = Slots::read(work.ram, target);
        let mut tally = Tally::default();
        let protects = private && !is_broken(Sabotage::MissingWriteProtect);
        let (slots, lost) = (leaf.slots(), if protects { PteFlags::W } else { PteFlags::empty() });
        let mut at = page_table::slot_address(target, leaf.start(), 0);
        let mut write_protected = 0;
        for (ours, theirs) in ours.0[slots.clone()].iter_mut().zip(&mut theirs.0[slots]) {
            if *ours != Pte::EMPTY {
                tally.add(frames.share_mapping(ours.ppn(), at));
                write_protected += u64::from(ours.flags().intersects(lost));
                *ours = ours.without(lost);
                // The child has not used the page yet.
                *theirs = ours.without(PteFlags::A);
            }
            at = at + size_of::<Pte>() as u64;
        }
        if write_protected > 0 {
            owe_changes(work, leaf, &ours);
            ours.write(work.ram, table);
        }
        theirs.write(work.ram, target);
        child.gain(frames, target, &tally);
        work.counters.pages_write_protected += write_protected;
        work.counters.ptes_copied += u64::from(tally.slots());
        Ok(())
    }

    /// Empties every slot of `leaf`, a table of base pages, and releases what they held.
    pub(super) fn clear_pages(&mut self, work: &mut Work<'_>, frames: &mut Frames, leaf: &Leaf) {
        let table = leaf.table();
        let mut slots = Slots::read(work.ram, table);
        let mut tally = Tally::default();
        let mut at = page_table::slot_address(table, leaf.start(), 0);
        for pte in &mut slots.0[leaf.slots()] {
            let old = std::mem::replace(pte, Pte::EMPTY);
            if old != Pte::EMPTY {
                let is_dirty = old.has(PteFlags::D) && !is_broken(Sabotage::LostDirtyBit);
                tally.add(frames.drop_mapping(work.ram, old.ppn(), at, is_dirty));
            }
            at = at + size_of::<Pte>() as u64;
        }
        if tally.slots() > 0 {
            owe_changes(work, leaf, &slots);
            slots.write(work.ram, table);
            self.lose(frames, table, &tally);
            work.counters.copied_in_vain += frames.take_copied_in_vain();
        }
    }

    fn gain(&mut self, frames: &mut Frames, table: Ppn, tally: &Tally) {
        frames.count_slots(table, tally.slots() as i16);
        for (kind, pages) in tally.by_kind() {
            frames.count_pages(table, kind, i32::from(pages));
            if let Some(resident) = self.resident.of(kind) {
                *resident += u64::from(pages);
            }
        }
        self.resident.peak = self.resident.peak.max(self.resident.total());
    }

    fn lose(&mut self, frames: &mut Frames, table: Ppn, tally: &Tally) {
        frames.count_slots(table, -(tally.slots() as i16));
        for (kind, pages) in tally.by_kind() {
            frames.count_pages(table, kind, -i32::from(pages));
            if let Some(resident) = self.resident.of(kind) {
                *resident -= u64::from(pages);
            }
        }
    }
}
