//! LR reservations, by physical address.
//!
//! A hart's own reservation lives in the hart while it runs. When it stops, the reservation is parked here, where the
//! stores of the others break it; when it runs again it gets back what is left. So a store looks at reservations only
//! while another hart holds one.

use tine_mmu::PhysAddr;

/// What LR leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    /// Where it read.
    pub(crate) at: PhysAddr,
    /// How many instructions the hart had retired then.
    pub(crate) since: u64,
}

/// The doubleword around an address: a store anywhere in it breaks the reservation.
const SET_BYTES: u64 = 8;

/// Instructions after LR for which a reservation survives the end of a run.
///
/// A constrained LR/SC loop has at most 16 instructions; programs that leave an LR without its SC would otherwise keep
/// all other harts looking at their every store (Unprivileged ISA, "Eventual Success of Store-Conditional Instructions").
const PARKED_INSTRUCTIONS: u64 = 64;

/// The reservations of harts that are not running.
#[derive(Clone, Debug, Default)]
pub struct Reservations {
    parked: Vec<(u64, Reservation)>,
}

impl Reservations {
    /// Takes back the reservation of a hart that starts to run; `None` when a store broke it.
    pub(crate) fn resume(&mut self, hart: u64, held: Option<Reservation>) -> Option<Reservation> {
        let index = self.parked.iter().position(|(owner, _)| *owner == hart)?;
        let (_, parked) = self.parked.swap_remove(index);
        // A trap return or a write of satp may have dropped it since.
        held.filter(|held| *held == parked)
    }

    /// Keeps the reservation of a hart that stops at `position`.
    pub(crate) fn park(&mut self, hart: u64, held: Option<Reservation>, position: u64) {
        let fresh = held.filter(|held| position - held.since <= PARKED_INSTRUCTIONS);
        self.parked.extend(fresh.map(|held| (hart, held)));
    }

    /// Tells whether any hart that is not running holds one.
    pub(crate) fn any(&self) -> bool {
        !self.parked.is_empty()
    }

    /// Breaks the reservations around a store of at most eight aligned bytes.
    pub(crate) fn break_at(&mut self, at: PhysAddr) {
        self.parked.retain(|(_, held)| held.at.0 / SET_BYTES != at.0 / SET_BYTES);
    }

    /// Breaks every reservation.
    pub(crate) fn break_all(&mut self) {
        self.parked.clear();
    }
}
