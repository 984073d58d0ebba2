//! Making a private page a process's own before somebody who means to keep hold of it reads it (Linux 6.12 mm/gup.c
//! `gup_must_unshare`): a later store would leave the holder with the other owner's page.

use super::fault::{Attributes, Resolved};
use super::frames::FrameKind;
use super::ledger::{Copied, CopyReason};
use super::page_size::PageSize;
use super::page_table::{self, Slot};
use super::{Fault, Memory, Sharing, TakenBy, Work};
use crate::{FaultKind, MmId};
use tine_mmu::{Access, VirtAddr};

impl Memory {
    /// Gives the process a page of its own at `at` if it has stored to the page and shares it now. It may still not store to
    /// it: the next store decides. Pages that are not there, huge ones and pages of files stay as they are.
    ///
    /// # Errors
    /// [`Fault::Oom`] when there is no frame for the copy.
    pub fn unshare(&mut self, work: &mut Work<'_>, mm: MmId, at: VirtAddr) -> Result<(), Fault> {
        let (vpn, space) = (at.vpn(), self.spaces.get_mut(mm));
        let Some(vma) = space.vmas.find(vpn).filter(|vma| vma.sharing == Sharing::Private) else {
            return Ok(());
        };
        let flags = vma.leaf_flags();
        let Slot::Present(old) = space.table.look_up(work.ram, vpn) else { return Ok(()) };
        space.table.reach(work, &mut self.frames, vpn, |_| true)?;
        let slot = space.table.reserve(work, &mut self.frames, vpn, PageSize::Base)?;
        let shared = old.ppn();
        if slot.size == PageSize::Huge
            || self.frames.kind(shared) != FrameKind::Anon
            || self.frames.is_claimed(shared, PageSize::Base)
        {
            return Ok(());
        }
        let owners = self.frames.references(shared);
        let (kind, new) = if self.frames.is_exclusive(shared, PageSize::Base) {
            self.frames.claim(shared, PageSize::Base);
            (FaultKind::CowReuse, shared)
        } else {
            let copy = self.frames.allocate(FrameKind::Anon)?;
            work.ram.copy_frame(shared, copy);
            work.record_copy(
                &mut self.frames,
                Copied { mm, vpn, from: shared, to: copy, reason: CopyReason::Store },
            );
            space.table.replace(work, &mut self.frames, slot, old, page_table::leaf(copy, flags));
            (FaultKind::CowCopy, copy)
        };
        let attributes = Attributes { by_supervisor: true, ..Attributes::default() };
        let taken_by = std::mem::replace(&mut work.taken_by, TakenBy::Supervisor);
        work.record(&Resolved { kind, at, access: Access::Load, old: Some(shared), new, owners, attributes });
        work.taken_by = taken_by;
        Ok(())
    }
}
