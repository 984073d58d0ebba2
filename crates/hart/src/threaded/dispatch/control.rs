//! Control flow: branches and jumps, links between blocks, and the way out of a page.
//!
//! The safety argument is the parent's: a link is only ever set to the first slot of a block of the same page.

use super::{Handler, at, next, the};
use crate::Hart;
use crate::exec::immediate;
use crate::threaded::Run;
use crate::threaded::block::Slot;
use std::ptr::null;
use std::sync::atomic::Ordering;
use tine_mmu::{Ram, Stamp, VirtAddr};
pub(super) fn branch<F: Fn(u64, u64) -> bool + Copy>(_: F) -> Handler {
    unsafe fn handler<F: Fn(u64, u64) -> bool + Copy>(
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
            if the::<F>()(hart.x(insn.rs1), hart.x(insn.rs2)) {
                transfer(hart, ram, run, slot, page, start)
            } else {
                next(hart, ram, run, slot, page, start)
            }
        }
    }
    handler::<F>
}

pub(super) unsafe fn jal(
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
        hart.set_x(insn.rd, (at(slot).pc(page) + u64::from(insn.len)).0);
        transfer(hart, ram, run, slot, page, start)
    }
}

/// JAL to another page.
pub(super) unsafe fn far_jal(
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
        let pc = at(slot).pc(page);
        hart.set_x(insn.rd, (pc + u64::from(insn.len)).0);
        hart.pc = pc + immediate(insn);
        jump(hart, ram, run, slot, page, start)
    }
}

pub(super) unsafe fn jalr(
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
        // The target is computed first: rd may be rs1.
        hart.pc = VirtAddr(hart.effective_address(insn).0 & !1);
        hart.set_x(insn.rd, (at(slot).pc(page) + u64::from(insn.len)).0);
        jump(hart, ram, run, slot, page, start)
    }
}

/// Goes to the target of a direct transfer, through the slot's link.
///
/// # Safety
/// See the module.
#[inline(always)]
unsafe fn transfer(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module. A link that is not null points at a block's first slot.
    unsafe {
        let link: *const Slot = at(slot).link.load(Ordering::Relaxed);
        if link.is_null() {
            return follow(hart, ram, run, slot, page, start);
        }
        let done = at(slot).done(start);
        if done + at(link).length() > run.limit {
            return follow(hart, ram, run, slot, page, start);
        }
        run.books.leave(at(slot).loads, at(slot).stores);
        ((*link).run)(hart, ram, run, link, page, done)
    }
}

/// Behind a block's last instruction, in the same page: the next block is the target.
pub(super) unsafe fn fall_on(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe { transfer(hart, ram, run, slot, page, start) }
}

/// Behind a block's last instruction, at the end of the page.
pub(super) unsafe fn fall_out(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe {
        hart.pc = at(slot).pc(page);
        jump(hart, ram, run, slot, page, start)
    }
}

/// A direct transfer that has no link yet, or none that can be taken.
#[cold]
#[inline(never)]
unsafe fn follow(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module.
    unsafe {
        hart.pc = at(slot).target(page);
        link(ram, run, at(slot), page, hart.pc);
        jump(hart, ram, run, slot, page, start)
    }
}

/// Links a slot with the block at its target, where that is in the page and can be decoded.
fn link(ram: &Ram, run: &mut Run<'_>, slot: &Slot, page: VirtAddr, target: VirtAddr) {
    if target.page_floor() == page
        && let Some(block) = run.shared.blocks.block(ram, run.code, target.offset())
    {
        slot.link.store(std::ptr::from_ref(block).cast_mut(), Ordering::Relaxed);
    }
}

/// Goes to `hart.pc`: into another page only by way of the instruction TLB. The slot's instruction has retired.
#[inline(never)]
unsafe fn jump(
    hart: &mut Hart,
    ram: &mut Ram,
    run: &mut Run<'_>,
    slot: *const Slot,
    page: VirtAddr,
    start: u64,
) {
    // SAFETY: see the module: `find` returns the first slot of a block.
    unsafe {
        let (target, done) = (hart.pc.page_floor(), at(slot).done(start));
        run.books.leave(at(slot).loads, at(slot).stores);
        let found = find(hart, run, page, done);
        if found.is_null() {
            return run.books.close(hart, done, done);
        }
        ((*found).run)(hart, ram, run, found, target, done)
    }
}

/// Finds the block at `hart.pc`, where it is at hand and fits into the budget; null where it is not.
#[inline(always)]
fn find(hart: &mut Hart, run: &mut Run<'_>, page: VirtAddr, done: u64) -> *const Slot {
    if done >= run.limit {
        // The next instruction is not fetched.
        return null();
    }
    let code = if hart.pc.page_floor() == page {
        run.code
    } else {
        let at = hart.mmu.fetch_fast(hart.pc, Stamp::at(done));
        match at.and_then(|at| run.shared.blocks.recent_page(at.ppn())) {
            Some(code) => code,
            None => return null(),
        }
    };
    match run.shared.blocks.known_block(code, hart.pc.offset()) {
        Some(block) if done + block.length() <= run.limit => {
            run.code = code;
            block
        }
        _ => null(),
    }
}
