//! A small assembler: the inverse of the decoder, for the 32-bit instructions.

use tine_isa::{Format, Insn, Op};

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
    let imm = insn.imm as u32;
    let at = |value: u8, bit: u32| u32::from(value) << bit;
    let (rd, rs1, rs2, rm) = (at(insn.rd, 7), at(insn.rs1, 15), at(insn.rs2, 20), at(insn.rm, 12));
    let operands = match insn.op.format() {
        Format::Bare => 0,
        Format::R | Format::FBinary | Format::FCompare => rd | rs1 | rs2,
        Format::FArith => rd | rs1 | rs2 | rm,
        Format::Fma => rd | rs1 | rs2 | rm | at(insn.rs3, 27),
        Format::FConvert | Format::FToInt | Format::FFromInt => rd | rs1 | rm,
        Format::FMoveToInt | Format::FMoveFromInt => rd | rs1,
        Format::I | Format::Load | Format::Jalr | Format::FLoad | Format::Csr | Format::CsrImm => {
            rd | rs1 | imm << 20
        }
        Format::Shift | Format::ShiftW => rd | rs1 | imm << 20,
        Format::Store | Format::FStore => rs1 | rs2 | (imm & 0x1f) << 7 | imm >> 5 << 25,
        Format::Branch => {
            let low = (imm & 0x1e) << 7 | (imm >> 11 & 1) << 7;
            rs1 | rs2 | low | (imm >> 5 & 0x3f) << 25 | (imm >> 12 & 1) << 31
        }
        Format::U => rd | imm,
        Format::J => {
            let low = imm & 0xff000 | (imm >> 11 & 1) << 20;
            rd | low | (imm >> 1 & 0x3ff) << 21 | (imm >> 20 & 1) << 31
        }
        Format::Fence => imm << 20,
        Format::Sfence => rs1 | rs2,
        Format::Lr => rd | rs1 | imm << 25,
        Format::Amo => rd | rs1 | rs2 | imm << 25,
    };
    insn.op.encoding().matches | operands
}
