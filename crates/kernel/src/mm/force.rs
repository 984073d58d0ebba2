//! Access to a process's memory past the rights of its areas, as a debugger makes it through `/proc/<pid>/mem` (Linux 6.12
//! mm/gup.c, `FOLL_FORCE`).

use super::frames::FrameKind;
use super::page_size::PageSize;
use super::page_table::Slot;
use super::protect::reprotected;
use super::vma::{Prot, Sharing};
use super::{Fault, Memory, Work};
use crate::MmId;
use std::ops::Range;
use tine_mmu::{Access, Ppn, VirtAddr, Vpn};

impl Memory {
    /// Reads bytes that lie in one page, though the process itself might not.
    ///
    /// # Errors
    /// [`Fault`] where there is no page to be had.
    pub fn peek_forced(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        to: &mut [u8],
    ) -> Result<(), Fault> {
        let from = self.force(work, mm, at, Access::Load)?.base() + at.offset();
        work.ram.read(from, to).expect("a mapped frame is RAM");
        Ok(())
    }

    /// Writes bytes that lie in one page. Private memory that the process may not store to becomes its own as by a store, and
    /// keeps its rights; shared memory does not.
    ///
    /// # Errors
    /// [`Fault`] where the page cannot be had.
    pub fn poke_forced(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        bytes: &[u8],
    ) -> Result<(), Fault> {
        let to = self.force(work, mm, at, Access::Store)?.base() + at.offset();
        work.ram.write(to, bytes).expect("a mapped frame is RAM");
        Ok(())
    }

    /// Returns the frame behind `at` for an access that the area may forbid: it is made while the area allows it.
    fn force(&mut self, work: &mut Work<'_>, mm: MmId, at: VirtAddr, access: Access) -> Result<Ppn, Fault> {
        let vpn = at.vpn();
        let space = self.spaces.get(mm);
        let vma = space.vmas.find(vpn).ok_or(Fault::MapErr)?;
        let needed = if access == Access::Store { Prot::READ | Prot::WRITE } else { Prot::READ };
        let is_forbidden = !vma.allows(access);
        let is_shared_store = access == Access::Store && vma.sharing == Sharing::Shared;
        if vma.is_raw_frames() || is_forbidden && (is_shared_store || !vma.may.contains(needed)) {
            return Err(Fault::AccErr);
        }
        if !is_forbidden {
            return self.frame_for(work, mm, at, access);
        }
        let own = vma.prot;
        let page = vpn..vpn + 1;
        // The process's own page needs no decision (`can_follow_write_pte`).
        if let Slot::Present(pte) | Slot::Protected(pte) = space.table.look_up(work.ram, vpn)
            && self.frames.kind(pte.ppn()) == FrameKind::Anon
            && self.frames.is_claimed(pte.ppn(), PageSize::Base)
            && !space.table.is_withheld(work.ram, vpn)
        {
            return Ok(pte.ppn());
        }
        let mut slots =
            space.table.leaves(work.ram, page.clone()).into_iter().flat_map(|leaf| leaf.populated(work.ram));
        // The access may split a huge page: then each of its pages has what was lent.
        let lent = match slots.next() {
            Some((slot, _)) if slot.size == PageSize::Huge => {
                let start = PageSize::Huge.floor(vpn);
                start.max(vma.start)..(start + PageSize::Huge.pages()).min(vma.end)
            }
            _ => page.clone(),
        };
        self.lend_rights(work, mm, page, own | needed)?;
        let frame = self.frame_for(work, mm, at, access);
        self.lend_rights(work, mm, lent, own)?;
        frame
    }

    /// Gives a range in one area rights without the area being cut: none of its PTEs becomes writable at once.
    fn lend_rights(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
        prot: Prot,
    ) -> Result<(), Fault> {
        let space = self.spaces.get_mut(mm);
        space.table.unshare(work, &mut self.frames, range.clone())?;
        let Some(vma) = space.vmas.find_mut(range.start) else { return Ok(()) };
        vma.prot = prot;
        let flags = vma.leaf_flags();
        for leaf in space.table.leaves(work.ram, range) {
            for (slot, old) in leaf.populated(work.ram) {
                space.table.change(work, slot, old, reprotected(old, flags, false));
            }
        }
        Ok(())
    }
}
