//! munmap: areas and their pages leave.

use super::address_space::page_range;
use super::{MAX_AREAS, Memory, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{VirtAddr, Vpn};

impl Memory {
    /// Unmaps the pages of a range; holes in it are no error.
    ///
    /// # Errors
    /// As munmap(2): `EINVAL` for a misaligned address, no length, or a range outside user space; `ENOMEM` when cutting an
    /// area in two would make too many.
    pub fn unmap(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        len_bytes: u64,
    ) -> Result<(), Errno> {
        let range = page_range(at, len_bytes).filter(|range| !range.is_empty()).ok_or(Errno::EINVAL)?;
        let vmas = &self.spaces.get(mm).vmas;
        let cuts_one_in_two =
            vmas.find(range.start).is_some_and(|vma| vma.start < range.start && range.end < vma.end);
        if cuts_one_in_two && vmas.count() >= MAX_AREAS {
            return Err(Errno::ENOMEM);
        }
        self.unmap_range(work, mm, range);
        Ok(())
    }

    /// Removes every area and page of a range, and the tables that are left empty.
    pub(super) fn unmap_range(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) {
        let space = self.spaces.get_mut(mm);
        for start in space.vmas.isolate(&mut self.cache, range.clone()) {
            let Some(vma) = space.vmas.remove(start) else { continue };
            space.table.clear_range(work, &mut self.frames, vma.start..vma.end);
            if let Some(file) = vma.file() {
                self.cache.release(work.ram, &mut self.frames, file);
            }
        }
        space.table.prune(work, &mut self.frames, range);
    }
}
