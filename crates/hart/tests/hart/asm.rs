//! A small assembler for the 32-bit instructions.

use tine_isa::{Insn, Op};

/// Returns an instruction without operands, to be completed with struct update syntax.
pub(crate) fn insn(op: Op) -> Insn {
    Insn { op, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len: 4 }
}

/// `op rd, rs1, rs2`
pub(crate) fn r(op: Op, rd: u8, rs1: u8, rs2: u8) -> u32 {
    encode(&Insn { rd, rs1, rs2, ..insn(op) })
}

/// `op rd, rs1, imm` and `op rd, imm(rs1)`
pub(crate) fn i(op: Op, rd: u8, rs1: u8, imm: i32) -> u32 {
    encode(&Insn { rd, rs1, imm, ..insn(op) })
}

/// `op rs2, imm(rs1)`
pub(crate) fn s(op: Op, rs2: u8, rs1: u8, imm: i32) -> u32 {
    encode(&Insn { rs1, rs2, imm, ..insn(op) })
}

/// `op rs1, rs2, offset`
pub(crate) fn b(op: Op, rs1: u8, rs2: u8, offset: i32) -> u32 {
    encode(&Insn { rs1, rs2, imm: offset, ..insn(op) })
}

/// `lui rd, imm` and `auipc rd, imm`, the immediate being shifted already.
pub(crate) fn u(op: Op, rd: u8, imm: i32) -> u32 {
    encode(&Insn { rd, imm, ..insn(op) })
}

/// `jal rd, offset`
pub(crate) fn jal(rd: u8, offset: i32) -> u32 {
    encode(&Insn { rd, imm: offset, ..insn(Op::Jal) })
}

/// `op rd, csr, rs1`
pub(crate) fn csr(op: Op, rd: u8, number: u16, rs1: u8) -> u32 {
    encode(&Insn { rd, rs1, imm: number.into(), ..insn(op) })
}

/// An instruction without operands.
pub(crate) fn bare(op: Op) -> u32 {
    encode(&insn(op))
}

/// Encodes an instruction of four bytes.
pub(crate) fn encode(insn: &Insn) -> u32 {
    insn.encode()
}
