//! mprotect: what a process may do with pages that it has.

use super::address_space::page_range;
use super::commit::Promise;
use super::limits::Demand;
use super::page_table;
use super::sabotage::{Sabotage, is_broken};
use super::vma::{Prot, Sharing};
use super::{Memory, OutOfMemory, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{Pte, PteFlags, VirtAddr, Vpn};

impl Memory {
    /// Changes the rights to a range of pages.
    ///
    /// A private page becomes writable at once only where its one owner has claimed its frame; elsewhere the next store
    /// decides (Linux 6.12 mm/mprotect.c `can_change_pte_writable`).
    ///
    /// # Errors
    /// As mprotect(2): `EINVAL` for a misaligned address, `ENOMEM` at a hole or when there would be too many areas,
    /// `EACCES` for a right that the mapped file does not give. What precedes the error is changed.
    pub fn protect(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        len_bytes: u64,
        prot: Prot,
    ) -> Result<(), Errno> {
        if at.offset() != 0 {
            return Err(Errno::EINVAL);
        }
        let range = page_range(at, len_bytes).ok_or(Errno::ENOMEM)?;
        let mut from = range.start;
        while from < range.end {
            let space = self.spaces.get(mm);
            let vma = space.vmas.find(from).ok_or(Errno::ENOMEM)?;
            let part = from..vma.end.min(range.end);
            if !vma.may.contains(prot) {
                return Err(Errno::EACCES);
            }
            if vma.prot != prot {
                let pages = part.end.0 - part.start.0;
                let writable = prot.contains(Prot::WRITE);
                let becomes_data =
                    vma.sharing == Sharing::Private && writable && !vma.prot.contains(Prot::WRITE);
                let promise = vma.promise.after_protect(vma, writable);
                let newly_counted = promise == Promise::Counted && vma.promise != promise;
                let demand = Demand {
                    areas: 0,
                    data: if becomes_data { pages } else { 0 },
                    promised: if newly_counted { pages } else { 0 },
                };
                self.check_demand(mm, demand)?;
                self.protect_area(work, mm, part.clone(), prot, promise)?;
            }
            from = part.end;
        }
        Ok(())
    }

    /// Changes the rights to a range that lies in one area.
    fn protect_area(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
        prot: Prot,
        promise: Promise,
    ) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        space.table.unshare(work, &mut self.frames, range.clone()).map_err(|OutOfMemory| Errno::ENOMEM)?;
        space.isolate_within(self.max_areas, work, &mut self.frames, &mut self.cache, &range)?;
        space.vmas.change(range.start, |vma| (vma.prot, vma.promise) = (prot, promise));
        let Some(vma) = space.vmas.find(range.start) else { return Ok(()) };
        let flags = vma.leaf_flags();
        let decides_now = vma.is_private_writable();
        for leaf in space.table.leaves(work.ram, range.clone()) {
            for (slot, old) in leaf.populated(work.ram) {
                let claimed =
                    self.frames.is_claimed(old.ppn(), slot.size) || is_broken(Sabotage::WritableAtOnce);
                let new = reprotected(old, flags, decides_now && claimed);
                space.table.change(work, slot, old, new);
            }
        }
        space.vmas.merge_around(&mut self.cache, range.start);
        Ok(())
    }
}

/// Returns a PTE with other rights: the frame, and whether it was used, stay. It is writable at once where its one owner has
/// claimed the page.
pub(super) fn reprotected(old: Pte, flags: Option<PteFlags>, claimed: bool) -> Pte {
    let used = old.flags() & (PteFlags::A | PteFlags::D);
    let mut rights = flags.map(|flags| flags.difference(PteFlags::A) | used);
    if let Some(rights) = rights.as_mut().filter(|_| claimed) {
        rights.insert(PteFlags::W);
    }
    match rights {
        None => page_table::leaf(old.ppn(), None).with(used),
        rights => page_table::leaf(old.ppn(), rights),
    }
}
