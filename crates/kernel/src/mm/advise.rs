//! madvise, mincore and msync: what a process says and asks about pages that it has.

use super::address_space::page_range;
use super::{Fault, Memory, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{Access, Ram, VirtAddr, Vpn};

/// What madvise(2) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// A hint that changes nothing here.
    Hint,
    /// `MADV_DONTNEED`: the pages leave; anonymous ones come back as zeros.
    DontNeed,
    /// `MADV_POPULATE_READ`: map every page for reading.
    PopulateRead,
    /// `MADV_POPULATE_WRITE`: map every page for writing.
    PopulateWrite,
}

impl Advice {
    /// Decodes the number that madvise(2) takes; `None` for one that is unknown or not supported.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            // NORMAL, RANDOM, SEQUENTIAL, WILLNEED, COLD.
            0..=3 | 20 => Some(Self::Hint),
            4 => Some(Self::DontNeed),
            22 => Some(Self::PopulateRead),
            23 => Some(Self::PopulateWrite),
            _ => None,
        }
    }
}

impl Memory {
    /// Follows advice about a range of pages.
    ///
    /// # Errors
    /// As madvise(2): `EINVAL` for a misaligned address or a range outside user space, `ENOMEM` for a hole in it (the rest
    /// is done), and for the populating kinds `EFAULT` and `ENOMEM` where a page cannot be had.
    pub fn advise(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        len_bytes: u64,
        advice: Advice,
    ) -> Result<(), Errno> {
        let range = page_range(at, len_bytes).ok_or(Errno::EINVAL)?;
        let whole = self.spaces.get(mm).vmas.covers(range.clone());
        match advice {
            Advice::Hint => {}
            Advice::DontNeed => self.discard(work, mm, range),
            Advice::PopulateRead => {
                return self.populate(work, mm, range, Access::Load).map_err(errno);
            }
            Advice::PopulateWrite => {
                return self.populate(work, mm, range, Access::Store).map_err(errno);
            }
        }
        if whole { Ok(()) } else { Err(Errno::ENOMEM) }
    }

    fn discard(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) {
        let space = self.spaces.get_mut(mm);
        space.table.clear_range(work, &mut self.frames, range);
    }

    /// Tells for each page of a range whether it is in memory: mapped, or in the page cache (mincore(2)).
    ///
    /// # Errors
    /// `EINVAL` for a misaligned address, `ENOMEM` for a hole or a range outside user space.
    pub fn resident(&self, ram: &Ram, mm: MmId, at: VirtAddr, len_bytes: u64) -> Result<Vec<bool>, Errno> {
        if at.offset() != 0 {
            return Err(Errno::EINVAL);
        }
        let range = page_range(at, len_bytes).ok_or(Errno::ENOMEM)?;
        let space = self.spaces.get(mm);
        if !space.vmas.covers(range.clone()) {
            return Err(Errno::ENOMEM);
        }
        let mut pages = Vec::new();
        for vma in space.vmas.overlapping(range.clone()) {
            for vpn in (vma.start.max(range.start).0..vma.end.min(range.end).0).map(Vpn) {
                let cached = vma.file_page(vpn).and_then(|(file, index)| self.cache.page(file, index));
                pages.push(cached.is_some() || space.table.look_up(ram, vpn).pte().is_some());
            }
        }
        Ok(pages)
    }

    /// Checks a range for msync(2). There is nothing to write: the page cache is the file.
    ///
    /// # Errors
    /// `EINVAL` for a misaligned address, `ENOMEM` for a hole or a range outside user space.
    pub fn sync(&self, mm: MmId, at: VirtAddr, len_bytes: u64) -> Result<(), Errno> {
        if at.offset() != 0 {
            return Err(Errno::EINVAL);
        }
        let range = page_range(at, len_bytes).ok_or(Errno::ENOMEM)?;
        if self.spaces.get(mm).vmas.covers(range) { Ok(()) } else { Err(Errno::ENOMEM) }
    }
}

/// Returns what the populating kinds of madvise(2) report.
fn errno(fault: Fault) -> Errno {
    match fault {
        Fault::MapErr | Fault::Oom => Errno::ENOMEM,
        Fault::AccErr => Errno::EINVAL,
        Fault::Bus => Errno::EFAULT,
    }
}
