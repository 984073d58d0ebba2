//! munmap: areas and their pages leave.

use super::address_space::user_range;
use super::{Memory, Work, limits};
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
        let range = user_range(at, len_bytes).filter(|range| !range.is_empty()).ok_or(Errno::EINVAL)?;
        limits::check_hole(self.max_areas, &self.spaces.get(mm).vmas, &range)?;
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
                self.cache.unmap(work.ram, &mut self.frames, file, mm);
            }
        }
        space.table.prune(work, &mut self.frames, range);
    }
}
