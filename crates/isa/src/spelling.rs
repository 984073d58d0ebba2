//! How an instruction is spelled: its mnemonic or that of an alias, and which operands are written.
//!
//! Aliases are those of "Pseudoinstructions" in the RISC-V Assembly Programmer's Manual, chosen as GNU objdump
//! 2.40 chooses them: it writes `add` for `addi`, for one. What that does not know is written as 2.44 does.

use crate::{Format, Insn, Op};

/// An operand as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// Integer register `rd`.
    Rd,
    /// Integer register `rs1`.
    Rs1,
    /// Integer register `rs2`.
    Rs2,
    /// Floating-point register `rd`.
    Fd,
    /// Floating-point register `rs1`.
    Fs1,
    /// Floating-point register `rs2`.
    Fs2,
    /// Floating-point register `rs3`.
    Fs3,
    /// `imm`, decimal.
    Imm,
    /// `imm`, hexadecimal.
    Shamt,
    /// The 20 bits that LUI and AUIPC load.
    Upper,
    /// `imm(rs1)`
    Offset,
    /// `(rs1)`
    Base,
    /// `pc + imm`
    Target,
    /// The CSR that `imm` numbers.
    Csr,
    /// The immediate that a CSR instruction has in place of `rs1`.
    Uimm,
    /// The rounding mode, left out when it is the one in `frm`.
    RoundingMode,
    /// A fence's predecessor set.
    Predecessors,
    /// A fence's successor set.
    Successors,
    /// The constant that `rs1` numbers.
    Literal,
    /// The only rounding mode that there is.
    TowardZero,
    /// `imm(rs1)`, the low five bits of `imm` being part of the opcode.
    BlockOffset,
}

/// A mnemonic and the operands that are written after it.
pub(crate) type Spelling = (&'static str, &'static [Operand]);

impl Format {
    /// Returns the operands that an instruction of this format is written with when no alias fits.
    fn spelled(self) -> &'static [Operand] {
        use Operand::*;
        match self {
            Format::R => &[Rd, Rs1, Rs2],
            Format::Unary => &[Rd, Rs1],
            Format::I => &[Rd, Rs1, Imm],
            Format::Shift | Format::ShiftW => &[Rd, Rs1, Shamt],
            Format::Load | Format::Jalr => &[Rd, Offset],
            Format::Store => &[Rs2, Offset],
            Format::Branch => &[Rs1, Rs2, Target],
            Format::U => &[Rd, Upper],
            Format::J => &[Rd, Target],
            Format::Fence => &[Predecessors, Successors],
            Format::Sfence => &[Rs1, Rs2],
            Format::Bare => &[],
            Format::Csr => &[Rd, Csr, Rs1],
            Format::CsrImm => &[Rd, Csr, Uimm],
            Format::Lr => &[Rd, Base],
            Format::Amo => &[Rd, Rs2, Base],
            Format::CacheBlock => &[Base],
            Format::FLoad => &[Fd, Offset],
            Format::FStore => &[Fs2, Offset],
            Format::Fma => &[Fd, Fs1, Fs2, Fs3, RoundingMode],
            Format::FArith => &[Fd, Fs1, Fs2, RoundingMode],
            Format::FBinary => &[Fd, Fs1, Fs2],
            Format::FConvert => &[Fd, Fs1, RoundingMode],
            Format::FCompare => &[Rd, Fs1, Fs2],
            Format::FToInt => &[Rd, Fs1, RoundingMode],
            Format::FFromInt => &[Fd, Rs1, RoundingMode],
            Format::FMoveToInt => &[Rd, Fs1],
            Format::FMoveFromInt => &[Fd, Rs1],
            Format::FLiteral => &[Fd, Literal],
        }
    }
}

/// Returns how `insn` is spelled.
pub(crate) fn spelling(insn: &Insn) -> Spelling {
    integer_alias(insn)
        .or_else(|| jump_alias(insn))
        .or_else(|| csr_alias(insn))
        .or_else(|| other_alias(insn))
        .or_else(|| extension_alias(insn))
        .unwrap_or((insn.op.mnemonic(), insn.op.format().spelled()))
}

/// Moves, negations, comparisons with zero; and the immediate forms, written like the register forms.
fn integer_alias(insn: &Insn) -> Option<Spelling> {
    use Operand::*;
    let Insn { op, rd, rs1, rs2, imm, .. } = *insn;
    Some(match (op, rs1, rs2, imm) {
        (Op::Addi, 0, _, 0) if rd == 0 => ("nop", &[]),
        (Op::Addi, 0, ..) => ("li", &[Rd, Imm]),
        (Op::Addi, _, _, 0) => ("mv", &[Rd, Rs1]),
        (Op::Addi, ..) => ("add", &[Rd, Rs1, Imm]),
        (Op::Addiw, _, _, 0) => ("sext.w", &[Rd, Rs1]),
        (Op::Addiw, ..) => ("addw", &[Rd, Rs1, Imm]),
        (Op::Andi, _, _, 0xff) => ("zext.b", &[Rd, Rs1]),
        (Op::Andi, ..) => ("and", &[Rd, Rs1, Imm]),
        (Op::Ori, ..) if rd == 0 && imm & 0x1f == 0 => ("prefetch.i", &[BlockOffset]),
        (Op::Ori, ..) if rd == 0 && imm & 0x1f == 1 => ("prefetch.r", &[BlockOffset]),
        (Op::Ori, ..) if rd == 0 && imm & 0x1f == 3 => ("prefetch.w", &[BlockOffset]),
        (Op::Ori, ..) => ("or", &[Rd, Rs1, Imm]),
        (Op::Xori, _, _, -1) => ("not", &[Rd, Rs1]),
        (Op::Xori, ..) => ("xor", &[Rd, Rs1, Imm]),
        (Op::Sltiu, _, _, 1) => ("seqz", &[Rd, Rs1]),
        (Op::Slli, ..) => ("sll", &[Rd, Rs1, Shamt]),
        (Op::Srli, ..) => ("srl", &[Rd, Rs1, Shamt]),
        (Op::Srai, ..) => ("sra", &[Rd, Rs1, Shamt]),
        (Op::Slliw, ..) => ("sllw", &[Rd, Rs1, Shamt]),
        (Op::Srliw, ..) => ("srlw", &[Rd, Rs1, Shamt]),
        (Op::Sraiw, ..) => ("sraw", &[Rd, Rs1, Shamt]),
        (Op::Sub, 0, ..) => ("neg", &[Rd, Rs2]),
        (Op::Subw, 0, ..) => ("negw", &[Rd, Rs2]),
        (Op::Slt, _, 0, _) => ("sltz", &[Rd, Rs1]),
        (Op::Slt, 0, ..) => ("sgtz", &[Rd, Rs2]),
        (Op::Sltu, 0, ..) => ("snez", &[Rd, Rs2]),
        (Op::Add, 0, ..) if rd == 0 && insn.len == 4 && locality_hint(rs2).is_some() => {
            (locality_hint(rs2)?, &[])
        }
        // What c.mv expands to; the 4-byte instruction keeps its name.
        (Op::Add, 0, ..) if insn.len == 2 => ("mv", &[Rd, Rs2]),
        _ => return None,
    })
}

/// Jumps that link nothing or `ra`, and branches that compare with zero.
fn jump_alias(insn: &Insn) -> Option<Spelling> {
    use Operand::*;
    let Insn { op, rd, rs1, rs2, imm, .. } = *insn;
    Some(match (op, rd, rs1, rs2) {
        (Op::Jal, 0, ..) => ("j", &[Target]),
        (Op::Jal, 1, ..) => ("jal", &[Target]),
        (Op::Jalr, 0, 1, _) if imm == 0 => ("ret", &[]),
        (Op::Jalr, 0, ..) if imm == 0 => ("jr", &[Rs1]),
        (Op::Jalr, 0, ..) => ("jr", &[Offset]),
        (Op::Jalr, 1, ..) if imm == 0 => ("jalr", &[Rs1]),
        (Op::Jalr, 1, ..) => ("jalr", &[Offset]),
        (Op::Jalr, ..) if imm == 0 => ("jalr", &[Rd, Rs1]),
        (Op::Beq, .., 0) => ("beqz", &[Rs1, Target]),
        (Op::Bne, .., 0) => ("bnez", &[Rs1, Target]),
        (Op::Blt, .., 0) => ("bltz", &[Rs1, Target]),
        (Op::Blt, _, 0, _) => ("bgtz", &[Rs2, Target]),
        (Op::Bge, _, 0, _) => ("blez", &[Rs2, Target]),
        (Op::Bge, .., 0) => ("bgez", &[Rs1, Target]),
        _ => return None,
    })
}

/// CSR accesses that only read or only write, and the names of the most used CSRs.
fn csr_alias(insn: &Insn) -> Option<Spelling> {
    use Operand::*;
    const FFLAGS: i32 = 1;
    const FRM: i32 = 2;
    const FCSR: i32 = 3;
    const CYCLE: i32 = 0xc00;
    const TIME: i32 = 0xc01;
    const INSTRET: i32 = 0xc02;
    Some(match (insn.op, insn.imm, insn.rd, insn.rs1) {
        // A write to a read-only CSR: an illegal instruction in every implementation.
        (Op::Csrrw, CYCLE, 0, 0) => ("unimp", &[]),
        (Op::Csrrw, FFLAGS, 0, _) => ("fsflags", &[Rs1]),
        (Op::Csrrw, FFLAGS, ..) => ("fsflags", &[Rd, Rs1]),
        (Op::Csrrw, FRM, 0, _) => ("fsrm", &[Rs1]),
        (Op::Csrrw, FRM, ..) => ("fsrm", &[Rd, Rs1]),
        (Op::Csrrw, FCSR, 0, _) => ("fscsr", &[Rs1]),
        (Op::Csrrw, FCSR, ..) => ("fscsr", &[Rd, Rs1]),
        (Op::Csrrwi, FFLAGS, ..) => ("fsflagsi", &[Rd, Uimm]),
        (Op::Csrrwi, FRM, ..) => ("fsrmi", &[Rd, Uimm]),
        (Op::Csrrs, FFLAGS, _, 0) => ("frflags", &[Rd]),
        (Op::Csrrs, FRM, _, 0) => ("frrm", &[Rd]),
        (Op::Csrrs, FCSR, _, 0) => ("frcsr", &[Rd]),
        (Op::Csrrs, CYCLE, _, 0) => ("rdcycle", &[Rd]),
        (Op::Csrrs, TIME, _, 0) => ("rdtime", &[Rd]),
        (Op::Csrrs, INSTRET, _, 0) => ("rdinstret", &[Rd]),
        (Op::Csrrs, .., 0) => ("csrr", &[Rd, Csr]),
        (Op::Csrrw, _, 0, _) => ("csrw", &[Csr, Rs1]),
        (Op::Csrrs, _, 0, _) => ("csrs", &[Csr, Rs1]),
        (Op::Csrrc, _, 0, _) => ("csrc", &[Csr, Rs1]),
        (Op::Csrrwi, _, 0, _) => ("csrw", &[Csr, Uimm]),
        (Op::Csrrsi, _, 0, _) => ("csrs", &[Csr, Uimm]),
        (Op::Csrrci, _, 0, _) => ("csrc", &[Csr, Uimm]),
        (Op::Csrrwi, ..) => ("csrrw", &[Rd, Csr, Uimm]),
        (Op::Csrrsi, ..) => ("csrrs", &[Rd, Csr, Uimm]),
        (Op::Csrrci, ..) => ("csrrc", &[Rd, Csr, Uimm]),
        _ => return None,
    })
}

/// Sign manipulations with equal sources, exact conversions, and fences of everything.
fn other_alias(insn: &Insn) -> Option<Spelling> {
    use Operand::*;
    let same_sources = insn.rs1 == insn.rs2;
    Some(match insn.op {
        Op::FsgnjS if same_sources => ("fmv.s", &[Fd, Fs1]),
        Op::FsgnjD if same_sources => ("fmv.d", &[Fd, Fs1]),
        Op::FsgnjnS if same_sources => ("fneg.s", &[Fd, Fs1]),
        Op::FsgnjnD if same_sources => ("fneg.d", &[Fd, Fs1]),
        Op::FsgnjxS if same_sources => ("fabs.s", &[Fd, Fs1]),
        Op::FsgnjxD if same_sources => ("fabs.d", &[Fd, Fs1]),
        // Nothing is rounded, so that assemblers encode the first rounding mode rather than the one in `frm`.
        Op::FcvtDS if insn.rm == 0 => ("fcvt.d.s", &[Fd, Fs1]),
        Op::FcvtDW if insn.rm == 0 => ("fcvt.d.w", &[Fd, Rs1]),
        Op::FcvtDWu if insn.rm == 0 => ("fcvt.d.wu", &[Fd, Rs1]),
        Op::Fence if insn.imm == 0x010 => ("pause", &[]),
        Op::Fence if insn.imm == 0x833 => ("fence.tso", &[]),
        Op::Fence if insn.imm & 0xff == 0xff => ("fence", &[]),
        Op::SfenceVma if insn.rs2 == 0 && insn.rs1 == 0 => ("sfence.vma", &[]),
        Op::SfenceVma if insn.rs2 == 0 => ("sfence.vma", &[Rs1]),
        _ => return None,
    })
}

/// Immediate forms that are written like the register forms, and exact or fixed rounding.
fn extension_alias(insn: &Insn) -> Option<Spelling> {
    use Operand::*;
    Some(match insn.op {
        Op::AddUw if insn.rs2 == 0 => ("zext.w", &[Rd, Rs1]),
        Op::Rori => ("ror", &[Rd, Rs1, Shamt]),
        Op::Roriw => ("rorw", &[Rd, Rs1, Shamt]),
        Op::Bclri => ("bclr", &[Rd, Rs1, Shamt]),
        Op::Bexti => ("bext", &[Rd, Rs1, Shamt]),
        Op::Binvi => ("binv", &[Rd, Rs1, Shamt]),
        Op::Bseti => ("bset", &[Rd, Rs1, Shamt]),
        Op::FcvtSH if insn.rm == 0 => ("fcvt.s.h", &[Fd, Fs1]),
        Op::FcvtDH if insn.rm == 0 => ("fcvt.d.h", &[Fd, Fs1]),
        Op::FcvtmodWD => ("fcvtmod.w.d", &[Rd, Fs1, TowardZero]),
        _ => return None,
    })
}

/// Returns the name of an addition to `zero` of `zero` and this register, where it is a HINT of Zihintntl.
fn locality_hint(rs2: u8) -> Option<&'static str> {
    Some(match rs2 {
        2 => "ntl.p1",
        3 => "ntl.pall",
        4 => "ntl.s1",
        5 => "ntl.all",
        _ => return None,
    })
}

/// Returns how the compressed HINT `half` is spelled, `insn` being its expansion; `None` for what is no HINT.
///
/// Different HINTs expand to the same instruction, so that objdump keeps most of their own names.
/// Source: "HINT Instructions" in the C extension of the unprivileged ISA.
pub(crate) fn hint_spelling(half: u16, insn: &Insn) -> Option<Spelling> {
    use Operand::*;
    const BIT_12: u16 = 1 << 12;
    let Insn { rd, imm, .. } = *insn;
    Some(match (half & 3, half >> 13, insn.op) {
        (1, 0, _) if rd == 0 && imm != 0 => ("c.nop", &[Imm]),
        (1, 0, _) if rd != 0 && imm == 0 => ("add", &[Rd, Rs1, Imm]),
        (1, 2, _) if rd == 0 => ("c.li", &[Rd, Imm]),
        (1, 3, Op::Lui) if rd == 0 => ("c.lui", &[Rd, Upper]),
        (1, 4, Op::Srli) if imm == 0 => ("c.srli64", &[Rd]),
        (1, 4, Op::Srai) if imm == 0 => ("c.srai64", &[Rd]),
        (2, 0, _) if imm == 0 => ("c.slli64", &[Rd]),
        (2, 0, _) if rd == 0 => ("c.slli", &[Rd, Shamt]),
        (2, 4, Op::Add) if rd == 0 && half & BIT_12 == 0 => ("c.mv", &[Rd, Rs2]),
        (2, 4, Op::Add) if rd == 0 && locality_hint(insn.rs2).is_some() => (locality_hint(insn.rs2)?, &[]),
        (2, 4, Op::Add) if rd == 0 => ("c.add", &[Rd, Rs2]),
        _ => return None,
    })
}
