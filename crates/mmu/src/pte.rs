//! Page-table entries (Privileged ISA, "Sv39: Page-Based 39-bit Virtual-Memory System").

use crate::{Ppn, Vpn};
use bitflags::bitflags;

bitflags! {
    /// The low flag bits of a page-table entry.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct PteFlags: u64 {
        /// Valid.
        const V = 1 << 0;
        /// Readable.
        const R = 1 << 1;
        /// Writable.
        const W = 1 << 2;
        /// Executable.
        const X = 1 << 3;
        /// Accessible to U-mode.
        const U = 1 << 4;
        /// Global: in every address space.
        const G = 1 << 5;
        /// Accessed since this bit was last cleared.
        const A = 1 << 6;
        /// Written since this bit was last cleared.
        const D = 1 << 7;
    }
}

const PPN_SHIFT: u32 = 10;
const PPN_MASK: u64 = (1 << 44) - 1;
/// PBMT (Svpbmt) and the bits that no extension has claimed: all must be zero here.
const HIGH_RESERVED: u64 = !((1 << 54) - 1) & !NAPOT;
/// N (Svnapot): the leaf is one of sixteen that map a naturally aligned 64 KiB together. A TLB may keep one entry for all of
/// them; these keep one for each page, which the manual allows as well.
const NAPOT: u64 = 1 << 63;
/// What the low bits of the PPN of such a leaf must say: 64 KiB.
const NAPOT_64K: u64 = 0b1000;
const NAPOT_PPN_BITS: u64 = 0b1111;

/// A page-table entry: eight bytes in guest RAM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pte(pub u64);

impl Pte {
    /// The entry that maps nothing.
    pub const EMPTY: Self = Self(0);

    /// Makes an entry that maps `ppn` with `flags`; V is added.
    pub const fn leaf(ppn: Ppn, flags: PteFlags) -> Self {
        Self((ppn.0 & PPN_MASK) << PPN_SHIFT | flags.bits() | PteFlags::V.bits())
    }

    /// Makes an entry that points to the next-level table in frame `ppn`.
    pub const fn table(ppn: Ppn) -> Self {
        Self((ppn.0 & PPN_MASK) << PPN_SHIFT | PteFlags::V.bits())
    }

    /// Returns the frame that the entry names.
    pub const fn ppn(self) -> Ppn {
        Ppn(self.0 >> PPN_SHIFT & PPN_MASK)
    }

    /// Returns the flag bits.
    pub const fn flags(self) -> PteFlags {
        PteFlags::from_bits_truncate(self.0)
    }

    /// Tells whether every one of `flags` is set.
    pub const fn has(self, flags: PteFlags) -> bool {
        self.flags().contains(flags)
    }

    /// Tells whether the V bit is set.
    pub const fn is_valid(self) -> bool {
        self.has(PteFlags::V)
    }

    /// Tells whether the entry ends a walk: it may be read or executed.
    pub const fn is_leaf(self) -> bool {
        self.is_valid() && self.flags().intersects(PteFlags::R.union(PteFlags::X))
    }

    /// Tells whether a valid entry uses a bit or an encoding that is reserved, so that a walk must fault on it: a high
    /// bit, W without R, or A, D or U in an entry that points to a table.
    pub const fn is_reserved(self) -> bool {
        let leaf_only = PteFlags::A.union(PteFlags::D).union(PteFlags::U);
        self.0 & HIGH_RESERVED != 0
            || self.has(PteFlags::W) && !self.has(PteFlags::R)
            || !self.is_leaf() && (self.flags().intersects(leaf_only) || self.0 & NAPOT != 0)
    }

    /// Returns the frame that a leaf found at `level` maps `vpn` to, where it is one of a larger range (Privileged ISA,
    /// "\"Svnapot\" Extension for NAPOT Translation Contiguity"); `None` where its encoding of the range is reserved.
    pub(crate) const fn frame_in_range(self, vpn: Vpn, level: u32) -> Option<Ppn> {
        if self.0 & NAPOT == 0 {
            return Some(self.ppn());
        }
        if level != 0 || self.ppn().0 & NAPOT_PPN_BITS != NAPOT_64K {
            return None;
        }
        Some(Ppn(self.ppn().0 & !NAPOT_PPN_BITS | vpn.0 & NAPOT_PPN_BITS))
    }

    /// Returns the entry with `flags` set.
    #[must_use]
    pub const fn with(self, flags: PteFlags) -> Self {
        Self(self.0 | flags.bits())
    }

    /// Returns the entry with `flags` cleared.
    #[must_use]
    pub const fn without(self, flags: PteFlags) -> Self {
        Self(self.0 & !flags.bits())
    }
}
