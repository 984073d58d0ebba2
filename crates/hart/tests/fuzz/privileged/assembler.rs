//! Words of code with the constants that they load.

use crate::program::insn;
use tine_isa::Op;

/// Code at one place, constants at another.
pub(crate) struct Assembler {
    code_at: u64,
    literals_at: u64,
    words: Vec<u32>,
    literals: Vec<u64>,
}

/// A constant whose value is not known yet.
#[must_use]
pub(crate) struct Later(usize);

impl Assembler {
    pub(crate) fn new(code_at: u64, literals_at: u64) -> Self {
        Self { code_at, literals_at, words: Vec::new(), literals: Vec::new() }
    }

    /// Returns where the next instruction will be.
    pub(crate) fn here(&self) -> u64 {
        self.code_at + 4 * self.words.len() as u64
    }

    pub(crate) fn emit(&mut self, op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32) {
        self.words.push(insn(op, rd, rs1, rs2, imm).encode());
    }

    pub(crate) fn word(&mut self, word: u32) {
        self.words.push(word);
    }

    /// Loads a constant that [`Assembler::set`] sets.
    pub(crate) fn load_later(&mut self, register: u8) -> Later {
        let literal = self.literals_at + 8 * self.literals.len() as u64;
        self.literals.push(0);
        let offset = literal.wrapping_sub(self.here()) as i32;
        let low = offset << 20 >> 20;
        self.emit(Op::Auipc, register, 0, 0, offset - low);
        self.emit(Op::Ld, register, register, 0, low);
        Later(self.literals.len() - 1)
    }

    pub(crate) fn set(&mut self, Later(index): Later, value: u64) {
        self.literals[index] = value;
    }

    /// Loads a constant.
    pub(crate) fn load(&mut self, register: u8, value: u64) {
        let later = self.load_later(register);
        self.set(later, value);
    }

    /// Writes a CSR, whose old value goes to `old`.
    pub(crate) fn write_csr(&mut self, old: u8, number: u16, from: u8) {
        self.emit(Op::Csrrw, old, from, 0, number.into());
    }

    /// Returns code and constants.
    pub(crate) fn finish(self) -> (Vec<u32>, Vec<u64>) {
        (self.words, self.literals)
    }
}
