//! Which instructions a hart has, and what the privileged architecture lets its programs do with them.

use crate::asm::{encode, i, insn, jal, r};
use crate::bench::{Bench, CODE, HOLE, data, on_each_engine};
use tine_hart::{Csrs, Exception, Stop};
use tine_isa::{Insn, Op};

#[track_caller]
fn trapped(bench: &Bench, exception: Exception, stval: u64) {
    assert_eq!((bench.hart.csrs.scause, bench.hart.csrs.stval), (exception as u64, stval));
}

#[test]
fn an_instruction_that_is_off_is_illegal() {
    on_each_engine(|bench| {
        let word = r(Op::Sh1add, 5, 6, 7);
        bench.place(&[word, i(Op::Addi, 0, 0, 0)]);
        (bench.hart.x[6], bench.hart.x[7]) = (20, 2);
        assert_eq!(bench.run(1), Stop::Budget);
        assert_eq!(bench.hart.x[5], 42);
        // Code that was decoded before is no exception.
        bench.hart.isa = "rv64gc".parse().unwrap();
        bench.hart.pc = CODE;
        assert_eq!(bench.run(1), Stop::Trap);
        trapped(bench, Exception::IllegalInstruction, word.into());
    });
}

#[test]
fn without_compressed_instructions_jumps_go_to_multiples_of_4() {
    on_each_engine(|bench| {
        bench.hart.isa = "rv64g".parse().unwrap();
        bench.place(&[jal(1, 6)]);
        bench.hart.x[1] = 7;
        assert_eq!(bench.run(1), Stop::Trap);
        trapped(bench, Exception::FetchMisaligned, CODE.0 + 6);
        assert_eq!((bench.hart.x[1], bench.hart.csrs.sepc), (7, CODE), "nothing was linked");
    });
}

#[test]
fn zeroing_a_cache_block_stores_to_all_of_it_and_faults_as_a_store() {
    let zero = encode(&Insn { rs1: 10, ..insn(Op::CboZero) });
    on_each_engine(|bench| {
        for word in 0..24 {
            bench.write_data(8 * word, u64::MAX);
        }
        bench.place(&[zero]);
        bench.hart.x[10] = data(64 + 17).0;
        assert_eq!(bench.run(1), Stop::Budget);
        for word in 0..24 {
            let expected = if (8..16).contains(&word) { 0 } else { u64::MAX };
            assert_eq!(bench.read_data(8 * word), expected, "word {word}");
        }
        bench.place(&[zero]);
        bench.hart.x[10] = HOLE.0 + 70;
        assert_eq!(bench.run(1), Stop::Trap);
        // "Cache Management Operations": the address that `rs1` holds, wherever in the block it is.
        trapped(bench, Exception::StorePageFault, HOLE.0 + 70);
    });
}

#[test]
fn cache_blocks_are_operated_on_where_senvcfg_allows_it() {
    let word = |op| encode(&Insn { rs1: 10, ..insn(op) });
    let fields = [
        (Op::CboZero, Csrs::CBZE),
        (Op::CboClean, Csrs::CBCFE),
        (Op::CboFlush, Csrs::CBCFE),
        (Op::CboInval, Csrs::CBIE),
    ];
    for (op, field) in fields {
        on_each_engine(|bench| {
            bench.hart.x[10] = data(0).0;
            bench.place(&[word(op)]);
            bench.hart.csrs.senvcfg = field;
            assert_eq!(bench.run(1), Stop::Budget, "{op:?}");
            bench.place(&[word(op)]);
            bench.hart.csrs.senvcfg = !field;
            assert_eq!(bench.run(1), Stop::Trap, "{op:?}");
            trapped(bench, Exception::IllegalInstruction, word(op).into());
        });
    }
}
