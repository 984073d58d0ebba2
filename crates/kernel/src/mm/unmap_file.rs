//! Pages of a file leave every address space: when the file is cut, and when frames run short (Linux 6.12 mm/memory.c
//! `unmap_mapping_range`, mm/rmap.c `try_to_unmap`).
//!
//! A leaf table that on-demand fork shares is no obstacle and is not copied: all its holders map the same file there, so each of
//! them stops counting the page and owes a fence, and then the slot is emptied once.

use super::frames::{FrameKind, Frames};
use super::lock::Lock;
use super::page_cache::Copies;
use super::page_table::{self, PageTable, SlotRef, owe};
use super::sabotage::{Sabotage, is_broken};
use super::{Fences, Memory, Vma, Work};
use crate::{FileId, MmId};
use std::collections::BTreeMap;
use std::ops::Range;
use tine_mmu::{PhysAddr, Pte, PteFlags, Ram, Vpn};

/// Slots of shared tables, each once, that are to be changed when all holders know.
type Common = BTreeMap<PhysAddr, (SlotRef, Pte)>;

impl Memory {
    /// Unmaps pages of a file wherever they are mapped, and adds what every address space owes for it.
    pub(super) fn unmap_file(
        &mut self,
        work: &mut Work<'_>,
        owed: &mut BTreeMap<MmId, Fences>,
        file: FileId,
        pages: &Range<u64>,
        copies: Copies,
    ) {
        let mut common = Common::new();
        self.for_each_part(work, owed, file, pages, |table, work, frames, part, _| {
            table.unmap_file(work, frames, part, copies, &mut common);
        });
        for (slot, pte) in common.into_values() {
            page_table::vacate(work, &mut self.frames, slot, pte);
        }
    }

    /// Forgets that pages of a file were used, and tells whether they were since that was forgotten last, or are locked.
    pub(super) fn forget_uses_of_file(
        &mut self,
        work: &mut Work<'_>,
        owed: &mut BTreeMap<MmId, Fences>,
        file: FileId,
        pages: &Range<u64>,
    ) -> bool {
        let (mut common, mut is_used) = (Common::new(), false);
        self.for_each_part(work, owed, file, pages, |table, work, frames, part, lock| {
            is_used |= lock != Lock::Unlocked;
            is_used |= table.take_accessed(work, frames, part, &mut common);
        });
        for (slot, pte) in common.into_values() {
            page_table::store(work.ram, slot.at, pte.without(PteFlags::A));
        }
        is_used
    }

    /// Does something with every part of an address space that shows pages of a file.
    fn for_each_part(
        &mut self,
        work: &mut Work<'_>,
        owed: &mut BTreeMap<MmId, Fences>,
        file: FileId,
        pages: &Range<u64>,
        mut action: impl FnMut(&mut PageTable, &mut Work<'_>, &mut Frames, Range<Vpn>, Lock),
    ) {
        let outer = std::mem::take(&mut work.fences);
        for mm in self.cache.mappers(file) {
            let space = self.spaces.get_mut(mm);
            for vma in space.vmas.iter() {
                if let Some(part) = part(vma, file, pages) {
                    action(&mut space.table, work, &mut self.frames, part, vma.lock);
                }
            }
            owed.entry(mm).or_default().join(std::mem::take(&mut work.fences));
        }
        work.fences = outer;
    }
}

/// Returns where an area shows pages of a file.
fn part(vma: &Vma, file: FileId, pages: &Range<u64>) -> Option<Range<Vpn>> {
    let (_, first) = vma.file_page(vma.start).filter(|(mapped, _)| *mapped == file)?;
    let within = |page: u64| vma.start + page.saturating_sub(first).min(vma.pages());
    Some(within(pages.start)..within(pages.end)).filter(|part| !part.is_empty())
}

impl PageTable {
    /// Empties the slots of `range` that map pages of a file, and copies of them too if those go. Slots of shared tables are
    /// left to the caller.
    fn unmap_file(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        range: Range<Vpn>,
        copies: Copies,
        common: &mut Common,
    ) {
        let goes = |kind| copies == Copies::Go || kind != FrameKind::Anon;
        for (is_shared, slot, pte) in self.slots(work.ram, frames, range) {
            if !goes(frames.kind(pte.ppn())) {
                continue;
            }
            if is_shared {
                self.uncount(frames, slot, pte);
                if !is_broken(Sabotage::OneHolderFenced) || !common.contains_key(&slot.at) {
                    owe(&mut work.fences, slot.vpn, pte);
                }
                common.insert(slot.at, (slot, pte));
            } else {
                self.clear(work, frames, slot, pte);
            }
        }
    }

    /// Clears the accessed bits of a range, and tells whether any was set: whether somebody used a page since they were
    /// cleared last. Slots of shared tables are left to the caller.
    fn take_accessed(
        &mut self,
        work: &mut Work<'_>,
        frames: &Frames,
        range: Range<Vpn>,
        common: &mut Common,
    ) -> bool {
        let mut slots = self.slots(work.ram, frames, range);
        slots.retain(|(_, _, pte)| pte.has(PteFlags::A));
        for &(is_shared, slot, pte) in &slots {
            if is_shared {
                owe(&mut work.fences, slot.vpn, pte);
                common.insert(slot.at, (slot, pte));
            } else {
                self.change(work, slot, pte, pte.without(PteFlags::A));
            }
        }
        !slots.is_empty()
    }

    /// Returns the populated slots of a range, and whether other address spaces hold their tables too.
    pub(super) fn slots(&self, ram: &Ram, frames: &Frames, range: Range<Vpn>) -> Vec<(bool, SlotRef, Pte)> {
        let slots_of_leaf = |leaf: page_table::Leaf| {
            let is_shared = leaf.is_table() && frames.references(leaf.table()) > 1;
            leaf.populated(ram).into_iter().map(move |(slot, pte)| (is_shared, slot, pte))
        };
        self.leaves(ram, range).into_iter().flat_map(slots_of_leaf).collect()
    }
}
