//! Code that changes, moves or is shared: when a store is seen by the fetches after it.

use crate::asm::{b, bare, csr, i, jal, r, s, u};
use crate::bench::{Bench, CODE, CODE_FRAMES, DATA, HOLE, RWX, USED, frame, on_each_engine};
use tine_hart::{Exception, Hart, Stop, Supervisor};
use tine_isa::Op;
use tine_mmu::{Fence, Mmu, MmuConfig, PAGE_SIZE, PteFlags, VirtAddr};

fn word(bench: &mut Bench, register: usize, word: u32) {
    bench.hart.x[register] = word.into();
}

#[test]
fn a_store_takes_effect_on_the_next_instruction() {
    on_each_engine(|bench| {
        // x5 = 1 is overwritten by x5 = 2 just before it is executed, twice round the loop.
        bench.place(&[
            s(Op::Sw, 6, 10, 8),
            i(Op::Addi, 7, 7, 1),
            i(Op::Addi, 5, 0, 1),
            r(Op::Add, 8, 8, 5),
            s(Op::Sw, 9, 10, 8),
            b(Op::Bne, 7, 11, -20),
        ]);
        bench.hart.x[10] = CODE.0;
        bench.hart.x[11] = 2;
        word(bench, 6, i(Op::Addi, 5, 0, 2));
        word(bench, 9, i(Op::Addi, 5, 0, 3));
        assert_eq!(bench.run(12), Stop::Budget);
        assert_eq!(bench.hart.x[8], 4, "executed x5 = 2 both times");
        assert_eq!(bench.hart.pc, CODE + 24);
    });
}

#[test]
fn an_atomic_into_the_running_block_takes_effect_too() {
    on_each_engine(|bench| {
        bench.place(&[r(Op::AmoswapW, 0, 10, 6), i(Op::Addi, 5, 0, 1)]);
        bench.hart.x[10] = CODE.0 + 4;
        word(bench, 6, i(Op::Addi, 5, 0, 2));
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!(bench.hart.x[5], 2);
    });
}

#[test]
fn a_data_page_that_becomes_code_is_watched_from_then_on() {
    on_each_engine(|bench| {
        // Stores to the page through the shortcut, executes it, stores again, executes again.
        bench.map(DATA.vpn(), CODE_FRAMES + 20, RWX | PteFlags::U | USED);
        bench.place(&[
            s(Op::Sw, 6, 10, 0),
            s(Op::Sw, 7, 10, 4),
            i(Op::Jalr, 1, 10, 0),
            s(Op::Sw, 8, 10, 0),
            i(Op::Jalr, 1, 10, 0),
        ]);
        bench.hart.x[10] = DATA.0;
        word(bench, 6, i(Op::Addi, 5, 5, 1));
        word(bench, 7, i(Op::Jalr, 0, 1, 0));
        word(bench, 8, i(Op::Addi, 5, 5, 16));
        assert_eq!(bench.run(9), Stop::Budget);
        assert_eq!(bench.hart.x[5], 17);
    });
}

#[test]
fn code_that_was_just_written_may_change_itself_at_once() {
    on_each_engine(|bench| {
        bench.map(DATA.vpn(), CODE_FRAMES + 20, RWX | PteFlags::U | USED);
        // Reading the counter ends a block: the stores are made when this page is known to be code.
        let read_instret = csr(Op::Csrrs, 9, 0xc02, 0);
        bench.place(&[read_instret, s(Op::Sw, 6, 10, 0), s(Op::Sw, 7, 10, 4), i(Op::Jalr, 1, 10, 0)]);
        bench.hart.x[10] = DATA.0;
        word(bench, 6, s(Op::Sw, 8, 10, 4));
        word(bench, 7, i(Op::Addi, 5, 5, 1));
        word(bench, 8, i(Op::Addi, 5, 5, 16));
        assert_eq!(bench.run(6), Stop::Budget);
        assert_eq!(bench.hart.x[5], 16);
    });
}

#[test]
fn a_frame_that_the_supervisor_reuses_holds_new_code() {
    on_each_engine(|bench| {
        bench.place(&[i(Op::Addi, 5, 5, 1), jal(0, -4)]);
        assert_eq!(bench.run(10), Stop::Budget);
        assert_eq!(bench.hart.x[5], 5);
        bench.ram.zero_frame(frame(CODE_FRAMES));
        bench.place(&[i(Op::Addi, 5, 5, 100), jal(0, -4)]);
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!(bench.hart.x[5], 105);
    });
}

#[test]
fn a_store_by_another_hart_is_seen() {
    on_each_engine(|bench| {
        bench.place(&[i(Op::Addi, 5, 5, 1), jal(0, -4)]);
        // The other hart stores over the loop.
        let mut other = bench.another_hart();
        bench.place_at(CODE_FRAMES + 1, 0, &[s(Op::Sw, 6, 10, 0), jal(0, 0)]);
        other.pc = CODE + PAGE_SIZE;
        (other.x[6], other.x[10]) = (i(Op::Addi, 5, 5, 100).into(), CODE.0);
        // Both have stored to the page before it became code, the other through its own shortcut.
        assert_eq!(bench.run(4), Stop::Budget);
        assert_eq!(other.run(&mut bench.ram, &mut bench.shared, 2), Stop::Budget);
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!(bench.hart.x[5], 102);
    });
}

#[test]
fn blocks_serve_every_mapping_of_their_frame() {
    on_each_engine(|bench| {
        let alias = CODE + 3 * PAGE_SIZE;
        bench.map(alias.vpn(), CODE_FRAMES, RWX | PteFlags::U | USED);
        bench.place(&[u(Op::Auipc, 5, 0x1000), jal(1, 8), bare(Op::Ecall), i(Op::Lw, 6, 0, 0)]);
        for base in [CODE, alias, CODE] {
            bench.hart.pc = base;
            assert_eq!(bench.run(10), Stop::Trap, "at the load from address 0");
            assert_eq!((bench.hart.x[5], bench.hart.x[1]), (base.0 + 0x1000, base.0 + 8));
            assert_eq!(bench.hart.csrs.sepc, base + 12);
            bench.hart.sret();
        }
    });
}

#[test]
fn a_remapped_page_executes_its_old_frame_until_the_fence() {
    on_each_engine(|bench| {
        bench.place(&[i(Op::Addi, 5, 5, 1), jal(0, -4)]);
        bench.place_at(CODE_FRAMES + 20, 0, &[i(Op::Addi, 5, 5, 100), jal(0, -4)]);
        assert_eq!(bench.run(2), Stop::Budget);
        bench.map(CODE.vpn(), CODE_FRAMES + 20, RWX | PteFlags::U | USED);
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!(bench.hart.x[5], 2, "the stale entry is used");
        bench.hart.mmu.fence(Fence::Page(CODE));
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!(bench.hart.x[5], 102);
    });
}

#[test]
fn an_instruction_across_pages_needs_both() {
    on_each_engine(|bench| {
        let before_hole = VirtAddr(HOLE.0 - PAGE_SIZE);
        bench.map(before_hole.vpn(), CODE_FRAMES, RWX | PteFlags::U | USED);
        let low_half = (i(Op::Addi, 5, 5, 1) as u16).to_le_bytes();
        bench.ram.write(frame(CODE_FRAMES).base() + (PAGE_SIZE - 2), &low_half).unwrap();
        bench.hart.pc = VirtAddr(HOLE.0 - 2);
        assert_eq!(bench.run(1), Stop::Trap);
        assert_eq!(bench.hart.csrs.scause, Exception::FetchPageFault as u64);
        assert_eq!(bench.hart.csrs.sepc, VirtAddr(HOLE.0 - 2), "the instruction");
        assert_eq!(bench.hart.csrs.stval, HOLE.0, "the page that is missing");
        let lookups = bench.hart.mmu.counters().itlb;
        assert_eq!((lookups.lookups, lookups.misses), (2, 2));
        // Once the page is there, the instruction is executed; each time, both halves are fetched.
        bench.map(HOLE.vpn(), CODE_FRAMES + 1, RWX | PteFlags::U | USED);
        let high_half = (i(Op::Addi, 5, 5, 1) >> 16).to_le_bytes();
        bench.ram.write(frame(CODE_FRAMES + 1).base(), &high_half).unwrap();
        bench.hart.sret();
        assert_eq!(bench.run(1), Stop::Budget);
        assert_eq!(bench.hart.x[5], 1);
        assert_eq!(bench.hart.mmu.counters().itlb.lookups, 4);
    });
}

#[test]
fn an_mmu_without_translation_runs_code_as_well() {
    on_each_engine(|bench| {
        let mut hart = Hart::new(0, Mmu::new(MmuConfig::default()), Supervisor::Native);
        bench.place(&[i(Op::Addi, 5, 5, 1), jal(0, -4)]);
        hart.pc = VirtAddr(frame(CODE_FRAMES).base().0);
        assert_eq!(hart.run(&mut bench.ram, &mut bench.shared, 9), Stop::Budget);
        assert_eq!((hart.x[5], hart.instructions.supervisor), (5, 9));
        assert_eq!(hart.mmu.counters().itlb.lookups, 0);
    });
}
