//! munmap: areas and their pages leave.

use super::address_space::user_range;
use super::sabotage::{Sabotage, is_broken};
use super::{Memory, OutOfMemory, Work, limits};
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
        self.unmap_range(work, mm, range)
    }

    /// Removes every area and page of a range, and the tables that are left empty.
    ///
    /// # Errors
    /// `ENOMEM` where on-demand fork shares a page table that reaches beyond the range, and there is no frame to copy it.
    /// Nothing is removed then.
    pub(super) fn unmap_range(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
    ) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        space.table.unshare_edges(work, &mut self.frames, &range).map_err(|OutOfMemory| Errno::ENOMEM)?;
        space.table.drop_shared_tables(work, &mut self.frames, &range);
        for start in space.vmas.isolate(&mut self.cache, range.clone()) {
            let Some(vma) = space.vmas.remove(start) else { continue };
            if !is_broken(Sabotage::PagesOutliveArea) {
                space.table.clear_range(work, &mut self.frames, vma.start..vma.end);
            }
            if let Some(file) = vma.file() {
                self.cache.unmap(work.ram, &mut self.frames, file, mm);
            }
        }
        space.table.prune(work, &mut self.frames, range);
        Ok(())
    }
}
