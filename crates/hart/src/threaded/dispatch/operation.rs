//! What slots do, put together from parts: where an operand comes from, what is computed, what follows.
//!
//! ```text
//!   Handler ◀── handler::<O: Operation>      O = Single<S> │ Then<S, O> │ Branch, Jal, Jalr …
//!                                            S: Step = Set<V> │ Store │ FloatLoad │ Float …
//!                                            V: Value = Immediate<F, A> │ Registers<F, A, B> │ Load<N, F, A> …
//!                                            A, B: Source = Register │ Accumulator
//! ```
//!
//! `Then` makes two instructions one handler: the first slot of such a pair executes both, the second keeps a handler of its
//! own for whoever enters there, and for what the pair cannot do.
//!
//! A handler leaves the value that it computed in an argument, the *accumulator*, beside writing it to the register. An
//! instruction that reads the register written just before it takes it from there, and need not wait for memory.

use super::{Handler, general, next};
use crate::exec::immediate;
use crate::threaded::Run;
use crate::threaded::block::Slot;
use crate::{Hart, bytes};
use std::marker::PhantomData;
use std::ptr::NonNull;
use tine_mmu::{Ram, Stamp, VirtAddr};

/// What a handler does, all the way to the end of the dispatch.
pub(super) trait Operation {
    /// Executes the instruction of a slot, and everything after it.
    ///
    /// # Safety
    /// See the module above. `acc` is what the slot before this one left.
    unsafe fn go(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        clock: Stamp,
        acc: u64,
    );
}

/// Returns the handler of an operation.
pub(super) fn handler<O: Operation>() -> Handler {
    unsafe fn handler<O: Operation>(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        clock: Stamp,
        acc: u64,
    ) {
        // SAFETY: the caller's.
        unsafe { O::go(hart, ram, run, slot, clock, acc) }
    }
    handler::<O>
}

/// What a step may look at.
pub(super) struct At<'a> {
    pub(super) slot: &'a Slot,
    pub(super) page: VirtAddr,
    /// When the slot's block was entered.
    pub(super) clock: Stamp,
    pub(super) acc: u64,
}

impl At<'_> {
    /// Returns when the slot's instruction is executed.
    #[inline(always)]
    pub(super) fn stamp(&self) -> Stamp {
        self.clock.after(self.slot.index.into())
    }
}

/// An instruction after which the next one in memory follows.
pub(super) trait Step {
    /// Executes the instruction and returns what it leaves in the accumulator; `None`, and nothing done, where only
    /// [`general`] can.
    ///
    /// # Safety
    /// See the module above.
    unsafe fn take(hart: &mut Hart, ram: &mut Ram, at: &At<'_>) -> Option<u64>;
}

/// An instruction that does nothing but write an integer register other than `x0`.
pub(super) trait Value {
    /// Computes what is written; `None` where only [`general`] can.
    ///
    /// # Safety
    /// See the module above.
    unsafe fn compute(hart: &mut Hart, ram: &Ram, at: &At<'_>) -> Option<u64>;
}

/// A value, and the register that it goes to.
pub(super) struct Set<V>(PhantomData<V>);

impl<V: Value> Step for Set<V> {
    #[inline(always)]
    unsafe fn take(hart: &mut Hart, ram: &mut Ram, at: &At<'_>) -> Option<u64> {
        let rd = at.slot.insn.rd;
        debug_assert!((1..32).contains(&rd));
        // SAFETY: the caller's: it is a register number of a slot.
        unsafe {
            let value = V::compute(hart, ram, at)?;
            *hart.x.get_unchecked_mut(usize::from(rd)) = value;
            Some(value)
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

/// From the accumulator: the register was written by the instruction before.
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
    unsafe fn compute(hart: &mut Hart, _: &Ram, at: &At<'_>) -> Option<u64> {
        let insn = &at.slot.insn;
        // SAFETY: the caller's; `select` was given the function.
        unsafe { Some(the::<F>()(A::read(hart, insn.rs1, at.acc), immediate(insn))) }
    }
}

/// `rd = F(rs1, rs2)`
pub(super) struct Registers<F, A, B>(PhantomData<(F, A, B)>);

impl<F: Fn(u64, u64) -> u64 + Copy, A: Source, B: Source> Value for Registers<F, A, B> {
    #[inline(always)]
    unsafe fn compute(hart: &mut Hart, _: &Ram, at: &At<'_>) -> Option<u64> {
        let insn = &at.slot.insn;
        // SAFETY: the caller's; `select` was given the function.
        unsafe { Some(the::<F>()(A::read(hart, insn.rs1, at.acc), B::read(hart, insn.rs2, at.acc))) }
    }
}

/// `rd = immediate`
pub(super) struct Lui;

impl Value for Lui {
    #[inline(always)]
    unsafe fn compute(_: &mut Hart, _: &Ram, at: &At<'_>) -> Option<u64> {
        Some(immediate(&at.slot.insn))
    }
}

/// `rd = pc + immediate`
pub(super) struct Auipc;

impl Value for Auipc {
    #[inline(always)]
    unsafe fn compute(_: &mut Hart, _: &Ram, at: &At<'_>) -> Option<u64> {
        Some((at.slot.pc(at.page) + immediate(&at.slot.insn)).0)
    }
}

/// `rd = F(N bytes at rs1 + immediate)`
pub(super) struct Load<const N: usize, F, A>(PhantomData<(F, A)>);

impl<const N: usize, F: Fn([u8; N]) -> u64 + Copy, A: Source> Value for Load<N, F, A> {
    #[inline(always)]
    unsafe fn compute(hart: &mut Hart, ram: &Ram, at: &At<'_>) -> Option<u64> {
        let insn = &at.slot.insn;
        // SAFETY: the caller's; `select` was given the function.
        unsafe {
            let address = VirtAddr(A::read(hart, insn.rs1, at.acc).wrapping_add(immediate(insn)));
            hart.mmu.load_fast::<N>(ram, address, at.stamp()).map(the::<F>())
        }
    }
}

/// A step, and on to the next slot.
pub(super) struct Single<S>(PhantomData<S>);

impl<S: Step> Operation for Single<S> {
    #[inline(always)]
    unsafe fn go(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        clock: Stamp,
        acc: u64,
    ) {
        // SAFETY: the caller's.
        unsafe {
            match step::<S>(hart, ram, run, slot, clock, acc) {
                Some(value) => next(hart, ram, run, slot, clock, value),
                None => general(hart, ram, run, slot, clock, acc),
            }
        }
    }
}

/// A step, and what the next slot's instruction does, without going through its handler.
pub(super) struct Then<S, O>(PhantomData<(S, O)>);

impl<S: Step, O: Operation> Operation for Then<S, O> {
    #[inline(always)]
    unsafe fn go(
        hart: &mut Hart,
        ram: &mut Ram,
        run: &mut Run<'_>,
        slot: *const Slot,
        clock: Stamp,
        acc: u64,
    ) {
        // SAFETY: the caller's: there is a slot after every instruction's.
        unsafe {
            match step::<S>(hart, ram, run, slot, clock, acc) {
                Some(value) => O::go(hart, ram, run, slot.add(1), clock, value),
                None => general(hart, ram, run, slot, clock, acc),
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
    ram: &mut Ram,
    run: &Run<'_>,
    slot: *const Slot,
    clock: Stamp,
    acc: u64,
) -> Option<u64> {
    // SAFETY: the caller's.
    unsafe { S::take(hart, ram, &At { slot: super::at(slot), page: run.page, clock, acc }) }
}

/// `N` bytes at rs1 + immediate become the low ones of rs2.
pub(super) struct Store<const N: usize, A, B>(PhantomData<(A, B)>);

impl<const N: usize, A: Source, B: Source> Step for Store<N, A, B> {
    #[inline(always)]
    unsafe fn take(hart: &mut Hart, ram: &mut Ram, at: &At<'_>) -> Option<u64> {
        let insn = &at.slot.insn;
        // SAFETY: the caller's.
        let (base, value) = unsafe { (A::read(hart, insn.rs1, at.acc), B::read(hart, insn.rs2, at.acc)) };
        let address = VirtAddr(base.wrapping_add(immediate(insn)));
        hart.mmu.store_fast(ram, address, bytes::low::<N>(value), at.stamp())?;
        Some(at.acc)
    }
}

/// Nothing: a computation whose result goes to `x0`.
pub(super) struct Skip;

impl Step for Skip {
    #[inline(always)]
    unsafe fn take(_: &mut Hart, _: &mut Ram, at: &At<'_>) -> Option<u64> {
        Some(at.acc)
    }
}
