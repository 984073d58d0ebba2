//! Every operation and conversion that rounds against Berkeley SoftFloat: special values crossed and random ones, in five
//! rounding modes, with their flags; once with inexact accrued, which lets the host's unit compute, and once without.
//!
//! Minimum, maximum, sign injection and classification are no operations of SoftFloat: they are written here once more, on bits,
//! and so is what Zfa adds, by way of SoftFloat's conversions to integers.

use crate::bench::{Bench, CODE};
use softfloat_wrapper::{ExceptionFlags, F16, F32, F64, Float, RoundingMode};
use tine_hart::{FpState, Stop};
use tine_isa::{Format, Insn, Op};

/// What SoftFloat computes: registers in, register out.
type Reference = fn([u64; 3], RoundingMode) -> u64;

const MODES: [RoundingMode; 5] = [
    RoundingMode::TiesToEven,
    RoundingMode::TowardZero,
    RoundingMode::TowardNegative,
    RoundingMode::TowardPositive,
    RoundingMode::TiesToAway,
];

/// Inexact, as `fcsr` has it.
const NX: u32 = 1;

/// The registers of the operands, `x` and `f` alike, and of the result.
const OPERANDS: [u8; 3] = [11, 12, 13];
const RESULT: u8 = 10;

fn boxed(bits: u32) -> u64 {
    0xffff_ffff_0000_0000 | u64::from(bits)
}

fn boxed_half(bits: u16) -> u64 {
    0xffff_ffff_ffff_0000 | u64::from(bits)
}

/// What is not NaN-boxed counts as the canonical NaN.
fn h(register: u64) -> F16 {
    if register >> 16 == 0xffff_ffff_ffff { F16::from_bits(register as u16) } else { F16::quiet_nan() }
}

fn s(register: u64) -> F32 {
    if register >> 32 == 0xffff_ffff { F32::from_bits(register as u32) } else { F32::quiet_nan() }
}

fn d(register: u64) -> F64 {
    F64::from_bits(register)
}

/// A row for each operation of one format: its conversion from a register, and to one.
macro_rules! arithmetic {
    ($from:ident, $to:expr; $($op:ident: $method:ident($($operand:tt $sign:ident)*);)*) => {
        [$((
            Op::$op,
            (|[a, b, c], rm| {
                let operands = [a, b, c].map($from);
                let signed = [$(arithmetic!(@$sign operands[$operand])),*];
                ($to)(arithmetic!(@call $method signed rm).to_bits())
            }) as Reference,
        ),)*]
    };
    (@plus $value:expr) => { $value };
    (@minus $value:expr) => { $value.neg() };
    (@call sqrt $operands:ident $rm:ident) => { $operands[0].sqrt($rm) };
    (@call round_to_integral $operands:ident $rm:ident) => { $operands[0].round_to_integral($rm) };
    (@call fused_mul_add $operands:ident $rm:ident) => { $operands[0].fused_mul_add($operands[1], $operands[2], $rm) };
    (@call $method:ident $operands:ident $rm:ident) => { $operands[0].$method($operands[1], $rm) };
}

/// The low 32 bits, as RV64 keeps them.
fn word(value: u32) -> u64 {
    value as i32 as u64
}

const SINGLES: [(Op, Reference); 10] = arithmetic! { s, boxed;
    FaddS: add(0 plus 1 plus);
    FsubS: sub(0 plus 1 plus);
    FmulS: mul(0 plus 1 plus);
    FdivS: div(0 plus 1 plus);
    FsqrtS: sqrt(0 plus);
    FroundS: round_to_integral(0 plus);
    FmaddS: fused_mul_add(0 plus 1 plus 2 plus);
    FmsubS: fused_mul_add(0 plus 1 plus 2 minus);
    FnmsubS: fused_mul_add(0 minus 1 plus 2 plus);
    FnmaddS: fused_mul_add(0 minus 1 plus 2 minus);
};

const DOUBLES: [(Op, Reference); 10] = arithmetic! { d, |bits| bits;
    FaddD: add(0 plus 1 plus);
    FsubD: sub(0 plus 1 plus);
    FmulD: mul(0 plus 1 plus);
    FdivD: div(0 plus 1 plus);
    FsqrtD: sqrt(0 plus);
    FroundD: round_to_integral(0 plus);
    FmaddD: fused_mul_add(0 plus 1 plus 2 plus);
    FmsubD: fused_mul_add(0 plus 1 plus 2 minus);
    FnmsubD: fused_mul_add(0 minus 1 plus 2 plus);
    FnmaddD: fused_mul_add(0 minus 1 plus 2 minus);
};

const COMPARISONS: [(Op, Reference); 10] = [
    (Op::FeqS, |[a, b, _], _| s(a).eq(s(b)).into()),
    (Op::FltS, |[a, b, _], _| s(a).lt(s(b)).into()),
    (Op::FleS, |[a, b, _], _| s(a).le(s(b)).into()),
    (Op::FltqS, |[a, b, _], _| s(a).lt_quiet(s(b)).into()),
    (Op::FleqS, |[a, b, _], _| s(a).le_quiet(s(b)).into()),
    (Op::FeqD, |[a, b, _], _| d(a).eq(d(b)).into()),
    (Op::FltD, |[a, b, _], _| d(a).lt(d(b)).into()),
    (Op::FleD, |[a, b, _], _| d(a).le(d(b)).into()),
    (Op::FltqD, |[a, b, _], _| d(a).lt_quiet(d(b)).into()),
    (Op::FleqD, |[a, b, _], _| d(a).le_quiet(d(b)).into()),
];

const CONVERSIONS: [(Op, Reference); 22] = [
    (Op::FcvtWS, |[a, ..], rm| s(a).to_i32(rm, true) as u64),
    (Op::FcvtWuS, |[a, ..], rm| word(s(a).to_u32(rm, true))),
    (Op::FcvtLS, |[a, ..], rm| s(a).to_i64(rm, true) as u64),
    (Op::FcvtLuS, |[a, ..], rm| s(a).to_u64(rm, true)),
    (Op::FcvtWD, |[a, ..], rm| d(a).to_i32(rm, true) as u64),
    (Op::FcvtWuD, |[a, ..], rm| word(d(a).to_u32(rm, true))),
    (Op::FcvtLD, |[a, ..], rm| d(a).to_i64(rm, true) as u64),
    (Op::FcvtLuD, |[a, ..], rm| d(a).to_u64(rm, true)),
    (Op::FcvtSW, |[a, ..], rm| boxed(F32::from_i32(a as i32, rm).to_bits())),
    (Op::FcvtSWu, |[a, ..], rm| boxed(F32::from_u32(a as u32, rm).to_bits())),
    (Op::FcvtSL, |[a, ..], rm| boxed(F32::from_i64(a as i64, rm).to_bits())),
    (Op::FcvtSLu, |[a, ..], rm| boxed(F32::from_u64(a, rm).to_bits())),
    (Op::FcvtDW, |[a, ..], rm| F64::from_i32(a as i32, rm).to_bits()),
    (Op::FcvtDWu, |[a, ..], rm| F64::from_u32(a as u32, rm).to_bits()),
    (Op::FcvtDL, |[a, ..], rm| F64::from_i64(a as i64, rm).to_bits()),
    (Op::FcvtDLu, |[a, ..], rm| F64::from_u64(a, rm).to_bits()),
    (Op::FcvtSD, |[a, ..], rm| boxed(d(a).to_f32(rm).to_bits())),
    (Op::FcvtDS, |[a, ..], rm| s(a).to_f64(rm).to_bits()),
    (Op::FcvtHS, |[a, ..], rm| boxed_half(s(a).to_f16(rm).to_bits())),
    (Op::FcvtHD, |[a, ..], rm| boxed_half(d(a).to_f16(rm).to_bits())),
    (Op::FcvtSH, |[a, ..], rm| boxed(h(a).to_f32(rm).to_bits())),
    (Op::FcvtDH, |[a, ..], rm| h(a).to_f64(rm).to_bits()),
];

/// A format by its bits: where its fraction ends, and where its sign is.
#[derive(Clone, Copy)]
struct Layout {
    fraction_bits: u32,
    sign_bit: u32,
}

const SINGLE: Layout = Layout { fraction_bits: 23, sign_bit: 31 };
const DOUBLE: Layout = Layout { fraction_bits: 52, sign_bit: 63 };

/// Invalid operation, as `fcsr` has it.
const NV: u8 = 1 << 4;

impl Layout {
    fn sign(self) -> u64 {
        1 << self.sign_bit
    }

    fn infinity(self) -> u64 {
        self.sign() - (1 << self.fraction_bits)
    }

    fn canonical_nan(self) -> u64 {
        self.infinity() | 1 << (self.fraction_bits - 1)
    }

    fn is_nan(self, bits: u64) -> bool {
        bits & !self.sign() > self.infinity()
    }

    fn is_signalling(self, bits: u64) -> bool {
        self.is_nan(bits) && bits >> (self.fraction_bits - 1) & 1 == 0
    }

    /// Orders numbers as integers are, -0 below +0.
    fn key(self, bits: u64) -> i64 {
        let magnitude = (bits & !self.sign()) as i64;
        if bits & self.sign() == 0 { magnitude } else { -magnitude - 1 }
    }

    /// The one of two that `takes_second` does not refuse; `nan_wins` as in `minimum` of IEEE 754-2019.
    fn choose(self, a: u64, b: u64, nan_wins: bool, takes_second: bool) -> u64 {
        if self.is_signalling(a) || self.is_signalling(b) {
            ExceptionFlags::from_bits(NV).set();
        }
        match (self.is_nan(a), self.is_nan(b)) {
            (true, true) => self.canonical_nan(),
            (true, _) | (_, true) if nan_wins => self.canonical_nan(),
            (true, false) => b,
            (false, true) => a,
            _ if takes_second => b,
            _ => a,
        }
    }

    fn min(self, a: u64, b: u64, nan_wins: bool) -> u64 {
        self.choose(a, b, nan_wins, self.key(b) < self.key(a))
    }

    fn max(self, a: u64, b: u64, nan_wins: bool) -> u64 {
        self.choose(a, b, nan_wins, self.key(b) > self.key(a))
    }

    fn class(self, bits: u64) -> u64 {
        let negative = bits & self.sign() != 0;
        let magnitude = bits & !self.sign();
        let (below, above) = match magnitude {
            _ if self.is_signalling(bits) => (8, 8),
            _ if self.is_nan(bits) => (9, 9),
            0 => (3, 4),
            _ if magnitude == self.infinity() => (0, 7),
            _ if magnitude >> self.fraction_bits == 0 => (2, 5),
            _ => (1, 6),
        };
        1 << if negative { below } else { above }
    }
}

/// The bits of a single in a register, unboxed.
fn sb(register: u64) -> u64 {
    s(register).to_bits().into()
}

fn box_s(bits: u64) -> u64 {
    boxed(bits as u32)
}

/// The nearest integer by way of a conversion to one, which is inexact where that is another number.
fn rounded<F: Float>(a: F, rm: RoundingMode, fits: bool) -> F {
    if a.is_nan() || !fits {
        // It is an integer, or infinite; adding zero makes the canonical NaN of a NaN, and says which was signalling.
        return if a.is_nan() { a.add(F::positive_zero(), rm) } else { a };
    }
    let integer = F::from_i64(a.to_i64(rm, true), rm);
    if integer.is_zero() && a.is_negative() { F::negative_zero() } else { integer }
}

fn rounded_s(a: u64, rm: RoundingMode) -> u64 {
    boxed(rounded(s(a), rm, s(a).abs().lt_quiet(F32::from_bits(0x5e80_0000))).to_bits())
}

fn rounded_d(a: u64, rm: RoundingMode) -> u64 {
    rounded(d(a), rm, d(a).abs().lt_quiet(F64::from_bits(0x43d0_0000_0000_0000))).to_bits()
}

/// Takes back that the operation was inexact.
fn exactly(result: u64) -> u64 {
    let mut flags = ExceptionFlags::default();
    flags.get();
    ExceptionFlags::from_bits(flags.to_bits() & !(NX as u8)).set();
    result
}

/// The integer part modulo 2^32, a bit at a time.
fn modulo(register: u64) -> u64 {
    _ = d(register).to_i32(RoundingMode::TowardZero, true);
    let exponent = (register >> 52 & 0x7ff) as i64 - 1023;
    let significand = register & ((1 << 52) - 1) | 1 << 52;
    // Bit `at` of the significand has the weight 2^(at + exponent - 52). Infinity and NaN have no bits so low.
    let word = (0..53)
        .filter(|at| significand >> at & 1 == 1 && (0..32).contains(&(at + exponent - 52)))
        .fold(0_u32, |word, at| word | 1 << (at + exponent - 52));
    let word = if exponent == 1024 { 0 } else { word };
    (if register >> 63 == 1 { word.wrapping_neg() } else { word }) as i32 as u64
}

const CHOICES: [(Op, Reference); 16] = [
    (Op::FminS, |[a, b, _], _| box_s(SINGLE.min(sb(a), sb(b), false))),
    (Op::FmaxS, |[a, b, _], _| box_s(SINGLE.max(sb(a), sb(b), false))),
    (Op::FminmS, |[a, b, _], _| box_s(SINGLE.min(sb(a), sb(b), true))),
    (Op::FmaxmS, |[a, b, _], _| box_s(SINGLE.max(sb(a), sb(b), true))),
    (Op::FminD, |[a, b, _], _| DOUBLE.min(a, b, false)),
    (Op::FmaxD, |[a, b, _], _| DOUBLE.max(a, b, false)),
    (Op::FminmD, |[a, b, _], _| DOUBLE.min(a, b, true)),
    (Op::FmaxmD, |[a, b, _], _| DOUBLE.max(a, b, true)),
    (Op::FsgnjS, |[a, b, _], _| box_s(sb(a) & !SINGLE.sign() | sb(b) & SINGLE.sign())),
    (Op::FsgnjnS, |[a, b, _], _| box_s(sb(a) & !SINGLE.sign() | !sb(b) & SINGLE.sign())),
    (Op::FsgnjxS, |[a, b, _], _| box_s(sb(a) ^ sb(b) & SINGLE.sign())),
    (Op::FsgnjD, |[a, b, _], _| a & !DOUBLE.sign() | b & DOUBLE.sign()),
    (Op::FsgnjnD, |[a, b, _], _| a & !DOUBLE.sign() | !b & DOUBLE.sign()),
    (Op::FsgnjxD, |[a, b, _], _| a ^ b & DOUBLE.sign()),
    (Op::FclassS, |[a, ..], _| SINGLE.class(sb(a))),
    (Op::FclassD, |[a, ..], _| DOUBLE.class(a)),
];

const ROUNDINGS: [(Op, Reference); 5] = [
    (Op::FroundnxS, |[a, ..], rm| rounded_s(a, rm)),
    (Op::FroundnxD, |[a, ..], rm| rounded_d(a, rm)),
    (Op::FroundS, |[a, ..], rm| exactly(rounded_s(a, rm))),
    (Op::FroundD, |[a, ..], rm| exactly(rounded_d(a, rm))),
    (Op::FcvtmodWD, |[a, ..], _| modulo(a)),
];

/// Zeros, the ends of the subnormals, of the normals and of the integers, ones and their neighbours, infinities, NaNs.
const SPECIAL_D: [u64; 20] = [
    0,
    1 << 63,
    1,
    0x800f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x0010_0000_0000_0001,
    0x3fe0_0000_0000_0000,
    0x3fef_ffff_ffff_ffff,
    0x3ff0_0000_0000_0000,
    0xbff0_0000_0000_0001,
    0xbff8_0000_0000_0000,
    0x36a0_0000_0000_0000,
    0x47ef_ffff_f000_0000,
    0x41df_ffff_ffe0_0000,
    0xc3e0_0000_0000_0001,
    0x43ef_ffff_ffff_ffff,
    0x7fef_ffff_ffff_ffff,
    0xfff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff0_0000_0000_0001,
];

const SPECIAL_S: [u32; 20] = [
    0,
    0x8000_0000,
    1,
    0x807f_ffff,
    0x0080_0000,
    0x0080_0001,
    0x3f00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0xbf80_0001,
    0xbfc0_0000,
    0x3300_0000,
    0x477f_f000,
    0x4eff_ffff,
    0xcf00_0001,
    0x5f7f_ffff,
    0x7f7f_ffff,
    0xff80_0000,
    0x7fc0_0000,
    0xff80_0001,
];

const SPECIAL_H: [u16; 12] =
    [0, 0x8000, 1, 0x83ff, 0x0400, 0x3bff, 0x3c00, 0xbe00, 0x7bff, 0xfc00, 0x7e00, 0xfc01];

const SPECIAL_X: [u64; 16] = [
    0,
    1,
    u64::MAX,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0xffff_ffff_8000_0000,
    i64::MAX as u64,
    1 << 63,
    (1 << 63) + 1,
    0x0100_0001,
    0x0100_0003,
    0x20_0000_0000_0001,
    0xffff_ffff_ffff_fbff,
    0x7fff_ff7f_ffff_ffff,
];

/// What the operands of an operation are.
#[derive(Clone, Copy)]
enum Source {
    Half,
    Single,
    Double,
    Integer,
}

impl Source {
    fn of(op: Op) -> Self {
        match op.mnemonic().rsplit('.').next() {
            Some("h") => Source::Half,
            Some("s") => Source::Single,
            Some("d") => Source::Double,
            _ => Source::Integer,
        }
    }

    fn special(self) -> Vec<u64> {
        match self {
            // And one that is no number of the format.
            Source::Half => SPECIAL_H.iter().copied().map(boxed_half).chain([0x3c00]).collect(),
            Source::Single => SPECIAL_S.iter().copied().map(boxed).chain([0x3f80_0000]).collect(),
            Source::Double => SPECIAL_D.to_vec(),
            Source::Integer => SPECIAL_X.to_vec(),
        }
    }

    /// Returns random bits, or ones whose exponent is near that of 1, so that sums cancel and products round.
    fn random(self, random: &mut impl FnMut() -> u64) -> u64 {
        let (bits, near) = (random(), random() & 1 == 0);
        match self {
            Source::Half => boxed_half(bits as u16),
            Source::Single if near => boxed(bits as u32 & 0x81ff_ffff | 0x3e00_0000),
            Source::Single => boxed(bits as u32),
            Source::Double if near => bits & 0x803f_ffff_ffff_ffff | 0x3fc0_0000_0000_0000,
            Source::Integer if near => (bits as i64 >> (bits % 60)) as u64,
            Source::Double | Source::Integer => bits,
        }
    }
}

/// One operation on a hart.
struct Subject {
    bench: Bench,
    op: Op,
    reference: Reference,
    compared: u64,
}

impl Subject {
    fn new(op: Op, reference: Reference) -> Self {
        let mut bench = Bench::new();
        let [rs1, rs2, rs3] = OPERANDS;
        let operands = match op.format() {
            Format::Fma => (rs2, rs3, 7),
            Format::FArith => (rs2, 0, 7),
            Format::FCompare | Format::FBinary => (rs2, 0, 0),
            Format::FMoveToInt => (0, 0, 0),
            _ => (0, 0, 7),
        };
        let insn =
            Insn { op, rd: RESULT, rs1, rs2: operands.0, rs3: operands.1, rm: operands.2, imm: 0, len: 4 };
        bench.place(&[insn.encode()]);
        Self { bench, op, reference, compared: 0 }
    }

    /// Executes in every mode, and compares.
    fn check(&mut self, operands: [u64; 3]) {
        for (frm, mode) in MODES.into_iter().enumerate() {
            ExceptionFlags::default().set();
            let expected = (self.reference)(operands, mode);
            let mut flags = ExceptionFlags::default();
            flags.get();
            for accrued in [0, NX] {
                let hart = &mut self.bench.hart;
                hart.pc = CODE;
                hart.csrs.mstatus.set_fp(FpState::Clean);
                hart.fcsr = (frm as u32) << 5 | accrued;
                for (register, operand) in OPERANDS.into_iter().zip(operands) {
                    hart.x[usize::from(register)] = operand;
                    hart.f[usize::from(register)] = operand;
                }
                assert_eq!(self.bench.run(1), Stop::Budget, "{:?} trapped", self.op);
                let hart = &self.bench.hart;
                let is_integer =
                    matches!(self.op.format(), Format::FCompare | Format::FToInt | Format::FMoveToInt);
                let result = if is_integer { hart.x } else { hart.f }[usize::from(RESULT)];
                let actual = (result, hart.fcsr & 0x1f);
                let expected = (expected, u32::from(flags.to_bits()) | accrued);
                assert_eq!(actual, expected, "{:?} of {operands:#x?}, {mode:?}", self.op);
                self.compared += 1;
            }
        }
    }
}

fn check_all(rows: &[(Op, Reference)], random_each: usize) {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    };
    for &(op, reference) in rows {
        let (source, mut subject) = (Source::of(op), Subject::new(op, reference));
        let special = source.special();
        let others = |is_used: bool| if is_used { special.clone() } else { vec![special[0]] };
        let has_two =
            matches!(op.format(), Format::FArith | Format::FBinary | Format::FCompare | Format::Fma);
        for &a in &special {
            for &b in &others(has_two) {
                for &c in &others(op.format() == Format::Fma) {
                    subject.check([a, b, c]);
                }
            }
        }
        for _ in 0..random_each {
            subject.check([0; 3].map(|_| source.random(&mut random)));
        }
        assert!(subject.compared as usize > 10 * (special.len() + random_each - 1));
    }
}

#[test]
fn singles_are_softfloats() {
    check_all(&SINGLES, 3_000);
}

#[test]
fn doubles_are_softfloats() {
    check_all(&DOUBLES, 3_000);
}

#[test]
fn comparisons_are_softfloats() {
    check_all(&COMPARISONS, 1_000);
}

#[test]
fn conversions_are_softfloats() {
    check_all(&CONVERSIONS, 5_000);
}

#[test]
fn choices_and_classes_are_those_of_the_bits() {
    check_all(&CHOICES, 3_000);
}

#[test]
fn roundings_to_integers_are_softfloats_conversions() {
    check_all(&ROUNDINGS, 5_000);
}
