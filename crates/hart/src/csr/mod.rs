//! The control and status registers: which there are, who may access them, and what reading and writing them does.
//!
//! A CSR that no row of [`Csr::from_number`] names does not exist: to access it is illegal. Where the supervisor is native
//! nothing ever runs in M-mode, so that there the machine's registers are out of reach.
//!
//! Source: privileged ISA 1.13, "Control and Status Registers (CSRs)", "Machine-Level ISA", "Supervisor-Level ISA", "Sstc";
//! unprivileged ISA, "Zicntr" and "Zihpm"; the debug specification for the trigger registers, of which there are none.

mod counters;
mod logged;
mod state;
mod status;

pub use counters::{Counters, PageFaults, PerfEvent};
pub use state::Csrs;
pub use status::Mstatus;

use crate::{Hart, Interrupt, float};
use counters::{Counted, Index};
use tine_isa::Extension;
use tine_mmu::{AdUpdate, Privilege, Satp, VirtAddr};

/// A CSR that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Csr {
    Fflags,
    Frm,
    Fcsr,
    /// `cycle`, `instret`, `hpmcounter3` and so on, by the bit in the counter enables.
    Counter(Index),
    Time,
    Sstatus,
    Sie,
    Stvec,
    Scounteren,
    Senvcfg,
    Sscratch,
    Sepc,
    Scause,
    Stval,
    Sip,
    Stimecmp,
    Satp,
    Mstatus,
    Misa,
    Medeleg,
    Mideleg,
    Mie,
    Mtvec,
    Mcounteren,
    Menvcfg,
    Mcountinhibit,
    /// `mhpmevent3` and so on, by the number of the counter.
    Mhpmevent(Index),
    Mscratch,
    Mepc,
    Mcause,
    Mtval,
    Mip,
    /// `pmpcfg0` and the other even ones, by the number of the register.
    Pmpcfg(u16),
    Pmpaddr(u16),
    /// `tselect`, `tdata1` and so on: there is a trigger 0, of no type.
    Trigger,
    /// `mcycle`, `minstret`, `mhpmcounter3` and so on.
    Mcounter(Index),
    /// `mvendorid`, `marchid`, `mimpid` and `mconfigptr`, all 0: not said.
    Identity,
    Mhartid,
}

impl Csr {
    fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            0x001 => Self::Fflags,
            0x002 => Self::Frm,
            0x003 => Self::Fcsr,
            0x100 => Self::Sstatus,
            0x104 => Self::Sie,
            0x105 => Self::Stvec,
            0x106 => Self::Scounteren,
            0x10a => Self::Senvcfg,
            0x140 => Self::Sscratch,
            0x141 => Self::Sepc,
            0x142 => Self::Scause,
            0x143 => Self::Stval,
            0x144 => Self::Sip,
            0x14d => Self::Stimecmp,
            0x180 => Self::Satp,
            0x300 => Self::Mstatus,
            0x301 => Self::Misa,
            0x302 => Self::Medeleg,
            0x303 => Self::Mideleg,
            0x304 => Self::Mie,
            0x305 => Self::Mtvec,
            0x306 => Self::Mcounteren,
            0x30a => Self::Menvcfg,
            0x320 => Self::Mcountinhibit,
            0x323..=0x33f => Self::Mhpmevent((number & 0x1f) as Index),
            0x340 => Self::Mscratch,
            0x341 => Self::Mepc,
            0x342 => Self::Mcause,
            0x343 => Self::Mtval,
            0x344 => Self::Mip,
            // Only RV32 has the odd ones.
            0x3a0..=0x3af if number & 1 == 0 => Self::Pmpcfg(number - 0x3a0),
            0x3b0..=0x3ef => Self::Pmpaddr(number - 0x3b0),
            0x7a0..=0x7a3 => Self::Trigger,
            0xb00 | 0xb02..=0xb1f => Self::Mcounter((number & 0x1f) as Index),
            0xc01 => Self::Time,
            0xc00 | 0xc02..=0xc1f => Self::Counter((number & 0x1f) as Index),
            0xf11..=0xf13 | 0xf15 => Self::Identity,
            0xf14 => Self::Mhartid,
            _ => return None,
        })
    }
}

/// Bits 11 and 10 of the number both set mean that the register cannot be written ("CSR Address Mapping Conventions").
fn is_read_only(number: u16) -> bool {
    number >> 10 == 3
}

/// Whether U-mode may not access a CSR: bits 9 and 8 of the number are the lowest privilege that may.
pub(crate) fn is_privileged(number: u16) -> bool {
    number >> 8 & 3 != 0
}

/// The state of the floating-point unit, as `mstatus.FS` tells whoever switches contexts.
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

/// What `misa` has beside the letters of the instruction set: MXL of 64 bits, S and U. Writing has no effect.
const MISA: u64 = 2 << 62 | letter(b'S') | letter(b'U');

const fn letter(letter: u8) -> u64 {
    1 << (letter - b'A')
}

impl Hart {
    /// Reads a CSR for an instruction; `None` where that is illegal.
    pub(crate) fn read_csr(&self, number: u16) -> Option<u64> {
        let csr = self.accessible_csr(number)?;
        let csrs = &self.csrs;
        Some(match csr {
            Csr::Fflags => (self.fcsr & float::FFLAGS_MASK).into(),
            Csr::Frm => float::frm(self.fcsr).into(),
            Csr::Fcsr => self.fcsr.into(),
            Csr::Counter(index) | Csr::Mcounter(index) => csrs.counters.read(index, self.counted(0)),
            Csr::Time => self.time_ns(),
            Csr::Sstatus => csrs.mstatus.sstatus(),
            Csr::Sie => csrs.mie & csrs.mideleg,
            Csr::Stvec => csrs.stvec,
            Csr::Scounteren => csrs.scounteren,
            Csr::Senvcfg => csrs.senvcfg,
            Csr::Sscratch => csrs.sscratch,
            Csr::Sepc => csrs.sepc.0,
            Csr::Scause => csrs.scause,
            Csr::Stval => csrs.stval,
            Csr::Sip => self.pending_interrupts() & csrs.mideleg,
            Csr::Stimecmp => csrs.stimecmp,
            Csr::Satp => self.mmu.satp().bits(),
            Csr::Mstatus => csrs.mstatus.bits(),
            Csr::Misa => MISA | self.isa.misa_extensions(),
            Csr::Medeleg => csrs.medeleg,
            Csr::Mideleg => csrs.mideleg,
            Csr::Mie => csrs.mie,
            Csr::Mtvec => csrs.mtvec,
            Csr::Mcounteren => csrs.mcounteren,
            Csr::Menvcfg => csrs.menvcfg,
            Csr::Mcountinhibit => csrs.counters.inhibited(),
            Csr::Mhpmevent(index) => csrs.counters.event(index),
            Csr::Mscratch => csrs.mscratch,
            Csr::Mepc => csrs.mepc.0,
            Csr::Mcause => csrs.mcause,
            Csr::Mtval => csrs.mtval,
            Csr::Mip => self.pending_interrupts(),
            Csr::Pmpcfg(register) => self.mmu.pmp().config(register),
            Csr::Pmpaddr(entry) => self.mmu.pmp().address(entry),
            Csr::Trigger | Csr::Identity => 0,
            Csr::Mhartid => self.id,
        })
    }

    /// Reads a CSR for the write that CSRRS and CSRRC follow it with.
    ///
    /// What a device makes pending is read from `mip` and `sip` but not written back, or the interrupt of software would
    /// stay ("Machine Interrupt (`mip` and `mie`) Registers", on SEIP).
    pub(crate) fn read_csr_to_update(&self, number: u16) -> Option<u64> {
        match self.accessible_csr(number)? {
            Csr::Mip => Some(self.csrs.mip),
            Csr::Sip => Some(self.csrs.mip & self.csrs.mideleg),
            _ => self.read_csr(number),
        }
    }

    /// Writes a CSR for an instruction; `None`, and nothing written, where that is illegal.
    pub(crate) fn write_csr(&mut self, number: u16, value: u64) -> Option<()> {
        let csr = self.accessible_csr(number)?;
        if is_read_only(number) {
            return None;
        }
        let (pc, delegable) = (self.legal_pc(value), self.delegable());
        let csrs = &mut self.csrs;
        match csr {
            Csr::Fflags => {
                self.write_fcsr(self.fcsr & !float::FFLAGS_MASK | value as u32 & float::FFLAGS_MASK)
            }
            Csr::Frm => self.write_fcsr(float::with_frm(self.fcsr, value as u32)),
            Csr::Fcsr => self.write_fcsr(value as u32 & float::FCSR_MASK),
            Csr::Sstatus => csrs.mstatus.write_sstatus(value),
            Csr::Sie => csrs.write_sie(value),
            Csr::Stvec => csrs.stvec = legal_tvec(value),
            Csr::Scounteren => csrs.scounteren = value & Csrs::COUNTERS,
            Csr::Senvcfg => csrs.write_senvcfg(value),
            Csr::Sscratch => csrs.sscratch = value,
            Csr::Sepc => csrs.set_sepc(pc),
            Csr::Scause => csrs.scause = value,
            Csr::Stval => csrs.stval = value,
            Csr::Sip => csrs.write_sip(value),
            Csr::Stimecmp => csrs.stimecmp = value,
            Csr::Satp => {
                if let Some(satp) = Satp::from_bits(value) {
                    self.set_satp(satp);
                }
            }
            Csr::Mstatus => csrs.mstatus.write(value),
            Csr::Misa | Csr::Trigger => {}
            Csr::Medeleg => csrs.medeleg = value & delegable,
            Csr::Mideleg => csrs.mideleg = value & Csrs::SUPERVISOR_INTERRUPTS,
            Csr::Mie => csrs.mie = value & Csrs::INTERRUPTS,
            Csr::Mtvec => csrs.mtvec = legal_tvec(value),
            Csr::Mcounteren => csrs.mcounteren = value & Csrs::COUNTERS,
            Csr::Menvcfg => {
                csrs.write_menvcfg(value);
                let by_walk = csrs.menvcfg & Csrs::ADUE != 0;
                self.mmu.set_ad_update(if by_walk { AdUpdate::Svadu } else { AdUpdate::Svade });
            }
            Csr::Mcountinhibit => self.with_counters(0, |counters, now| counters.inhibit(value, now)),
            Csr::Mhpmevent(index) => {
                self.with_counters(0, |counters, now| counters.set_event(index, value, now));
            }
            Csr::Mscratch => csrs.mscratch = value,
            Csr::Mepc => csrs.mepc = VirtAddr(pc),
            Csr::Mcause => csrs.mcause = value,
            Csr::Mtval => csrs.mtval = value,
            Csr::Mip => csrs.write_mip(value),
            Csr::Pmpcfg(register) => self.mmu.set_pmp_config(register, value),
            Csr::Pmpaddr(entry) => self.mmu.set_pmp_address(entry, value),
            // The next instruction reads what this one wrote: it does not count itself.
            Csr::Mcounter(index) => self.with_counters(1, |counters, now| counters.write(index, value, now)),
            Csr::Counter(_) | Csr::Time | Csr::Identity | Csr::Mhartid => return None,
        }
        Some(())
    }

    /// Returns what `mepc` and `sepc` hold of a value: without compressed instructions, addresses of instructions are multiples
    /// of 4 ("Machine Exception Program Counter (`mepc`) Register").
    fn legal_pc(&self, value: u64) -> u64 {
        value & if self.isa.contains(Extension::Zca) { !1 } else { !3 }
    }

    /// Returns the exceptions that may be delegated: with compressed instructions no fetch is misaligned.
    fn delegable(&self) -> u64 {
        let misaligned = if self.isa.contains(Extension::Zca) { 0 } else { 1 };
        Csrs::DELEGABLE | misaligned
    }

    /// Finds a CSR that exists and that the hart may access as it is.
    fn accessible_csr(&self, number: u16) -> Option<Csr> {
        let csr = Csr::from_number(number)?;
        let Csrs { mstatus, mcounteren, scounteren, .. } = &self.csrs;
        let below_machine = self.privilege < Privilege::Machine;
        let allowed = match csr {
            Csr::Fflags | Csr::Frm | Csr::Fcsr => mstatus.fp() != FpState::Off,
            Csr::Counter(_) | Csr::Time => {
                let enabled = match self.privilege {
                    Privilege::Machine => u64::MAX,
                    Privilege::Supervisor => *mcounteren,
                    Privilege::User => mcounteren & scounteren,
                };
                enabled >> (number & 0x1f) & 1 == 1
            }
            Csr::Satp => !(self.privilege == Privilege::Supervisor && mstatus.has(Mstatus::TVM)),
            Csr::Stimecmp => {
                const TIME: u64 = 1 << 1;
                !below_machine || self.csrs.has_supervisor_timer() && mcounteren & TIME != 0
            }
            _ => true,
        };
        let lowest = number >> 8 & 3;
        (allowed && self.privilege as u16 >= lowest).then_some(csr)
    }

    /// Returns what counters count from, so many instructions on.
    fn counted(&self, ahead: u64) -> Counted<'_> {
        Counted { retired: self.retired() + ahead, mmu: self.mmu.counters(), faults: self.page_faults }
    }

    fn with_counters(&mut self, ahead: u64, change: impl FnOnce(&mut Counters, Counted<'_>)) {
        let mut counters = std::mem::take(&mut self.csrs.counters);
        change(&mut counters, self.counted(ahead));
        self.csrs.counters = counters;
    }

    fn write_fcsr(&mut self, fcsr: u32) {
        self.fcsr = fcsr;
        self.csrs.mstatus.set_fp(FpState::Dirty);
    }

    /// Returns the interrupts that are pending, enabled or not.
    pub fn pending_interrupts(&self) -> u64 {
        let Csrs { mip, lines, stimecmp, .. } = self.csrs;
        if !self.csrs.has_supervisor_timer() {
            return mip | lines;
        }
        let timer = if self.time_ns() >= stimecmp { Interrupt::Timer.mask() } else { 0 };
        (mip | lines) & !Interrupt::Timer.mask() | timer
    }
}

/// Returns the trap vector that a write leaves: modes 2 and 3 are reserved, so that the mode's upper bit stays 0.
fn legal_tvec(value: u64) -> u64 {
    value & !2
}
