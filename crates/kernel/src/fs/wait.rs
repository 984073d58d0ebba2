//! Why an operation cannot go on, and who can go on now.

use super::Node;
use super::flags::PollEvents;
use super::inode::InodeId;
use super::pipe::PipeId;
use super::socket::SocketId;
use super::tty::TtyId;
use crate::{Errno, Pid};

/// What a task that sleeps in the file system waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Until the pipe holds bytes or has no writer.
    PipeReadable(PipeId),
    /// Until the pipe has room or no reader.
    PipeWritable(PipeId),
    /// Until a lock on the file is given back.
    FileLock(Node),
    /// Until a lease on the file is given back, or lowered.
    Lease(InodeId),
    /// Until what an inode stands for has something to tell: a counter, an epoll instance.
    Readable(InodeId),
    /// Until it has room: a counter.
    Writable(InodeId),
    /// Until a signal is sent to the process.
    Signals(Pid),
    /// Until something was typed at the terminal, or it is hung up.
    TtyTyped(TtyId),
    /// Until the terminal shows something, or its slave is closed.
    TtyShown(TtyId),
    /// Until the terminal has room in either direction.
    TtyRoom(TtyId),
    /// Until something arrives at the socket: data, a connection, an end, an error.
    SocketReadable(SocketId),
    /// Until the socket has room, or its connection stands or failed.
    SocketWritable(SocketId),
    /// Until something is taken out of the socket's queue.
    SocketTaken(SocketId),
}

impl Wait {
    /// Returns what a wake-up of this kind announces. Ends and errors announce themselves by every kind.
    pub(super) const fn announces(self) -> PollEvents {
        match self {
            Self::PipeReadable(_)
            | Self::Readable(_)
            | Self::Signals(_)
            | Self::SocketReadable(_)
            | Self::TtyTyped(_)
            | Self::TtyShown(_) => PollEvents::IN.union(PollEvents::RDNORM).union(PollEvents::RDHUP),
            Self::PipeWritable(_)
            | Self::Writable(_)
            | Self::SocketWritable(_)
            | Self::SocketTaken(_)
            | Self::TtyRoom(_) => PollEvents::OUT.union(PollEvents::WRNORM).union(PollEvents::WRBAND),
            Self::FileLock(_) | Self::Lease(_) => PollEvents::empty(),
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
