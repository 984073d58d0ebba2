//! Adding up what blocks executed.

use crate::Hart;
use tine_mmu::Privilege;

/// What was executed and is not in the counters yet.
pub(super) struct Books {
    privilege: Privilege,
    /// The position up to which instructions are in the counters.
    opened: u64,
    /// Loads and stores of the blocks left since, less those of the current block that are in the counters; wrapping.
    loads: u64,
    stores: u64,
}

impl Books {
    pub(super) fn open(hart: &Hart) -> Self {
        Self { privilege: hart.privilege, opened: hart.retired(), loads: 0, stores: 0 }
    }

    /// Leaves a block at a slot which so many of its loads and stores precede.
    #[inline(always)]
    pub(super) fn leave(&mut self, loads: u16, stores: u16) {
        self.loads = self.loads.wrapping_add(loads.into());
        self.stores = self.stores.wrapping_add(stores.into());
    }

    /// Enters a block in its middle, at a slot which so many of its loads and stores precede.
    pub(super) fn enter_at(&mut self, loads: u16, stores: u16) {
        self.loads = self.loads.wrapping_sub(loads.into());
        self.stores = self.stores.wrapping_sub(stores.into());
    }

    /// Adds to the counters what came before `position`, the block having been left.
    ///
    /// `fetched` is the position behind the last instruction that was fetched: `position`, or one more when the
    /// instruction there is about to be executed.
    pub(super) fn close(&mut self, hart: &mut Hart, position: u64, fetched: u64) {
        hart.instructions.retire(self.privilege, position - self.opened);
        hart.mmu.add_lookups(fetched - self.opened, self.loads, self.stores);
        (self.opened, self.loads, self.stores) = (fetched, 0, 0);
    }
}
