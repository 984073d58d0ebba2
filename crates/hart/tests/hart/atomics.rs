//! LR, SC and the AMOs.

use crate::asm::{b, bare, i, jal, r, s};
use crate::bench::{Bench, CODE, CODE_FRAMES, data, on_each_engine};
use tine_hart::{Mstatus, Stop};
use tine_isa::Op;
use tine_mmu::PAGE_SIZE;

/// Runs one AMO on a word in memory; returns `rd` and the memory afterwards.
fn amo(op: Op, memory: u64, operand: u64) -> (u64, u64) {
    let mut bench = Bench::new();
    bench.place(&[r(op, 5, 10, 6)]);
    bench.write_data(8, memory);
    (bench.hart.x[10], bench.hart.x[6]) = (data(8).0, operand);
    assert_eq!(bench.run(1), Stop::Budget);
    (bench.hart.x[5], bench.read_data(8))
}

#[test]
fn amos_return_the_old_value_and_store_the_new_one() {
    const MINUS_ONE: u64 = u64::MAX;
    let rows = [
        (Op::AmoswapD, 1, 2, 2),
        (Op::AmoaddD, MINUS_ONE, 2, 1),
        (Op::AmoxorD, 0b1100, 0b1010, 0b0110),
        (Op::AmoandD, 0b1100, 0b1010, 0b1000),
        (Op::AmoorD, 0b1100, 0b1010, 0b1110),
        (Op::AmominD, 1, MINUS_ONE, MINUS_ONE),
        (Op::AmomaxD, 1, MINUS_ONE, 1),
        (Op::AmominuD, 1, MINUS_ONE, 1),
        (Op::AmomaxuD, 1, MINUS_ONE, MINUS_ONE),
    ];
    for (op, memory, operand, new) in rows {
        assert_eq!(amo(op, memory, operand), (memory, new), "{op:?}");
    }
}

#[test]
fn word_amos_touch_four_bytes_and_sign_extend() {
    const UPPER: u64 = 0xdead_beef_0000_0000;
    let rows = [
        (Op::AmoswapW, 0x8000_0000u64, 2u64, 2u64),
        (Op::AmoaddW, 0xffff_ffff, 2, 1),
        (Op::AmominW, 1, 0xffff_ffff, 0xffff_ffff),
        (Op::AmomaxW, 1, 0xffff_ffff, 1),
        (Op::AmominuW, 1, 0xffff_ffff, 1),
        (Op::AmomaxuW, 1, 0x8000_0000, 0x8000_0000),
        // The upper half of the operand is ignored.
        (Op::AmomaxuW, 5, 0x7_0000_0001, 5),
        (Op::AmominW, 5, 0x7_ffff_fff0, 0xffff_fff0),
    ];
    for (op, memory, operand, new) in rows {
        let old = memory as u32 as i32 as u64;
        assert_eq!(amo(op, UPPER | memory, operand), (old, UPPER | new), "{op:?}");
    }
}

#[test]
fn rd_may_be_the_address_or_the_operand() {
    on_each_engine(|bench| {
        bench.place(&[r(Op::AmoaddD, 10, 10, 10)]);
        bench.write_data(8, 100);
        bench.hart.x[10] = data(8).0;
        assert_eq!(bench.run(1), Stop::Budget);
        assert_eq!((bench.hart.x[10], bench.read_data(8)), (100, 100 + data(8).0));
    });
}

#[test]
fn sc_succeeds_once_after_lr_at_the_same_place() {
    on_each_engine(|bench| {
        bench.place(&[
            r(Op::LrD, 5, 10, 0),
            r(Op::ScD, 6, 10, 11),
            r(Op::ScD, 7, 10, 12),
            r(Op::LrW, 5, 10, 0),
            r(Op::ScW, 8, 13, 12),
        ]);
        bench.write_data(8, 1);
        (bench.hart.x[10], bench.hart.x[13]) = (data(8).0, data(16).0);
        (bench.hart.x[11], bench.hart.x[12]) = (2, 3);
        assert_eq!(bench.run(5), Stop::Budget);
        assert_eq!(bench.hart.x[6..9], [0, 1, 1], "the first alone succeeds");
        assert_eq!((bench.read_data(8), bench.read_data(16)), (2, 0));
        let dtlb = bench.hart.mmu.counters().dtlb;
        assert_eq!((dtlb.loads, dtlb.stores), (2, 3), "SC is a store even when it fails");
    });
}

/// Runs LR, lets `between` happen, runs SC; tells whether SC succeeded.
fn survives(between: impl Fn(&mut Bench)) -> bool {
    let mut bench = Bench::new();
    bench.place(&[r(Op::LrD, 5, 10, 0), r(Op::ScD, 6, 10, 11), bare(Op::Ecall)]);
    bench.hart.x[10] = data(8).0;
    assert_eq!(bench.run(1), Stop::Budget);
    between(&mut bench);
    assert_eq!(bench.run(1), Stop::Budget);
    bench.hart.x[6] == 0
}

#[test]
fn a_trap_return_or_a_new_address_space_drops_the_reservation() {
    assert!(survives(|_| {}));
    assert!(!survives(|bench| {
        bench.hart.csrs.sepc = bench.hart.pc;
        bench.hart.sret();
    }));
    assert!(!survives(|bench| bench.hart.set_satp(bench.hart.mmu.satp())));
}

/// Runs `words` on a second hart that shares the address space, `x10` being `address`.
fn on_another_hart(bench: &mut Bench, words: &[u32], address: u64) {
    let mut other = bench.another_hart();
    bench.place_at(CODE_FRAMES + 1, 0, words);
    other.pc = CODE + PAGE_SIZE;
    other.x[10] = address;
    let budget = words.len() as u64;
    assert_eq!(other.run(&mut bench.ram, &mut bench.shared, budget), Stop::Budget);
}

#[test]
fn a_store_of_another_hart_breaks_the_reservation_and_a_load_does_not() {
    for (word, address, kept) in [
        (i(Op::Ld, 7, 10, 0), data(8), true),
        (s(Op::Sd, 7, 10, 0), data(16), true),
        (s(Op::Sd, 7, 10, 0), data(8), false),
        (s(Op::Sb, 7, 10, 0), data(15), false),
        (s(Op::Sd, 7, 10, 0), data(5), false), // misaligned, and overlaps
        (r(Op::AmoaddD, 7, 10, 7), data(8), false),
    ] {
        let survived = survives(|bench| on_another_hart(bench, &[word], address.0));
        assert_eq!(survived, kept, "{word:#x} at {address}");
    }
}

#[test]
fn a_copy_of_the_supervisor_breaks_other_harts_reservations() {
    assert!(!survives(|bench| {
        let mut other = bench.another_hart();
        other.csrs.mstatus.set(Mstatus::SUM, true);
        other.copy_out(&mut bench.ram, &mut bench.shared, data(8), &[0]).unwrap();
    }));
}

#[test]
fn two_harts_that_take_turns_after_every_instruction_both_get_through() {
    // Each adds 1 to a word a hundred times with LR and SC.
    let increment = [
        r(Op::LrD, 5, 10, 0),
        i(Op::Addi, 5, 5, 1),
        r(Op::ScD, 6, 10, 5),
        b(Op::Bne, 6, 0, -12),
        i(Op::Addi, 7, 7, -1),
        b(Op::Bne, 7, 0, -20),
        jal(0, 0),
    ];
    on_each_engine(|bench| {
        bench.place(&increment);
        (bench.hart.x[10], bench.hart.x[7]) = (data(8).0, 100);
        let mut harts = [bench.hart.clone(), bench.another_hart()];
        // Steps of different length, so that every interleaving comes up.
        for turn in 0..4000 {
            let hart = &mut harts[turn % 2];
            assert_eq!(hart.run(&mut bench.ram, &mut bench.shared, 1 + turn as u64 % 3), Stop::Budget);
        }
        assert_eq!((harts[0].x[7], harts[1].x[7]), (0, 0), "both are done");
        assert_eq!(bench.read_data(8), 200, "no increment was lost");
    });
}
