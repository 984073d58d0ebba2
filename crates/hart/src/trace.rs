//! The traced run loop: the plain engine with somebody watching. The other loops do not pay for it.

use crate::float::FFLAGS_MASK;
use crate::reservation::Reservation;
use crate::trap::Trap;
use crate::{Cause, Hart, Mstatus, Shared, Stop};
use tine_isa::{Format, Insn, Memory, Op};
use tine_mmu::{Privilege, Ram, VirtAddr};

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
    /// What it stored, in as many low bytes as it stores ([`Op::access_bytes`]); `None` where it does not, as an SC that
    /// failed and the operations on cache blocks.
    pub stored: Option<u64>,
    /// The floating-point exceptions that it raised, as bits of `fflags`, whether they were accrued before or not.
    pub raised: u32,
    /// What it may have changed that says what it did.
    pub before: Before,
}

/// State of the hart before an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// The privilege that executed it.
    pub privilege: Privilege,
    /// `mstatus`.
    pub mstatus: Mstatus,
    /// `mip`, what devices make pending included.
    pub mip: u64,
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
        // All of it may be gone afterwards: the base register may be the destination.
        let (pc, address, held, before) =
            (self.pc, self.data_address(&insn), self.reservation, self.before());
        let (result, raised) = self.raising(&insn, |hart| hart.perform(ram, shared, &insn));
        if let Some(access) = &mut self.asked {
            access.bits = bits;
        }
        result.map_err(|trap| trap.or_bits(bits))?;
        let stored = address.and_then(|address| self.stored(ram, &insn, address, held));
        observer.retired(self, &Retired { pc, bits, insn, address, stored, raised, before });
        Ok(())
    }

    pub(crate) fn before(&self) -> Before {
        Before { privilege: self.privilege, mstatus: self.csrs.mstatus, mip: self.pending_interrupts() }
    }

    /// Does an instruction and returns what it raised. No instruction reads the accrued exceptions but those for CSRs, so
    /// they are put aside meanwhile.
    fn raising<T>(&mut self, insn: &Insn, perform: impl FnOnce(&mut Self) -> T) -> (T, u32) {
        if matches!(insn.op.format(), Format::Csr | Format::CsrImm) {
            return (perform(self), 0);
        }
        let accrued = self.fcsr & FFLAGS_MASK;
        self.fcsr &= !FFLAGS_MASK;
        let done = perform(self);
        let raised = self.fcsr & FFLAGS_MASK;
        self.fcsr |= accrued;
        (done, raised)
    }

    /// Returns what an instruction stored that has retired.
    fn stored(&self, ram: &Ram, insn: &Insn, address: VirtAddr, held: Option<Reservation>) -> Option<u64> {
        match insn.op.format() {
            Format::Store | Format::FStore => Some(self.stored_by(insn)),
            Format::Amo => {
                let at = self.mmu.translated(address)?;
                let is_conditional = matches!(insn.op, Op::ScW | Op::ScD);
                if is_conditional && held.is_none_or(|held| held.at != at) {
                    return None;
                }
                // Neither operand may be there any more, but what was stored is.
                let mut bytes = [0; 8];
                ram.read(at, &mut bytes[..insn.op.access_bytes()?])?;
                Some(u64::from_le_bytes(bytes))
            }
            _ => None,
        }
    }

    /// Returns the register that a store stores.
    pub(crate) fn stored_by(&self, insn: &Insn) -> u64 {
        if insn.op.format() == Format::FStore { self.f(insn.rs2) } else { self.x(insn.rs2) }
    }

    fn data_address(&self, insn: &Insn) -> Option<VirtAddr> {
        match (insn.op.memory(), insn.op.format()) {
            (Memory::None, _) => None,
            // Their immediate is not an offset.
            (_, Format::Lr | Format::Amo | Format::CacheBlock) => Some(VirtAddr(self.x(insn.rs1))),
            (Memory::Load | Memory::Store, _) => Some(self.effective_address(insn)),
        }
    }
}
