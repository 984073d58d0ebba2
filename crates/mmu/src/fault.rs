//! Faults that translation and memory raise, as the hart and the supervisor see them.

use crate::{Access, PhysAddr, VirtAddr};

/// Which of two exceptions a failed access raises (Privileged ISA, "Supervisor Cause (`scause`) Register").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryFaultKind {
    /// The page table does not allow the access, or not yet.
    Page,
    /// The walk reached a physical address that is not RAM, the access one from which nothing can be fetched, or physical
    /// memory protection forbids one of them.
    Access,
    /// The access is allowed, but this physical address is not RAM. It raises the same exception, unless a device is there.
    Outside(PhysAddr),
}

/// An access to memory that did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryFault {
    /// The exception to raise.
    pub kind: MemoryFaultKind,
    /// What the access wanted: with `kind`, it gives the cause code.
    pub access: Access,
    /// What `stval` receives: the first byte of the access that lies on the faulting page (Privileged ISA, "Supervisor
    /// Trap Value (`stval`) Register").
    pub at: VirtAddr,
}

/// A copy between the supervisor and user memory that stopped early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CopyFault {
    /// Bytes that were copied before the fault; none after it were.
    pub done: usize,
    /// What stopped the copy.
    pub fault: MemoryFault,
}
