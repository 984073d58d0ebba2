//! Access to a process's memory by page table, as exec's argument copy and MAP_POPULATE make it (Linux:
//! `get_user_pages`). System calls go through the hart's MMU instead.

use super::page_table::Slot;
use super::vma::{Prot, Sharing, Vma};
use super::{Fault, Memory, TakenBy, Work};
use crate::MmId;
use std::ops::Range;
use tine_mmu::{Access, PAGE_SIZE, PhysAddr, Ppn, PteFlags, Ram, VirtAddr, Vpn};

impl Memory {
    /// Reads bytes at `at`. Faults are resolved and counted as the supervisor's.
    ///
    /// # Errors
    /// [`Fault`] at the first page that cannot be read.
    pub fn peek(&mut self, work: &mut Work<'_>, mm: MmId, at: VirtAddr, to: &mut [u8]) -> Result<(), Fault> {
        let mut done = 0;
        while done < to.len() {
            let at = at + done as u64;
            let len = ((PAGE_SIZE - at.offset()) as usize).min(to.len() - done);
            let from: PhysAddr = self.frame_for(work, mm, at, Access::Load)?.base() + at.offset();
            work.ram.read(from, &mut to[done..done + len]).expect("a mapped frame is RAM");
            done += len;
        }
        Ok(())
    }

    /// Writes bytes at `at`. Faults are resolved, copy-on-write among them, and counted as the supervisor's.
    ///
    /// # Errors
    /// [`Fault`] at the first page that cannot be written; what precedes it is written.
    pub fn poke(&mut self, work: &mut Work<'_>, mm: MmId, at: VirtAddr, bytes: &[u8]) -> Result<(), Fault> {
        let mut done = 0;
        while done < bytes.len() {
            let at = at + done as u64;
            let len = ((PAGE_SIZE - at.offset()) as usize).min(bytes.len() - done);
            let to: PhysAddr = self.frame_for(work, mm, at, Access::Store)?.base() + at.offset();
            work.ram.write(to, &bytes[done..done + len]).expect("a mapped frame is RAM");
            done += len;
        }
        Ok(())
    }

    /// Reads what a load at `at` would find, without any fault, as a tracer looks on. Pages that are not mapped yet are read
    /// where the fault would find them.
    ///
    /// # Returns
    /// How many bytes there were.
    pub fn inspect(&self, ram: &Ram, mm: MmId, at: VirtAddr, to: &mut [u8]) -> usize {
        let mut done = 0;
        while done < to.len() {
            let at = at + done as u64;
            let len = ((PAGE_SIZE - at.offset()) as usize).min(to.len() - done);
            let to = &mut to[done..done + len];
            let mapped = self.translate(ram, mm, at, Access::Load);
            match mapped.or_else(|| self.frame_to_map(ram, mm, at)) {
                Some(ppn) => ram.read(ppn.base() + at.offset(), to).expect("a mapped frame is RAM"),
                None if self.is_untouched(ram, mm, at) => to.fill(0),
                None => break,
            }
            done += len;
        }
        done
    }

    /// Returns the frame of the page cache that a load at `at` would map.
    fn frame_to_map(&self, ram: &Ram, mm: MmId, at: VirtAddr) -> Option<Ppn> {
        let (file, index) = self.unmapped_area(ram, mm, at)?.file_page(at.vpn())?;
        self.cache.page(file, index)
    }

    /// Tells whether `at` is in memory that nothing has touched: anonymous, or a hole of a file.
    fn is_untouched(&self, ram: &Ram, mm: MmId, at: VirtAddr) -> bool {
        self.unmapped_area(ram, mm, at).is_some_and(|vma| match vma.file_page(at.vpn()) {
            None => true,
            Some((file, index)) => index < self.cache.size(file).div_ceil(PAGE_SIZE),
        })
    }

    /// Returns the area of a page that is not mapped and may be loaded from.
    fn unmapped_area(&self, ram: &Ram, mm: MmId, at: VirtAddr) -> Option<&Vma> {
        let space = self.spaces.get(mm);
        let is_empty = matches!(space.table.look_up(ram, at.vpn()), Slot::Empty);
        space.areas().find(at.vpn()).filter(|vma| is_empty && vma.allows(Access::Load))
    }

    /// Returns the frame behind `at` if the page table lets `access` through.
    pub fn translate(&self, ram: &Ram, mm: MmId, at: VirtAddr, access: Access) -> Option<Ppn> {
        let needed = match access {
            Access::Fetch => PteFlags::X,
            Access::Load => PteFlags::R,
            Access::Store => PteFlags::W,
        };
        let table = &self.spaces.get(mm).table;
        if access == Access::Store && table.is_withheld(ram, at.vpn()) {
            return None;
        }
        match table.look_up(ram, at.vpn()) {
            Slot::Present(pte) if pte.has(needed) && at.vpn() < super::TASK_END => Some(pte.ppn()),
            _ => None,
        }
    }

    /// Returns the frame behind `at`, with a fault taken on the supervisor's account if need be.
    pub(super) fn frame_for(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        access: Access,
    ) -> Result<Ppn, Fault> {
        if let Some(ppn) = self.translate(work.ram, mm, at, access) {
            return Ok(ppn);
        }
        let taken_by = std::mem::replace(&mut work.taken_by, TakenBy::Supervisor);
        let outcome = self.fault(work, mm, at, access);
        work.taken_by = taken_by;
        outcome.map(|resolved| resolved.new)
    }

    /// Maps every page of a range for `access`.
    ///
    /// # Errors
    /// [`Fault`] at the first page that cannot be had; what precedes it is mapped.
    pub fn populate(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        range: Range<Vpn>,
        access: Access,
    ) -> Result<(), Fault> {
        for vpn in (range.start.0..range.end.0).map(Vpn) {
            self.frame_for(work, mm, vpn.base(), access)?;
        }
        Ok(())
    }

    /// Maps what it can of a fresh area, as MAP_POPULATE does: private writable memory for writing, the rest for reading
    /// (Linux 6.12 mm/gup.c `populate_vma_page_range`).
    pub(super) fn populate_quietly(&mut self, work: &mut Work<'_>, mm: MmId, range: Range<Vpn>) {
        let Some(vma) = self.spaces.get(mm).vmas.find(range.start) else { return };
        let access = match vma.sharing {
            Sharing::Private if vma.prot.contains(Prot::WRITE) => Access::Store,
            _ if vma.prot.intersects(Prot::READ | Prot::WRITE) => Access::Load,
            _ => return,
        };
        // What cannot be had is had when it is touched, or fails then: mmap(2) does not report it.
        let _ = self.populate(work, mm, range, access);
    }
}
