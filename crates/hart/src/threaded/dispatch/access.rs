//! Loads and stores that are misaligned, or of which the host shortcut knows nothing: those ask the TLB.
//!
//! They do what [`perform`] does with them, without bringing the counters up to each: a program whose pages are more than a TLB
//! has entries comes here all the time.

use super::{effective_address, load_at, perform, store_at};
use crate::threaded::Run;
use crate::threaded::block::Placed;
use crate::threaded::books::Tick;
use crate::threaded::slot::Slot;
use crate::trap::Trap;
use crate::{Hart, Misaligned, bytes};
use tine_mmu::{Instant, MemoryFault};

/// Loads what a slot's instruction does: `N` bytes, the others 0. `None` where it traps.
#[cold]
#[inline(never)]
pub(super) fn load<const N: usize>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: &Slot,
    clock: Instant,
) -> Option<u64> {
    let address = effective_address(hart, slot);
    let is_aligned = address.0.is_multiple_of(N as u64);
    if hart.misaligned == Misaligned::Traps && !is_aligned {
        let _ = perform(hart, run, slot, clock);
        return None;
    }
    if !is_aligned && let Some(found) = hart.mmu.load_fast_in_page::<N>(address, clock) {
        // SAFETY: they were just found.
        return Some(bytes::wide(unsafe { load_at::<N>(run.ram, found) }));
    }
    let stamp = hart.mmu.stamp_of(clock);
    match hart.mmu.load::<N>(run.ram, address, stamp) {
        Ok(loaded) => Some(bytes::wide(loaded)),
        Err(fault) => {
            fail(hart, run, slot, clock, fault);
            None
        }
    }
}

/// Stores the low `N` bytes of a value where a slot's instruction does.
///
/// # Returns
/// The instant of the next slot's instruction; `None` where the dispatch ends.
#[cold]
#[inline(never)]
pub(super) fn store<const N: usize>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: &Slot,
    clock: Instant,
    value: u64,
) -> Option<Instant> {
    let address = effective_address(hart, slot);
    let is_aligned = address.0.is_multiple_of(N as u64);
    if hart.misaligned == Misaligned::Traps && !is_aligned {
        return perform(hart, run, slot, clock);
    }
    // No other hart has a reservation while this engine runs.
    let (stored, done) = (bytes::low::<N>(value), Tick::STORE.after(clock));
    if !is_aligned && let Some(found) = hart.mmu.store_fast_in_page::<N>(address, clock) {
        // SAFETY: they were just found.
        unsafe { store_at(run.ram, found, stored) };
        return Some(done);
    }
    let stamp = hart.mmu.stamp_of(clock);
    if let Err(fault) = hart.mmu.store(run.ram, address, stored, stamp) {
        fail(hart, run, slot, clock, fault);
        return None;
    }
    if run.ram.has_rewritten() || run.ram.has_watched() {
        let Placed { insn, offset, .. } = run.shared.blocks.place(slot);
        hart.pc = run.page + (u64::from(offset) + u64::from(insn.len));
        run.books.close(hart, done);
        return None;
    }
    Some(done)
}

/// Has a load or store trap: what is before it retired, it was fetched, and memory was asked.
fn fail(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, clock: Instant, fault: MemoryFault) {
    let Placed { insn, offset, .. } = run.shared.blocks.place(slot);
    hart.pc = run.page + u64::from(offset);
    run.books.close(hart, clock);
    let tick = Tick::of(&insn);
    hart.mmu.add_lookups(1, tick.loads(), tick.stores());
    let trap = Trap::from(fault);
    hart.note_device_access(&insn, &trap);
    run.trap = Some(trap);
}
