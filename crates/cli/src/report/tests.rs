use super::*;
use tine_machine::task::Signal;
use tine_machine::{
    Account, Counts, DataCounters, FaultKind, FenceCounters, LookupCounters, MemoryPolicy, MmuCounters,
    Origin, Outcome, Pid, Process, ProcessRecord, Setting, SyscallCount, WaitStatus,
};

/// A process that forked: every group of counters has something in it.
fn parent() -> Account {
    let mut account = Account {
        retired: 9_120,
        tlb: MmuCounters {
            itlb: LookupCounters { lookups: 9_125, misses: 31 },
            dtlb: DataCounters { loads: 2_904, load_misses: 40, stores: 1_377, store_misses: 18 },
            supervisor: DataCounters { loads: 12, load_misses: 1, stores: 3, store_misses: 0 },
            l2: LookupCounters { lookups: 90, misses: 61 },
            walks: 63,
            walk_reads: 171,
            ad_updates: 9,
            evictions: 4,
            flushed_entries: 7,
            sfence: FenceCounters { page: 6, asid: 1, ..FenceCounters::default() },
        },
        switches: 3,
        ..Account::default()
    };
    for kind in [FaultKind::DemandZero, FaultKind::CowCopy, FaultKind::CowCopy, FaultKind::CowReuse] {
        account.memory.record(kind);
    }
    let memory = &mut account.memory;
    memory.cow_faults = 3;
    memory.pages_copied = 2;
    memory.bytes_copied = 8192;
    memory.pages_reused = 1;
    memory.pages_write_protected = 14;
    memory.by_supervisor = 1;
    memory.forks = 1;
    memory.ptes_copied = 22;
    memory.pt_frames_allocated = 3;
    *account.syscalls.of(220, "clone") = SyscallCount { calls: 1, errors: 0, ns: 0 };
    *account.syscalls.of(260, "wait4") = SyscallCount { calls: 2, errors: 1, ns: 0 };
    account
}

fn child() -> Account {
    Account { retired: 3_288, ..Account::default() }
}

fn report(outcome: Outcome) -> Report {
    let record = |pid, parent, origin, account, end| {
        let command = "cow-tutorial".to_owned();
        Process::from(&ProcessRecord { pid: Pid(pid), parent: Pid(parent), command, origin, account, end })
    };
    let mut machine = parent();
    machine += &child();
    Report {
        setting: Setting {
            program: "@cow-tutorial".to_owned(),
            arguments: vec!["1".to_owned(), "a,b \"c\"".to_owned()],
            policy: MemoryPolicy::LINUX,
            tlb: TlbConfig::default(),
            harts: 2,
            memory_bytes: 1 << 30,
            seed: 0,
            epoch_s: 0,
            injections: Vec::new(),
            instruction_ns: 1,
            trap_ns: 100,
        },
        outcome: Some(outcome),
        machine: Counts::from(&machine),
        gauges: [
            ("frames.total", 262_144),
            ("frames.in_use", 12),
            ("frames.peak", 61),
            ("frames.page_table", 9),
        ]
        .into_iter()
        .collect(),
        processes: vec![
            record(2, 1, Origin::Program, parent(), Some(WaitStatus::Exited(0))),
            record(
                3,
                2,
                Origin::Fork,
                child(),
                Some(WaitStatus::Killed { signal: Signal::SIGSEGV, core: true }),
            ),
        ],
        harts: vec![Counts::from(&parent()), Counts::from(&child())],
    }
}

fn render_plain(outcome: Outcome, format: StatsFormat) -> String {
    let text = render(&report(outcome), format);
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn table_shows_what_happened_and_leaves_out_the_rest() {
    insta::assert_snapshot!(render_plain(Outcome::Ended(WaitStatus::Exited(0)), StatsFormat::Table));
}

#[test]
fn json_has_every_counter_zeros_included() {
    let text = render_plain(Outcome::InstructionLimit(12_408), StatsFormat::Json);
    insta::assert_snapshot!(text);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (key, count) in report(Outcome::InstructionLimit(0)).machine.iter() {
        let pointer = format!("/machine/{}", key.replace('.', "/"));
        assert_eq!(json.pointer(&pointer).and_then(serde_json::Value::as_u64), Some(count), "{key}");
    }
}

#[test]
fn csv_has_a_row_for_each_figure() {
    let text = render_plain(Outcome::Deadlock(Vec::new()), StatsFormat::Csv);
    insta::assert_snapshot!(text);
    let rows = ::csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect::<Vec<_>>();
    assert!(rows.iter().any(|row| row == vec!["run", "argument", "a,b \"c\""]));
    assert!(rows.iter().any(|row| row == vec!["pid 3", "end", "SIGSEGV"]));
}

#[test]
fn every_key_that_the_table_asks_for_exists() {
    // A key with a slip would silently read as 0: the source itself is searched for them.
    let known = report(Outcome::Deadlock(Vec::new()));
    let is_known = |key: &str| known.machine.iter().chain(known.gauges.iter()).any(|(other, _)| other == key);
    let groups = ["instructions.", "tlb.", "cow.", "fork.", "sched.", "faults."];
    let asked: Vec<_> = include_str!("table.rs")
        .split('"')
        .filter(|text| groups.iter().any(|group| text.len() > group.len() && text.starts_with(group)))
        .collect();
    assert!(asked.len() > 20, "the keys are where this test looks");
    for key in asked {
        assert!(is_known(key), "{key}");
    }
}

#[test]
fn thousands_of_processes_are_summed_up() {
    let mut report = report(Outcome::Deadlock(Vec::new()));
    let last = report.processes[1].clone();
    // Each is the child of the one before: the deepest family tree that there can be.
    report.processes.extend((4..10_000).map(|pid| Process { pid, parent: pid - 1, ..last.clone() }));
    let text = render(&report, StatsFormat::Table);
    assert!(text.contains("and 9,958 more processes (all are in --stats=json)"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 200));
}

#[test]
fn the_rules_of_counting_are_checked() {
    let mut report = report(Outcome::Ended(WaitStatus::Exited(0)));
    assert_eq!(report.check(), Ok(()));
    report.harts.pop();
    assert_eq!(
        report.check(),
        Err("instructions.user: the harts have 9120, the machine has 12408".to_owned())
    );
    let mut account = parent();
    account.memory.zero_page += 1;
    report.processes[0].counts = Counts::from(&account);
    assert_eq!(report.check(), Err("pid 2: fault kinds sum to the total: 5 is not 4".to_owned()));
}
