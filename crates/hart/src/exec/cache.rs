//! Operations on cache blocks (Unprivileged ISA, "Cache-Block Management Instructions" and "Cache-Block Zero Instructions").
//!
//! There is no cache between harts and memory that could hold something else than memory does. Management operations
//! check what they would be allowed to do, and are done.

use crate::trap::{Exception, Trap};
use crate::{Hart, Shared};
use tine_isa::Insn;
use tine_mmu::{Access, Privilege, Ram, VirtAddr};

/// The size of a cache block, for management and zeroing alike.
const BLOCK_BYTES: usize = 64;

impl Hart {
    /// CBO.INVAL, CBO.CLEAN and CBO.FLUSH: whoever may load or store there may do it, and all faults are a store's.
    pub(super) fn manage_block(&mut self, ram: &mut Ram, insn: &Insn) -> Result<(), Trap> {
        // Linux 6.12 leaves CBIE and CBCFE of `senvcfg` 0.
        if self.privilege == Privilege::User {
            return Err(Trap::illegal());
        }
        let at = self.block(insn);
        // Every page that may be written may be read.
        match self.mmu.translate(ram, at, Access::Load, self.stamp()) {
            Ok(_) => Ok(()),
            Err(fault) => Err(Trap::from(tine_mmu::MemoryFault { access: Access::Store, ..fault })),
        }
    }

    /// CBO.ZERO, which Linux enables for user programs.
    pub(super) fn zero_block(&mut self, ram: &mut Ram, shared: &mut Shared, insn: &Insn) -> Result<(), Trap> {
        let at = self.block(insn);
        let physical = self.mmu.translate(ram, at, Access::Store, self.stamp())?;
        ram.write(physical, &[0; BLOCK_BYTES]).ok_or(Trap::at(Exception::StoreAccess, at))?;
        shared.reservations.break_all();
        Ok(())
    }

    /// Returns where the cache block begins that holds the address in `rs1`.
    fn block(&self, insn: &Insn) -> VirtAddr {
        VirtAddr(self.x(insn.rs1) & !(BLOCK_BYTES as u64 - 1))
    }
}
