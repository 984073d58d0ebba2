//! Pages that their owner has given up (madvise(2) `MADV_FREE`): they leave when frames run short, unless they are stored to
//! before (Linux 6.12 mm/madvise.c `madvise_free_pte_range`, mm/vmscan.c `shrink_folio_list`).
//!
//! Giving up takes the D bit away; a store sets it again, and with it the page stays. Pages with other owners are not given up.
//! A huge page is given up as one; where only a part is, it becomes 512 pages first.

use super::frames::{FrameKind, Frames};
use super::lock::Lock;
use super::page_size::PageSize;
use super::page_table::Slot;
use super::{Memory, Reclaimed, Vma, Work};
use crate::MmId;
use std::collections::BTreeSet;
use std::ops::Range;
use tine_mmu::{Pte, PteFlags, Vpn};

/// The pages that were given up and have not left. One that was unmapped or stored to since is found out when its turn comes.
#[derive(Clone, Debug, Default)]
pub(super) struct LazyPages {
    pages: BTreeSet<(MmId, Vpn)>,
    counts: GivenUp,
}

/// Pages that were given up so far (`/proc/vmstat`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// All of them (`pglazyfree`).
    pub given_up: u64,
    /// Those of them that were freed (`pglazyfreed`).
    pub freed: u64,
    /// Huge pages that became 512 small ones because a part was given up (`thp_split_page`).
    pub dissolved: u64,
}

impl LazyPages {
    /// Forgets the pages of an address space that is gone.
    pub(super) fn forget(&mut self, mm: MmId) {
        self.pages.retain(|(owner, _)| *owner != mm);
    }
}

/// Tells whether a leaf maps private memory that has no other owner.
fn is_own(frames: &Frames, pte: Pte, size: PageSize) -> bool {
    frames.kind(pte.ppn()) == FrameKind::Anon && frames.is_exclusive(pte.ppn(), size)
}

impl Memory {
    /// Gives up the private pages of a range.
    pub(super) fn give_up(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) {
        let (frames, table) = (&mut self.frames, &mut self.spaces.get_mut(mm).table);
        for edge in [range.start, range.end] {
            let Some(slot) = table.find(work.ram, edge).filter(|slot| slot.size == PageSize::Huge) else {
                continue;
            };
            if let Slot::Present(pte) = table.get(work.ram, slot)
                && slot.vpn != edge
                && is_own(frames, pte, slot.size)
            {
                table.split(work, frames, slot, pte);
                frames.dissolve(pte.ppn());
                self.lazy.counts.dissolved += 1;
            }
        }
        for leaf in table.leaves(work.ram, range.clone()) {
            if leaf.is_table() && frames.references(leaf.table()) > 1 {
                continue;
            }
            for (slot, pte) in leaf.populated(work.ram) {
                let is_whole = slot.vpn >= range.start && slot.vpn + slot.size.pages() <= range.end;
                if is_whole && is_own(frames, pte, slot.size) {
                    table.change(work, slot, pte, pte.without(PteFlags::A | PteFlags::D));
                    self.lazy.counts.given_up += slot.size.pages();
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
            let Some(slot) = space.table.find(work.ram, vpn) else { continue };
            let Slot::Present(pte) = space.table.get(work.ram, slot) else { continue };
            let pages = slot.vpn..slot.vpn + slot.size.pages();
            let leaves = is_own(&self.frames, pte, slot.size)
                && !pte.has(PteFlags::D)
                && !space.table.shares_a_table(work, &self.frames, pages.clone())
                && space.vmas.find(vpn).is_some_and(is_unlocked);
            if leaves {
                space.table.clear_range(work, &mut self.frames, pages);
                reclaimed.fences.entry(mm).or_default().join(std::mem::take(&mut work.fences));
                reclaimed.pages += slot.size.pages();
                self.lazy.counts.freed += slot.size.pages();
            }
        }
        work.fences = outer;
    }

    /// Returns how many pages were given up.
    pub const fn given_up(&self) -> GivenUp {
        self.lazy.counts
    }
}
