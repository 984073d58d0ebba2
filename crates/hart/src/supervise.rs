//! What a native supervisor does to user memory through the hart it runs on.

use crate::{Hart, Shared};
use tine_mmu::{CopyFault, MemoryFault, Ram, VirtAddr};

impl Hart {
    /// Copies from user memory as S-mode code would: it takes `sstatus.SUM`, and a fault stops it.
    ///
    /// # Errors
    /// The fault that a load raises, with how much was copied before it.
    pub fn copy_in(&mut self, ram: &mut Ram, from: VirtAddr, to: &mut [u8]) -> Result<(), CopyFault> {
        self.mmu.copy_in(ram, from, to, self.data_view(), self.stamp())
    }

    /// Copies to user memory as S-mode code would. Breaks the reservations of harts that are not running.
    ///
    /// # Errors
    /// The fault that a store raises, with how much was copied before it.
    pub fn copy_out(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        to: VirtAddr,
        from: &[u8],
    ) -> Result<(), CopyFault> {
        shared.reservations.break_all();
        self.mmu.copy_out(ram, to, from, self.data_view(), self.stamp())
    }

    /// Replaces the aligned word at `at` by `new` if it is `old`, and returns what it was, as S-mode code would.
    ///
    /// # Errors
    /// The fault that a store raises.
    pub fn compare_exchange(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        at: VirtAddr,
        old: u32,
        new: u32,
    ) -> Result<u32, MemoryFault> {
        shared.reservations.break_all();
        self.mmu.compare_exchange(ram, at, old, new, self.data_view(), self.stamp())
    }
}
