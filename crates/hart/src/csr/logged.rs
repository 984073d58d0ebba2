//! Which CSRs an instruction wrote, as Spike logs it: a register that is a view of another is logged as that one, and one
//! that cannot be written not at all (Spike, `riscv/csrs.cc`, `log_write` and who calls it).

use super::{Csr, FpState};
use crate::float::{self, FFLAGS_MASK};
use crate::{Hart, Interrupt, Retired};
use tine_isa::{Format, Insn, Op};
use tine_mmu::PMP_ENTRIES;

const FFLAGS: u16 = 0x001;
const FRM: u16 = 0x002;
const SIE: u16 = 0x104;
const MSTATUS: u16 = 0x300;
const MIE: u16 = 0x304;
/// The advanced interrupt architecture's register beside `mip`: written with it, it keeps SEIP. There is none here.
const MVIP: u16 = 0x309;
const MIP: u16 = 0x344;

impl Hart {
    /// Lists the CSRs that an instruction wrote which has just retired, with what they hold now.
    pub(crate) fn logged_csrs(&self, Retired { insn, raised, before, .. }: &Retired) -> Vec<(u16, u64)> {
        let mut written = Vec::new();
        let is_dirty = self.csrs.mstatus.fp() == FpState::Dirty;
        if matches!(insn.op, Op::Mret | Op::Sret) || is_dirty && before.mstatus.fp() != FpState::Dirty {
            written.push((MSTATUS, self.csrs.mstatus.bits()));
        }
        if *raised != 0 {
            written.push((FFLAGS, self.accrued()));
        }
        let Some(number) = named_to_write(insn) else { return written };
        match Csr::from_number(number) {
            Some(Csr::Fcsr) => {
                written.extend([(FFLAGS, self.accrued()), (FRM, float::frm(self.fcsr).into())]);
            }
            Some(Csr::Sstatus | Csr::Mstatus) => written.push((MSTATUS, self.csrs.mstatus.bits())),
            Some(Csr::Sie) => {
                written.extend([(MIE, self.csrs.mie), (SIE, self.csrs.mie & self.csrs.mideleg)]);
            }
            Some(Csr::Sip | Csr::Mip) => {
                let timer = if self.csrs.has_supervisor_timer() { 0 } else { Interrupt::Timer.mask() };
                let kept = before.mip & (timer | Interrupt::Software.mask());
                written.push((MVIP, self.csrs.mip & Interrupt::External.mask() | kept));
                written.push((MIP, self.pending_interrupts()));
            }
            Some(Csr::Pmpaddr(entry)) if !self.mmu.pmp().may_set_address(entry) => {}
            Some(Csr::Pmpcfg(register)) if usize::from(register) * 4 >= PMP_ENTRIES => {}
            Some(_) => written.extend(self.read_csr(number).map(|value| (number, value))),
            // It trapped.
            None => {}
        }
        written
    }

    fn accrued(&self) -> u64 {
        (self.fcsr & FFLAGS_MASK).into()
    }
}

/// Returns the number of the CSR that an instruction names and writes.
fn named_to_write(insn: &Insn) -> Option<u16> {
    let writes = match insn.op.format() {
        Format::Csr | Format::CsrImm => matches!(insn.op, Op::Csrrw | Op::Csrrwi) || insn.rs1 != 0,
        _ => false,
    };
    writes.then_some(insn.imm as u16)
}
