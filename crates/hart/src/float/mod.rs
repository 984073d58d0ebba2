//! Floating-point arithmetic of F, D, Zfa and Zfhmin, exact in value and flags, through Berkeley SoftFloat.
//!
//! Two things of SoftFloat are global to the host thread: the rounding mode, which the wrapper sets before every operation
//! that rounds, and the accrued flags, which [`flagged`] clears before an operation and reads after it.
//!
//! Source: unprivileged ISA, "F Extension", "D Extension", "Zfhmin" and "Zfa".

mod additional;
mod host;

pub(crate) use additional::{
    convert_modulo, literal, maximum, minimum, round_to_integer, round_to_integer_inexact,
};
pub(crate) use host::{is_quiet, is_silent, may_round_to_nearest};

use host::HostFloat;
use softfloat_wrapper::{ExceptionFlags, F16, F32, F64, Float, RoundingMode};

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

/// The registers of an instruction.
#[derive(Clone, Copy)]
pub(crate) struct Registers {
    pub(crate) rd: u8,
    pub(crate) rs1: u8,
    pub(crate) rs2: u8,
    pub(crate) rs3: u8,
}

/// A format that an `f` register can hold. Its `quiet_nan` is the canonical NaN.
pub(crate) trait Format: Float + Copy {
    /// Takes the value out of a register: a narrow value that is not NaN-boxed counts as the canonical NaN.
    fn unboxed(register: u64) -> Self;

    /// Returns the register that holds the value, the bits above it being ones.
    fn boxed(self) -> u64;
}

/// A format that is computed with.
pub(crate) trait Arithmetic: Format {
    /// The host's type of the same format.
    type Host: HostFloat;

    /// Returns the same number as the host's.
    fn to_host(self) -> Self::Host;

    /// Returns the host's number.
    fn from_host(number: Self::Host) -> Self;

    /// Returns the square root if the host's is ordinary.
    fn square_root_on_host(self) -> Option<Self> {
        self.to_host().square_root().ordinary().map(Self::from_host)
    }
}

impl Arithmetic for F32 {
    type Host = f32;

    fn to_host(self) -> f32 {
        f32::from_bits(self.to_bits())
    }

    fn from_host(number: f32) -> Self {
        Self::from_bits(number.to_bits())
    }
}

impl Format for F32 {
    fn unboxed(register: u64) -> Self {
        if register >> 32 == 0xffff_ffff { Self::from_bits(register as u32) } else { Self::quiet_nan() }
    }

    fn boxed(self) -> u64 {
        box_f32(self.to_bits())
    }
}

impl Arithmetic for F64 {
    type Host = f64;

    fn to_host(self) -> f64 {
        f64::from_bits(self.to_bits())
    }

    fn from_host(number: f64) -> Self {
        Self::from_bits(number.to_bits())
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

impl Format for F16 {
    fn unboxed(register: u64) -> Self {
        if register >> 16 == 0xffff_ffff_ffff { Self::from_bits(register as u16) } else { Self::quiet_nan() }
    }

    fn boxed(self) -> u64 {
        box_f16(self.to_bits())
    }
}

/// Returns the register that holds a NaN-boxed half.
pub(crate) fn box_f16(bits: u16) -> u64 {
    0xffff_ffff_ffff_0000 | u64::from(bits)
}

/// Returns the register that holds a NaN-boxed single.
pub(crate) fn box_f32(bits: u32) -> u64 {
    0xffff_ffff_0000_0000 | u64::from(bits)
}

/// An operation on two numbers that rounds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
}

impl Binary {
    #[inline(always)]
    pub(crate) fn soft<F: Format>(self, a: F, b: F, rm: RoundingMode) -> F {
        match self {
            Self::Add => a.add(b, rm),
            Self::Sub => a.sub(b, rm),
            Self::Mul => a.mul(b, rm),
            Self::Div => a.div(b, rm),
        }
    }

    /// Returns the host's result if it is ordinary.
    #[inline(always)]
    pub(crate) fn on_host<F: Arithmetic>(self, a: F, b: F) -> Option<F> {
        let (a, b) = (a.to_host(), b.to_host());
        let result = match self {
            Self::Add => a + b,
            Self::Sub => a - b,
            Self::Mul => a * b,
            Self::Div => a / b,
        };
        result.ordinary().map(F::from_host)
    }
}

/// A fused multiply-add or one of its relatives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fused {
    /// `a * b + c`
    Madd,
    /// `a * b - c`
    Msub,
    /// `-(a * b) - c`
    Nmadd,
    /// `-(a * b) + c`
    Nmsub,
}

impl Fused {
    /// Returns the operands of the multiply-add that is the same: negation is exact.
    #[inline(always)]
    fn operands<F: Format>(self, a: F, b: F, c: F) -> (F, F, F) {
        match self {
            Self::Madd => (a, b, c),
            Self::Msub => (a, b, c.neg()),
            Self::Nmadd => (a.neg(), b, c.neg()),
            Self::Nmsub => (a.neg(), b, c),
        }
    }

    #[inline(always)]
    pub(crate) fn soft<F: Format>(self, a: F, b: F, c: F, rm: RoundingMode) -> F {
        let (a, b, c) = self.operands(a, b, c);
        a.fused_mul_add(b, c, rm)
    }

    /// Returns the host's result if it is ordinary.
    #[inline(always)]
    pub(crate) fn on_host<F: Arithmetic>(self, a: F, b: F, c: F) -> Option<F> {
        let (a, b, c) = self.operands(a, b, c);
        let result = a.to_host().fused(b.to_host(), c.to_host())?;
        result.ordinary().map(F::from_host)
    }
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
