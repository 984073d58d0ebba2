//! Leaf tables as a whole: all their pages into a fork's child, or out of an address space.
//!
//! What [`PageTable::fill`], [`PageTable::change`] and [`PageTable::clear`] do for one page is done here for up to 512: each
//! frame's row is visited once, each table written once, and what is counted is added up first.

use super::Work;
use super::entries::{
    Entry, decode, encode, entries_of, entries_of_mut, entry_address, for_each_used, used_span,
};
use super::frames::{FrameKind, Frames, OutOfMemory};
use super::page_size::PageSize;
use super::page_table::{Leaf, PageTable, owe};
use super::sabotage::{Sabotage, is_broken};
use std::ops::Range;
use tine_mmu::{PhysAddr, Ppn, Pte, PteFlags, Ram, Vpn};

/// How many pages of each kind a table has gained or lost.
#[derive(Default)]
struct Tally {
    pages: [u16; FrameKind::COUNT],
}

impl Tally {
    fn add(&mut self, kind: FrameKind, pages: u16) {
        self.pages[kind as usize] += pages;
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

/// Returns those slots of `leaf` that anything is in; `None` when nothing is.
fn used_slots(ram: &Ram, leaf: &Leaf) -> Option<Range<usize>> {
    let first = leaf.slots().start;
    let span = used_span(&entries_of(ram.frame(leaf.table()))[leaf.slots()])?;
    Some(first + span.start..first + span.end)
}

/// Adds to each frame that `entries` name a mapping by a copy of the entry; the copies lie at `copies`.
#[inline(never)] // The loop that fork is made of has the registers for itself.
fn share_frames(frames: &mut Frames, entries: &[Entry], copies: PhysAddr) -> Tally {
    let (mut tally, mut private) = (Tally::default(), 0);
    for_each_used(entries, |index, pte| {
        let copy = copies + (index * size_of::<Entry>()) as u64;
        if frames.share_private(pte.ppn(), copy) {
            private += 1;
        } else {
            tally.add(frames.share_mapping(pte.ppn(), copy), 1);
        }
    });
    frames.count_shared(private);
    tally.add(FrameKind::Anon, private as u16);
    tally
}

/// Takes from each frame that `entries` name the mapping by the entry; the entries lie at `at`.
#[inline(never)] // As above, for exit.
fn drop_frames(frames: &mut Frames, ram: &Ram, entries: &[Entry], at: PhysAddr) -> Tally {
    let (mut tally, mut private) = (Tally::default(), 0);
    for_each_used(entries, |index, pte| {
        let (ppn, at) = (pte.ppn(), at + (index * size_of::<Entry>()) as u64);
        let is_dirty = pte.has(PteFlags::D) && !is_broken(Sabotage::LostDirtyBit);
        if frames.unshare_private(ppn, at, is_dirty) {
            private += 1;
            return;
        }
        if is_dirty {
            frames.mark_dirty(ppn);
        }
        tally.add(frames.detach(ram, ppn, at, PageSize::Base), 1);
    });
    frames.count_shared(-private);
    tally.add(FrameKind::Anon, private as u16);
    tally
}

impl PageTable {
    /// Empties every slot of `range`, and splits huge pages that reach beyond it. Leaf tables at its ends are the address
    /// space's own.
    pub(super) fn clear_range(&mut self, work: &mut Work<'_>, frames: &mut Frames, range: Range<Vpn>) {
        self.split_edges(work, frames, &range);
        for leaf in self.leaves(work.ram, range) {
            if leaf.is_table() {
                if !self.drop_if_shared(work, frames, &leaf) {
                    self.clear_pages(work, frames, &leaf);
                }
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
        let Some(slots) = used_slots(work.ram, leaf) else { return Ok(()) };
        let target = child.reserve(work, frames, leaf.start(), PageSize::Base)?.at.ppn();
        let tables = work.ram.two_frames_mut(leaf.table(), target);
        let [ours, theirs] = tables.map(|table| &mut entries_of_mut(table)[slots.clone()]);
        let protects = private && !is_broken(Sabotage::MissingWriteProtect);
        let lost = if protects { PteFlags::W } else { PteFlags::empty() };
        let is_writable = |entry: &Entry| decode(*entry).flags().intersects(lost);
        let writable = ours.iter().filter(|entry| is_writable(entry)).count();
        if writable > 0 {
            for (slot, entry) in slots.clone().zip(&mut *ours).filter(|(_, entry)| is_writable(entry)) {
                owe(&mut work.fences, leaf.page(slot), decode(*entry));
                *entry = encode(decode(*entry).without(lost));
            }
        }
        for (ours, theirs) in ours.iter().zip(theirs) {
            // The child has not used the page yet.
            *theirs = encode(decode(*ours).without(PteFlags::A));
        }
        let tally = share_frames(frames, ours, entry_address(target, slots.start));
        child.gain(frames, target, &tally);
        work.count(|counters| counters.pages_write_protected += writable as u64);
        work.count(|counters| counters.ptes_copied += u64::from(tally.slots()));
        Ok(())
    }

    /// Empties every slot of `leaf`, a table of base pages, and releases what they held.
    pub(super) fn clear_pages(&mut self, work: &mut Work<'_>, frames: &mut Frames, leaf: &Leaf) {
        let table = leaf.table();
        let Some(slots) = used_slots(work.ram, leaf) else { return };
        let entries = &entries_of(work.ram.frame(table))[slots.clone()];
        if !work.fences.are_whole() {
            let fences = &mut work.fences;
            for_each_used(entries, |index, pte| owe(fences, leaf.page(slots.start + index), pte));
        }
        let tally = drop_frames(frames, work.ram, entries, entry_address(table, slots.start));
        entries_of_mut(work.ram.frame_mut(table))[slots].fill(encode(Pte::EMPTY));
        self.lose(frames, table, &tally);
        let in_vain = frames.take_copied_in_vain();
        work.count(|counters| counters.copied_in_vain += in_vain);
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
