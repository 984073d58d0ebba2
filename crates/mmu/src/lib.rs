//! Guest memory and its translation: RAM, page-table entries, the walk, the TLBs and physical memory
//! protection.
//!
//! ```text
//!   VirtAddr ──▶ first-level TLB ──▶ second-level TLB ──▶ walk ──▶ PhysAddr ──▶ Ram
//!                (instruction, data)   (unified)           │
//!                                                          └─▶ MemoryFault
//! ```
//!
//! Principles:
//! - A TLB is a cache that may be stale. Nothing here looks at a page table behind a TLB's back.
//! - The host shortcut ([`Mmu::load_fast`] and its siblings) exists only where the modelled TLB would hit. It can neither
//!   change a count nor hide a stale entry.
//! - Counters live in the structure that does the counting and are always on.
//! - Nothing here knows a process, nor more of an instruction than its length.

#![forbid(unsafe_code)]

mod addr;
mod check;
mod config;
mod counters;
mod fault;
mod fence;
mod first_level;
mod mmu;
mod pmp;
mod pte;
mod ram;
mod satp;
mod shortcut;
mod stamp;
mod tlb;
mod view;
mod walk;

pub use addr::{Asid, HostAddr, PAGE_SHIFT, PAGE_SIZE, PhysAddr, Ppn, VirtAddr, Vpn};
pub use check::{StaleUse, StaleUses};
pub use config::{MAX_ENTRIES, Replacement, TlbConfig, TlbConfigError, TlbGeometry};
pub use counters::{DataCounters, FenceCounters, LookupCounters, MmuCounters};
pub use fault::{CopyFault, MemoryFault, MemoryFaultKind};
pub use fence::Fence;
pub use mmu::{AdUpdate, HostShortcut, Mmu, MmuConfig, Protection, TlbEntry, TlbName};
pub use pmp::{PMP_ENTRIES, Pmp};
pub use pte::{Pte, PteFlags};
pub use ram::{HostMemory, Ram, RamError};
pub use satp::{Satp, SatpMode};
pub use stamp::{COUNTING, INSTANTS_PER_INSTRUCTION, Instant, Stamp};
pub use view::View;

/// What an access to memory wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Fetch an instruction.
    Fetch,
    /// Read data (loads and LR).
    Load,
    /// Write data (stores, SC and every AMO).
    Store,
}

/// A privilege level, numbered as the privileged ISA encodes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Privilege {
    /// U-mode.
    User = 0,
    /// S-mode.
    Supervisor = 1,
    /// M-mode.
    Machine = 3,
}
