//! The lives of processes: how each began and ended, which descriptors it began with, and what became of each segment of its
//! memory.
//!
//! ```text
//!   Program, Fork, Exec ──▶ a life begins: descriptors; after fork, the private pages that it inherits
//!   Copy, Fault         ──▶ (address space, frame) ▶ copied, reused, its own
//!   Remains, Exit       ──▶ it ends: each page of each area goes into one column of its segment
//! ```
//!
//! A process that executes another program begins another life: it has other memory. A vfork child has no memory of its own
//! until then.

mod collector;

pub use collector::Collector;

use crate::symbols::Where;
use tine_kernel::mm::Prot;
use tine_kernel::{Pid, WaitStatus};

/// A process between fork and exec, exec and exit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    /// The process.
    pub pid: Pid,
    /// The process that made it.
    pub parent: Pid,
    /// Name of its program.
    pub command: String,
    /// How it began.
    pub began: Beginning,
    /// The descriptors that it began with.
    pub descriptors: Vec<Descriptor>,
    /// How it ended.
    pub ended: Ending,
    /// What became of its memory, in rising order; `None` where it lived in its parent's.
    pub segments: Option<Vec<Segment>>,
}

/// How a life begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It is the program of the run.
    Program,
    /// Its parent made it.
    Fork {
        /// `fork` or `vfork`.
        kind: &'static str,
        /// Where the call is.
        at: Box<Where>,
    },
    /// The process executed a program.
    Exec {
        /// Its path.
        path: String,
    },
}

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The process ended.
    Exit(WaitStatus),
    /// It executed another program.
    Exec,
    /// The run ended first.
    RunEnd,
}

/// A descriptor that a life began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number.
    pub number: i32,
    /// What it has open, as `/proc/<pid>/fd` names it.
    pub name: String,
    /// Whether an exec will close it.
    pub closes_on_exec: bool,
}

/// The pages of areas of one kind, as the life ended. The columns add up to `pages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// What they are: `text`, `data`, `bss`, `heap`, `stack`, `text of libc.so.6`, `[anon]`.
    pub name: String,
    /// What the process might do there.
    pub prot: Prot,
    /// Whether stores are seen by others.
    pub is_shared_mapping: bool,
    /// Pages of the areas.
    pub pages: u64,
    /// Pages whose frame others have too: the page cache, other processes, or all who read zeros.
    pub shared: u64,
    /// Private pages that a store, or an eager fork, copied for this life.
    pub copied: u64,
    /// Private pages that a store made writable again, because the other owners were gone.
    pub reused: u64,
    /// Private pages that fork had shared, to which nobody here has stored since; the other owners are gone.
    pub kept: u64,
    /// Private pages that were made for this life.
    pub own: u64,
    /// Pages that are not mapped: nobody here has touched them.
    pub untouched: u64,
}
