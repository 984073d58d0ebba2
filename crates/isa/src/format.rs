//! Operand formats: which operands an instruction has and where its 32 bits hold them.

use crate::{Insn, Op};

/// Which operands an instruction has, in which register file, and where they are encoded.
///
/// The base formats keep the names of "Immediate Encoding Variants" in the unprivileged ISA; the others are
/// refinements of them that say which register file an operand is in and how the text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// `rd, rs1, rs2`
    R,
    /// `rd, rs1`
    Unary,
    /// `rd, rs1, imm`, 12 bits, signed.
    I,
    /// `rd, rs1, shamt`, 6 bits.
    Shift,
    /// `rd, rs1, shamt`, 5 bits.
    ShiftW,
    /// `rd, imm(rs1)`
    Load,
    /// `rd, imm(rs1)`, the indirect jump.
    Jalr,
    /// `rs2, imm(rs1)`
    Store,
    /// `rs1, rs2, target`, 13 bits, pc-relative.
    Branch,
    /// `rd, imm`, the upper 20 bits.
    U,
    /// `rd, target`, 21 bits, pc-relative.
    J,
    /// `pred, succ`
    Fence,
    /// `rs1, rs2`, both optional: address and ASID.
    Sfence,
    /// No operands.
    Bare,
    /// `rd, csr, rs1`
    Csr,
    /// `rd, csr, uimm`, 5 bits in the place of `rs1`.
    CsrImm,
    /// `rd, (rs1)`, with acquire and release bits.
    Lr,
    /// `rd, rs2, (rs1)`, with acquire and release bits: SC and the AMOs.
    Amo,
    /// `(rs1)`, an address in a cache block.
    CacheBlock,
    /// `fd, imm(rs1)`
    FLoad,
    /// `fs2, imm(rs1)`
    FStore,
    /// `fd, fs1, fs2, fs3, rm`
    Fma,
    /// `fd, fs1, fs2, rm`
    FArith,
    /// `fd, fs1, fs2`
    FBinary,
    /// `fd, fs1, rm`: square root and conversions between precisions.
    FConvert,
    /// `rd, fs1, fs2`
    FCompare,
    /// `rd, fs1, rm`
    FToInt,
    /// `fd, rs1, rm`
    FFromInt,
    /// `rd, fs1`: bit moves and classification.
    FMoveToInt,
    /// `fd, rs1`
    FMoveFromInt,
    /// `fd, constant`, its number in the place of `rs1`.
    FLiteral,
}

/// How an instruction accesses data memory, as access and fault counts class it.
///
/// LR is a load; SC and the AMOs are stores, whatever they also read (privileged ISA, "Supervisor Cause
/// Register": they raise store/AMO faults). So are the operations on cache blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Memory {
    /// Accesses no data memory.
    None,
    /// Loads, floating-point loads and LR.
    Load,
    /// Stores, floating-point stores, SC, AMOs and operations on cache blocks.
    Store,
}

impl Format {
    /// Returns how instructions of this format access data memory.
    pub const fn memory(self) -> Memory {
        match self {
            Format::Load | Format::FLoad | Format::Lr => Memory::Load,
            Format::Store | Format::FStore | Format::Amo | Format::CacheBlock => Memory::Store,
            _ => Memory::None,
        }
    }

    /// Whether the instruction has a rounding mode in bits 14 to 12.
    pub const fn has_rounding_mode(self) -> bool {
        matches!(self, Format::Fma | Format::FArith | Format::FConvert | Format::FToInt | Format::FFromInt)
    }

    /// Extracts the operands of `op`, an instruction of this format, from its encoding.
    pub(crate) fn operands(self, op: Op, bits: u32) -> Insn {
        let insn = Insn::without_operands(op, 4);
        let (rd, rs1, rs2) = (register(bits, 7), register(bits, 15), register(bits, 20));
        let rm = (bits >> 12 & 7) as u8;
        // The upper 12 bits, zero-extended: a CSR number or a fence's sets.
        let upper = (bits >> 20) as i32;
        match self {
            Format::Bare => insn,
            Format::R | Format::FBinary | Format::FCompare => Insn { rd, rs1, rs2, ..insn },
            Format::FArith => Insn { rd, rs1, rs2, rm, ..insn },
            Format::Fma => Insn { rd, rs1, rs2, rs3: register(bits, 27), rm, ..insn },
            Format::FConvert | Format::FToInt | Format::FFromInt => Insn { rd, rs1, rm, ..insn },
            Format::Unary | Format::FMoveToInt | Format::FMoveFromInt | Format::FLiteral => {
                Insn { rd, rs1, ..insn }
            }
            Format::CacheBlock => Insn { rs1, ..insn },
            Format::I | Format::Load | Format::Jalr | Format::FLoad => {
                Insn { rd, rs1, imm: i_immediate(bits), ..insn }
            }
            Format::Shift => Insn { rd, rs1, imm: upper & 0x3f, ..insn },
            Format::ShiftW => Insn { rd, rs1, imm: upper & 0x1f, ..insn },
            Format::Store | Format::FStore => Insn { rs1, rs2, imm: s_immediate(bits), ..insn },
            Format::Branch => Insn { rs1, rs2, imm: b_immediate(bits), ..insn },
            Format::U => Insn { rd, imm: (bits & 0xffff_f000) as i32, ..insn },
            Format::J => Insn { rd, imm: j_immediate(bits), ..insn },
            Format::Fence => Insn { imm: upper, ..insn },
            Format::Sfence => Insn { rs1, rs2, ..insn },
            Format::Csr | Format::CsrImm => Insn { rd, rs1, imm: upper, ..insn },
            Format::Lr => Insn { rd, rs1, imm: ordering(bits), ..insn },
            Format::Amo => Insn { rd, rs1, rs2, imm: ordering(bits), ..insn },
        }
    }
}

/// Extracts the register number whose lowest bit is bit `lowest`.
fn register(bits: u32, lowest: u32) -> u8 {
    (bits >> lowest & 0x1f) as u8
}

/// Extracts aq (bit 1 of the result) and rl (bit 0) of an atomic.
fn ordering(bits: u32) -> i32 {
    (bits >> 25 & 3) as i32
}

fn i_immediate(bits: u32) -> i32 {
    bits as i32 >> 20
}

fn s_immediate(bits: u32) -> i32 {
    (bits as i32 >> 20 & !0x1f) | (bits >> 7 & 0x1f) as i32
}

fn b_immediate(bits: u32) -> i32 {
    // imm[12|10:5] at the top, imm[4:1|11] in the place of rd.
    (bits as i32 >> 31 << 12) | (bits << 4 & 0x800 | bits >> 20 & 0x7e0 | bits >> 7 & 0x1e) as i32
}

fn j_immediate(bits: u32) -> i32 {
    // imm[20|10:1|11|19:12] from bit 31 down.
    (bits as i32 >> 31 << 20) | (bits & 0xf_f000 | bits >> 9 & 0x800 | bits >> 20 & 0x7fe) as i32
}
