//! Adding up what blocks executed.

use super::block;
use crate::Hart;
use tine_isa::{Insn, Memory};
use tine_mmu::{COUNTING, INSTANTS_PER_INSTRUCTION, Instant, Privilege, Stamp};

/// The bits in which a number of stores fits, and one of loads.
const BITS: u32 = 12;

/// The most instructions of a stretch, each of which may load or store.
const STRETCH: u64 = (1 << BITS) - 1;

/// How many instants an instruction takes: one instruction and the accesses that it makes, in one number.
///
/// ```text
///   63          25 24 23      12 11        0
///   instructions   0    loads      stores
/// ```
///
/// The sum of those of a stretch says how many of each there were, and one addition adds all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick(u64);

// The number of loads ends below the second half of an instruction's instants.
const _: () = assert!(1 << (2 * BITS + 1) == INSTANTS_PER_INSTRUCTION);

impl Tick {
    /// An instruction that accesses no memory.
    pub(super) const PLAIN: Self = Self(INSTANTS_PER_INSTRUCTION);
    /// An instruction that loads.
    pub(super) const LOAD: Self = Self(INSTANTS_PER_INSTRUCTION + (1 << BITS));
    /// An instruction that stores.
    pub(super) const STORE: Self = Self(INSTANTS_PER_INSTRUCTION + 1);

    /// Returns that of an instruction.
    pub(super) fn of(insn: &Insn) -> Self {
        match insn.op.memory() {
            Memory::None => Self::PLAIN,
            Memory::Load => Self::LOAD,
            Memory::Store => Self::STORE,
        }
    }

    /// Returns that of so many such instructions.
    pub(super) const fn times(self, instructions: u64) -> Self {
        Self(self.0 * instructions)
    }

    /// Returns when an instruction has been executed that was at `clock`.
    #[inline(always)]
    pub(super) const fn after(self, clock: Instant) -> Instant {
        clock.after(self.0)
    }

    const fn instructions(self) -> u64 {
        self.0 / INSTANTS_PER_INSTRUCTION
    }

    pub(super) const fn loads(self) -> u64 {
        self.0 >> BITS & STRETCH
    }

    pub(super) const fn stores(self) -> u64 {
        self.0 & STRETCH
    }
}

/// What was executed and is not in the counters yet: a stretch, from the instant at which it began.
///
/// Stretches end before their numbers overflow, so that the clock of a dispatch tells what was executed in each.
pub(super) struct Books {
    privilege: Privilege,
    /// The position that must not be passed.
    end: u64,
    /// The instant up to which everything is in the counters.
    opened: Instant,
    /// The last instant at which any block can be entered, however long.
    horizon: Instant,
}

impl Books {
    /// Begins a stretch: returns with the instant of the next instruction. The MMU's clock has nothing of another one.
    pub(super) fn open(hart: &Hart, end: u64) -> (Self, Instant) {
        let now = hart.retired();
        let opened = hart.mmu.instant(Stamp::at(now));
        let left = (end - now).min(STRETCH);
        // What was accessed since does not count.
        let horizon = match left.checked_sub(block::LONGEST.into()) {
            Some(spare) => Tick(Tick::PLAIN.times(spare + 1).0 - 1).after(opened),
            None => opened.before(),
        };
        (Self { privilege: hart.privilege, end, opened, horizon }, opened)
    }

    /// Tells whether any block may be entered now, however long it is.
    #[inline(always)]
    pub(super) fn have_room(&self, clock: Instant) -> bool {
        clock <= self.horizon
    }

    /// Tells how many instructions may be executed, the books having been closed just now.
    pub(super) fn left(&self, hart: &Hart) -> u64 {
        self.end - hart.retired()
    }

    /// Closes the books and begins another stretch; returns the instant of the next instruction.
    pub(super) fn renew(&mut self, hart: &mut Hart, clock: Instant) -> Instant {
        self.close(hart, clock);
        hart.mmu.begin(Stamp::at(hart.retired()));
        let (books, clock) = Self::open(hart, self.end);
        *self = books;
        clock
    }

    /// Brings the counters up to now.
    pub(super) fn close(&mut self, hart: &mut Hart, clock: Instant) {
        if COUNTING {
            let done = Tick(clock.since(self.opened));
            hart.instructions.retire(self.privilege, done.instructions());
            hart.mmu.add_lookups(done.instructions(), done.loads(), done.stores());
            self.opened = clock;
        }
    }

    /// Goes on behind an instruction that is in the counters, and was at `clock`, when the books were closed; returns the instant
    /// of the next one.
    pub(super) fn skip(&mut self, clock: Instant) -> Instant {
        self.opened = Tick::PLAIN.after(clock);
        self.opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_of_ticks_is_a_number_of_each() {
        let ticks = [(Tick::PLAIN, 5), (Tick::LOAD, 2000), (Tick::STORE, 2090)];
        let sum = Tick(ticks.into_iter().map(|(tick, count)| tick.times(count).0).sum());
        assert_eq!((sum.instructions(), sum.loads(), sum.stores()), (STRETCH, 2000, 2090));
        for tick in [Tick::LOAD, Tick::STORE] {
            let most = tick.times(STRETCH);
            assert_eq!(most.instructions(), STRETCH);
            assert_eq!((most.loads() + most.stores(), most.loads() * most.stores()), (STRETCH, 0));
        }
    }
}
