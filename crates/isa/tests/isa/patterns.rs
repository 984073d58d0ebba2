//! Bit patterns to decode: all compressed ones, and a dense sample of the others.

use tine_isa::Op;

/// All 16-bit patterns that are compressed instructions or reserved for them.
pub(crate) fn halves() -> impl Iterator<Item = u16> {
    (0..=u16::MAX).filter(|half| half & 3 != 3)
}

/// 32-bit patterns around each row of the table, `per_row` of them random, and `elsewhere` random ones.
pub(crate) fn words(per_row: usize, elsewhere: usize) -> Vec<u32> {
    let mut random = XorShift(0x9e37_79b9_7f4a_7c15);
    let mut words = Vec::new();
    for op in Op::ALL {
        let encoding = op.encoding();
        let with_operands = |operands: u32| encoding.matches | operands & !encoding.mask;
        words.extend([with_operands(0), with_operands(!0)]);
        for bit in (0..32).map(|bit| 1 << bit) {
            if encoding.mask & bit == 0 {
                // One bit of an operand alone: shows where it belongs in an immediate.
                words.push(with_operands(bit));
            } else {
                // One bit away from the row: another row, or nothing.
                words.push(with_operands(random.next()) ^ bit);
            }
        }
        for (rd, rs1, upper) in operands_of_aliases() {
            words.push(with_operands(rd << 7 | rs1 << 15 | upper << 20));
        }
        words.extend((0..per_row).map(|_| with_operands(random.next())));
    }
    words.extend((0..elsewhere).map(|_| random.next()));
    // Longer encodings, `xxx11111` and below, are no instructions of RV64GC and have no defined end.
    words.retain(|word| word & 3 == 3 && word & 0x1f != 0x1f);
    words
}

/// Values of rd, rs1 and the 12 bits above them that pseudoinstructions are made of: registers `zero` and `ra`, small
/// immediates, the CSRs that have instructions of their own, the sets of `fence.tso`.
fn operands_of_aliases() -> impl Iterator<Item = (u32, u32, u32)> {
    let uppers = [0, 1, 2, 3, 0xb, 0xff, 0x100, 0x833, 0xc00, 0xc01, 0xc02, 0xfff];
    let registers = [0, 1, 11].into_iter().flat_map(|rd| [0, 1, 11].map(|rs1| (rd, rs1)));
    registers.flat_map(move |(rd, rs1)| uppers.map(|upper| (rd, rs1, upper)))
}

/// Marsaglia's xorshift generator: the same numbers on every machine.
struct XorShift(u64);

impl XorShift {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }
}
