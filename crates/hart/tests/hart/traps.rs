//! Traps: what each cause leaves in the CSRs, who may do what, and the way back.

use crate::asm::{bare, csr, encode, i, insn, jal, r, s};
use crate::bench::{
    Bench, CODE, CODE_FRAMES, DATA_FRAMES, HANDLER, HANDLER_FRAME, HOLE, RWX, Setup, USED, USER_RW, data,
    frame, on_each_engine,
};
use tine_hart::{Cause, Engine, Exception, FpState, Interrupt, Mstatus, Stop, Supervisor};
use tine_isa::{Insn, Op};
use tine_mmu::{Asid, Privilege, Pte, PteFlags, Ram, Satp, VirtAddr};

const SSTATUS: u16 = 0x100;
const SIE: u16 = 0x104;
const SEPC: u16 = 0x141;
const SCAUSE: u16 = 0x142;
const SIP: u16 = 0x144;
const SATP: u16 = 0x180;
const CYCLE: u16 = 0xc00;
const TIME: u16 = 0xc01;
const INSTRET: u16 = 0xc02;
const FCSR: u16 = 0x003;
const FRM: u16 = 0x002;

/// Runs two nops and `word` in U-mode under each engine, after `prepare`, and checks the trap that it takes.
#[track_caller]
fn check(word: u32, prepare: impl Fn(&mut Bench), exception: Exception, stval: u64) {
    let nop = i(Op::Addi, 0, 0, 0);
    on_each_engine(|bench| {
        bench.place(&[nop, nop, word]);
        prepare(bench);
        let before = bench.hart.clone();
        assert_eq!(bench.run(100), Stop::Trap);
        let hart = &bench.hart;
        assert_eq!(hart.csrs.scause, exception as u64, "scause");
        assert_eq!(hart.csrs.stval, stval, "stval");
        assert_eq!(hart.csrs.sepc, CODE + 8, "sepc");
        assert_eq!(hart.pc, HANDLER, "pc is stvec");
        assert_eq!(hart.privilege, Privilege::Supervisor);
        assert!(!hart.csrs.mstatus.has(Mstatus::SPP), "SPP: from U-mode");
        assert_eq!((hart.x, hart.f, hart.fcsr), (before.x, before.f, before.fcsr), "nothing else changed");
        assert_eq!(hart.instructions.user, 2, "the instruction did not retire");
    });
}

#[test]
fn environment_calls_and_breakpoints() {
    check(bare(Op::Ecall), |_| {}, Exception::UserEcall, 0);
    check(bare(Op::Ebreak), |_| {}, Exception::Breakpoint, CODE.0 + 8);
}

#[test]
fn illegal_instructions_leave_their_bits() {
    for word in [0u32, 0xffff_ffff, 0x0000_707b] {
        let bits = if word & 3 == 3 { word } else { word & 0xffff };
        check(word, |_| {}, Exception::IllegalInstruction, bits.into());
    }
}

#[test]
fn privileged_instructions_are_illegal_in_user_mode() {
    let sfence = r(Op::SfenceVma, 0, 0, 0);
    let read_satp = csr(Op::Csrrs, 5, SATP, 0);
    let no_such_csr = csr(Op::Csrrs, 5, 0x7c0, 0);
    let machine_csr = csr(Op::Csrrs, 5, 0x300, 0);
    for word in [bare(Op::Sret), bare(Op::Mret), bare(Op::Wfi), sfence, read_satp, no_such_csr, machine_csr] {
        check(word, |_| {}, Exception::IllegalInstruction, word.into());
    }
}

#[test]
fn counters_are_read_only_and_hidden_where_scounteren_says_so() {
    let write = csr(Op::Csrrw, 0, CYCLE, 5);
    check(write, |_| {}, Exception::IllegalInstruction, write.into());
    for (bit, number) in [CYCLE, TIME, INSTRET].into_iter().enumerate() {
        let read = csr(Op::Csrrs, 5, number, 0);
        check(
            read,
            |bench| bench.hart.csrs.scounteren &= !(1 << bit),
            Exception::IllegalInstruction,
            read.into(),
        );
    }
}

#[test]
fn counters_tell_the_position_and_the_time() {
    on_each_engine(|bench| {
        bench.place(&[
            csr(Op::Csrrs, 5, INSTRET, 0),
            csr(Op::Csrrs, 6, CYCLE, 0),
            csr(Op::Csrrs, 7, TIME, 0),
        ]);
        bench.hart.set_time_ns(1000);
        assert_eq!(bench.run(3), Stop::Budget);
        assert_eq!(bench.hart.x[5..8], [0, 1, 1002]);
        assert_eq!(bench.hart.time_ns(), 1003);
    });
}

#[test]
fn floating_point_is_illegal_while_it_is_off() {
    let read_fcsr = csr(Op::Csrrs, 5, FCSR, 0);
    for word in
        [r(Op::FaddD, 1, 2, 3), i(Op::Fld, 1, 10, 0), s(Op::Fsd, 1, 10, 0), r(Op::FmvXD, 5, 1, 0), read_fcsr]
    {
        let off = |bench: &mut Bench| {
            bench.hart.csrs.mstatus.set_fp(FpState::Off);
            bench.hart.x[10] = data(0).0;
        };
        check(word, off, Exception::IllegalInstruction, word.into());
    }
}

#[test]
fn a_reserved_rounding_mode_is_illegal() {
    for frm in [5, 6, 7] {
        let dynamic = encode(&Insn { rd: 1, rs1: 2, rs2: 3, rm: 7, ..insn(Op::FaddD) });
        check(dynamic, |bench| bench.hart.fcsr = frm << 5, Exception::IllegalInstruction, dynamic.into());
    }
}

#[test]
fn what_writes_floating_point_state_makes_it_dirty() {
    let read = [i(Op::Addi, 5, 0, 0), r(Op::FmvXD, 5, 1, 0), r(Op::FleD, 5, 1, 2), s(Op::Fsd, 1, 10, 0)];
    let write =
        [r(Op::FmvDX, 1, 5, 0), i(Op::Fld, 1, 10, 0), r(Op::FdivD, 1, 2, 3), csr(Op::Csrrw, 0, FRM, 0)];
    for (words, state) in [(read, FpState::Clean), (write, FpState::Dirty)] {
        for word in words {
            on_each_engine(|bench| {
                bench.place(&[word]);
                bench.hart.x[10] = data(0).0;
                assert_eq!(bench.run(1), Stop::Budget);
                assert_eq!(bench.hart.csrs.mstatus.fp(), state, "{word:#x}");
                assert_eq!(bench.hart.csrs.mstatus.bits() >> 63 == 1, state == FpState::Dirty, "SD");
            });
        }
    }
}

#[test]
fn memory_faults_name_the_address_and_the_kind_of_access() {
    let at = |address: u64| move |bench: &mut Bench| bench.hart.x[10] = address;
    let outside_ram = |bench: &mut Bench| {
        // A page far behind the end of RAM.
        bench.map(HOLE.vpn(), 1 << 20, USER_RW);
        bench.hart.x[10] = HOLE.0;
    };
    let load = [i(Op::Lw, 5, 10, 0), i(Op::Fld, 5, 10, 0), r(Op::LrD, 5, 10, 0)];
    let store = [s(Op::Sw, 5, 10, 0), s(Op::Fsd, 5, 10, 0), r(Op::ScD, 5, 10, 6), r(Op::AmoaddD, 5, 10, 6)];
    for word in load {
        check(word, at(HOLE.0), Exception::LoadPageFault, HOLE.0);
        check(word, outside_ram, Exception::LoadAccess, HOLE.0);
        // Not canonical: bits 63 to 39 must equal bit 38.
        check(word, at(1 << 40), Exception::LoadPageFault, 1 << 40);
    }
    for word in store {
        check(word, at(HOLE.0), Exception::StorePageFault, HOLE.0);
        check(word, outside_ram, Exception::StoreAccess, HOLE.0);
    }
    // Of an access across pages, the address is that of the first byte on the page that is missing.
    let before = |bench: &mut Bench| {
        bench.map(HANDLER.vpn() + 15, DATA_FRAMES, USER_RW);
        bench.hart.x[10] = HOLE.0 - 3;
    };
    check(i(Op::Ld, 5, 10, 0), before, Exception::LoadPageFault, HOLE.0);
}

#[test]
fn an_access_that_faults_is_a_look_up_and_one_that_asks_nothing_is_none() {
    let faulting = [i(Op::Lw, 5, 10, 0), s(Op::Sw, 5, 10, 0), r(Op::AmoaddW, 5, 10, 6), r(Op::LrW, 5, 10, 0)];
    for (word, [loads, stores]) in faulting.into_iter().zip([[1, 0], [0, 1], [0, 1], [1, 0]]) {
        // Not there at all, then misaligned so that an atomic never asks.
        for (address, asked) in [(HOLE.0, true), (HOLE.0 + 1, word & 0x7f != 0x2f)] {
            on_each_engine(|bench| {
                bench.place(&[word]);
                bench.hart.x[10] = address;
                assert_eq!(bench.run(1), Stop::Trap);
                let dtlb = bench.hart.mmu.counters().dtlb;
                let asked = u64::from(asked);
                assert_eq!((dtlb.loads, dtlb.stores), (loads * asked, stores * asked), "{word:#x}");
                assert_eq!((dtlb.load_misses, dtlb.store_misses), (loads * asked, stores * asked));
                assert_eq!(bench.hart.mmu.counters().itlb.lookups, 1);
            });
        }
    }
}

#[test]
fn a_store_across_pages_checks_both_before_it_writes() {
    on_each_engine(|bench| {
        bench.map(HANDLER.vpn() + 15, DATA_FRAMES, USER_RW);
        bench.place(&[s(Op::Sd, 5, 10, -4)]);
        (bench.hart.x[5], bench.hart.x[10]) = (u64::MAX, HOLE.0);
        assert_eq!(bench.run(1), Stop::Trap);
        assert_eq!(bench.hart.csrs.stval, HOLE.0);
        assert_eq!(bench.read_data(4088), 0, "no half of it was written");
        // With the page there, the store is made as a whole.
        bench.map(HOLE.vpn(), DATA_FRAMES + 1, USER_RW);
        bench.hart.sret();
        assert_eq!(bench.run(1), Stop::Budget);
        assert_eq!((bench.read_data(4088), bench.read_data(4096)), (u64::MAX << 32, u64::MAX >> 32));
    });
}

#[test]
fn fetch_faults() {
    on_each_engine(|bench| {
        bench.place(&[i(Op::Jalr, 1, 10, 0)]);
        for (target, map, cause) in [
            (HOLE, None, Exception::FetchPageFault),
            (data(0), None, Exception::FetchPageFault), // not executable
            (HANDLER, None, Exception::FetchPageFault), // the supervisor's
            (HOLE, Some(1 << 20), Exception::FetchAccess),
        ] {
            if let Some(frame) = map {
                bench.map(HOLE.vpn(), frame, RWX | PteFlags::U | USED);
            }
            bench.hart.pc = CODE;
            bench.hart.privilege = Privilege::User;
            bench.hart.x[10] = target.0;
            assert_eq!(bench.run(2), Stop::Trap);
            let csrs = &bench.hart.csrs;
            assert_eq!((csrs.scause, csrs.stval, csrs.sepc), (cause as u64, target.0, target));
            assert_eq!(bench.hart.x[1], CODE.0 + 4, "the jump itself retired");
        }
    });
}

#[test]
fn atomics_must_be_aligned() {
    let odd = |bench: &mut Bench| bench.hart.x[10] = data(4).0 + 2;
    check(r(Op::LrW, 5, 10, 0), odd, Exception::LoadMisaligned, data(6).0);
    check(r(Op::ScW, 5, 10, 6), odd, Exception::StoreMisaligned, data(6).0);
    check(r(Op::AmoswapW, 5, 10, 6), odd, Exception::StoreMisaligned, data(6).0);
    let half = |bench: &mut Bench| bench.hart.x[10] = data(4).0;
    check(r(Op::AmoswapD, 5, 10, 6), half, Exception::StoreMisaligned, data(4).0);
    check(r(Op::LrD, 5, 10, 0), half, Exception::LoadMisaligned, data(4).0);
}

#[test]
fn supervisor_code_reaches_user_pages_only_with_sum_and_never_executes_them() {
    on_each_engine(|bench| {
        bench.place_at(HANDLER_FRAME, 0, &[i(Op::Lw, 5, 10, 0), i(Op::Jalr, 0, 11, 0)]);
        (bench.hart.x[10], bench.hart.x[11]) = (data(0).0, CODE.0);
        bench.write_data(0, 77);
        bench.hart.privilege = Privilege::Supervisor;
        bench.hart.pc = HANDLER;
        assert_eq!(bench.run(1), Stop::Trap);
        assert_eq!(bench.hart.csrs.scause, Exception::LoadPageFault as u64);
        assert!(bench.hart.csrs.mstatus.has(Mstatus::SPP), "from S-mode");
        bench.hart.csrs.mstatus.set(Mstatus::SUM, true);
        bench.hart.sret();
        assert_eq!(bench.hart.privilege, Privilege::Supervisor);
        assert_eq!(bench.run(3), Stop::Trap);
        assert_eq!(bench.hart.x[5], 77);
        assert_eq!(bench.hart.csrs.scause, Exception::FetchPageFault as u64);
    });
}

#[test]
fn the_native_supervisor_needs_sum_too() {
    let mut bench = Bench::new();
    bench.place(&[bare(Op::Ecall)]);
    bench.write_data(0, 0x1122);
    assert_eq!(bench.run(1), Stop::Trap);
    let mut bytes = [0; 2];
    let refused = bench.hart.copy_in(&mut bench.ram, data(0), &mut bytes).unwrap_err();
    assert_eq!((refused.done, refused.fault.at), (0, data(0)));
    bench.hart.csrs.mstatus.set(Mstatus::SUM, true);
    bench.hart.copy_in(&mut bench.ram, data(0), &mut bytes).unwrap();
    assert_eq!(bytes, [0x22, 0x11]);
    bench.hart.copy_out(&mut bench.ram, &mut bench.shared, data(8), &[1, 2]).unwrap();
    assert_eq!(bench.read_data(8), 0x0201);
}

#[test]
fn sret_goes_back_and_interrupts_are_as_before() {
    let mut bench = Bench::new();
    bench.place(&[bare(Op::Ecall), i(Op::Addi, 5, 0, 1)]);
    bench.hart.csrs.mstatus.set(Mstatus::SIE, true);
    assert_eq!(bench.run(5), Stop::Trap);
    assert!(bench.hart.csrs.mstatus.has(Mstatus::SPIE) && !bench.hart.csrs.mstatus.has(Mstatus::SIE));
    bench.hart.csrs.sepc = CODE + 5;
    bench.hart.sret();
    assert_eq!((bench.hart.privilege, bench.hart.pc), (Privilege::User, CODE + 4), "sepc[0] is always 0");
    assert!(bench.hart.csrs.mstatus.has(Mstatus::SIE | Mstatus::SPIE));
    assert_eq!(bench.run(1), Stop::Budget);
    assert_eq!(bench.hart.x[5], 1);
}

#[test]
fn a_delivered_interrupt_is_a_trap_before_the_next_instruction() {
    let mut bench = Bench::new();
    bench.place(&[i(Op::Addi, 5, 5, 1), jal(0, -4)]);
    assert_eq!(bench.run(3), Stop::Budget);
    bench.hart.csrs.stvec = HANDLER.0 | 1;
    bench.hart.interrupt(Interrupt::Timer);
    assert_eq!(bench.hart.csrs.scause, Cause::Interrupt(Interrupt::Timer).code());
    assert_eq!(bench.hart.csrs.scause, 1 << 63 | 5);
    assert_eq!(bench.hart.csrs.sepc, CODE + 4);
    assert_eq!(bench.hart.pc, HANDLER + 4 * 5, "vectored");
    assert_eq!(bench.hart.retired(), 3);
}

/// A machine whose supervisor is guest code at [`HANDLER`].
fn with_guest_supervisor(handler: &[u32], test: impl Fn(&mut Bench)) {
    for engine in [Engine::Plain, Engine::Threaded] {
        let mut bench = Bench::with(Setup { engine, supervisor: Supervisor::Guest, ..Setup::default() });
        bench.place_at(HANDLER_FRAME, 0, handler);
        test(&mut bench);
    }
}

#[test]
fn a_guest_supervisor_handles_an_environment_call() {
    // scause to x6, then back behind the ECALL.
    let handler = [
        csr(Op::Csrrs, 6, SCAUSE, 0),
        csr(Op::Csrrs, 7, SEPC, 0),
        i(Op::Addi, 7, 7, 4),
        csr(Op::Csrrw, 0, SEPC, 7),
        bare(Op::Sret),
    ];
    with_guest_supervisor(&handler, |bench| {
        bench.place(&[bare(Op::Ecall), i(Op::Addi, 5, 0, 9)]);
        // The trap takes one of the budget.
        assert_eq!(bench.run(7), Stop::Budget);
        assert_eq!((bench.hart.x[6], bench.hart.x[5]), (8, 9));
        assert_eq!((bench.hart.instructions.user, bench.hart.instructions.supervisor), (1, 5));
    });
}

#[test]
fn a_handler_that_traps_for_ever_uses_up_the_budget() {
    with_guest_supervisor(&[0], |bench| {
        bench.place(&[bare(Op::Ecall)]);
        assert_eq!(bench.run(1000), Stop::Budget);
        assert_eq!(bench.hart.retired(), 0);
        assert_eq!(bench.hart.csrs.sepc, HANDLER);
    });
}

#[test]
fn a_pending_interrupt_is_taken_once_it_is_enabled() {
    let software = Interrupt::Software.mask();
    // Enables software interrupts, makes one pending, then would count.
    let code = [
        csr(Op::Csrrw, 0, SIE, 5),
        csr(Op::Csrrs, 0, SIP, 5),
        csr(Op::Csrrsi, 0, SSTATUS, Mstatus::SIE as u8),
        i(Op::Addi, 6, 6, 1),
    ];
    with_guest_supervisor(&code, |bench| {
        bench.hart.privilege = Privilege::Supervisor;
        bench.hart.pc = HANDLER;
        bench.hart.csrs.stvec = HANDLER.0 + 12;
        bench.hart.x[5] = software;
        assert_eq!(bench.run(5), Stop::Budget);
        assert_eq!(bench.hart.csrs.scause, Cause::Interrupt(Interrupt::Software).code());
        assert_eq!(bench.hart.csrs.sepc, HANDLER + 12);
        assert_eq!(bench.hart.x[6], 1);
    });
}

#[test]
fn guest_code_changes_its_own_address_space_and_fences() {
    // Maps another frame at HOLE by storing to the page table, without and with SFENCE.VMA.
    let handler = [
        i(Op::Ld, 5, 10, 0),
        s(Op::Sd, 6, 11, 0),
        i(Op::Ld, 7, 10, 0),
        r(Op::SfenceVma, 0, 10, 0),
        i(Op::Ld, 8, 10, 0),
    ];
    with_guest_supervisor(&handler, |bench| {
        let table = HOLE + 0x1000;
        let flags = PteFlags::R | PteFlags::W | USED;
        bench.map(HOLE.vpn(), DATA_FRAMES, flags);
        bench.map(table.vpn(), 2, flags);
        bench.write_data(0, 1);
        bench.write_data(4096, 2);
        bench.hart.privilege = Privilege::Supervisor;
        bench.hart.pc = HANDLER;
        bench.hart.x[10] = HOLE.0;
        bench.hart.x[11] = table.0 + 8 * HOLE.vpn().0;
        bench.hart.x[6] = Pte::leaf(frame(DATA_FRAMES + 1), flags).0;
        assert_eq!(bench.run(5), Stop::Budget);
        assert_eq!([bench.hart.x[5], bench.hart.x[7], bench.hart.x[8]], [1, 1, 2], "stale until the fence");
        assert_eq!(bench.hart.mmu.counters().sfence.page, 1);
    });
}

#[test]
fn writing_satp_changes_the_address_space_of_the_next_fetch() {
    with_guest_supervisor(&[], |bench| {
        // Goes on untranslated at the same number: the physical page there must hold the continuation.
        let base = Ram::BASE + 0x1000 * CODE_FRAMES;
        let root = frame(0);
        bench.hart.set_satp(Satp::default());
        bench.place(&[csr(Op::Csrrw, 5, SATP, 6), i(Op::Addi, 7, 0, 1)]);
        bench.hart.privilege = Privilege::Supervisor;
        bench.hart.pc = VirtAddr(base.0);
        // An unimplemented mode leaves satp alone.
        bench.hart.x[6] = 15 << 60;
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!((bench.hart.mmu.satp(), bench.hart.x[7]), (Satp::default(), 1));
        // Sv39: nothing is mapped there, so the next fetch faults, and so does every handler.
        bench.hart.pc = VirtAddr(base.0);
        bench.hart.x[6] = Satp::sv39(root, Asid(3)).bits();
        bench.hart.csrs.stvec = HANDLER.0;
        assert_eq!(bench.run(2), Stop::Budget);
        assert_eq!(bench.hart.csrs.scause, Exception::FetchPageFault as u64);
        assert_eq!(bench.hart.csrs.stval, base.0 + 4);
    });
}
