//! Urgent data of AF_UNIX: a packet of one byte, before which reads of the stream end (unix(7); Linux 6.12
//! net/unix/af_unix.c queue_oob, unix_stream_recv_urg, manage_oob).
//!
//! Other than TCP's it is a packet of its own. Read aside it stays in the queue without its byte, as the mark that it was. The
//! next read of the stream drops it where it stands first, unless the program wants it inline (`SO_OOBINLINE`): then it is
//! like what follows. A later one makes it like what precedes.

use super::packet::Packet;
use super::{Incoming, MessageFlags, Socket, SocketId, Sockets};
use crate::Errno;
use crate::fs::wait::Stop;

impl Socket {
    /// Tells whether a read of the stream that has got something ends before this packet: what was read aside is no mark any
    /// more once there is another one.
    pub(super) fn is_mark(&self, packet: &Packet) -> bool {
        packet.is_urgent || packet.unread().is_empty() && !self.has_urgent_packet()
    }

    /// Tells whether there is urgent data in the queue.
    pub(super) fn has_urgent_packet(&self) -> bool {
        self.queue.iter().any(|packet| packet.is_urgent)
    }

    /// Tells whether the next read begins at the mark (`SIOCATMARK`).
    pub(super) fn is_at_unix_mark(&self) -> bool {
        let Some(first) = self.queue.front() else { return false };
        let next_is_urgent = self.queue.get(1).is_some_and(|packet| packet.is_urgent);
        first.is_urgent || first.unread().is_empty() && (next_is_urgent || !self.has_urgent_packet())
    }
}

impl Sockets {
    /// Makes the packet that has just come to a socket the urgent one, and has its owner told.
    pub(super) fn urge_unix(&mut self, to: SocketId) {
        let queue = &mut self[to].queue;
        queue.iter_mut().for_each(|packet| packet.is_urgent = false);
        if let Some(packet) = queue.back_mut() {
            packet.is_urgent = true;
        }
        self.urged.push(to);
    }

    /// Reads urgent data aside (`MSG_OOB`).
    ///
    /// # Errors
    /// `EINVAL` when there is none, when it was read, or when it is inline; `EFAULT` without room for it.
    pub(super) fn receive_unix_urgent(
        &mut self,
        id: SocketId,
        len: usize,
        flags: MessageFlags,
    ) -> Result<Incoming, Stop> {
        let socket = &mut self[id];
        let inline = socket.has_urgent_inline();
        let packet = socket.queue.iter_mut().find(|packet| packet.is_urgent).filter(|_| !inline);
        let packet = packet.ok_or(Errno::EINVAL)?;
        if len == 0 {
            return Err(Errno::EFAULT.into());
        }
        let bytes = packet.unread().to_vec();
        if !flags.contains(MessageFlags::PEEK) {
            packet.is_urgent = false;
            packet.read = packet.bytes.len();
        }
        let full_len = bytes.len();
        Ok(Incoming { bytes, full_len, is_end: true, flags: MessageFlags::OOB, ..Incoming::default() })
    }

    /// Goes past the mark that a read of the stream begins at, and what was urgent there.
    ///
    /// # Returns
    /// How many bytes a read that only peeks leaves out.
    pub(super) fn pass_unix_mark(&mut self, id: SocketId, peeks: bool) -> usize {
        let inline = self[id].has_urgent_inline();
        let is_read = |packet: &Packet| packet.unread().is_empty();
        if peeks {
            let first = self[id].queue.iter().find(|packet| !is_read(packet));
            return usize::from(!inline && first.is_some_and(|packet| packet.is_urgent));
        }
        if self[id].queue.front().is_some_and(is_read)
            && let Some(mark) = self[id].queue.pop_front()
        {
            self.discard(mark);
        }
        let Some(first) = self[id].queue.front_mut().filter(|packet| packet.is_urgent) else { return 0 };
        first.is_urgent = false;
        if !inline && let Some(left_out) = self[id].queue.pop_front() {
            self.discard(left_out);
        }
        0
    }
}
