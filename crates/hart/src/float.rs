//! Floating-point arithmetic of F and D, exact in value and flags, through Berkeley SoftFloat.
//!
//! Two things of SoftFloat are global to the host thread: the rounding mode, which the wrapper sets before every operation
//! that rounds, and the accrued flags, which [`flagged`] clears before an operation and reads after it.
//!
//! Source: unprivileged ISA, "F Extension" and "D Extension".

use softfloat_wrapper::{ExceptionFlags, F32, F64, Float, RoundingMode};

/// The accrued exception flags `fflags`, as the low five bits of `fcsr` hold them.
pub(crate) type Flags = u32;

/// Where `frm` begins in `fcsr`.
const FRM_SHIFT: u32 = 5;
/// The bits of `fcsr` that exist.
pub(crate) const FCSR_MASK: u32 = 0xff;
/// The bits of `fcsr` that are `fflags`.
pub(crate) const FFLAGS_MASK: u32 = 0x1f;

/// Returns the rounding mode in the `frm` field of `fcsr`.
pub(crate) fn frm(fcsr: u32) -> u32 {
    fcsr >> FRM_SHIFT & 7
}

/// Returns `fcsr` with another `frm`.
pub(crate) fn with_frm(fcsr: u32, frm: u32) -> u32 {
    fcsr & FFLAGS_MASK | (frm & 7) << FRM_SHIFT
}

/// Resolves an instruction's `rm` field, 7 meaning the one in `fcsr`; `None` where the result is reserved.
pub(crate) fn rounding_mode(rm: u8, fcsr: u32) -> Option<RoundingMode> {
    let mode = if rm == 7 { frm(fcsr) } else { rm.into() };
    match mode {
        0 => Some(RoundingMode::TiesToEven),
        1 => Some(RoundingMode::TowardZero),
        2 => Some(RoundingMode::TowardNegative),
        3 => Some(RoundingMode::TowardPositive),
        4 => Some(RoundingMode::TiesToAway),
        _ => None,
    }
}

/// Runs `operation` and returns, beside its result, the exceptions that it raised.
pub(crate) fn flagged<T>(operation: impl FnOnce() -> T) -> (T, Flags) {
    let mut flags = ExceptionFlags::default();
    flags.set();
    let result = operation();
    flags.get();
    (result, flags.to_bits().into())
}

/// A format that an `f` register can hold. Its `quiet_nan` is the canonical NaN.
pub(crate) trait Format: Float + Copy {
    /// Takes the value out of a register: a narrow value that is not NaN-boxed counts as the canonical NaN.
    fn unboxed(register: u64) -> Self;

    /// Returns the register that holds the value, the bits above it being ones.
    fn boxed(self) -> u64;
}

impl Format for F32 {
    fn unboxed(register: u64) -> Self {
        if register >> 32 == 0xffff_ffff { Self::from_bits(register as u32) } else { Self::quiet_nan() }
    }

    fn boxed(self) -> u64 {
        box_f32(self.to_bits())
    }
}

impl Format for F64 {
    fn unboxed(register: u64) -> Self {
        Self::from_bits(register)
    }

    fn boxed(self) -> u64 {
        self.to_bits()
    }
}

/// Returns the register that holds a NaN-boxed single.
pub(crate) fn box_f32(bits: u32) -> u64 {
    0xffff_ffff_0000_0000 | u64::from(bits)
}

/// `minimumNumber` of IEEE 754-2019: -0 is less than +0, and a NaN loses against a number.
pub(crate) fn min<F: Format>(a: F, b: F) -> F {
    // The comparison comes first: it raises NV for a signalling NaN.
    let a_is_less = a.lt_quiet(b) || a.is_negative_zero() && b.is_zero();
    number_or(a, b, a_is_less)
}

/// `maximumNumber` of IEEE 754-2019.
pub(crate) fn max<F: Format>(a: F, b: F) -> F {
    let a_is_greater = b.lt_quiet(a) || a.is_positive_zero() && b.is_zero();
    number_or(a, b, a_is_greater)
}

fn number_or<F: Format>(a: F, b: F, take_a: bool) -> F {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => F::quiet_nan(),
        (true, false) => b,
        (false, true) => a,
        (false, false) if take_a => a,
        (false, false) => b,
    }
}

/// The one-hot mask of FCLASS ("Single-Precision Floating-Point Classify Instruction").
pub(crate) fn class<F: Format>(a: F) -> u64 {
    let classes = [
        a.is_negative_infinity(),
        a.is_negative_normal(),
        a.is_negative_subnormal(),
        a.is_negative_zero(),
        a.is_positive_zero(),
        a.is_positive_subnormal(),
        a.is_positive_normal(),
        a.is_positive_infinity(),
        a.is_nan() && a.is_signaling_nan(),
        a.is_nan() && !a.is_signaling_nan(),
    ];
    classes.iter().enumerate().map(|(bit, &is)| u64::from(is) << bit).sum()
}

/// FSGNJ: `a` with the sign of `b`.
pub(crate) fn copy_sign<F: Format>(a: F, b: F) -> F {
    with_sign(a, b.sign())
}

/// FSGNJN: `a` with the opposite of the sign of `b`.
pub(crate) fn copy_opposite_sign<F: Format>(a: F, b: F) -> F {
    with_sign(a, b.neg().sign())
}

/// FSGNJX: `a` with the product of both signs.
pub(crate) fn multiply_sign<F: Format>(a: F, b: F) -> F {
    with_sign(a, a.sign() ^ b.sign())
}

fn with_sign<F: Format>(mut a: F, sign: F::Payload) -> F {
    a.set_sign(sign);
    a
}
