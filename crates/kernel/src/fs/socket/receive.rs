//! Receiving: what lies in a queue, by the rules of each kind of socket.

use super::message::{Incoming, MessageFlags, Ucred};
use super::packet::Packet;
use super::{Domain, Kind, OpenId, Shut, SocketId, Sockets, Stage};
use crate::Errno;
use crate::fs::wait::{Stop, Wait};

impl Sockets {
    /// Looks at what a receive of up to `len` bytes gets.
    ///
    /// # Errors
    /// `ENOTCONN` or `EINVAL` without a connection, `EINVAL` or `EOPNOTSUPP` for out-of-band data, the error that is to be
    /// reported, `EAGAIN`; a wait for something to arrive.
    pub(super) fn receive(
        &mut self,
        id: SocketId,
        len: usize,
        flags: MessageFlags,
        nonblocking: bool,
    ) -> Result<Incoming, Stop> {
        let socket = &self[id];
        if flags.contains(MessageFlags::ERRQUEUE) && socket.domain != Domain::Unix {
            return Err(Errno::EAGAIN.into());
        }
        match (socket.domain, socket.kind) {
            (Domain::Unix, Kind::Stream) if socket.stage != Stage::Established => {
                return Err(Errno::EINVAL.into());
            }
            (_, Kind::Stream) if socket.listener().is_some() => return Err(Errno::ENOTCONN.into()),
            (_, Kind::SeqPacket) if socket.stage != Stage::Established => return Err(Errno::ENOTCONN.into()),
            _ => {}
        }
        if flags.contains(MessageFlags::OOB) {
            match (socket.domain, socket.kind) {
                _ if socket.is_tcp() => return self.receive_urgent(id, len, flags),
                (_, Kind::Stream) => return self.receive_unix_urgent(id, len, flags),
                // UDP does not ask what is wanted.
                (Domain::Inet | Domain::Inet6, _) => {}
                _ => return Err(Errno::EOPNOTSUPP.into()),
            }
        }
        if socket.kind != Kind::Stream {
            // Of a stream, what arrived comes before what ended it; of messages, the error comes first.
            self[id].check_error()?;
        }
        let mut skipped = 0;
        let peeks = flags.contains(MessageFlags::PEEK);
        if self[id].domain == Domain::Unix && self[id].kind == Kind::Stream {
            skipped = self.pass_unix_mark(id, peeks);
        } else if self[id].leaves_out() && !self[id].queue.is_empty() {
            match peeks {
                true => skipped = 1,
                false => drop(self.consume(id, 1)),
            }
        }
        let socket = &self[id];
        match socket.queue.front() {
            Some(packet) if socket.kind != Kind::Stream => return Ok(self.message(id, packet, len)),
            Some(_) => {
                let stretch = self.stretch(id, skipped, len);
                if !stretch.bytes.is_empty() || len == 0 {
                    return Ok(stretch);
                }
            }
            None => {}
        }
        self.receive_nothing(id, nonblocking)
    }

    /// Decides what a receive that found nothing does.
    fn receive_nothing(&mut self, id: SocketId, nonblocking: bool) -> Result<Incoming, Stop> {
        let socket = &mut self[id];
        let end = Ok(Incoming { is_end: true, ..Incoming::default() });
        if socket.shut.contains(Shut::ENDED) {
            return end;
        }
        socket.check_error()?;
        // A datagram socket that would not sleep does not look whether anything can come.
        let ends = socket.shut.contains(Shut::READ) && (socket.kind.is_connected() || !nonblocking);
        match socket.stage {
            _ if ends => end,
            Stage::Closed if socket.is_tcp() => Err(Errno::ENOTCONN.into()),
            _ if nonblocking => Err(Errno::EAGAIN.into()),
            _ => Err(Wait::SocketReadable(id).into()),
        }
    }

    /// Returns whose a packet is, where the receiver asked for that.
    fn writer(&self, id: SocketId, packet: &Packet) -> Option<Ucred> {
        self[id].options.pass_credentials().then(|| packet.writer.unwrap_or(Ucred::UNRECORDED))
    }

    /// Returns a message, or as much of it as there is room for.
    fn message(&self, id: SocketId, packet: &Packet, len: usize) -> Incoming {
        let full_len = packet.bytes.len();
        let bytes = packet.bytes[..full_len.min(len)].to_vec();
        let mut flags = MessageFlags::empty();
        flags.set(MessageFlags::TRUNC, bytes.len() < full_len);
        let writer = self.writer(id, packet);
        Incoming { bytes, full_len, source: packet.source.clone(), writer, is_end: true, flags }
    }

    /// Returns a stretch of a stream behind its first `skipped` bytes. It ends behind descriptors, before what is urgent, and
    /// where somebody else's bytes begin if it matters.
    fn stretch(&self, id: SocketId, mut skipped: usize, len: usize) -> Incoming {
        let queue = &self[id].queue;
        let len = self[id].up_to_mark(len);
        let first = queue.front().map(|packet| self.writer(id, packet));
        let mut incoming = Incoming { writer: first.flatten(), ..Incoming::default() };
        for packet in queue {
            if self.writer(id, packet) != incoming.writer {
                incoming.is_end = true;
                break;
            }
            if !incoming.bytes.is_empty() && self[id].is_mark(packet) {
                incoming.is_end = true;
                break;
            }
            incoming.source.clone_from(&packet.source);
            let unread = packet.unread();
            let left_out = skipped.min(unread.len());
            let unread = &unread[left_out..];
            skipped -= left_out;
            incoming.bytes.extend_from_slice(&unread[..unread.len().min(len - incoming.bytes.len())]);
            incoming.is_end = !packet.rights.is_empty() || self[id].reaches_mark(incoming.bytes.len());
            if incoming.is_end || incoming.bytes.len() == len {
                break;
            }
        }
        incoming.full_len = incoming.bytes.len();
        incoming
    }

    /// Takes the first `len` bytes of a stream, or the first message, out of a queue.
    ///
    /// # Returns
    /// The descriptions that came along. Their references are the caller's now.
    pub(super) fn consume(&mut self, id: SocketId, mut len: usize) -> Vec<OpenId> {
        let mut rights = Vec::new();
        let is_stream = self[id].kind == Kind::Stream;
        while let Some(front) = self[id].queue.front_mut() {
            let unread = front.unread().len();
            let taken = if is_stream { unread.min(len) } else { unread };
            front.read += taken;
            rights.append(&mut front.rights);
            len -= taken.min(len);
            if taken == unread
                && let Some(packet) = self[id].queue.pop_front()
            {
                match packet.sender {
                    Some(_) => self.uncharge(&packet),
                    None => self[id].queued -= packet.cost,
                }
            }
            if self[id].is_tcp() {
                self[id].queued -= taken;
                self[id].pass(taken);
            }
            if len == 0 || !is_stream {
                break;
            }
        }
        self.wake_takers(id);
        if self[id].is_tcp()
            && let Some(peer) = self[id].peer.filter(|peer| self.get(*peer).is_some())
            && self.tcp_has_room(peer)
        {
            self.wake_writers(peer);
        }
        rights
    }

    /// Returns the descriptions that come along with the first `len` bytes of a stream, or with the first message.
    pub(super) fn rights_ahead(&self, id: SocketId, mut len: usize) -> Vec<OpenId> {
        let mut rights = Vec::new();
        for packet in &self[id].queue {
            rights.extend_from_slice(&packet.rights);
            let unread = packet.unread().len();
            if self[id].kind != Kind::Stream || unread >= len {
                break;
            }
            len -= unread;
        }
        rights
    }

    /// Returns how many bytes can be read (`FIONREAD`): of datagrams, those of the first.
    ///
    /// # Errors
    /// `EINVAL` when it listens.
    pub(super) fn readable_bytes(&self, id: SocketId) -> Result<usize, Errno> {
        let socket = &self[id];
        if socket.listener().is_some() {
            return Err(Errno::EINVAL);
        }
        let unread = socket.queue.iter().map(|packet| packet.unread().len());
        Ok(if socket.kind.is_connected() { socket.counted(unread.sum()) } else { unread.take(1).sum() })
    }

    /// Returns how much was sent and not received (`SIOCOUTQ`).
    ///
    /// # Errors
    /// `EINVAL` when it is a TCP socket that listens.
    pub(super) fn unsent_bytes(&self, id: SocketId) -> Result<usize, Errno> {
        let socket = &self[id];
        match socket.is_tcp() {
            true if socket.listener().is_some() => Err(Errno::EINVAL),
            true => Ok(self.tcp_unsent(id)),
            false => Ok(socket.charged),
        }
    }
}
