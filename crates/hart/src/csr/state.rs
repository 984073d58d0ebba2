//! What the CSRs hold, and what a write leaves of a value.

use super::counters::Counters;
use super::status::Mstatus;
use crate::Interrupt;
use tine_mmu::VirtAddr;

/// The control and status registers of a hart, but `fcsr`, and those that the MMU holds: `satp` and the PMP's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csrs {
    /// Privilege and interrupt state; `sstatus` is a part of it.
    pub mstatus: Mstatus,
    /// The exceptions that S-mode handles when they come from below M-mode.
    pub medeleg: u64,
    /// The interrupts that S-mode handles.
    pub mideleg: u64,
    /// Which interrupts are enabled; `sie` is the delegated part.
    pub mie: u64,
    /// The interrupts that software made pending; see [`Csrs::lines`].
    pub mip: u64,
    /// The interrupts that devices make pending, for as long as they do: bits of `mip` that no instruction clears.
    pub lines: u64,
    /// Where traps into M-mode go: an address with the mode (0 direct, 1 vectored) in its low two bits.
    pub mtvec: u64,
    /// The address of the instruction that trapped into M-mode.
    pub mepc: VirtAddr,
    /// What it trapped for.
    pub mcause: u64,
    /// The faulting address or the illegal instruction.
    pub mtval: u64,
    /// A word for the trap handler of M-mode.
    pub mscratch: u64,
    /// Which counters S-mode may read, and with `scounteren` U-mode.
    pub mcounteren: u64,
    /// Which features S-mode and U-mode may use.
    pub menvcfg: u64,
    /// Where traps into S-mode go.
    pub stvec: u64,
    /// The address of the instruction that trapped into S-mode.
    pub sepc: VirtAddr,
    /// What it trapped for.
    pub scause: u64,
    /// The faulting address or the illegal instruction.
    pub stval: u64,
    /// A word for the trap handler of S-mode.
    pub sscratch: u64,
    /// Which counters U-mode may read.
    pub scounteren: u64,
    /// Which features U-mode may use.
    pub senvcfg: u64,
    /// When the supervisor's timer interrupt becomes pending (Sstc).
    pub stimecmp: u64,
    /// The counters that software may set: `mcycle`, `minstret` and the performance counters.
    pub counters: Counters,
}

impl Csrs {
    /// The interrupts that S-mode can take: those that may be delegated.
    pub const SUPERVISOR_INTERRUPTS: u64 =
        Interrupt::Software.mask() | Interrupt::Timer.mask() | Interrupt::External.mask();
    /// Every interrupt there is.
    pub(super) const INTERRUPTS: u64 = Self::SUPERVISOR_INTERRUPTS
        | Interrupt::MachineSoftware.mask()
        | Interrupt::MachineTimer.mask()
        | Interrupt::MachineExternal.mask();
    /// The exceptions that may be delegated: all that there are but the ECALL of M-mode, and a misaligned fetch (0), which not
    /// every hart has.
    pub(super) const DELEGABLE: u64 = 0xb3fe;
    /// CY, TM, IR and the performance counters.
    pub(super) const COUNTERS: u64 = 0xffff_ffff;

    /// `menvcfg.STCE`: there is `stimecmp`.
    pub const STCE: u64 = 1 << 63;
    /// `menvcfg.ADUE`: the walk sets accessed and dirty bits.
    pub const ADUE: u64 = 1 << 61;
    /// CBZE: CBO.ZERO may be executed below.
    pub const CBZE: u64 = 1 << 7;
    /// CBCFE: CBO.CLEAN and CBO.FLUSH may be executed below.
    pub const CBCFE: u64 = 1 << 6;
    /// CBIE: what CBO.INVAL does below: 0 traps, 1 flushes, 3 invalidates.
    pub const CBIE: u64 = 3 << 4;
    /// FIOM: fences of I/O order memory too.
    const FIOM: u64 = 1;
    const SENVCFG: u64 = Self::FIOM | Self::CBIE | Self::CBCFE | Self::CBZE;
    const MENVCFG: u64 = Self::SENVCFG | Self::STCE | Self::ADUE;

    /// After a reset: floating point off, interrupts disabled, nothing delegated.
    pub(crate) fn new() -> Self {
        Self {
            mstatus: Mstatus::new(),
            medeleg: 0,
            mideleg: 0,
            mie: 0,
            mip: 0,
            lines: 0,
            mtvec: 0,
            mepc: VirtAddr(0),
            mcause: 0,
            mtval: 0,
            mscratch: 0,
            mcounteren: 0,
            menvcfg: 0,
            stvec: 0,
            sepc: VirtAddr(0),
            scause: 0,
            stval: 0,
            sscratch: 0,
            scounteren: 0,
            senvcfg: 0,
            stimecmp: u64::MAX,
            counters: Counters::default(),
        }
    }

    /// As a machine-mode program leaves the registers to a supervisor that it never wants to hear from: everything is
    /// delegated, everything allowed, the basic counters readable by U-mode.
    pub fn delegating() -> Self {
        Self {
            // A misaligned fetch too, which a hart without compressed instructions has.
            medeleg: Self::DELEGABLE | 1,
            mideleg: Self::SUPERVISOR_INTERRUPTS,
            mcounteren: Self::COUNTERS,
            menvcfg: Self::SENVCFG,
            senvcfg: Self::SENVCFG,
            scounteren: 0b111,
            ..Self::new()
        }
    }

    /// Writes `sepc`, whose lowest bit is always 0: instructions begin at even addresses (Privileged ISA, "Supervisor
    /// Exception Program Counter (`sepc`) Register").
    pub fn set_sepc(&mut self, value: u64) {
        self.sepc = VirtAddr(value & !1);
    }

    /// Tells whether there is `stimecmp`, so that nobody else makes the supervisor's timer interrupt pending.
    pub fn has_supervisor_timer(&self) -> bool {
        self.menvcfg & Self::STCE != 0
    }

    /// Writes `mip`: the supervisor's interrupts, but the timer's where `stimecmp` decides on that.
    pub(super) fn write_mip(&mut self, value: u64) {
        let timer = if self.has_supervisor_timer() { Interrupt::Timer.mask() } else { 0 };
        let writable = Self::SUPERVISOR_INTERRUPTS & !timer;
        self.mip = self.mip & !writable | value & writable;
    }

    /// Writes `sip`: the software interrupt, where it is delegated.
    pub(super) fn write_sip(&mut self, value: u64) {
        let writable = Interrupt::Software.mask() & self.mideleg;
        self.mip = self.mip & !writable | value & writable;
    }

    pub(super) fn write_sie(&mut self, value: u64) {
        self.mie = self.mie & !self.mideleg | value & self.mideleg;
    }

    pub(super) fn write_menvcfg(&mut self, value: u64) {
        self.menvcfg = with_legal_cbie(self.menvcfg, value) & Self::MENVCFG;
    }

    pub(super) fn write_senvcfg(&mut self, value: u64) {
        self.senvcfg = with_legal_cbie(self.senvcfg, value) & Self::SENVCFG;
    }
}

/// Returns `value`, with the CBIE of `old` where its own is the reserved one.
fn with_legal_cbie(old: u64, value: u64) -> u64 {
    const RESERVED: u64 = 2 << 4;
    if value & Csrs::CBIE == RESERVED { value & !Csrs::CBIE | old & Csrs::CBIE } else { value }
}
