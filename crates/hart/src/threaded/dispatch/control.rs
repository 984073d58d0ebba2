//! Control flow: branches and jumps, links between blocks, and the way out of a page.
//!
//! The safety argument is the parent's: a link is only ever set to the first slot of a block of the same page.

use super::operation::{Operation, Source, the};
use super::{at, effective_address, next};
use crate::Hart;
use crate::threaded::Run;
use crate::threaded::books::Tick;
use crate::threaded::slot::Slot;
use std::marker::PhantomData;
use std::ptr::null;
use tine_mmu::{Instant, VirtAddr};

/// How a direct transfer goes to its target.
pub(super) trait Way {
    /// Goes there. The slot's instruction has retired.
    ///
    /// # Safety
    /// See the module.
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64);
}

/// Within the page: by the slot's link.
pub(super) struct Near;

impl Way for Near {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { transfer(hart, run, slot, clock, acc) }
    }
}

/// To another page: by its address.
pub(super) struct Far;

impl Way for Far {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe {
            hart.pc = at(slot).target(run.page);
            jump(hart, run, clock, acc)
        }
    }
}

/// To the target where F(rs1, rs2) holds.
pub(super) struct Branch<F, A, B, W>(PhantomData<(F, A, B, W)>);

impl<F: Fn(u64, u64) -> bool + Copy, A: Source, B: Source, W: Way> Operation for Branch<F, A, B, W> {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's; `select` was given the function.
        unsafe {
            let done = Tick::PLAIN.after(clock);
            if the::<F>()(A::read(hart, at(slot).rs1, acc), B::read(hart, at(slot).rs2, acc)) {
                W::go(hart, run, slot, done, acc)
            } else {
                next(hart, run, slot, done, acc)
            }
        }
    }
}

/// JAL, which leaves in `rd` where it came from if it `LINKS`.
pub(super) struct Jal<W, const LINKS: bool>(PhantomData<W>);

impl<W: Way, const LINKS: bool> Operation for Jal<W, LINKS> {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe {
            if LINKS {
                leave_return_address(hart, run, slot);
            }
            W::go(hart, run, slot, Tick::PLAIN.after(clock), acc)
        }
    }
}

/// JALR, to any page; the same holds.
pub(super) struct Jalr<const LINKS: bool>;

impl<const LINKS: bool> Operation for Jalr<LINKS> {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe {
            // The target is computed first: rd may be rs1.
            hart.pc = VirtAddr(effective_address(hart, at(slot)).0 & !1);
            if LINKS {
                leave_return_address(hart, run, slot);
            }
            jump(hart, run, Tick::PLAIN.after(clock), acc)
        }
    }
}

/// Writes to `rd`, which is not `x0`, where the instruction behind a jump is.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn leave_return_address(hart: &mut Hart, run: &Run<'_>, slot: *const Slot) {
    // SAFETY: the caller's: it is a register number of a slot.
    unsafe {
        let (slot, rd) = (at(slot), usize::from(at(slot).rd));
        debug_assert!((1..32).contains(&rd));
        *hart.x.get_unchecked_mut(rd) = slot.behind(run.page).0;
    }
}

/// Behind a block's last instruction, in the same page: the next block is the target.
pub(super) struct FallOn;

impl Operation for FallOn {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { transfer(hart, run, slot, clock, acc) }
    }
}

/// Behind a block's last instruction, at the end of the page.
pub(super) struct FallOut;

impl Operation for FallOut {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe {
            hart.pc = at(slot).target(run.page);
            jump(hart, run, clock, acc)
        }
    }
}

/// Goes to the target of a direct transfer, through the slot's link. The instruction has retired.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn transfer(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
    // SAFETY: see the module. A link leads to a block's first slot.
    unsafe {
        if !run.books.have_room(clock) {
            return follow(hart, run, slot, clock, acc);
        }
        let Some(distance) = at(slot).link() else { return follow(hart, run, slot, clock, acc) };
        let target = slot.byte_offset(distance);
        ((*target).run)(hart, run, target, clock, acc)
    }
}

/// A direct transfer that has no link yet, or none that can be taken without asking.
#[cold]
#[inline(never)]
unsafe fn follow(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
    // SAFETY: see the module.
    unsafe {
        let target = run.shared.blocks.place(slot).target();
        hart.pc = run.page + target as u64;
        link(run, at(slot), hart.pc);
        search(hart, run, clock, acc)
    }
}

/// Links a slot with the block at its target, where that can be decoded.
fn link(run: &mut Run<'_>, slot: &Slot, target: VirtAddr) {
    let code = run.shared.blocks.page(run.ram, run.frame);
    let block = run.shared.blocks.block(run.ram, code, target.offset());
    if !block.is_null() {
        slot.set_link(block);
    }
}

/// Goes to `hart.pc`, by way of the instruction TLB.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn jump(hart: &mut Hart, run: &mut Run<'_>, clock: Instant, acc: u64) {
    // SAFETY: see the module: targets are first slots of blocks, as long as those live.
    unsafe {
        if run.books.have_room(clock)
            && let Some(to) = hart.mmu.fetch_fast(hart.pc, clock)
        {
            let found = run.shared.blocks.target(to);
            if !found.is_null() {
                (run.frame, run.page) = (to.ppn(), hart.pc.page_floor());
                return ((*found).run)(hart, run, found, clock, acc);
            }
        }
        search(hart, run, clock, acc)
    }
}

/// Goes to `hart.pc` where nobody knows the way, or that may be too far.
#[cold]
#[inline(never)]
unsafe fn search(hart: &mut Hart, run: &mut Run<'_>, clock: Instant, acc: u64) {
    // SAFETY: see the module: `find` returns the first slot of a block.
    unsafe {
        let clock = if run.books.have_room(clock) { clock } else { run.books.renew(hart, clock) };
        let is_near_end = !run.books.have_room(clock);
        // Without room for another instruction, the next one is not fetched.
        if is_near_end && run.books.left(hart) == 0 {
            return;
        }
        let found = find(hart, run, clock);
        if found.is_null()
            || is_near_end && u64::from(run.shared.blocks.place(found).length) > run.books.left(hart)
        {
            return run.books.close(hart, clock);
        }
        ((*found).run)(hart, run, found, clock, acc)
    }
}

/// Finds the block at `hart.pc`, decoding it where necessary, and goes to its page; null where something must be done outside.
#[inline(never)]
fn find(hart: &mut Hart, run: &mut Run<'_>, clock: Instant) -> *const Slot {
    if run.shared.blocks.is_too_much() {
        return null();
    }
    let at = match hart.locate_pc(run.ram, clock) {
        Ok(at) => at,
        Err(trap) => {
            run.trap = Some(trap);
            return null();
        }
    };
    if !hart.mmu.may_fetch_frame(at.ppn()) {
        return null();
    }
    let code = run.shared.blocks.page(run.ram, at.ppn());
    // The frame may have become code just now.
    hart.mmu.notice_code(run.ram);
    let found = run.shared.blocks.block(run.ram, code, at.offset());
    if !found.is_null() {
        run.shared.blocks.add_target(at, found);
        (run.frame, run.page) = (at.ppn(), hart.pc.page_floor());
    }
    found
}
