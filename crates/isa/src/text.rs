//! The text of an instruction, as GNU objdump prints it.

use std::fmt::{self, Display, Write};

use crate::csr::csr_name;
use crate::register::{f_name, x_name};
use crate::spelling::{Operand, Spelling, spelling};
use crate::{Format, Insn};

/// A symbol that an address is described by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol<'a> {
    /// The symbol's name.
    pub name: &'a str,
    /// The address that the symbol stands for, at or before the one described.
    pub address: u64,
}

/// Finds the symbol to describe an address by.
pub type Symbols<'a> = dyn Fn(u64) -> Option<Symbol<'a>> + 'a;

/// The text of an instruction at an address: mnemonic, tab, operands.
///
/// ```
/// use tine_isa::{Symbol, decode};
///
/// let call = decode(0x0100_00ef).unwrap();
/// assert_eq!(call.at(0x1_0000).to_string(), "jal\t0x10010");
///
/// let main = |_| Some(Symbol { name: "main", address: 0x1_0000 });
/// assert_eq!(call.at(0x1_0000).with_symbols(&main).to_string(), "jal\t10010 <main+0x10>");
/// ```
#[derive(Clone, Copy)]
pub struct Text<'a> {
    insn: Insn,
    pc: u64,
    spelling: Spelling,
    symbols: Option<&'a Symbols<'a>>,
}

impl Insn {
    /// Returns the text of this instruction at address `pc`, from which branches and jumps count.
    #[must_use]
    pub fn at<'a>(&self, pc: u64) -> Text<'a> {
        self.spelled(spelling(self), pc)
    }

    /// Returns the text of this instruction in the given spelling.
    pub(crate) fn spelled<'a>(&self, spelling: Spelling, pc: u64) -> Text<'a> {
        Text { insn: *self, pc, spelling, symbols: None }
    }
}

impl<'a> Text<'a> {
    /// Describes the targets of branches and jumps by `symbols`.
    #[must_use]
    pub fn with_symbols(self, symbols: &'a Symbols<'a>) -> Text<'a> {
        Text { symbols: Some(symbols), ..self }
    }

    fn write_operand(&self, f: &mut fmt::Formatter<'_>, operand: Operand) -> fmt::Result {
        let Insn { rd, rs1, rs2, rs3, rm, imm, .. } = self.insn;
        match operand {
            Operand::Rd => f.write_str(x_name(rd)),
            Operand::Rs1 => f.write_str(x_name(rs1)),
            Operand::Rs2 => f.write_str(x_name(rs2)),
            Operand::Fd => f.write_str(f_name(rd)),
            Operand::Fs1 => f.write_str(f_name(rs1)),
            Operand::Fs2 => f.write_str(f_name(rs2)),
            Operand::Fs3 => f.write_str(f_name(rs3)),
            Operand::Imm => write!(f, "{imm}"),
            Operand::Shamt => write!(f, "{imm:#x}"),
            Operand::Upper => write!(f, "{:#x}", imm as u32 >> 12),
            Operand::Offset => write!(f, "{imm}({})", x_name(rs1)),
            Operand::BlockOffset => write!(f, "{}({})", imm & !0x1f, x_name(rs1)),
            Operand::Base => write!(f, "({})", x_name(rs1)),
            Operand::Target => {
                let address = self.pc.wrapping_add_signed(i64::from(imm));
                Address { address, symbols: self.symbols }.fmt(f)
            }
            Operand::Csr => match csr_name(imm as u16) {
                Some(name) => name.fmt(f),
                None => write!(f, "{imm:#x}"),
            },
            Operand::Uimm => write!(f, "{rs1}"),
            Operand::RoundingMode => f.write_str(rounding_mode_name(rm)),
            Operand::Predecessors => write_fence_set(f, imm >> 4),
            Operand::Successors => write_fence_set(f, imm),
            Operand::Literal => f.write_str(LITERALS[usize::from(rs1 & 31)]),
            Operand::TowardZero => f.write_str(rounding_mode_name(1)),
        }
    }
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mnemonic, operands) = self.spelling;
        f.write_str(mnemonic)?;
        f.write_str(ordering_suffix(&self.insn))?;
        let mut separator = '\t';
        for &operand in operands {
            if operand == Operand::RoundingMode && self.insn.rm == DYNAMIC {
                continue;
            }
            f.write_char(separator)?;
            self.write_operand(f, operand)?;
            separator = ',';
        }
        Ok(())
    }
}

/// An address, and the symbol that describes it.
pub(crate) struct Address<'a> {
    pub(crate) address: u64,
    pub(crate) symbols: Option<&'a Symbols<'a>>,
}

impl Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address;
        let Some(symbol) = self.symbols.and_then(|symbol_of| symbol_of(address)) else {
            return write!(f, "{address:#x}");
        };
        write!(f, "{address:x} <{}", symbol.name)?;
        match address.wrapping_sub(symbol.address) {
            0 => f.write_char('>'),
            offset => write!(f, "+{offset:#x}>"),
        }
    }
}

/// The rounding mode that stands for the one in `frm`.
const DYNAMIC: u8 = 7;

/// The constants of FLI as C writes them in hexadecimal (Zfa, "Load-Immediate Instructions").
const LITERALS: [&str; 32] = [
    "-0x1p+0", "min", "0x1p-16", "0x1p-15", "0x1p-8", "0x1p-7", "0x1p-4", "0x1p-3", "0x1p-2", "0x1.4p-2",
    "0x1.8p-2", "0x1.cp-2", "0x1p-1", "0x1.4p-1", "0x1.8p-1", "0x1.cp-1", "0x1p+0", "0x1.4p+0", "0x1.8p+0",
    "0x1.cp+0", "0x1p+1", "0x1.4p+1", "0x1.8p+1", "0x1p+2", "0x1p+3", "0x1p+4", "0x1p+7", "0x1p+8",
    "0x1p+15", "0x1p+16", "inf", "nan",
];

/// Source: "Floating-Point Control and Status Register" of the unprivileged ISA, rounding mode encoding.
fn rounding_mode_name(rm: u8) -> &'static str {
    match rm {
        0 => "rne",
        1 => "rtz",
        2 => "rdn",
        3 => "rup",
        4 => "rmm",
        DYNAMIC => "dyn",
        _ => "unknown",
    }
}

fn ordering_suffix(insn: &Insn) -> &'static str {
    match (insn.op.format(), insn.imm) {
        (Format::Lr | Format::Amo, 1) => ".rl",
        (Format::Lr | Format::Amo, 2) => ".aq",
        (Format::Lr | Format::Amo, 3) => ".aqrl",
        _ => "",
    }
}

/// Writes the low 4 bits of `set` as the accesses that a fence orders: input, output, reads, writes.
fn write_fence_set(f: &mut fmt::Formatter<'_>, set: i32) -> fmt::Result {
    if set & 0xf == 0 {
        return f.write_str("unknown");
    }
    for (bit, name) in [(8, 'i'), (4, 'o'), (2, 'r'), (1, 'w')] {
        if set & bit != 0 {
            f.write_char(name)?;
        }
    }
    Ok(())
}
