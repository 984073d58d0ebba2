//! What Zfa adds: constants, roundings to integers, a modular conversion, and the other minimum and maximum.

use super::{Format, flagged};
use softfloat_wrapper::{ExceptionFlags, F32, F64, Float, RoundingMode};

/// Inexact.
const NX: u8 = 1;
/// Invalid operation.
const NV: u8 = 1 << 4;

/// Raises exceptions as SoftFloat does.
fn raise(bits: u8) {
    let mut flags = ExceptionFlags::default();
    flags.get();
    ExceptionFlags::from_bits(flags.to_bits() | bits).set();
}

/// FLI: the constant with this number ("Load-Immediate Instructions").
pub(crate) fn literal<F: Format>(number: u8, smallest_normal: F, widen: impl FnOnce(F32) -> F) -> F {
    /// The bits of singles. 1 stands for the smallest normal number of the format, 31 for its canonical NaN.
    const SINGLES: [u32; 32] = [
        0xbf80_0000,
        0,
        0x3780_0000,
        0x3800_0000,
        0x3b80_0000,
        0x3c00_0000,
        0x3d80_0000,
        0x3e00_0000,
        0x3e80_0000,
        0x3ea0_0000,
        0x3ec0_0000,
        0x3ee0_0000,
        0x3f00_0000,
        0x3f20_0000,
        0x3f40_0000,
        0x3f60_0000,
        0x3f80_0000,
        0x3fa0_0000,
        0x3fc0_0000,
        0x3fe0_0000,
        0x4000_0000,
        0x4020_0000,
        0x4040_0000,
        0x4080_0000,
        0x4100_0000,
        0x4180_0000,
        0x4300_0000,
        0x4380_0000,
        0x4700_0000,
        0x4780_0000,
        0x7f80_0000,
        0,
    ];
    match number & 31 {
        1 => smallest_normal,
        31 => F::quiet_nan(),
        number => widen(F32::from_bits(SINGLES[usize::from(number)])),
    }
}

/// FMINM: `minimum` of IEEE 754-2019, where a NaN wins.
pub(crate) fn minimum<F: Format>(a: F, b: F) -> F {
    // For its flags too: NV for a signalling NaN.
    let number = super::min(a, b);
    if a.is_nan() || b.is_nan() { F::quiet_nan() } else { number }
}

/// FMAXM: `maximum` of IEEE 754-2019.
pub(crate) fn maximum<F: Format>(a: F, b: F) -> F {
    let number = super::max(a, b);
    if a.is_nan() || b.is_nan() { F::quiet_nan() } else { number }
}

/// FROUND: the nearest integer as `rm` says, and never inexact.
pub(crate) fn round_to_integer<F: Format>(a: F, rm: RoundingMode) -> F {
    a.round_to_integral(rm)
}

/// FROUNDNX: the same, and inexact where it is another number.
pub(crate) fn round_to_integer_inexact<F: Format>(a: F, rm: RoundingMode) -> F {
    let rounded = a.round_to_integral(rm);
    if !a.is_nan() && rounded.boxed() != a.boxed() {
        raise(NX);
    }
    rounded
}

/// FCVTMOD.W.D: the low 32 bits of the integer, rounded toward zero and sign-extended; 0 of what is not finite.
///
/// The flags are those of FCVT.W.D.
pub(crate) fn convert_modulo(a: F64) -> u64 {
    // Exponent and significand of `a = significand * 2^shift`.
    let bits = a.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let significand = bits & ((1 << 52) - 1) | u64::from(exponent != 0) << 52;
    let shift = exponent.max(1) - 1075;
    let magnitude = match shift {
        _ if exponent == 0x7ff => 0,
        // What is shifted out above 64 bits is a multiple of 2^32.
        0.. => significand.checked_shl(shift as u32).unwrap_or(0),
        _ => significand.checked_shr(shift.unsigned_abs()).unwrap_or(0),
    };
    let (_, flags) = flagged(|| a.to_i32(RoundingMode::TowardZero, true));
    raise(flags as u8 & (NV | NX));
    let word = if bits >> 63 != 0 { magnitude.wrapping_neg() } else { magnitude };
    word as i32 as u64
}
