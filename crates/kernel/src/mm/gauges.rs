//! What the frames of guest RAM are used for, in numbers.

use super::frames::{FrameKind, Frames};
use super::page_size::PageSize;
use tine_mmu::Ppn;

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
    /// Private frames with more than one owner.
    pub shared: u64,
    /// Huge pages of private memory that some process maps as a whole.
    pub anon_huge: u64,
    /// Frames set aside for copies.
    pub pool: u64,
}

impl Frames {
    /// Returns the frames by use.
    pub fn gauges(&self) -> FrameGauges {
        let count = |kind| self.count(kind);
        let zeros = |page: Option<Ppn>| page.map_or(0, |ppn| u64::from(self.maps(ppn)));
        FrameGauges {
            total: self.total,
            in_use: self.in_use(),
            peak: self.peak,
            zero_shared: zeros(self.zero_page) + zeros(self.huge_zero_page) * PageSize::Huge.pages(),
            page_cache: count(FrameKind::PageCache) + count(FrameKind::SharedMemory),
            shared_memory: count(FrameKind::SharedMemory),
            page_table: count(FrameKind::PageTable),
            anon: count(FrameKind::Anon),
            shared: self.shared,
            anon_huge: self.anon_huge(),
            pool: count(FrameKind::Pool),
        }
    }
}
