//! Why a hart traps (Privileged ISA, "Supervisor Cause (`scause`) Register").

use tine_mmu::{Access, MemoryFault, MemoryFaultKind, VirtAddr};

/// An exception: a trap that an instruction causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Exception {
    /// A jump to an address that is not a multiple of 4, without compressed instructions; `stval` holds the target.
    FetchMisaligned = 0,
    /// Instruction access fault: fetched from where there is no RAM.
    FetchAccess = 1,
    /// Illegal instruction; `stval` holds its bits.
    IllegalInstruction = 2,
    /// EBREAK; `stval` holds its address.
    Breakpoint = 3,
    /// LR at an address that is not a multiple of its size.
    LoadMisaligned = 4,
    /// Loaded from where there is no RAM.
    LoadAccess = 5,
    /// SC or AMO at an address that is not a multiple of its size.
    StoreMisaligned = 6,
    /// Stored to where there is no RAM.
    StoreAccess = 7,
    /// ECALL in U-mode.
    UserEcall = 8,
    /// ECALL in S-mode.
    SupervisorEcall = 9,
    /// The translation of a fetch failed.
    FetchPageFault = 12,
    /// The translation of a load or LR failed.
    LoadPageFault = 13,
    /// The translation of a store, SC or AMO failed.
    StorePageFault = 15,
}

/// An interrupt that a supervisor can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Interrupt {
    /// Another hart asked for attention.
    Software = 1,
    /// The timer expired.
    Timer = 5,
    /// A device asked for attention.
    External = 9,
}

impl Interrupt {
    /// In the order in which simultaneous ones are taken ("Supervisor Interrupt (`sip` and `sie`) Registers").
    pub(crate) const BY_PRIORITY: [Self; 3] = [Self::External, Self::Software, Self::Timer];

    /// Returns the bit that stands for the interrupt in `sip` and `sie`.
    pub const fn mask(self) -> u64 {
        1 << self as u64
    }
}

/// What a trap is taken for: the two halves of `scause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// An instruction caused it.
    Exception(Exception),
    /// Something outside the instruction stream caused it.
    Interrupt(Interrupt),
}

impl Cause {
    const INTERRUPT: u64 = 1 << 63;

    /// Returns what `scause` holds for it.
    pub const fn scause(self) -> u64 {
        match self {
            Self::Exception(exception) => exception as u64,
            Self::Interrupt(interrupt) => Self::INTERRUPT | interrupt as u64,
        }
    }
}

/// A trap that is to be taken, and the value it leaves in `stval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trap {
    pub(crate) cause: Cause,
    pub(crate) stval: u64,
}

impl Trap {
    /// An exception whose `stval` is an address.
    pub(crate) fn at(exception: Exception, address: VirtAddr) -> Self {
        Self { cause: Cause::Exception(exception), stval: address.0 }
    }

    /// An exception that leaves 0 in `stval`.
    pub(crate) fn plain(exception: Exception) -> Self {
        Self { cause: Cause::Exception(exception), stval: 0 }
    }

    /// An illegal instruction, whose bits go into `stval` where they are known ([`Trap::or_bits`]).
    pub(crate) fn illegal() -> Self {
        Self::plain(Exception::IllegalInstruction)
    }

    pub(crate) fn interrupt(interrupt: Interrupt) -> Self {
        Self { cause: Cause::Interrupt(interrupt), stval: 0 }
    }

    pub(crate) fn is_illegal(&self) -> bool {
        self.cause == Cause::Exception(Exception::IllegalInstruction)
    }

    /// Returns the trap, with `bits` in `stval` where it is an illegal instruction.
    pub(crate) fn or_bits(self, bits: u32) -> Self {
        if self.is_illegal() { Self { stval: bits.into(), ..self } } else { self }
    }

    /// Tells whether memory was asked for in vain, which counts as a look-up all the same.
    pub(crate) fn is_memory_fault(&self) -> bool {
        use Exception::{LoadAccess, LoadPageFault, StoreAccess, StorePageFault};
        matches!(self.cause, Cause::Exception(LoadAccess | LoadPageFault | StoreAccess | StorePageFault))
    }
}

impl From<MemoryFault> for Trap {
    fn from(fault: MemoryFault) -> Self {
        let exception = match (fault.kind, fault.access) {
            (MemoryFaultKind::Page, Access::Fetch) => Exception::FetchPageFault,
            (MemoryFaultKind::Page, Access::Load) => Exception::LoadPageFault,
            (MemoryFaultKind::Page, Access::Store) => Exception::StorePageFault,
            (MemoryFaultKind::Access, Access::Fetch) => Exception::FetchAccess,
            (MemoryFaultKind::Access, Access::Load) => Exception::LoadAccess,
            (MemoryFaultKind::Access, Access::Store) => Exception::StoreAccess,
        };
        Self::at(exception, fault.at)
    }
}
