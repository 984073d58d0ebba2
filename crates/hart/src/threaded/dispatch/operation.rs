//! What slots do, put together from parts: where an operand comes from, what is computed, what follows.
//!
//! ```text
//!   Handler ◀── handler::<O: Operation>      O = Single<S> │ Then<S, O> │ Branch, Jal, Jalr …
//!                                            S: Step = Set<V> │ Store │ FloatLoad │ Float …
//!                                            V: Value = Immediate<F, A> │ Registers<F, A, B> │ Load<N, F, A> …
//!                                            A, B: Source = Register │ Accumulator
//! ```
//!
//! `Then` makes two instructions one handler, a [`Row`](super::row) more: the first slot executes all, the others keep handlers of
//! their own, for what the first cannot do.
//!
//! A handler leaves the value that it computed in an argument, the *accumulator*, beside writing it to the register. An
//! instruction that reads the register written last takes it from there, and need not wait for memory. Stores, branches that
//! are not taken and floating point leave the accumulator as it is; a slot says which register it holds behind it.

use super::{Handler, access, general, next};
use crate::threaded::Run;
use crate::threaded::books::Tick;
use crate::threaded::slot::Slot;
use crate::{Hart, bytes};
use std::marker::PhantomData;
use std::ptr::NonNull;
use tine_mmu::{Instant, VirtAddr};

/// What a handler does, all the way to the end of the dispatch.
pub(super) trait Operation {
    /// Executes the instruction of a slot, and everything after it.
    ///
    /// # Safety
    /// See the module above. `acc` is what the slot before this one left.
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64);
}

/// Returns the handler of an operation.
pub(super) fn handler<O: Operation>() -> Handler {
    modern_handler::<O>().unwrap_or(perform::<O>)
}

/// Returns the handler of an operation for a host where shifts take their amount from any register and a multiply-add is an
/// instruction; `None` for another one of that family, where longer handlers are not worth what they weigh.
pub(super) fn modern_handler<O: Operation>() -> Option<Handler> {
    #[cfg(not(target_arch = "x86_64"))]
    return Some(perform::<O>);
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "bmi2,fma")]
        unsafe fn perform_modern<O: Operation>(
            hart: &mut Hart,
            run: &mut Run<'_>,
            slot: *const Slot,
            clock: Instant,
            acc: u64,
        ) {
            // SAFETY: the caller's.
            unsafe { O::go(hart, run, slot, clock, acc) }
        }
        let is_modern = is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("fma");
        is_modern.then_some(perform_modern::<O>)
    }
}

unsafe fn perform<O: Operation>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: *const Slot,
    clock: Instant,
    acc: u64,
) {
    // SAFETY: the caller's.
    unsafe { O::go(hart, run, slot, clock, acc) }
}

/// What a step may look at.
pub(super) struct At<'a> {
    pub(super) slot: &'a Slot,
    /// The same slot, as what the others of the block are found from.
    pub(super) place: *const Slot,
    pub(super) page: VirtAddr,
    /// When the slot's instruction is executed.
    pub(super) clock: Instant,
    pub(super) acc: u64,
}

/// An instruction after which the next one in memory follows.
pub(super) trait Step {
    /// How many slots it executes.
    const SLOTS: usize = 1;
    /// What it adds to the clock.
    const TICK: Tick = Tick::PLAIN;

    /// Executes the instruction and returns what it leaves in the accumulator; `None`, and nothing done, where that is left to
    /// [`Step::otherwise`].
    ///
    /// # Safety
    /// See the module above.
    unsafe fn take(hart: &mut Hart, run: &mut Run<'_>, at: &At<'_>) -> Option<u64>;

    /// Executes the instruction where [`Step::take`] could not, and everything after it.
    ///
    /// # Safety
    /// See the module above.
    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { general(hart, run, slot, clock, acc) }
    }
}

/// An instruction that does nothing but write an integer register other than `x0`.
pub(super) trait Value {
    /// What it adds to the clock.
    const TICK: Tick = Tick::PLAIN;

    /// Computes what is written; `None` where only [`general`] can.
    ///
    /// # Safety
    /// See the module above.
    unsafe fn compute(hart: &mut Hart, run: &Run<'_>, at: &At<'_>) -> Option<u64>;

    /// What [`Step::otherwise`] does for it.
    ///
    /// # Safety
    /// See the module above.
    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { general(hart, run, slot, clock, acc) }
    }
}

/// A value, and the register that it goes to.
pub(super) struct Set<V>(PhantomData<V>);

impl<V: Value> Step for Set<V> {
    const TICK: Tick = V::TICK;

    #[inline(always)]
    unsafe fn take(hart: &mut Hart, run: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        let rd = at.slot.rd;
        debug_assert!((1..32).contains(&rd));
        // SAFETY: the caller's: it is a register number of a slot.
        unsafe {
            let value = V::compute(hart, run, at)?;
            *hart.x.get_unchecked_mut(usize::from(rd)) = value;
            Some(value)
        }
    }

    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { V::otherwise(hart, run, slot, clock, acc) }
    }
}

/// Three slots: two shifts of one register, and the OR of their results, which overwrites the second.
pub(super) struct Rotation<F, G>(PhantomData<(F, G)>);

impl<F: Fn(u64, u64) -> u64 + Copy, G: Fn(u64, u64) -> u64 + Copy> Step for Rotation<F, G> {
    const SLOTS: usize = 3;
    const TICK: Tick = Tick::PLAIN.times(3);

    #[inline(always)]
    unsafe fn take(hart: &mut Hart, _: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        // SAFETY: the caller's: there are three slots, and `select` was given the functions.
        unsafe {
            let (one, other) = (at.slot, super::at(at.place.add(1)));
            let value = *hart.x.get_unchecked(usize::from(one.rs1));
            let shifted = the::<F>()(value, one.immediate());
            let rotated = shifted | the::<G>()(value, other.immediate());
            *hart.x.get_unchecked_mut(usize::from(one.rd)) = shifted;
            *hart.x.get_unchecked_mut(usize::from(other.rd)) = rotated;
            Some(rotated)
        }
    }
}

/// Where an operand comes from.
pub(super) trait Source {
    /// # Safety
    /// See the module above: register numbers in slots are below 32.
    unsafe fn read(hart: &Hart, register: u8, acc: u64) -> u64;
}

/// From the register.
pub(super) struct Register;

/// From the accumulator: no integer register was written since that one.
pub(super) struct Accumulator;

impl Source for Register {
    #[inline(always)]
    unsafe fn read(hart: &Hart, register: u8, _: u64) -> u64 {
        debug_assert!(register < 32);
        // SAFETY: the caller's: it is a register number of a slot.
        unsafe { *hart.x.get_unchecked(usize::from(register)) }
    }
}

impl Source for Accumulator {
    #[inline(always)]
    unsafe fn read(hart: &Hart, register: u8, acc: u64) -> u64 {
        debug_assert_eq!(hart.x(register), acc);
        acc
    }
}

/// Returns the one value of a function's own type.
///
/// # Safety
/// There must be such a value: whoever names the type was given it.
#[inline(always)]
pub(super) unsafe fn the<F: Copy>() -> F {
    const { assert!(size_of::<F>() == 0) };
    // SAFETY: reading no bytes takes an aligned pointer alone, and the caller says that a value exists.
    unsafe { NonNull::<F>::dangling().read() }
}

/// `rd = F(rs1, immediate)`
pub(super) struct Immediate<F, A>(PhantomData<(F, A)>);

impl<F: Fn(u64, u64) -> u64 + Copy, A: Source> Value for Immediate<F, A> {
    #[inline(always)]
    unsafe fn compute(hart: &mut Hart, _: &Run<'_>, at: &At<'_>) -> Option<u64> {
        let slot = at.slot;
        // SAFETY: the caller's; `select` was given the function.
        unsafe { Some(the::<F>()(A::read(hart, slot.rs1, at.acc), slot.immediate())) }
    }
}

/// `rd = F(rs1, rs2)`
pub(super) struct Registers<F, A, B>(PhantomData<(F, A, B)>);

impl<F: Fn(u64, u64) -> u64 + Copy, A: Source, B: Source> Value for Registers<F, A, B> {
    #[inline(always)]
    unsafe fn compute(hart: &mut Hart, _: &Run<'_>, at: &At<'_>) -> Option<u64> {
        let slot = at.slot;
        // SAFETY: the caller's; `select` was given the function.
        unsafe { Some(the::<F>()(A::read(hart, slot.rs1, at.acc), B::read(hart, slot.rs2, at.acc))) }
    }
}

/// `rd = F(rs1)`
pub(super) struct Move<F, A>(PhantomData<(F, A)>);

impl<F: Fn(u64) -> u64 + Copy, A: Source> Value for Move<F, A> {
    #[inline(always)]
    unsafe fn compute(hart: &mut Hart, _: &Run<'_>, at: &At<'_>) -> Option<u64> {
        // SAFETY: the caller's; `select` was given the function.
        unsafe { Some(the::<F>()(A::read(hart, at.slot.rs1, at.acc))) }
    }
}

/// `rd = immediate`
pub(super) struct Constant;

impl Value for Constant {
    #[inline(always)]
    unsafe fn compute(_: &mut Hart, _: &Run<'_>, at: &At<'_>) -> Option<u64> {
        Some(at.slot.immediate())
    }
}

/// `rd = pc + immediate`
pub(super) struct Auipc;

impl Value for Auipc {
    #[inline(always)]
    unsafe fn compute(_: &mut Hart, _: &Run<'_>, at: &At<'_>) -> Option<u64> {
        Some(at.slot.target(at.page).0)
    }
}

/// `rd = F(N bytes at rs1 + immediate)`
pub(super) struct Load<const N: usize, F, A>(PhantomData<(F, A)>);

impl<const N: usize, F: Fn([u8; N]) -> u64 + Copy, A: Source> Value for Load<N, F, A> {
    const TICK: Tick = Tick::LOAD;

    #[inline(always)]
    unsafe fn compute(hart: &mut Hart, run: &Run<'_>, at: &At<'_>) -> Option<u64> {
        let slot = at.slot;
        // SAFETY: the caller's; `select` was given the function.
        unsafe {
            let address = VirtAddr(A::read(hart, slot.rs1, at.acc).wrapping_add(slot.immediate()));
            let found = hart.mmu.load_fast::<N>(address, at.clock)?;
            Some(the::<F>()(super::load_at(run.ram, found)))
        }
    }

    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, _: u64) {
        // SAFETY: the caller's.
        unsafe { load_slowly::<N, F>(hart, run, slot, clock) }
    }
}

#[cold]
#[inline(never)]
unsafe fn load_slowly<const N: usize, F: Fn([u8; N]) -> u64 + Copy>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: *const Slot,
    clock: Instant,
) {
    // SAFETY: the caller's; `select` was given the function.
    unsafe {
        if let Some(loaded) = access::load::<N>(hart, run, super::at(slot), clock) {
            let value = the::<F>()(bytes::low(loaded));
            hart.set_x(super::at(slot).rd, value);
            next(hart, run, slot, Tick::LOAD.after(clock), value)
        }
    }
}

/// A step, and on to the next slot.
pub(super) struct Single<S>(PhantomData<S>);

impl<S: Step> Operation for Single<S> {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe {
            match step::<S>(hart, run, slot, clock, acc) {
                Some(value) => next(hart, run, slot.add(S::SLOTS - 1), S::TICK.after(clock), value),
                None => S::otherwise(hart, run, slot, clock, acc),
            }
        }
    }
}

/// A step, and what the next slot's instruction does, without going through its handler.
pub(super) struct Then<S, O>(PhantomData<(S, O)>);

impl<S: Step, O: Operation> Operation for Then<S, O> {
    #[inline(always)]
    unsafe fn go(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's: there is a slot after every instruction's.
        unsafe {
            match step::<S>(hart, run, slot, clock, acc) {
                Some(value) => O::go(hart, run, slot.add(S::SLOTS), S::TICK.after(clock), value),
                None => S::otherwise(hart, run, slot, clock, acc),
            }
        }
    }
}

/// Takes the step of a slot.
///
/// # Safety
/// See the module above.
#[inline(always)]
unsafe fn step<S: Step>(
    hart: &mut Hart,
    run: &mut Run<'_>,
    slot: *const Slot,
    clock: Instant,
    acc: u64,
) -> Option<u64> {
    // SAFETY: the caller's.
    unsafe {
        let at = At { slot: super::at(slot), place: slot, page: run.page, clock, acc };
        S::take(hart, run, &at)
    }
}

/// `N` bytes at rs1 + immediate become the low ones of rs2.
pub(super) struct Store<const N: usize, A, B>(PhantomData<(A, B)>);

impl<const N: usize, A: Source, B: Source> Step for Store<N, A, B> {
    const TICK: Tick = Tick::STORE;

    #[inline(always)]
    unsafe fn take(hart: &mut Hart, run: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        let slot = at.slot;
        // SAFETY: the caller's.
        unsafe {
            let (base, value) = (A::read(hart, slot.rs1, at.acc), B::read(hart, slot.rs2, at.acc));
            let address = VirtAddr(base.wrapping_add(slot.immediate()));
            let found = hart.mmu.store_fast::<N>(address, at.clock)?;
            super::store_at(run.ram, found, bytes::low::<N>(value));
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
        let value = hart.x(super::at(slot).rs2);
        if let Some(clock) = access::store::<N>(hart, run, super::at(slot), clock, value) {
            next(hart, run, slot, clock, acc)
        }
    }
}

/// Nothing: a computation whose result goes to `x0`.
pub(super) struct Skip;

impl Step for Skip {
    #[inline(always)]
    unsafe fn take(_: &mut Hart, _: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        Some(at.acc)
    }
}
