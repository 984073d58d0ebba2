//! The supervisor's share of the privilege architecture: what it finds in the CSRs after a trap, and what becomes of it when
//! a part of the machine that it stands on is taken away.

use crate::support::{Job, Run, root};
use std::fs;
use tine_machine::{Event, HartId, Interest, Machine, Mstatus, Privilege, What};

/// The traps of a run: `scause`, `stval`, `sepc`.
fn traps(run: &Run) -> Vec<(u64, u64, u64)> {
    let trap = |event: &Event| match event.what {
        What::Trap { cause, scause, stval, sepc, spp } => {
            assert_eq!(spp, Privilege::User, "{cause:?}: it came from user mode");
            (scause, stval, sepc)
        }
        _ => panic!("only traps were asked for"),
    };
    run.events.iter().map(trap).collect()
}

/// A program's first page fault is the fetch at its entry; it is told to the supervisor as the privileged specification says
/// ("Supervisor Cause Register", "Supervisor Trap Value", "Supervisor Exception Program Counter").
#[test]
fn a_trap_says_what_happened_where_and_to_whom() {
    let elf = fs::read(root().join("guest/bin/hello")).unwrap();
    let entry = u64::from_le_bytes(elf[24..32].try_into().unwrap());
    let traps = traps(&Job::guest("hello").watching(Interest::TRAP).run());
    let [fetch, load, write, exit] = traps[..] else { panic!("four traps: {traps:x?}") };
    assert_eq!(fetch, (12, entry, entry), "instruction page fault");

    let (scause, stval, sepc) = load;
    assert_eq!(scause, 13, "load page fault");
    let text = b"Hello, world!";
    let text_at = elf.windows(text.len()).position(|bytes| bytes == text).unwrap() as u64;
    assert_eq!(stval, FIRST_SEGMENT + text_at, "the first byte of the text is read first");
    assert_eq!(instruction(&elf, sepc) & 0x7f, 0b000_0011, "the opcode of a load");

    for (scause, stval, sepc) in [write, exit] {
        assert_eq!((scause, stval), (8, 0), "environment call from U-mode");
        assert_eq!(instruction(&elf, sepc), 0x0000_0073, "ECALL itself, not the instruction after it");
    }
}

/// Where the guests' linker puts the first byte of the file; the others follow it page by page.
const FIRST_SEGMENT: u64 = 0x10000;

fn instruction(elf: &[u8], at: u64) -> u32 {
    let at = (at - FIRST_SEGMENT) as usize;
    u32::from_le_bytes(elf[at..at + 4].try_into().unwrap())
}

#[test]
fn a_store_to_a_shared_page_traps_as_a_store_and_the_timer_as_an_interrupt() {
    let run = Job::guest("cow-storm").watching(Interest::TRAP).run();
    let cow = run.report.machine.get("cow.faults") + run.report.machine.get("faults.demand_zero");
    let stores = traps(&run).into_iter().filter(|(scause, ..)| *scause == 15).count() as u64;
    assert_eq!(stores, cow - 1, "every fault on a store, save that of exec's argument copy");

    let run = Job::program("lent-memory").watching(Interest::TRAP).run();
    let timer = |(scause, stval, _): &(u64, u64, u64)| (*scause, *stval) == (1 << 63 | 5, 0);
    assert!(
        traps(&run).iter().any(timer),
        "two processes that do not wait share a hart by the supervisor timer"
    );
}

/// Without sstatus.SUM, S-mode may not touch a page that user mode may (Privileged ISA, "Memory Privilege in sstatus
/// Register"): what the supervisor copies for a system call goes through the same MMU as everything else.
#[test]
fn without_sum_read_fails_with_efault() {
    let job = || Job::program("on-request").arguments(["copy"]).input(b"typed").watching(Interest::SYSCALL);
    let run = job().run_on(|_| {});
    assert_eq!(result_of_first_read(&run), "5");

    let forbid = |machine: &mut Machine| {
        let hart = machine.hart_mut(HartId(0)).unwrap();
        assert!(hart.csrs.mstatus.has(Mstatus::SUM), "the supervisor runs with it");
        hart.csrs.mstatus.set(Mstatus::SUM, false);
    };
    let run = job().run_on(forbid);
    assert_eq!(result_of_first_read(&run), "-1 EFAULT (Bad address)");
    assert!(!run.succeeded() && run.output.is_empty(), "nor can it tell anybody: {:?}", run.output);
}

fn result_of_first_read(run: &Run) -> &str {
    let result = run.events.iter().find_map(|event| match &event.what {
        What::SyscallExit { name, result, .. } if name == "read" => Some(result),
        _ => None,
    });
    result.expect("the program reads")
}

/// Going straight back to user mode after a trap with which nothing else is to be looked at is nothing that shows: the supervisor
/// that looks at everything after each trap does the same.
#[test]
fn going_straight_back_changes_nothing() {
    let guests = ["pipeline", "prefork", "threads", "fork-many", "vfork-shares", "exec-fails", "held-lock"];
    let programs = ["lent-memory", "descriptors", "exec-keeps"];
    for job in guests.map(Job::guest).into_iter().chain(programs.map(Job::program)) {
        for harts in [1, 2] {
            let job = job.clone().harts(harts);
            let careful = job.clone().watching(Interest::EACH_TRAP).run();
            assert_eq!(job.clone().run(), careful, "{} on {harts} harts", job.name());
        }
    }
}
