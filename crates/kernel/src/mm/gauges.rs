//! What the frames of guest RAM are used for, in numbers.

use super::buddy::ORDERS;
use super::frames::{FrameKind, Frames};
use super::page_size::PageSize;
use super::page_table::Leaf;
use super::{Memory, TASK_END};
use crate::{ForkMode, MmId};
use std::collections::BTreeSet;
use tine_mmu::{Ppn, Pte, Ram, Vpn};

/// Frames of guest RAM by use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameGauges {
    /// Frames that there are.
    pub total: u64,
    /// Frames that are not free.
    pub in_use: u64,
    /// The most that were in use at once.
    pub peak: u64,
    /// Mappings of the zero page, a huge one as 512.
    pub zero_shared: u64,
    /// Frames that hold file pages and shared memory.
    pub page_cache: u64,
    /// Of these, the frames of files that are nowhere but in memory, and of shared memory.
    pub shared_memory: u64,
    /// Frames that hold page tables.
    pub page_table: u64,
    /// Frames that hold private pages.
    pub anon: u64,
    /// Private frames that several leaves map. Those of page tables that on-demand fork shares have more owners than leaves:
    /// [`Memory::shared_frames`] counts them too.
    pub mapped_by_several: u64,
    /// Huge pages of private memory that some process maps as a whole.
    pub anon_huge: u64,
    /// Frames set aside for copies.
    pub pool: u64,
    /// Frames that were ever taken, each time counted.
    pub allocated: u64,
}

impl Frames {
    /// Returns the frames by use.
    pub fn gauges(&self) -> FrameGauges {
        let count = |kind| self.count(kind);
        let cached = [FrameKind::PageCache, FrameKind::SharedMemory, FrameKind::KernelData];
        let zeros = |page: Option<Ppn>| page.map_or(0, |ppn| u64::from(self.maps(ppn)));
        FrameGauges {
            total: self.total,
            in_use: self.in_use(),
            peak: self.peak,
            zero_shared: zeros(self.zero_page) + zeros(self.huge_zero_page) * PageSize::Huge.pages(),
            page_cache: cached.into_iter().map(count).sum(),
            shared_memory: count(FrameKind::SharedMemory),
            page_table: count(FrameKind::PageTable),
            anon: count(FrameKind::Anon),
            mapped_by_several: self.shared,
            anon_huge: self.anon_huge(),
            pool: count(FrameKind::Pool),
            allocated: self.allocated,
        }
    }

    /// Returns how many free blocks of 1, 2, 4, … frames there are (`/proc/buddyinfo`).
    pub fn free_blocks(&self) -> [u64; ORDERS] {
        self.free.counts()
    }

    /// Returns how many frames are free.
    pub fn free(&self) -> u64 {
        self.total - self.in_use()
    }
}

impl Memory {
    /// Returns how many private pages of an address space have other owners too: other PTEs map the frame, or others hold
    /// the page table. Nothing is touched or counted.
    pub fn shared_pages(&self, ram: &Ram, mm: MmId) -> u64 {
        let Some(space) = self.spaces.find(mm) else { return 0 };
        let mut shared = 0;
        for leaf in space.table.leaves(ram, Vpn(0)..TASK_END) {
            let table = leaf.table();
            let leaves = self.anon_leaves(ram, &leaf).map(Pte::ppn);
            shared += if !leaf.is_table() {
                leaves.map(|head| self.frames.shared_pieces(head)).sum()
            } else if self.frames.references(table) > 1 {
                u64::from(self.frames.table(table).pages.anon)
            } else if self.frames.table(table).pages.anon == 0 {
                0
            } else {
                leaves.filter(|ppn| self.frames.has_other_owners(*ppn)).count() as u64
            };
        }
        shared
    }

    /// Returns how many private frames have more than one owner. On-demand fork shares page tables: the frames of a shared
    /// one have as many owners as it.
    pub fn shared_frames(&self, ram: &Ram) -> u64 {
        let by_leaves = self.frames.shared;
        if self.policy.fork != ForkMode::Odf {
            return by_leaves;
        }
        let mut seen = BTreeSet::new();
        let leaves = self.spaces.iter().flat_map(|(_, space)| space.table.leaves(ram, Vpn(0)..TASK_END));
        let shared = leaves.filter(|leaf| leaf.is_table() && self.frames.references(leaf.table()) > 1);
        let only_by_table = shared.filter(|leaf| seen.insert(leaf.table())).map(|leaf| {
            let owned_once = |pte: &Pte| self.frames.references(pte.ppn()) == 1;
            self.anon_leaves(ram, &leaf).filter(owned_once).count() as u64
        });
        by_leaves + only_by_table.sum::<u64>()
    }

    /// Returns the leaves of a table that map private memory.
    fn anon_leaves<'a>(&'a self, ram: &'a Ram, leaf: &Leaf) -> impl Iterator<Item = Pte> + use<'a> {
        let populated = leaf.entries(ram).filter(|pte| *pte != Pte::EMPTY);
        populated.filter(|pte| self.frames.kind(pte.ppn()) == FrameKind::Anon)
    }
}
