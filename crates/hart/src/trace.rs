//! The traced run loop: the plain engine with somebody watching. The other loops do not pay for it.

use crate::trap::Trap;
use crate::{Cause, Hart, Shared, Stop};
use tine_isa::{Format, Insn, Memory};
use tine_mmu::{Ram, VirtAddr};

/// An instruction that has just retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired {
    /// Where it is.
    pub pc: VirtAddr,
    /// Its encoding; a compressed one in the low half.
    pub bits: u32,
    /// What it is.
    pub insn: Insn,
    /// The first byte of data that it accessed, where it accesses data.
    pub address: Option<VirtAddr>,
}

/// Watches instructions retire.
pub trait Observer {
    /// Is told of an instruction, the hart being as it left it.
    fn retired(&mut self, hart: &Hart, retired: &Retired);

    /// Is told of a trap that is about to be taken, the hart being as before it, and of the value that goes to `mtval` or
    /// `stval`.
    fn trapped(&mut self, _hart: &Hart, _cause: Cause, _tval: u64) {}
}

impl Hart {
    /// Runs like [`Hart::run`], with the same counts, and tells `observer` of every instruction that retires.
    pub fn run_traced(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        budget: u64,
        observer: &mut dyn Observer,
    ) -> Stop {
        self.while_running(ram, shared, |hart, ram, shared| {
            hart.run_steps(ram, shared, budget, |hart, ram, shared| hart.step_traced(ram, shared, observer))
        })
    }

    fn step_traced(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        observer: &mut dyn Observer,
    ) -> Result<(), Trap> {
        let result = self.execute_traced(ram, shared, observer);
        if let Err(trap) = &result
            && self.asked.is_none()
        {
            observer.trapped(self, trap.cause, trap.tval);
        }
        result
    }

    fn execute_traced(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        observer: &mut dyn Observer,
    ) -> Result<(), Trap> {
        self.check_interrupts()?;
        let (insn, bits) = self.fetch(ram)?;
        // Both may be gone afterwards: the base register may be the destination.
        let (pc, address) = (self.pc, self.data_address(&insn));
        let result = self.perform(ram, shared, &insn).map_err(|trap| trap.or_bits(bits));
        if let Some(access) = &mut self.asked {
            access.bits = bits;
        }
        result?;
        observer.retired(self, &Retired { pc, bits, insn, address });
        Ok(())
    }

    fn data_address(&self, insn: &Insn) -> Option<VirtAddr> {
        match (insn.op.memory(), insn.op.format()) {
            (Memory::None, _) => None,
            // Their immediate is not an offset.
            (_, Format::Lr | Format::Amo) => Some(VirtAddr(self.x(insn.rs1))),
            (Memory::Load | Memory::Store, _) => Some(self.effective_address(insn)),
        }
    }
}
