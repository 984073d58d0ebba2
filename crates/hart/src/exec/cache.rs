//! Operations on cache blocks (Unprivileged ISA, "Cache-Block Management Instructions" and "Cache-Block Zero Instructions").
//!
//! There is no cache between harts and memory that could hold something else than memory does. Management operations
//! check what they would be allowed to do, and are done.

use crate::trap::{Exception, Trap};
use crate::{Csrs, Hart, Shared};
use tine_isa::Insn;
use tine_mmu::{Access, MemoryFault, PhysAddr, Privilege, Ram, VirtAddr};

/// The size of a cache block, for management and zeroing alike.
const BLOCK_BYTES: usize = 64;

impl Hart {
    /// CBO.INVAL, CBO.CLEAN and CBO.FLUSH: whoever may load or store there may do it.
    pub(super) fn manage_block(&mut self, ram: &mut Ram, insn: &Insn, enabled: u64) -> Result<(), Trap> {
        self.require_enabled(enabled)?;
        // Every page that may be written may be read.
        self.locate_block(ram, insn, Access::Load).map(|_| ())
    }

    /// CBO.ZERO. Breaks the reservations of harts that are not running.
    pub(super) fn zero_block(&mut self, ram: &mut Ram, shared: &mut Shared, insn: &Insn) -> Result<(), Trap> {
        self.require_enabled(Csrs::CBZE)?;
        let block = self.locate_block(ram, insn, Access::Store)?;
        let named = VirtAddr(self.x(insn.rs1));
        ram.write(block, &[0; BLOCK_BYTES]).ok_or(Trap::at(Exception::StoreAccess, named))?;
        shared.reservations.break_all();
        Ok(())
    }

    /// Returns where the cache block begins that holds the address in `rs1`.
    ///
    /// # Errors
    /// All faults are a store's, and their trap value is the address in `rs1` itself, not the block's.
    fn locate_block(&mut self, ram: &mut Ram, insn: &Insn, access: Access) -> Result<PhysAddr, Trap> {
        let named = VirtAddr(self.x(insn.rs1));
        let block = VirtAddr(named.0 & !(BLOCK_BYTES as u64 - 1));
        let located = self.mmu.translate(ram, block, BLOCK_BYTES as u64, access, self.stamp());
        located.map_err(|fault| Trap::from(MemoryFault { access: Access::Store, at: named, ..fault }))
    }

    /// Asks each more privileged mode for a field of its `envcfg`; where that is 0, the instruction is illegal.
    fn require_enabled(&self, field: u64) -> Result<(), Trap> {
        let (by_machine, by_supervisor) = (self.csrs.menvcfg & field != 0, self.csrs.senvcfg & field != 0);
        let enabled = match self.privilege {
            Privilege::Machine => true,
            Privilege::Supervisor => by_machine,
            Privilege::User => by_machine && by_supervisor,
        };
        if enabled { Ok(()) } else { Err(Trap::illegal()) }
    }
}
