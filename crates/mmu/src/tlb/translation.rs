//! One entry of a TLB.

use crate::walk::VPN_BITS;
use crate::{Asid, PhysAddr, Ppn, Pte, PteFlags, VirtAddr, Vpn};

/// Tags carry the level above the 52 bits of a VPN.
const LEVEL_SHIFT: u32 = 56;

/// Which page an entry translates: its level, and its number in units of its own size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// The tag of an entry that is not valid; no page has it, because a VPN leaves the high bits clear.
    pub(super) const INVALID: Self = Self(u64::MAX);

    /// Returns the tag of the page of `level` that holds `vpn`.
    pub(super) const fn new(vpn: Vpn, level: u32) -> Self {
        Self((level as u64) << LEVEL_SHIFT | vpn.0 >> (level * VPN_BITS))
    }

    /// Returns it as a number.
    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

/// What a walk found, kept as it was then: a base page or superpage, its frame and its permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Translation {
    tag: Tag,
    /// The first frame, and the flags.
    leaf: Pte,
    asid: Asid,
}

impl Translation {
    /// That of an entry that is not valid.
    pub(super) const INVALID: Self = Self { tag: Tag::INVALID, leaf: Pte::EMPTY, asid: Asid(0) };

    /// Makes the translation of the page that holds `vpn` and was found at `level`, with the low bits of both page
    /// numbers cleared.
    pub(crate) const fn new(vpn: Vpn, level: u32, ppn: Ppn, flags: PteFlags, asid: Asid) -> Self {
        let first = Ppn(ppn.0 & !Self::low_bits(level));
        Self { tag: Tag::new(vpn, level), leaf: Pte::leaf(first, flags), asid }
    }

    /// Returns the bits of a page number that are inside a page of `level`.
    const fn low_bits(level: u32) -> u64 {
        (1 << (level * VPN_BITS)) - 1
    }

    /// Returns which page it is.
    pub(super) const fn tag(&self) -> Tag {
        self.tag
    }

    /// Returns the first base page that is translated.
    pub(crate) const fn vpn(&self) -> Vpn {
        let number = self.tag.0 & ((1 << LEVEL_SHIFT) - 1);
        Vpn(number << (self.level() * VPN_BITS))
    }

    /// Returns the first frame.
    pub(crate) const fn ppn(&self) -> Ppn {
        self.leaf.ppn()
    }

    /// Returns the level of the leaf: 0 for a base page, 1 for 2 MiB, 2 for 1 GiB.
    pub(crate) const fn level(&self) -> u32 {
        (self.tag.0 >> LEVEL_SHIFT) as u32
    }

    /// Returns the permissions, with G inherited and A and D as the walk left them.
    pub(crate) const fn flags(&self) -> PteFlags {
        self.leaf.flags()
    }

    /// Returns the translation with `flags` set.
    pub(crate) const fn with(self, flags: PteFlags) -> Self {
        Self { leaf: self.leaf.with(flags), ..self }
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
        self.leaf.has(PteFlags::G)
    }

    /// Translates an address of the page.
    pub(crate) const fn translate(&self, va: VirtAddr) -> PhysAddr {
        let inside = va.vpn().0 & Self::low_bits(self.level());
        PhysAddr(Ppn(self.ppn().0 | inside).base().0 | va.offset())
    }
}
