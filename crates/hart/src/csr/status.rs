//! `mstatus`, of which `sstatus` is a part.

use super::FpState;
use tine_mmu::Privilege;

/// `mstatus` (Privileged ISA, "Machine Status (`mstatus` and `mstatush`) Registers").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mstatus(u64);

impl Mstatus {
    /// Interrupts are taken in S-mode.
    pub const SIE: u64 = 1 << 1;
    /// Interrupts are taken in M-mode.
    pub const MIE: u64 = 1 << 3;
    /// What SIE was before the trap.
    pub const SPIE: u64 = 1 << 5;
    /// What MIE was before the trap.
    pub const MPIE: u64 = 1 << 7;
    /// The trap came from S-mode.
    pub const SPP: u64 = 1 << 8;
    /// Loads and stores see memory as the privilege in MPP does.
    pub const MPRV: u64 = 1 << 17;
    /// S-mode may access user pages.
    pub const SUM: u64 = 1 << 18;
    /// Loads may read pages that are only executable.
    pub const MXR: u64 = 1 << 19;
    /// S-mode may neither access `satp` nor fence.
    pub const TVM: u64 = 1 << 20;
    /// WFI is illegal below M-mode.
    pub const TW: u64 = 1 << 21;
    /// SRET is illegal in S-mode.
    pub const TSR: u64 = 1 << 22;

    const MPP_SHIFT: u32 = 11;
    const MPP: u64 = 3 << Self::MPP_SHIFT;
    const FS_SHIFT: u32 = 13;
    const FS: u64 = 3 << Self::FS_SHIFT;
    /// What `sstatus` shows and writes.
    const SUPERVISOR: u64 = Self::SIE | Self::SPIE | Self::SPP | Self::SUM | Self::MXR | Self::FS;
    const WRITABLE: u64 =
        Self::SUPERVISOR | Self::MIE | Self::MPIE | Self::MPP | Self::MPRV | Self::TVM | Self::TW | Self::TSR;
    /// UXL: U-mode has 64-bit registers. Read-only.
    const UXL_64: u64 = 2 << 32;
    /// SXL: S-mode has 64-bit registers. Read-only.
    const SXL_64: u64 = 2 << 34;
    /// SD: FS is Dirty. Read-only, derived.
    const SD: u64 = 1 << 63;

    /// After a reset: interrupts off, MPRV off, floating point off.
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    /// Returns `mstatus` as CSR instructions read it.
    pub fn bits(self) -> u64 {
        let dirty = if self.fp() == FpState::Dirty { Self::SD } else { 0 };
        self.0 | Self::UXL_64 | Self::SXL_64 | dirty
    }

    /// Returns `sstatus` as CSR instructions read it.
    pub fn sstatus(self) -> u64 {
        self.bits() & (Self::SUPERVISOR | Self::UXL_64 | Self::SD)
    }

    /// Writes `mstatus`; bits that do not exist are ignored. An MPP that names no privilege becomes U, as Spike has it.
    pub fn write(&mut self, bits: u64) {
        let mut bits = bits & Self::WRITABLE;
        if bits >> Self::MPP_SHIFT & 3 == 2 {
            bits &= !Self::MPP;
        }
        self.0 = bits;
    }

    /// Writes `sstatus`: the rest of `mstatus` stays.
    pub fn write_sstatus(&mut self, bits: u64) {
        self.write(self.0 & !Self::SUPERVISOR | bits & Self::SUPERVISOR);
    }

    /// Tells whether every bit of `mask` is set.
    pub fn has(self, mask: u64) -> bool {
        self.0 & mask == mask
    }

    /// Sets or clears the bits of `mask`, which exist and are none of MPP.
    pub fn set(&mut self, mask: u64, on: bool) {
        debug_assert!(mask & !Self::WRITABLE == 0 && mask & Self::MPP == 0);
        self.0 = if on { self.0 | mask } else { self.0 & !mask };
    }

    /// Returns MPP.
    pub fn mpp(self) -> Privilege {
        match self.0 >> Self::MPP_SHIFT & 3 {
            0 => Privilege::User,
            1 => Privilege::Supervisor,
            _ => Privilege::Machine,
        }
    }

    /// Writes MPP.
    pub fn set_mpp(&mut self, privilege: Privilege) {
        self.0 = self.0 & !Self::MPP | (privilege as u64) << Self::MPP_SHIFT;
    }

    /// Returns SPP.
    pub fn spp(self) -> Privilege {
        if self.has(Self::SPP) { Privilege::Supervisor } else { Privilege::User }
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
