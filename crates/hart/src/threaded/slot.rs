//! What handlers read.

use super::block::Placed;
use super::dispatch::Handler;
use crate::float::Registers;
use std::cell::Cell;
use tine_isa::{Format, Op};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// One instruction of a block, or what stands behind its last one: what its handler needs where nothing is in its way. The rest is
/// in its [`Placed`], which [`Blocks::place`](super::Blocks::place) finds.
///
/// It holds no virtual address, so that whoever maps the frame can execute it.
pub(super) struct Slot {
    pub(super) run: Handler,
    /// The immediate. What depends on where the instruction is has the sum of both, as an offset in the page, and a direct
    /// transfer within the page its link.
    number: Cell<i32>,
    pub(super) rd: u8,
    pub(super) rs1: u8,
    /// `rs2`; of a jump, the low byte of where the instruction behind it is in the page.
    pub(super) rs2: u8,
    /// The high one.
    behind: u8,
}

// A program's code is many of them: four are a line of the host's caches.
const _: () = assert!(size_of::<Slot>() == 16);

/// A link that is not known. Others say how many bytes away the first slot of the target is, which is a multiple of a slot's.
const UNKNOWN: i32 = 1;

impl Slot {
    pub(super) fn new(run: Handler, placed: &Placed) -> Self {
        let Placed { insn, .. } = placed;
        let number = match insn.op {
            _ if placed.is_link() => UNKNOWN,
            Op::Auipc | Op::Jal => placed.target(),
            op if op.format() == Format::Branch => placed.target(),
            op if op.format() == Format::Fma => insn.rs3.into(),
            _ => insn.imm,
        };
        let [rs2, behind] = match insn.op {
            Op::Jal | Op::Jalr => (placed.offset + u16::from(insn.len)).to_le_bytes(),
            _ => [insn.rs2, 0],
        };
        Self { run, number: Cell::new(number), rd: insn.rd, rs1: insn.rs1, rs2, behind }
    }

    /// Returns the registers of a floating-point instruction.
    #[inline(always)]
    pub(super) fn float_registers(&self) -> Registers {
        Registers { rd: self.rd, rs1: self.rs1, rs2: self.rs2, rs3: self.number.get() as u8 }
    }

    /// Returns the sign-extended immediate.
    #[inline(always)]
    pub(super) fn immediate(&self) -> u64 {
        self.number.get() as u64
    }

    /// Returns what lies as far from the instruction as its immediate says.
    #[inline(always)]
    pub(super) fn target(&self, page: VirtAddr) -> VirtAddr {
        page + self.number.get() as u64
    }

    /// Returns the address of the instruction behind a jump.
    #[inline(always)]
    pub(super) fn behind(&self, page: VirtAddr) -> VirtAddr {
        page + u64::from(u16::from_le_bytes([self.rs2, self.behind]))
    }

    /// Returns how many bytes away the slot is that a direct transfer within the page goes to, once that is known.
    #[inline(always)]
    pub(super) fn link(&self) -> Option<isize> {
        let link = self.number.get();
        if link == UNKNOWN { None } else { Some(link as isize) }
    }

    /// Has a direct transfer within the page go to a slot of the same [`Blocks`](super::Blocks).
    pub(super) fn set_link(&self, to: *const Self) {
        let distance = to.addr().wrapping_sub(std::ptr::from_ref(self).addr()).cast_signed();
        self.number.set(distance as i32);
    }
}

impl Placed {
    /// Returns what lies as far from the instruction as its immediate says: an offset in its page, or beyond it.
    pub(super) fn target(&self) -> i32 {
        // What is added to the address of an instruction is a multiple of the page size or far smaller than its type allows.
        self.insn.imm + i32::from(self.offset)
    }

    /// Whether it is a branch or a direct jump that stays in its page.
    pub(super) fn is_link(&self) -> bool {
        (self.insn.op == Op::Jal || self.insn.op.format() == Format::Branch)
            && (0..PAGE_SIZE as i32).contains(&self.target())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threaded::dispatch;
    use tine_isa::Insn;

    #[test]
    fn a_link_leads_to_any_slot_even_itself() {
        let insn = Insn { op: Op::Jal, rd: 0, rs1: 0, rs2: 0, rs3: 0, rm: 0, imm: 8, len: 4 };
        let jump = Placed { insn, offset: 0, held: 0, length: 1 };
        let slots = [(); 3].map(|()| Slot::new(dispatch::fall_through(&jump), &jump));
        assert_eq!(slots[1].link(), None);
        for (to, distance) in slots.iter().zip([-16, 0, 16]) {
            slots[1].set_link(to);
            assert_eq!(slots[1].link(), Some(distance));
        }
    }
}
