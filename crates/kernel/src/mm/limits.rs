//! What an address space may still ask for.

use super::Memory;
use super::vma_tree::VmaTree;
use crate::{Errno, MmId};
use std::ops::Range;
use tine_mmu::{PAGE_SHIFT, Vpn};

/// The most areas that one address space may have, unless that is set otherwise (`vm.max_map_count`).
pub(super) const MAX_AREAS: usize = 65530;

/// What an operation asks for, in pages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    /// By how much the areas grow (`RLIMIT_AS`).
    pub(super) areas: u64,
    /// By how much private writable memory grows (`RLIMIT_DATA`).
    pub(super) data: u64,
    /// How much memory it promises beyond what it gives back.
    pub(super) promised: u64,
}

impl Memory {
    /// Returns how many areas one address space may have.
    pub const fn max_areas(&self) -> usize {
        self.max_areas
    }

    /// Sets how many areas one address space may have; those that have more keep them.
    pub const fn set_max_areas(&mut self, most: usize) {
        self.max_areas = most;
    }

    /// Refuses what the limits do not allow, and more promises than there may be (Linux 6.12 mm/mmap.c `may_expand_vm`).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn check_demand(&self, mm: MmId, demand: Demand) -> Result<(), Errno> {
        let space = self.spaces.get(mm);
        let (pages, limits) = (space.vmas.pages(), space.limits);
        let exceeds = |pages: u64, limit_bytes: u64| pages > limit_bytes >> PAGE_SHIFT;
        let refused = demand.areas > 0 && exceeds(pages.total + demand.areas, limits.address_space_bytes)
            || demand.data > 0 && exceeds(pages.data + demand.data, limits.data_bytes)
            || demand.promised > 0 && !self.may_promise(mm, demand.promised);
        if refused { Err(Errno::ENOMEM) } else { Ok(()) }
    }
}

/// Refuses one more area where there are too many.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn check_new_area(most: usize, vmas: &VmaTree) -> Result<(), Errno> {
    if vmas.count() > most { Err(Errno::ENOMEM) } else { Ok(()) }
}

/// Refuses to cut the areas at the ends of `range` where that would make too many.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn check_cuts(most: usize, vmas: &VmaTree, range: &Range<Vpn>) -> Result<(), Errno> {
    let cuts = |at: Vpn| vmas.find(at).is_some_and(|vma| vma.start < at);
    let made = usize::from(cuts(range.start)) + usize::from(cuts(range.end));
    if vmas.count() + made > most { Err(Errno::ENOMEM) } else { Ok(()) }
}

/// Refuses a hole in the middle of one area where that would make too many.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn check_hole(most: usize, vmas: &VmaTree, range: &Range<Vpn>) -> Result<(), Errno> {
    let cuts_one_in_two =
        vmas.find(range.start).is_some_and(|vma| vma.start < range.start && range.end < vma.end);
    if cuts_one_in_two && vmas.count() >= most { Err(Errno::ENOMEM) } else { Ok(()) }
}
