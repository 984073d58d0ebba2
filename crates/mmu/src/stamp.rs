//! Instants by which a first-level TLB knows which entry was used least recently.

/// How many stamps an instruction owns.
const STAMPS_PER_INSTRUCTION: u64 = 2;

/// How many instants there are from one stamp to the next.
const INSTANTS_PER_STAMP: u64 = 1 << 24;

/// How many instants there are from one instruction to the next.
pub const INSTANTS_PER_INSTRUCTION: u64 = STAMPS_PER_INSTRUCTION * INSTANTS_PER_STAMP;

/// Whether instructions, look-ups and uses of entries are counted where nothing else is to be done. Only `benches/counting.rs`
/// builds this crate so that they are not, to see what that costs; what such a build counts means nothing.
pub const COUNTING: bool = cfg!(not(uncounted));

/// When an access happened, in the order of the hart's own instructions.
///
/// Each instruction owns two stamps, because an access across a page boundary makes two look-ups. Taking the stamp
/// from the instruction's position, which an engine knows anyway, keeps the order exact without a counter that every
/// access would have to advance.
///
/// Positions must rise with every instruction that retires. One that trapped has used its position, and whatever runs
/// next has the same; [`Mmu::resume`](crate::Mmu::resume) makes it later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(u64);

impl Stamp {
    /// Returns the stamp of the first look-up of the instruction at `position`.
    #[inline(always)]
    pub const fn at(position: u64) -> Self {
        Self(position * STAMPS_PER_INSTRUCTION)
    }

    /// Returns the stamp of the same instruction's look-up of a second page.
    pub(crate) const fn second(self) -> Self {
        Self(self.0 + 1)
    }
}

/// When an access happened, in the order of everything that happened to an [`Mmu`](crate::Mmu): a [`Stamp`] as
/// [`Mmu::instant`](crate::Mmu::instant) sees it until the hart stops.
///
/// An instruction owns [`INSTANTS_PER_INSTRUCTION`]. An engine may make its accesses at any of the first half, so that what it
/// lets time pass by can tell more than how many instructions there were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub(crate) u64);

impl Instant {
    /// Returns the instant so many later.
    #[inline(always)]
    pub const fn after(self, instants: u64) -> Self {
        if COUNTING { Self(self.0 + instants) } else { self }
    }

    /// Returns the last instant before this one.
    pub const fn before(self) -> Self {
        Self(self.0 - 1)
    }

    /// Returns how many instants have passed since an earlier one.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0 - earlier.0
    }
}

/// Says which instant a stamp is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// A stamp.
    origin: Stamp,
    /// Its instant.
    instant: u64,
}

impl Clock {
    /// The first instant of a clock. Those below are for what was before it.
    const FIRST: u64 = 1 << 32;

    /// The instant from which a clock should be set anew; so many more are left as one was allowed to pass.
    const LATE: u64 = 1 << 63;

    /// Makes a clock that begins at a stamp.
    pub(crate) const fn starting_at(origin: Stamp) -> Self {
        Self { origin, instant: Self::FIRST }
    }

    #[inline(always)]
    pub(crate) const fn instant(&self, stamp: Stamp) -> Instant {
        Instant(
            self.instant.wrapping_add(stamp.0.wrapping_sub(self.origin.0).wrapping_mul(INSTANTS_PER_STAMP)),
        )
    }

    /// Returns the last stamp that is not after an instant.
    #[inline(always)]
    pub(crate) const fn stamp(&self, instant: Instant) -> Stamp {
        Stamp(self.origin.0.wrapping_add(instant.0.wrapping_sub(self.instant) / INSTANTS_PER_STAMP))
    }

    /// Makes every stamp later than it was, by all that an instruction owns.
    pub(crate) const fn advance(&mut self) {
        self.instant += INSTANTS_PER_INSTRUCTION;
    }

    /// Tells whether a clock that began now would be better.
    pub(crate) const fn is_late(&self, now: Stamp) -> bool {
        self.instant(now).0 >= Self::LATE
    }
}

/// Replaces instants by the smallest numbers in the same order, all before a new clock begins. 0 stays, which is never.
pub(crate) fn renumber<'a>(instants: impl Iterator<Item = &'a mut u64>) {
    let instants: Vec<_> = instants.collect();
    let mut known = vec![0];
    known.extend(instants.iter().map(|instant| **instant));
    known.sort_unstable();
    known.dedup();
    for instant in instants {
        *instant = known.partition_point(|earlier| earlier < instant) as u64;
    }
}
