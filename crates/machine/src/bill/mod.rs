//! The fork bill: what each fork did, and every later copy or reuse of a page that it shared.
//!
//! ```text
//!   Fork ──▶ the pages that the child's tables share: (address space, frame) ▶ this fork, for parent and child
//!   Copy ──▶ (address space that stored, frame that it had) ▶ the fork to charge, with process, place and mapping
//! ```
//!
//! A store is charged to the last fork in which the storing process took part, as parent or as child, and that shared the
//! page: so the copies of a worker are on the bill of the fork that made the worker. Copies that no fork caused, the first
//! stores to private pages of files, stand apart. The parts add up to the machine's counters.

mod collector;

pub use collector::ForkBill;

use crate::symbols::Where;
use tine_kernel::Pid;

/// All forks of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// In the order in which they were made.
    pub forks: Vec<ForkCost>,
    /// Pages of files that a first store to a private mapping copied, fork or no fork.
    pub first_stores: Vec<Cost>,
    /// What forks put off until somebody touched the pages (`--fork odf`).
    pub put_off: PutOff,
}

/// Work of on-demand forks that faults did later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutOff {
    /// Page tables copied.
    pub tables: u64,
    /// PTEs in them.
    pub ptes: u64,
    /// PTEs write-protected.
    pub write_protected: u64,
}

/// What a fork was, did, and cost later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkCost {
    /// `fork`, `vfork` or `thread`; only the first has any cost.
    pub kind: &'static str,
    /// The process that called.
    pub parent: Pid,
    /// The task that it made.
    pub child: Pid,
    /// Where the call is.
    pub at: Where,
    /// PTEs copied into the child's page table.
    pub ptes_copied: u64,
    /// Page-table frames allocated for it.
    pub pt_frames: u64,
    /// PTEs write-protected.
    pub write_protected: u64,
    /// TLB entries that the fences removed.
    pub tlb_entries_fenced: u64,
    /// Private pages that parent and child shared after the call.
    pub pages_shared: u64,
    /// Of those, pages that neither has stored to while this fork was the last to share them.
    pub never_written: u64,
    /// What the child got as copies at once (`--fork eager`), and what happened later, dearest first.
    pub costs: Vec<Cost>,
}

/// Copies and reuses that have place, process and mapping in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// The process that stored.
    pub pid: Pid,
    /// Where in the program.
    pub at: Where,
    /// What it stored to: `heap`, `stack`, `.data`, `.data of FILE`, `[anon]`.
    pub mapping: String,
    /// Whether the copies were made by the fork itself, all at once.
    pub is_eager: bool,
    /// Pages copied.
    pub pages_copied: u64,
    /// Bytes of those pages that were other than when the page was copied, as it died or at the end of the run.
    pub bytes_changed: u64,
    /// Pages made writable again, because their other owners were gone.
    pub pages_reused: u64,
}

/// Sums over a part of the bill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Pages copied.
    pub pages_copied: u64,
    /// Bytes of them that really changed.
    pub bytes_changed: u64,
    /// Pages reused.
    pub pages_reused: u64,
}

impl Sums {
    /// Adds costs up.
    pub fn of<'a>(costs: impl IntoIterator<Item = &'a Cost>) -> Self {
        costs.into_iter().fold(Self::default(), |sums, cost| Self {
            pages_copied: sums.pages_copied + cost.pages_copied,
            bytes_changed: sums.bytes_changed + cost.bytes_changed,
            pages_reused: sums.pages_reused + cost.pages_reused,
        })
    }
}

impl Bill {
    /// Returns every cost, those that no fork caused too.
    pub fn costs(&self) -> impl Iterator<Item = &Cost> {
        self.forks.iter().flat_map(|fork| &fork.costs).chain(&self.first_stores)
    }
}
