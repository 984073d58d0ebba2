//! The scopes of SFENCE.VMA.

use crate::{Asid, VirtAddr};

/// What an SFENCE.VMA orders, and so what it removes from the TLBs (Privileged ISA, "Supervisor Memory-Management Fence
/// Instruction").
///
/// A page scope removes whatever translates the address, a superpage entry too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a fence that is owed must be executed"]
pub enum Fence {
    /// `rs1 = x0, rs2 = x0`: every entry.
    All,
    /// `rs1 = x0`: every entry of one address space; global entries survive.
    Asid(Asid),
    /// `rs2 = x0`: the entries that translate one address, in every address space, global ones too.
    Page(VirtAddr),
    /// The entries that translate one address in one address space; global entries survive.
    PageAsid(VirtAddr, Asid),
}
