//! mremap: areas change their size and their place, and keep their pages.

use super::address_space::user_range;
use super::limits::{self, Demand};
use super::map::Placement;
use super::vma::Vma;
use super::{Memory, OutOfMemory, TASK_END, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, VirtAddr, Vpn};

/// An mremap(2) call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemapRequest {
    /// Where the pages are.
    pub at: VirtAddr,
    /// How many bytes there are.
    pub old_len_bytes: u64,
    /// How many there shall be.
    pub new_len_bytes: u64,
    /// Whether they may move (`MREMAP_MAYMOVE`).
    pub may_move: bool,
    /// Where they shall go, in place of what is there (`MREMAP_FIXED`).
    pub to: Option<VirtAddr>,
}

impl Memory {
    /// Resizes or moves the pages of one area, and returns their address.
    ///
    /// # Errors
    /// As mremap(2): `EINVAL` for misaligned or overlapping ranges, no new length, a fixed place without leave to move,
    /// and no old length (which on Linux doubles a shared mapping); `EFAULT` when the old range is not in one area;
    /// `ENOMEM` for no room, too many areas, a limit or a frame.
    pub fn remap(&mut self, work: &mut Work<'_>, mm: MmId, request: RemapRequest) -> Result<VirtAddr, Errno> {
        let old = user_range(request.at, request.old_len_bytes).ok_or(Errno::EINVAL)?;
        let new_pages = request.new_len_bytes.div_ceil(PAGE_SIZE);
        if old.is_empty() || new_pages == 0 || (request.to.is_some() && !request.may_move) {
            return Err(Errno::EINVAL);
        }
        if let Some(to) = request.to {
            let target = user_range(to, request.new_len_bytes).ok_or(Errno::EINVAL)?;
            if target.start < old.end && old.start < target.end {
                return Err(Errno::EINVAL);
            }
            limits::check_hole(&self.spaces.get(mm).vmas, &target)?;
            self.unmap_range(work, mm, target.clone());
            let kept = self.shrink(work, mm, old, new_pages)?;
            self.check_growth(mm, &kept, new_pages)?;
            return self.relocate(work, mm, kept, target);
        }
        let old_pages = old.end.0 - old.start.0;
        if new_pages <= old_pages {
            self.shrink(work, mm, old, new_pages)?;
            return Ok(request.at);
        }
        let vma_end = self.check_growth(mm, &old, new_pages)?;
        let space = self.spaces.get_mut(mm);
        let growth = old.end..old.start + new_pages;
        if vma_end == old.end && growth.end <= TASK_END && space.vmas.is_free(growth.clone()) {
            self.extend(mm, growth);
            return Ok(request.at);
        }
        if !request.may_move {
            return Err(Errno::ENOMEM);
        }
        let target = super::map::place(self.spaces.get_mut(mm), Placement::Anywhere, new_pages)?;
        self.relocate(work, mm, old, target)
    }

    /// Unmaps what `range` has beyond `pages`, and returns the rest.
    fn shrink(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
        pages: u64,
    ) -> Result<Range<Vpn>, Errno> {
        let kept = range.start..range.end.min(range.start + pages);
        let gone = kept.end..range.end;
        if !gone.is_empty() {
            limits::check_hole(&self.spaces.get(mm).vmas, &gone)?;
            self.unmap_range(work, mm, gone);
        }
        Ok(kept)
    }

    /// Refuses to make `range` larger where it is not in one area or a limit forbids it; returns where its area ends
    /// (Linux 6.12 mm/mremap.c `vma_to_resize`).
    fn check_growth(&self, mm: MmId, range: &Range<Vpn>, pages: u64) -> Result<Vpn, Errno> {
        let space = self.spaces.get(mm);
        let vma = space.vmas.find(range.start).filter(|vma| range.end <= vma.end).ok_or(Errno::EFAULT)?;
        let areas = pages - (range.end.0 - range.start.0);
        let private = if vma.is_private_writable() { areas } else { 0 };
        self.check_demand(mm, Demand { areas, data: private, committed: private })?;
        Ok(vma.end)
    }

    /// Adds `growth` to the area that ends where it begins.
    fn extend(&mut self, mm: MmId, growth: Range<Vpn>) {
        let space = self.spaces.get_mut(mm);
        let Some(mut more) = space.vmas.last_below(growth.start).cloned() else { return };
        // What the area shows beyond its end.
        more.end = growth.end;
        let more = more.split_off(growth.start);
        if let Some(file) = more.file() {
            self.cache.map(file, mm);
        }
        space.add(&mut self.cache, more);
    }

    /// Moves the pages of `from`, which lies in one area, to the free range `to`.
    fn relocate(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        from: Range<Vpn>,
        to: Range<Vpn>,
    ) -> Result<VirtAddr, Errno> {
        let space = self.spaces.get_mut(mm);
        limits::check_new_area(&space.vmas)?;
        limits::check_cuts(&space.vmas, &from)?;
        let target = |vpn: Vpn| to.start + (vpn.0 - from.start.0);
        // Every table first: nothing has moved yet when one of them cannot be had.
        for leaf in space.table.leaves(work.ram, from.clone()) {
            for (slot, _) in leaf.populated(work.ram) {
                if let Err(OutOfMemory) = space.table.reserve(work, &mut self.frames, target(slot.vpn)) {
                    space.table.prune(work, &mut self.frames, to);
                    return Err(Errno::ENOMEM);
                }
            }
        }
        for leaf in space.table.leaves(work.ram, from.clone()) {
            for (slot, pte) in leaf.populated(work.ram) {
                if let Some(new) = space.table.find(work.ram, target(slot.vpn)) {
                    space.table.relocate(work, &mut self.frames, slot, new, pte);
                }
            }
        }
        space.vmas.isolate(&mut self.cache, from.clone());
        if let Some(vma) = space.vmas.remove(from.start) {
            space.add(&mut self.cache, Vma { start: to.start, end: to.end, ..vma });
        }
        space.table.prune(work, &mut self.frames, from);
        Ok(to.start.base())
    }
}
