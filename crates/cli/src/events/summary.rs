//! `--strace-summary`: how often each system call was made, how often it failed and how long it took, as `strace -c`
//! prints it.

use crate::values::SyscallSet;
use std::collections::BTreeMap;
use tine_machine::SyscallCount;

/// System calls by Linux name.
pub(super) type Syscalls = BTreeMap<&'static str, SyscallCount>;

const NS_PER_US: u64 = 1_000;

/// Calls that never return: strace counts those that do.
const ENDS: [&str; 2] = ["exit", "exit_group"];

/// Returns the table of those calls that the filter lets through: what took longest first, and by name where two took as long.
pub(super) fn render(syscalls: &Syscalls, filter: Option<&SyscallSet>) -> String {
    /// The least width of the column of names.
    const NAMES: usize = 16;
    let is_wanted = |name: &str| !ENDS.contains(&name) && filter.is_none_or(|filter| filter.contains(name));
    let mut rows: Vec<_> = syscalls.iter().filter(|(name, _)| is_wanted(name)).collect();
    rows.sort_by_key(|(name, count)| (std::cmp::Reverse(count.ns), **name));
    let mut total = SyscallCount::default();
    rows.iter().for_each(|(_, count)| total += **count);
    let names = rows.iter().map(|(name, _)| name.len() + 1).fold(NAMES, usize::max);
    let rule = format!("------ ----------- ----------- --------- --------- {}\n", "-".repeat(names));
    let rows = rows.iter().map(|(name, count)| row(name, **count, total.ns));
    let rows: String = rows.collect();
    format!(
        "% time     seconds  usecs/call     calls    errors syscall\n{rule}{rows}{rule}{}",
        row("total", total, total.ns)
    )
}

fn row(name: &str, SyscallCount { calls, errors, ns }: SyscallCount, total_ns: u64) -> String {
    let share = if total_ns == 0 { 0.0 } else { 100.0 * ns as f64 / total_ns as f64 };
    let (us, each_us) = (ns / NS_PER_US, (ns / NS_PER_US).checked_div(calls).unwrap_or(0));
    let errors = if errors == 0 { String::new() } else { errors.to_string() };
    let (s, us) = (us / 1_000_000, us % 1_000_000);
    format!("{share:6.2} {s:>4}.{us:06} {each_us:>11} {calls:>9} {errors:>9} {name}\n")
}
