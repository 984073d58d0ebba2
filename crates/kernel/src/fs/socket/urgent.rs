//! Urgent data of TCP: one byte of the stream that is read aside, and the mark where it stands (tcp(7), "Sockets API";
//! Linux 6.12 net/ipv4/tcp.c tcp_recv_urg, tcp_recvmsg_locked; net/ipv4/tcp_input.c tcp_check_urg).
//!
//! The byte lies in the queue like every other. A read ends before it, and the next one leaves it out, unless the program
//! wants it inline (`SO_OOBINLINE`).

use super::options::Switches;
use super::{Incoming, MessageFlags, Shut, Socket, SocketId, Sockets, Stage};
use crate::Errno;
use crate::fs::wait::Stop;

/// The byte that was last sent as urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Urgent {
    /// How many bytes of the stream come before it.
    ahead: usize,
    /// The byte, until it is read aside.
    byte: Option<u8>,
}

impl Socket {
    pub(super) fn has_urgent_inline(&self) -> bool {
        self.options.switches.contains(Switches::OOB_INLINE)
    }

    /// Tells whether there is urgent data that nobody has read aside.
    pub(super) fn is_urged(&self) -> bool {
        self.urgent.is_some_and(|urgent| urgent.byte.is_some())
    }

    /// Tells whether the next byte of the stream is the urgent one (`SIOCATMARK`).
    pub(super) fn is_at_mark(&self) -> bool {
        self.urgent.is_some_and(|urgent| urgent.ahead == 0)
    }

    /// Tells whether the next byte of the stream is one that reads leave out.
    pub(super) fn leaves_out(&self) -> bool {
        self.is_at_mark() && !self.has_urgent_inline()
    }

    /// Returns how many of the next bytes a read of `len` may take: not those behind a mark that it has not reached.
    pub(super) fn up_to_mark(&self, len: usize) -> usize {
        self.urgent.map_or(len, |urgent| if urgent.ahead == 0 { len } else { len.min(urgent.ahead) })
    }

    /// Tells whether `len` bytes reach up to the mark.
    pub(super) fn reaches_mark(&self, len: usize) -> bool {
        len > 0 && self.urgent.is_some_and(|urgent| urgent.ahead == len)
    }

    /// Returns how many bytes of a stream FIONREAD tells of: those before the mark (`tcp_inq`).
    pub(super) fn counted(&self, unread: usize) -> usize {
        if self.has_urgent_inline() { unread } else { self.urgent.map_or(unread, |urgent| urgent.ahead) }
    }

    /// Moves the mark nearer by bytes that were read; what is passed is urgent no more.
    pub(super) fn pass(&mut self, len: usize) {
        self.urgent =
            self.urgent.and_then(|urgent| Some(Urgent { ahead: urgent.ahead.checked_sub(len)?, ..urgent }));
    }
}

impl Sockets {
    /// Notes that the last byte of a socket's stream is urgent, of `unread` in it, and has its owner told.
    pub(super) fn urge(&mut self, id: SocketId, unread: usize, byte: u8) {
        let socket = &mut self[id];
        // What was urgent before, and stands next, is in nobody's way any more.
        let passes = socket.leaves_out();
        socket.urgent = Some(Urgent { ahead: unread - 1, byte: Some(byte) });
        self.urged.push(id);
        if passes {
            self.consume(id, 1);
        }
    }

    /// Reads urgent data aside (`MSG_OOB`).
    ///
    /// # Errors
    /// `EINVAL` when there is none, when it was read, or when it is inline; `ENOTCONN`.
    pub(super) fn receive_urgent(
        &mut self,
        id: SocketId,
        len: usize,
        flags: MessageFlags,
    ) -> Result<Incoming, Stop> {
        let socket = &mut self[id];
        let inline = socket.has_urgent_inline();
        let Some(byte) = socket.urgent.and_then(|urgent| urgent.byte).filter(|_| !inline) else {
            return Err(Errno::EINVAL.into());
        };
        if socket.stage == Stage::Closed && !socket.shut.contains(Shut::ENDED) {
            return Err(Errno::ENOTCONN.into());
        }
        if !flags.contains(MessageFlags::PEEK)
            && let Some(urgent) = &mut socket.urgent
        {
            urgent.byte = None;
        }
        let mut told = MessageFlags::OOB;
        told.set(MessageFlags::TRUNC, len == 0);
        let bytes = [byte][..len.min(1)].to_vec();
        Ok(Incoming { full_len: bytes.len(), bytes, is_end: true, flags: told, ..Incoming::default() })
    }
}
