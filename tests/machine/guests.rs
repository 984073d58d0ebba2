//! The guests under the `textbook` policy: what each prints, which system calls it makes, and what the machine counts.
//!
//! Three snapshots each, so that a change of a count does not hide in a page of text. `guests.md`, beside this file, says
//! where the numbers come from. After a change that is meant to move them: `INSTA_UPDATE=always cargo test --test machine`,
//! then read every line of the difference, and say in `guests.md` why it is so.

use crate::support::{Job, expected, guest_names};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::{Command, Stdio};
use tine_machine::{Process, Report, WaitStatus};

#[test]
fn guests_print_what_linux_prints() {
    for name in guest_names() {
        let stdout = Job::guest(&name).run().stdout();
        assert_eq!(stdout, expected("guest/expected", &name), "{name}");
        insta::assert_snapshot!(format!("{name}.stdout"), stdout);
    }
}

#[test]
fn guests_make_these_system_calls() {
    for name in guest_names() {
        insta::assert_snapshot!(format!("{name}.strace"), strace(&name));
    }
}

#[test]
fn guests_are_counted_so() {
    for name in guest_names() {
        insta::assert_snapshot!(format!("{name}.counters"), counters(&Job::guest(&name).run().report));
    }
}

/// Every count of what happened to memory is the sum of the parts that `guests.md` names, and it names no others.
#[test]
fn every_count_of_memory_is_explained() {
    let explained = explanations();
    assert_eq!(explained.keys().cloned().collect::<Vec<_>>(), guest_names());
    for (name, explained) in explained {
        let report = Job::guest(&name).run().report;
        let counts = report.machine.iter().chain(report.gauges.iter());
        let counted: BTreeMap<_, _> = counts
            .filter(|(key, count)| *count > 0 && *key != "faults.total")
            .filter(|(key, _)| {
                EXPLAINED.iter().any(|group| key.starts_with(group)) || explained.contains_key(*key)
            })
            .map(|(key, count)| (key.to_owned(), count))
            .collect();
        assert_eq!(explained, counted, "{name}: guests.md on the left, the machine on the right");
    }
}

/// What begins the keys of the counts that `guests.md` must explain; others it may.
const EXPLAINED: [&str; 6] =
    ["faults.", "faults_attr.", "fork.", "sfence.", "cow.pages_write_protected", "frames.peak"];

/// Reads `guests.md`: of each guest, the key of each count and the sum of its parts.
fn explanations() -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut explained = BTreeMap::<_, BTreeMap<_, _>>::new();
    for section in include_str!("guests.md").split("\n## ").skip(1) {
        let (name, lines) = section.split_once('\n').unwrap();
        for line in lines.lines().filter_map(|line| line.strip_prefix("- `")) {
            let (key, rest) = line.split_once("` ").unwrap();
            let (total, parts) = rest.split_once(" = ").unwrap();
            let sum = parts.split(" + ").map(first_figure).sum();
            assert_eq!(total.parse(), Ok(sum), "{name}: {line}");
            explained.entry(name.to_owned()).or_default().insert(key.to_owned(), sum);
        }
    }
    explained
}

/// Evaluates the `100×16` or `3` with which a part of a sum begins.
fn first_figure(part: &str) -> u64 {
    let figure = part.split(' ').next().unwrap();
    figure.split('×').map(|factor| factor.parse::<u64>().expect(part)).product()
}

/// Returns what the command says of a guest's system calls.
fn strace(name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tine"))
        .args(["run", "--policy", "textbook", "--strace", &format!("@{name}")])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", output.status);
    String::from_utf8(output.stderr).unwrap()
}

/// Writes every count that is not 0: the machine's, the gauges, and what each process did to memory.
fn counters(report: &Report) -> String {
    let mut text = String::new();
    group(&mut text, "machine", report.machine.iter());
    group(&mut text, "gauges", report.gauges.iter());
    for process in &report.processes {
        let of_memory = ["fault", "failed_faults.", "cow.", "fork."];
        let counts = process.counts.iter();
        let counts = counts.filter(|(key, _)| of_memory.iter().any(|group| key.starts_with(group)));
        group(&mut text, &title(process), counts);
    }
    text
}

fn group<'a>(text: &mut String, title: &str, counts: impl Iterator<Item = (&'a str, u64)>) {
    writeln!(text, "{title}").unwrap();
    for (key, count) in counts.filter(|(_, count)| *count > 0) {
        writeln!(text, "  {key:<32}{count:>10}").unwrap();
    }
}

fn title(process: &Process) -> String {
    let Process { pid, parent, command, origin, .. } = process;
    let end = match process.end {
        Some(WaitStatus::Exited(code)) => format!("exited {code}"),
        Some(WaitStatus::Killed { signal, .. }) => format!("killed by {}", signal.name()),
        None => "alive".to_owned(),
    };
    format!("pid {pid} {command}: {origin} of {parent}, {end}")
}
