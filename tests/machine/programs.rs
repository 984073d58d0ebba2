//! The programs of `tests/programs` print on this machine what they print on Linux.

use crate::support::{Job, expected, files};
use tine_machine::{ForkMode, MemoryPolicy};

/// What this program prints of fault counts is the `linux` policy's.
const LINUX_ONLY: &str = "fault-counts";

#[test]
fn programs_print_what_linux_prints_under_the_linux_policy() {
    check_all(&MemoryPolicy::LINUX, 1);
}

#[test]
fn programs_print_what_linux_prints_under_the_textbook_policy() {
    check_all(&MemoryPolicy::TEXTBOOK, 1);
}

#[test]
fn programs_print_what_linux_prints_on_four_harts() {
    check_all(&MemoryPolicy::LINUX, 4);
    check_all(&MemoryPolicy::TEXTBOOK, 4);
}

#[test]
fn programs_print_what_linux_prints_when_page_tables_are_shared() {
    let odf = MemoryPolicy { fork: ForkMode::Odf, cow_batch_pages: 16, ..MemoryPolicy::LINUX };
    check_all(&odf, 2);
    check_all(&MemoryPolicy { fork: ForkMode::Odf, ..MemoryPolicy::TEXTBOOK }, 1);
}

fn check_all(policy: &MemoryPolicy, harts: u32) {
    for path in files("tests/programs/bin") {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name != LINUX_ONLY || *policy == MemoryPolicy::LINUX {
            check(name, policy, harts);
        }
    }
}

/// Runs a program and compares what it prints.
#[track_caller]
pub(crate) fn check(name: &str, policy: &MemoryPolicy, harts: u32) {
    let stdout = Job::program(name).policy(policy).harts(harts).run().stdout();
    let what = format!("{name} under {} on {harts} harts", policy.name);
    assert_eq!(stdout, expected("tests/programs/expected", name), "{what}");
}
