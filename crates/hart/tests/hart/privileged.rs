//! The privileged architecture with M-mode: what each mode may do, where traps go, and what is counted.

use crate::asm::{bare, csr, i, r, s};
use crate::bench::frame;
use tine_hart::{
    Csrs, Engine, Exception, FpState, Hart, Interrupt, Misaligned, Mstatus, Shared, Stop, Supervisor,
};
use tine_isa::{Isa, Op};
use tine_mmu::{Mmu, MmuConfig, PhysAddr, Privilege, Protection, Pte, PteFlags, Ram, VirtAddr};

const MSTATUS: u16 = 0x300;
const MISA: u16 = 0x301;
const MEDELEG: u16 = 0x302;
const MIDELEG: u16 = 0x303;
const MIE: u16 = 0x304;
const MCOUNTEREN: u16 = 0x306;
const MENVCFG: u16 = 0x30a;
const MCOUNTINHIBIT: u16 = 0x320;
const MHPMEVENT3: u16 = 0x323;
const MEPC: u16 = 0x341;
const SEPC: u16 = 0x141;
const MIP: u16 = 0x344;
const PMPADDR0: u16 = 0x3b0;
const MINSTRET: u16 = 0xb02;
const MHPMCOUNTER3: u16 = 0xb03;
const SSTATUS: u16 = 0x100;
const SIE: u16 = 0x104;
const SIP: u16 = 0x144;
const STIMECMP: u16 = 0x14d;
const SATP: u16 = 0x180;
const INSTRET: u16 = 0xc02;
const HPMCOUNTER3: u16 = 0xc03;

/// Where code is: RAM's first page.
const CODE: VirtAddr = VirtAddr(Ram::BASE.0);
/// Where each mode's trap handler is.
const MACHINE_HANDLER: VirtAddr = VirtAddr(Ram::BASE.0 + 0x1000);
const SUPERVISOR_HANDLER: VirtAddr = VirtAddr(Ram::BASE.0 + 0x2000);
const DATA: VirtAddr = VirtAddr(Ram::BASE.0 + 0x3000);

/// A hart that was just reset, with RAM.
struct Machine {
    hart: Hart,
    ram: Ram,
    shared: Shared,
}

impl Machine {
    /// Goes to `code` in a mode, both handlers being set.
    fn new(engine: Engine, privilege: Privilege, code: &[u32]) -> Self {
        let mmu = Mmu::new(MmuConfig { protection: Protection::Reset, ..MmuConfig::default() });
        let mut hart = Hart::new(3, mmu, Supervisor::Guest);
        hart.pc = CODE;
        hart.csrs.mtvec = MACHINE_HANDLER.0;
        hart.csrs.stvec = SUPERVISOR_HANDLER.0;
        hart.x[10] = DATA.0;
        let mut machine = Self { hart, ram: Ram::new(1 << 20).unwrap(), shared: Shared::new(engine) };
        for (index, word) in (0..).zip(code) {
            machine.ram.write(Ram::BASE + 4 * index, &word.to_le_bytes()).unwrap();
        }
        if privilege < Privilege::Machine {
            machine.open_memory();
        }
        machine.hart.privilege = privilege;
        machine
    }

    /// Lets S-mode and U-mode do everything.
    fn open_memory(&mut self) {
        self.hart.mmu.set_pmp_address(0, u64::MAX);
        self.hart.mmu.set_pmp_config(0, 0x1f);
    }

    fn run(&mut self, budget: u64) -> Stop {
        self.hart.run(&mut self.ram, &mut self.shared, budget)
    }
}

/// Does the same under each engine.
fn on_each(privilege: Privilege, code: &[u32], test: impl Fn(&mut Machine)) {
    for engine in [Engine::Plain, Engine::Threaded] {
        test(&mut Machine::new(engine, privilege, code));
    }
}

use Privilege::{Machine as M, Supervisor as S, User as U};

fn read(rd: u8, number: u16) -> u32 {
    csr(Op::Csrrs, rd, number, 0)
}

/// Runs one instruction and says whether it was illegal.
#[track_caller]
fn is_illegal(privilege: Privilege, word: u32, prepare: impl Fn(&mut Hart)) -> bool {
    let mut illegal = None;
    for engine in [Engine::Plain, Engine::Threaded] {
        let mut machine = Machine::new(engine, privilege, &[word]);
        prepare(&mut machine.hart);
        let _ = machine.run(1);
        let hart = &machine.hart;
        let trapped = hart.pc == MACHINE_HANDLER;
        if trapped {
            let found = (hart.csrs.mcause, hart.csrs.mtval, hart.csrs.mepc, hart.csrs.mstatus.mpp());
            assert_eq!(found, (Exception::IllegalInstruction as u64, word.into(), CODE, privilege));
        }
        assert!(illegal.is_none_or(|other| other == trapped), "the engines disagree");
        illegal = Some(trapped);
    }
    illegal.unwrap()
}

#[test]
fn a_csr_belongs_to_the_modes_that_its_number_says() {
    for (number, lowest) in [(MSTATUS, M), (MIP, M), (0xf14, M), (SSTATUS, S), (SATP, S), (0x003, U)] {
        for privilege in [M, S, U] {
            let on = |hart: &mut Hart| hart.csrs.mstatus.set_fp(tine_hart::FpState::Clean);
            let illegal = is_illegal(privilege, read(5, number), on);
            assert_eq!(illegal, privilege < lowest, "{number:#x} in {privilege:?}");
        }
    }
    // What does not exist: mseccfg, the odd pmpcfg, the hypervisor's, mtinst.
    for number in [0x747, 0x3a1, 0x600, 0x34a, 0x310, 0xb01, 0x7c0] {
        assert!(is_illegal(M, read(5, number), |_| {}), "{number:#x}");
    }
    assert!(is_illegal(M, csr(Op::Csrrw, 0, 0xf14, 5), |_| {}), "mhartid cannot be written");
}

#[test]
fn tvm_tw_and_tsr_take_from_supervisor_mode() {
    let fence = r(Op::SfenceVma, 0, 0, 0);
    let rows = [
        (read(5, SATP), Mstatus::TVM),
        (csr(Op::Csrrw, 0, SATP, 0), Mstatus::TVM),
        (fence, Mstatus::TVM),
        (bare(Op::Wfi), Mstatus::TW),
        (bare(Op::Sret), Mstatus::TSR),
    ];
    for (word, bit) in rows {
        for privilege in [M, S, U] {
            for set in [false, true] {
                let illegal = is_illegal(privilege, word, |hart| hart.csrs.mstatus.set(bit, set));
                assert_eq!(illegal, privilege == U || privilege == S && set, "{word:#x} in {privilege:?}");
            }
        }
    }
    assert!(is_illegal(S, bare(Op::Mret), |_| {}) && !is_illegal(M, bare(Op::Mret), |_| {}));
}

#[test]
fn where_a_trap_came_from_is_where_an_instruction_may_be() {
    for (isa, kept) in [("rv64gc", 0xfffe), ("rv64g", 0xfffc)] {
        for number in [MEPC, SEPC] {
            on_each(M, &[csr(Op::Csrrw, 0, number, 5), read(6, number)], |machine| {
                machine.hart.isa = isa.parse().unwrap();
                machine.hart.x[5] = 0xffff;
                assert_eq!(machine.run(2), Stop::Budget);
                assert_eq!(machine.hart.x[6], kept, "{number:#x} with {isa}");
            });
        }
    }
}

#[test]
fn a_misaligned_fetch_can_be_delegated_where_there_is_one() {
    for (isa, kept) in [("rv64gc", 0xb3fe), ("rv64g", 0xb3ff)] {
        on_each(M, &[csr(Op::Csrrw, 0, MEDELEG, 5), read(6, MEDELEG)], |machine| {
            machine.hart.isa = isa.parse().unwrap();
            machine.hart.x[5] = u64::MAX;
            assert_eq!(machine.run(2), Stop::Budget);
            assert_eq!(machine.hart.x[6], kept, "{isa}");
        });
    }
}

/// Privileged ISA, "Svinval": SINVAL.VMA needs what SFENCE.VMA needs, and TVM does not bind the fences around it.
#[test]
fn tvm_binds_invalidation_but_not_its_fences() {
    let rows = [
        (r(Op::SinvalVma, 0, 10, 11), true),
        (bare(Op::SfenceWInval), false),
        (bare(Op::SfenceInvalIr), false),
    ];
    for (word, is_bound) in rows {
        for privilege in [M, S, U] {
            for tvm in [false, true] {
                let illegal = is_illegal(privilege, word, |hart| {
                    hart.isa = Isa::ALL;
                    hart.csrs.mstatus.set(Mstatus::TVM, tvm);
                });
                let expected = privilege == U || privilege == S && tvm && is_bound;
                assert_eq!(illegal, expected, "{word:#x} in {privilege:?}, TVM {tvm}");
            }
        }
    }
}

#[test]
fn counters_are_for_those_whom_both_enables_let() {
    for (privilege, machine, supervisor, legal) in [
        (M, 0, 0, true),
        (S, 0, 8, false),
        (S, 8, 0, true),
        (U, 8, 0, false),
        (U, 0, 8, false),
        (U, 8, 8, true),
    ] {
        let enable = |hart: &mut Hart| {
            (hart.csrs.mcounteren, hart.csrs.scounteren) = (machine, supervisor);
        };
        assert_eq!(!is_illegal(privilege, read(5, HPMCOUNTER3), enable), legal, "{privilege:?}");
    }
    let sstc = |on: bool, counter: u64| {
        move |hart: &mut Hart| {
            (hart.csrs.menvcfg, hart.csrs.mcounteren) = (u64::from(on) << 63, counter);
        }
    };
    assert!(is_illegal(S, read(5, STIMECMP), sstc(false, 2)));
    assert!(is_illegal(S, read(5, STIMECMP), sstc(true, 0)));
    assert!(!is_illegal(S, read(5, STIMECMP), sstc(true, 2)));
    assert!(!is_illegal(M, read(5, STIMECMP), sstc(false, 0)));
}

/// Writes all ones and then all zeros, and compares what is read back.
#[track_caller]
fn check_warl(number: u16, ones: u64, zeros: u64) {
    let code = [csr(Op::Csrrw, 0, number, 5), read(6, number), csr(Op::Csrrw, 0, number, 0), read(7, number)];
    on_each(M, &code, |machine| {
        machine.hart.x[5] = u64::MAX;
        assert_eq!(machine.run(4), Stop::Budget);
        let found = (machine.hart.x[6], machine.hart.x[7]);
        assert_eq!(found, (ones, zeros), "{number:#x}: {:#x} {:#x}", found.0, found.1);
    });
}

#[test]
fn a_write_leaves_what_is_legal() {
    const XL: u64 = 0xa_0000_0000;
    check_warl(MSTATUS, 1 << 63 | XL | 0x7e_79aa, XL);
    check_warl(SSTATUS, 1 << 63 | 0x2_0000_0000 | 0xc_6122, 0x2_0000_0000);
    let misa = 2 << 62 | 0x14_112f;
    check_warl(MISA, misa, misa);
    check_warl(MEDELEG, 0xb3fe, 0);
    check_warl(MIDELEG, 0x222, 0);
    check_warl(MIE, 0xaaa, 0);
    check_warl(MIP, 0x222, 0);
    check_warl(SIE, 0, 0);
    check_warl(0x305, !2, 0);
    check_warl(MEPC, !1, 0);
    check_warl(0x141, !1, 0);
    check_warl(MCOUNTEREN, 0xffff_ffff, 0);
    check_warl(MENVCFG, 0xa000_0000_0000_00f1, 0);
    check_warl(0x10a, 0xf1, 0);
    check_warl(MCOUNTINHIBIT, 0xffff_fffd, 0);
    check_warl(MHPMEVENT3, 0, 0);
    check_warl(PMPADDR0, (1 << 54) - 1, 0);
    check_warl(0x7a0, 0, 0);
    check_warl(0x7a1, 0, 0);
}

#[test]
fn a_reserved_privilege_or_mode_is_not_written() {
    let code = [csr(Op::Csrrw, 0, MSTATUS, 5), csr(Op::Csrrw, 0, SATP, 6), read(7, SATP)];
    on_each(M, &code, |machine| {
        machine.hart.x[5] = 2 << 11;
        machine.hart.x[6] = 7 << 60 | 1;
        assert_eq!(machine.run(3), Stop::Budget);
        assert_eq!((machine.hart.csrs.mstatus.mpp(), machine.hart.x[7]), (U, 0));
    });
}

#[test]
fn a_trap_goes_to_the_mode_that_it_is_delegated_to_but_never_down() {
    let code = [bare(Op::Ecall)];
    for (privilege, cause) in [(U, 8), (S, 9), (M, 11)] {
        for delegated in [0, 0xb3fe] {
            on_each(privilege, &code, |machine| {
                machine.hart.csrs.medeleg = delegated;
                machine.hart.csrs.mstatus.set(Mstatus::MIE | Mstatus::SIE, true);
                assert_eq!(machine.run(1), Stop::Budget);
                let csrs = &machine.hart.csrs;
                if delegated != 0 && privilege < M {
                    assert_eq!((machine.hart.pc, machine.hart.privilege), (SUPERVISOR_HANDLER, S));
                    assert_eq!((csrs.scause, csrs.sepc, csrs.mstatus.spp()), (cause, CODE, privilege));
                    assert!(
                        csrs.mstatus.has(Mstatus::SPIE | Mstatus::MIE) && !csrs.mstatus.has(Mstatus::SIE)
                    );
                } else {
                    assert_eq!((machine.hart.pc, machine.hart.privilege), (MACHINE_HANDLER, M));
                    assert_eq!((csrs.mcause, csrs.mepc, csrs.mstatus.mpp()), (cause, CODE, privilege));
                    assert!(
                        csrs.mstatus.has(Mstatus::MPIE | Mstatus::SIE) && !csrs.mstatus.has(Mstatus::MIE)
                    );
                }
            });
        }
    }
}

#[test]
fn mret_goes_to_the_mode_that_mpp_says_and_takes_mprv_away() {
    for to in [M, S, U] {
        on_each(M, &[bare(Op::Mret)], |machine| {
            machine.open_memory();
            machine.hart.csrs.mstatus.set_mpp(to);
            machine.hart.csrs.mstatus.set(Mstatus::MPIE | Mstatus::MPRV, true);
            machine.hart.csrs.mepc = DATA;
            assert_eq!(machine.run(1), Stop::Budget);
            assert_eq!((machine.hart.privilege, machine.hart.pc), (to, DATA));
            let status = machine.hart.csrs.mstatus;
            assert!(status.has(Mstatus::MIE | Mstatus::MPIE) && status.mpp() == U);
            assert_eq!(status.has(Mstatus::MPRV), to == M);
        });
    }
}

#[test]
fn of_several_interrupts_the_most_urgent_is_taken_and_the_machines_first() {
    let order = [
        Interrupt::MachineExternal,
        Interrupt::MachineSoftware,
        Interrupt::MachineTimer,
        Interrupt::External,
        Interrupt::Software,
        Interrupt::Timer,
    ];
    for (index, expected) in order.into_iter().enumerate() {
        on_each(U, &[i(Op::Addi, 5, 5, 1)], |machine| {
            let csrs = &mut machine.hart.csrs;
            csrs.lines = order[index..].iter().map(|interrupt| interrupt.mask()).sum();
            csrs.mie = u64::MAX;
            csrs.mideleg = Csrs::SUPERVISOR_INTERRUPTS;
            csrs.mtvec |= 1;
            csrs.stvec |= 1;
            assert_eq!(machine.run(1), Stop::Budget);
            let code = 1 << 63 | expected as u64;
            let base = if expected as u64 & 2 != 0 {
                assert_eq!(machine.hart.csrs.mcause, code);
                MACHINE_HANDLER
            } else {
                assert_eq!(machine.hart.csrs.scause, code);
                SUPERVISOR_HANDLER
            };
            assert_eq!(machine.hart.pc, base + 4 * expected as u64, "vectored");
        });
    }
}

#[test]
fn interrupts_of_a_mode_wait_in_it_for_its_bit_and_above_it_for_ever() {
    let timer = Interrupt::Timer.mask();
    for (privilege, enabled, delegated, taken) in [
        (M, Mstatus::SIE, timer, false),
        (S, 0, timer, false),
        (S, Mstatus::SIE, timer, true),
        (U, 0, timer, true),
        (M, 0, 0, false),
        (M, Mstatus::MIE, 0, true),
        (S, 0, 0, true),
    ] {
        on_each(privilege, &[i(Op::Addi, 5, 5, 1)], |machine| {
            let csrs = &mut machine.hart.csrs;
            (csrs.mip, csrs.mie, csrs.mideleg) = (timer, timer, delegated);
            csrs.mstatus.set(enabled, true);
            assert_eq!(machine.run(1), Stop::Budget);
            assert_eq!(machine.hart.traps.interrupts, u64::from(taken), "in {privilege:?}");
        });
    }
}

#[test]
fn the_supervisors_timer_interrupts_at_the_very_instruction() {
    // A long block: the threaded engine must stop in its middle.
    let code = [i(Op::Addi, 5, 5, 1); 60];
    for deadline in [1, 17, 59] {
        on_each(S, &code, |machine| {
            let csrs = &mut machine.hart.csrs;
            (csrs.menvcfg, csrs.mie, csrs.mideleg) = (1 << 63, 0x20, 0x20);
            csrs.mstatus.set(Mstatus::SIE, true);
            csrs.stimecmp = deadline;
            assert_eq!(machine.run(60), Stop::Budget);
            assert_eq!((machine.hart.x[5], machine.hart.csrs.scause), (deadline, 1 << 63 | 5));
        });
    }
}

#[test]
fn an_update_of_mip_does_not_keep_what_a_device_signals() {
    // SEIP comes from a device: setting SSIP by CSRRS must not make it software's.
    let code = [csr(Op::Csrrsi, 6, MIP, 2), read(7, MIP), read(8, SIP)];
    on_each(M, &code, |machine| {
        machine.hart.csrs.lines = Interrupt::External.mask();
        machine.hart.csrs.mideleg = 0x222;
        assert_eq!(machine.run(3), Stop::Budget);
        assert_eq!(machine.hart.x[6..9], [0x200, 0x202, 0x202]);
        assert_eq!(machine.hart.csrs.mip, 2);
    });
}

#[test]
fn mprv_looks_at_memory_as_the_mode_in_mpp() {
    // Loads once as M-mode and once as U-mode, which physical memory protection lets do nothing.
    let code = [i(Op::Ld, 5, 10, 0), csr(Op::Csrrs, 0, MSTATUS, 6), i(Op::Ld, 7, 10, 0)];
    on_each(M, &code, |machine| {
        machine.ram.write_u64(PhysAddr(DATA.0), 42).unwrap();
        machine.hart.x[6] = Mstatus::MPRV;
        assert_eq!(machine.run(3), Stop::Budget);
        assert_eq!((machine.hart.x[5], machine.hart.x[7]), (42, 0));
        assert_eq!(machine.hart.csrs.mcause, Exception::LoadAccess as u64);
        assert_eq!(machine.hart.csrs.mtval, DATA.0);
    });
}

#[test]
fn protection_binds_every_access_however_often_it_was_allowed_before() {
    // A loop that loads, stores and goes on; then M-mode takes the right to store away.
    let code = [i(Op::Ld, 5, 10, 0), s(Op::Sd, 5, 10, 8), i(Op::Addi, 6, 6, 1), crate::asm::jal(0, -12)];
    on_each(U, &code, |machine| {
        assert_eq!(machine.run(400), Stop::Budget);
        assert_eq!(machine.hart.x[6], 100);
        machine.hart.mmu.set_pmp_config(0, 0x1d);
        assert_eq!(machine.run(2), Stop::Budget);
        assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (7, DATA.0 + 8));
    });
    // And execution of what follows the fourth byte of a page of which that is all that may be executed.
    on_each(U, &code, |machine| {
        machine.hart.mmu.set_pmp_config(0, 0);
        machine.hart.mmu.set_pmp_address(0, CODE.0 >> 2);
        machine.hart.mmu.set_pmp_config(0, 0x17);
        assert_eq!(machine.run(1), Stop::Budget);
        assert_eq!(
            (machine.hart.csrs.mcause, machine.hart.csrs.mtval),
            (5, DATA.0),
            "the load is not covered"
        );
        machine.hart.privilege = U;
        machine.hart.pc = CODE + 4;
        assert_eq!(machine.run(1), Stop::Budget);
        assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (1, CODE.0 + 4));
    });
}

#[test]
fn a_walk_needs_to_read_its_tables() {
    on_each(S, &[i(Op::Ld, 5, 10, 0)], |machine| {
        let root = frame(16);
        let leaf = Pte::leaf(frame(0), PteFlags::R | PteFlags::X | PteFlags::A);
        let index = CODE.0 >> 30 & 511;
        machine.ram.write_u64(root.base() + 8 * index, leaf.0).unwrap();
        machine.hart.mmu.set_pmp_config(0, 0);
        // Everything is allowed but the page of the table.
        machine.hart.mmu.set_pmp_address(0, root.base().0 >> 2 | 0x1ff);
        machine.hart.mmu.set_pmp_address(1, u64::MAX);
        machine.hart.mmu.set_pmp_config(0, 0x1f18);
        machine.hart.set_satp(tine_mmu::Satp::sv39(root, tine_mmu::Asid(0)));
        assert_eq!(machine.run(1), Stop::Budget);
        assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (1, CODE.0));
    });
}

#[test]
fn a_written_counter_shows_its_value_to_the_next_instruction() {
    let code = [
        csr(Op::Csrrw, 0, MINSTRET, 5),
        read(6, INSTRET),
        csr(Op::Csrrwi, 0, MCOUNTINHIBIT, 4),
        i(Op::Addi, 7, 7, 1),
        read(8, MINSTRET),
        csr(Op::Csrrwi, 0, MCOUNTINHIBIT, 0),
        i(Op::Addi, 7, 7, 1),
        read(9, MINSTRET),
    ];
    on_each(M, &code, |machine| {
        machine.hart.x[5] = 1000;
        assert_eq!(machine.run(8), Stop::Budget);
        assert_eq!(machine.hart.x[6], 1000);
        // The instruction that stops it is not counted, the one that starts it is.
        assert_eq!(machine.hart.x[8], 1001);
        assert_eq!(machine.hart.x[9], 1003);
    });
}

#[test]
fn performance_counters_count_what_they_point_at() {
    // Data TLB misses of loads, in S-mode under an identity map: the first load misses, the second hits.
    let code =
        [i(Op::Ld, 5, 10, 0), i(Op::Ld, 5, 10, 8), read(6, HPMCOUNTER3), read(7, 0xc04), read(8, 0xc05)];
    on_each(M, &code, |machine| {
        let root = frame(16);
        let leaf = Pte::leaf(frame(0), PteFlags::R | PteFlags::X | PteFlags::A);
        machine.ram.write_u64(root.base() + 8 * (CODE.0 >> 30 & 511), leaf.0).unwrap();
        machine.open_memory();
        machine.hart.set_satp(tine_mmu::Satp::sv39(root, tine_mmu::Asid(0)));
        // Points them by instructions of its own, in M-mode.
        let set = [
            csr(Op::Csrrwi, 0, MHPMEVENT3, 3),
            csr(Op::Csrrwi, 0, MHPMEVENT3 + 1, 6),
            csr(Op::Csrrwi, 0, MHPMEVENT3 + 2, 1),
            csr(Op::Csrrwi, 0, MHPMCOUNTER3, 7),
        ];
        for (index, word) in (0..).zip(set) {
            machine.ram.write(PhysAddr(MACHINE_HANDLER.0) + 4 * index, &word.to_le_bytes()).unwrap();
        }
        machine.hart.pc = MACHINE_HANDLER;
        assert_eq!(machine.run(4), Stop::Budget);
        machine.hart.csrs.mcounteren = u64::MAX;
        machine.hart.privilege = S;
        machine.hart.pc = CODE;
        assert_eq!(machine.run(5), Stop::Budget);
        // It was set to 7. One walk: the second level has the gigabyte page from the fetch when the load asks.
        assert_eq!(machine.hart.x[6..9], [8, 1, 1]);
    });
}

#[test]
fn misaligned_accesses_trap_where_they_are_to() {
    for (word, cause) in [(i(Op::Lw, 5, 10, 2), 4), (s(Op::Sd, 5, 10, 4), 6)] {
        on_each(M, &[word], |machine| {
            machine.hart.misaligned = Misaligned::Traps;
            assert_eq!(machine.run(1), Stop::Budget);
            let at = DATA.0 + if cause == 4 { 2 } else { 4 };
            assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (cause, at));
        });
        on_each(M, &[word], |machine| {
            assert_eq!(machine.run(1), Stop::Budget);
            assert_eq!(machine.hart.traps.exceptions, 0);
        });
    }
}

#[test]
fn a_hart_waits_until_an_enabled_interrupt_is_pending() {
    let code = [bare(Op::Wfi), i(Op::Addi, 5, 5, 1)];
    on_each(M, &code, |machine| {
        machine.hart.csrs.mie = Interrupt::MachineSoftware.mask();
        assert_eq!(machine.run(2), Stop::Wait);
        assert!(machine.hart.is_waiting());
        machine.hart.csrs.lines = Interrupt::MachineSoftware.mask();
        assert!(!machine.hart.is_waiting());
        // Interrupts are off: it goes on behind the WFI.
        assert_eq!(machine.run(1), Stop::Budget);
        assert_eq!(machine.hart.x[5], 1);
    });
}

#[test]
fn a_device_serves_a_load_when_the_instruction_is_finished() {
    let code = [i(Op::Lh, 5, 11, 2), s(Op::Sw, 5, 11, 4), i(Op::Lw, 6, 11, 1), i(Op::Ld, 6, 12, -4)];
    on_each(M, &code, |machine| {
        let end_of_ram = Ram::BASE.0 + (1 << 20);
        (machine.hart.x[11], machine.hart.x[12]) = (0x1000_0000, end_of_ram);
        let Stop::Device(load) = machine.run(9) else { panic!("a load of a device") };
        assert_eq!((load.at, load.len, load.stored), (PhysAddr(0x1000_0002), 2, None));
        assert_eq!(machine.hart.retired(), 0);
        machine.hart.finish(&load, Some([0xfe, 0xff, 1, 2, 3, 4, 5, 6]), None);
        assert_eq!((machine.hart.x[5] as i64, machine.hart.retired()), (-2, 1));
        let Stop::Device(store) = machine.run(9) else { panic!("a store to a device") };
        assert_eq!((store.at, store.len), (PhysAddr(0x1000_0004), 4));
        assert_eq!(store.stored.unwrap()[..4], [0xfe, 0xff, 0xff, 0xff]);
        machine.hart.finish(&store, None, None);
        assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (7, 0x1000_0004));
        // A misaligned access is no device's.
        machine.hart.pc = CODE + 8;
        assert_eq!(machine.run(1), Stop::Budget);
        assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (5, 0x1000_0001));
        // Nor is one whose second page is.
        machine.hart.pc = CODE + 12;
        assert_eq!(machine.run(1), Stop::Budget);
        assert_eq!((machine.hart.csrs.mcause, machine.hart.csrs.mtval), (5, end_of_ram));
    });
}

#[test]
fn a_device_serves_floating_point_of_every_width() {
    let code = [i(Op::Flh, 5, 11, 0), s(Op::Fsh, 5, 11, 2), i(Op::Fld, 6, 11, 8)];
    on_each(M, &code, |machine| {
        machine.hart.csrs.mstatus.set_fp(FpState::Clean);
        machine.hart.x[11] = 0x1000_0000;
        machine.hart.isa = Isa::ALL;
        let Stop::Device(load) = machine.run(9) else { panic!("a load of a device") };
        machine.hart.finish(&load, Some([0x34, 0x12, 9, 9, 9, 9, 9, 9]), None);
        assert_eq!(machine.hart.f[5], 0xffff_ffff_ffff_1234, "NaN-boxed");
        assert_eq!(machine.hart.csrs.mstatus.fp(), FpState::Dirty);
        let Stop::Device(store) = machine.run(9) else { panic!("a store to a device") };
        assert_eq!((store.at, store.len), (PhysAddr(0x1000_0002), 2));
        assert_eq!(store.stored.unwrap()[..2], [0x34, 0x12]);
        machine.hart.finish(&store, Some([0; 8]), None);
        let Stop::Device(load) = machine.run(9) else { panic!("a load of a device") };
        machine.hart.finish(&load, Some([1, 2, 3, 4, 5, 6, 7, 8]), None);
        assert_eq!(machine.hart.f[6], 0x0807_0605_0403_0201);
    });
}
