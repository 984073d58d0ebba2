//! Huge leaves in page tables: the tables kept ready for splitting them, and the split.

use super::Work;
use super::frames::{FrameKind, Frames, OutOfMemory};
use super::page_size::PageSize;
use super::page_table::{self, PageTable, Slot, SlotRef};
use super::sabotage::{Sabotage, is_broken};
use super::table_roles::TablePages;
use std::ops::Range;
use tine_mmu::{Pte, PteFlags, Vpn};

impl PageTable {
    /// Puts an empty table by for the huge leaf that comes next.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for it.
    pub(super) fn deposit(&mut self, work: &mut Work<'_>, frames: &mut Frames) -> Result<(), OutOfMemory> {
        self.deposits.push(frames.allocate_table(work.ram, self.space, Vpn(0))?);
        self.frames += 1;
        Ok(())
    }

    /// Frees one of the tables put by, after a huge leaf has gone.
    pub(super) fn withdraw(&mut self, work: &mut Work<'_>, frames: &mut Frames) {
        if let Some(table) = self.deposits.pop() {
            frames.release(work.ram, table);
            self.frames -= 1;
        }
    }

    /// Empties the slot of a huge page by putting its table by, which holds nothing any more, and returns the slot for the
    /// huge leaf that comes next.
    pub(super) fn put_table_by(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        slot: SlotRef,
    ) -> Option<SlotRef> {
        let huge = self.find_huge(work.ram, slot.vpn)?;
        page_table::store(work.ram, huge.at, Pte::EMPTY);
        frames.count_slots(huge.at.ppn(), -1);
        self.deposits.push(slot.at.ppn());
        Some(huge)
    }

    /// Splits the huge pages that begin before `range` and reach into it, or end after it: they must be cut where `range` is
    /// (Linux 6.12 mm/huge_memory.c `vma_adjust_trans_huge`).
    pub(super) fn split_edges(&mut self, work: &mut Work<'_>, frames: &mut Frames, range: &Range<Vpn>) {
        if is_broken(Sabotage::EdgesNotSplit) {
            return;
        }
        for edge in [range.start, range.end] {
            if !PageSize::Huge.is_aligned(edge) {
                self.split_at(work, frames, edge);
            }
        }
    }

    /// Splits the huge page around `vpn`, if there is one.
    pub(super) fn split_at(&mut self, work: &mut Work<'_>, frames: &mut Frames, vpn: Vpn) {
        let Some(slot) = self.find(work.ram, vpn).filter(|slot| slot.size == PageSize::Huge) else { return };
        if let Slot::Present(pte) | Slot::Protected(pte) = self.get(work.ram, slot) {
            self.split(work, frames, slot, pte);
        }
    }

    /// Splits the huge pages of `range` beyond those for which there are free frames in one piece, so that an eager fork can
    /// copy them page by page.
    pub(super) fn split_what_cannot_be_copied(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        range: Range<Vpn>,
    ) {
        let mut room = frames.huge_room();
        for leaf in self.leaves(work.ram, range) {
            for (slot, pte) in leaf.populated(work.ram) {
                if slot.size == PageSize::Base || frames.kind(pte.ppn()) == FrameKind::Zero {
                    continue;
                }
                match room.checked_sub(1) {
                    Some(left) => room = left,
                    None => self.split(work, frames, slot, pte),
                }
            }
        }
    }

    /// Makes the tables that pages of `from` need when they move to `to`. A huge page moves whole where it can be one there
    /// too, and is split where not (Linux 6.12 mm/mremap.c `move_page_tables`).
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a table.
    pub(super) fn make_way(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        from: &Range<Vpn>,
        to: Vpn,
    ) -> Result<(), OutOfMemory> {
        for leaf in self.leaves(work.ram, from.clone()) {
            for (slot, pte) in leaf.populated(work.ram) {
                let target = to + (slot.vpn.0 - from.start.0);
                let wanted = if slot.size.is_aligned(target) { slot.size } else { PageSize::Base };
                let found = self.reserve(work, frames, target, wanted)?;
                if found.size == slot.size {
                    continue;
                }
                self.split(work, frames, slot, pte);
                self.reserve(work, frames, target + (PageSize::Huge.pages() - 1), PageSize::Base)?;
            }
        }
        Ok(())
    }

    /// Maps the pieces of a huge page one by one, with the same rights and in the same frames; of the huge page of zeros,
    /// the small one (Linux 6.12 mm/huge_memory.c `__split_huge_pmd_locked`).
    pub(super) fn split(&mut self, work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, old: Pte) {
        let table = self.deposits.pop().expect("every huge leaf has put a table by");
        frames.assign_table(table, self.space, slot.vpn);
        let first = page_table::slot_address(table, slot.vpn, PageSize::Base.level());
        let head = old.ppn();
        if frames.kind(head) == FrameKind::Zero {
            let zero_page = frames.zero_page();
            let small = page_table::renamed(old, zero_page);
            for index in 0..PageSize::Huge.pages() {
                frames.hold(zero_page);
                frames.attach(zero_page, first + index * 8, PageSize::Base);
                page_table::store(work.ram, first + index * 8, small);
            }
            frames.detach(work.ram, head, slot.at, PageSize::Huge);
        } else {
            for index in 0..PageSize::Huge.pages() {
                let piece = page_table::piece(old, index);
                let piece = if is_broken(Sabotage::SplitWritable) { piece.with(PteFlags::W) } else { piece };
                page_table::store(work.ram, first + index * 8, piece);
            }
            frames.split_huge(head, slot.at, first);
            let anon = PageSize::Huge.pages() as u32;
            frames.set_pages(table, TablePages { anon, ..TablePages::default() });
        }
        frames.count_slots(table, PageSize::Huge.pages() as i16);
        page_table::store(work.ram, slot.at, Pte::table(table));
        page_table::owe(&mut work.fences, slot.vpn, old);
        work.count(|counters| counters.thp_split_pmd += 1);
    }
}
