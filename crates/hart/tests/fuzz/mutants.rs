//! The test of the fuzzer: harts with a defect, each of which it must notice within what CI executes for one focus.
//!
//! `cargo test -p tine-hart --test fuzz mutants -- --nocapture` (with `TINE_CROSS=1`) prints after how many instructions
//! each was noticed.

use crate::ITEMS;
use crate::image::{Image, Under};
use crate::oracles::{check_engines, compare, spike_log};
use crate::ours::{Bare, Defect, Registers};
use crate::program::{Focus, Program};
use tine_hart::Engine;
use tine_isa::{Extension, Insn, Op};

/// How many instructions may pass before a defect is noticed: those of one focus and seed in CI.
const BUDGET: u64 = 20_000;
const SEED: u64 = 1;

struct Mutant {
    defect: &'static str,
    focus: Focus,
    how: Defect,
}

const fn mutant(defect: &'static str, focus: Focus, how: Defect) -> Mutant {
    Mutant { defect, focus, how }
}

/// An operation in the place of another.
macro_rules! instead {
    ($($right:ident => $wrong:ident),*) => {
        Defect::Executes(|insn, _| match insn.op {
            $(Op::$right => Insn { op: Op::$wrong, ..insn },)*
            _ => insn,
        })
    };
}

/// What an operation leaves in its register, where a condition on the hart before holds.
macro_rules! leaves {
    ($op:pat, $register:ident, |$insn:ident, $before:ident| $value:expr) => {
        Defect::Leaves(|$insn, $before, after, _| {
            if let $op = $insn.op
                && let Some(value) = $value
            {
                after.$register[usize::from($insn.rd)] = value;
                after.x[0] = 0;
            }
        })
    };
}

const NX: u32 = 1;
const NV: u32 = 1 << 4;
const NEGATIVE_ZERO: u64 = 1 << 63;

fn x(hart: &Registers, register: u8) -> u64 {
    hart.x[usize::from(register)]
}

fn f(hart: &Registers, register: u8) -> u64 {
    hart.f[usize::from(register)]
}

const MUTANTS: [Mutant; 20] = [
    // Decoder.
    mutant(
        "c.lwsp loses a bit of its offset",
        Focus::Halves(Extension::Zca),
        Defect::Executes(|insn, _| match insn {
            Insn { op: Op::Lw, len: 2, rs1: 2, .. } => Insn { imm: insn.imm & !0x40, ..insn },
            _ => insn,
        }),
    ),
    mutant(
        "c.lhu is c.lh",
        Focus::Halves(Extension::Zcb),
        Defect::Executes(|insn, _| match insn {
            Insn { op: Op::Lhu, len: 2, .. } => Insn { op: Op::Lh, ..insn },
            _ => insn,
        }),
    ),
    mutant(
        "shifts of words take four bits of their amount",
        Focus::Rows(Extension::I),
        Defect::Executes(|insn, _| match insn.op {
            Op::Slliw | Op::Srliw | Op::Sraiw => Insn { imm: insn.imm & 0xf, ..insn },
            _ => insn,
        }),
    ),
    mutant(
        "rs3 of fused operations loses a bit",
        Focus::Rows(Extension::D),
        Defect::Executes(|insn, _| Insn { rs3: insn.rs3 & 0xf, ..insn }),
    ),
    // Executor: integers.
    mutant("sraiw shifts in zeros", Focus::Rows(Extension::I), instead!(Sraiw => Srliw)),
    mutant("mulhsu takes both as signed", Focus::Rows(Extension::M), instead!(Mulhsu => Mulh)),
    mutant(
        "div overflows to 0",
        Focus::Rows(Extension::M),
        leaves!(Op::Div, x, |insn, before| {
            let operands = (x(before, insn.rs1), x(before, insn.rs2));
            (operands == (1 << 63, u64::MAX)).then_some(0)
        }),
    ),
    mutant(
        "remw by zero is 0",
        Focus::Rows(Extension::M),
        leaves!(Op::Remw, x, |insn, before| (x(before, insn.rs2) as u32 == 0).then_some(0)),
    ),
    mutant("sh2add.uw takes all of rs1", Focus::Rows(Extension::Zba), instead!(Sh2addUw => Sh2add)),
    mutant("clmulr is clmulh", Focus::Rows(Extension::Zbc), instead!(Clmulr => Clmulh)),
    // Executor: atomics.
    mutant("amomax.w compares unsigned", Focus::Rows(Extension::A), instead!(AmomaxW => AmomaxuW)),
    mutant(
        "sc succeeds without a reservation",
        Focus::Rows(Extension::A),
        leaves!(Op::ScW | Op::ScD, x, |_insn, _before| Some(0)),
    ),
    // Executor: floating point.
    mutant(
        "fmin.d of zeros takes the second",
        Focus::Rows(Extension::D),
        leaves!(Op::FminD, f, |insn, before| {
            let operands = (f(before, insn.rs1), f(before, insn.rs2));
            (operands == (NEGATIVE_ZERO, 0)).then_some(0)
        }),
    ),
    mutant("fmaxm.s is fmax.s", Focus::Rows(Extension::Zfa), instead!(FmaxmS => FmaxS)),
    mutant(
        "ties away round to even",
        Focus::Rows(Extension::D),
        Defect::Executes(|insn, hart| {
            let mode = if insn.rm == 7 { hart.fcsr >> 5 } else { insn.rm.into() };
            if insn.op.format().has_rounding_mode() && mode == 4 { Insn { rm: 0, ..insn } } else { insn }
        }),
    ),
    mutant(
        "fcvt.w.s is never inexact",
        Focus::Rows(Extension::F),
        Defect::Leaves(|insn, before, after, retired| {
            if insn.op == Op::FcvtWS {
                after.fcsr &= !NX | before.fcsr;
                retired.raised &= !NX;
            }
        }),
    ),
    mutant(
        "feq.d of a signalling NaN is valid",
        Focus::Rows(Extension::D),
        Defect::Leaves(|insn, before, after, retired| {
            if insn.op == Op::FeqD {
                after.fcsr &= !NV | before.fcsr;
                retired.raised &= !NV;
            }
        }),
    ),
    mutant(
        "fsgnj.s does not ask for a NaN box",
        Focus::Rows(Extension::F),
        leaves!(Op::FsgnjS, f, |insn, before| {
            let (a, b) = (f(before, insn.rs1) as u32, f(before, insn.rs2) as u32);
            Some(0xffff_ffff_0000_0000 | u64::from(a & !(1 << 31) | b & 1 << 31))
        }),
    ),
    mutant("fcvtmod.w.d saturates", Focus::Rows(Extension::Zfa), instead!(FcvtmodWD => FcvtWD)),
    mutant(
        "fcvt.h.s rounds toward zero",
        Focus::Rows(Extension::Zfhmin),
        Defect::Executes(|insn, _| if insn.op == Op::FcvtHS { Insn { rm: 1, ..insn } } else { insn }),
    ),
];

/// What Spike says of a focus: programs, and its log of each.
struct Recorded {
    focus: Focus,
    programs: Vec<(Image, Vec<String>)>,
}

impl Recorded {
    fn new(focus: Focus) -> Self {
        let mut programs = Vec::new();
        let mut recorded = 0;
        while recorded < BUDGET {
            let program = Program::random(focus, &[], SEED + programs.len() as u64, ITEMS);
            let image = Image::new(&program, Under::Machine);
            let executed = check_engines(&image).unwrap();
            let log = spike_log("mutants", &image, executed).unwrap();
            assert_eq!(log.len() as u64, executed);
            recorded += executed;
            programs.push((image, log));
        }
        Self { focus, programs }
    }

    /// Returns after how many instructions a defect was noticed, and how.
    fn notices(&self, defect: Defect) -> Option<(u64, String)> {
        let mut before = 0;
        for (image, log) in &self.programs {
            let mut bare = Bare::new(image, Engine::Plain).with_defect(defect);
            match compare(&mut bare, log.iter().cloned()) {
                Ok(compared) => before += compared,
                Err((compared, difference)) => return Some((before + compared, difference)),
            }
        }
        None
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how soon each is noticed is worth reading")]
fn mutants_are_noticed() {
    if crate::plan().is_none() {
        return;
    }
    let mut all: Vec<Recorded> = Vec::new();
    let mut missed = Vec::new();
    for Mutant { defect, focus, how } in &MUTANTS {
        if !all.iter().any(|recorded| recorded.focus == *focus) {
            all.push(Recorded::new(*focus));
        }
        let recorded = all.iter().find(|recorded| recorded.focus == *focus).expect("it was just made");
        match recorded.notices(*how) {
            Some((after, _)) if after < BUDGET => println!("{after:>6} instructions: {defect}"),
            _ => missed.push(*defect),
        }
    }
    assert!(missed.is_empty(), "not noticed within {BUDGET} instructions: {missed:?}");
}
