//! mmap: new areas.

use super::address_space::{AddressSpace, user_range};
use super::commit::Promise;
use super::limits::{self, Demand};
use super::lock::Lock;
use super::page_size::PageSize;
use super::vma::{Backing, FileMapping, Hints, HugeAdvice, Lineage, OnFork, Prot, Sharing, Vma};
use super::{Memory, TASK_END, Work};
use crate::{Errno, MmId};
use std::ops::Range;
use std::sync::Arc;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE, VirtAddr, Vpn};

/// Where a new area goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Wherever there is room.
    Anywhere,
    /// At this address if it is free, else wherever there is room.
    Hint(VirtAddr),
    /// At this address, in place of what is there (`MAP_FIXED`).
    Fixed(VirtAddr),
    /// At this address, or not at all (`MAP_FIXED_NOREPLACE`).
    FixedNoReplace(VirtAddr),
}

/// What a new area shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapBacking {
    /// Zeros. With [`Sharing::Shared`], an object of their own that forks share.
    Anonymous,
    /// A file. The area becomes one of its holders.
    File(FileMapping),
}

/// An mmap(2) call, after its descriptor was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRequest {
    /// Where it goes.
    pub placement: Placement,
    /// How long it is; rounded up to whole pages.
    pub len_bytes: u64,
    /// What the process may do.
    pub prot: Prot,
    /// What mprotect(2) may at most allow.
    pub may: Prot,
    /// Whether others see stores.
    pub sharing: Sharing,
    /// What it shows.
    pub backing: MapBacking,
    /// Whether every page is mapped at once (`MAP_POPULATE`).
    pub populate: bool,
    /// Whether a fault below it lets it grow (`MAP_GROWSDOWN`, and the stack).
    pub grows_down: bool,
    /// Whether its pages never count as promised (`MAP_NORESERVE`).
    pub no_reserve: bool,
    /// Whether its pages are locked; if not, they may be because all new ones are.
    pub lock: Lock,
    /// What fork does with it.
    pub on_fork: OnFork,
    /// Whether it should have huge pages: a thread's stack should not (`MAP_STACK`).
    pub huge: HugeAdvice,
}

impl MapRequest {
    /// Asks for private anonymous memory, wherever there is room.
    pub fn anonymous(len_bytes: u64, prot: Prot) -> Self {
        Self {
            placement: Placement::Anywhere,
            len_bytes,
            prot,
            may: Prot::all(),
            sharing: Sharing::Private,
            backing: MapBacking::Anonymous,
            populate: false,
            grows_down: false,
            no_reserve: false,
            lock: Lock::Unlocked,
            on_fork: OnFork::Inherit,
            huge: HugeAdvice::None,
        }
    }
}

impl Memory {
    /// Maps an area, and returns its address.
    ///
    /// # Errors
    /// As mmap(2): `EINVAL` for no length or a misaligned fixed address, `EEXIST`, `EOVERFLOW` for a file offset beyond
    /// all files, `EAGAIN` for more locked memory than there may be, `ENOMEM` for no room, too many areas, a limit, or more memory than the machine has.
    pub fn map(&mut self, work: &mut Work<'_>, mm: MmId, mut request: MapRequest) -> Result<VirtAddr, Errno> {
        let pages = request.len_bytes.div_ceil(PAGE_SIZE);
        if pages == 0 {
            return Err(Errno::EINVAL);
        }
        if pages > TASK_END.0 {
            return Err(Errno::ENOMEM);
        }
        if let MapBacking::File(mapping) = &request.backing {
            // No file has a byte beyond `i64::MAX` (Linux 6.12 mm/mmap.c `file_mmap_ok`).
            let last = (i64::MAX as u64 - pages * PAGE_SIZE) >> PAGE_SHIFT;
            if mapping.first_page > last {
                return Err(Errno::EOVERFLOW);
            }
        }
        let zeros = request.backing == MapBacking::Anonymous && request.sharing == Sharing::Private;
        let range = place(self.spaces.get_mut(mm), request.placement, pages, alignment(zeros, pages))?;
        let space = self.spaces.get(mm);
        if request.lock == Lock::Unlocked {
            request.lock = space.lock_new;
        }
        if request.lock != Lock::Unlocked && !self.may_lock(mm, pages) {
            return Err(Errno::EAGAIN);
        }
        let replaces = matches!(request.placement, Placement::Fixed(_));
        let replaced: u64 = space.vmas.overlapping(range.clone()).map(|vma| overlap(vma, &range)).sum();
        let given_back: u64 = space
            .vmas
            .overlapping(range.clone())
            .filter(|vma| vma.promise == Promise::Counted)
            .map(|vma| overlap(vma, &range))
            .sum();
        limits::check_new_area(self.max_areas, &space.vmas)?;
        if replaces {
            limits::check_hole(self.max_areas, &space.vmas, &range)?;
        }
        let private_writable = request.sharing == Sharing::Private && request.prot.contains(Prot::WRITE);
        let shared_anonymous = request.sharing == Sharing::Shared && request.backing == MapBacking::Anonymous;
        let promised = match () {
            () if request.no_reserve => 0,
            () if private_writable => pages.saturating_sub(given_back),
            () if shared_anonymous => pages,
            () => 0,
        };
        self.check_demand(
            mm,
            Demand {
                areas: pages - replaced,
                data: if private_writable && !request.grows_down { pages } else { 0 },
                promised,
            },
        )?;
        if replaces {
            self.unmap_range(work, mm, range.clone())?;
        }
        let populate = request.populate || request.lock == Lock::Locked;
        let vma = self.new_area(mm, request, range.clone());
        self.spaces.get_mut(mm).add(&mut self.cache, vma);
        if populate {
            self.populate_quietly(work, mm, range.clone());
        }
        Ok(range.start.base())
    }

    /// Makes the area, which holds its file.
    fn new_area(&mut self, mm: MmId, request: MapRequest, range: Range<Vpn>) -> Vma {
        let promise = match request.sharing {
            _ if request.no_reserve => Promise::Waived,
            Sharing::Private if request.prot.contains(Prot::WRITE) => Promise::Counted,
            _ => Promise::None,
        };
        let backing = match request.backing {
            MapBacking::File(mapping) => {
                self.cache.map(mapping.file, mm);
                Backing::File(mapping)
            }
            MapBacking::Anonymous if request.sharing == Sharing::Shared => {
                let len_bytes = (range.end.0 - range.start.0) << PAGE_SHIFT;
                let file = self.cache.create_shared_memory(len_bytes, mm, promise);
                let name = Arc::from("/dev/zero (deleted)");
                Backing::File(FileMapping {
                    file,
                    first_page: 0,
                    name,
                    inode: u64::from(file.0) + 1,
                    device: 1,
                })
            }
            MapBacking::Anonymous => Backing::Anonymous,
        };
        Vma {
            start: range.start,
            end: range.end,
            prot: request.prot,
            may: request.may,
            sharing: request.sharing,
            backing,
            grows_down: request.grows_down,
            on_fork: request.on_fork,
            lock: request.lock,
            huge: request.huge,
            promise,
            hints: Hints::default(),
            had_private_write: false,
            lineage: Lineage::default(),
            origin: range.start,
        }
    }
}

/// Finds room for `pages` pages that begin where a huge page can: in a gap that has room for one more, not at its very
/// beginning (Linux 6.12 mm/huge_memory.c `__thp_get_unmapped_area`).
fn huge_room_below(space: &mut AddressSpace, limit: Vpn, pages: u64) -> Option<Vpn> {
    let more = PageSize::Huge.pages();
    let start = space.vmas.room_below(limit, pages + more)?;
    Some(PageSize::Huge.floor(start) + more)
}

/// Returns how many pages of `range` an area covers.
fn overlap(vma: &Vma, range: &Range<Vpn>) -> u64 {
    vma.end.min(range.end).0 - vma.start.max(range.start).0
}

/// Returns what an area is aligned to when it may be anywhere: private anonymous memory that huge pages fill without a rest
/// begins where one can, whether there are any or not (Linux 6.12 mm/mmap.c `__get_unmapped_area`).
pub(super) fn alignment(private_anonymous: bool, pages: u64) -> PageSize {
    if private_anonymous && pages.is_multiple_of(PageSize::Huge.pages()) {
        PageSize::Huge
    } else {
        PageSize::Base
    }
}

/// Decides where `pages` pages go (Linux 6.12 mm/mmap.c `__get_unmapped_area`).
pub(super) fn place(
    space: &mut AddressSpace,
    placement: Placement,
    pages: u64,
    alignment: PageSize,
) -> Result<Range<Vpn>, Errno> {
    let len_bytes = pages << PAGE_SHIFT;
    match placement {
        Placement::Fixed(at) | Placement::FixedNoReplace(at) => {
            if at.offset() != 0 {
                return Err(Errno::EINVAL);
            }
            let range = user_range(at, len_bytes).ok_or(Errno::ENOMEM)?;
            let taken = space.vmas.overlapping(range.clone()).next().is_some();
            if taken && matches!(placement, Placement::FixedNoReplace(_)) {
                return Err(Errno::EEXIST);
            }
            Ok(range)
        }
        Placement::Hint(at) => {
            let hinted =
                at.page_ceil().filter(|&at| at != VirtAddr(0)).and_then(|at| user_range(at, len_bytes));
            match hinted.filter(|range| space.vmas.is_free(range.clone())) {
                Some(range) => Ok(range),
                None => place(space, Placement::Anywhere, pages, PageSize::Base),
            }
        }
        Placement::Anywhere => {
            let limit = space.layout.mmap_base.vpn().min(TASK_END);
            let aligned = match alignment {
                PageSize::Base => None,
                PageSize::Huge => huge_room_below(space, limit, pages),
            };
            let start = aligned.or_else(|| space.vmas.room_below(limit, pages)).ok_or(Errno::ENOMEM)?;
            Ok(start..start + pages)
        }
    }
}
