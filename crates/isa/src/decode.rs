//! From bits to instructions.

use crate::{Extension, Insn, Isa, Op, compressed};

/// Decodes the instruction in the low bits of `bits`.
///
/// Where the two lowest bits are not `11`, the low half is a compressed instruction and the upper half is ignored.
/// Returns `None` for what no extension in the table defines. What a hart executes is less: [`Isa::decode`].
#[must_use]
pub fn decode(bits: u32) -> Option<Insn> {
    if bits & 3 != 3 {
        return compressed::expand(bits as u16);
    }
    let candidates = Bucket::of(bits).rows();
    let op = *candidates.iter().find(|op| bits & op.encoding().mask == op.encoding().matches)?;
    let format = op.format();
    if format.has_rounding_mode() && matches!(bits >> 12 & 7, 5 | 6) {
        // "Floating-Point Control and Status Register": 101 and 110 are reserved.
        return None;
    }
    Some(format.operands(op, bits))
}

impl Isa {
    /// Decodes the instruction in the low bits of `bits` if a hart with these extensions has it, as [`decode`] does.
    ///
    /// Where it returns `None`, the bits execute as an illegal instruction.
    #[must_use]
    pub fn decode(self, bits: u32) -> Option<Insn> {
        let insn = decode(bits)?;
        let executes = self.contains(insn.op.extension())
            && (insn.len == 4 || self.contains(compressed::extension(bits as u16, &insn)))
            && (!insn.op.needs_double() || self.contains(Extension::D));
        executes.then_some(insn)
    }
}

/// The rows of the table that share a major opcode (bits 6 to 2) and, where they look at it, funct3 (bits 14 to 12).
#[derive(Clone, Copy)]
struct Bucket(usize);

impl Bucket {
    const COUNT: usize = 1 << 8;

    const fn of(bits: u32) -> Bucket {
        Bucket((bits >> 2 & 0x1f | (bits >> 12 & 7) << 5) as usize)
    }

    /// Whether the bucket holds `op`. A row whose mask leaves funct3 out is in eight buckets.
    const fn holds(self, op: Op) -> bool {
        let encoding = op.encoding();
        self.0 & Bucket::of(encoding.mask).0 == Bucket::of(encoding.matches).0
    }

    fn rows(self) -> &'static [Op] {
        &ROWS[usize::from(STARTS[self.0])..usize::from(STARTS[self.0 + 1])]
    }
}

/// Where each bucket's rows start in `ROWS`; the last entry is its length.
static STARTS: [u16; Bucket::COUNT + 1] = STARTS_VALUE;
const STARTS_VALUE: [u16; Bucket::COUNT + 1] = bucket_starts();

/// The rows of all buckets, one bucket after the other.
static ROWS: [Op; STARTS_VALUE[Bucket::COUNT] as usize] = bucket_rows();

const fn bucket_starts() -> [u16; Bucket::COUNT + 1] {
    let mut starts = [0; Bucket::COUNT + 1];
    let mut bucket = 0;
    while bucket < Bucket::COUNT {
        let mut rows = 0;
        let mut i = 0;
        while i < Op::ALL.len() {
            rows += Bucket(bucket).holds(Op::ALL[i]) as u16;
            i += 1;
        }
        starts[bucket + 1] = starts[bucket] + rows;
        bucket += 1;
    }
    starts
}

const fn bucket_rows<const N: usize>() -> [Op; N] {
    let mut rows = [Op::ALL[0]; N];
    let mut filled = 0;
    let mut bucket = 0;
    while bucket < Bucket::COUNT {
        let mut i = 0;
        while i < Op::ALL.len() {
            if Bucket(bucket).holds(Op::ALL[i]) {
                rows[filled] = Op::ALL[i];
                filled += 1;
            }
            i += 1;
        }
        bucket += 1;
    }
    rows
}
