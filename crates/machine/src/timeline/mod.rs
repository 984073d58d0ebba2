//! The time line: what memory was used for as a run went on, and who made, loaded and ended what.
//!
//! ```text
//!   after each step ──▶ anything changed? ──▶ sample: frames in use, shared, copied; the same of each process
//!   Fork, Exec, Exit ──▶ mark
//! ```
//!
//! A sample is true at its moment. A run with more changes than [`MOST_SAMPLES`] keeps the first of each stretch of time,
//! whose length is the same for the whole run and follows from the run alone; the most frames in use between two samples
//! are kept too, so that no peak is lost.

mod recorder;

pub use recorder::Recorder;

use tine_kernel::{Pid, WaitStatus};

/// A run has no more samples than this.
pub const MOST_SAMPLES: usize = 1024;

/// What memory was used for as a run went on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// The machine's memory, the earliest sample first; the last is the end of the run.
    pub samples: Vec<Sample>,
    /// Stretch of virtual time of which only the first change was kept; 1 when every change is there.
    pub stretch_ns: u64,
    /// Every process that ever was, by number.
    pub lanes: Vec<Lane>,
    /// What happened to processes, the earliest first.
    pub marks: Vec<Mark>,
}

/// The machine's memory at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Virtual time. With several harts it is that of the one which is furthest ahead.
    pub time_ns: u64,
    /// Frames that were not free.
    pub in_use: u64,
    /// The most frames that were in use on the way here and until the next sample.
    pub most: u64,
    /// Private frames with more than one owner.
    pub shared: u64,
    /// Frames copied since the start.
    pub copied: u64,
}

/// A process's memory, as long as it lived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The process.
    pub pid: Pid,
    /// The process that made it.
    pub parent: Pid,
    /// Name of its last program.
    pub command: String,
    /// When it was made.
    pub began_ns: u64,
    /// When and how it ended; `None` when the run ended first.
    pub ended: Option<(u64, WaitStatus)>,
    /// Frames copied for it until it ended.
    pub copied: u64,
    /// Its memory at the samples at which that was other than before.
    pub points: Vec<Point>,
}

/// A process's memory at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub time_ns: u64,
    /// What it was.
    pub usage: Usage,
}

/// What a process has. Memory that several processes use, as after vfork, is the first one's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident pages.
    pub resident: u64,
    /// Of these, private pages whose frame has other owners too.
    pub shared: u64,
    /// Frames copied for it so far.
    pub copied: u64,
}

/// Something that happened to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// When.
    pub time_ns: u64,
    /// The process.
    pub pid: Pid,
    /// What.
    pub what: Happening,
}

/// The things that are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It made a process.
    Fork {
        /// `fork` or `vfork`.
        kind: &'static str,
        /// The new process.
        child: Pid,
    },
    /// It loaded a program.
    Exec {
        /// The program's path.
        path: String,
    },
    /// It ended.
    Exit {
        /// How.
        status: WaitStatus,
    },
}
