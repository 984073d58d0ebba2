//! CSR instructions, privileged instructions and environment calls.

use crate::Hart;
use crate::trap::{Exception, Trap};
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
            self.write_csr(insn.imm as u16, update(old, operand)).ok_or(Trap::illegal())?;
        }
        self.set_x(insn.rd, old);
        Ok(())
    }

    pub(super) fn ecall(&self) -> Trap {
        Trap::plain(match self.privilege {
            Privilege::User => Exception::UserEcall,
            Privilege::Supervisor | Privilege::Machine => Exception::SupervisorEcall,
        })
    }

    pub(super) fn sret_instruction(&mut self) -> Result<VirtAddr, Trap> {
        self.require_supervisor()?;
        self.sret();
        Ok(self.pc)
    }

    /// Waiting no time at all is allowed ("Wait for Interrupt"); U-mode may not wait.
    pub(super) fn wfi(&self) -> Result<(), Trap> {
        self.require_supervisor()
    }

    pub(super) fn sfence_vma_instruction(&mut self, insn: &Insn) -> Result<(), Trap> {
        self.require_supervisor()?;
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
}
