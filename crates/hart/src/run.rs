//! The run loop's interface.

#[cfg(optimized)]
use crate::threaded::Blocks;
use crate::{DeviceAccess, Hart, Reservations, Supervisor};
use tine_mmu::Ram;

/// How instructions are executed. It changes how fast a guest runs and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Fetches, decodes and executes one instruction after the other.
    Plain,
    /// Decodes blocks once and threads through them. Where this crate was built without optimisation, which it needs, the
    /// plain engine does its work.
    #[default]
    Threaded,
}

/// What harts share besides RAM.
#[derive(Default)]
pub struct Shared {
    /// How instructions are executed.
    pub engine: Engine,
    /// The LR reservations of harts that are not running.
    pub reservations: Reservations,
    #[cfg(optimized)]
    pub(crate) blocks: Blocks,
}

impl Shared {
    /// Makes what harts share when they execute with `engine`.
    pub fn new(engine: Engine) -> Self {
        Self { engine, ..Self::default() }
    }
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Stop {
    /// A trap was taken: the hart is in S-mode, and `scause`, `stval`, `sepc` and `sstatus.SPP` say why and where. Only for a
    /// native supervisor.
    Trap,
    /// The budget is used up.
    Budget,
    /// An instruction asks for a device and has not retired: [`Hart::finish`] is owed.
    Device(DeviceAccess),
    /// The hart waits for an interrupt.
    Wait,
    /// Memory that is watched was written.
    Watched,
}

impl Hart {
    /// Runs until a trap is taken, where the supervisor is native, or the budget is used up; where it is guest code, also
    /// until something is up that only the caller can do.
    ///
    /// The budget counts retired instructions, and traps that guest code handles (a handler that itself traps for ever
    /// retires nothing). Without a trap, exactly `budget` instructions retire.
    pub fn run(&mut self, ram: &mut Ram, shared: &mut Shared, budget: u64) -> Stop {
        self.while_running(ram, shared, |hart, ram, shared| match shared.engine {
            // Only the plain engine looks at other harts' reservations, and asks the TLB for every instruction.
            #[cfg(optimized)]
            Engine::Threaded if !shared.reservations.any() && !hart.mmu.looks_for_stale_uses() => {
                hart.run_threaded(ram, shared, budget)
            }
            Engine::Plain | Engine::Threaded => hart.run_plain(ram, shared, budget),
        })
    }

    /// Tells why a run must end after what was just executed, the trap that it raised having been taken.
    pub(crate) fn must_stop(&mut self, ram: &Ram, trapped: bool) -> Option<Stop> {
        if self.supervisor == Supervisor::Native {
            return trapped.then_some(Stop::Trap);
        }
        if ram.has_watched() {
            return Some(Stop::Watched);
        }
        (self.waiting && self.is_waiting()).then_some(Stop::Wait)
    }

    /// Has the hart hold its own reservation during `run`, and the others know of it afterwards.
    pub(crate) fn while_running(
        &mut self,
        ram: &mut Ram,
        shared: &mut Shared,
        run: impl FnOnce(&mut Self, &mut Ram, &mut Shared) -> Stop,
    ) -> Stop {
        self.reservation = shared.reservations.resume(self.id, self.reservation);
        let stop = run(self, ram, shared);
        shared.reservations.park(self.id, self.reservation, self.retired());
        stop
    }
}
