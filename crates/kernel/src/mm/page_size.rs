//! The two sizes of pages that are mapped.

use tine_mmu::Vpn;

/// What one leaf of a page table translates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageSize {
    /// 4 KiB.
    Base,
    /// 2 MiB: a leaf one level above the lowest (Linux: a PMD).
    Huge,
}

impl PageSize {
    /// Returns the level of the leaf, which is also the number of index bits, in nines, that it leaves to the offset.
    pub(super) const fn level(self) -> u32 {
        match self {
            Self::Base => 0,
            Self::Huge => 1,
        }
    }

    /// Returns log2 of the base pages in it.
    pub const fn order(self) -> u32 {
        self.level() * 9
    }

    /// Returns the base pages in it.
    pub const fn pages(self) -> u64 {
        1 << self.order()
    }

    /// Returns the first base page of the page of this size that `vpn` is in.
    pub const fn floor(self, vpn: Vpn) -> Vpn {
        Vpn(vpn.0 & !(self.pages() - 1))
    }

    /// Tells whether a page of this size can begin at `vpn`.
    pub const fn is_aligned(self, vpn: Vpn) -> bool {
        vpn.0 & (self.pages() - 1) == 0
    }
}
