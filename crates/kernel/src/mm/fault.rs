//! Page faults: what an access needs and the page table does not allow yet.
//!
//! The area says what is allowed, the PTE what is currently true; the fault makes the second follow the first
//! (Linux 6.12 mm/memory.c `handle_pte_fault`).

use super::frames::{CopyFrom, FrameKind};
use super::ledger::{Copied, CopyReason};
use super::odf::Reached;
use super::page_size::PageSize;
use super::page_table::{self, PageTable, SLOTS, Slot, SlotRef};
use super::sabotage::{Sabotage, is_broken};
use super::vma::{Sharing, Vma};
use super::{Frames, Memory, OutOfMemory, PageCache, TASK_END, TakenBy, Work};
use crate::{FaultKind, FileId, ForkMode, MemoryCounters, MemoryPolicy, MmId};
use tine_mmu::{Access, AdUpdate, PAGE_SHIFT, PAGE_SIZE, Ppn, Pte, PteFlags, VirtAddr, Vpn};

/// Why an access cannot be made to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is mapped there: SIGSEGV with `SEGV_MAPERR`.
    MapErr,
    /// What is mapped there forbids the access: SIGSEGV with `SEGV_ACCERR`.
    AccErr,
    /// The file ends before: SIGBUS with `BUS_ADRERR`.
    Bus,
    /// No frame is left: the process is killed.
    Oom,
    /// The page of the file is not in memory: it is to be read, and the access made again.
    Missing {
        /// The file.
        file: FileId,
        /// Its page.
        page: u64,
    },
}

impl Fault {
    /// Returns the name that traces print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MapErr => "segv_maperr",
            Self::AccErr => "segv_accerr",
            Self::Bus => "bus",
            Self::Oom => "oom",
            Self::Missing { .. } => "missing",
        }
    }
}

impl From<OutOfMemory> for Fault {
    fn from(_: OutOfMemory) -> Self {
        Self::Oom
    }
}

/// What went with a resolved fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The stack's area grew.
    pub stack_growth: bool,
    /// Pages mapped beside the one that was asked for.
    pub fault_around_pages: u64,
    /// Shared pages copied beside the one that was stored to.
    pub cow_batch_pages: u64,
    /// The process got a page table of its own first (on-demand fork).
    pub table_unshared: bool,
    /// The supervisor took it.
    pub by_supervisor: bool,
}

/// A fault that was resolved: the access now works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// What it was.
    pub kind: FaultKind,
    /// The address.
    pub at: VirtAddr,
    /// What was tried there.
    pub access: Access,
    /// The frame that the page had.
    pub old: Option<Ppn>,
    /// The frame that the page has now.
    pub new: Ppn,
    /// Holders of the frame that the page had, itself included; 0 when it had none.
    pub owners: u32,
    /// What went with it.
    pub attributes: Attributes,
}

impl Resolved {
    fn count(&self, counters: &mut MemoryCounters) {
        let Self { kind, attributes, .. } = self;
        counters.record(*kind);
        counters.stack_growth += u64::from(attributes.stack_growth);
        counters.fault_around_pages += attributes.fault_around_pages;
        counters.cow_batch_pages += attributes.cow_batch_pages;
        counters.table_unshared += u64::from(attributes.table_unshared);
        counters.by_supervisor += u64::from(attributes.by_supervisor);
        match kind {
            FaultKind::CowCopy | FaultKind::HugeCopy => counters.cow_faults += 1,
            FaultKind::CowReuse | FaultKind::HugeReuse => {
                let size = if *kind == FaultKind::CowReuse { PageSize::Base } else { PageSize::Huge };
                counters.cow_faults += 1;
                counters.pages_reused += size.pages();
            }
            _ => {}
        }
    }
}

impl Memory {
    /// Resolves a fault of `access` at `at`, counts it, and logs it.
    ///
    /// # Errors
    /// [`Fault`] when the access is not allowed or no frame is left; counted when it becomes a signal.
    pub fn fault(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        access: Access,
    ) -> Result<Resolved, Fault> {
        let outcome = self.resolve(work, mm, at, access);
        match &outcome {
            Ok(resolved) => work.record(resolved),
            Err(fault) => work.record_failure(*fault),
        }
        outcome
    }

    fn resolve(
        &mut self,
        work: &mut Work<'_>,
        mm: MmId,
        at: VirtAddr,
        access: Access,
    ) -> Result<Resolved, Fault> {
        let vpn = at.vpn();
        if vpn >= TASK_END {
            return Err(Fault::MapErr);
        }
        let mut space = self.spaces.get_mut(mm);
        let (vma, stack_growth) = match space.vmas.find_mut(vpn) {
            Some(vma) => (vma, false),
            None => {
                let stack_growth = self.grow_stack_to(mm, vpn);
                space = self.spaces.get_mut(mm);
                (space.vmas.find_mut(vpn).ok_or(Fault::MapErr)?, stack_growth)
            }
        };
        if !vma.allows(access) {
            return Err(Fault::AccErr);
        }
        let file_page = vma.file_page(vpn);
        if file_page.is_some_and(|(file, index)| index >= file_pages(&self.cache, file)) {
            return Err(Fault::Bus);
        }
        if let Some((file, page)) = file_page
            && self.cache.missing(file, page..page + 1).is_some()
            && matches!(space.table.look_up(work.ram, vpn), Slot::Empty)
        {
            return Err(Fault::Missing { file, page });
        }
        let writes_private = access == Access::Store && vma.sharing == Sharing::Private;
        let had_private_write = vma.had_private_write;
        let must_own = |pte| writes_private || pte == Pte::EMPTY;
        let reached = match self.policy.fork {
            ForkMode::Odf => space.table.reach(work, &mut self.frames, vpn, must_own)?,
            ForkMode::Cow | ForkMode::Eager => Reached::Already,
        };
        let huge = !space.thp_disabled && vma.wants_huge(self.policy.thp, vpn);
        let size = if huge { PageSize::Huge } else { PageSize::Base };
        let slot = space.table.reserve(work, &mut self.frames, vpn, size)?;
        let found = space.table.get(work.ram, slot);
        let mut site = FaultSite {
            work,
            frames: &mut self.frames,
            cache: &mut self.cache,
            table: &mut space.table,
            policy: &self.policy,
            vma,
            slot,
            at,
            access,
        };
        let mut resolved = match found {
            Slot::Empty if slot.size == PageSize::Huge => site.map_huge()?,
            Slot::Empty => match file_page {
                None => site.map_anonymous()?,
                // A file system that is full has no page to give (shmem_get_folio_gfp: ENOSPC).
                Some((file, index)) if !site.cache.may_have(file, index) => return Err(Fault::Bus),
                Some((file, index)) => site.map_file(file, index)?,
            },
            Slot::Present(pte) if reached == Reached::Again && site.is_allowed_by(pte) => {
                site.table_reached(pte)
            }
            Slot::Present(pte) if access == Access::Store && site.is_cow(pte) => match slot.size {
                PageSize::Base => site.break_cow(pte)?,
                PageSize::Huge => site.break_huge_cow(pte)?,
            },
            Slot::Present(pte) if site.lacks_accessed_or_dirty(pte) => site.mark_used(pte),
            Slot::Present(pte) => site.spurious(pte),
            // An area that allows something has no such PTE.
            Slot::Protected(_) => return Err(Fault::AccErr),
        };
        if !had_private_write {
            space.vmas.note_private_write(vpn);
        }
        resolved.attributes.table_unshared = reached == Reached::Unshared;
        resolved.attributes.stack_growth = stack_growth;
        resolved.attributes.by_supervisor = work.taken_by == TakenBy::Supervisor;
        Ok(resolved)
    }
}

/// Returns how many pages a file has, a partial one included.
fn file_pages(cache: &PageCache, file: FileId) -> u64 {
    cache.size(file).div_ceil(PAGE_SIZE)
}

impl Work<'_> {
    pub(super) fn record(&mut self, resolved: &Resolved) {
        self.count(|counters| resolved.count(counters));
        if let Some(log) = &mut self.faults {
            log.push(*resolved);
        }
    }

    /// Counts a fault that becomes a signal. One that the supervisor took becomes an error number, unless memory ran out.
    fn record_failure(&mut self, fault: Fault) {
        let by_supervisor = self.taken_by == TakenBy::Supervisor;
        self.count(|counters| match fault {
            Fault::Oom => counters.oom += 1,
            // It is resolved when the page has been read.
            Fault::Missing { .. } => {}
            _ if by_supervisor => {}
            Fault::MapErr => counters.segv_maperr += 1,
            Fault::AccErr => counters.segv_accerr += 1,
            Fault::Bus => counters.bus += 1,
        });
    }

    /// Counts a frame that was copied, and lists it where somebody asked.
    pub(super) fn record_copy(&mut self, frames: &mut Frames, copied: Copied) {
        self.count(|counters| {
            counters.pages_copied += 1;
            counters.bytes_copied += PAGE_SIZE;
        });
        let source = frames.kind(copied.from);
        if let Some(ledger) = frames.ledger_mut() {
            ledger.note(self.ram, copied, source);
        }
    }
}

/// The page that faulted, with everything that resolving it may change.
pub(super) struct FaultSite<'a, 'w> {
    pub(super) work: &'a mut Work<'w>,
    pub(super) frames: &'a mut Frames,
    cache: &'a mut PageCache,
    pub(super) table: &'a mut PageTable,
    pub(super) policy: &'a MemoryPolicy,
    pub(super) vma: &'a mut Vma,
    pub(super) slot: SlotRef,
    pub(super) at: VirtAddr,
    pub(super) access: Access,
}

impl FaultSite<'_, '_> {
    pub(super) fn resolved(&self, kind: FaultKind, old: Option<Pte>, owners: u32, new: Ppn) -> Resolved {
        let (at, access, old) = (self.at, self.access, old.map(Pte::ppn));
        Resolved { kind, at, access, old, new, owners, attributes: Attributes::default() }
    }

    /// Returns the PTE of a page that may be written now.
    pub(super) fn writable(&self, ppn: Ppn) -> Pte {
        page_table::leaf(ppn, self.vma.leaf_flags()).with(PteFlags::W | PteFlags::D)
    }

    /// Fills an empty slot with a mapping of `ppn`, whose reference passes to the slot.
    pub(super) fn fill(&mut self, pte: Pte) {
        self.table.fill(self.work, self.frames, self.slot, pte);
    }

    /// Anonymous memory: a read shares the zero page, a store gets a frame (Linux 6.12 mm/memory.c `do_anonymous_page`).
    pub(super) fn map_anonymous(&mut self) -> Result<Resolved, OutOfMemory> {
        if self.access == Access::Store {
            let ppn = self.frames.allocate_zeroed(self.work.ram, FrameKind::Anon)?;
            self.note_private_write();
            self.fill(self.writable(ppn));
            return Ok(self.resolved(FaultKind::DemandZero, None, 0, ppn));
        }
        let zero_page = self.frames.zero_page();
        self.frames.hold(zero_page);
        self.fill(page_table::leaf(zero_page, self.vma.leaf_flags()));
        Ok(self.resolved(FaultKind::ZeroPage, None, 0, zero_page))
    }

    /// A page of a file: a store to a private mapping copies at once; everything else maps the page cache.
    fn map_file(&mut self, file: FileId, index: u64) -> Result<Resolved, OutOfMemory> {
        match (self.vma.sharing, self.access) {
            (Sharing::Private, Access::Store) if !is_broken(Sabotage::FileWrittenThrough) => {
                let page = self.cache.page_or_create(self.work.ram, self.frames, file, index)?;
                let copy = self.duplicate(self.slot.vpn, page)?;
                self.fill(self.writable(copy));
                Ok(self.resolved(FaultKind::FileWritePrivate, None, 0, copy))
            }
            (_, Access::Store) => {
                let page = self.cache.page_or_create(self.work.ram, self.frames, file, index)?;
                self.frames.hold(page);
                self.fill(self.writable(page));
                Ok(self.resolved(FaultKind::Shared, None, 0, page))
            }
            (sharing, Access::Load | Access::Fetch) => {
                let mut around = self.map_around(file, index);
                let page = match self.table.get(self.work.ram, self.slot) {
                    Slot::Present(pte) => {
                        around -= 1;
                        pte.ppn()
                    }
                    _ => {
                        let page = self.cache.page_or_create(self.work.ram, self.frames, file, index)?;
                        self.frames.hold(page);
                        self.fill(page_table::leaf(page, self.vma.leaf_flags()));
                        page
                    }
                };
                let kind = match sharing {
                    Sharing::Private => FaultKind::FileRead,
                    Sharing::Shared => FaultKind::Shared,
                };
                let mut resolved = self.resolved(kind, None, 0, page);
                resolved.attributes.fault_around_pages = around;
                Ok(resolved)
            }
        }
    }

    /// Maps the cached pages of the window around the page that is read, and returns how many it mapped (Linux 6.12
    /// mm/memory.c `do_fault_around`): an aligned window that leaves neither the area, nor the page-table frame, nor the
    /// file.
    fn map_around(&mut self, file: FileId, index: u64) -> u64 {
        let window = self.policy.fault_around_pages;
        if window <= 1 || self.cache.file(file).is_segment {
            return 0;
        }
        let vpn = self.slot.vpn;
        let table_start = vpn.0 & !(SLOTS - 1);
        let from = (vpn.0 / window * window).max(self.vma.start.0).max(table_start);
        let file_end = vpn.0 + (file_pages(self.cache, file) - index);
        let to = (from + window).min(self.vma.end.0).min(table_start + SLOTS).min(file_end);
        let mut mapped = 0;
        for neighbour in from..to {
            let page = (index + neighbour).checked_sub(vpn.0).and_then(|index| self.cache.page(file, index));
            let slot = self.slot.beside(Vpn(neighbour));
            if let (Some(page), Slot::Empty) = (page, self.table.get(self.work.ram, slot)) {
                self.frames.hold(page);
                let pte = page_table::leaf(page, self.vma.leaf_flags());
                self.table.fill(self.work, self.frames, slot, pte);
                mapped += 1;
            }
        }
        mapped
    }

    /// Tells whether a PTE that can be reached lets the access through.
    fn is_allowed_by(&self, pte: Pte) -> bool {
        let right = match self.access {
            Access::Fetch => PteFlags::X,
            Access::Load => PteFlags::R,
            Access::Store => PteFlags::W,
        };
        pte.has(right) && !self.lacks_accessed_or_dirty(pte)
    }

    /// The page table is reachable again, and that was all that was missing (on-demand fork).
    fn table_reached(&mut self, pte: Pte) -> Resolved {
        self.resolved(FaultKind::TableShare, Some(pte), self.frames.references(pte.ppn()), pte.ppn())
    }

    /// Tells whether a store to a present page needs a decision: the area allows it, the PTE does not.
    fn is_cow(&self, pte: Pte) -> bool {
        self.vma.sharing == Sharing::Private && !pte.has(PteFlags::W)
    }

    /// Gives the page a frame that it may write (Linux 6.12 mm/memory.c `do_wp_page`).
    pub(super) fn break_cow(&mut self, old: Pte) -> Result<Resolved, OutOfMemory> {
        let owners = self.frames.references(old.ppn());
        if self.may_reuse(old.ppn()) {
            // Every other sharer has copied it or is gone.
            self.frames.claim(old.ppn(), PageSize::Base);
            self.table.change(self.work, self.slot, old, old.with(PteFlags::W | PteFlags::D | PteFlags::A));
            return Ok(self.resolved(FaultKind::CowReuse, Some(old), owners, old.ppn()));
        }
        let (kind, copy) = match self.frames.kind(old.ppn()) {
            FrameKind::Zero => {
                (FaultKind::ZeroPageWrite, self.frames.allocate_zeroed(self.work.ram, FrameKind::Anon)?)
            }
            _ => (FaultKind::CowCopy, self.duplicate(self.slot.vpn, old.ppn())?),
        };
        self.note_private_write();
        self.table.replace(self.work, self.frames, self.slot, old, self.writable(copy));
        let mut resolved = self.resolved(kind, Some(old), owners, copy);
        if kind == FaultKind::CowCopy {
            resolved.attributes.cow_batch_pages = self.copy_around();
        }
        Ok(resolved)
    }

    /// Copies the other pages of the window around the page that is stored to which are still shared, so that stores to them
    /// will not fault, and returns how many: an aligned window that leaves neither the area nor the page-table frame. Where
    /// no frame is left, the rest waits for faults of its own.
    fn copy_around(&mut self) -> u64 {
        let window = self.policy.cow_batch_pages;
        if window <= 1 {
            return 0;
        }
        let mut copied = 0;
        for neighbour in self.window(window) {
            let slot = self.slot.beside(neighbour);
            let Slot::Present(old) = self.table.get(self.work.ram, slot) else { continue };
            let original = old.ppn();
            let is_shared = self.frames.kind(original) == FrameKind::Anon
                && !self.frames.is_exclusive(original, PageSize::Base);
            if !is_shared {
                continue;
            }
            let Ok(copy) = self.duplicate(neighbour, original) else { break };
            self.frames.pair(original, copy);
            self.table.replace(self.work, self.frames, slot, old, self.writable(copy));
            copied += 1;
        }
        copied
    }

    /// Returns the aligned window of `pages` pages around the page that faulted, as far as it lies in the area and in the
    /// page-table frame.
    fn window(&self, pages: u64) -> impl Iterator<Item = Vpn> + use<> {
        let vpn = self.slot.vpn;
        let table_start = vpn.0 & !(SLOTS - 1);
        let start = vpn.0 / pages * pages;
        let from = start.max(self.vma.start.0).max(table_start);
        let area_end = if is_broken(Sabotage::BatchLeavesArea) { u64::MAX } else { self.vma.end.0 };
        let to = (start + pages).min(area_end).min(table_start + SLOTS);
        (from..to).map(Vpn)
    }

    /// Copies a frame into a new private one, for the page `vpn`.
    fn duplicate(&mut self, vpn: Vpn, from: Ppn) -> Result<Ppn, OutOfMemory> {
        let (copy, taken_from) = self.frames.allocate_copy()?;
        match taken_from {
            CopyFrom::Pool => self.work.count(|counters| counters.pool_hits += 1),
            CopyFrom::EmptyPool => self.work.count(|counters| counters.pool_misses += 1),
            CopyFrom::FreeFrames => {}
        }
        if !is_broken(Sabotage::NothingCopied) {
            self.work.ram.copy_frame(from, copy);
        }
        let mm = self.table.space();
        let copied = Copied { mm, vpn, from, to: copy, reason: CopyReason::Store };
        self.work.record_copy(self.frames, copied);
        self.note_private_write();
        Ok(copy)
    }

    /// Tells whether a store may go to the frame itself.
    fn may_reuse(&self, ppn: Ppn) -> bool {
        let is_zero = self.frames.kind(ppn) == FrameKind::Zero;
        self.frames.is_exclusive(ppn, PageSize::Base)
            || is_broken(Sabotage::ReuseWhileShared) && !is_zero
            || is_broken(Sabotage::ZeroPageWritten) && is_zero
    }

    /// Notes that fork must copy the area's PTEs.
    fn note_private_write(&mut self) {
        self.vma.had_private_write |= !is_broken(Sabotage::PrivateWriteForgotten);
    }

    fn lacks_accessed_or_dirty(&self, pte: Pte) -> bool {
        self.policy.ad_update == AdUpdate::Svade && !pte.has(used(self.access))
    }

    /// Sets the bits that the walker leaves to the supervisor (Privileged ISA, "Svade").
    fn mark_used(&mut self, pte: Pte) -> Resolved {
        self.table.change(self.work, self.slot, pte, pte.with(used(self.access)));
        self.resolved(FaultKind::AccessFlag, Some(pte), self.frames.references(pte.ppn()), pte.ppn())
    }

    /// The page table allows the access already: the hart held a stale translation, and must drop it.
    fn spurious(&mut self, pte: Pte) -> Resolved {
        self.work.fences.owe(self.slot.vpn);
        self.resolved(FaultKind::Spurious, Some(pte), self.frames.references(pte.ppn()), pte.ppn())
    }
}

/// Returns the bits that an access wants set.
fn used(access: Access) -> PteFlags {
    match access {
        Access::Store => PteFlags::A | PteFlags::D,
        Access::Load | Access::Fetch => PteFlags::A,
    }
}

const _: () = assert!(1 << PAGE_SHIFT == PAGE_SIZE);
