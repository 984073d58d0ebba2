//! mremap: areas change their size and their place, and keep their pages.

use super::address_space::user_range;
use super::commit::Promise;
use super::limits::{self, Demand};
use super::lock::Lock;
use super::map::{self, Placement};
use super::vma::Sharing;
use super::{Memory, OutOfMemory, TASK_END, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, VirtAddr, Vpn};

/// What becomes of the place that pages are moved from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// A hole.
    Nothing,
    /// The area, without pages (`MREMAP_DONTUNMAP`).
    Area,
}

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
    /// Where they go if they move: [`Placement::Fixed`] is `MREMAP_FIXED`.
    pub placement: Placement,
    /// What they leave behind.
    pub remains: Remains,
}

impl Memory {
    /// Resizes or moves the pages of one area, and returns their address. With no old length at all, a shared area is shown
    /// a second time.
    ///
    /// # Errors
    /// As mremap(2): `EINVAL` for misaligned or overlapping ranges, no new length, a fixed place without leave to move, an
    /// area left behind by what changes its size; `EFAULT` when the old range is not in one area; `EAGAIN` for more locked
    /// memory than there may be; `ENOMEM` for no room, too many areas, a limit or a frame.
    pub fn remap(&mut self, work: &mut Work<'_>, mm: MmId, request: RemapRequest) -> Result<VirtAddr, Errno> {
        let pages = |len_bytes: u64| len_bytes.div_ceil(PAGE_SIZE);
        let (old_pages, new_pages) = (pages(request.old_len_bytes), pages(request.new_len_bytes));
        let fixed = matches!(request.placement, Placement::Fixed(_));
        let leaves_area = request.remains == Remains::Area;
        if request.at.offset() != 0
            || new_pages == 0
            || (fixed || leaves_area) && !request.may_move
            || leaves_area && old_pages != new_pages
        {
            return Err(Errno::EINVAL);
        }
        let start = request.at.vpn();
        self.spaces.get(mm).vmas.find(start).ok_or(Errno::EFAULT)?;
        let old = start..start + old_pages;
        if fixed || leaves_area {
            return self.remap_to(work, mm, old, new_pages, request);
        }
        if new_pages <= old_pages {
            self.shrink(work, mm, old, new_pages)?;
            return Ok(request.at);
        }
        let vma_end = self.check_growth(mm, &old, new_pages)?;
        let space = self.spaces.get_mut(mm);
        let growth = old.end..old.start + new_pages;
        if vma_end == old.end && growth.end <= TASK_END && space.vmas.is_free(growth.clone()) {
            self.extend(mm, growth.clone());
            self.lock_growth(work, mm, growth);
            return Ok(request.at);
        }
        if !request.may_move {
            return Err(Errno::ENOMEM);
        }
        let target = self.place_moved(mm, &old, new_pages, request.placement)?;
        self.relocate(work, mm, old, target, request.remains)
    }

    /// Moves pages to a place that is given, or away from an area that stays (Linux 6.12 mm/mremap.c mremap_to).
    fn remap_to(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        old: Range<Vpn>,
        new_pages: u64,
        request: RemapRequest,
    ) -> Result<VirtAddr, Errno> {
        if let Placement::Fixed(to) | Placement::Hint(to) = request.placement {
            let target = user_range(to, request.new_len_bytes).ok_or(Errno::EINVAL)?;
            if target.start < old.end && old.start < target.end {
                return Err(Errno::EINVAL);
            }
            if matches!(request.placement, Placement::Fixed(_)) {
                limits::check_hole(self.max_areas, &self.spaces.get(mm).vmas, &target)?;
                self.unmap_range(work, mm, target)?;
            }
        }
        let kept = self.shrink(work, mm, old, new_pages)?;
        self.check_growth(mm, &kept, new_pages)?;
        if request.remains == Remains::Area {
            let vma = self.spaces.get(mm).vmas.find(kept.start).ok_or(Errno::EFAULT)?;
            let promised = if vma.promise == Promise::Counted { new_pages } else { 0 };
            self.check_demand(mm, Demand { areas: new_pages, data: 0, promised })?;
        }
        let target = self.place_moved(mm, &kept, new_pages, request.placement)?;
        self.relocate(work, mm, kept, target, request.remains)
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
            if gone.end > TASK_END {
                return Err(Errno::EINVAL);
            }
            limits::check_hole(self.max_areas, &self.spaces.get(mm).vmas, &gone)?;
            self.unmap_range(work, mm, gone)?;
        }
        Ok(kept)
    }

    /// Refuses to make `range` larger where it is not in one area or a limit forbids it; returns where its area ends
    /// (Linux 6.12 mm/mremap.c `vma_to_resize`).
    fn check_growth(&self, mm: MmId, range: &Range<Vpn>, pages: u64) -> Result<Vpn, Errno> {
        let space = self.spaces.get(mm);
        let vma = space.vmas.find(range.start).ok_or(Errno::EFAULT)?;
        if range.is_empty() && vma.sharing == Sharing::Private {
            return Err(Errno::EINVAL);
        }
        if range.end > vma.end {
            return Err(Errno::EFAULT);
        }
        let areas = pages - (range.end.0 - range.start.0);
        if vma.lock != Lock::Unlocked && !self.may_lock(mm, areas) {
            return Err(Errno::EAGAIN);
        }
        let data = if vma.is_private_writable() { areas } else { 0 };
        let promised = if vma.promise == Promise::Counted { areas } else { 0 };
        self.check_demand(mm, Demand { areas, data, promised })?;
        Ok(vma.end)
    }

    /// Decides where the pages of `from` go, of which there shall be `pages`.
    fn place_moved(
        &mut self,
        mm: MmId,
        from: &Range<Vpn>,
        pages: u64,
        placement: Placement,
    ) -> Result<Range<Vpn>, Errno> {
        let space = self.spaces.get_mut(mm);
        let private_anonymous = space.vmas.find(from.start).is_some_and(|vma| vma.file().is_none());
        map::place(space, placement, pages, map::alignment(private_anonymous, pages))
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

    /// Maps what has been added to a locked area.
    fn lock_growth(&mut self, work: &mut Work<'_>, mm: MmId, growth: Range<Vpn>) {
        if self.spaces.get(mm).vmas.find(growth.start).is_some_and(|vma| vma.lock == Lock::Locked) {
            // Linux reports nothing here.
            let _ = self.map_locked(work, mm, growth);
        }
    }

    /// Moves the pages of `from`, which lies in one area, to the free range `to`.
    fn relocate(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        from: Range<Vpn>,
        to: Range<Vpn>,
        remains: Remains,
    ) -> Result<VirtAddr, Errno> {
        let space = self.spaces.get_mut(mm);
        limits::check_new_area(self.max_areas, &space.vmas)?;
        limits::check_cuts(self.max_areas, &space.vmas, &from)?;
        let target = |vpn: Vpn| to.start + (vpn.0 - from.start.0);
        for range in [&from, &to] {
            space
                .table
                .unshare(work, &mut self.frames, range.clone())
                .map_err(|OutOfMemory| Errno::ENOMEM)?;
        }
        // Every table first: nothing has moved yet when one of them cannot be had.
        space.table.split_edges(work, &mut self.frames, &from);
        if let Err(OutOfMemory) = space.table.make_way(work, &mut self.frames, &from, to.start) {
            space.table.prune(work, &mut self.frames, to);
            return Err(Errno::ENOMEM);
        }
        for leaf in space.table.leaves(work.ram, from.clone()) {
            for (slot, pte) in leaf.populated(work.ram) {
                let new = space.table.reserve(work, &mut self.frames, target(slot.vpn), slot.size);
                let new = new.expect("the way was made");
                space.table.relocate(work, &mut self.frames, slot, new, pte);
            }
        }
        if let Some(mut moved) = space.vmas.find(from.start).cloned() {
            if moved.start < from.start {
                moved = moved.split_off(from.start);
            }
            if let Some(file) = moved.file() {
                self.cache.map(file, mm);
            }
            space.add(&mut self.cache, moved.moved_to(to.clone()));
        }
        match remains {
            Remains::Nothing if !from.is_empty() => self.unmap_range(work, mm, from.clone())?,
            Remains::Nothing => {}
            // What is left behind has no page that could be locked.
            Remains::Area => self.set_lock(work, mm, from.clone(), Lock::Unlocked)?,
        }
        self.lock_growth(work, mm, target(from.end)..to.end);
        Ok(to.start.base())
    }
}
