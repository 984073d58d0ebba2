//! Adding up what blocks executed.

use crate::Hart;
use std::ops::{Add, AddAssign, SubAssign};
use tine_isa::{Insn, Memory};
use tine_mmu::{COUNTING, Privilege};

/// Numbers of loads and stores: loads in the low half, stores in the high one.
///
/// One addition adds both. The halves cannot overflow into each other, because a dispatch is at most [`LONGEST`] instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Accesses(u64);

/// The most instructions of a dispatch.
pub(super) const LONGEST: u64 = 1 << 31;

impl Accesses {
    /// Returns what an instruction accesses.
    pub(super) fn of(insn: &Insn) -> Self {
        match insn.op.memory() {
            Memory::None => Self(0),
            Memory::Load => Self(1),
            Memory::Store => Self(1 << 32),
        }
    }

    const fn loads(self) -> u64 {
        self.0 & u32::MAX as u64
    }

    const fn stores(self) -> u64 {
        self.0 >> 32
    }
}

impl Add for Accesses {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self(self.0 + more.0)
    }
}

impl AddAssign for Accesses {
    #[inline(always)]
    fn add_assign(&mut self, more: Self) {
        self.0 = self.0.wrapping_add(more.0);
    }
}

impl SubAssign for Accesses {
    fn sub_assign(&mut self, less: Self) {
        self.0 = self.0.wrapping_sub(less.0);
    }
}

/// What was executed and is not in the counters yet.
pub(super) struct Books {
    privilege: Privilege,
    /// The position up to which instructions are in the counters.
    opened: u64,
    /// Those of the blocks left since, less those of the current block that are in the counters; wrapping.
    accesses: Accesses,
}

impl Books {
    pub(super) fn open(hart: &Hart) -> Self {
        Self { privilege: hart.privilege, opened: hart.retired(), accesses: Accesses::default() }
    }

    /// Leaves a block at a slot which so many accesses precede.
    #[inline(always)]
    pub(super) fn leave(&mut self, before: Accesses) {
        if COUNTING {
            self.accesses += before;
        }
    }

    /// Enters a block in its middle, at a slot which so many accesses precede.
    pub(super) fn enter_at(&mut self, before: Accesses) {
        self.accesses -= before;
    }

    /// Adds to the counters what came before `position`, the block having been left.
    ///
    /// `fetched` is the position behind the last instruction that was fetched: `position`, or one more when the
    /// instruction there is about to be executed.
    pub(super) fn close(&mut self, hart: &mut Hart, position: u64, fetched: u64) {
        hart.instructions.retire(self.privilege, since(self.opened, position));
        hart.mmu.add_lookups(since(self.opened, fetched), self.accesses.loads(), self.accesses.stores());
        (self.opened, self.accesses) = (fetched, Accesses::default());
    }
}

/// Returns how many instructions are between two positions.
const fn since(opened: u64, position: u64) -> u64 {
    // Where nothing is counted, instructions that traps are made of are behind all others.
    if COUNTING { position - opened } else { position.saturating_sub(opened) }
}
