//! Integer arithmetic: what the computational instructions of I and M do to two 64-bit operands.
//!
//! Both engines execute through these functions. The second operand is `rs2` or the sign-extended immediate; the `w`
//! forms take the low 32 bits of both and sign-extend the 32-bit result. None of them traps.

pub(crate) fn add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

pub(crate) fn sub(a: u64, b: u64) -> u64 {
    a.wrapping_sub(b)
}

/// Shifts take the low six bits of the amount.
pub(crate) fn sll(a: u64, b: u64) -> u64 {
    a.wrapping_shl(b as u32)
}

pub(crate) fn srl(a: u64, b: u64) -> u64 {
    a.wrapping_shr(b as u32)
}

pub(crate) fn sra(a: u64, b: u64) -> u64 {
    (a as i64).wrapping_shr(b as u32) as u64
}

pub(crate) fn slt(a: u64, b: u64) -> u64 {
    lt(a, b).into()
}

pub(crate) fn sltu(a: u64, b: u64) -> u64 {
    ltu(a, b).into()
}

pub(crate) fn xor(a: u64, b: u64) -> u64 {
    a ^ b
}

pub(crate) fn or(a: u64, b: u64) -> u64 {
    a | b
}

pub(crate) fn and(a: u64, b: u64) -> u64 {
    a & b
}

/// `a` without the bits of `b`: ANDN, CSRRC.
pub(crate) fn and_not(a: u64, b: u64) -> u64 {
    a & !b
}

/// The second operand: AMOSWAP.
pub(crate) fn second(_: u64, b: u64) -> u64 {
    b
}

pub(crate) fn min(a: u64, b: u64) -> u64 {
    if lt(a, b) { a } else { b }
}

pub(crate) fn max(a: u64, b: u64) -> u64 {
    if lt(a, b) { b } else { a }
}

/// Sign extension keeps the order of unsigned words, so this serves AMOMINU.W too.
pub(crate) fn minu(a: u64, b: u64) -> u64 {
    a.min(b)
}

pub(crate) fn maxu(a: u64, b: u64) -> u64 {
    a.max(b)
}

/// Sign-extends a word.
pub(crate) fn sext32(value: u32) -> u64 {
    value as i32 as u64
}

pub(crate) fn addw(a: u64, b: u64) -> u64 {
    sext32(add(a, b) as u32)
}

pub(crate) fn subw(a: u64, b: u64) -> u64 {
    sext32(sub(a, b) as u32)
}

/// The `w` shifts take the low five bits of the amount.
pub(crate) fn sllw(a: u64, b: u64) -> u64 {
    sext32((a as u32).wrapping_shl(b as u32))
}

pub(crate) fn srlw(a: u64, b: u64) -> u64 {
    sext32((a as u32).wrapping_shr(b as u32))
}

pub(crate) fn sraw(a: u64, b: u64) -> u64 {
    (a as i32).wrapping_shr(b as u32) as u64
}

pub(crate) fn mul(a: u64, b: u64) -> u64 {
    a.wrapping_mul(b)
}

pub(crate) fn mulh(a: u64, b: u64) -> u64 {
    ((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64
}

pub(crate) fn mulhsu(a: u64, b: u64) -> u64 {
    ((i128::from(a as i64) * i128::from(b)) >> 64) as u64
}

pub(crate) fn mulhu(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 64) as u64
}

pub(crate) fn mulw(a: u64, b: u64) -> u64 {
    sext32(mul(a, b) as u32)
}

/// Dividing by zero yields all ones and `i64::MIN / -1` yields `i64::MIN`: division never traps
/// (Unprivileged ISA, "Division Operations").
pub(crate) fn div(a: u64, b: u64) -> u64 {
    if b == 0 { u64::MAX } else { (a as i64).wrapping_div(b as i64) as u64 }
}

pub(crate) fn divu(a: u64, b: u64) -> u64 {
    a.checked_div(b).unwrap_or(u64::MAX)
}

/// The remainder of a division by zero is the dividend; that of an overflow is 0.
pub(crate) fn rem(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { (a as i64).wrapping_rem(b as i64) as u64 }
}

pub(crate) fn remu(a: u64, b: u64) -> u64 {
    a.checked_rem(b).unwrap_or(a)
}

pub(crate) fn divw(a: u64, b: u64) -> u64 {
    let (a, b) = (a as i32, b as i32);
    if b == 0 { u64::MAX } else { a.wrapping_div(b) as u64 }
}

pub(crate) fn divuw(a: u64, b: u64) -> u64 {
    sext32((a as u32).checked_div(b as u32).unwrap_or(u32::MAX))
}

pub(crate) fn remw(a: u64, b: u64) -> u64 {
    let (a, b) = (a as i32, b as i32);
    if b == 0 { a as u64 } else { a.wrapping_rem(b) as u64 }
}

pub(crate) fn remuw(a: u64, b: u64) -> u64 {
    sext32((a as u32).checked_rem(b as u32).unwrap_or(a as u32))
}

pub(crate) fn eq(a: u64, b: u64) -> bool {
    a == b
}

pub(crate) fn ne(a: u64, b: u64) -> bool {
    a != b
}

pub(crate) fn lt(a: u64, b: u64) -> bool {
    (a as i64) < b as i64
}

pub(crate) fn ge(a: u64, b: u64) -> bool {
    !lt(a, b)
}

pub(crate) fn ltu(a: u64, b: u64) -> bool {
    a < b
}

pub(crate) fn geu(a: u64, b: u64) -> bool {
    a >= b
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: u64 = i64::MIN as u64;
    const MIN_W: u64 = i32::MIN as u64;
    const ONES: u64 = u64::MAX;

    // The rows of "Semantics for division by zero and division overflow" in the unprivileged ISA.
    #[test]
    fn division_by_zero_and_overflow_yield_what_the_isa_tabulates() {
        for a in [0, 1, ONES, MIN, 0x8000_0000] {
            assert_eq!([div(a, 0), divu(a, 0), divw(a, 0), divuw(a, 0)], [ONES; 4]);
            assert_eq!([rem(a, 0), remu(a, 0)], [a; 2]);
            assert_eq!([remw(a, 0), remuw(a, 0)], [sext32(a as u32); 2]);
        }
        assert_eq!((div(MIN, ONES), rem(MIN, ONES)), (MIN, 0));
        assert_eq!((divw(MIN_W, ONES), remw(MIN_W, ONES)), (MIN_W, 0));
    }

    #[test]
    fn division_rounds_toward_zero_and_the_remainder_has_the_sign_of_the_dividend() {
        let minus = |v: i64| -v as u64;
        assert_eq!((div(minus(20), 6), rem(minus(20), 6)), (minus(3), minus(2)));
        assert_eq!((div(20, minus(6)), rem(20, minus(6))), (minus(3), 2));
        assert_eq!((divuw(minus(1), 1), remuw(minus(1), 16)), (ONES, 15));
        // The w forms ignore the upper halves.
        assert_eq!((divw(0xdead_0000_0014, 0xbeef_0000_0006), remw(0xdead_0000_0014, 0x1_0000_0006)), (3, 2));
    }

    #[test]
    fn high_products_differ_in_the_signs_of_their_operands() {
        assert_eq!((mulh(ONES, ONES), mulhsu(ONES, ONES), mulhu(ONES, ONES)), (0, ONES, ONES - 1));
        assert_eq!((mulh(MIN, MIN), mulhsu(MIN, MIN), mulhu(MIN, MIN)), (1 << 62, 3 << 62, 1 << 62));
        assert_eq!(mulw(0x8000_0000, 3), MIN_W);
    }

    #[test]
    fn shifts_ignore_the_upper_bits_of_the_amount() {
        assert_eq!((sll(1, 64 + 3), srl(MIN, 64 + 63), sra(MIN, 64 + 63)), (8, 1, ONES));
        assert_eq!((sllw(1, 31), srlw(ONES, 31), sraw(0x8000_0000, 32 + 31)), (MIN_W, 1, ONES));
        assert_eq!(srlw(ONES, 32), ONES);
    }
}
