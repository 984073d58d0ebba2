//! Disassembly of a stretch of code, line by line, as `objdump -d` prints it.

use std::fmt::{self, Write};

use crate::spelling::{Operand, hint_spelling, spelling};
use crate::text::{Address, Symbols};
use crate::{Format, Insn, Op, decode};

/// A disassembler of consecutive stretches of code.
///
/// It remembers what LUI and AUIPC load, so that an instruction which completes an address is followed by that
/// address: `ld a0,8(a0) # 12008 <environ>`. Data among the code is disassembled as if it were code.
///
/// ```
/// let mut text = String::new();
/// tine_isa::Listing::new(0x1007a).write(0x10078, &[0x05, 0x45], &mut text).unwrap();
/// assert_eq!(text, "   10078:\t4505                \tli\ta0,1\n");
/// ```
pub struct Listing<'a> {
    symbols: Option<&'a Symbols<'a>>,
    global_pointer: Option<u64>,
    /// What each register was last loaded with by LUI or AUIPC, until an instruction used it.
    upper: [Option<u64>; 32],
    /// The width of the column of addresses.
    address_width: usize,
}

const GP: u8 = 3;
const TP: u8 = 4;

/// A run of this many zero bytes is not disassembled.
const SKIPPED_ZEROS: usize = 8;
/// A shorter run that ends a stretch is not disassembled either: it is padding.
const SKIPPED_ZEROS_AT_END: usize = 2;

impl<'a> Listing<'a> {
    /// Creates a disassembler of code that ends at address `end`, which decides how wide addresses are printed.
    #[must_use]
    pub fn new(end: u64) -> Self {
        let digits = end.checked_ilog(16).unwrap_or(0) as usize + 1;
        // Whole groups of four digits, with room for at least one blank.
        let address_width = (digits + 1).next_multiple_of(4).min(16);
        Listing { symbols: None, global_pointer: None, upper: [None; 32], address_width }
    }

    /// Describes addresses by `symbols`.
    #[must_use]
    pub fn with_symbols(self, symbols: &'a Symbols<'a>) -> Self {
        Listing { symbols: Some(symbols), ..self }
    }

    /// Takes `gp` to hold `address`, the value of the symbol `__global_pointer$`.
    #[must_use]
    pub fn with_global_pointer(self, address: u64) -> Self {
        Listing { global_pointer: Some(address), ..self }
    }

    /// Writes one line for each instruction in `code`, which lies at `address`: a function, a section.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&mut self, address: u64, code: &[u8], out: &mut dyn Write) -> fmt::Result {
        let mut at = 0;
        while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
            let skipped = skipped_zeros(rest);
            if skipped > 0 {
                writeln!(out, "\t...")?;
                at += skipped;
            } else {
                at += self.write_line(address.wrapping_add(at as u64), rest, out)?;
            }
        }
        Ok(())
    }

    /// Writes the line of the first instruction of `code` and returns its length.
    fn write_line(&mut self, pc: u64, code: &[u8], out: &mut dyn Write) -> Result<usize, fmt::Error> {
        write!(out, "{pc:width$x}:\t", width = self.address_width)?;
        match *code {
            [b0, b1, b2, b3, ..] if b0 & 3 == 3 => {
                let bits = u32::from_le_bytes([b0, b1, b2, b3]);
                write!(out, "{bits:08x}          \t")?;
                self.write_text(pc, bits, out)?;
                Ok(4)
            }
            [b0, b1, ..] if b0 & 3 != 3 => {
                let half = u16::from_le_bytes([b0, b1]);
                write!(out, "{half:04x}                \t")?;
                self.write_text(pc, half.into(), out)?;
                Ok(2)
            }
            _ => {
                // The code ends in the middle of an instruction.
                let column = code.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
                let bytes = code.iter().map(|byte| format!("{byte:#04x}")).collect::<Vec<_>>().join(", ");
                writeln!(out, "{column:20}\t.byte\t{bytes}")?;
                Ok(code.len())
            }
        }
    }

    fn write_text(&mut self, pc: u64, bits: u32, out: &mut dyn Write) -> fmt::Result {
        let Some(insn) = decode(bits) else {
            return match bits {
                0 => writeln!(out, "unimp"),
                _ if bits & 3 == 3 => writeln!(out, ".4byte\t{bits:#x}"),
                _ => writeln!(out, ".2byte\t{bits:#x}"),
            };
        };
        let hint = if insn.len == 2 { hint_spelling(bits as u16, &insn) } else { None };
        let spelling = hint.unwrap_or_else(|| spelling(&insn));
        let mut text = insn.spelled(spelling, pc);
        if let Some(symbols) = self.symbols {
            text = text.with_symbols(symbols);
        }
        write!(out, "{text}")?;
        if let Some(address) = self.completed_address(pc, bits, &insn, spelling.1) {
            write!(out, " # {}", Address { address, symbols: self.symbols })?;
        }
        writeln!(out)
    }

    /// Returns the address that `insn` adds up from its base register and its immediate, where the base's value is
    /// known.
    fn completed_address(&mut self, pc: u64, bits: u32, insn: &Insn, operands: &[Operand]) -> Option<u64> {
        match insn.op {
            Op::Lui => self.upper[usize::from(insn.rd)] = Some(insn.imm as u64),
            Op::Auipc => {
                self.upper[usize::from(insn.rd)] = Some(pc.wrapping_add_signed(i64::from(insn.imm)));
            }
            _ => {}
        }
        if !adds_to_base(bits, insn, operands) {
            return None;
        }
        let base = match (insn.rs1, self.upper[usize::from(insn.rs1)].take()) {
            (0, _) => 0,
            (_, Some(upper)) => upper,
            (GP, None) => self.global_pointer?,
            // Thread-local variables are shown by their offset.
            (TP, None) => 0,
            _ => return None,
        };
        let address = base.wrapping_add_signed(i64::from(insn.imm));
        Some(if insn.op == Op::Addiw { address as i32 as u64 } else { address })
    }
}

/// Whether objdump looks for an address in this instruction: accesses, jumps and additions that write their
/// operands out, of which only c.addi and c.addiw in compressed form.
fn adds_to_base(bits: u32, insn: &Insn, operands: &[Operand]) -> bool {
    const C_ADDI: u32 = 0x0001;
    const C_ADDIW: u32 = 0x2001;
    if insn.len == 2 {
        return matches!(bits & 0xe003, C_ADDI | C_ADDIW) && insn.rd != 0 && operands.contains(&Operand::Imm);
    }
    match insn.op.format() {
        Format::Load | Format::Store | Format::FLoad | Format::FStore => true,
        Format::Jalr => !operands.is_empty(),
        _ => matches!(insn.op, Op::Addi | Op::Addiw) && insn.rs1 != 0 && operands.contains(&Operand::Imm),
    }
}

/// Returns how many of the zero bytes at the start of `code` are skipped.
fn skipped_zeros(code: &[u8]) -> usize {
    let zeros = code.iter().take_while(|&&byte| byte == 0).count();
    if zeros == code.len() && zeros <= SKIPPED_ZEROS_AT_END {
        zeros
    } else if zeros < SKIPPED_ZEROS {
        0
    } else if zeros == code.len() {
        zeros
    } else {
        zeros / 4 * 4
    }
}
