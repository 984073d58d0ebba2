//! Threaded dispatch: the one room of this crate with `unsafe`.
//!
//! A handler executes its slot's instruction and ends in a call of the next slot's handler, which optimised builds turn
//! into a jump. So that they can, all handlers have one signature whose arguments fit into registers, nothing that one
//! of them owns outlives its last call, and whatever needs a stack frame is behind a call that returns before it.
//!
//! The arguments: the hart, RAM, the [`Run`], the slot, the virtual address at which its page is mapped now, and the
//! position (retired instructions) at which its block was entered.
//!
//! # Safety
//! Everything rests on one invariant: a slot pointer that is followed points into a block of [`Blocks`](super::Blocks),
//! at one of its instructions or at what stands behind the last one. It holds because
//! - [`enter`] is given the first slot of a block,
//! - only instructions go on to the slot after theirs, and there is one after every instruction,
//! - a link is only ever set to the first slot of a block of the same page, whose blocks are freed together,
//! - blocks are freed only by code that has the `Blocks` to itself while no handler runs.
#![expect(
    unsafe_code,
    reason = "threaded dispatch follows slot pointers: more than twice as fast as a match in a loop"
)]

mod control;

use super::Run;
use super::block::{Slot, ends_block};
use crate::exec::immediate;
use crate::trap::Trap;
use crate::{Hart, alu, bytes};
use control::{branch, fall_on, fall_out, far_jal, jal, jalr};
use std::ptr::NonNull;
use tine_isa::{Insn, Memory, Op};
use tine_mmu::{PAGE_SIZE, Ram, Stamp, VirtAddr};

/// Executes the instruction of a slot, and everything after it until the dispatch ends.
pub(super) type Handler = unsafe fn(&mut Hart, &mut Ram, &mut Run<'_>, *const Slot, VirtAddr, u64);

/// Executes blocks, beginning with the one whose first slot is `first`, until something must be asked outside.
///
/// `first` must begin a block of the frame that `hart.pc` translates to, at that offset.
pub(super) fn enter(
    hart: &mut Hart,
    ram: &mut Ram,
    mut run: Run<'_>,
    first: *const Slot,
) -> Result<(), Trap> {
    let (page, start) = (hart.pc.page_floor(), hart.retired());
    // SAFETY: see the module. `run` holds the `Blocks` for as long as handlers run.
    unsafe { ((*first).run)(hart, ram, &mut run, first, page, start) };
    run.trap.map_or(Ok(()), Err)
}

/// Returns the handler of an instruction at `offset` of its page.
pub(super) fn handler(insn: &Insn, offset: usize) -> Handler {
    match insn.op {
        Op::Lui => lui,
        Op::Auipc => auipc,
        Op::Jal if is_in_page(insn, offset) => jal,
        Op::Jal => far_jal,
        Op::Jalr => jalr,
        Op::Beq => branch(alu::eq),
        Op::Bne => branch(alu::ne),
        Op::Blt => branch(alu::lt),
        Op::Bge => branch(alu::ge),
        Op::Bltu => branch(alu::ltu),
        Op::Bgeu => branch(alu::geu),
        Op::Lb => load(bytes::lb),
        Op::Lh => load(bytes::lh),
        Op::Lw => load(bytes::lw),
        Op::Ld => load(bytes::ld),
        Op::Lbu => load(bytes::lbu),
        Op::Lhu => load(bytes::lhu),
        Op::Lwu => load(bytes::lwu),
        Op::Sb => store::<1>,
        Op::Sh => store::<2>,
        Op::Sw => store::<4>,
        Op::Sd => store::<8>,
        Op::Addi => reg_imm(alu::add),
        Op::Slti => reg_imm(alu::slt),
        Op::Sltiu => reg_imm(alu::sltu),
        Op::Xori => reg_imm(alu::xor),
        Op::Ori => reg_imm(alu::or),
        Op::Andi => reg_imm(alu::and),
        Op::Slli => reg_imm(alu::sll),
        Op::Srli => reg_imm(alu::srl),
        Op::Srai => reg_imm(alu::sra),
        Op::Addiw => reg_imm(alu::addw),
        Op::Slliw => reg_imm(alu::sllw),
        Op::Srliw => reg_imm(alu::srlw),
        Op::Sraiw => reg_imm(alu::sraw),
        Op::Add => reg_reg(alu::add),
        Op::Sub => reg_reg(alu::sub),
        Op::Sll => reg_reg(alu::sll),
        Op::Slt => reg_reg(alu::slt),
        Op::Sltu => reg_reg(alu::sltu),
        Op::Xor => reg_reg(alu::xor),
        Op::Srl => reg_reg(alu::srl),
        Op::Sra => reg_reg(alu::sra),
        Op::Or => reg_reg(alu::or),
        Op::And => reg_reg(alu::and),
        Op::Addw => reg_reg(alu::addw),
        Op::Subw => reg_reg(alu::subw),
        Op::Sllw => reg_reg(alu::sllw),
        Op::Srlw => reg_reg(alu::srlw),
        Op::Sraw => reg_reg(alu::sraw),
        Op::Mul => reg_reg(alu::mul),
        Op::Mulh => reg_reg(alu::mulh),
        Op::Mulhsu => reg_reg(alu::mulhsu),
        Op::Mulhu => reg_reg(alu::mulhu),
        Op::Div => reg_reg(alu::div),
        Op::Divu => reg_reg(alu::divu),
        Op::Rem => reg_reg(alu::rem),
        Op::Remu => reg_reg(alu::remu),
        Op::Mulw => reg_reg(alu::mulw),
        Op::Divw => reg_reg(alu::divw),
        Op::Divuw => reg_reg(alu::divuw),
        Op::Remw => reg_reg(alu::remw),
        Op::Remuw => reg_reg(alu::remuw),
        Op::Flw => float_load(bytes::flw),
        Op::Fld => float_load(bytes::ld),
        Op::Fsw => float_store::<4>,
        Op::Fsd => float_store::<8>,
        // Everything else costs more than finding it in the list of `Hart::execute`.
        op if op.memory() == Memory::None && !op.ends_block() => registers_alone,
        _ => general,
    }
}

/// Returns the handler of the slot behind a block's last instruction, which is at `offset`.
pub(super) fn fall_through(offset: usize) -> Handler {
    if offset < PAGE_SIZE as usize { fall_on } else { fall_out }
}

/// Whether a direct jump at `offset` stays in its page.
fn is_in_page(insn: &Insn, offset: usize) -> bool {
    (0..PAGE_SIZE as i64).contains(&(offset as i64 + i64::from(insn.imm)))
}

impl Slot {
    #[inline(always)]
    fn pc(&self, page: VirtAddr) -> VirtAddr {
        page + u64::from(self.offset)
    }

    /// Returns where a direct transfer goes.
    fn target(&self, page: VirtAddr) -> VirtAddr {
        self.pc(page) + immediate(&self.insn)
    }

    /// Returns the position behind the slot's instruction.
    #[inline(always)]
    fn done(&self, start: u64) -> u64 {
        start + u64::from(self.index) + 1
    }
}

/// Returns the slot that a pointer followed by a handler points at.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn at<'a>(slot: *const Slot) -> &'a Slot {
    // SAFETY: the caller's.
    unsafe { &*slot }
}

/// Returns the one value of a function's own type.
///
/// # Safety
/// There must be such a value: whoever names the type was given it.
#[inline(always)]
unsafe fn the<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0) };
    // SAFETY: reading no bytes takes an aligned pointer alone, and the caller says that a value exists.
    unsafe { NonNull::<F>::dangling().read() }
}

/// Goes on to the slot after an instruction's.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn next(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: the caller's: there is a slot after every instruction's.
    unsafe {
        let next = slot.add(1);
        ((*next).run)(hart, ram, run, next, page, start)
    }
}

fn reg_reg<F: Fn(u64, u64) -> u64 + Copy>(_: F) -> Handler {
    unsafe fn handler<F: Fn(u64, u64) -> u64 + Copy>(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        page: VirtAddr,
        start: u64,
    ) {
        // SAFETY: see the module.
        unsafe {
            let insn = &at(slot).insn;
            hart.set_x(insn.rd, the::<F>()(hart.x(insn.rs1), hart.x(insn.rs2)));
            next(hart, ram, run, slot, page, start)
        }
    }
    handler::<F>
}

fn reg_imm<F: Fn(u64, u64) -> u64 + Copy>(_: F) -> Handler {
    unsafe fn handler<F: Fn(u64, u64) -> u64 + Copy>(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        page: VirtAddr,
        start: u64,
    ) {
        // SAFETY: see the module.
        unsafe {
            let insn = &at(slot).insn;
            hart.set_x(insn.rd, the::<F>()(hart.x(insn.rs1), immediate(insn)));
            next(hart, ram, run, slot, page, start)
        }
    }
    handler::<F>
}

unsafe fn lui(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe {
        let insn = &at(slot).insn;
        hart.set_x(insn.rd, immediate(insn));
        next(hart, ram, run, slot, page, start)
    }
}

unsafe fn auipc(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe {
        let insn = &at(slot).insn;
        hart.set_x(insn.rd, (at(slot).pc(page) + immediate(insn)).0);
        next(hart, ram, run, slot, page, start)
    }
}

fn load<const N: usize, F: Fn([u8; N]) -> u64 + Copy>(_: F) -> Handler {
    unsafe fn handler<const N: usize, F: Fn([u8; N]) -> u64 + Copy>(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        page: VirtAddr,
        start: u64,
    ) {
        // SAFETY: see the module.
        unsafe {
            let insn = &at(slot).insn;
            let stamp = Stamp::at(start + u64::from(at(slot).index));
            match hart.mmu.load_fast::<N>(ram, hart.effective_address(insn), stamp) {
                Some(loaded) => {
                    hart.set_x(insn.rd, the::<F>()(loaded));
                    next(hart, ram, run, slot, page, start)
                }
                None => general(hart, ram, run, slot, page, start),
            }
        }
    }
    handler::<N, F>
}

unsafe fn store<const N: usize>(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe {
        let insn = &at(slot).insn;
        let stamp = Stamp::at(start + u64::from(at(slot).index));
        let value = bytes::low::<N>(hart.x(insn.rs2));
        match hart.mmu.store_fast(ram, hart.effective_address(insn), value, stamp) {
            Some(()) => next(hart, ram, run, slot, page, start),
            None => general(hart, ram, run, slot, page, start),
        }
    }
}

fn float_load<const N: usize, F: Fn([u8; N]) -> u64 + Copy>(_: F) -> Handler {
    unsafe fn handler<const N: usize, F: Fn([u8; N]) -> u64 + Copy>(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        page: VirtAddr,
        start: u64,
    ) {
        // SAFETY: see the module.
        unsafe {
            let insn = &at(slot).insn;
            let stamp = Stamp::at(start + u64::from(at(slot).index));
            if hart.require_fp().is_ok()
                && let Some(loaded) = hart.mmu.load_fast::<N>(ram, hart.effective_address(insn), stamp)
            {
                hart.set_f(insn.rd, the::<F>()(loaded));
                next(hart, ram, run, slot, page, start)
            } else {
                general(hart, ram, run, slot, page, start)
            }
        }
    }
    handler::<N, F>
}

unsafe fn float_store<const N: usize>(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe {
        let insn = &at(slot).insn;
        let stamp = Stamp::at(start + u64::from(at(slot).index));
        let value = bytes::low::<N>(hart.f(insn.rs2));
        if hart.require_fp().is_ok()
            && let Some(()) = hart.mmu.store_fast(ram, hart.effective_address(insn), value, stamp)
        {
            next(hart, ram, run, slot, page, start)
        } else {
            general(hart, ram, run, slot, page, start)
        }
    }
}

/// What reads and writes registers alone, wherever it is: no counter has to be right for it.
unsafe fn registers_alone(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    /// Tells whether the instruction was executed; where it traps, nothing has happened.
    #[inline(never)]
    fn execute(hart: &mut Hart, ram: &mut Ram, run: &mut Run<'_>, insn: &Insn) -> bool {
        hart.execute(ram, run.shared, insn).is_ok()
    }
    // SAFETY: see the module.
    unsafe {
        if execute(hart, ram, run, &at(slot).insn) {
            next(hart, ram, run, slot, page, start)
        } else {
            general(hart, ram, run, slot, page, start)
        }
    }
}

/// Whatever has no handler of its own, and what the fast ones cannot do.
#[inline(never)]
unsafe fn general(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module. After a block's last instruction the next slot is the one behind it.
    unsafe {
        match perform(hart, ram, run, at(slot), page, start) {
            Flow::Next => next(hart, ram, run, slot, page, start),
            Flow::Leave => {}
        }
    }
}

/// Whether execution goes on with the next slot.
#[derive(PartialEq, Eq)]
enum Flow {
    Next,
    Leave,
}

/// Executes a slot's instruction as the plain engine does, with all counters brought up to it.
#[inline(never)]
fn perform(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: &Slot,
    page: VirtAddr,
    start: u64,
) -> Flow {
    let done = slot.done(start);
    hart.pc = slot.pc(page);
    run.books.leave(slot.loads, slot.stores);
    run.books.close(hart, done - 1, done);
    if let Err(trap) = hart.perform(ram, run.shared, &slot.insn) {
        // An illegal instruction leaves its bits in stval. Fetching them again is a hit that changes nothing.
        let bits =
            if trap.is_illegal() { hart.mmu.fetch(ram, hart.pc, hart.stamp()).unwrap_or(0) } else { 0 };
        run.trap = Some(trap.or_bits(bits));
        return Flow::Leave;
    }
    if ends_block(&slot.insn) || ram.has_rewritten() || ram.has_watched() {
        return Flow::Leave;
    }
    let (loads, stores) = match slot.insn.op.memory() {
        Memory::None => (0, 0),
        Memory::Load => (1, 0),
        Memory::Store => (0, 1),
    };
    run.books.enter_at(slot.loads + loads, slot.stores + stores);
    Flow::Next
}
