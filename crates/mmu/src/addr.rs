//! Addresses and page numbers, each its own type so that they cannot be mixed.

use std::fmt;
use std::ops::Add;

/// log2 of the base page size.
pub const PAGE_SHIFT: u32 = 12;
/// Size of a base page in bytes.
pub const PAGE_SIZE: u64 = 1 << PAGE_SHIFT;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::LowerHex for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::LowerHex::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

number! {
    /// A virtual address, all 64 bits of it: a non-canonical one stays recognisable.
    VirtAddr(u64)
}
number! {
    /// A physical address.
    PhysAddr(u64)
}
number! {
    /// An address in the memory of the host.
    HostAddr(u64)
}
number! {
    /// A virtual page number: a virtual address without its 12 offset bits.
    Vpn(u64)
}
number! {
    /// A physical page number: the number of a frame.
    Ppn(u64)
}
number! {
    /// An address-space identifier, as `satp.ASID` holds it.
    Asid(u16)
}

impl VirtAddr {
    /// Returns the page that holds this address.
    pub const fn vpn(self) -> Vpn {
        Vpn(self.0 >> PAGE_SHIFT)
    }

    /// Returns the offset in bytes within the page.
    pub const fn offset(self) -> u64 {
        self.0 & (PAGE_SIZE - 1)
    }

    /// Rounds down to a page boundary.
    pub const fn page_floor(self) -> Self {
        Self(self.0 & !(PAGE_SIZE - 1))
    }

    /// Rounds up to a page boundary; `None` when that passes the end of the address space.
    pub const fn page_ceil(self) -> Option<Self> {
        match self.0.checked_add(PAGE_SIZE - 1) {
            Some(sum) => Some(Self(sum & !(PAGE_SIZE - 1))),
            None => None,
        }
    }
}

impl PhysAddr {
    /// Returns the frame that holds this address.
    pub const fn ppn(self) -> Ppn {
        Ppn(self.0 >> PAGE_SHIFT)
    }

    /// Returns the offset in bytes within the frame.
    pub const fn offset(self) -> u64 {
        self.0 & (PAGE_SIZE - 1)
    }
}

impl Vpn {
    /// Returns the address of the page's first byte.
    pub const fn base(self) -> VirtAddr {
        VirtAddr(self.0 << PAGE_SHIFT)
    }
}

impl Ppn {
    /// Returns the address of the frame's first byte.
    pub const fn base(self) -> PhysAddr {
        PhysAddr(self.0 << PAGE_SHIFT)
    }
}

impl Add<u64> for VirtAddr {
    type Output = Self;
    /// Adds bytes, wrapping at 2^64 as the hart's address arithmetic does.
    fn add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

impl Add<u64> for PhysAddr {
    type Output = Self;
    /// Adds bytes, wrapping at 2^64.
    fn add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

impl Add<u64> for Vpn {
    type Output = Self;
    /// Adds pages.
    fn add(self, pages: u64) -> Self {
        Self(self.0.wrapping_add(pages))
    }
}

impl Add<u64> for Ppn {
    type Output = Self;
    /// Adds frames.
    fn add(self, frames: u64) -> Self {
        Self(self.0.wrapping_add(frames))
    }
}
