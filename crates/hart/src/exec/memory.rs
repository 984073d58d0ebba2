//! Loads and stores.

use super::immediate;
use crate::trap::{Exception, Trap};
use crate::{Hart, Misaligned, Shared, bytes};
use tine_isa::Insn;
use tine_mmu::{Access, Ram, Stamp, VirtAddr};

impl Hart {
    /// Returns the address that a load or store names.
    pub(crate) fn effective_address(&self, insn: &Insn) -> VirtAddr {
        VirtAddr(self.x(insn.rs1).wrapping_add(immediate(insn)))
    }

    /// Returns the instant of the running instruction's accesses.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::at(self.retired())
    }

    pub(super) fn load_x<const N: usize>(
        &mut self,
        ram: &mut Ram,
        insn: &Insn,
        extend: fn([u8; N]) -> u64,
    ) -> Result<(), Trap> {
        let loaded = self.load(ram, insn)?;
        self.set_x(insn.rd, extend(loaded));
        Ok(())
    }

    pub(super) fn load_f<const N: usize>(
        &mut self,
        ram: &mut Ram,
        insn: &Insn,
        extend: fn([u8; N]) -> u64,
    ) -> Result<(), Trap> {
        self.require_fp()?;
        let loaded = self.load(ram, insn)?;
        self.set_f(insn.rd, extend(loaded));
        Ok(())
    }

    fn load<const N: usize>(&mut self, ram: &mut Ram, insn: &Insn) -> Result<[u8; N], Trap> {
        let at = self.effective_address(insn);
        self.check_alignment::<N>(at, Exception::LoadMisaligned)?;
        Ok(self.mmu.load(ram, at, self.stamp())?)
    }

    fn check_alignment<const N: usize>(&self, at: VirtAddr, misaligned: Exception) -> Result<(), Trap> {
        match self.misaligned {
            Misaligned::Traps if !at.0.is_multiple_of(N as u64) => Err(Trap::at(misaligned, at)),
            Misaligned::Traps | Misaligned::Supported => Ok(()),
        }
    }

    pub(super) fn store_x<const N: usize>(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        insn: &Insn,
    ) -> Result<(), Trap> {
        self.store::<N>(ram, shared, self.effective_address(insn), self.x(insn.rs2))
    }

    pub(super) fn store_f<const N: usize>(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        insn: &Insn,
    ) -> Result<(), Trap> {
        self.require_fp()?;
        self.store::<N>(ram, shared, self.effective_address(insn), self.f(insn.rs2))
    }

    fn store<const N: usize>(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        at: VirtAddr,
        value: u64,
    ) -> Result<(), Trap> {
        self.check_alignment::<N>(at, Exception::StoreMisaligned)?;
        if shared.reservations.any() {
            if at.0.is_multiple_of(N as u64) {
                let physical = self.mmu.translate(ram, at, N as u64, Access::Store, self.stamp())?;
                shared.reservations.break_at(physical);
            } else {
                // Which bytes it touches is not worth finding out: an SC may fail for no reason.
                shared.reservations.break_all();
            }
        }
        self.mmu.store(ram, at, bytes::low::<N>(value), self.stamp())?;
        Ok(())
    }
}
