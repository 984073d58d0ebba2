//! One entry of a TLB.

use crate::walk::VPN_BITS;
use crate::{Asid, PhysAddr, Ppn, PteFlags, VirtAddr, Vpn};

/// What a walk found, kept as it was then: a base page or superpage, its frame and its permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Translation {
    vpn: Vpn,
    ppn: Ppn,
    level: u32,
    flags: PteFlags,
    asid: Asid,
}

impl Translation {
    /// Makes the translation of the page that holds `vpn` and was found at `level`, with the low bits of both page
    /// numbers cleared.
    pub(crate) const fn new(vpn: Vpn, level: u32, ppn: Ppn, flags: PteFlags, asid: Asid) -> Self {
        let low = Self::low_bits(level);
        Self { vpn: Vpn(vpn.0 & !low), ppn: Ppn(ppn.0 & !low), level, flags, asid }
    }

    /// Returns the bits of a page number that are inside a page of `level`.
    const fn low_bits(level: u32) -> u64 {
        (1 << (level * VPN_BITS)) - 1
    }

    /// Returns the first base page that is translated.
    pub(crate) const fn vpn(&self) -> Vpn {
        self.vpn
    }

    /// Returns the first frame.
    pub(crate) const fn ppn(&self) -> Ppn {
        self.ppn
    }

    /// Returns the level of the leaf: 0 for a base page, 1 for 2 MiB, 2 for 1 GiB.
    pub(crate) const fn level(&self) -> u32 {
        self.level
    }

    /// Returns the permissions, with G inherited and A and D as the walk left them.
    pub(crate) const fn flags(&self) -> PteFlags {
        self.flags
    }

    /// Returns the translation with `flags` set.
    pub(crate) const fn with(self, flags: PteFlags) -> Self {
        Self { flags: self.flags.union(flags), ..self }
    }

    /// Returns the address space, which means nothing for a global translation.
    pub(crate) const fn asid(&self) -> Asid {
        self.asid
    }

    /// Tells whether the translation is the one of a single address space.
    pub(crate) const fn is_of(&self, asid: Asid) -> bool {
        !self.is_global() && self.asid.0 == asid.0
    }

    /// Tells whether the translation belongs to every address space.
    pub(crate) const fn is_global(&self) -> bool {
        self.flags.contains(PteFlags::G)
    }

    /// Translates an address of the page.
    pub(crate) const fn translate(&self, va: VirtAddr) -> PhysAddr {
        let inside = va.vpn().0 & Self::low_bits(self.level);
        PhysAddr(Ppn(self.ppn.0 | inside).base().0 | va.offset())
    }
}
