//! Loads and stores of which the host shortcut knows nothing: they ask the TLB.
//!
//! They do what [`perform`] does with them, without bringing the counters up to each: a program whose pages are more than a TLB
//! has entries comes here all the time.

use super::{Flow, perform};
use crate::threaded::Run;
use crate::threaded::block::Slot;
use crate::threaded::books::Accesses;
use crate::trap::Trap;
use crate::{Hart, Misaligned, bytes};
use tine_mmu::{Instant, MemoryFault, Stamp};

/// Loads what a slot's instruction does: `N` bytes, the others 0. `None` where it traps.
#[cold]
#[inline(never)]
pub(super) fn load<const N: usize>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: &Slot,
    clock: Instant,
) -> Option<u64> {
    let address = hart.effective_address(&slot.insn);
    if hart.misaligned == Misaligned::Traps && !address.0.is_multiple_of(N as u64) {
        let _ = perform(hart, run, slot, clock);
        return None;
    }
    match hart.mmu.load::<N>(run.ram, address, stamp(hart, slot, clock)) {
        Ok(loaded) => Some(bytes::wide(loaded)),
        Err(fault) => {
            fail(hart, run, slot, clock, fault);
            None
        }
    }
}

/// Stores the low `N` bytes of a value where a slot's instruction does.
#[cold]
#[inline(never)]
pub(super) fn store<const N: usize>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: &Slot,
    clock: Instant,
    value: u64,
) -> Flow {
    let address = hart.effective_address(&slot.insn);
    if hart.misaligned == Misaligned::Traps && !address.0.is_multiple_of(N as u64) {
        return perform(hart, run, slot, clock);
    }
    // No other hart has a reservation while this engine runs.
    if let Err(fault) = hart.mmu.store(run.ram, address, bytes::low::<N>(value), stamp(hart, slot, clock)) {
        fail(hart, run, slot, clock, fault);
        return Flow::Leave;
    }
    if run.ram.has_rewritten() || run.ram.has_watched() {
        let done = hart.mmu.stamp_of(slot.done(clock)).position();
        hart.pc = slot.pc(run.page) + u64::from(slot.insn.len);
        run.books.leave(slot.before + Accesses::of(&slot.insn));
        run.books.close(hart, done, done);
        return Flow::Leave;
    }
    Flow::Next
}

/// Returns when a slot's instruction makes its first look-up.
fn stamp(hart: &Hart, slot: &Slot, clock: Instant) -> Stamp {
    hart.mmu.stamp_of(clock.after(slot.index.into()))
}

/// Has a load or store trap: what is before it retired, it was fetched, and memory was asked.
fn fail(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, clock: Instant, fault: MemoryFault) {
    let done = hart.mmu.stamp_of(slot.done(clock)).position();
    hart.pc = slot.pc(run.page);
    run.books.leave(slot.before + Accesses::of(&slot.insn));
    run.books.close(hart, done.saturating_sub(1), done);
    let trap = Trap::from(fault);
    hart.note_device_access(&slot.insn, &trap);
    run.trap = Some(trap);
}
