//! Why an operation cannot go on, and who can go on now.

use super::Node;
use super::pipe::PipeId;
use crate::Errno;

/// What a task that sleeps in the file system waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Until the pipe holds bytes or has no writer.
    PipeReadable(PipeId),
    /// Until the pipe has room or no reader.
    PipeWritable(PipeId),
    /// Until a lock on the file is given back.
    FileLock(Node),
}

/// Why an operation returned nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The caller must sleep, then do the same again.
    Wait(Wait),
    /// It failed. `EPIPE` also owes the caller a SIGPIPE.
    Errno(Errno),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno)
    }
}

impl From<Wait> for Stop {
    fn from(wait: Wait) -> Self {
        Self::Wait(wait)
    }
}
