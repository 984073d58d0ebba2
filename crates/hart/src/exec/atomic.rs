//! LR, SC and the AMOs (Unprivileged ISA, "A Extension").
//!
//! An address that is not a multiple of the size raises address-misaligned before anything is translated. LR counts and
//! faults as a load; SC and the AMOs as stores, whatever they also read.

use crate::reservation::Reservation;
use crate::trap::{Exception, Trap};
use crate::{Hart, Shared, bytes};
use tine_isa::Insn;
use tine_mmu::{Access, PhysAddr, Ram, VirtAddr};

impl Hart {
    pub(super) fn load_reserved<const N: usize>(&mut self, ram: &mut Ram, insn: &Insn) -> Result<(), Trap> {
        let at = self.aligned::<N>(insn, Exception::LoadMisaligned)?;
        let physical = self.mmu.translate(ram, at, N as u64, Access::Load, self.stamp())?;
        let mut word = [0; N];
        ram.read(physical, &mut word).ok_or(Trap::at(Exception::LoadAccess, at))?;
        self.reservation = Some(Reservation { at: physical, since: self.retired() });
        self.set_x(insn.rd, bytes::sign_extended(word));
        Ok(())
    }

    /// SC succeeds where the latest LR read and nothing came between; either way the reservation is used up.
    pub(super) fn store_conditional<const N: usize>(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        insn: &Insn,
    ) -> Result<(), Trap> {
        let at = self.aligned::<N>(insn, Exception::StoreMisaligned)?;
        let physical = self.mmu.translate(ram, at, N as u64, Access::Store, self.stamp())?;
        let holds = self.reservation.take().is_some_and(|reservation| reservation.at == physical);
        if holds {
            self.write_physical(ram, shared, at, physical, bytes::low::<N>(self.x(insn.rs2)))?;
        }
        self.set_x(insn.rd, (!holds).into());
        Ok(())
    }

    /// Replaces the word in memory by what `combine` makes of it and `rs2`, both sign-extended.
    pub(super) fn amo<const N: usize>(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        insn: &Insn,
        combine: fn(u64, u64) -> u64,
    ) -> Result<(), Trap> {
        let at = self.aligned::<N>(insn, Exception::StoreMisaligned)?;
        let physical = self.mmu.translate(ram, at, N as u64, Access::Store, self.stamp())?;
        let mut word = [0; N];
        ram.read(physical, &mut word).ok_or(Trap::at(Exception::StoreAccess, at))?;
        let old = bytes::sign_extended(word);
        let operand = bytes::sign_extended(bytes::low::<N>(self.x(insn.rs2)));
        self.write_physical(ram, shared, at, physical, bytes::low::<N>(combine(old, operand)))?;
        self.set_x(insn.rd, old);
        Ok(())
    }

    fn write_physical<const N: usize>(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        at: VirtAddr,
        physical: PhysAddr,
        value: [u8; N],
    ) -> Result<(), Trap> {
        ram.write(physical, &value).ok_or(Trap::at(Exception::StoreAccess, at))?;
        shared.reservations.break_at(physical);
        Ok(())
    }

    fn aligned<const N: usize>(&self, insn: &Insn, misaligned: Exception) -> Result<VirtAddr, Trap> {
        let at = VirtAddr(self.x(insn.rs1));
        if at.0.is_multiple_of(N as u64) { Ok(at) } else { Err(Trap::at(misaligned, at)) }
    }
}
