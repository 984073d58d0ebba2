//! Memory of processes: frames, page tables, address spaces, copy-on-write.
//!
//! ```text
//!   AddressSpace ── areas (Vma): what is allowed, what stands behind ──▶ zeros, or a file in the PageCache
//!        │                                                                     │
//!        └── PageTable: what is true now ──▶ PTEs in guest RAM ──▶ frames ◀────┘
//!                                                                    ▲
//!                                            Frames: owners and reverse map of each
//! ```
//!
//! Invariants, which [`Memory::check_invariants`] compares with guest RAM:
//! - Only [`page_table`] writes PTEs. It keeps the reverse map, the counts and the resident figures, and owes the fences.
//! - There is no COW bit. A private area that allows a store while its PTE does not *is* the COW condition, and whether
//!   the store copies or reuses is decided by [`Frames::is_exclusive`] alone.
//! - Every holder of a frame counts: each PTE, the page cache, and whoever has just allocated it.
//!
//! One verb per file: `fault`, `fork`, `map`, `unmap`, `remap`, `protect`, `lock`, `brk`, `advise`,
//! `access`, `collapse`.

mod access;
mod address_space;
mod advise;
mod asid;
mod backing;
mod brk;
mod buddy;
mod bulk;
mod check;
mod collapse;
mod commit;
mod entries;
mod fault;
mod fence;
mod force;
mod fork;
mod frame;
mod frames;
mod free_blocks;
mod gaps;
mod gauges;
mod huge;
mod huge_frames;
mod huge_table;
mod lazy;
mod ledger;
mod limits;
mod lock;
mod map;
mod odf;
mod oom;
mod page_cache;
mod page_size;
mod page_table;
mod pool;
mod protect;
mod quota;
mod reclaim;
mod remap;
mod resident;
mod reverse_map;
mod sabotage;
mod spaces;
mod stack;
mod survey;
mod table_roles;
mod twins;
mod unmap;
mod unmap_file;
mod unshare;
mod vma;
mod vma_tree;

#[cfg(test)]
mod tests;

pub use address_space::{AddressSpace, AreaRole, Layout, Limits, Reserve, Usage};
pub use advise::Advice;
pub use asid::Activation;
pub use buddy::ORDERS;
pub use check::Violation;
pub use commit::{CommitParameter, Promise};
pub use fault::{Attributes, Fault, Resolved};
pub use fence::{FenceTargets, Fences};
pub use frames::{FrameKind, Frames, OutOfMemory};
pub use gauges::FrameGauges;
pub use ledger::{CopyId, CopyReason, FrameCopy, Ledger};
pub use lock::Lock;
pub use map::{MapBacking, MapRequest, Placement};
pub use page_cache::{PageCache, QuotaId, Truncated};
pub use page_size::PageSize;
pub use reclaim::Reclaimed;
pub use remap::{Remains, RemapRequest};
pub use resident::Resident;
pub use survey::{FilePlace, MappedPage, Place, SurveyedArea};
pub use vma::{Backing, FileMapping, Hints, HugeAdvice, OnFork, Prot, Sharing, Vma};
pub(crate) use vma_tree::LOWEST;
pub use vma_tree::{AreaPages, STACK_GUARD_PAGES, TASK_END, TASK_SIZE, VmaTree};

use crate::inject::Injections;
use crate::{HartId, MemoryCounters, MemoryPolicy, MmId};
use asid::Asids;
use commit::CommitRules;
use lazy::LazyPages;
use page_table::PageTable;
use reclaim::Hand;
use spaces::Spaces;
use std::collections::BTreeMap;
use tine_mmu::{Fence, Ram, Vpn};

/// On whose account a fault is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBy {
    /// The program, by an instruction of its own. What cannot be resolved becomes a signal.
    User,
    /// The supervisor, for a system call. What cannot be resolved becomes an error number.
    Supervisor,
}

/// What an operation works on and what it leaves behind, for one process.
pub struct Work<'a> {
    /// Guest RAM.
    pub ram: &'a mut Ram,
    /// The counters of the process on whose behalf the work is done.
    process: &'a mut MemoryCounters,
    /// Those of the hart that does it, unless whoever began the work adds to them himself.
    hart: Option<&'a mut MemoryCounters>,
    /// Fences owed to the harts that may hold translations of the address space.
    pub fences: Fences,
    /// Every resolved fault in order, when someone listens.
    pub faults: Option<Vec<Resolved>>,
    /// On whose account faults are taken.
    pub taken_by: TakenBy,
}

impl<'a> Work<'a> {
    /// Begins work for a trap that the program took.
    pub fn new(ram: &'a mut Ram, process: &'a mut MemoryCounters) -> Self {
        let (fences, taken_by) = (Fences::default(), TakenBy::User);
        Self { ram, process, hart: None, fences, faults: None, taken_by }
    }

    /// Begins work of a system call.
    pub fn supervisor(ram: &'a mut Ram, process: &'a mut MemoryCounters) -> Self {
        Self { taken_by: TakenBy::Supervisor, ..Self::new(ram, process) }
    }

    /// Has what is done counted for a hart, too.
    pub fn on_hart(self, hart: &'a mut MemoryCounters) -> Self {
        Self { hart: Some(hart), ..self }
    }

    /// Counts what is done: at once for all who want to know, for most work changes a few of the many counters.
    #[inline]
    pub(super) fn count(&mut self, add: impl Fn(&mut MemoryCounters)) {
        add(self.process);
        if let Some(hart) = &mut self.hart {
            add(hart);
        }
    }

    /// Ends the work and returns the fences that it owes.
    pub fn finish(self) -> Fences {
        self.fences
    }
}

/// All memory of all processes.
#[derive(Clone, Debug)]
pub struct Memory {
    frames: Frames,
    cache: PageCache,
    spaces: Spaces,
    asids: Asids,
    policy: MemoryPolicy,
    commit: CommitRules,
    oom_kills: u64,
    hand: Hand,
    lazy: LazyPages,
    pages_reclaimed: u64,
    cache_drops: u64,
    /// The most areas that one address space may have (`vm.max_map_count`).
    max_areas: usize,
}

impl Memory {
    /// Makes allocations and copies fail from now on.
    pub(crate) fn inject(&mut self, injections: Injections) {
        self.frames.injections = injections;
    }

    /// Returns the failures of allocations and copies.
    pub(crate) fn injections(&self) -> &Injections {
        &self.frames.injections
    }

    /// Takes over `ram`, which holds zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame even for the zero page.
    pub fn new(ram: &mut Ram, policy: MemoryPolicy) -> Result<Self, OutOfMemory> {
        let mut frames = Frames::new(ram);
        frames.make_zero_page(ram)?;
        let commit = CommitRules::new(policy.overcommit, ram.frames());
        frames.set_aside(policy.cow_prealloc_frames)?;
        Ok(Self {
            frames,
            cache: PageCache::default(),
            spaces: Spaces::default(),
            asids: Asids::new(u16::MAX),
            policy,
            commit,
            oom_kills: 0,
            hand: Hand::default(),
            lazy: LazyPages::default(),
            pages_reclaimed: 0,
            cache_drops: 0,
            max_areas: limits::MAX_AREAS,
        })
    }

    /// Returns the policy in force.
    pub fn policy(&self) -> &MemoryPolicy {
        &self.policy
    }

    /// Returns the frame table.
    pub fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Begins to list every copy of a frame.
    pub fn keep_ledger(&mut self) {
        self.frames.keep_ledger();
    }

    /// Takes the copies made since the last call, where they are listed.
    pub(crate) fn take_copies(&mut self) -> Vec<FrameCopy> {
        self.frames.ledger_mut().map(Ledger::take_fresh).unwrap_or_default()
    }

    /// Returns the page cache.
    pub fn cache(&self) -> &PageCache {
        &self.cache
    }

    /// Returns the page cache for writing, with the frames that it needs.
    pub fn cache_mut(&mut self) -> (&mut PageCache, &mut Frames) {
        (&mut self.cache, &mut self.frames)
    }

    /// Returns an address space.
    ///
    /// # Panics
    /// When `mm` has been released by its last user.
    pub fn space(&self, mm: MmId) -> &AddressSpace {
        self.spaces.get(mm)
    }

    /// Returns an address space, so that exec can set its layout and limits.
    ///
    /// # Panics
    /// When `mm` has been released by its last user.
    pub fn space_mut(&mut self, mm: MmId) -> &mut AddressSpace {
        self.spaces.get_mut(mm)
    }

    /// Makes an empty address space with one user.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for its root table.
    pub fn create(&mut self, work: &mut Work<'_>) -> Result<MmId, OutOfMemory> {
        let mm = self.spaces.next_id();
        let table = PageTable::new(work, &mut self.frames, mm)?;
        self.spaces.insert(AddressSpace::new(mm, table));
        Ok(mm)
    }

    /// Adds a user: a thread, or a vfork child.
    pub fn share(&mut self, mm: MmId) {
        self.spaces.get_mut(mm).users += 1;
    }

    /// Returns how many tasks run in an address space.
    pub fn users(&self, mm: MmId) -> u32 {
        self.spaces.get(mm).users
    }

    /// Removes a user; the last one frees everything. Returns what that counted: eager copies made in vain.
    ///
    /// No fence is owed: nobody runs under its ASID again before every hart has flushed.
    pub fn release(&mut self, ram: &mut Ram, mm: MmId) -> MemoryCounters {
        let mut counters = MemoryCounters::default();
        let space = self.spaces.get_mut(mm);
        space.users -= 1;
        if space.users > 0 {
            return counters;
        }
        let mut space = self.spaces.remove(mm);
        self.asids.forget(mm);
        self.lazy.forget(mm);
        let work = &mut Work::new(ram, &mut counters);
        work.fences.owe_all();
        let everything = Vpn(0)..TASK_END;
        space.table.clear_range(work, &mut self.frames, everything.clone());
        space.table.prune(work, &mut self.frames, everything);
        space.table.free(work, &mut self.frames);
        for file in space.vmas.iter().filter_map(Vma::file) {
            self.cache.unmap(work.ram, &mut self.frames, file, mm);
        }
        counters
    }

    /// Leaves only the identifiers 1 to `last`, so that a test can use them up.
    #[cfg(test)]
    fn limit_asids(&mut self, last: u16) {
        self.asids = Asids::new(last);
    }

    /// Prepares `hart` to run in an address space: its root table, its identifier, and a fence when identifiers have
    /// begun anew.
    pub fn activate(&mut self, mm: MmId, hart: HartId) -> Activation {
        let tag = match self.spaces.get(mm).tag.filter(|&tag| self.asids.is_current(Some(tag))) {
            Some(tag) => tag,
            None => self.new_tag(mm),
        };
        let must_flush = self.asids.enter(hart, mm);
        let space = self.spaces.get_mut(mm);
        space.harts.insert(hart);
        Activation { root: space.root(), asid: tag.asid, fence: must_flush.then_some(Fence::All) }
    }

    fn new_tag(&mut self, mm: MmId) -> asid::AsidTag {
        loop {
            if let Some(tag) = self.asids.allocate() {
                let space = self.spaces.get_mut(mm);
                space.tag = Some(tag);
                space.harts.clear();
                return tag;
            }
            let running = self.asids.active();
            let tags = running.iter().filter_map(|&mm| self.spaces.get(mm).tag);
            let generation = self.asids.roll_over(tags.map(|tag| tag.asid).collect());
            for mm in running {
                if let Some(tag) = &mut self.spaces.get_mut(mm).tag {
                    tag.generation = generation;
                }
            }
        }
    }

    /// Returns where the fences are to be executed that changes of an address space owe. `None` when nothing is owed, or when
    /// it never ran.
    pub fn fence_targets(&self, mm: MmId, owed: &Fences) -> Option<FenceTargets> {
        let space = self.spaces.get(mm);
        let tag = space.tag.filter(|_| !owed.is_empty())?;
        Some(FenceTargets { asid: tag.asid, harts: space.harts })
    }

    /// Returns the areas of an address space, in rising order.
    pub fn maps(&self, mm: MmId) -> impl Iterator<Item = &Vma> {
        self.spaces.get(mm).vmas.iter()
    }

    /// Returns the sizes of an address space.
    pub fn usage(&self, mm: MmId) -> Usage {
        self.spaces.get(mm).usage()
    }

    /// Tells whether an area maps a file so that a store to it changes the file, or could be allowed to.
    pub fn is_mapped_writable(&self, file: crate::FileId) -> bool {
        let writes = |vma: &Vma| {
            vma.file() == Some(file) && vma.sharing == Sharing::Shared && vma.may.contains(Prot::WRITE)
        };
        self.cache.mappers(file).into_iter().any(|mm| self.maps(mm).any(writes))
    }

    /// Unmaps the pages that a file has no more, private copies among them: the next access is SIGBUS. With
    /// [`PageCache::set_size`] this is the whole of truncate(2).
    ///
    /// Returns the fences owed, by address space.
    pub fn unmap_truncated(&mut self, work: &mut Work<'_>, truncated: Truncated) -> BTreeMap<MmId, Fences> {
        let mut owed = BTreeMap::new();
        if let Some(cut) = truncated.cut {
            self.unmap_file(work, &mut owed, cut.file, &cut.pages, cut.copies);
        }
        owed
    }
}
