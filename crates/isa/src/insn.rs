//! A decoded instruction.

use crate::Op;

/// A decoded instruction: what to do, and with which operands.
///
/// A field that the instruction's format lacks is 0. Whether a register number means an `x` or an `f` register
/// is said by the [`Format`](crate::Format).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Insn {
    /// The operation.
    pub op: Op,
    /// The destination register.
    pub rd: u8,
    /// The first source register; the 5-bit immediate of CSRRWI, CSRRSI and CSRRCI.
    pub rs1: u8,
    /// The second source register.
    pub rs2: u8,
    /// The third source register, of fused multiply-adds.
    pub rs3: u8,
    /// The rounding mode: 0 to 4, or 7 for the one in `frm`.
    pub rm: u8,
    /// The immediate, sign-extended.
    ///
    /// LUI and AUIPC: the value already shifted left by 12. Shifts: the amount. CSR instructions: the CSR's
    /// number. FENCE: `fm`, predecessor and successor sets, 4 bits each. Atomics: aq in bit 1, rl in bit 0.
    pub imm: i32,
    /// The length in bytes: 2 for a compressed instruction, else 4.
    pub len: u8,
}

impl Insn {
    /// Returns an instruction whose operands are all 0.
    pub(crate) fn without_operands(op: Op, len: u8) -> Insn {
        Insn { op, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len }
    }
}
