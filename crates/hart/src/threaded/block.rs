//! A block: instructions that follow each other in one page, decoded.

use super::dispatch::{self, Handler};
use crate::csr;
use std::sync::atomic::AtomicPtr;
use tine_isa::{Format, Insn, Isa, Memory, Op};
use tine_mmu::PAGE_SIZE;

/// The most instructions of a block: more would make the tail of a budget long, which is stepped.
const LONGEST: u16 = 64;

/// One instruction of a block, or what stands behind its last one.
///
/// It holds no virtual address, so that whoever maps the frame can execute it.
pub(super) struct Slot {
    pub(super) run: Handler,
    /// Where a direct transfer goes: the first slot of a block of the same page, once it is known.
    ///
    /// Atomic only so that blocks may move between host threads; one hart runs at a time.
    pub(super) link: AtomicPtr<Slot>,
    /// The instruction; behind the last one, a jump to where it stands.
    pub(super) insn: Insn,
    /// Where the instruction is in its page.
    pub(super) offset: u16,
    /// How many instructions precede it in the block; behind the last one, as for that one.
    pub(super) index: u16,
    /// How many loads precede it in the block.
    pub(super) loads: u16,
    /// How many stores precede it in the block.
    pub(super) stores: u16,
    /// How many instructions the block has; in its first slot.
    length: u16,
}

impl Slot {
    /// Returns how many instructions the block has that begins here.
    pub(super) fn length(&self) -> u64 {
        self.length.into()
    }
}

/// Decodes the block that begins at `offset` of a page; `None` where no instruction can be cached.
///
/// It ends behind an instruction that always transfers control or changes how fetches behave, at one that is illegal or
/// leaves the page, or when it is long enough.
pub(super) fn decode_block(isa: Isa, page: &[u8; PAGE_SIZE as usize], offset: u64) -> Option<Vec<Slot>> {
    let mut slots: Vec<Slot> = Vec::new();
    let (mut loads, mut stores) = (0, 0);
    let mut offset = offset as usize;
    let mut ended = false;
    while !ended && slots.len() < LONGEST.into() {
        let Some(insn) = decode_at(isa, page, offset) else { break };
        ended = ends_block(&insn);
        slots.push(Slot {
            run: dispatch::handler(&insn, offset),
            link: AtomicPtr::default(),
            insn,
            offset: offset as u16,
            index: slots.len() as u16,
            loads,
            stores,
            length: 0,
        });
        match insn.op.memory() {
            Memory::Load => loads += 1,
            Memory::Store => stores += 1,
            Memory::None => {}
        }
        offset += usize::from(insn.len);
    }
    let index = slots.last()?.index;
    let insn = Insn { op: Op::Jal, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 0, len: 0 };
    let run = dispatch::fall_through(offset);
    let link = AtomicPtr::default();
    slots[0].length = slots.len() as u16;
    slots.push(Slot { run, link, insn, offset: offset as u16, index, loads, stores, length: 0 });
    Some(slots)
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
