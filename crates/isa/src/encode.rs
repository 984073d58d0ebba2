//! From instructions to bits.

use crate::{Format, Insn};

impl Insn {
    /// Returns the four bytes of this instruction: the inverse of [`decode()`](crate::decode()).
    ///
    /// A compressed instruction is encoded as the base instruction that it stands for. Operands that the format lacks
    /// must be 0, others must fit.
    #[must_use]
    pub fn encode(&self) -> u32 {
        let imm = self.imm as u32;
        // Places bits `high` to `low` of the immediate at bit `to`.
        let imm_at = |high: u32, low: u32, to: u32| (imm >> low & ((2 << (high - low)) - 1)) << to;
        let immediate = match self.op.format() {
            Format::I | Format::Load | Format::Jalr | Format::FLoad => imm_at(11, 0, 20),
            Format::Fence | Format::Csr | Format::CsrImm => imm << 20,
            Format::Shift | Format::ShiftW => imm << 20,
            Format::Store | Format::FStore => imm_at(11, 5, 25) | imm_at(4, 0, 7),
            Format::Branch => imm_at(12, 12, 31) | imm_at(10, 5, 25) | imm_at(4, 1, 8) | imm_at(11, 11, 7),
            Format::U => imm,
            Format::J => imm_at(20, 20, 31) | imm_at(10, 1, 21) | imm_at(11, 11, 20) | imm_at(19, 12, 12),
            Format::Lr | Format::Amo => imm << 25,
            _ => 0,
        };
        let registers = [(self.rd, 7), (self.rm, 12), (self.rs1, 15), (self.rs2, 20), (self.rs3, 27)];
        let registers = registers.iter().fold(0, |bits, &(register, at)| bits | u32::from(register) << at);
        self.op.encoding().matches | registers | immediate
    }
}
