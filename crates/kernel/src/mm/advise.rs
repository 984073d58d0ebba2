//! madvise, mincore and msync: what a process says and asks about pages that it has.

use super::address_space::page_range;
use super::lock::Lock;
use super::vma::{Backing, Hints, HugeAdvice, OnFork, Prot, Sharing, Vma};
use super::{Fault, Memory, OutOfMemory, Work};
use crate::{Errno, FileId, MmId};
use std::ops::Range;
use tine_mmu::{Access, PAGE_SHIFT, PAGE_SIZE, Ram, VirtAddr, Vpn};

/// What madvise(2) is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// A hint that changes nothing but what is remembered of the area.
    Hint {
        /// What is remembered from now on.
        set: Hints,
        /// What no more.
        clear: Hints,
    },
    /// `MADV_COLD`, `MADV_PAGEOUT`: hints, but not for locked pages.
    Cold,
    /// `MADV_DONTNEED`: the pages leave; anonymous ones come back as zeros.
    DontNeed,
    /// `MADV_DONTNEED_LOCKED`: as before, also for locked pages.
    DontNeedLocked,
    /// `MADV_REMOVE`: the file has a hole there. Whoever advises makes it, by [`Memory::shown_files`].
    Remove,
    /// `MADV_FREE`: the pages may leave when memory runs short, unless they are stored to before.
    Free,
    /// What fork does with the pages.
    OnFork(OnFork),
    /// Whether the pages should be huge ones from now on.
    Huge(HugeAdvice),
    /// `MADV_COLLAPSE`: make huge pages of what is there now.
    Collapse,
    /// What fork does with the pages is what it does with others again, if it was this (`MADV_DOFORK`,
    /// `MADV_KEEPONFORK`).
    TakeBack(OnFork),
    /// `MADV_POPULATE_READ`: map every page for reading.
    PopulateRead,
    /// `MADV_POPULATE_WRITE`: map every page for writing.
    PopulateWrite,
}

impl Advice {
    /// Decodes the number that madvise(2) takes; `None` for one that is unknown or not supported.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::forget(Hints::SEQUENTIAL | Hints::RANDOM)),
            1 => Some(Self::Hint { set: Hints::RANDOM, clear: Hints::SEQUENTIAL }),
            2 => Some(Self::Hint { set: Hints::SEQUENTIAL, clear: Hints::RANDOM }),
            // WILLNEED: what there is has been read already.
            3 => Some(Self::forget(Hints::empty())),
            // Nothing merges pages.
            12 => Some(Self::remember(Hints::MERGEABLE)),
            13 => Some(Self::forget(Hints::MERGEABLE)),
            // There are no core files.
            16 => Some(Self::remember(Hints::NO_DUMP)),
            17 => Some(Self::forget(Hints::NO_DUMP)),
            14 => Some(Self::Huge(HugeAdvice::Wanted)),
            15 => Some(Self::Huge(HugeAdvice::Refused)),
            25 => Some(Self::Collapse),
            20 | 21 => Some(Self::Cold),
            4 => Some(Self::DontNeed),
            24 => Some(Self::DontNeedLocked),
            9 => Some(Self::Remove),
            8 => Some(Self::Free),
            10 => Some(Self::OnFork(OnFork::Omit)),
            18 => Some(Self::OnFork(OnFork::Wipe)),
            11 => Some(Self::TakeBack(OnFork::Omit)),
            19 => Some(Self::TakeBack(OnFork::Wipe)),
            22 => Some(Self::PopulateRead),
            23 => Some(Self::PopulateWrite),
            _ => None,
        }
    }

    const fn remember(set: Hints) -> Self {
        Self::Hint { set, clear: Hints::empty() }
    }

    const fn forget(clear: Hints) -> Self {
        Self::Hint { set: Hints::empty(), clear }
    }

    /// Checks whether the advice can be given about an area.
    ///
    /// # Errors
    /// `EINVAL` for pages that are locked, or not of the kind that is meant; `EACCES` for a hole in a file that the mapping
    /// could never write.
    fn check(self, vma: &Vma) -> Result<(), Errno> {
        let locked = vma.lock != Lock::Unlocked;
        let private_anonymous = vma.backing == Backing::Anonymous;
        let suits = match self {
            Self::Cold | Self::DontNeed => !locked,
            Self::Free => !locked && private_anonymous,
            Self::OnFork(OnFork::Wipe) => private_anonymous,
            Self::Remove => !locked && !private_anonymous,
            Self::Hint { clear: Hints::NO_DUMP, .. } => !vma.is_special(),
            _ => true,
        };
        if !suits {
            return Err(Errno::EINVAL);
        }
        let may_write = vma.sharing == Sharing::Shared && vma.may.contains(Prot::WRITE);
        if self == Self::Remove && !may_write { Err(Errno::EACCES) } else { Ok(()) }
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
        let populated = match advice {
            Advice::PopulateRead => Some(Access::Load),
            Advice::PopulateWrite => Some(Access::Store),
            _ => None,
        };
        if let Some(access) = populated {
            return self.populate(work, mm, range, access).map_err(errno);
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
            advice.check(vma)?;
            match advice {
                Advice::DontNeed | Advice::DontNeedLocked => self.discard(work, mm, part)?,
                Advice::OnFork(on_fork) if vma.on_fork != on_fork => {
                    self.change_area(work, mm, part, |vma| vma.on_fork = on_fork)?;
                }
                Advice::Huge(huge) if vma.huge != huge => {
                    self.change_area(work, mm, part, |vma| vma.huge = huge)?;
                }
                Advice::Hint { set, clear } if set != Hints::MERGEABLE || vma.may_merge_pages() => {
                    let hints = vma.hints.difference(clear) | set;
                    if hints != vma.hints {
                        self.change_area(work, mm, part, |vma| vma.hints = hints)?;
                    }
                }
                Advice::Free => self.give_up(work, mm, part),
                Advice::Collapse => self.collapse(work, mm, part)?,
                Advice::TakeBack(was) if vma.on_fork == was => {
                    self.change_area(work, mm, part, |vma| vma.on_fork = OnFork::Inherit)?;
                }
                _ => {}
            }
        }
        if holes { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Returns the files that a range of memory shows, each with the bytes of it.
    pub fn shown_files(&self, mm: MmId, range: Range<Vpn>) -> Vec<(FileId, Range<u64>)> {
        let shown = |vma: &Vma| {
            let start = vma.start.max(range.start);
            let (file, first) = vma.file_page(start)?;
            let pages = first..first + (vma.end.min(range.end).0 - start.0);
            Some((file, pages.start << PAGE_SHIFT..pages.end << PAGE_SHIFT))
        };
        self.spaces.get(mm).vmas.overlapping(range.clone()).filter_map(shown).collect()
    }

    fn discard(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        space.table.unshare_edges(work, &mut self.frames, &range).map_err(|OutOfMemory| Errno::ENOMEM)?;
        space.table.clear_range(work, &mut self.frames, range);
        Ok(())
    }

    /// Changes what is remembered of a range that lies in one area.
    fn change_area(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
        change: impl FnOnce(&mut Vma),
    ) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        // madvise(2) says that the call may be made again.
        let cut = space.isolate_within(self.max_areas, work, &mut self.frames, &mut self.cache, &range);
        cut.map_err(|_| Errno::EAGAIN)?;
        space.vmas.change(range.start, change);
        space.vmas.merge_around(&mut self.cache, range.start);
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
                // Of what is in no file system nobody knows more (`can_do_mincore`).
                if vma.is_special() {
                    pages.push(true);
                    continue;
                }
                let cached = vma.file_page(vpn).and_then(|(file, index)| self.cache.page(file, index));
                pages.push(cached.is_some() || space.table.look_up(ram, vpn).pte().is_some());
            }
        }
        Ok(pages)
    }

    /// Checks a range for msync(2). There is nothing to write: the page cache is the file.
    ///
    /// # Errors
    /// `EINVAL` for a misaligned address, `ENOMEM` for a hole or a range outside user space; `EBUSY` for locked pages that
    /// others' copies are to be thrown away of (`invalidates`).
    pub fn sync(&self, mm: MmId, at: VirtAddr, len_bytes: u64, invalidates: bool) -> Result<(), Errno> {
        if at.offset() != 0 {
            return Err(Errno::EINVAL);
        }
        let Some(len_bytes) = len_bytes.checked_next_multiple_of(PAGE_SIZE) else { return Ok(()) };
        let range = page_range(at, len_bytes).ok_or(Errno::ENOMEM)?;
        let vmas = &self.spaces.get(mm).vmas;
        if invalidates && vmas.overlapping(range.clone()).any(|vma| vma.lock != Lock::Unlocked) {
            return Err(Errno::EBUSY);
        }
        if vmas.covers(range) { Ok(()) } else { Err(Errno::ENOMEM) }
    }
}

/// Returns what the populating kinds of madvise(2) report.
fn errno(fault: Fault) -> Errno {
    match fault {
        Fault::MapErr | Fault::Oom => Errno::ENOMEM,
        Fault::AccErr => Errno::EINVAL,
        Fault::Bus | Fault::Missing { .. } => Errno::EFAULT,
    }
}
