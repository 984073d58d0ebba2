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
    /// System calls by Linux name.
    pub syscalls: BTreeMap<&'static str, SyscallCount>,
}

/// How often a system call was made and how often it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyscallCount {
    /// Calls, each once however often it slept.
    pub calls: u64,
    /// Calls that returned an errno.
    pub errors: u64,
}

impl AddAssign<&Account> for Account {
    fn add_assign(&mut self, other: &Account) {
        self.retired += other.retired;
        self.tlb += other.tlb;
        self.memory += other.memory;
        self.switches += other.switches;
        for (name, count) in &other.syscalls {
            let sum = self.syscalls.entry(name).or_default();
            sum.calls += count.calls;
            sum.errors += count.errors;
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
