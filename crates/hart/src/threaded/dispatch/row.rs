//! Rows: some loads or some stores one after the other, as functions save registers and get them back.
//!
//! All are of one kind and through one register, which none but the last one writes, and their immediates rise or fall by
//! multiples of their size. So where the first is aligned and in one page with the last, all are: one look into the shortcut
//! answers for the row. That the page is used again by the others makes no difference: no other page is used in between.

use super::float::{FloatLoad, FloatStore, require_dirty, require_on};
use super::operation::{At, Load, Operation, Register, Set, Single, Step, Store, handler, the};
use super::select::is_without_effect;
use super::{Handler, load_at, store_at};
use crate::threaded::Run;
use crate::threaded::block::Placed;
use crate::threaded::books::Tick;
use crate::threaded::slot::Slot;
use crate::{Hart, bytes};
use std::marker::PhantomData;
use tine_isa::{Format, Insn, Op};
use tine_mmu::{HostAddr, Instant, PAGE_SIZE, VirtAddr};

/// The most instructions of a row: what is longer is several.
const LONGEST: usize = 8;

/// Returns the handler of the row that begins with the first of `rest`, if one does.
pub(super) fn select(rest: &[Placed]) -> Option<Handler> {
    let length = length(rest);
    match rest.first()?.insn.op {
        Op::Ld => of_length::<Loads<8, _>, _>(length, bytes::ld),
        Op::Lw => of_length::<Loads<4, _>, _>(length, bytes::lw),
        Op::Sd => of_length::<Stores<8>, _>(length, ()),
        Op::Sw => of_length::<Stores<4>, _>(length, ()),
        Op::Fld => of_length::<FloatLoads<_>, _>(length, bytes::ld),
        Op::Fsd => of_length::<FloatStores, _>(length, ()),
        _ => None,
    }
}

/// Returns how many instructions are a row, from the first on.
fn length(rest: &[Placed]) -> usize {
    let Some(Placed { insn: first, .. }) = rest.first() else { return 0 };
    let Some(size) = size(first) else { return 0 };
    let follows = |pair: &[Placed]| {
        let [one, next] = [&pair[0].insn, &pair[1].insn];
        let is_alike = next.op == one.op && next.rs1 == one.rs1 && (next.imm - one.imm) % size == 0;
        let keeps_base = one.op.format() != Format::Load || one.rd != one.rs1;
        let rises = |from: &Insn, to: &Insn| to.imm > from.imm;
        is_alike && keeps_base && next.imm != one.imm && rises(one, next) == rises(first, &rest[1].insn)
    };
    let row = &rest[..rest.len().min(LONGEST)];
    let effective = row.iter().take_while(|placed| !is_without_effect(&placed.insn)).count();
    effective.min(1 + row.windows(2).take_while(|pair| follows(pair)).count())
}

/// Returns how many bytes an instruction of a row accesses.
fn size(insn: &Insn) -> Option<i32> {
    match insn.op {
        Op::Ld | Op::Sd | Op::Fld | Op::Fsd => Some(8),
        Op::Lw | Op::Sw => Some(4),
        _ => None,
    }
}

/// Returns the handler of a row of so many. The second argument is what the kind was given.
fn of_length<K: Kind<F>, F: Copy>(length: usize, _: F) -> Option<Handler> {
    Some(match length {
        2 => handler::<Single<Row<K, F, 2>>>(),
        3 => handler::<Single<Row<K, F, 3>>>(),
        4 => handler::<Single<Row<K, F, 4>>>(),
        5 => handler::<Single<Row<K, F, 5>>>(),
        6 => handler::<Single<Row<K, F, 6>>>(),
        7 => handler::<Single<Row<K, F, 7>>>(),
        LONGEST => handler::<Single<Row<K, F, LONGEST>>>(),
        _ => return None,
    })
}

/// What the instructions of a row are; `F` is the function that makes a register of what was loaded.
trait Kind<F> {
    /// One of them by itself.
    type Alone: Step;

    /// Looks whether one may be executed, and where the bytes at an aligned address lie.
    fn find(hart: &mut Hart, address: VirtAddr, now: Instant) -> Option<HostAddr>;

    /// Moves the bytes between where they lie and the register, and returns what that leaves in the accumulator.
    ///
    /// # Safety
    /// [`Kind::find`] has just found bytes of the same page, and as many lie here; `select` was given the function.
    unsafe fn access(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, at: HostAddr, acc: u64) -> u64;
}

/// So many instructions of a kind.
struct Row<K, F, const COUNT: usize>(PhantomData<(K, F)>);

impl<K: Kind<F>, F: Copy, const COUNT: usize> Step for Row<K, F, COUNT> {
    const SLOTS: usize = COUNT;
    const TICK: Tick = K::Alone::TICK.times(COUNT as u64);

    #[inline(always)]
    unsafe fn take(hart: &mut Hart, run: &mut Run<'_>, at: &At<'_>) -> Option<u64> {
        // SAFETY: the caller's: there are so many slots. What they name lies between the first and the last.
        unsafe {
            let (first, last) = (at.slot, super::at(at.place.add(COUNT - 1)));
            let base = hart.x(first.rs1);
            let from = base.wrapping_add(first.immediate());
            // Nothing here may lie on the stack, as an array might: a handler that owns something does not end in a jump.
            if from ^ base.wrapping_add(last.immediate()) >= PAGE_SIZE {
                return None;
            }
            let found = K::find(hart, VirtAddr(from), at.clock)?;
            let origin = found.0.wrapping_sub(first.immediate());
            let mut acc = at.acc;
            for number in 0..COUNT {
                let slot = super::at(at.place.add(number));
                acc = K::access(hart, run, slot, HostAddr(origin.wrapping_add(slot.immediate())), acc);
            }
            Some(acc)
        }
    }

    #[inline(always)]
    unsafe fn otherwise(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
        // SAFETY: the caller's.
        unsafe { alone::<K::Alone>(hart, run, slot, clock, acc) }
    }
}

/// Executes the first of a row by itself; the slot after it has a handler of its own for the rest.
#[cold]
#[inline(never)]
unsafe fn alone<S: Step>(hart: &mut Hart, run: &mut Run<'_>, slot: *const Slot, clock: Instant, acc: u64) {
    // SAFETY: the caller's.
    unsafe { Single::<S>::go(hart, run, slot, clock, acc) }
}

struct Loads<const N: usize, F>(PhantomData<F>);

impl<const N: usize, F: Fn([u8; N]) -> u64 + Copy> Kind<F> for Loads<N, F> {
    type Alone = Set<Load<N, F, Register>>;

    #[inline(always)]
    fn find(hart: &mut Hart, address: VirtAddr, now: Instant) -> Option<HostAddr> {
        hart.mmu.load_fast::<N>(address, now)
    }

    #[inline(always)]
    unsafe fn access(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, at: HostAddr, _: u64) -> u64 {
        // SAFETY: the caller's, and it is a register number of a slot.
        unsafe {
            let value = the::<F>()(load_at(run.ram, at));
            *hart.x.get_unchecked_mut(usize::from(slot.rd)) = value;
            value
        }
    }
}

struct Stores<const N: usize>;

impl<const N: usize> Kind<()> for Stores<N> {
    type Alone = Store<N, Register, Register>;

    #[inline(always)]
    fn find(hart: &mut Hart, address: VirtAddr, now: Instant) -> Option<HostAddr> {
        hart.mmu.store_fast::<N>(address, now)
    }

    #[inline(always)]
    unsafe fn access(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, at: HostAddr, acc: u64) -> u64 {
        // SAFETY: the caller's, and it is a register number of a slot.
        unsafe {
            let value = *hart.x.get_unchecked(usize::from(slot.rs2));
            store_at(run.ram, at, bytes::low::<N>(value));
        }
        acc
    }
}

struct FloatLoads<F>(PhantomData<F>);

impl<F: Fn([u8; 8]) -> u64 + Copy> Kind<F> for FloatLoads<F> {
    type Alone = FloatLoad<8, F, Register>;

    #[inline(always)]
    fn find(hart: &mut Hart, address: VirtAddr, now: Instant) -> Option<HostAddr> {
        require_dirty(hart)?;
        hart.mmu.load_fast::<8>(address, now)
    }

    #[inline(always)]
    unsafe fn access(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, at: HostAddr, acc: u64) -> u64 {
        // SAFETY: the caller's.
        unsafe { hart.f[usize::from(slot.rd & 31)] = the::<F>()(load_at(run.ram, at)) };
        acc
    }
}

struct FloatStores;

impl Kind<()> for FloatStores {
    type Alone = FloatStore<8, Register>;

    #[inline(always)]
    fn find(hart: &mut Hart, address: VirtAddr, now: Instant) -> Option<HostAddr> {
        require_on(hart)?;
        hart.mmu.store_fast::<8>(address, now)
    }

    #[inline(always)]
    unsafe fn access(hart: &mut Hart, run: &mut Run<'_>, slot: &Slot, at: HostAddr, acc: u64) -> u64 {
        // SAFETY: the caller's.
        unsafe { store_at(run.ram, at, bytes::low::<8>(hart.f(slot.rs2))) };
        acc
    }
}
