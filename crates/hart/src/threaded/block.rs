//! A block: instructions that follow each other in one page, decoded.

use super::dispatch;
use super::slot::Slot;
use super::weave::Loom;
use crate::csr;
use tine_isa::{Format, Insn, Isa, Op};
use tine_mmu::PAGE_SIZE;

/// The most instructions of a block: more would make the tail of a budget long, which is stepped.
pub(super) const LONGEST: u8 = 64;

/// An instruction of a block, or what stands behind its last one.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    /// The instruction; behind the last one, a jump to where it stands.
    pub(super) insn: Insn,
    /// Where it is in its page.
    pub(super) offset: u16,
    /// The register whose value is in the accumulator behind it, or 0.
    pub(super) held: u8,
    /// How many instructions the block has.
    pub(super) length: u8,
}

/// What decoding needs room for, kept from one block to the next.
#[derive(Default)]
pub(super) struct Scratch {
    placed: Vec<Placed>,
    loom: Loom,
}

/// Decodes the block that begins at `offset` of a page, and adds its slots, in the order of [`weave`](super::weave), and where they
/// were placed. Adds nothing where no instruction can be cached.
///
/// It ends behind an instruction that always transfers control or changes how fetches behave, at one that is illegal or
/// leaves the page, or when it is long enough. Unless nothing can follow, something stands behind the last instruction.
pub(super) fn decode_block(
    scratch: &mut Scratch,
    isa: Isa,
    page: &[u8; PAGE_SIZE as usize],
    offset: u64,
    slots: &mut Vec<Slot>,
    places: &mut Vec<Placed>,
) {
    let Scratch { placed, loom } = scratch;
    placed.clear();
    let mut end = offset as usize;
    let mut may_go_on = true;
    while may_go_on
        && placed.len() < LONGEST.into()
        && let Some(insn) = decode_at(isa, page, end)
    {
        let insn = simplified(with_registers_in_range(insn));
        placed.push(Placed { insn, offset: end as u16, held: 0, length: 0 });
        may_go_on = !ends_block(&insn);
        end += usize::from(insn.len);
    }
    if placed.is_empty() {
        return;
    }
    loom.weave(placed);
    let (mut held, length) = (0, placed.len() as u8);
    for placed in &mut *placed {
        held = dispatch::held(&placed.insn, held);
        (placed.held, placed.length) = (held, length);
    }
    for number in 0..placed.len() {
        let (earlier, rest) = placed.split_at(number);
        slots.push(Slot::new(dispatch::select(earlier, rest), &placed[number]));
    }
    places.extend_from_slice(placed);
    if may_go_on {
        let insn = Insn { op: Op::Jal, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len: 0 };
        let behind = Placed { insn, offset: end as u16, held: 0, length };
        slots.push(Slot::new(dispatch::fall_through(&behind), &behind));
        places.push(behind);
    }
}

/// Returns the instruction as it is: its fields are five bits wide. Handlers rely on it.
fn with_registers_in_range(insn: Insn) -> Insn {
    Insn { rd: insn.rd & 31, rs1: insn.rs1 & 31, rs2: insn.rs2 & 31, rs3: insn.rs3 & 31, ..insn }
}

/// Returns the instruction that does the same and reads no `x0`, where it is a move.
fn simplified(insn: Insn) -> Insn {
    match insn {
        Insn { op: Op::Add, rs1: 0, .. } => Insn { op: Op::Addi, rs1: insn.rs2, rs2: 0, imm: 0, ..insn },
        insn => insn,
    }
}

/// Decodes the instruction at `offset`; `None` when it is illegal or not all of it is in the page.
fn decode_at(isa: Isa, page: &[u8; PAGE_SIZE as usize], offset: usize) -> Option<Insn> {
    let low = u16::from_le_bytes(*page.get(offset..)?.first_chunk()?);
    if low & 0b11 != 0b11 {
        return isa.decode(low.into());
    }
    isa.decode(u32::from_le_bytes(*page.get(offset..)?.first_chunk()?))
}

/// Whether nothing that follows in memory can be executed next without asking again.
///
/// A branch may fall through; a CSR that U-mode may access changes nothing that fetches depend on.
pub(super) fn ends_block(insn: &Insn) -> bool {
    match insn.op.format() {
        Format::Branch => false,
        Format::Csr | Format::CsrImm => csr::is_privileged(insn.imm as u16),
        _ => insn.op.ends_block(),
    }
}
