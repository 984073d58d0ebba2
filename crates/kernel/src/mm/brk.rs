//! brk: the heap.

use super::limits::{self, Demand};
use super::lock::Lock;
use super::vma::Vma;
use super::{Memory, TASK_SIZE, Work};
use crate::MmId;
use tine_mmu::VirtAddr;

impl Memory {
    /// Moves the program break to `new`, and returns where it is: where it was, when it cannot be moved there (brk(2), the
    /// system call).
    pub fn set_brk(&mut self, work: &mut Work<'_>, mm: MmId, new: VirtAddr) -> VirtAddr {
        if self.move_break(work, mm, new).is_some() {
            self.spaces.get_mut(mm).layout.brk = new;
        }
        self.spaces.get(mm).layout.brk
    }

    fn move_break(&mut self, work: &mut Work<'_>, mm: MmId, new: VirtAddr) -> Option<()> {
        let space = self.spaces.get(mm);
        let layout = space.layout;
        if new < layout.start_brk || new.0 >= TASK_SIZE {
            return None;
        }
        let (old_end, new_end) = (layout.brk.page_ceil()?.vpn(), new.page_ceil()?.vpn());
        if new_end <= old_end {
            if new_end < old_end {
                self.unmap_range(work, mm, new_end..old_end).ok()?;
            }
            return Some(());
        }
        // One page stays free above the heap.
        if !space.vmas.is_free(old_end..new_end + 1) {
            return None;
        }
        limits::check_new_area(self.max_areas, &space.vmas).ok()?;
        let pages = new_end.0 - old_end.0;
        self.check_demand(mm, Demand { areas: pages, data: pages, promised: pages }).ok()?;
        let lock = self.spaces.get(mm).lock_new;
        if lock != Lock::Unlocked && !self.may_lock(mm, pages) {
            return None;
        }
        self.spaces.get_mut(mm).add(&mut self.cache, Vma { lock, ..Vma::anonymous(old_end, new_end) });
        if lock == Lock::Locked {
            // What cannot be had is had when it is touched, or fails then.
            let _ = self.map_locked(work, mm, old_end..new_end);
        }
        Some(())
    }
}
