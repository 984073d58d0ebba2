//! Pages that their owner has given up (madvise(2) `MADV_FREE`): they leave when frames run short, unless they are stored to
//! before (Linux 6.12 mm/madvise.c `madvise_free_pte_range`, mm/vmscan.c `shrink_folio_list`).
//!
//! Giving up takes the D bit away; a store sets it again, and with it the page stays. Pages with other owners and huge pages
//! are not given up.

use super::frames::FrameKind;
use super::lock::Lock;
use super::page_size::PageSize;
use super::page_table::Slot;
use super::{Memory, Reclaimed, Vma, Work};
use crate::MmId;
use std::collections::BTreeSet;
use std::ops::Range;
use tine_mmu::{PteFlags, Vpn};

/// The pages that were given up and have not left. One that was unmapped or stored to since is found out when its turn comes.
#[derive(Clone, Debug, Default)]
pub(super) struct LazyPages {
    pages: BTreeSet<(MmId, Vpn)>,
    given_up: u64,
    freed: u64,
}

impl LazyPages {
    /// Forgets the pages of an address space that is gone.
    pub(super) fn forget(&mut self, mm: MmId) {
        self.pages.retain(|(owner, _)| *owner != mm);
    }
}

impl Memory {
    /// Gives up the private pages of a range.
    pub(super) fn give_up(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) {
        let table = &mut self.spaces.get_mut(mm).table;
        for leaf in table.leaves(work.ram, range) {
            if !leaf.is_table() || self.frames.references(leaf.table()) > 1 {
                continue;
            }
            for (slot, pte) in leaf.populated(work.ram) {
                let is_private = self.frames.kind(pte.ppn()) == FrameKind::Anon;
                if is_private && self.frames.is_exclusive(pte.ppn(), PageSize::Base) {
                    table.change(work, slot, pte, pte.without(PteFlags::A | PteFlags::D));
                    self.lazy.given_up += 1;
                    self.lazy.pages.insert((mm, slot.vpn));
                }
            }
        }
    }

    /// Frees pages that were given up and not stored to since, until `wanted` have become free or there are no more.
    pub(super) fn free_given_up(&mut self, work: &mut Work<'_>, reclaimed: &mut Reclaimed, wanted: u64) {
        let outer = std::mem::take(&mut work.fences);
        while reclaimed.pages < wanted
            && let Some((mm, vpn)) = self.lazy.pages.pop_first()
        {
            let Some(space) = self.spaces.find_mut(mm) else { continue };
            let is_unlocked = |vma: &Vma| vma.lock == Lock::Unlocked;
            let Slot::Present(pte) = space.table.look_up(work.ram, vpn) else { continue };
            let leaves = self.frames.kind(pte.ppn()) == FrameKind::Anon
                && self.frames.is_exclusive(pte.ppn(), PageSize::Base)
                && !pte.has(PteFlags::D)
                && !space.table.shares_a_table(work, &self.frames, vpn..vpn + 1)
                && space.vmas.find(vpn).is_some_and(is_unlocked);
            if leaves {
                space.table.clear_range(work, &mut self.frames, vpn..vpn + 1);
                reclaimed.fences.entry(mm).or_default().join(std::mem::take(&mut work.fences));
                reclaimed.pages += 1;
                self.lazy.freed += 1;
            }
        }
        work.fences = outer;
    }

    /// Returns how many pages were given up, and how many of them were freed (`pglazyfree`, `pglazyfreed` of `/proc/vmstat`).
    pub fn given_up(&self) -> (u64, u64) {
        (self.lazy.given_up, self.lazy.freed)
    }
}
