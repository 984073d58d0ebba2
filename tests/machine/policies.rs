//! What the switches change: the same program, printing the same, under another policy or with less of something.

use crate::support::{Job, Run, expected, guest_names};
use tine_machine::{
    AdUpdate, Config, Counts, ForkMode, ForkOrder, MemoryPolicy, Report, Thp, ThpCow, WaitStatus,
};

fn fork_mode(mode: ForkMode) -> Run {
    let run = Job::guest("eager-or-cow").with(|config| config.policy.fork = mode).run();
    assert_eq!(run.stdout(), expected("guest/expected", "eager-or-cow"));
    run
}

/// The child changes 8 of 256 pages. An eager fork copies all of them, the stack and the text; only the 8 and the stack
/// ever came to differ.
#[test]
fn an_eager_fork_copies_everything_and_a_lazy_one_what_is_written() {
    let (eager, lazy) = (fork_mode(ForkMode::Eager), fork_mode(ForkMode::Cow));
    let (eager, lazy) = (&eager.report, &lazy.report);
    assert_eq!(eager.machine.get("cow.pages_copied"), 256 + 1 + 1);
    assert_eq!(eager.machine.get("cow.copied_in_vain"), 248 + 1);
    assert_eq!(lazy.machine.get("cow.pages_copied"), 8 + 1);
    for key in ["cow.faults", "cow.pages_write_protected", "sfence.page", "sfence.asid"] {
        assert_eq!(eager.machine.get(key), 0, "{key}: nothing is shared, so nothing is taken away");
        assert!(lazy.machine.get(key) > 0, "{key}");
    }
    let spared = eager.gauges.get("frames.peak") - lazy.gauges.get("frames.peak");
    assert_eq!(spared, (256 + 1 + 1) - (8 + 1), "frames at the peak");
}

/// A child that executes another program at once, and so drops its share of 64 pages, had better run first: the parent then
/// copies none of them. The stack page is copied by whoever stores first.
#[test]
fn a_child_that_runs_first_spares_its_parent_the_copies() {
    for (order, copies, reuses) in [(ForkOrder::ParentFirst, 64, 0), (ForkOrder::ChildFirst, 0, 64)] {
        let run = Job::guest("child-first").with(|config| config.policy.fork_order = order).run();
        assert_eq!(run.stdout(), expected("guest/expected", "child-first"));
        let counts = &run.report.machine;
        assert_eq!(counts.get("faults.cow_copy"), copies + 1, "{order:?}");
        assert_eq!(counts.get("faults.cow_reuse"), reuses + 1, "{order:?}");
    }
}

/// What this guest prints says which pages are shared: those that a batch or an eager fork has copied are not.
const SEES_COPIES: &str = "areas";

/// Whatever the policy, a guest prints what it prints on Linux.
#[test]
fn guests_print_the_same_whatever_fork_and_copies_do() {
    let policies = [
        MemoryPolicy { fork: ForkMode::Odf, ..MemoryPolicy::TEXTBOOK },
        MemoryPolicy { fork: ForkMode::Odf, ad_update: AdUpdate::Svade, ..MemoryPolicy::LINUX },
        MemoryPolicy { cow_batch_pages: 512, cow_prealloc_frames: 64, ..MemoryPolicy::LINUX },
        MemoryPolicy { fork: ForkMode::Eager, fault_around_pages: 512, ..MemoryPolicy::TEXTBOOK },
    ];
    for name in guest_names() {
        for policy in &policies {
            let copies_more = policy.cow_batch_pages > 1 || policy.fork == ForkMode::Eager;
            if name == SEES_COPIES && copies_more {
                continue;
            }
            let stdout = Job::guest(&name).policy(policy).run().stdout();
            assert_eq!(stdout, expected("guest/expected", &name), "{name} under {policy:?}");
        }
    }
}

/// The work of on-demand fork does not depend on how much is resident: it shares the tables, and a store copies the one that it
/// goes through. 4 MiB and 64 MiB differ by 30 tables of 2 MiB, which are shared and not copied.
#[test]
fn on_demand_fork_copies_no_entries_and_shares_the_tables() {
    let fork = |mib: &str, fork| {
        let job = Job::guest("cow-storm").arguments([mib.to_owned()]);
        job.with(|config| config.policy.fork = fork).run().report
    };
    let (small, large) = (fork("4", ForkMode::Odf), fork("64", ForkMode::Odf));
    for report in [&small, &large] {
        assert_eq!(report.machine.get("fork.ptes_copied"), 0);
    }
    let shared = |report: &Report| report.machine.get("fork.pt_frames_shared");
    assert_eq!(shared(&large) - shared(&small), 60 / 2);
    assert_eq!(
        large.machine.get("fork.pt_frames_allocated"),
        small.machine.get("fork.pt_frames_allocated"),
        "the tables above them"
    );
    // In the storm every table is written, and so copied after all, with what it maps.
    let cow = fork("4", ForkMode::Cow);
    assert_eq!(small.machine.get("faults.cow_copy"), cow.machine.get("faults.cow_copy"));
    assert_eq!(small.machine.get("faults.cow_reuse"), cow.machine.get("faults.cow_reuse"));
    assert!(small.machine.get("fork.ptes_unshared") >= 1024);
    assert!(cow.machine.iter().all(|(key, _)| key != "fork.pt_frames_shared"));
}

/// Windows of 16: the child that writes everything takes a sixteenth of the faults, and so does the one that writes a sixteenth
/// of the pages, whose other copies nobody needed. The stack page is copied by the parent, once for each fork.
#[test]
fn a_batch_spares_faults_and_may_copy_in_vain() {
    for (batch, copies, around, in_vain) in [(1, 256 + 16 + 2, 0, 0), (16, 16 + 16 + 2, 2 * 240, 240)] {
        let run = Job::guest("cow-batch").with(|config| config.policy.cow_batch_pages = batch).run();
        assert_eq!(run.stdout(), expected("guest/expected", "cow-batch"));
        let counts = &run.report.machine;
        assert_eq!(counts.get("faults.cow_copy"), copies, "{batch}");
        assert_eq!(counts.get("cow.pages_copied"), copies + around, "{batch}");
        assert_eq!(counts.get("faults_attr.cow_batch_pages"), around, "{batch}");
        assert_eq!(counts.get("cow.copied_in_vain"), in_vain, "{batch}");
        assert_eq!(counts.iter().any(|(key, _)| key == "faults_attr.cow_batch_pages"), batch > 1);
    }
}

/// Four huge pages: a fault, a PTE of fork and a TLB entry each. The child splits one, or copies it whole; the parent, alone
/// again, keeps all four.
#[test]
fn huge_pages_spare_faults_ptes_and_tlb_misses() {
    let run = |thp: Thp, thp_cow: ThpCow| {
        let config = |config: &mut Config| {
            config.policy.thp = thp;
            config.policy.thp_cow = thp_cow;
        };
        let run = Job::guest("huge-pages").with(config).run();
        assert_eq!(run.stdout(), expected("guest/expected", "huge-pages"), "{thp:?} {thp_cow:?}");
        run.report.machine
    };
    let kinds =
        ["demand_zero", "cow_copy", "cow_reuse", "huge_demand_zero", "huge_split", "huge_copy", "huge_reuse"];
    let of_kinds = |counts: &Counts| kinds.map(|kind| counts.get(&format!("faults.{kind}")));
    let never = run(Thp::Never, ThpCow::Split);
    let split = run(Thp::Always, ThpCow::Split);
    let whole = run(Thp::Always, ThpCow::Copy);
    // One page of stack, and its copy, are never huge.
    assert_eq!(of_kinds(&never), [2048 + 1, 512 + 1, 2048, 0, 0, 0, 0]);
    assert_eq!(of_kinds(&split), [1, 511 + 1, 0, 4, 1, 0, 4]);
    assert_eq!(of_kinds(&whole), [1, 1, 0, 4, 0, 1, 4]);
    let copied = |counts: &Counts| counts.get("cow.pages_copied");
    assert_eq!([&never, &split, &whole].map(copied), [513; 3]);
    assert_eq!(never.get("fork.ptes_copied") - split.get("fork.ptes_copied"), 2048 - 4);
    assert_eq!(never.get("fork.pt_frames_allocated"), split.get("fork.pt_frames_allocated"));
    // Reading 2,048 pages again and again misses everywhere, or nowhere: but for the 512 that the child has split.
    let misses = |counts: &Counts| counts.get("tlb.dtlb.load_misses");
    assert!(misses(&never) > 4 * 2048, "{}", misses(&never));
    assert!((512..512 + 20).contains(&misses(&split)), "{}", misses(&split));
    assert!(misses(&whole) < 20, "{}", misses(&whole));
}

/// A pool as large as what is written serves the storm of the dense child, but for the stack page that its parent copies
/// first; the child's end refills it for the sparse one.
#[test]
fn a_pool_serves_copies_and_is_refilled_by_what_is_freed() {
    let run = Job::guest("cow-batch").with(|config| config.policy.cow_prealloc_frames = 256).run();
    assert_eq!(run.stdout(), expected("guest/expected", "cow-batch"));
    let counts = &run.report.machine;
    assert_eq!((counts.get("pool.hits"), counts.get("pool.misses")), (1 + 255 + 1 + 16, 1));
    assert_eq!(run.report.gauges.get("frames.pool"), 256);
    let without = Job::guest("cow-batch").run().report;
    assert!(without.machine.iter().chain(without.gauges.iter()).all(|(key, _)| !key.contains("pool")));
}

/// The storm needs a second set of 4096 frames, and there are 6144: a copy finds no frame, its process is killed, and the other
/// one's pages are as they were.
#[test]
fn a_copy_without_a_frame_kills_the_process_that_wanted_it() {
    let run = Job::guest("cow-storm").with(|config| config.memory_bytes = 24 << 20).run();
    let says = "parent: 16 MiB written, 4096 pages\n\
        children: 0 of 1 wrote every page\n\
        parent: 4096 pages still hold its own data\n\
        parent: wrote every page again, as the only owner\n";
    assert_eq!(run.stdout(), says);
    let child = &run.report.processes[1];
    assert!(matches!(child.end, Some(WaitStatus::Killed { signal, .. }) if signal.name() == "SIGKILL"));
    assert_eq!(child.counts.get("failed_faults.oom"), 1);
    assert_eq!(run.report.gauges.get("frames.peak"), run.report.gauges.get("frames.total"));
    assert_eq!(run.report.processes[0].counts.get("faults.cow_reuse"), 4096, "the dead child gave all back");
}

#[test]
fn fork_fails_when_there_are_too_many_processes() {
    let run = Job::guest("fork-many").with(|config| config.max_procs = Some(10)).run();
    let says = "9 children are alive together; the next fork failed: EAGAIN\n\
        9 of them saw the parent's data and ended\n";
    assert_eq!(run.stdout(), says);
    assert_eq!(run.report.machine.get("syscalls.clone.errors"), 1);
    assert_eq!(run.report.machine.get("fork.fork"), 9);
}
