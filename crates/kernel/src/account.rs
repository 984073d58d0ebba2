//! Who did what: counters per process and per hart, whose parts add up to the machine's.

use crate::{MemoryCounters, Pid, WaitStatus};
use std::collections::BTreeMap;
use std::ops::AddAssign;
use tine_mmu::MmuCounters;

/// Everything counted for one process or one hart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Instructions retired in U-mode.
    pub retired: u64,
    /// What the TLBs and walkers did.
    pub tlb: MmuCounters,
    /// What the memory manager did.
    pub memory: MemoryCounters,
    /// Times that a hart went over to this process from another task.
    pub switches: u64,
    /// What system calls were made.
    pub syscalls: SyscallCounts,
}

/// The system calls that were made, by number.
#[derive(Clone, Debug, Default)]
pub struct SyscallCounts {
    /// Number, name and count, the lowest number first.
    rows: Vec<(u64, &'static str, SyscallCount)>,
    /// The row that was asked for last: a call is counted when it begins and when it ends, and often made again.
    last: usize,
}

impl SyscallCounts {
    /// Returns the count of one call, to add to.
    #[inline]
    pub fn of(&mut self, number: u64, name: &'static str) -> &mut SyscallCount {
        if self.rows.get(self.last).is_none_or(|row| row.0 != number) {
            self.last = self.find(number, name);
        }
        &mut self.rows[self.last].2
    }

    fn find(&mut self, number: u64, name: &'static str) -> usize {
        self.rows.binary_search_by_key(&number, |row| row.0).unwrap_or_else(|place| {
            self.rows.insert(place, (number, name, SyscallCount::default()));
            place
        })
    }

    /// Returns the counts by Linux name.
    pub fn by_name(&self) -> BTreeMap<&'static str, SyscallCount> {
        self.rows.iter().map(|(_, name, count)| (*name, *count)).collect()
    }
}

impl PartialEq for SyscallCounts {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl Eq for SyscallCounts {}

/// How often a system call was made, how often it failed, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyscallCount {
    /// Calls, each once however often it slept.
    pub calls: u64,
    /// Calls that returned an errno.
    pub errors: u64,
    /// Virtual nanoseconds from the trap until the call returned, sleep included.
    pub ns: u64,
}

impl AddAssign for SyscallCount {
    fn add_assign(&mut self, other: Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.ns += other.ns;
    }
}

impl AddAssign<&Account> for Account {
    fn add_assign(&mut self, other: &Account) {
        self.retired += other.retired;
        self.tlb += other.tlb;
        self.memory += &other.memory;
        self.switches += other.switches;
        for (number, name, count) in &other.syscalls.rows {
            *self.syscalls.of(*number, name) += *count;
        }
    }
}

/// How a process came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named on the command line.
    Program,
    /// `fork`, or a `clone` that copies the address space.
    Fork,
    /// `vfork`: the parent waits and lends its address space.
    Vfork,
}

/// A process as the report shows it: what it was and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRecord {
    /// Its number.
    pub pid: Pid,
    /// The process that made it.
    pub parent: Pid,
    /// The name of its last program, as `/proc/<pid>/comm` has it.
    pub command: String,
    /// How it came to be.
    pub origin: Origin,
    /// What it did.
    pub account: Account,
    /// How it ended; `None` while it lives.
    pub end: Option<WaitStatus>,
}
