//! The plain engine: fetch, decode, execute, one instruction after the other.

use crate::trap::{Cause, Exception, Trap};
use crate::{Hart, Shared, Stop, Supervisor};
use tine_isa::{Memory, decode};
use tine_mmu::Ram;

/// What became of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Retired,
    /// It trapped, or an interrupt came before it.
    Trapped,
}

impl Hart {
    pub(crate) fn run_plain(&mut self, ram: &mut Ram, shared: &mut Shared, budget: u64) -> Stop {
        for _ in 0..budget {
            if self.step(ram, shared) == Step::Trapped && self.supervisor == Supervisor::Native {
                return Stop::Trap;
            }
        }
        Stop::Budget
    }

    /// Takes a pending interrupt, or executes one instruction.
    pub(crate) fn step(&mut self, ram: &mut Ram, shared: &mut Shared) -> Step {
        if let Some(interrupt) = self.pending_interrupt() {
            self.enter_trap(Cause::Interrupt(interrupt), 0);
            return Step::Trapped;
        }
        self.mmu.resume(ram, self.privilege, self.data_view());
        match self.fetch_and_execute(ram, shared) {
            Ok(()) => Step::Retired,
            Err(trap) => {
                self.enter_trap(Cause::Exception(trap.exception), trap.stval);
                Step::Trapped
            }
        }
    }

    fn fetch_and_execute(&mut self, ram: &mut Ram, shared: &mut Shared) -> Result<(), Trap> {
        self.mmu.add_lookups(1, 0, 0);
        let bits = self.mmu.fetch(ram, self.pc, self.stamp())?;
        let illegal = Trap { exception: Exception::IllegalInstruction, stval: bits.into() };
        let insn = decode(bits).ok_or(illegal)?;
        let privilege = self.privilege;
        let result = self.execute(ram, shared, &insn);
        let looked_up = result.as_ref().map_or_else(|trap| trap.is_memory_fault(), |_| true);
        match insn.op.memory() {
            Memory::Load if looked_up => self.mmu.add_lookups(0, 1, 0),
            Memory::Store if looked_up => self.mmu.add_lookups(0, 0, 1),
            _ => {}
        }
        self.pc = result.map_err(|trap| if trap == Trap::illegal() { illegal } else { trap })?;
        self.instructions.retire(privilege, 1);
        Ok(())
    }
}
