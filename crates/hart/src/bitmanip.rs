//! Bit manipulation: what the instructions of Zba, Zbb, Zbc, Zbs and Zicond do to two 64-bit operands.
//!
//! As in [`alu`](crate::alu), the second operand is `rs2` or the immediate. Operations on one operand ignore it.
//!
//! Source: unprivileged ISA, "B Extension" and "Zicond".

use crate::alu::sext32;

/// ADD.UW: `b` plus the zero-extended low word of `a`.
pub(crate) fn add_uw(a: u64, b: u64) -> u64 {
    u64::from(a as u32).wrapping_add(b)
}

/// SH1ADD, SH2ADD and SH3ADD.
pub(crate) fn shift_add<const N: u32>(a: u64, b: u64) -> u64 {
    (a << N).wrapping_add(b)
}

/// SH1ADD.UW, SH2ADD.UW and SH3ADD.UW.
pub(crate) fn shift_add_uw<const N: u32>(a: u64, b: u64) -> u64 {
    (u64::from(a as u32) << N).wrapping_add(b)
}

pub(crate) fn slli_uw(a: u64, b: u64) -> u64 {
    u64::from(a as u32).wrapping_shl(b as u32)
}

pub(crate) fn orn(a: u64, b: u64) -> u64 {
    a | !b
}

pub(crate) fn xnor(a: u64, b: u64) -> u64 {
    !(a ^ b)
}

pub(crate) fn clz(a: u64, _: u64) -> u64 {
    a.leading_zeros().into()
}

pub(crate) fn clzw(a: u64, _: u64) -> u64 {
    (a as u32).leading_zeros().into()
}

pub(crate) fn ctz(a: u64, _: u64) -> u64 {
    a.trailing_zeros().into()
}

pub(crate) fn ctzw(a: u64, _: u64) -> u64 {
    (a as u32).trailing_zeros().into()
}

pub(crate) fn cpop(a: u64, _: u64) -> u64 {
    a.count_ones().into()
}

pub(crate) fn cpopw(a: u64, _: u64) -> u64 {
    (a as u32).count_ones().into()
}

pub(crate) fn sext_b(a: u64, _: u64) -> u64 {
    a as i8 as u64
}

pub(crate) fn sext_h(a: u64, _: u64) -> u64 {
    a as i16 as u64
}

pub(crate) fn zext_h(a: u64, _: u64) -> u64 {
    u64::from(a as u16)
}

/// Rotations take as many bits of the amount as shifts do.
pub(crate) fn rol(a: u64, b: u64) -> u64 {
    a.rotate_left(b as u32 & 63)
}

pub(crate) fn rolw(a: u64, b: u64) -> u64 {
    sext32((a as u32).rotate_left(b as u32 & 31))
}

pub(crate) fn ror(a: u64, b: u64) -> u64 {
    a.rotate_right(b as u32 & 63)
}

pub(crate) fn rorw(a: u64, b: u64) -> u64 {
    sext32((a as u32).rotate_right(b as u32 & 31))
}

/// ORC.B: each byte that is not 0 becomes all ones.
pub(crate) fn orc_b(a: u64, _: u64) -> u64 {
    u64::from_le_bytes(a.to_le_bytes().map(|byte| if byte == 0 { 0 } else { 0xff }))
}

pub(crate) fn rev8(a: u64, _: u64) -> u64 {
    a.swap_bytes()
}

/// The product of two polynomials over the field of two elements.
fn carry_less_product(a: u64, b: u64) -> u128 {
    (0..64).filter(|bit| b >> bit & 1 != 0).fold(0, |product, bit| product ^ u128::from(a) << bit)
}

pub(crate) fn clmul(a: u64, b: u64) -> u64 {
    carry_less_product(a, b) as u64
}

pub(crate) fn clmulh(a: u64, b: u64) -> u64 {
    (carry_less_product(a, b) >> 64) as u64
}

/// CLMULR: the product of the reversed operands, reversed.
pub(crate) fn clmulr(a: u64, b: u64) -> u64 {
    (carry_less_product(a, b) >> 63) as u64
}

/// The bit that the low six bits of the second operand number.
fn single(b: u64) -> u64 {
    1 << (b & 63)
}

pub(crate) fn bclr(a: u64, b: u64) -> u64 {
    a & !single(b)
}

pub(crate) fn bext(a: u64, b: u64) -> u64 {
    a >> (b & 63) & 1
}

pub(crate) fn binv(a: u64, b: u64) -> u64 {
    a ^ single(b)
}

pub(crate) fn bset(a: u64, b: u64) -> u64 {
    a | single(b)
}

/// CZERO.EQZ: 0 when the condition is 0.
pub(crate) fn zero_if_zero(a: u64, condition: u64) -> u64 {
    if condition == 0 { 0 } else { a }
}

/// CZERO.NEZ: 0 when the condition is not 0.
pub(crate) fn zero_unless_zero(a: u64, condition: u64) -> u64 {
    if condition == 0 { a } else { 0 }
}
