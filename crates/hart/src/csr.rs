//! The control and status registers of a hart without M-mode: what there is, who may access it, which bits exist.
//!
//! There is no M-mode: every trap is delegated to S-mode, and machine CSRs are illegal.
//!
//! Source: privileged ISA, "Supervisor-Level ISA"; unprivileged ISA, "Zicntr" and "Zicsr".

use crate::float;
use crate::{Hart, Interrupt};
use tine_mmu::{Privilege, Satp, VirtAddr};

/// The numbers of the CSRs that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
enum Csr {
    Fflags = 0x001,
    Frm = 0x002,
    Fcsr = 0x003,
    Sstatus = 0x100,
    Sie = 0x104,
    Stvec = 0x105,
    Scounteren = 0x106,
    Sscratch = 0x140,
    Sepc = 0x141,
    Scause = 0x142,
    Stval = 0x143,
    Sip = 0x144,
    Satp = 0x180,
    Cycle = 0xc00,
    Time = 0xc01,
    Instret = 0xc02,
}

impl Csr {
    const ALL: [Self; 16] = [
        Self::Fflags,
        Self::Frm,
        Self::Fcsr,
        Self::Sstatus,
        Self::Sie,
        Self::Stvec,
        Self::Scounteren,
        Self::Sscratch,
        Self::Sepc,
        Self::Scause,
        Self::Stval,
        Self::Sip,
        Self::Satp,
        Self::Cycle,
        Self::Time,
        Self::Instret,
    ];

    fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|csr| *csr as u16 == number)
    }

    /// Bits 11 and 10 of the number both set mean that the register cannot be written ("CSR Address Mapping Conventions").
    fn is_read_only(self) -> bool {
        self as u16 >> 10 == 3
    }
}

/// Whether U-mode may not access a CSR: bits 9 and 8 of the number are the lowest privilege that may.
pub(crate) fn is_privileged(number: u16) -> bool {
    number >> 8 & 3 != 0
}

/// The state of the floating-point unit, as `sstatus.FS` tells the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum FpState {
    /// Floating-point instructions are illegal.
    Off = 0,
    /// As after a reset.
    Initial = 1,
    /// As when the supervisor last saved it.
    Clean = 2,
    /// Written since then.
    Dirty = 3,
}

/// `sstatus` (Privileged ISA, "Supervisor Status (`sstatus`) Register").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sstatus(u64);

impl Sstatus {
    /// Interrupts are taken in S-mode.
    pub const SIE: u64 = 1 << 1;
    /// What SIE was before the trap.
    pub const SPIE: u64 = 1 << 5;
    /// The trap came from S-mode.
    pub const SPP: u64 = 1 << 8;
    /// S-mode may access user pages.
    pub const SUM: u64 = 1 << 18;
    /// Loads may read pages that are only executable.
    pub const MXR: u64 = 1 << 19;

    const FS_SHIFT: u32 = 13;
    const FS: u64 = 3 << Self::FS_SHIFT;
    const WRITABLE: u64 = Self::SIE | Self::SPIE | Self::SPP | Self::SUM | Self::MXR | Self::FS;
    /// UXL: U-mode has 64-bit registers. Read-only.
    const UXL_64: u64 = 2 << 32;
    /// SD: FS is Dirty. Read-only, derived.
    const SD: u64 = 1 << 63;

    /// Returns the register as CSR instructions read it.
    pub fn bits(self) -> u64 {
        let dirty = if self.fp() == FpState::Dirty { Self::SD } else { 0 };
        self.0 | Self::UXL_64 | dirty
    }

    /// Writes the register; bits that do not exist are ignored.
    pub fn write(&mut self, bits: u64) {
        self.0 = bits & Self::WRITABLE;
    }

    /// Tells whether every bit of `mask` is set.
    pub fn has(self, mask: u64) -> bool {
        self.0 & mask == mask
    }

    /// Sets or clears the bits of `mask`.
    pub fn set(&mut self, mask: u64, on: bool) {
        self.write(if on { self.0 | mask } else { self.0 & !mask });
    }

    /// Returns FS.
    pub fn fp(self) -> FpState {
        match self.0 >> Self::FS_SHIFT & 3 {
            0 => FpState::Off,
            1 => FpState::Initial,
            2 => FpState::Clean,
            _ => FpState::Dirty,
        }
    }

    /// Writes FS.
    pub fn set_fp(&mut self, state: FpState) {
        self.0 = self.0 & !Self::FS | (state as u64) << Self::FS_SHIFT;
    }
}

/// The supervisor's registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupervisorCsrs {
    /// Privilege and interrupt state.
    pub sstatus: Sstatus,
    /// Where traps go: an address with the mode (0 direct, 1 vectored) in its low two bits.
    pub stvec: u64,
    /// The address of the instruction that trapped.
    pub sepc: VirtAddr,
    /// What it trapped for.
    pub scause: u64,
    /// The faulting address or the illegal instruction.
    pub stval: u64,
    /// A word for the trap handler.
    pub sscratch: u64,
    /// Which interrupts are enabled.
    pub sie: u64,
    /// Which interrupts are pending.
    pub sip: u64,
    /// Which of `cycle`, `time` and `instret` U-mode may read.
    pub scounteren: u64,
}

impl SupervisorCsrs {
    /// The interrupts that exist.
    const INTERRUPTS: u64 = Interrupt::Software.mask() | Interrupt::Timer.mask() | Interrupt::External.mask();
    /// CY, TM and IR.
    const COUNTERS: u64 = 0b111;

    /// After a reset: floating point off, interrupts disabled, the counters readable by U-mode.
    pub(crate) fn new() -> Self {
        Self {
            sstatus: Sstatus(0),
            stvec: 0,
            sepc: VirtAddr(0),
            scause: 0,
            stval: 0,
            sscratch: 0,
            sie: 0,
            sip: 0,
            scounteren: Self::COUNTERS,
        }
    }

    /// Writes `sepc`, whose lowest bit is always 0: instructions begin at even addresses (Privileged ISA, "Supervisor
    /// Exception Program Counter (`sepc`) Register").
    pub fn set_sepc(&mut self, value: u64) {
        self.sepc = VirtAddr(value & !1);
    }
}

impl Hart {
    /// Reads a CSR for an instruction; `None` where that is illegal.
    pub(crate) fn read_csr(&self, number: u16) -> Option<u64> {
        let csr = self.accessible_csr(number)?;
        Some(match csr {
            Csr::Fflags => (self.fcsr & float::FFLAGS_MASK).into(),
            Csr::Frm => float::frm(self.fcsr).into(),
            Csr::Fcsr => self.fcsr.into(),
            Csr::Sstatus => self.csrs.sstatus.bits(),
            Csr::Sie => self.csrs.sie,
            Csr::Stvec => self.csrs.stvec,
            Csr::Scounteren => self.csrs.scounteren,
            Csr::Sscratch => self.csrs.sscratch,
            Csr::Sepc => self.csrs.sepc.0,
            Csr::Scause => self.csrs.scause,
            Csr::Stval => self.csrs.stval,
            Csr::Sip => self.csrs.sip,
            Csr::Satp => self.mmu.satp().bits(),
            // One instruction takes one cycle, and one nanosecond.
            Csr::Cycle | Csr::Instret => self.retired(),
            Csr::Time => self.time_ns(),
        })
    }

    /// Writes a CSR for an instruction; `None`, and nothing written, where that is illegal.
    pub(crate) fn write_csr(&mut self, number: u16, value: u64) -> Option<()> {
        let csr = self.accessible_csr(number)?;
        if csr.is_read_only() {
            return None;
        }
        match csr {
            Csr::Fflags => {
                self.write_fcsr(self.fcsr & !float::FFLAGS_MASK | value as u32 & float::FFLAGS_MASK)
            }
            Csr::Frm => self.write_fcsr(float::with_frm(self.fcsr, value as u32)),
            Csr::Fcsr => self.write_fcsr(value as u32 & float::FCSR_MASK),
            Csr::Sstatus => self.csrs.sstatus.write(value),
            Csr::Sie => self.csrs.sie = value & SupervisorCsrs::INTERRUPTS,
            // Modes 2 and 3 are reserved: the mode's upper bit stays 0.
            Csr::Stvec => self.csrs.stvec = value & !2,
            Csr::Scounteren => self.csrs.scounteren = value & SupervisorCsrs::COUNTERS,
            Csr::Sscratch => self.csrs.sscratch = value,
            Csr::Sepc => self.csrs.set_sepc(value),
            Csr::Scause => self.csrs.scause = value,
            Csr::Stval => self.csrs.stval = value,
            // Timer and external interrupts are pending for as long as their source says so.
            Csr::Sip => {
                let software = Interrupt::Software.mask();
                self.csrs.sip = self.csrs.sip & !software | value & software;
            }
            Csr::Satp => {
                if let Some(satp) = Satp::from_bits(value) {
                    self.set_satp(satp);
                }
            }
            Csr::Cycle | Csr::Time | Csr::Instret => return None,
        }
        Some(())
    }

    fn accessible_csr(&self, number: u16) -> Option<Csr> {
        let csr = Csr::from_number(number)?;
        let user = self.privilege == Privilege::User;
        let forbidden = match csr {
            Csr::Fflags | Csr::Frm | Csr::Fcsr => self.csrs.sstatus.fp() == FpState::Off,
            Csr::Cycle | Csr::Time | Csr::Instret => {
                user && self.csrs.scounteren >> (csr as u16 & 0x1f) & 1 == 0
            }
            _ => user && is_privileged(number),
        };
        (!forbidden).then_some(csr)
    }

    fn write_fcsr(&mut self, fcsr: u32) {
        self.fcsr = fcsr;
        self.csrs.sstatus.set_fp(FpState::Dirty);
    }
}
