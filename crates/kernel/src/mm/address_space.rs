//! One address space: its areas, its page table, and what exec and the resource limits said about it.

use super::asid::AsidTag;
use super::lock::Lock;
use super::page_cache::PageCache;
use super::page_table::PageTable;
use super::resident::Resident;
use super::vma::{Backing, Vma};
use super::vma_tree::{STACK_GUARD_PAGES, TASK_END, TASK_SIZE, VmaTree};
use super::{Frames, Work};
use crate::{Errno, HartSet, MmId};
use std::ops::Range;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE, Ppn, VirtAddr, Vpn};

/// Where things are, as exec laid them out (prctl(2) `PR_SET_MM` names them; `/proc/<pid>/stat` prints them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// First byte of the program's text.
    pub start_code: VirtAddr,
    /// The byte after its last.
    pub end_code: VirtAddr,
    /// First byte of the program's data.
    pub start_data: VirtAddr,
    /// The byte after its last.
    pub end_data: VirtAddr,
    /// Where the heap begins.
    pub start_brk: VirtAddr,
    /// The program break: the byte after the heap's last.
    pub brk: VirtAddr,
    /// The stack pointer that the program started with.
    pub start_stack: VirtAddr,
    /// First byte of the argument strings.
    pub arg_start: VirtAddr,
    /// The byte after their last.
    pub arg_end: VirtAddr,
    /// First byte of the environment strings.
    pub env_start: VirtAddr,
    /// The byte after their last.
    pub env_end: VirtAddr,
    /// Below which mappings are placed.
    pub mmap_base: VirtAddr,
    /// Where the vDSO is.
    pub vdso: VirtAddr,
}

impl Layout {
    /// Returns where mappings end for a stack that may grow to `stack_limit_bytes` and that may have been lowered by
    /// `stack_offset_bytes`: `offset_bytes` below where they usually do (Linux 6.12 mm/util.c `mmap_base`).
    pub fn mmap_base_for(stack_limit_bytes: u64, stack_offset_bytes: u64, offset_bytes: u64) -> VirtAddr {
        let guard = STACK_GUARD_PAGES << PAGE_SHIFT;
        let most = TASK_SIZE / 6 * 5;
        let gap = stack_limit_bytes.saturating_add(guard + stack_offset_bytes).clamp(128 << 20, most);
        VirtAddr(TASK_SIZE - gap - offset_bytes).page_floor()
    }
}

/// Who may have the last of what may be promised (`vm.admin_reserve_kbytes`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reserve {
    /// Others: it is kept for the superuser.
    Kept,
    /// This process.
    Usable,
}

/// The resource limits that memory obeys (getrlimit(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_STACK`.
    pub stack_bytes: u64,
    /// `RLIMIT_DATA`.
    pub data_bytes: u64,
    /// `RLIMIT_AS`.
    pub address_space_bytes: u64,
    /// `RLIMIT_MEMLOCK`; no limit for who may lock all.
    pub locked_bytes: u64,
    /// Whether the superuser's part of promised memory is for this process.
    pub reserve: Reserve,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stack_bytes: 8 << 20,
            data_bytes: u64::MAX,
            address_space_bytes: u64::MAX,
            locked_bytes: u64::MAX,
            reserve: Reserve::Usable,
        }
    }
}

/// What an area is to the process (the names in brackets of `/proc/<pid>/maps`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AreaRole {
    /// `[heap]`.
    Heap,
    /// `[stack]`.
    Stack,
    /// Anything else.
    Other,
}

/// Sizes for `/proc/<pid>/status` and `stat`, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All areas (`VmSize`).
    pub size: u64,
    /// The most there ever were (`VmPeak`).
    pub peak_size: u64,
    /// Private writable areas that are no stack (`VmData`).
    pub data: u64,
    /// Stacks (`VmStk`).
    pub stack: u64,
    /// Executable areas that are not writable (`VmExe` and `VmLib` together).
    pub code: u64,
    /// Those of the program itself (`VmExe`).
    pub text: u64,
    /// Locked areas (`VmLck`).
    pub locked: u64,
    /// Resident pages.
    pub resident: Resident,
    /// Frames of page tables below the root (`VmPTE`).
    pub page_tables: u64,
    /// Number of areas.
    pub areas: usize,
}

/// An address space.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    pub(super) vmas: VmaTree,
    pub(super) table: PageTable,
    /// Tasks that run in it: threads, and a vfork child until it execs.
    pub(super) users: u32,
    pub(super) tag: Option<AsidTag>,
    /// Harts that may hold translations of it.
    pub(super) harts: HartSet,
    /// Where things are.
    pub layout: Layout,
    /// The limits that it obeys.
    pub limits: Limits,
    /// Whether it gets no huge pages (prctl(2), `PR_SET_THP_DISABLE`).
    pub thp_disabled: bool,
    /// How new areas are locked (mlockall(2), `MCL_FUTURE`).
    pub(super) lock_new: Lock,
    /// The auxiliary vector that its program began with, as `/proc/<pid>/auxv` shows it.
    pub auxv: Vec<u64>,
}

impl AddressSpace {
    pub(super) fn new(mm: MmId, table: PageTable) -> Self {
        let limits = Limits::default();
        let layout =
            Layout { mmap_base: Layout::mmap_base_for(limits.stack_bytes, 0, 0), ..Layout::default() };
        Self {
            vmas: VmaTree::new(mm),
            table,
            users: 1,
            tag: None,
            harts: HartSet::default(),
            thp_disabled: false,
            lock_new: Lock::Unlocked,
            layout,
            limits,
            auxv: Vec::new(),
        }
    }

    /// Returns the areas.
    pub fn areas(&self) -> &VmaTree {
        &self.vmas
    }

    /// Returns the root of the page table.
    pub fn root(&self) -> Ppn {
        self.table.root()
    }

    /// Returns what an area is to the process (Linux 6.12 include/linux/mm.h `vma_is_initial_heap`,
    /// `vma_is_initial_stack`).
    pub fn role(&self, vma: &Vma) -> AreaRole {
        let Layout { start_brk, brk, start_stack, .. } = self.layout;
        let holds = |at: VirtAddr| vma.start.base() <= at && vma.end.base() >= at;
        let anonymous = vma.backing == Backing::Anonymous;
        if anonymous && vma.start.base() < brk && vma.end.base() > start_brk {
            AreaRole::Heap
        } else if anonymous && start_stack != VirtAddr(0) && holds(start_stack) {
            AreaRole::Stack
        } else {
            AreaRole::Other
        }
    }

    /// Returns how many pages the program's text touches.
    fn text_pages(&self) -> u64 {
        let Layout { start_code, end_code, .. } = self.layout;
        (end_code.0.div_ceil(PAGE_SIZE)).saturating_sub(start_code.0 / PAGE_SIZE)
    }

    /// Returns the sizes.
    pub fn usage(&self) -> Usage {
        let pages = self.vmas.pages();
        Usage {
            size: pages.total,
            peak_size: self.vmas.peak_pages(),
            data: pages.data,
            stack: pages.stack,
            code: pages.code,
            text: self.text_pages().min(pages.code),
            locked: pages.locked,
            resident: self.table.resident(),
            // The root is no table that a mapping needed (Linux: `mm_pgtables_bytes`).
            page_tables: self.table.frames() - 1,
            areas: self.vmas.count(),
        }
    }

    /// Takes over the areas and facts of the address space that it is forked from.
    pub(super) fn inherit(&mut self, parent: &Self, cache: &mut PageCache) {
        self.vmas = parent.vmas.fork(cache, self.table.space());
        self.layout = parent.layout;
        self.limits = parent.limits;
        self.thp_disabled = parent.thp_disabled;
        self.auxv.clone_from(&parent.auxv);
    }

    /// Cuts areas, and the huge pages in them, where `range` begins and ends; returns where those inside it begin.
    pub(super) fn isolate(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        cache: &mut PageCache,
        range: Range<Vpn>,
    ) -> Vec<Vpn> {
        self.table.split_edges(work, frames, &range);
        self.vmas.isolate(cache, range)
    }

    /// Cuts the area that holds `range` where it begins and ends, as far as there may be so many areas: one cut may be made and
    /// the other refused (Linux 6.12 mm/vma.c `vma_modify`).
    ///
    /// # Errors
    /// `ENOMEM` when there would be too many areas.
    pub(super) fn isolate_within(
        &mut self,
        most_areas: usize,
        work: &mut Work<'_>,
        frames: &mut Frames,
        cache: &mut PageCache,
        range: &Range<Vpn>,
    ) -> Result<(), Errno> {
        for edge in [range.start, range.end] {
            if self.vmas.find(edge).is_some_and(|vma| vma.start < edge) {
                if self.vmas.count() >= most_areas {
                    return Err(Errno::ENOMEM);
                }
                self.isolate(work, frames, cache, edge..edge);
            }
        }
        Ok(())
    }

    /// Adds an area and joins it with its neighbours where one area can stand for both.
    pub(super) fn add(&mut self, cache: &mut PageCache, vma: Vma) {
        let start = vma.start;
        self.vmas.insert(vma);
        self.vmas.merge_around(cache, start);
    }
}

/// Turns a range of bytes into pages: `at` must be the first byte of one, the length is rounded up.
///
/// `None` when it is misaligned or wraps around. It may leave the user address space, where there are no areas.
pub(super) fn page_range(at: VirtAddr, len_bytes: u64) -> Option<Range<Vpn>> {
    let end = at.0.checked_add(len_bytes.checked_next_multiple_of(PAGE_SIZE)?)?;
    (at.offset() == 0).then(|| at.vpn()..VirtAddr(end).vpn())
}

/// As [`page_range`], and `None` also when it leaves the user address space.
pub(super) fn user_range(at: VirtAddr, len_bytes: u64) -> Option<Range<Vpn>> {
    page_range(at, len_bytes).filter(|range| range.end <= TASK_END)
}
