//! Floating point: loads, stores, and whatever else touches registers alone.

use super::operation::{At, Operation, Source, Step, the};
use super::{at, general, next};
use crate::exec::immediate;
use crate::threaded::Run;
use crate::threaded::block::Slot;
use crate::trap::Trap;
use crate::{Hart, bytes};
use std::marker::PhantomData;
use tine_isa::Insn;
use tine_mmu::{Ram, Stamp, VirtAddr};

/// `fd = F(N bytes at rs1 + immediate)`
pub(super) struct FloatLoad<const N: usize, F, A>(PhantomData<(F, A)>);

impl<const N: usize, F: Fn([u8; N]) -> u64 + Copy, A: Source> Step for FloatLoad<N, F, A> {
    #[inline(always)]
    unsafe fn take(hart: &mut Hart, ram: &mut Ram, at: &At<'_>) -> Option<u64> {
        hart.require_fp().ok()?;
        let insn = &at.slot.insn;
        // SAFETY: the caller's; `select` was given the function.
        let (base, extend) = unsafe { (A::read(hart, insn.rs1, at.acc), the::<F>()) };
        let loaded =
            hart.mmu.load_fast::<N>(ram, VirtAddr(base.wrapping_add(immediate(insn))), at.stamp())?;
        hart.set_f(insn.rd, extend(loaded));
        Some(at.acc)
    }
}

/// `N` bytes at rs1 + immediate become the low ones of fs2.
pub(super) struct FloatStore<const N: usize, A>(PhantomData<A>);

impl<const N: usize, A: Source> Step for FloatStore<N, A> {
    #[inline(always)]
    unsafe fn take(hart: &mut Hart, ram: &mut Ram, at: &At<'_>) -> Option<u64> {
        hart.require_fp().ok()?;
        let insn = &at.slot.insn;
        // SAFETY: the caller's.
        let base = unsafe { A::read(hart, insn.rs1, at.acc) };
        let address = VirtAddr(base.wrapping_add(immediate(insn)));
        hart.mmu.store_fast(ram, address, bytes::low::<N>(hart.f(insn.rs2)), at.stamp())?;
        Some(at.acc)
    }
}

/// What reads and writes floating-point registers and `fcsr` alone: `H` on the host where it can, or `F` of the plain engine.
/// No counter has to be right for it, and where it traps, nothing has happened.
pub(super) struct Float<H, F>(PhantomData<(H, F)>);

impl<H, F> Step for Float<H, F>
where
    H: Fn(&mut Hart, &Insn) -> Option<()> + Copy,
    F: Fn(&mut Hart, &Insn) -> Result<(), Trap> + Copy,
{
    #[inline(always)]
    unsafe fn take(hart: &mut Hart, _: &mut Ram, at: &At<'_>) -> Option<u64> {
        #[cold]
        #[inline(never)]
        fn otherwise(
            hart: &mut Hart,
            insn: &Insn,
            execute: impl Fn(&mut Hart, &Insn) -> Result<(), Trap>,
        ) -> Option<()> {
            execute(hart, insn).ok()
        }
        // SAFETY: the caller's; `select` was given the functions.
        let (on_host, execute) = unsafe { (the::<H>(), the::<F>()) };
        let insn = &at.slot.insn;
        match on_host(hart, insn) {
            Some(()) => {}
            None => otherwise(hart, insn, execute)?,
        }
        Some(at.acc)
    }
}

/// What reads and writes registers alone, by way of the list of everything that the plain engine executes.
pub(super) struct RegistersAlone;

impl Operation for RegistersAlone {
    #[inline(always)]
    unsafe fn go(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        clock: Stamp,
        acc: u64,
    ) {
        /// Tells whether the instruction was executed; where it traps, nothing has happened.
        #[inline(never)]
        fn execute(hart: &mut Hart, ram: &mut Ram, run: &mut Run<'_>, insn: &Insn) -> bool {
            hart.execute(ram, run.shared, insn).is_ok()
        }
        // SAFETY: the caller's.
        unsafe {
            if execute(hart, ram, run, &at(slot).insn) {
                // Where it wrote an integer register, the next instruction may expect it.
                next(hart, ram, run, slot, clock, hart.x(at(slot).insn.rd))
            } else {
                general(hart, ram, run, slot, clock, acc)
            }
        }
    }
}
