//! madvise, mincore and msync: what a process says and asks about pages that it has.

use super::address_space::page_range;
use super::vma::{Backing, OnFork, Vma};
use super::{Fault, Memory, Work, limits};
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
    /// `MADV_FREE`: the pages may leave when memory runs short. Nothing is reclaimed here, so they stay.
    Free,
    /// What fork does with the pages.
    OnFork(OnFork),
    /// `MADV_POPULATE_READ`: map every page for reading.
    PopulateRead,
    /// `MADV_POPULATE_WRITE`: map every page for writing.
    PopulateWrite,
}

impl Advice {
    /// Decodes the number that madvise(2) takes; `None` for one that is unknown or not supported.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            // NORMAL, RANDOM, SEQUENTIAL, WILLNEED; HUGEPAGE to DODUMP, for there are no huge pages and no core files;
            // COLD and PAGEOUT, for there is no swap.
            0..=3 | 14..=17 | 20 | 21 => Some(Self::Hint),
            4 => Some(Self::DontNeed),
            8 => Some(Self::Free),
            10 => Some(Self::OnFork(OnFork::Omit)),
            18 => Some(Self::OnFork(OnFork::Wipe)),
            11 | 19 => Some(Self::OnFork(OnFork::Inherit)),
            22 => Some(Self::PopulateRead),
            23 => Some(Self::PopulateWrite),
            _ => None,
        }
    }

    /// Tells whether the advice can be given about an area.
    fn suits(self, vma: &Vma) -> bool {
        let private_anonymous = vma.backing == Backing::Anonymous;
        !matches!(self, Self::Free | Self::OnFork(OnFork::Wipe)) || private_anonymous
    }
}

impl Memory {
    /// Follows advice about a range of pages.
    ///
    /// # Errors
    /// As madvise(2): `EINVAL` for a misaligned address or advice that does not suit an area, `ENOMEM` for a hole (the
    /// rest is done) or too many areas, and for the populating kinds `ENOMEM`, `EINVAL` and `EFAULT` where a page cannot
    /// be had.
    pub fn advise(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        len_bytes: u64,
        advice: Advice,
    ) -> Result<(), Errno> {
        let range = page_range(at, len_bytes).ok_or(Errno::EINVAL)?;
        match advice {
            Advice::PopulateRead => return self.populate(work, mm, range, Access::Load).map_err(errno),
            Advice::PopulateWrite => return self.populate(work, mm, range, Access::Store).map_err(errno),
            Advice::Hint | Advice::DontNeed | Advice::Free | Advice::OnFork(_) => {}
        }
        let mut from = range.start;
        let mut holes = false;
        while from < range.end {
            let vmas = &self.spaces.get(mm).vmas;
            let Some(vma) = vmas.overlapping(from..range.end).next() else {
                return Err(Errno::ENOMEM);
            };
            holes |= vma.start > from;
            let part = vma.start.max(from)..vma.end.min(range.end);
            from = part.end;
            if !advice.suits(vma) {
                return Err(Errno::EINVAL);
            }
            match advice {
                Advice::DontNeed => self.discard(work, mm, part),
                Advice::OnFork(on_fork) if vma.on_fork != on_fork => self.set_on_fork(mm, part, on_fork)?,
                _ => {}
            }
        }
        if holes { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    fn discard(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) {
        let space = self.spaces.get_mut(mm);
        space.table.clear_range(work, &mut self.frames, range);
    }

    fn set_on_fork(&mut self, mm: MmId, range: Range<Vpn>, on_fork: OnFork) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        limits::check_cuts(&space.vmas, &range)?;
        space.vmas.isolate(&mut self.cache, range.clone());
        space.vmas.change(range.start, |vma| vma.on_fork = on_fork);
        space.vmas.merge_at(&mut self.cache, range.start);
        space.vmas.merge_at(&mut self.cache, range.end);
        Ok(())
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
