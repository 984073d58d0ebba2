//! mlock and mlockall: pages that stay in memory. They all do here, so what locking changes is when they are mapped, how they
//! are counted, and what may be done with them.

use super::address_space::page_range;
use super::vma::{Prot, Sharing, Vma};
use super::{Fault, Memory, TASK_END, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{Access, PAGE_SHIFT, VirtAddr, Vpn};

/// Whether the pages of an area are locked (mlock2(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// They are not.
    #[default]
    Unlocked,
    /// They are, and mapped at once.
    Locked,
    /// They are from when they are touched.
    OnFault,
}

impl Memory {
    /// Locks or unlocks a range of pages.
    ///
    /// # Errors
    /// As mlock(2): `EINVAL` when the range wraps round, `ENOMEM` for a hole, for more than the limit, for too many areas, and
    /// where a page cannot be had; `EAGAIN` where no frame is left. What precedes the error is locked.
    pub fn lock(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        len_bytes: u64,
        lock: Lock,
    ) -> Result<(), Errno> {
        let len_bytes = len_bytes.checked_add(at.offset()).ok_or(Errno::EINVAL)?;
        let range = page_range(at.page_floor(), len_bytes).ok_or(Errno::EINVAL)?;
        let vmas = &self.spaces.get(mm).vmas;
        let locked_before = vmas.overlapping(range.clone()).filter(|vma| vma.lock != Lock::Unlocked);
        let again: u64 =
            locked_before.map(|vma| vma.end.min(range.end).0 - vma.start.max(range.start).0).sum();
        if lock != Lock::Unlocked && !self.may_lock(mm, (range.end.0 - range.start.0).saturating_sub(again)) {
            return Err(Errno::ENOMEM);
        }
        let mut from = range.start;
        while from < range.end {
            let vma = self.spaces.get(mm).vmas.find(from).ok_or(Errno::ENOMEM)?;
            let part = from..vma.end.min(range.end);
            self.set_lock(work, mm, part.clone(), lock)?;
            from = part.end;
        }
        if lock == Lock::Locked {
            self.map_locked(work, mm, range).map_err(|fault| match fault {
                Fault::Oom => Errno::EAGAIN,
                Fault::MapErr | Fault::AccErr | Fault::Bus | Fault::Missing { .. } => Errno::ENOMEM,
            })?;
        }
        Ok(())
    }

    /// Locks or unlocks every area there is, when `current` says how, and has new areas begin as `future` says.
    ///
    /// # Errors
    /// `ENOMEM` when there is more than the limit.
    pub fn lock_all(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        current: Option<Lock>,
        future: Lock,
    ) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        let exceeds = space.vmas.pages().total > space.limits.locked_bytes >> PAGE_SHIFT;
        if exceeds && current.is_some_and(|lock| lock != Lock::Unlocked) {
            return Err(Errno::ENOMEM);
        }
        space.lock_new = future;
        let Some(lock) = current else { return Ok(()) };
        let areas: Vec<Range<Vpn>> = space.vmas.iter().map(|vma| vma.start..vma.end).collect();
        for area in areas {
            // Nothing is cut.
            let _: Result<(), Errno> = self.set_lock(work, mm, area.clone(), lock);
            if lock == Lock::Locked {
                // Linux ignores what cannot be mapped.
                let _: Result<(), Fault> = self.map_locked(work, mm, area);
            }
        }
        Ok(())
    }

    /// Tells whether so many pages more may be locked (`RLIMIT_MEMLOCK`).
    pub(super) fn may_lock(&self, mm: MmId, pages: u64) -> bool {
        let space = self.spaces.get(mm);
        space.vmas.pages().locked.saturating_add(pages) <= space.limits.locked_bytes >> PAGE_SHIFT
    }

    /// Changes the lock of a range that lies in one area; what the kernel itself has mapped is left alone (mlock_fixup).
    pub(super) fn set_lock(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
        lock: Lock,
    ) -> Result<(), Errno> {
        let space = self.spaces.get_mut(mm);
        let Some(vma) = space.vmas.find(range.start) else { return Ok(()) };
        if vma.lock == lock || vma.is_special() {
            return Ok(());
        }
        space.isolate_within(self.max_areas, work, &mut self.frames, &mut self.cache, &range)?;
        space.vmas.change(range.start, |vma| vma.lock = lock);
        space.vmas.merge_around(&mut self.cache, range.start);
        Ok(())
    }

    /// Maps every page of a range: private writable memory for writing, so that it need not be copied later; the rest for
    /// reading (Linux 6.12 mm/gup.c populate_vma_page_range).
    ///
    /// # Errors
    /// [`Fault`] at the first page that cannot be had; what precedes it is mapped.
    pub(super) fn map_locked(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
    ) -> Result<(), Fault> {
        let areas: Vec<(Range<Vpn>, Access)> = self
            .spaces
            .get(mm)
            .vmas
            .overlapping(range.clone())
            .filter(|vma| vma.lock != Lock::OnFault && vma.start < TASK_END && !vma.is_raw_frames())
            .map(|vma| (vma.start.max(range.start)..vma.end.min(range.end), populating_access(vma)))
            .collect();
        for (part, access) in areas {
            self.populate(work, mm, part, access)?;
        }
        Ok(())
    }
}

/// Returns the access for which the pages of an area are mapped beforehand.
fn populating_access(vma: &Vma) -> Access {
    match vma.sharing {
        Sharing::Private if vma.prot.contains(Prot::WRITE) => Access::Store,
        _ if vma.prot == Prot::EXEC => Access::Fetch,
        _ => Access::Load,
    }
}
