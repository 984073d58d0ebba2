//! Values that say something: where formats, integers and conversions end, and pairs that operations on two tell apart.

use crate::program::Random;
use tine_isa::{Extension, Format, Op};

/// What an operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Half,
    Single,
    Double,
    Integer,
}

/// Halves, each followed by its opposite where the table is made: zero, the ends of subnormals and normals, 1 and a
/// neighbour, infinity, quiet and signalling NaNs.
const HALVES: [u16; 10] = [0, 0x0001, 0x03ff, 0x0400, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0x7e00, 0x7d01];

/// Singles: the same, then halves and integers where conversions begin to round, saturate or overflow.
const SINGLES: [u32; 20] = [
    0,
    0x0000_0001,
    0x007f_ffff,
    0x0080_0000,
    0x3f80_0000,
    0x3f80_0001,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7fc0_0000,
    0x7f80_0001,
    // 1/2, 3/2, 5/2, 2^23 + 1, below 2^31, 2^31, below 2^32, 2^63, 2^64, the largest half and what rounds to 2^16.
    0x3f00_0000,
    0x3fc0_0000,
    0x4020_0000,
    0x4b00_0001,
    0x4eff_ffff,
    0x4f00_0000,
    0x4f7f_ffff,
    0x5f00_0000,
    0x5f80_0000,
    0x477f_f000,
];

/// Doubles: the same, then what is too near to or too far from 0 for a single.
const DOUBLES: [u64; 24] = [
    0,
    0x0000_0000_0000_0001,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3ff0_0000_0000_0001,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    // 1/2, 3/2, 5/2, 2^52 + 1, 2^31 - 1, 2^31 - 1/2, 2^31, 2^31 + 1, below 2^32, 2^32, 2^63, 2^64.
    0x3fe0_0000_0000_0000,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x4330_0000_0000_0001,
    0x41df_ffff_ffc0_0000,
    0x41df_ffff_ffe0_0000,
    0x41e0_0000_0000_0000,
    0x41e0_0000_0020_0000,
    0x41ef_ffff_fff0_0000,
    0x41f0_0000_0000_0000,
    0x43e0_0000_0000_0000,
    0x43f0_0000_0000_0000,
    // Halfway above the largest single, and the smallest normal single.
    0x47ef_ffff_f000_0000,
    0x3810_0000_0000_0000,
];

/// Integers: the ends of each width, shift amounts, and what rounds when it becomes a float.
const INTEGERS: [u64; 16] = [
    0,
    1,
    1 << 63,
    i64::MAX as u64,
    0xffff_ffff_8000_0000,
    0x8000_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    31,
    32,
    63,
    64,
    0xff,
    0x0100_0001,
    0x20_0000_0000_0001,
];

/// Pairs of integers that a division, a multiplication, a comparison or a minimum treats apart.
const INTEGER_PAIRS: [(u64, u64); 8] = [
    (1 << 63, u64::MAX),
    (0xffff_ffff_8000_0000, u64::MAX),
    (0x8000_0000, 0xffff_ffff),
    (1 << 63, 0),
    (0xffff_ffff_8000_0000, 0),
    (u64::MAX, 1),
    (u64::MAX, u64::MAX),
    (1 << 63, i64::MAX as u64),
];

impl Kind {
    /// Returns what an instruction's sources are: the last part of its name says so.
    pub(crate) fn of(op: Op) -> Self {
        let is_float =
            matches!(op.extension(), Extension::F | Extension::D | Extension::Zfa | Extension::Zfhmin);
        let takes_integer = matches!(op.format(), Format::FMoveFromInt | Format::FFromInt);
        match op.mnemonic().rsplit('.').next() {
            _ if !is_float || takes_integer => Kind::Integer,
            Some("h") => Kind::Half,
            Some("s" | "w") => Kind::Single,
            _ => Kind::Double,
        }
    }

    /// Returns the special values as a register holds them; opposites are neighbours.
    pub(crate) fn special(self) -> Vec<u64> {
        let both = |value: u64, sign: u32| [value, value ^ 1 << sign];
        match self {
            Kind::Half => {
                HALVES.iter().flat_map(|&half| both(0xffff_ffff_ffff_0000 | u64::from(half), 15)).collect()
            }
            Kind::Single => SINGLES
                .iter()
                .flat_map(|&single| both(0xffff_ffff_0000_0000 | u64::from(single), 31))
                .collect(),
            Kind::Double => DOUBLES.iter().flat_map(|&double| both(double, 63)).collect(),
            Kind::Integer => INTEGERS.iter().flat_map(|&integer| [integer, integer.wrapping_neg()]).collect(),
        }
    }

    /// Draws three operands that belong together: of the first two, the second is often the first, or its opposite.
    pub(crate) fn draw(self, random: &mut Random) -> [u64; 3] {
        if self == Kind::Integer && random.below(4) == 0 {
            let (a, b) = random.one_of(&INTEGER_PAIRS);
            return if random.below(4) == 0 { [b, a, a] } else { [a, b, b] };
        }
        // Not everything in an `f` register is of the format that the instruction expects.
        let kind = match self {
            Kind::Half | Kind::Single if random.below(8) == 0 => Kind::Double,
            kind => kind,
        };
        let special = kind.special();
        let any = |random: &mut Random| random.below(special.len() as u64) as usize;
        // Zeros are the first two.
        let first = if random.below(4) == 0 { random.below(2) as usize } else { any(random) };
        let second = match random.below(6) {
            0 | 1 => first ^ 1,
            2 => first,
            _ => any(random),
        };
        [special[first], special[second], special[any(random)]]
    }
}

/// Returns every value that [`Kind::draw`] draws. They are at the pool's start.
pub(crate) fn special() -> Vec<u64> {
    let kinds = [Kind::Half, Kind::Single, Kind::Double, Kind::Integer];
    let pairs = INTEGER_PAIRS.iter().flat_map(|&(a, b)| [a, b]);
    kinds.into_iter().flat_map(Kind::special).chain(pairs).collect()
}

/// Returns a special value, one near to it, or bits.
pub(crate) fn any(random: &mut Random) -> u64 {
    let bits = random.next();
    let near = |special: u64, width: u32| match bits >> 60 {
        0..=7 => special,
        8..=10 => special.wrapping_add((bits & 3).wrapping_sub(2)),
        11 | 12 => special ^ (1 << (bits % u64::from(width))),
        // The exponent of the special value, or one near it, with any fraction.
        _ => special ^ bits >> (64 - width + 4),
    };
    let one_of = |random: &mut Random, kind: Kind| random.one_of(&kind.special());
    match random.below(8) {
        0 => 0xffff_ffff_ffff_0000 | near(one_of(random, Kind::Half), 16) & 0xffff,
        1 | 2 => 0xffff_ffff_0000_0000 | near(one_of(random, Kind::Single), 32) & 0xffff_ffff,
        3..=5 => near(one_of(random, Kind::Double), 64),
        6 => (bits as i64 >> (bits % 61)) as u64,
        _ => bits,
    }
}
