//! Compressed instructions, expanded to the base instruction that each stands for.
//!
//! Sources: "RVC Instruction Set Listings" and "Zcb" of the unprivileged ISA. Reserved encodings expand to nothing; HINTs
//! expand to the base instruction that they spell, which then has no effect.

use crate::{Extension, Insn, Op};

/// Expands the compressed instruction `half`, whose two lowest bits are not `11`.
pub(crate) fn expand(half: u16) -> Option<Insn> {
    let c = Compressed(half);
    match half & 3 {
        0 => c.quadrant_0(),
        1 => c.quadrant_1(),
        _ => c.quadrant_2(),
    }
}

/// Returns the extension that defines the compressed instruction `half`, whose expansion is `insn`.
pub(crate) fn extension(half: u16, insn: &Insn) -> Extension {
    let is_narrow_access = half & 0xe003 == 0x8000;
    let is_mul_or_unary = half & 0xfc43 == 0x9c41;
    match insn.op {
        Op::Fld | Op::Fsd => Extension::Zcd,
        _ if is_narrow_access || is_mul_or_unary => Extension::Zcb,
        _ => Extension::Zca,
    }
}

const ZERO: u8 = 0;
const RA: u8 = 1;
const SP: u8 = 2;

/// The 16 bits of a compressed instruction.
#[derive(Clone, Copy)]
struct Compressed(u16);

impl Compressed {
    /// Quadrant 0: loads and stores with registers x8 to x15, and c.addi4spn.
    fn quadrant_0(self) -> Option<Insn> {
        let (near, far) = (self.near_low(), self.near_high());
        match self.funct3() {
            0 => {
                // c.addi4spn: nzuimm[5:4|9:6|2|3]. Without an immediate it is reserved; all zeros are defined illegal.
                let imm = self.at(12, 11, 4) | self.at(10, 7, 6) | self.at(6, 6, 2) | self.at(5, 5, 3);
                (imm != 0).then(|| i_type(Op::Addi, near, SP, imm))
            }
            1 => Some(i_type(Op::Fld, near, far, self.offset_8())),
            2 => Some(i_type(Op::Lw, near, far, self.offset_4())),
            3 => Some(i_type(Op::Ld, near, far, self.offset_8())),
            4 => self.narrow_access(),
            5 => Some(s_type(Op::Fsd, far, near, self.offset_8())),
            6 => Some(s_type(Op::Sw, far, near, self.offset_4())),
            _ => Some(s_type(Op::Sd, far, near, self.offset_8())),
        }
    }

    /// Quadrant 0, funct3 4: loads and stores of bytes and halfwords (Zcb).
    fn narrow_access(self) -> Option<Insn> {
        let (near, far) = (self.near_low(), self.near_high());
        // uimm[0|1] of bytes; of halfwords bit 6 says which load it is.
        let (byte, half, bit_6) = (self.at(6, 6, 0) | self.at(5, 5, 1), self.at(5, 5, 1), self.at(6, 6, 0));
        match (self.0 >> 10 & 7, bit_6) {
            (0, _) => Some(i_type(Op::Lbu, near, far, byte)),
            (1, 0) => Some(i_type(Op::Lhu, near, far, half)),
            (1, _) => Some(i_type(Op::Lh, near, far, half)),
            (2, _) => Some(s_type(Op::Sb, far, near, byte)),
            (3, 0) => Some(s_type(Op::Sh, far, near, half)),
            _ => None,
        }
    }

    /// Quadrant 1: immediates, arithmetic on x8 to x15, pc-relative jumps.
    fn quadrant_1(self) -> Option<Insn> {
        let rd = self.full_high();
        let imm = self.immediate_6();
        match self.funct3() {
            0 => Some(i_type(Op::Addi, rd, rd, imm)),
            // c.addiw has no HINTs: without a destination it is reserved.
            1 => (rd != ZERO).then(|| i_type(Op::Addiw, rd, rd, imm)),
            2 => Some(i_type(Op::Addi, rd, ZERO, imm)),
            3 if imm == 0 => None,
            3 if rd == SP => {
                // c.addi16sp: nzimm[9] and nzimm[4|6|8:7|5].
                let imm = self.at(12, 12, 9)
                    | self.at(6, 6, 4)
                    | self.at(5, 5, 6)
                    | self.at(4, 3, 7)
                    | self.at(2, 2, 5);
                Some(i_type(Op::Addi, SP, SP, sign_extend(imm, 10)))
            }
            3 => Some(Insn { rd, imm: imm << 12, ..compressed(Op::Lui) }),
            4 => self.arithmetic(),
            5 => Some(Insn { rd: ZERO, imm: self.jump_offset(), ..compressed(Op::Jal) }),
            6 => Some(self.branch(Op::Beq)),
            _ => Some(self.branch(Op::Bne)),
        }
    }

    /// Quadrant 2: loads and stores on the stack, shifts, register moves and indirect jumps.
    fn quadrant_2(self) -> Option<Insn> {
        let (rd, rs2) = (self.full_high(), self.full_low());
        // uimm[5] and uimm[4:3|8:6]; uimm[5] and uimm[4:2|7:6]; uimm[5:3|8:6]; uimm[5:2|7:6].
        let load_8 = || self.at(12, 12, 5) | self.at(6, 5, 3) | self.at(4, 2, 6);
        let load_4 = || self.at(12, 12, 5) | self.at(6, 4, 2) | self.at(3, 2, 6);
        let store_8 = || self.at(12, 10, 3) | self.at(9, 7, 6);
        let store_4 = || self.at(12, 9, 2) | self.at(8, 7, 6);
        match self.funct3() {
            0 => Some(i_type(Op::Slli, rd, rd, self.shift_amount())),
            1 => Some(i_type(Op::Fld, rd, SP, load_8())),
            2 => (rd != ZERO).then(|| i_type(Op::Lw, rd, SP, load_4())),
            3 => (rd != ZERO).then(|| i_type(Op::Ld, rd, SP, load_8())),
            4 => match (self.bit_12(), rd, rs2) {
                (false, ZERO, ZERO) => None,
                (false, _, ZERO) => Some(i_type(Op::Jalr, ZERO, rd, 0)),
                (false, ..) => Some(r_type(Op::Add, rd, ZERO, rs2)),
                (true, ZERO, ZERO) => Some(compressed(Op::Ebreak)),
                (true, _, ZERO) => Some(i_type(Op::Jalr, RA, rd, 0)),
                (true, ..) => Some(r_type(Op::Add, rd, rd, rs2)),
            },
            5 => Some(s_type(Op::Fsd, SP, rs2, store_8())),
            6 => Some(s_type(Op::Sw, SP, rs2, store_4())),
            _ => Some(s_type(Op::Sd, SP, rs2, store_8())),
        }
    }

    /// Quadrant 1, funct3 4: shifts, c.andi and register-register operations on x8 to x15.
    fn arithmetic(self) -> Option<Insn> {
        let (rd, rs2) = (self.near_high(), self.near_low());
        match self.0 >> 10 & 3 {
            0 => Some(i_type(Op::Srli, rd, rd, self.shift_amount())),
            1 => Some(i_type(Op::Srai, rd, rd, self.shift_amount())),
            2 => Some(i_type(Op::Andi, rd, rd, self.immediate_6())),
            _ => {
                let op = match (self.bit_12(), self.0 >> 5 & 3) {
                    (false, 0) => Op::Sub,
                    (false, 1) => Op::Xor,
                    (false, 2) => Op::Or,
                    (false, _) => Op::And,
                    (true, 0) => Op::Subw,
                    (true, 1) => Op::Addw,
                    (true, 2) => Op::Mul,
                    (true, _) => return self.unary(rd),
                };
                Some(r_type(op, rd, rd, rs2))
            }
        }
    }

    /// Quadrant 1, arithmetic with funct2 3: operations on `rd` alone (Zcb).
    fn unary(self, rd: u8) -> Option<Insn> {
        Some(match self.0 >> 2 & 7 {
            0 => i_type(Op::Andi, rd, rd, 0xff),
            1 => i_type(Op::SextB, rd, rd, 0),
            2 => i_type(Op::ZextH, rd, rd, 0),
            3 => i_type(Op::SextH, rd, rd, 0),
            4 => r_type(Op::AddUw, rd, rd, ZERO),
            5 => i_type(Op::Xori, rd, rd, -1),
            _ => return None,
        })
    }

    /// c.beqz and c.bnez: `offset[8|4:3]` and `offset[7:6|2:1|5]`.
    fn branch(self, op: Op) -> Insn {
        let offset =
            self.at(12, 12, 8) | self.at(11, 10, 3) | self.at(6, 5, 6) | self.at(4, 3, 1) | self.at(2, 2, 5);
        Insn { rs1: self.near_high(), rs2: ZERO, imm: sign_extend(offset, 9), ..compressed(op) }
    }

    /// c.j: `offset[11|4|9:8|10|6|7|3:1|5]`.
    fn jump_offset(self) -> i32 {
        let offset = self.at(12, 12, 11)
            | self.at(11, 11, 4)
            | self.at(10, 9, 8)
            | self.at(8, 8, 10)
            | self.at(7, 7, 6)
            | self.at(6, 6, 7)
            | self.at(5, 3, 1)
            | self.at(2, 2, 5);
        sign_extend(offset, 12)
    }

    /// The offset of 4-byte loads and stores: `uimm[5:3]` and `uimm[2|6]`.
    fn offset_4(self) -> i32 {
        self.at(12, 10, 3) | self.at(6, 6, 2) | self.at(5, 5, 6)
    }

    /// The offset of 8-byte loads and stores: `uimm[5:3]` and `uimm[7:6]`.
    fn offset_8(self) -> i32 {
        self.at(12, 10, 3) | self.at(6, 5, 6)
    }

    /// The signed immediate of the CI format: `imm[5]` and `imm[4:0]`.
    fn immediate_6(self) -> i32 {
        sign_extend(self.shift_amount(), 6)
    }

    /// The same bits, unsigned.
    fn shift_amount(self) -> i32 {
        self.at(12, 12, 5) | self.at(6, 2, 0)
    }

    fn funct3(self) -> u16 {
        self.0 >> 13
    }

    fn bit_12(self) -> bool {
        self.0 & 1 << 12 != 0
    }

    /// The register in bits 11 to 7: rd or rs1.
    fn full_high(self) -> u8 {
        (self.0 >> 7 & 0x1f) as u8
    }

    /// The register in bits 6 to 2: rs2.
    fn full_low(self) -> u8 {
        (self.0 >> 2 & 0x1f) as u8
    }

    /// The register among 8 to 15 in bits 9 to 7: rd′ or rs1′.
    fn near_high(self) -> u8 {
        (self.0 >> 7 & 7) as u8 + 8
    }

    /// The register among 8 to 15 in bits 4 to 2: rd′ or rs2′.
    fn near_low(self) -> u8 {
        (self.0 >> 2 & 7) as u8 + 8
    }

    /// Places bits `high` to `low` of the instruction at bit `to` of an immediate.
    fn at(self, high: u32, low: u32, to: u32) -> i32 {
        i32::from(self.0 >> low & ((2 << (high - low)) - 1)) << to
    }
}

/// Extends the sign of an immediate of `width` bits.
fn sign_extend(imm: i32, width: u32) -> i32 {
    let unused = i32::BITS - width;
    imm << unused >> unused
}

fn compressed(op: Op) -> Insn {
    Insn::without_operands(op, 2)
}

fn i_type(op: Op, rd: u8, rs1: u8, imm: i32) -> Insn {
    Insn { rd, rs1, imm, ..compressed(op) }
}

fn s_type(op: Op, rs1: u8, rs2: u8, imm: i32) -> Insn {
    Insn { rs1, rs2, imm, ..compressed(op) }
}

fn r_type(op: Op, rd: u8, rs1: u8, rs2: u8) -> Insn {
    Insn { rd, rs1, rs2, ..compressed(op) }
}
