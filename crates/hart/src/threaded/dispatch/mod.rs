//! Threaded dispatch: the one room of this crate with `unsafe`.
//!
//! A handler executes its slot's instruction and ends in a call of the next slot's handler, which optimised builds turn
//! into a jump. So that they can, all handlers have one signature whose arguments fit into registers, nothing that one
//! of them owns outlives its last call, and whatever needs a stack frame is behind a call that returns before it.
//!
//! The arguments: the hart, the [`Run`], the slot, the instant of its instruction, and what the slot before it left
//! ([`operation`]).
//!
//! # Safety
//! Everything rests on one invariant: a slot pointer that is followed points into a block of [`Blocks`](super::Blocks),
//! at one of its instructions or at what stands behind the last one. It holds because
//! - [`enter`] is given the first slot of a block,
//! - only instructions that may go on to the next one go on to the slot after theirs, and there is one after each of them,
//! - a link is only ever set to the first slot of a block of the same page, whose blocks are dropped together,
//! - blocks are freed only by code that has the `Blocks` to itself while no handler runs.
//!
//! Registers are read without a check of their number: [`decode_block`](super::block::decode_block) has made sure of it.
//!
//! Memory is accessed without a check where the shortcut says that it lies: that is always in the memory that [`enter`] has made
//! sure to be the one of the RAM that is borrowed for the whole dispatch.
#![expect(
    unsafe_code,
    reason = "threaded dispatch follows slot pointers: more than twice as fast as a match in a loop"
)]

mod access;
mod control;
mod float;
mod operation;
mod row;
mod select;

pub(super) use select::{held, select};

use super::Run;
use super::block::{Placed, ends_block};
use super::slot::Slot;
use crate::Hart;
use crate::trap::Trap;
use control::{FallOn, FallOut};
use operation::{Operation, handler};
use std::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use tine_isa::Op;
use tine_mmu::{HostAddr, Instant, Ram, VirtAddr};

/// Executes the instruction of a slot, and everything after it until the dispatch ends.
pub(super) type Handler = unsafe fn(&mut Hart, &mut Run<'_>, *const Slot, Instant, u64);

/// What came of entering a block.
pub(super) enum Entered {
    /// It was executed, and what followed, until something must be asked outside.
    Executed(Result<(), Trap>),
    /// There is none, or it does not fit into the budget.
    Nothing,
}

/// Executes blocks, beginning with the one whose first slot is `first`.
///
/// `first` must be null or what [`Blocks::block`](super::Blocks::block) returned just now for the frame that `hart.pc`
/// translates to, at that offset.
///
/// # Panics
/// When the hart's MMU was not told of this [`Ram`] when it was resumed.
pub(super) fn enter(hart: &mut Hart, mut run: Run<'_>, first: *const Slot, clock: Instant) -> Entered {
    assert!(hart.mmu.host() == run.ram.host(), "the MMU was resumed with another RAM");
    // SAFETY: see the module. `run` holds the `Blocks` for as long as handlers run.
    unsafe {
        if first.is_null() || u64::from(run.shared.blocks.place(first).length) > run.books.left(hart) {
            return Entered::Nothing;
        }
        ((*first).run)(hart, &mut run, first, clock, 0);
    }
    Entered::Executed(run.trap.map_or(Ok(()), Err))
}

/// Returns the handler of what stands behind a block's last instruction.
pub(super) fn fall_through(behind: &Placed) -> Handler {
    if behind.is_link() { handler::<FallOn>() } else { handler::<FallOut>() }
}

/// Returns the address that the instruction of a slot names.
#[inline(always)]
fn effective_address(hart: &Hart, slot: &Slot) -> VirtAddr {
    VirtAddr(hart.x(slot.rs1).wrapping_add(slot.immediate()))
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

/// Goes on to the slot after an instruction's.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn next(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
    // SAFETY: the caller's: there is a slot after every instruction's.
    unsafe {
        let next = slot.add(1);
        ((*next).run)(hart, run, next, clock, acc)
    }
}

/// Loads from RAM.
///
/// # Safety
/// [`Mmu::load_fast`](tine_mmu::Mmu::load_fast) has just found so many bytes there, or others of the page that they lie in.
#[inline(always)]
unsafe fn load_at<const N: usize>(_: &Ram, at: HostAddr) -> [u8; N] {
    // SAFETY: see the module. All of the bytes lie in the memory of the RAM.
    unsafe { with_exposed_provenance::<[u8; N]>(at.0 as usize).read() }
}

/// Stores to RAM.
///
/// # Safety
/// [`Mmu::store_fast`](tine_mmu::Mmu::store_fast) has just found so many bytes there, or others of the page that they lie in.
#[inline(always)]
unsafe fn store_at<const N: usize>(_: &mut Ram, at: HostAddr, value: [u8; N]) {
    // SAFETY: see the module. All of the bytes lie in the memory of the RAM.
    unsafe { with_exposed_provenance_mut::<[u8; N]>(at.0 as usize).write(value) }
}

/// Whatever has no handler of its own.
struct General;

impl Operation for General {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { general(hart, run, slot, clock, acc) }
    }
}

/// What has no handler of its own, and what the fast ones cannot do.
#[inline(never)]
unsafe fn general(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, _: u64) {
    // SAFETY: see the module. After a block's last instruction the next slot is the one behind it.
    unsafe {
        if let Some(clock) = perform(hart, run, at(slot), clock) {
            let held = run.shared.blocks.place(slot).held;
            next(hart, run, slot, clock, hart.x(held));
        }
    }
}

/// Executes a slot's instruction as the plain engine does, with all counters brought up to it.
///
/// # Returns
/// The instant of the next slot's; `None` where the dispatch ends.
#[inline(never)]
fn perform(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, clock: Instant) -> Option<Instant> {
    let Placed { insn, offset, .. } = run.shared.blocks.place(slot);
    hart.pc = run.page + u64::from(offset);
    run.books.close(hart, clock);
    hart.mmu.add_lookups(1, 0, 0);
    let result = match insn.op {
        // Each system call comes here.
        Op::Ecall => Err(hart.ecall()),
        _ => hart.perform(run.ram, run.shared, &insn),
    };
    if let Err(trap) = result {
        // An illegal instruction leaves its bits in stval. Fetching them again is a hit that changes nothing.
        let bits =
            if trap.is_illegal() { hart.mmu.fetch(run.ram, hart.pc, hart.stamp()).unwrap_or(0) } else { 0 };
        run.trap = Some(trap.or_bits(bits));
        return None;
    }
    if ends_block(&insn) || run.ram.has_rewritten() || run.ram.has_watched() {
        return None;
    }
    Some(run.books.skip(clock))
}
