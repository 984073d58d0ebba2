//! Both engines side by side: after every run, whatever its budget, they must agree on everything there is.

use crate::asm::{b, bare, csr, encode, i, insn, jal, r, s};
use crate::bench::{
    Bench, CODE, CODE_FRAMES, DATA, DATA_FRAMES, HANDLER_FRAME, HOLE, PAGES, Setup, USER_RW, data, frame,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tine_hart::{Engine, FpState, Stop, Supervisor};
use tine_isa::{Format, Insn, Op};
use tine_mmu::{PAGE_SIZE, TlbConfig, VirtAddr};

/// The same machine under each engine.
struct Pair {
    plain: Bench,
    threaded: Bench,
}

impl Pair {
    fn new(setup: Setup) -> Self {
        let under = |engine| Bench::with(Setup { engine, ..setup });
        Self { plain: under(Engine::Plain), threaded: under(Engine::Threaded) }
    }

    fn both(&mut self, change: impl Fn(&mut Bench)) {
        change(&mut self.plain);
        change(&mut self.threaded);
    }

    /// Runs both and compares.
    #[track_caller]
    fn run(&mut self, budget: u64) -> Stop {
        let before = self.plain.hart.retired();
        let stop = self.plain.run(budget);
        assert_eq!(self.threaded.run(budget), stop, "why the run ended");
        if stop == Stop::Budget && self.plain.hart.supervisor == Supervisor::Native {
            assert_eq!(self.plain.hart.retired() - before, budget, "the budget is retired exactly");
        }
        self.compare();
        stop
    }

    #[track_caller]
    fn compare(&self) {
        let (plain, threaded) = (&self.plain.hart, &self.threaded.hart);
        assert_eq!(threaded.pc, plain.pc);
        assert_eq!(threaded.x, plain.x);
        assert_eq!(threaded.f, plain.f);
        assert_eq!(threaded.fcsr, plain.fcsr);
        assert_eq!(threaded.privilege, plain.privilege);
        assert_eq!(threaded.csrs, plain.csrs);
        assert_eq!(threaded.mmu.satp(), plain.mmu.satp());
        assert_eq!(threaded.instructions, plain.instructions);
        assert_eq!(threaded.mmu.counters(), plain.mmu.counters());
        assert_eq!(threaded.mmu.entries(), plain.mmu.entries());
        for index in 0..self.plain.ram.frames() {
            let same = self.plain.ram.frame(frame(index)) == self.threaded.ram.frame(frame(index));
            assert!(same, "frame {index} differs");
        }
    }
}

/// A TLB so small that code and data evict each other all the time.
fn two_entries() -> TlbConfig {
    "l1i=2,l1d=2,l2=4x2".parse().unwrap()
}

/// Registers that random programs compute with.
const X: [u8; 6] = [5, 6, 7, 8, 28, 29];

/// Where the copies of a random program begin, before they are shifted: two of them lie across pages.
const PLACES: [u64; 3] = [PAGE_SIZE - 160, 3 * PAGE_SIZE + 1024, 6 * PAGE_SIZE - 400];

/// Registers that stay pointers: into each copy of the program, into data, near its end, and before a hole.
const CODE_POINTERS: [u8; 3] = [10, 11, 12];
const DATA_POINTERS: [u8; 3] = [13, 14, 15];

fn set_pointers(bench: &mut Bench, shift: u64) {
    for (register, place) in CODE_POINTERS.into_iter().zip(PLACES) {
        bench.hart.x[usize::from(register)] = (CODE + place + shift).0;
    }
    let end = DATA + (PAGES * PAGE_SIZE - 64);
    for (register, value) in DATA_POINTERS.into_iter().zip([data(2048), end, VirtAddr(HOLE.0 - 8)]) {
        bench.hart.x[usize::from(register)] = value.0;
    }
}

/// CSRs that random programs name: user's, counters, and two that they may not touch.
const CSRS: [i32; 8] = [0x001, 0x002, 0x003, 0xc00, 0xc01, 0xc02, 0x100, 0x7c0];

/// Any instruction with operands that keep the program running for a while.
fn any_insn() -> impl Strategy<Value = Insn> {
    let ops: Vec<Op> = Op::ALL.to_vec();
    let x = proptest::sample::select(X.to_vec());
    let pointer = proptest::sample::select(vec![10u8, 12, 13, 13, 13, 13, 13, 13, 14, 15]);
    let code = proptest::sample::select(CODE_POINTERS.to_vec());
    let operands = (x.clone(), x.clone(), x, pointer, code, 0u8..32, any::<i32>());
    let rm = proptest::sample::select(vec![0u8, 1, 2, 3, 4, 7]);
    (proptest::sample::select(ops), operands, rm).prop_map(
        |(op, (rd, rs1, rs2, pointer, code, rs3, imm), rm)| {
            let any = Insn { rd, rs1, rs2, ..insn(op) };
            // Forward by at most eight instructions, or a short way back.
            let near = (imm % 10) * 4;
            match op.format() {
                Format::I | Format::FConvert | Format::FToInt | Format::FFromInt => {
                    Insn { imm: imm % 2048, rm, ..any }
                }
                Format::Shift => Insn { imm: imm & 63, ..any },
                Format::ShiftW => Insn { imm: imm & 31, ..any },
                Format::Load | Format::FLoad => Insn { rs1: pointer, imm: imm % 2048, ..any },
                Format::Store | Format::FStore => Insn { rs1: pointer, imm: imm % 2048, ..any },
                Format::Lr | Format::Amo => Insn { rs1: pointer, ..any },
                Format::CacheBlock => Insn { rd: 0, rs1: pointer, rs2: 0, ..any },
                Format::Unary | Format::FMoveToInt | Format::FMoveFromInt => Insn { rs2: 0, ..any },
                Format::FLiteral => Insn { rs1: rs3, rs2: 0, ..any },
                Format::Branch | Format::J => Insn { imm: near, ..any },
                Format::Jalr => Insn { rs1: code, imm: (imm % 300).abs() & !2, ..any },
                Format::Csr | Format::CsrImm => Insn { imm: CSRS[imm as usize % CSRS.len()], ..any },
                Format::Fence => Insn { imm: 0xff, rd: 0, rs1: 0, rs2: 0, ..any },
                Format::U => Insn { imm: imm << 12, ..any },
                Format::Fma | Format::FArith => Insn { rs3, rm, ..any },
                _ => any,
            }
        },
    )
}

/// Compressed instructions as GNU as encodes them, with x5 to x9 and x28 for operands and x13 pointing at data.
const COMPRESSED: [u16; 20] = [
    0x0001, // c.nop
    0x0285, // c.addi t0, 1
    0x3375, // c.addiw t1, -3
    0x831e, // c.mv t1, t2
    0x9396, // c.add t2, t0
    0x8c05, // c.sub s0, s1
    0x4e15, // c.li t3, 5
    0x6e0d, // c.lui t3, 3
    0x0312, // c.slli t1, 4
    0x800d, // c.srli s0, 3
    0x8c25, // c.xor s0, s1
    0x6680, // c.ld s0, 8(a3)
    0xea80, // c.sd s0, 16(a3)
    0x42c0, // c.lw s0, 4(a3)
    0xc6c0, // c.sw s0, 12(a3)
    0x2680, // c.fld fs0, 8(a3)
    0xae80, // c.fsd fs0, 24(a3)
    0xc019, // c.beqz s0, .+6
    0xfc65, // c.bnez s0, .-8
    0xa011, // c.j .+4
];

/// The bytes of a program, and how far to shift it: now and then an instruction lies across two pages.
fn any_program() -> impl Strategy<Value = (Vec<u8>, u64)> {
    let insn = prop_oneof![
        5 => any_insn().prop_map(|insn| encode(&insn).to_le_bytes().to_vec()),
        1 => proptest::sample::select(COMPRESSED.to_vec()).prop_map(|half| half.to_le_bytes().to_vec()),
    ];
    let program = proptest::collection::vec(insn, 1..200).prop_map(|insns| insns.concat());
    (program, (0u64..40).prop_map(|step| 2 * step))
}

/// What computations are made of mostly.
const COMPUTING: [Op; 20] = [
    Op::Addi,
    Op::Addi,
    Op::Addiw,
    Op::Add,
    Op::Add,
    Op::Addw,
    Op::Sub,
    Op::And,
    Op::Andi,
    Op::Or,
    Op::Xor,
    Op::Slli,
    Op::Srli,
    Op::Slliw,
    Op::Srliw,
    Op::Sltu,
    Op::Mul,
    Op::Lui,
    Op::Auipc,
    Op::Rolw,
];

/// One instruction that computes, often a move, or a constant, or without effect.
fn any_computation() -> impl Strategy<Value = Insn> {
    let x = proptest::sample::select(vec![0u8, 5, 6, 7, 8, 28, 29]);
    let imm = prop_oneof![Just(0), any::<i32>()];
    let op = proptest::sample::select(COMPUTING.to_vec());
    (op, x.clone(), x.clone(), x, imm).prop_map(|(op, rd, rs1, rs2, imm)| {
        let insn = Insn { rd, rs1, rs2, ..insn(op) };
        match op.format() {
            Format::I => Insn { imm: imm % 2048, rs2: 0, ..insn },
            Format::Shift => Insn { imm: imm & 63, rs2: 0, ..insn },
            Format::ShiftW => Insn { imm: imm & 31, rs2: 0, ..insn },
            Format::U => Insn { imm: imm << 12, rs1: 0, rs2: 0, ..insn },
            _ => insn,
        }
    })
}

/// Two shifts and an OR, which are a rotation if the registers are chosen well.
fn any_rotation() -> impl Strategy<Value = Vec<Insn>> {
    let x = || proptest::sample::select(vec![0u8, 5, 6, 7]);
    let shift = || proptest::sample::select(vec![Op::Slliw, Op::Srliw, Op::Slli, Op::Srli]);
    let shifts = ((shift(), x(), x(), 0..32), (shift(), x(), x(), 0..32));
    (shifts, x(), any::<bool>(), any::<bool>()).prop_map(|((one, other), rd, same_source, same_target)| {
        let ((op, to, from, by), (other_op, other_to, other_from, other_by)) = (one, other);
        let other_from = if same_source { from } else { other_from };
        let rd = if same_target { other_to } else { rd };
        let shifts = [i(op, to, from, by), i(other_op, other_to, other_from, other_by)];
        let [one, other] = shifts.map(|word| tine_isa::decode(word).expect("it was encoded"));
        vec![one, other, Insn { rd, rs1: to, rs2: other_to, ..insn(Op::Or) }]
    })
}

/// The bytes of a program of fewer than so many parts, and how far to shift it.
fn program_of(part: impl Strategy<Value = Vec<Insn>>, parts: usize) -> impl Strategy<Value = (Vec<u8>, u64)> {
    let bytes =
        |insns: Vec<Insn>| insns.iter().flat_map(|insn| encode(insn).to_le_bytes()).collect::<Vec<u8>>();
    let program = proptest::collection::vec(part.prop_map(bytes), 1..parts).prop_map(|parts| parts.concat());
    (program, (0u64..40).prop_map(|step| 2 * step))
}

/// The bytes of a program that computes most of the time, and how far to shift it.
fn computing_program() -> impl Strategy<Value = (Vec<u8>, u64)> {
    let some = prop_oneof![
        8 => any_computation().prop_map(|insn| vec![insn]),
        2 => any_rotation(),
        2 => any_insn().prop_map(|insn| vec![insn]),
    ];
    program_of(some, 120)
}

/// Loads or stores of one kind in a row, as functions save registers and get them back: most rise or fall evenly, some lie in two
/// pages, some trap, and some loads change the pointer.
fn any_row() -> impl Strategy<Value = Vec<Insn>> {
    let op = proptest::sample::select(vec![Op::Ld, Op::Sd, Op::Lw, Op::Sw, Op::Fld, Op::Fsd]);
    let pointer = proptest::sample::select(DATA_POINTERS.to_vec());
    let step =
        prop_oneof![4 => Just(8), 4 => Just(-8), 1 => Just(4), 1 => Just(-16), 1 => Just(0), 1 => Just(12)];
    let odd = prop_oneof![12 => Just(0), 1 => Just(8), 1 => Just(-40), 1 => Just(4), 1 => Just(1)];
    let register =
        prop_oneof![30 => proptest::sample::select(X.to_vec()), 1 => Just(0), 1 => pointer.clone()];
    let row = proptest::collection::vec((register, odd), 2..12);
    let moved = prop_oneof![1 => Just(None), 2 => (-120i32..120).prop_map(|units| Some(8 * units))];
    (op, pointer, row, (-1800i32..1800, step), moved).prop_map(|(op, pointer, row, (start, step), moved)| {
        let moves = moved.map(|imm| Insn { rd: pointer, rs1: pointer, imm, ..insn(Op::Addi) });
        let access = |(number, (x, odd)): (i32, (u8, i32))| {
            let imm = start / 8 * 8 + number * step + odd;
            match op {
                Op::Ld | Op::Lw | Op::Fld => Insn { rd: x, rs1: pointer, imm, ..insn(op) },
                _ => Insn { rs1: pointer, rs2: x, imm, ..insn(op) },
            }
        };
        moves.into_iter().chain((0..).zip(row).map(access)).collect()
    })
}

/// The bytes of a program that saves registers and gets them back most of the time, and how far to shift it.
fn saving_program() -> impl Strategy<Value = (Vec<u8>, u64)> {
    let some = prop_oneof![
        4 => any_row(),
        2 => any_computation().prop_map(|insn| vec![insn]),
        1 => any_insn().prop_map(|insn| vec![insn]),
    ];
    program_of(some, 40)
}

/// Runs a strategy a fixed number of times from a fixed seed.
fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let rng_seed = RngSeed::Fixed(7);
    let config = Config { cases, failure_persistence: None, rng_seed, ..Config::default() };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn random_programs(program: impl Strategy<Value = (Vec<u8>, u64)>, tlb: TlbConfig, supervisor: Supervisor) {
    let budgets = proptest::collection::vec(prop_oneof![1u64..6, 6u64..90, 90u64..900], 1..12);
    check(300, &(program, budgets, any::<u64>()), |((program, shift), budgets, seed)| {
        let mut pair = Pair::new(Setup { tlb, supervisor, ..Setup::default() });
        pair.both(|bench| {
            // Whatever a wrong turn leads to can be executed.
            for page in 0..PAGES {
                bench.place_at(CODE_FRAMES + page, 0, &[i(Op::Addi, 30, 30, 1); 1024]);
            }
            for place in PLACES {
                bench.place_bytes(CODE_FRAMES, place + shift, &program);
            }
            bench.hart.pc = CODE + PLACES[0] + shift;
            for (index, f) in bench.hart.f.iter_mut().enumerate() {
                *f = seed.rotate_left(7 * index as u32) | if index % 3 == 0 { u64::MAX << 32 } else { 0 };
            }
            for (index, x) in bench.hart.x.iter_mut().enumerate().skip(1) {
                *x = seed.rotate_right(11 * index as u32);
            }
            set_pointers(bench, shift);
            // The handler skips what trapped and goes back.
            bench.place_at(HANDLER_FRAME, 0, &skip_handler());
        });
        for budget in budgets {
            if pair.run(budget) == Stop::Trap {
                // As a supervisor does that skips what trapped.
                pair.both(|bench| {
                    bench.hart.csrs.sepc = bench.hart.csrs.sepc + 4;
                    bench.hart.sret();
                });
            }
        }
    });
}

/// `sepc += 4; sret`, with `t6` saved in `sscratch`.
fn skip_handler() -> [u32; 6] {
    const SSCRATCH: u16 = 0x140;
    const SEPC: u16 = 0x141;
    [
        csr(Op::Csrrw, 31, SSCRATCH, 31),
        csr(Op::Csrrs, 31, SEPC, 0),
        i(Op::Addi, 31, 31, 4),
        csr(Op::Csrrw, 0, SEPC, 31),
        csr(Op::Csrrw, 31, SSCRATCH, 31),
        bare(Op::Sret),
    ]
}

#[test]
fn random_programs_agree_under_a_native_supervisor() {
    random_programs(any_program(), TlbConfig::U54, Supervisor::Native);
}

#[test]
fn random_programs_agree_with_a_tiny_tlb() {
    random_programs(any_program(), two_entries(), Supervisor::Native);
}

#[test]
fn random_programs_agree_under_a_guest_supervisor() {
    random_programs(any_program(), two_entries(), Supervisor::Guest);
}

#[test]
fn random_rows_of_loads_and_stores_agree() {
    random_programs(saving_program(), two_entries(), Supervisor::Native);
}

#[test]
fn random_computations_agree() {
    random_programs(computing_program(), TlbConfig::U54, Supervisor::Native);
}

/// Every kind of transfer, access and slow path in one loop of `x5` rounds, `x10` and `x11` pointing at data.
fn busy_loop() -> Vec<u32> {
    vec![
        i(Op::Ld, 6, 10, 0),
        i(Op::Addi, 6, 6, 3),
        s(Op::Sd, 6, 10, 0),
        s(Op::Sw, 6, 11, 2), // misaligned
        r(Op::AmoaddW, 7, 10, 6),
        r(Op::FaddD, 1, 1, 2),
        r(Op::Mul, 8, 6, 7),
        i(Op::Andi, 9, 8, 1),
        b(Op::Beq, 9, 0, 8),
        jal(1, PAGE_SIZE as i32 - 36), // the leaf
        i(Op::Addi, 5, 5, -1),
        b(Op::Bne, 5, 0, -44),
        bare(Op::Ecall),
    ]
}

/// What the loop calls, in the next page.
fn leaf() -> [u32; 2] {
    [r(Op::Xor, 28, 28, 8), i(Op::Jalr, 0, 1, 0)]
}

fn prepare_busy_loop(bench: &mut Bench, rounds: u64) {
    bench.place(&busy_loop());
    bench.place_at(CODE_FRAMES + 1, 0, &leaf());
    bench.hart.x[5] = rounds;
    bench.hart.x[10] = data(8).0;
    bench.hart.x[11] = data(4088).0;
    bench.hart.f[2] = 1f64.to_bits();
}

#[test]
fn a_loop_agrees_at_every_budget() {
    let mut pair = Pair::new(Setup { tlb: two_entries(), ..Setup::default() });
    pair.both(|bench| prepare_busy_loop(bench, 1000));
    for budget in (0..130).chain([1000, 3]) {
        assert_eq!(pair.run(budget), Stop::Budget);
    }
    while pair.run(100) == Stop::Budget {}
    assert_eq!(pair.plain.hart.x[5], 0);
}

/// The immediates of rows around a page's end: rising and falling, with steps of several sizes, and with one that breaks the line.
fn rows() -> impl Iterator<Item = Vec<i32>> {
    let lines = [8, -8, 4, -4, 12, 24].into_iter().flat_map(|step| {
        (-72..72).step_by(4).map(move |start| (0..9).map(|number| start + step * number).collect::<Vec<_>>())
    });
    lines.flat_map(|line| {
        let broken = [0, 80, -80, 1].map(|by| {
            let mut row = line.clone();
            row[3] += by;
            row
        });
        broken.into_iter()
    })
}

#[test]
fn rows_agree_wherever_they_lie() {
    const NEXT: u64 = DATA_FRAMES + 5;
    for op in [Op::Ld, Op::Sd, Op::Lw, Op::Sw, Op::Fld, Op::Fsd] {
        for (row, imms) in rows().enumerate() {
            let number = |index: usize| match op {
                // Now and then nothing is loaded, or the base itself.
                Op::Ld | Op::Lw if row % 7 == index => 0,
                Op::Ld | Op::Lw if row % 11 == index => 10,
                _ => 16 + index as u8,
            };
            let access = |(index, imm): (usize, i32)| match op {
                Op::Ld | Op::Lw | Op::Fld => Insn { rd: number(index), rs1: 10, imm, ..insn(op) },
                _ => Insn { rs1: 10, rs2: number(index), imm, ..insn(op) },
            };
            let program: Vec<_> = [i(Op::Ld, 6, 11, 0), i(Op::Ld, 7, 12, 0), i(Op::Addi, 10, 12, 0)]
                .into_iter()
                .chain(imms.into_iter().enumerate().map(access).map(|insn| encode(&insn)))
                .chain([i(Op::Ld, 6, 11, 0), i(Op::Addi, 5, 5, -1), b(Op::Bne, 5, 0, -56), bare(Op::Ecall)])
                .collect();
            let mut pair = Pair::new(Setup { tlb: two_entries(), ..Setup::default() });
            pair.both(|bench| {
                // The page behind the first one lies elsewhere.
                bench.map(DATA.vpn() + 1, NEXT, USER_RW);
                let pattern: Vec<u8> = (0..PAGE_SIZE).map(|at| (at / 8) as u8 ^ at as u8).collect();
                for page in [DATA_FRAMES, NEXT] {
                    bench.place_bytes(page, 0, &pattern);
                }
                bench.place(&program);
                bench.hart.x[5] = 3;
                (bench.hart.x[11], bench.hart.x[12]) = (data(64).0, data(PAGE_SIZE).0);
                for register in 16..25 {
                    bench.hart.x[register] = 0x0101_0101_0101_0101 * register as u64;
                    bench.hart.f[register] = bench.hart.x[register];
                }
            });
            while pair.run(23) == Stop::Budget {}
        }
    }
}

#[test]
fn a_long_run_takes_no_host_stack() {
    let mut bench = Bench::new();
    prepare_busy_loop(&mut bench, u64::MAX);
    assert_eq!(bench.run(30_000_000), Stop::Budget);
    assert_eq!(bench.hart.retired(), 30_000_000);
}

#[test]
fn rows_take_no_host_stack() {
    for op in [Op::Ld, Op::Sd, Op::Lw, Op::Sw, Op::Fld, Op::Fsd] {
        for length in 2..10 {
            let access = |index: u8| {
                let imm = 8 * i32::from(index);
                Insn { rd: 16 + index, rs1: 10, rs2: 16 + index, imm, ..insn(op) }
            };
            let back = jal(0, -4 * i32::from(length));
            let program: Vec<_> = (0..length).map(|index| encode(&access(index))).chain([back]).collect();
            let mut bench = Bench::new();
            bench.hart.csrs.mstatus.set_fp(FpState::Dirty);
            bench.hart.x[10] = data(8).0;
            bench.place(&program);
            assert_eq!(bench.run(500_000), Stop::Budget, "{length} times {op:?}");
        }
    }
}
