//! Which handler an instruction gets.

use super::control::{Branch, Far, Jal, Jalr, Near, Way};
use super::float::{Float, FloatLoad, FloatStore, RegistersAlone};
use super::operation::{
    Accumulator, Auipc, Constant, Immediate, Load, Move, Operation, Register, Registers, Rotation, Set,
    Single, Skip, Step, Store, Then, handler, modern_handler,
};
use super::{General, Handler, row};
use crate::float::{Binary, Fused, Registers as FloatRegisters, may_round_to_nearest};
use crate::threaded::block::Placed;
use crate::threaded::weave::only_computes;
use crate::{Hart, alu, bitmanip as bits, bytes};
use softfloat_wrapper::{F32, F64};
use std::marker::PhantomData;
use tine_isa::{Format, Insn, Memory, Op};

/// Returns the handler of the first of `rest`, which follows `before` in its block.
pub(in crate::threaded) fn select(before: &[Placed], rest: &[Placed]) -> Handler {
    let Some(it) = Chosen::of(before, rest) else { return handler::<General>() };
    row::select(rest)
        .or_else(|| visit_frequent(&it, First(&it)).flatten())
        .or_else(|| visit_frequent_double(&it, FirstDouble(&it)).flatten())
        .unwrap_or_else(|| visit(&it, ToHandler))
}

/// The first instruction of a pair.
struct First<'a>(&'a Chosen<'a>);

impl Visitor for First<'_> {
    type Output = Option<Handler>;

    fn step<S: Step>(self) -> Option<Handler> {
        let pair = self.0.after(S::SLOTS).and_then(|second| {
            visit_frequent(&second, Second::<S>(PhantomData))
                .or_else(|| visit_transfer(&second, Second::<S>(PhantomData)))
                .flatten()
        });
        // What stands for several instructions is worth a handler of its own.
        pair.or_else(|| if S::SLOTS > 1 { Some(handler::<Single<S>>()) } else { None })
    }

    fn operation<O: Operation>(self) -> Option<Handler> {
        None
    }
}

/// The same in a computation in double precision.
struct FirstDouble<'a>(&'a Chosen<'a>);

impl Visitor for FirstDouble<'_> {
    type Output = Option<Handler>;

    fn step<S: Step>(self) -> Option<Handler> {
        visit_frequent_double(&self.0.after(S::SLOTS)?, Second::<S>(PhantomData)).flatten()
    }

    fn operation<O: Operation>(self) -> Option<Handler> {
        None
    }
}

/// The second instruction of a pair whose first one is `S`.
struct Second<S>(PhantomData<S>);

impl<S: Step> Visitor for Second<S> {
    type Output = Option<Handler>;

    fn step<T: Step>(self) -> Option<Handler> {
        modern_handler::<Then<S, Single<T>>>()
    }

    fn operation<O: Operation>(self) -> Option<Handler> {
        modern_handler::<Then<S, O>>()
    }
}

/// Returns the register whose value is in the accumulator after an instruction, `before` being the one before it; 0 where
/// there is none.
pub(in crate::threaded) fn held(insn: &Insn, before: u8) -> u8 {
    match insn.op.format() {
        // They write no integer register.
        Format::Store | Format::FStore | Format::FLoad | Format::FArith | Format::Fma | Format::Branch => {
            before
        }
        Format::Load if insn.rd != 0 => insn.rd,
        _ if only_computes(insn) => {
            if insn.rd != 0 {
                insn.rd
            } else {
                before
            }
        }
        _ => 0,
    }
}

/// An instruction and what decides about its handler.
struct Chosen<'a> {
    insn: &'a Insn,
    /// The register that the accumulator holds, or 0.
    held: u8,
    /// The instruction, and those that follow it in the block.
    rest: &'a [Placed],
}

impl<'a> Chosen<'a> {
    fn of(before: &[Placed], rest: &'a [Placed]) -> Option<Self> {
        Some(Self { insn: &rest.first()?.insn, held: before.last().map_or(0, |before| before.held), rest })
    }

    /// Returns the instruction so many after this one.
    fn after(&self, slots: usize) -> Option<Self> {
        let (before, rest) = self.rest.split_at_checked(slots)?;
        Self::of(before, rest)
    }

    fn is_linked(&self, source: u8) -> bool {
        source != 0 && self.held == source
    }

    /// Whether it is a branch or a direct jump that stays in its page.
    fn is_link(&self) -> bool {
        self.rest[0].is_link()
    }

    /// Returns the two shifts of one register whose results the third instruction ORs, where the second is overwritten by
    /// that.
    fn rotation(&self) -> Option<(Op, Op)> {
        let [one, other, or, ..] = self.rest else { return None };
        let [one, other, or] = [&one.insn, &other.insn, &or.insn];
        let is_rotation = or.op == Op::Or
            && other.rd == or.rd
            && one.rd != other.rd
            && one.rs1 == other.rs1
            && one.rd != one.rs1
            && [one.rd, other.rd, or.rd].iter().all(|&rd| rd != 0)
            && ([or.rs1, or.rs2] == [one.rd, other.rd] || [or.rs1, or.rs2] == [other.rd, one.rd]);
        is_rotation.then_some((one.op, other.op))
    }
}

/// Who is told the type of what an instruction does.
trait Visitor {
    type Output;

    fn step<S: Step>(self) -> Self::Output;

    fn operation<O: Operation>(self) -> Self::Output;
}

struct ToHandler;

impl Visitor for ToHandler {
    type Output = Handler;

    fn step<S: Step>(self) -> Handler {
        handler::<Single<S>>()
    }

    fn operation<O: Operation>(self) -> Handler {
        handler::<O>()
    }
}

fn immediate<V: Visitor, F: Fn(u64, u64) -> u64 + Copy>(it: &Chosen<'_>, to: V, _: F) -> V::Output {
    match it.is_linked(it.insn.rs1) {
        true => to.step::<Set<Immediate<F, Accumulator>>>(),
        false => to.step::<Set<Immediate<F, Register>>>(),
    }
}

fn registers<V: Visitor, F: Fn(u64, u64) -> u64 + Copy>(it: &Chosen<'_>, to: V, _: F) -> V::Output {
    match (it.is_linked(it.insn.rs1), it.is_linked(it.insn.rs2)) {
        (true, _) => to.step::<Set<Registers<F, Accumulator, Register>>>(),
        (false, true) => to.step::<Set<Registers<F, Register, Accumulator>>>(),
        (false, false) => to.step::<Set<Registers<F, Register, Register>>>(),
    }
}

fn moved<V: Visitor, F: Fn(u64) -> u64 + Copy>(it: &Chosen<'_>, to: V, source: u8, _: F) -> V::Output {
    match it.is_linked(source) {
        true => to.step::<Set<Move<F, Accumulator>>>(),
        false => to.step::<Set<Move<F, Register>>>(),
    }
}

fn rotation<V, F, G>(to: V, _: F, _: G) -> V::Output
where
    V: Visitor,
    F: Fn(u64, u64) -> u64 + Copy,
    G: Fn(u64, u64) -> u64 + Copy,
{
    to.step::<Rotation<F, G>>()
}

fn load<const N: usize, V: Visitor, F: Fn([u8; N]) -> u64 + Copy>(it: &Chosen<'_>, to: V, _: F) -> V::Output {
    match it.is_linked(it.insn.rs1) {
        true => to.step::<Set<Load<N, F, Accumulator>>>(),
        false => to.step::<Set<Load<N, F, Register>>>(),
    }
}

fn store<const N: usize, V: Visitor>(it: &Chosen<'_>, to: V) -> V::Output {
    match (it.is_linked(it.insn.rs1), it.is_linked(it.insn.rs2)) {
        (true, _) => to.step::<Store<N, Accumulator, Register>>(),
        (false, true) => to.step::<Store<N, Register, Accumulator>>(),
        (false, false) => to.step::<Store<N, Register, Register>>(),
    }
}

fn branch<V: Visitor, F: Fn(u64, u64) -> bool + Copy>(it: &Chosen<'_>, to: V, taken: F) -> V::Output {
    match it.is_link() {
        true => branch_by::<Near, V, F>(it, to, taken),
        false => branch_by::<Far, V, F>(it, to, taken),
    }
}

fn branch_by<W, V, F>(it: &Chosen<'_>, to: V, _: F) -> V::Output
where
    W: Way,
    V: Visitor,
    F: Fn(u64, u64) -> bool + Copy,
{
    match (it.is_linked(it.insn.rs1), it.is_linked(it.insn.rs2)) {
        (true, _) => to.operation::<Branch<F, Accumulator, Register, W>>(),
        (false, true) => to.operation::<Branch<F, Register, Accumulator, W>>(),
        (false, false) => to.operation::<Branch<F, Register, Register, W>>(),
    }
}

fn jal<V: Visitor>(it: &Chosen<'_>, to: V) -> V::Output {
    match (it.is_link(), it.insn.rd != 0) {
        (true, true) => to.operation::<Jal<Near, true>>(),
        (true, false) => to.operation::<Jal<Near, false>>(),
        (false, true) => to.operation::<Jal<Far, true>>(),
        (false, false) => to.operation::<Jal<Far, false>>(),
    }
}

fn jalr<V: Visitor>(it: &Chosen<'_>, to: V) -> V::Output {
    match it.insn.rd != 0 {
        true => to.operation::<Jalr<true>>(),
        false => to.operation::<Jalr<false>>(),
    }
}

fn float_load<const N: usize, V: Visitor, F: Fn([u8; N]) -> u64 + Copy>(
    it: &Chosen<'_>,
    to: V,
    _: F,
) -> V::Output {
    match it.is_linked(it.insn.rs1) {
        true => to.step::<FloatLoad<N, F, Accumulator>>(),
        false => to.step::<FloatLoad<N, F, Register>>(),
    }
}

fn float_store<const N: usize, V: Visitor>(it: &Chosen<'_>, to: V) -> V::Output {
    match it.is_linked(it.insn.rs1) {
        true => to.step::<FloatStore<N, Accumulator>>(),
        false => to.step::<FloatStore<N, Register>>(),
    }
}

fn float<V: Visitor, H: Fn(&mut Hart, FloatRegisters) -> Option<()> + Copy>(to: V, _: H) -> V::Output {
    to.step::<Float<H>>()
}

/// Tells `to` what an instruction does.
fn visit<V: Visitor>(it: &Chosen<'_>, to: V) -> V::Output {
    let op = it.insn.op;
    match op {
        _ if it.insn.rd == 0 && only_computes(it.insn) => to.step::<Skip>(),
        // It may fault, and the TLB is asked.
        _ if it.insn.rd == 0 && op.format() == Format::Load => to.operation::<General>(),
        Op::Lui => to.step::<Set<Constant>>(),
        Op::Auipc => to.step::<Set<Auipc>>(),
        Op::Jal => jal(it, to),
        Op::Jalr => jalr(it, to),
        Op::Beq => branch(it, to, alu::eq),
        Op::Bne => branch(it, to, alu::ne),
        Op::Blt => branch(it, to, alu::lt),
        Op::Bge => branch(it, to, alu::ge),
        Op::Bltu => branch(it, to, alu::ltu),
        Op::Bgeu => branch(it, to, alu::geu),
        Op::Lb => load(it, to, bytes::lb),
        Op::Lh => load(it, to, bytes::lh),
        Op::Lw => load(it, to, bytes::lw),
        Op::Ld => load(it, to, bytes::ld),
        Op::Lbu => load(it, to, bytes::lbu),
        Op::Lhu => load(it, to, bytes::lhu),
        Op::Lwu => load(it, to, bytes::lwu),
        Op::Sb => store::<1, V>(it, to),
        Op::Sh => store::<2, V>(it, to),
        Op::Sw => store::<4, V>(it, to),
        Op::Sd => store::<8, V>(it, to),
        Op::Addi => immediate(it, to, alu::add),
        Op::Slti => immediate(it, to, alu::slt),
        Op::Sltiu => immediate(it, to, alu::sltu),
        Op::Xori => immediate(it, to, alu::xor),
        Op::Ori => immediate(it, to, alu::or),
        Op::Andi => immediate(it, to, alu::and),
        Op::Slli => immediate(it, to, alu::sll),
        Op::Srli => immediate(it, to, alu::srl),
        Op::Srai => immediate(it, to, alu::sra),
        Op::Addiw => immediate(it, to, alu::addw),
        Op::Slliw => immediate(it, to, alu::sllw),
        Op::Srliw => immediate(it, to, alu::srlw),
        Op::Sraiw => immediate(it, to, alu::sraw),
        Op::Add => registers(it, to, alu::add),
        Op::Sub => registers(it, to, alu::sub),
        Op::Sll => registers(it, to, alu::sll),
        Op::Slt => registers(it, to, alu::slt),
        Op::Sltu => registers(it, to, alu::sltu),
        Op::Xor => registers(it, to, alu::xor),
        Op::Srl => registers(it, to, alu::srl),
        Op::Sra => registers(it, to, alu::sra),
        Op::Or => registers(it, to, alu::or),
        Op::And => registers(it, to, alu::and),
        Op::Addw => registers(it, to, alu::addw),
        Op::Subw => registers(it, to, alu::subw),
        Op::Sllw => registers(it, to, alu::sllw),
        Op::Srlw => registers(it, to, alu::srlw),
        Op::Sraw => registers(it, to, alu::sraw),
        Op::Mul => registers(it, to, alu::mul),
        Op::Mulh => registers(it, to, alu::mulh),
        Op::Mulhsu => registers(it, to, alu::mulhsu),
        Op::Mulhu => registers(it, to, alu::mulhu),
        Op::Div => registers(it, to, alu::div),
        Op::Divu => registers(it, to, alu::divu),
        Op::Rem => registers(it, to, alu::rem),
        Op::Remu => registers(it, to, alu::remu),
        Op::Mulw => registers(it, to, alu::mulw),
        Op::Divw => registers(it, to, alu::divw),
        Op::Divuw => registers(it, to, alu::divuw),
        Op::Remw => registers(it, to, alu::remw),
        Op::Remuw => registers(it, to, alu::remuw),
        Op::AddUw => registers(it, to, bits::add_uw),
        Op::Sh1add => registers(it, to, bits::shift_add::<1>),
        Op::Sh2add => registers(it, to, bits::shift_add::<2>),
        Op::Sh3add => registers(it, to, bits::shift_add::<3>),
        Op::Sh1addUw => registers(it, to, bits::shift_add_uw::<1>),
        Op::Sh2addUw => registers(it, to, bits::shift_add_uw::<2>),
        Op::Sh3addUw => registers(it, to, bits::shift_add_uw::<3>),
        Op::Andn => registers(it, to, alu::and_not),
        Op::Orn => registers(it, to, bits::orn),
        Op::Xnor => registers(it, to, bits::xnor),
        Op::Clz => registers(it, to, bits::clz),
        Op::Clzw => registers(it, to, bits::clzw),
        Op::Ctz => registers(it, to, bits::ctz),
        Op::Ctzw => registers(it, to, bits::ctzw),
        Op::Cpop => registers(it, to, bits::cpop),
        Op::Cpopw => registers(it, to, bits::cpopw),
        Op::Max => registers(it, to, alu::max),
        Op::Maxu => registers(it, to, alu::maxu),
        Op::Min => registers(it, to, alu::min),
        Op::Minu => registers(it, to, alu::minu),
        Op::SextB => registers(it, to, bits::sext_b),
        Op::SextH => registers(it, to, bits::sext_h),
        Op::ZextH => registers(it, to, bits::zext_h),
        Op::Rol => registers(it, to, bits::rol),
        Op::Rolw => registers(it, to, bits::rolw),
        Op::Ror => registers(it, to, bits::ror),
        Op::Rorw => registers(it, to, bits::rorw),
        Op::OrcB => registers(it, to, bits::orc_b),
        Op::Rev8 => registers(it, to, bits::rev8),
        Op::Bclr => registers(it, to, bits::bclr),
        Op::Bext => registers(it, to, bits::bext),
        Op::Binv => registers(it, to, bits::binv),
        Op::Bset => registers(it, to, bits::bset),
        Op::CzeroEqz => registers(it, to, bits::zero_if_zero),
        Op::CzeroNez => registers(it, to, bits::zero_unless_zero),
        Op::SlliUw => immediate(it, to, bits::slli_uw),
        Op::Rori => immediate(it, to, bits::ror),
        Op::Roriw => immediate(it, to, bits::rorw),
        Op::Bclri => immediate(it, to, bits::bclr),
        Op::Bexti => immediate(it, to, bits::bext),
        Op::Binvi => immediate(it, to, bits::binv),
        Op::Bseti => immediate(it, to, bits::bset),
        Op::Flh => float_load(it, to, bytes::flh),
        Op::Fsh => float_store::<2, V>(it, to),
        Op::Flw => float_load(it, to, bytes::flw),
        Op::Fld => float_load(it, to, bytes::ld),
        Op::Fsw => float_store::<4, V>(it, to),
        Op::Fsd => float_store::<8, V>(it, to),
        op if op.format().has_rounding_mode() && !may_round_to_nearest(it.insn.rm) => {
            to.operation::<RegistersAlone>()
        }
        Op::FaddS => float(to, |hart, on| hart.arithmetic_on_host::<F32>(on, Binary::Add)),
        Op::FaddD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Add)),
        Op::FsubS => float(to, |hart, on| hart.arithmetic_on_host::<F32>(on, Binary::Sub)),
        Op::FsubD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Sub)),
        Op::FmulS => float(to, |hart, on| hart.arithmetic_on_host::<F32>(on, Binary::Mul)),
        Op::FmulD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Mul)),
        Op::FdivS => float(to, |hart, on| hart.arithmetic_on_host::<F32>(on, Binary::Div)),
        Op::FdivD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Div)),
        Op::FsqrtS => float(to, |hart, on| hart.square_root_on_host::<F32>(on)),
        Op::FsqrtD => float(to, |hart, on| hart.square_root_on_host::<F64>(on)),
        Op::FmaddS => float(to, |hart, on| hart.fused_on_host::<F32>(on, Fused::Madd)),
        Op::FmaddD => float(to, |hart, on| hart.fused_on_host::<F64>(on, Fused::Madd)),
        Op::FmsubS => float(to, |hart, on| hart.fused_on_host::<F32>(on, Fused::Msub)),
        Op::FmsubD => float(to, |hart, on| hart.fused_on_host::<F64>(on, Fused::Msub)),
        Op::FnmsubS => float(to, |hart, on| hart.fused_on_host::<F32>(on, Fused::Nmsub)),
        Op::FnmsubD => float(to, |hart, on| hart.fused_on_host::<F64>(on, Fused::Nmsub)),
        Op::FnmaddS => float(to, |hart, on| hart.fused_on_host::<F32>(on, Fused::Nmadd)),
        Op::FnmaddD => float(to, |hart, on| hart.fused_on_host::<F64>(on, Fused::Nmadd)),
        // Everything else costs more than finding it in the list of `Hart::execute`.
        op if op.memory() == Memory::None && !op.ends_block() => to.operation::<RegistersAlone>(),
        _ => to.operation::<General>(),
    }
}

/// Tells `to` what an instruction does, if it is one of those that programs are made of mostly: pairs of them have handlers
/// of their own. Each entry adds some hundred handlers, so that longer lists cost more than they gain.
fn visit_frequent<V: Visitor>(it: &Chosen<'_>, to: V) -> Option<V::Output> {
    if is_without_effect(it.insn) {
        return None;
    }
    match it.rotation() {
        Some((Op::Slliw, Op::Srliw)) => return Some(rotation(to, alu::sllw, alu::srlw)),
        Some((Op::Srliw, Op::Slliw)) => return Some(rotation(to, alu::srlw, alu::sllw)),
        Some((Op::Slli, Op::Srli)) => return Some(rotation(to, alu::sll, alu::srl)),
        Some((Op::Srli, Op::Slli)) => return Some(rotation(to, alu::srl, alu::sll)),
        _ => {}
    }
    Some(match it.insn.op {
        Op::Addi if it.insn.rs1 == 0 => to.step::<Set<Constant>>(),
        Op::Lui => to.step::<Set<Constant>>(),
        Op::Addi if it.insn.imm == 0 => moved(it, to, it.insn.rs1, |value| value),
        Op::Addiw if it.insn.imm == 0 => moved(it, to, it.insn.rs1, |value| alu::sext32(value as u32)),
        Op::Addi => immediate(it, to, alu::add),
        Op::Addiw => immediate(it, to, alu::addw),
        Op::Andi => immediate(it, to, alu::and),
        Op::Slli => immediate(it, to, alu::sll),
        Op::Srli => immediate(it, to, alu::srl),
        Op::Slliw => immediate(it, to, alu::sllw),
        Op::Srliw => immediate(it, to, alu::srlw),
        Op::Add => registers(it, to, alu::add),
        Op::Addw => registers(it, to, alu::addw),
        Op::Mulw => registers(it, to, alu::mulw),
        Op::Sraiw => immediate(it, to, alu::sraw),
        Op::And => registers(it, to, alu::and),
        Op::Or => registers(it, to, alu::or),
        Op::Xor => registers(it, to, alu::xor),
        Op::Lw => load(it, to, bytes::lw),
        Op::Ld => load(it, to, bytes::ld),
        Op::Lbu => load(it, to, bytes::lbu),
        Op::Lh => load(it, to, bytes::lh),
        Op::Sw => store::<4, V>(it, to),
        Op::Sd => store::<8, V>(it, to),
        Op::Beq if it.is_link() => branch_by::<Near, V, _>(it, to, alu::eq),
        Op::Bne if it.is_link() => branch_by::<Near, V, _>(it, to, alu::ne),
        _ => return None,
    })
}

/// The same for what goes elsewhere, and so is the second of a pair alone.
fn visit_transfer<V: Visitor>(it: &Chosen<'_>, to: V) -> Option<V::Output> {
    Some(match it.insn.op {
        Op::Jal => jal(it, to),
        Op::Jalr => jalr(it, to),
        Op::Blt if it.is_link() => branch_by::<Near, V, _>(it, to, alu::lt),
        Op::Bge if it.is_link() => branch_by::<Near, V, _>(it, to, alu::ge),
        Op::Bltu if it.is_link() => branch_by::<Near, V, _>(it, to, alu::ltu),
        Op::Bgeu if it.is_link() => branch_by::<Near, V, _>(it, to, alu::geu),
        _ => return None,
    })
}

/// The same for what computations in double precision are made of.
fn visit_frequent_double<V: Visitor>(it: &Chosen<'_>, to: V) -> Option<V::Output> {
    Some(match it.insn.op {
        op if op.format().has_rounding_mode() && !may_round_to_nearest(it.insn.rm) => return None,
        Op::Fld => float_load(it, to, bytes::ld),
        Op::Fsd => float_store::<8, V>(it, to),
        Op::FaddD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Add)),
        Op::FsubD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Sub)),
        Op::FmulD => float(to, |hart, on| hart.arithmetic_on_host::<F64>(on, Binary::Mul)),
        Op::FmaddD => float(to, |hart, on| hart.fused_on_host::<F64>(on, Fused::Madd)),
        Op::FnmsubD => float(to, |hart, on| hart.fused_on_host::<F64>(on, Fused::Nmsub)),
        _ => return None,
    })
}

/// Whether an instruction would write `x0` alone.
pub(super) fn is_without_effect(insn: &Insn) -> bool {
    insn.rd == 0 && (only_computes(insn) || insn.op.format() == Format::Load)
}
