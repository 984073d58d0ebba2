//! `MADV_COLLAPSE`: base pages become a huge one, now (Linux 6.12 mm/khugepaged.c `madvise_collapse`).

use super::frames::FrameKind;
use super::page_size::PageSize;
use super::page_table::{self, Slot, SlotRef};
use super::{Memory, OutOfMemory, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{Pte, PteFlags, Vpn};

impl Memory {
    /// Makes huge pages of what is mapped in a range that lies in one area: all huge pages that lie in the range as a whole.
    ///
    /// # Errors
    /// `EINVAL` when the area can have none, or for 2 MiB in which nothing is mapped, nothing may be written, or something is
    /// no private page; `ENOMEM` when there is no block of frames. What can be done is done.
    pub(super) fn collapse(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) -> Result<(), Errno> {
        let space = self.spaces.get(mm);
        let area = space.vmas.find(range.start).ok_or(Errno::EINVAL)?;
        // Without a private write there is nothing to collapse.
        let last = Vpn(area.end.0.saturating_sub(PageSize::Huge.pages()));
        if space.thp_disabled || !area.had_private_write || !area.can_hold_huge(last) {
            return Err(Errno::EINVAL);
        }
        let first = PageSize::Huge.floor(range.start + (PageSize::Huge.pages() - 1));
        let end = PageSize::Huge.floor(range.end);
        // A range inside one huge page; one that ends where the next begins is merely empty.
        let mut outcome = if end < first { Err(Errno::EINVAL) } else { Ok(()) };
        for vpn in (first.0..end.0).step_by(PageSize::Huge.pages() as usize).map(Vpn) {
            match self.collapse_one(work, mm, vpn) {
                Ok(()) => {}
                Err(Errno::ENOMEM) => return Err(Errno::ENOMEM),
                Err(errno) => outcome = Err(errno),
            }
        }
        outcome
    }

    fn collapse_one(&mut self, work: &mut Work<'_>, mm: MmId, first: Vpn) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        let pages = first..first + PageSize::Huge.pages();
        space.table.unshare(work, &mut self.frames, pages.clone()).map_err(|OutOfMemory| Errno::ENOMEM)?;
        let slot = space.table.find(work.ram, first).ok_or(Errno::EINVAL)?;
        if slot.size == PageSize::Huge {
            let mapped = space.table.get(work.ram, slot) != Slot::Empty;
            return if mapped { Ok(()) } else { Err(Errno::EINVAL) };
        }
        let area = space.vmas.find(first).ok_or(Errno::EINVAL)?;
        let flags = area.leaf_flags();
        let old: Vec<(SlotRef, Pte)> = space
            .table
            .leaves(work.ram, pages.clone())
            .iter()
            .flat_map(|leaf| leaf.populated(work.ram))
            .filter(|(_, pte)| self.frames.kind(pte.ppn()) != FrameKind::Zero)
            .collect();
        let private = old.iter().all(|(_, pte)| self.frames.kind(pte.ppn()) == FrameKind::Anon);
        let writable = old.iter().any(|(_, pte)| pte.is_valid() && pte.has(PteFlags::W));
        if !private || !writable {
            return Err(Errno::EINVAL);
        }
        let Ok(head) = self.frames.allocate_huge_zeroed(work.ram, FrameKind::Anon) else {
            work.count(|counters| counters.thp_collapse_alloc_failed += 1);
            return Err(Errno::ENOMEM);
        };
        work.count(|counters| counters.thp_collapse_alloc += 1);
        for (page, pte) in old {
            work.ram.copy_frame(pte.ppn(), head + (page.vpn.0 - first.0));
        }
        space.table.clear_range(work, &mut self.frames, pages);
        let slot =
            space.table.put_table_by(work, &mut self.frames, slot).expect("a table leads to its pages");
        let pte = page_table::leaf(head, flags).with(PteFlags::W | PteFlags::D);
        space.table.fill(work, &mut self.frames, slot, pte);
        // Fences of single pages do not reach what a hart remembers of the table that has gone.
        work.fences.owe_all();
        Ok(())
    }
}
