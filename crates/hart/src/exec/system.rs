//! CSR instructions, privileged instructions and environment calls.

use crate::csr::Mstatus;
use crate::trap::{Exception, Trap};
use crate::{Hart, Supervisor};
use tine_isa::Insn;
use tine_mmu::{Asid, Fence, Privilege, VirtAddr};

impl Hart {
    /// CSRRW and CSRRWI. Every CSR's read is free of side effects, so reading for `x0` does no harm.
    pub(super) fn csr_write(&mut self, insn: &Insn, value: u64) -> Result<(), Trap> {
        let old = self.read_csr(insn.imm as u16).ok_or(Trap::illegal())?;
        self.write_csr(insn.imm as u16, value).ok_or(Trap::illegal())?;
        self.set_x(insn.rd, old);
        Ok(())
    }

    /// CSRRS, CSRRC and their immediate forms. Naming `x0` (or the immediate 0) writes nothing, which makes reading a
    /// read-only CSR legal.
    pub(super) fn csr_update(
        &mut self,
        insn: &Insn,
        operand: u64,
        update: fn(u64, u64) -> u64,
    ) -> Result<(), Trap> {
        let old = self.read_csr(insn.imm as u16).ok_or(Trap::illegal())?;
        if insn.rs1 != 0 {
            let kept = self.read_csr_to_update(insn.imm as u16).ok_or(Trap::illegal())?;
            self.write_csr(insn.imm as u16, update(kept, operand)).ok_or(Trap::illegal())?;
        }
        self.set_x(insn.rd, old);
        Ok(())
    }

    pub(crate) fn ecall(&self) -> Trap {
        Trap::plain(match self.privilege {
            Privilege::User => Exception::UserEcall,
            Privilege::Supervisor => Exception::SupervisorEcall,
            Privilege::Machine => Exception::MachineEcall,
        })
    }

    pub(super) fn sret_instruction(&mut self) -> Result<VirtAddr, Trap> {
        self.require_supervisor_unless(Mstatus::TSR)?;
        self.sret();
        Ok(self.pc)
    }

    pub(super) fn mret_instruction(&mut self) -> Result<VirtAddr, Trap> {
        if self.privilege < Privilege::Machine {
            return Err(Trap::illegal());
        }
        self.mret();
        Ok(self.pc)
    }

    /// U-mode may not wait; a native supervisor's harts wait no time at all, which is allowed ("Wait for Interrupt").
    pub(super) fn wfi(&mut self) -> Result<(), Trap> {
        self.require_supervisor_unless(Mstatus::TW)?;
        self.waiting = self.supervisor == Supervisor::Guest;
        Ok(())
    }

    pub(super) fn sfence_vma_instruction(&mut self, insn: &Insn) -> Result<(), Trap> {
        self.require_supervisor_unless(Mstatus::TVM)?;
        let address = VirtAddr(self.x(insn.rs1));
        // The bits of rs2 above ASIDLEN are ignored.
        let asid = Asid(self.x(insn.rs2) as u16);
        self.mmu.fence(match (insn.rs1, insn.rs2) {
            (0, 0) => Fence::All,
            (0, _) => Fence::Asid(asid),
            (_, 0) => Fence::Page(address),
            (_, _) => Fence::PageAsid(address, asid),
        });
        Ok(())
    }

    pub(super) fn require_supervisor(&self) -> Result<(), Trap> {
        if self.privilege == Privilege::User { Err(Trap::illegal()) } else { Ok(()) }
    }

    /// Allows what M-mode may do, and S-mode unless the bit `trap` of `mstatus` is set.
    fn require_supervisor_unless(&self, trap: u64) -> Result<(), Trap> {
        let allowed = match self.privilege {
            Privilege::Machine => true,
            Privilege::Supervisor => !self.csrs.mstatus.has(trap),
            Privilege::User => false,
        };
        if allowed { Ok(()) } else { Err(Trap::illegal()) }
    }
}
