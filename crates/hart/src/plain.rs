//! The plain engine: fetch, decode, execute, one instruction after the other.

use crate::trap::Trap;
use crate::{Hart, Shared, Stop};
use tine_isa::{Insn, Memory, decode};
use tine_mmu::Ram;

impl Hart {
    pub(crate) fn run_plain(&mut self, ram: &mut Ram, shared: &mut Shared, budget: u64) -> Stop {
        self.run_steps(ram, shared, budget, Self::step)
    }

    /// Takes steps until a trap is the caller's or the budget is used up.
    pub(crate) fn run_steps(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        budget: u64,
        mut step: impl FnMut(&mut Self, &mut Ram, &mut Shared) -> Result<(), Trap>,
    ) -> Stop {
        for _ in 0..budget {
            let result = step(self, ram, shared);
            if let Some(access) = self.asked.take() {
                return Stop::Device(access);
            }
            let trapped = result.map_err(|trap| self.enter_trap(trap)).is_err();
            if let Some(stop) = self.must_stop(ram, trapped) {
                return stop;
            }
        }
        Stop::Budget
    }

    /// Executes one instruction, unless an interrupt is pending.
    pub(crate) fn step(&mut self, ram: &mut Ram, shared: &mut Shared) -> Result<(), Trap> {
        self.check_interrupts()?;
        let (insn, bits) = self.fetch(ram)?;
        self.perform(ram, shared, &insn).map_err(|trap| trap.or_bits(bits))
    }

    /// Fetches and decodes the instruction at `pc`.
    pub(crate) fn fetch(&mut self, ram: &mut Ram) -> Result<(Insn, u32), Trap> {
        self.resume_mmu(ram);
        self.mmu.add_lookups(1, 0, 0);
        let bits = self.mmu.fetch(ram, self.pc, self.stamp())?;
        let insn = decode(bits).ok_or(Trap::illegal().or_bits(bits))?;
        Ok((insn, bits))
    }

    /// Executes a fetched instruction, counts its look-up of data and retires it. When it traps, nothing has happened.
    pub(crate) fn perform(&mut self, ram: &mut Ram, shared: &mut Shared, insn: &Insn) -> Result<(), Trap> {
        let privilege = self.privilege;
        let result = self.execute(ram, shared, insn);
        if result.as_ref().err().is_none_or(Trap::is_memory_fault) {
            match insn.op.memory() {
                Memory::None => {}
                Memory::Load => self.mmu.add_lookups(0, 1, 0),
                Memory::Store => self.mmu.add_lookups(0, 0, 1),
            }
        }
        if let Err(trap) = &result {
            self.note_device_access(insn, trap);
        }
        self.pc = result?;
        self.instructions.retire(privilege, 1);
        Ok(())
    }
}
