//! Why an operation cannot go on, and who can go on now.

use super::Node;
use super::flags::PollEvents;
use super::inode::InodeId;
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
    /// Until what an inode stands for has something to tell: an eventfd, an epoll instance.
    Readable(InodeId),
    /// Until it has room: an eventfd.
    Writable(InodeId),
}

impl Wait {
    /// Returns what a wake-up of this kind announces. Ends and errors announce themselves by every kind.
    pub(super) const fn announces(self) -> PollEvents {
        match self {
            Self::PipeReadable(_) | Self::Readable(_) => PollEvents::IN.union(PollEvents::RDNORM),
            Self::PipeWritable(_) | Self::Writable(_) => PollEvents::OUT.union(PollEvents::WRNORM),
            Self::FileLock(_) => PollEvents::empty(),
        }
    }
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
