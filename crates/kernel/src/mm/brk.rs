//! brk: the heap.

use super::vma::{Backing, Prot, Sharing, Vma};
use super::{Memory, STACK_GUARD_PAGES, TASK_SIZE, Work};
use crate::MmId;
use tine_mmu::{PAGE_SHIFT, VirtAddr};

impl Memory {
    /// Moves the program break to `new`, and returns where it is: where it was, when it cannot be moved there (brk(2), the
    /// system call).
    pub fn set_brk(&mut self, work: &mut Work<'_>, mm: MmId, new: VirtAddr) -> VirtAddr {
        let layout = self.spaces.get(mm).layout;
        if self.move_break(work, mm, new).is_some() {
            self.spaces.get_mut(mm).layout.brk = new;
            return new;
        }
        layout.brk
    }

    fn move_break(&mut self, work: &mut Work<'_>, mm: MmId, new: VirtAddr) -> Option<()> {
        let space = self.spaces.get(mm);
        if new < space.layout.start_brk || new.0 > TASK_SIZE {
            return None;
        }
        let (old_end, new_end) = (space.layout.brk.page_ceil()?.vpn(), new.page_ceil()?.vpn());
        if new_end <= old_end {
            if new_end < old_end {
                self.unmap_range(work, mm, new_end..old_end);
            }
            return Some(());
        }
        let pages = new_end.0 - old_end.0;
        let total = (space.vmas.pages() + pages) << PAGE_SHIFT;
        let collides = space.vmas.overlapping(old_end..new_end + 1).next().is_some()
            || space
                .vmas
                .next_above(new_end)
                .is_some_and(|vma| vma.grows_down && vma.start.0 < new_end.0 + 1 + STACK_GUARD_PAGES);
        if collides || total > space.limits.address_space_bytes || space.vmas.count() >= super::MAX_AREAS {
            return None;
        }
        self.check_commit(pages).ok()?;
        self.check_data_limit(mm, pages).ok()?;
        let heap = Vma {
            start: old_end,
            end: new_end,
            prot: Prot::READ | Prot::WRITE,
            may: Prot::all(),
            sharing: Sharing::Private,
            backing: Backing::Anonymous,
            grows_down: false,
            had_private_write: false,
        };
        self.spaces.get_mut(mm).add(&mut self.cache, heap);
        Some(())
    }
}
