//! The fence policy (Linux 6.12's, written in `kernel::mm::Fences`), pinned by a program that does nothing but fork; and what
//! happens when a fence is lost.
//!
//! `fork-loop ROUNDS PAGES` writes its pages, and then, in each round: forks a child that exits at once, waits for it, and
//! writes its pages again. In a round fences are owed for
//! - every page that fork write-protects: the parent's own entries would still allow the store. Those are its pages and
//!   one of the stack;
//! - every one of them again when the parent's store copies it (the stack, while the child still lives) or makes it writable
//!   (the rest, when the child is gone), because its PTE changes.
//!
//! A child that execs nothing and writes nothing changes no PTE that a TLB may hold, and an address space that ends owes
//! nothing, since its ASID is not used again before a roll-over.

use crate::support::{Job, Run, expected};
use tine_machine::{Access, Interest, Machine, MemoryPolicy, What};

fn fork_loop(policy: &MemoryPolicy, rounds: u64, pages: u64) -> Run {
    let arguments = [rounds.to_string(), pages.to_string()];
    let run = Job::guest("fork-loop").policy(policy).arguments(arguments).run();
    run.stdout();
    run
}

/// Returns the machine's fences: of a page, of an ASID, of everything, and told to other harts.
fn fences(run: &Run) -> [u64; 4] {
    ["page", "asid", "all", "remote"].map(|scope| run.report.machine.get(&format!("sfence.{scope}")))
}

#[test]
fn fork_fences_each_page_that_it_protects_and_a_fault_each_page_that_it_changes() {
    for policy in [MemoryPolicy::TEXTBOOK, MemoryPolicy::LINUX] {
        let run = fork_loop(&policy, 100, 16);
        let (protected, changed) = (100 * (16 + 1), 100 * (16 + 1));
        assert_eq!(fences(&run), [protected + changed, 0, 0, 0]);
        assert_eq!(run.report.machine.get("cow.pages_write_protected"), protected);
        assert_eq!(run.report.machine.get("cow.faults"), changed);
    }
}

/// More than 64 pages at once are one fence of the address space; the faults still change one page each.
#[test]
fn fork_fences_many_pages_by_their_address_space() {
    for policy in [MemoryPolicy::TEXTBOOK, MemoryPolicy::LINUX] {
        assert_eq!(fences(&fork_loop(&policy, 10, 63)), [10 * 64 * 2, 0, 0, 0]);
        assert_eq!(fences(&fork_loop(&policy, 10, 64)), [10 * 65, 10, 0, 0]);
    }
}

/// Traps, forks and switches flush nothing: however often they happen, the program's text stays in the instruction TLB, and
/// no entry is removed but those of the pages that were fenced, one in each level.
#[test]
fn nothing_is_flushed_by_a_trap_a_fork_or_a_switch() {
    for rounds in [10, 30] {
        let run = fork_loop(&MemoryPolicy::TEXTBOOK, rounds, 16);
        let parent = &run.report.processes[0].counts;
        assert_eq!(parent.get("tlb.itlb.misses"), 2, "the first fetch, which faults, and its repetition");
        assert_eq!(run.report.machine.get("tlb.flushed_entries"), rounds * (16 + 1) * 2);
        assert_eq!(run.report.machine.get("sched.switches"), 2 * rounds + 1, "to each child and back");
    }
}

/// The litmus test of remote fences: a process stores without pause on one hart while another hart takes the page away from
/// it. The store that the lost fence lets through goes to the old frame; where the fence arrives, it faults.
#[test]
fn a_store_is_stale_when_a_remote_fence_is_lost_and_faults_when_it_arrives() {
    let job = || Job::program("lent-memory").harts(2).watching(Interest::FAULT);
    let fenced = job().run();
    assert_eq!(fenced.stdout(), expected("tests/programs/expected", "lent-memory"));
    assert_eq!(failed_stores(&fenced), 1, "the store after mprotect");

    let stale = job().run_on(Machine::drop_remote_fences);
    let says = "after mprotect the page still changes\n\
        the storing process ended with 0\n\
        after fork the child's page still changes\n\
        the parent's page goes on changing\n\
        the storing process ended with 0\n";
    assert_eq!(stale.stdout(), says);
    assert_eq!(failed_stores(&stale), 0, "no store was ever checked again");
    for run in [&fenced, &stale] {
        assert!(run.report.machine.get("sfence.remote") > 0, "both were sent");
    }
}

fn failed_stores(run: &Run) -> usize {
    let is_failed_store = |what: &What| matches!(what, What::FailedFault { access: Access::Store, .. });
    run.events.iter().filter(|event| is_failed_store(&event.what)).count()
}
