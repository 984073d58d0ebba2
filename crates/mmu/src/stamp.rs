//! Instants by which a first-level TLB knows which entry was used least recently.

/// When an access happened, in the order of the hart's own instructions.
///
/// Each instruction owns two instants, because an access across a page boundary makes two look-ups. Taking the instant
/// from the instruction's position, which an engine knows anyway, keeps the order exact without a counter that every
/// access would have to advance.
///
/// Positions must rise with every instruction that is started; one that traps and is started again may keep its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub(crate) u64);

impl Stamp {
    /// Returns the instant of the first look-up of the instruction at `position`.
    #[inline(always)]
    pub const fn at(position: u64) -> Self {
        Self(position << 1)
    }

    /// Returns the instant of the same instruction's look-up of a second page.
    pub(crate) const fn second(self) -> Self {
        Self(self.0 | 1)
    }
}
