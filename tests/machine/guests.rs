//! The guests under the `textbook` policy: what each prints, which system calls it makes, and what the machine counts.
//!
//! Three snapshots each, so that a change of a count does not hide in a page of text. `guests.md`, beside this file, says
//! where the numbers come from. After a change that is meant to move them: `INSTA_UPDATE=always cargo test --test machine`,
//! then read every line of the difference, and say in `guests.md` why it is so.

use crate::support::{Job, expected, guest_names};
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
