//! Instants by which a first-level TLB knows which entry was used least recently.

/// How many instants an instruction owns.
pub(crate) const STAMPS_PER_INSTRUCTION: u64 = 2;

/// Whether instructions, look-ups and uses of entries are counted where nothing else is to be done. Only `benches/counting.rs`
/// builds this crate so that they are not, to see what that costs; what such a build counts means nothing.
pub const COUNTING: bool = cfg!(not(uncounted));

/// When an access happened, in the order of the hart's own instructions.
///
/// Each instruction owns two instants, because an access across a page boundary makes two look-ups. Taking the instant
/// from the instruction's position, which an engine knows anyway, keeps the order exact without a counter that every
/// access would have to advance.
///
/// Positions must rise with every instruction that retires. One that trapped has used its position, and whatever runs
/// next has the same; [`Mmu::resume`](crate::Mmu::resume) makes it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub(crate) u64);

impl Stamp {
    /// Returns the instant of the first look-up of the instruction at `position`.
    #[inline(always)]
    pub const fn at(position: u64) -> Self {
        Self(position * STAMPS_PER_INSTRUCTION)
    }

    /// Returns the position of the instruction that makes the look-up.
    #[inline(always)]
    pub const fn position(self) -> u64 {
        self.0 / STAMPS_PER_INSTRUCTION
    }

    /// Returns the instant of the same instruction's look-up of a second page.
    pub(crate) const fn second(self) -> Self {
        Self(self.0 + 1)
    }
}

/// When an access happened, in the order of everything that happened to an [`Mmu`](crate::Mmu): a [`Stamp`] as
/// [`Mmu::instant`](crate::Mmu::instant) sees it until the hart stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub(crate) u64);

impl Instant {
    /// Returns the instant of the first look-up of the instruction so many after this one.
    #[inline(always)]
    pub const fn after(self, instructions: u64) -> Self {
        if COUNTING { Self(self.0 + instructions * STAMPS_PER_INSTRUCTION) } else { self }
    }
}
