//! Which handler an instruction gets.

use super::control::{Branch, FarJal, Jal, Jalr};
use super::float::{Float, FloatLoad, FloatStore, RegistersAlone};
use super::operation::{
    Accumulator, Auipc, Immediate, Load, Lui, Operation, Register, Registers, Set, Single, Skip, Step, Store,
    Then, handler,
};
use super::{General, Handler};
use crate::float::{Binary, Fused};
use crate::trap::Trap;
use crate::{Hart, alu, bytes};
use softfloat_wrapper::{F32, F64};
use std::marker::PhantomData;
use tine_isa::{Format, Insn, Memory, Op};
use tine_mmu::PAGE_SIZE;

/// Returns the handler of the first of `insns`, which is at `offset` of its page; `before` is the instruction before it in
/// its block, the others follow.
pub(in crate::threaded) fn select(before: Option<&Insn>, insns: &[Insn], offset: usize) -> Handler {
    let [insn, rest @ ..] = insns else { return handler::<General>() };
    let it = Chosen { insn, written: before.and_then(written), offset };
    let pair = rest.first().and_then(|next| {
        let second = Chosen { insn: next, written: written(insn), offset: offset + usize::from(insn.len) };
        visit_frequent(&it, First(&second))
            .or_else(|| visit_frequent_double(&it, FirstDouble(&second)))
            .flatten()
    });
    pair.unwrap_or_else(|| visit(&it, ToHandler))
}

/// The first instruction of a pair, followed by this one.
struct First<'a>(&'a Chosen<'a>);

impl Visitor for First<'_> {
    type Output = Option<Handler>;

    fn step<S: Step>(self) -> Option<Handler> {
        visit_frequent(self.0, Second::<S>(PhantomData))
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
        visit_frequent_double(self.0, Second::<S>(PhantomData))
    }

    fn operation<O: Operation>(self) -> Option<Handler> {
        None
    }
}

/// The second instruction of a pair whose first one is `S`.
struct Second<S>(PhantomData<S>);

impl<S: Step> Visitor for Second<S> {
    type Output = Handler;

    fn step<T: Step>(self) -> Handler {
        handler::<Then<S, Single<T>>>()
    }

    fn operation<O: Operation>(self) -> Handler {
        handler::<Then<S, O>>()
    }
}

/// Returns the register whose value an instruction leaves in the accumulator.
fn written(insn: &Insn) -> Option<u8> {
    let writes = computes(insn.op) || insn.op.format() == Format::Load;
    (writes && insn.rd != 0).then_some(insn.rd)
}

/// An instruction and what decides about its handler.
struct Chosen<'a> {
    insn: &'a Insn,
    /// The register that the accumulator holds.
    written: Option<u8>,
    offset: usize,
}

impl Chosen<'_> {
    fn is_linked(&self, source: u8) -> bool {
        self.written == Some(source)
    }

    /// Whether a direct jump stays in its page.
    fn is_in_page(&self) -> bool {
        (0..PAGE_SIZE as i64).contains(&(self.offset as i64 + i64::from(self.insn.imm)))
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

fn branch<V: Visitor, F: Fn(u64, u64) -> bool + Copy>(it: &Chosen<'_>, to: V, _: F) -> V::Output {
    match (it.is_linked(it.insn.rs1), it.is_linked(it.insn.rs2)) {
        (true, _) => to.operation::<Branch<F, Accumulator, Register>>(),
        (false, true) => to.operation::<Branch<F, Register, Accumulator>>(),
        (false, false) => to.operation::<Branch<F, Register, Register>>(),
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

fn float<V: Visitor, H, F>(to: V, _: H, _: F) -> V::Output
where
    H: Fn(&mut Hart, &Insn) -> Option<()> + Copy,
    F: Fn(&mut Hart, &Insn) -> Result<(), Trap> + Copy,
{
    to.step::<Float<H, F>>()
}

/// Tells `to` what an instruction does.
fn visit<V: Visitor>(it: &Chosen<'_>, to: V) -> V::Output {
    let op = it.insn.op;
    match op {
        _ if it.insn.rd == 0 && computes(op) => to.step::<Skip>(),
        // It may fault, and the TLB is asked.
        _ if it.insn.rd == 0 && op.format() == Format::Load => to.operation::<General>(),
        Op::Lui => to.step::<Set<Lui>>(),
        Op::Auipc => to.step::<Set<Auipc>>(),
        Op::Jal if it.is_in_page() => to.operation::<Jal>(),
        Op::Jal => to.operation::<FarJal>(),
        Op::Jalr => to.operation::<Jalr>(),
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
        Op::Flw => float_load(it, to, bytes::flw),
        Op::Fld => float_load(it, to, bytes::ld),
        Op::Fsw => float_store::<4, V>(it, to),
        Op::Fsd => float_store::<8, V>(it, to),
        Op::FaddS => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F32>(insn, Binary::Add),
            |hart, insn| hart.arithmetic::<F32>(insn, Binary::Add),
        ),
        Op::FaddD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Add),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Add),
        ),
        Op::FsubS => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F32>(insn, Binary::Sub),
            |hart, insn| hart.arithmetic::<F32>(insn, Binary::Sub),
        ),
        Op::FsubD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Sub),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Sub),
        ),
        Op::FmulS => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F32>(insn, Binary::Mul),
            |hart, insn| hart.arithmetic::<F32>(insn, Binary::Mul),
        ),
        Op::FmulD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Mul),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Mul),
        ),
        Op::FdivS => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F32>(insn, Binary::Div),
            |hart, insn| hart.arithmetic::<F32>(insn, Binary::Div),
        ),
        Op::FdivD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Div),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Div),
        ),
        Op::FsqrtS => float(
            to,
            |hart, insn| hart.square_root_on_host::<F32>(insn),
            |hart, insn| hart.square_root::<F32>(insn),
        ),
        Op::FsqrtD => float(
            to,
            |hart, insn| hart.square_root_on_host::<F64>(insn),
            |hart, insn| hart.square_root::<F64>(insn),
        ),
        Op::FmaddS => float(
            to,
            |hart, insn| hart.fused_on_host::<F32>(insn, Fused::Madd),
            |hart, insn| hart.fused::<F32>(insn, Fused::Madd),
        ),
        Op::FmaddD => float(
            to,
            |hart, insn| hart.fused_on_host::<F64>(insn, Fused::Madd),
            |hart, insn| hart.fused::<F64>(insn, Fused::Madd),
        ),
        Op::FmsubS => float(
            to,
            |hart, insn| hart.fused_on_host::<F32>(insn, Fused::Msub),
            |hart, insn| hart.fused::<F32>(insn, Fused::Msub),
        ),
        Op::FmsubD => float(
            to,
            |hart, insn| hart.fused_on_host::<F64>(insn, Fused::Msub),
            |hart, insn| hart.fused::<F64>(insn, Fused::Msub),
        ),
        Op::FnmsubS => float(
            to,
            |hart, insn| hart.fused_on_host::<F32>(insn, Fused::Nmsub),
            |hart, insn| hart.fused::<F32>(insn, Fused::Nmsub),
        ),
        Op::FnmsubD => float(
            to,
            |hart, insn| hart.fused_on_host::<F64>(insn, Fused::Nmsub),
            |hart, insn| hart.fused::<F64>(insn, Fused::Nmsub),
        ),
        Op::FnmaddS => float(
            to,
            |hart, insn| hart.fused_on_host::<F32>(insn, Fused::Nmadd),
            |hart, insn| hart.fused::<F32>(insn, Fused::Nmadd),
        ),
        Op::FnmaddD => float(
            to,
            |hart, insn| hart.fused_on_host::<F64>(insn, Fused::Nmadd),
            |hart, insn| hart.fused::<F64>(insn, Fused::Nmadd),
        ),
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
    Some(match it.insn.op {
        Op::Addi => immediate(it, to, alu::add),
        Op::Addiw => immediate(it, to, alu::addw),
        Op::Andi => immediate(it, to, alu::and),
        Op::Slli => immediate(it, to, alu::sll),
        Op::Srli => immediate(it, to, alu::srl),
        Op::Slliw => immediate(it, to, alu::sllw),
        Op::Srliw => immediate(it, to, alu::srlw),
        Op::Add => registers(it, to, alu::add),
        Op::Addw => registers(it, to, alu::addw),
        Op::And => registers(it, to, alu::and),
        Op::Or => registers(it, to, alu::or),
        Op::Xor => registers(it, to, alu::xor),
        Op::Lw => load(it, to, bytes::lw),
        Op::Ld => load(it, to, bytes::ld),
        Op::Lbu => load(it, to, bytes::lbu),
        Op::Lh => load(it, to, bytes::lh),
        Op::Sw => store::<4, V>(it, to),
        Op::Sd => store::<8, V>(it, to),
        Op::Beq => branch(it, to, alu::eq),
        Op::Bne => branch(it, to, alu::ne),
        _ => return None,
    })
}

/// The same for what computations in double precision are made of.
fn visit_frequent_double<V: Visitor>(it: &Chosen<'_>, to: V) -> Option<V::Output> {
    Some(match it.insn.op {
        Op::Fld => float_load(it, to, bytes::ld),
        Op::Fsd => float_store::<8, V>(it, to),
        Op::FaddD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Add),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Add),
        ),
        Op::FsubD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Sub),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Sub),
        ),
        Op::FmulD => float(
            to,
            |hart, insn| hart.arithmetic_on_host::<F64>(insn, Binary::Mul),
            |hart, insn| hart.arithmetic::<F64>(insn, Binary::Mul),
        ),
        Op::FmaddD => float(
            to,
            |hart, insn| hart.fused_on_host::<F64>(insn, Fused::Madd),
            |hart, insn| hart.fused::<F64>(insn, Fused::Madd),
        ),
        Op::FnmsubD => float(
            to,
            |hart, insn| hart.fused_on_host::<F64>(insn, Fused::Nmsub),
            |hart, insn| hart.fused::<F64>(insn, Fused::Nmsub),
        ),
        _ => return None,
    })
}

/// Whether an instruction would write `x0` alone.
fn is_without_effect(insn: &Insn) -> bool {
    insn.rd == 0 && (computes(insn.op) || insn.op.format() == Format::Load)
}

/// Whether an instruction does nothing but compute a register from others.
fn computes(op: Op) -> bool {
    matches!(op.format(), Format::R | Format::I | Format::Shift | Format::ShiftW | Format::U)
}
