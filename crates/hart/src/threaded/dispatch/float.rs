//! Floating point: loads, stores, and whatever else touches registers alone.

use super::operation::{At, Operation, Source, Step, handler, the};
use super::{access, at, general, load_at, next, store_at};
use crate::csr::FpState;
use crate::float::Registers;
use crate::threaded::Run;
use crate::threaded::block::Placed;
use crate::threaded::books::Tick;
use crate::threaded::slot::Slot;
use crate::{Hart, bytes};
use std::marker::PhantomData;
use tine_mmu::{Instant, VirtAddr};

/// Tells whether a write of a floating-point register leaves `mstatus.FS` as it is.
#[inline(always)]
pub(super) fn require_dirty(hart: &Hart) -> Option<()> {
    (hart.csrs.mstatus.fp() == FpState::Dirty).then_some(())
}

/// Tells whether floating-point registers may be read.
#[inline(always)]
pub(super) fn require_on(hart: &Hart) -> Option<()> {
    (hart.csrs.mstatus.fp() != FpState::Off).then_some(())
}

/// `fd = F(N bytes at rs1 + immediate)`
pub(super) struct FloatLoad<const N: usize, F, A>(PhantomData<(F, A)>);

impl<const N: usize, F: Fn([u8; N]) -> u64 + Copy, A: Source> Step for FloatLoad<N, F, A> {
    const TICK: Tick = Tick::LOAD;

    #[inline(always)]
    unsafe fn take(hart: &mut Hart, run: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        require_dirty(hart)?;
        let slot = at.slot;
        // SAFETY: the caller's; `select` was given the function.
        unsafe {
            let address = VirtAddr(A::read(hart, slot.rs1, at.acc).wrapping_add(slot.immediate()));
            let found = hart.mmu.load_fast::<N>(address, at.clock)?;
            hart.f[usize::from(slot.rd & 31)] = the::<F>()(load_at(run.ram, found));
        }
        Some(at.acc)
    }

    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { load_slowly::<N, F>(hart, run, slot, clock, acc) }
    }
}

#[cold]
#[inline(never)]
unsafe fn load_slowly<const N: usize, F: Fn([u8; N]) -> u64 + Copy>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: *const Slot,
    clock: Instant,
    acc: u64,
) {
    // SAFETY: the caller's; `select` was given the function.
    unsafe {
        if require_dirty(hart).is_none() {
            return general(hart, run, slot, clock, acc);
        }
        if let Some(loaded) = access::load::<N>(hart, run, at(slot), clock) {
            hart.f[usize::from(at(slot).rd & 31)] = the::<F>()(bytes::low(loaded));
            next(hart, run, slot, Tick::LOAD.after(clock), acc)
        }
    }
}

/// `N` bytes at rs1 + immediate become the low ones of fs2.
pub(super) struct FloatStore<const N: usize, A>(PhantomData<A>);

impl<const N: usize, A: Source> Step for FloatStore<N, A> {
    const TICK: Tick = Tick::STORE;

    #[inline(always)]
    unsafe fn take(hart: &mut Hart, run: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        require_on(hart)?;
        let slot = at.slot;
        // SAFETY: the caller's.
        unsafe {
            let address = VirtAddr(A::read(hart, slot.rs1, at.acc).wrapping_add(slot.immediate()));
            let found = hart.mmu.store_fast::<N>(address, at.clock)?;
            store_at(run.ram, found, bytes::low::<N>(hart.f(slot.rs2)));
        }
        Some(at.acc)
    }

    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { store_slowly::<N>(hart, run, slot, clock, acc) }
    }
}

#[cold]
#[inline(never)]
unsafe fn store_slowly<const N: usize>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: *const Slot,
    clock: Instant,
    acc: u64,
) {
    // SAFETY: the caller's.
    unsafe {
        if require_on(hart).is_none() {
            return general(hart, run, slot, clock, acc);
        }
        let value = hart.f(at(slot).rs2);
        if let Some(clock) = access::store::<N>(hart, run, at(slot), clock, value) {
            next(hart, run, slot, clock, acc)
        }
    }
}

/// What reads and writes floating-point registers and `fcsr` alone: `H` on the host where it can.
pub(super) struct Float<H>(PhantomData<H>);

impl<H: Fn(&mut Hart, Registers) -> Option<()> + Copy> Step for Float<H> {
    #[inline(always)]
    unsafe fn take(hart: &mut Hart, _: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        // SAFETY: the caller's; `select` was given the function.
        let on_host = unsafe { the::<H>() };
        on_host(hart, at.slot.float_registers())?;
        Some(at.acc)
    }

    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { handler::<RegistersAlone>()(hart, run, slot, clock, acc) }
    }
}

/// What reads and writes registers alone, by way of the list of everything that the plain engine executes. No counter has to
/// be right for it, and where it traps, nothing has happened.
pub(super) struct RegistersAlone;

impl Operation for RegistersAlone {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        /// Returns what the accumulator holds behind the instruction; `None` where it traps and nothing has happened.
        #[inline(never)]
        fn execute(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot) -> Option<u64> {
            let Placed { insn, held, .. } = run.shared.blocks.place(slot);
            hart.execute(run.ram, run.shared, &insn).ok()?;
            Some(hart.x(held))
        }
        // SAFETY: the caller's.
        unsafe {
            match execute(hart, run, at(slot)) {
                Some(held) => next(hart, run, slot, Tick::PLAIN.after(clock), held),
                None => general(hart, run, slot, clock, acc),
            }
        }
    }
}
