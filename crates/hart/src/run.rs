//! The run loop's interface.

use crate::{Hart, Reservations};
use tine_mmu::Ram;

/// What harts share besides RAM.
#[derive(Default)]
pub struct Shared {
    /// The LR reservations of harts that are not running.
    pub reservations: Reservations,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Stop {
    /// A trap was taken: the hart is in S-mode, and `scause`, `stval`, `sepc` and `sstatus.SPP` say why and where.
    Trap,
    /// The budget is used up.
    Budget,
}

impl Hart {
    /// Runs until a trap is taken, where the supervisor is native, or the budget is used up.
    ///
    /// The budget counts retired instructions, and traps that guest code handles (a handler that itself traps for ever
    /// retires nothing). Without a trap, exactly `budget` instructions retire.
    pub fn run(&mut self, ram: &mut Ram, shared: &mut Shared, budget: u64) -> Stop {
        self.reservation = shared.reservations.resume(self.id, self.reservation);
        let stop = self.run_plain(ram, shared, budget);
        shared.reservations.park(self.id, self.reservation, self.retired());
        stop
    }
}
