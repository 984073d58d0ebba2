//! Why a hart traps (Privileged ISA, "Machine Cause (`mcause`) Register", of which `scause` has a part).

use tine_mmu::{Access, MemoryFault, MemoryFaultKind, PhysAddr, VirtAddr};

/// An exception: a trap that an instruction causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Exception {
    /// Fetched from where there is no RAM, or where physical memory protection forbids it.
    FetchAccess = 1,
    /// Illegal instruction; the trap value holds its bits.
    IllegalInstruction = 2,
    /// EBREAK; the trap value holds its address.
    Breakpoint = 3,
    /// LR at an address that is not a multiple of its size, or a load where such loads trap.
    LoadMisaligned = 4,
    /// Loaded from where there is nothing, or where physical memory protection forbids it.
    LoadAccess = 5,
    /// SC or AMO at an address that is not a multiple of its size, or a store where such stores trap.
    StoreMisaligned = 6,
    /// Stored to where there is nothing, or where physical memory protection forbids it.
    StoreAccess = 7,
    /// ECALL in U-mode.
    UserEcall = 8,
    /// ECALL in S-mode.
    SupervisorEcall = 9,
    /// ECALL in M-mode.
    MachineEcall = 11,
    /// The translation of a fetch failed.
    FetchPageFault = 12,
    /// The translation of a load or LR failed.
    LoadPageFault = 13,
    /// The translation of a store, SC or AMO failed.
    StorePageFault = 15,
}

impl Exception {
    /// Returns its name in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FetchAccess => "instruction access fault",
            Self::IllegalInstruction => "illegal instruction",
            Self::Breakpoint => "breakpoint",
            Self::LoadMisaligned => "load address misaligned",
            Self::LoadAccess => "load access fault",
            Self::StoreMisaligned => "store address misaligned",
            Self::StoreAccess => "store access fault",
            Self::UserEcall => "environment call from U-mode",
            Self::SupervisorEcall => "environment call from S-mode",
            Self::MachineEcall => "environment call from M-mode",
            Self::FetchPageFault => "instruction page fault",
            Self::LoadPageFault => "load page fault",
            Self::StorePageFault => "store page fault",
        }
    }
}

/// An interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u64)]
pub enum Interrupt {
    /// The supervisor's software interrupt: another hart asked for attention.
    Software = 1,
    /// The machine's.
    MachineSoftware = 3,
    /// The supervisor's timer expired.
    Timer = 5,
    /// The machine's did.
    MachineTimer = 7,
    /// A device asked the supervisor for attention.
    External = 9,
    /// A device asked the machine for attention.
    MachineExternal = 11,
}

impl Interrupt {
    /// In the order in which simultaneous ones are taken ("Machine Interrupt (`mip` and `mie`) Registers").
    pub(crate) const BY_PRIORITY: [Self; 6] = [
        Self::MachineExternal,
        Self::MachineSoftware,
        Self::MachineTimer,
        Self::External,
        Self::Software,
        Self::Timer,
    ];

    /// Returns its name in the manual.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Software => "supervisor software interrupt",
            Self::MachineSoftware => "machine software interrupt",
            Self::Timer => "supervisor timer interrupt",
            Self::MachineTimer => "machine timer interrupt",
            Self::External => "supervisor external interrupt",
            Self::MachineExternal => "machine external interrupt",
        }
    }

    /// Returns the bit that stands for the interrupt in `mip` and `mie`.
    pub const fn mask(self) -> u64 {
        1 << self as u64
    }
}

/// What a trap is taken for: the two halves of `mcause` and `scause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// An instruction caused it.
    Exception(Exception),
    /// Something outside the instruction stream caused it.
    Interrupt(Interrupt),
}

impl Cause {
    const INTERRUPT: u64 = 1 << 63;

    /// Returns what `mcause` or `scause` holds for it.
    pub const fn code(self) -> u64 {
        match self {
            Self::Exception(exception) => exception as u64,
            Self::Interrupt(interrupt) => Self::INTERRUPT | interrupt as u64,
        }
    }

    /// Returns the bit that stands for the cause in `medeleg` or `mideleg`.
    pub(crate) const fn delegation_bit(self) -> u64 {
        match self {
            Self::Exception(exception) => 1 << exception as u64,
            Self::Interrupt(interrupt) => interrupt.mask(),
        }
    }
}

/// A trap that is to be taken, and the value it leaves in `mtval` or `stval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trap {
    pub(crate) cause: Cause,
    pub(crate) tval: u64,
    /// Where an access went that finds no RAM, for a device that may be there.
    pub(crate) outside: Option<PhysAddr>,
}

impl Trap {
    /// An exception whose trap value is an address.
    pub(crate) fn at(exception: Exception, address: VirtAddr) -> Self {
        Self { cause: Cause::Exception(exception), tval: address.0, outside: None }
    }

    /// An exception that leaves 0 as trap value.
    pub(crate) fn plain(exception: Exception) -> Self {
        Self { cause: Cause::Exception(exception), tval: 0, outside: None }
    }

    /// An illegal instruction, whose bits are the trap value where they are known ([`Trap::or_bits`]).
    pub(crate) fn illegal() -> Self {
        Self::plain(Exception::IllegalInstruction)
    }

    pub(crate) fn interrupt(interrupt: Interrupt) -> Self {
        Self { cause: Cause::Interrupt(interrupt), tval: 0, outside: None }
    }

    pub(crate) fn is_illegal(&self) -> bool {
        self.cause == Cause::Exception(Exception::IllegalInstruction)
    }

    /// Returns the trap, with `bits` as trap value where it is an illegal instruction.
    pub(crate) fn or_bits(self, bits: u32) -> Self {
        if self.is_illegal() { Self { tval: bits.into(), ..self } } else { self }
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
            (MemoryFaultKind::Access | MemoryFaultKind::Outside(_), Access::Fetch) => Exception::FetchAccess,
            (MemoryFaultKind::Access | MemoryFaultKind::Outside(_), Access::Load) => Exception::LoadAccess,
            (MemoryFaultKind::Access | MemoryFaultKind::Outside(_), Access::Store) => Exception::StoreAccess,
        };
        let outside = match fault.kind {
            MemoryFaultKind::Outside(at) => Some(at),
            MemoryFaultKind::Page | MemoryFaultKind::Access => None,
        };
        Self { outside, ..Self::at(exception, fault.at) }
    }
}
