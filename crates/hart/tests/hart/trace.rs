//! The traced run loop.

use crate::asm::{bare, i, r, s};
use crate::bench::{Bench, CODE, data};
use tine_hart::{Hart, Observer, Retired, Stop};
use tine_isa::Op;

/// Writes down what it sees: address, operation, data address, value of the destination register; and what it stored.
#[derive(Default)]
struct Log(Vec<(u64, Op, Option<u64>, u64)>, Vec<Option<u64>>);

impl Observer for Log {
    fn retired(&mut self, hart: &Hart, retired: &Retired) {
        let written = hart.x[usize::from(retired.insn.rd)];
        self.0.push((retired.pc.0 - CODE.0, retired.insn.op, retired.address.map(|at| at.0), written));
        self.1.push(retired.stored);
    }
}

#[test]
fn an_observer_sees_what_retires_and_nothing_else() {
    let words = [
        i(Op::Addi, 5, 0, 7),
        s(Op::Sd, 5, 10, 8),
        i(Op::Ld, 10, 10, 8), // the base register is overwritten
        r(Op::AmoaddD, 6, 11, 5),
        bare(Op::Ecall),
    ];
    let mut bench = Bench::new();
    bench.place(&words);
    (bench.hart.x[10], bench.hart.x[11]) = (data(0).0, data(8).0);
    let mut untraced = bench.hart.clone();
    let mut log = Log::default();
    let stop = bench.hart.run_traced(&mut bench.ram, &mut bench.shared, 10, &mut log);
    assert_eq!(stop, Stop::Trap);
    let at = Some(data(8).0);
    assert_eq!(log.1, [None, Some(7), None, Some(14)], "the AMO adds 7 to 7");
    assert_eq!(
        log.0,
        [(0, Op::Addi, None, 7), (4, Op::Sd, at, 0), (8, Op::Ld, at, 7), (12, Op::AmoaddD, at, 7),]
    );
    // Watching changes nothing.
    bench.write_data(8, 0);
    assert_eq!(untraced.run(&mut bench.ram, &mut bench.shared, 10), Stop::Trap);
    assert_eq!((untraced.x, untraced.csrs), (bench.hart.x, bench.hart.csrs));
    assert_eq!(untraced.mmu.counters(), bench.hart.mmu.counters());
}
