//! What a socket is ready for (Linux 6.12 net/unix/af_unix.c unix_poll, unix_dgram_poll; net/ipv4/tcp.c tcp_poll;
//! net/core/datagram.c datagram_poll).

use super::{Domain, Kind, Shut, Socket, SocketId, Sockets, Stage};
use crate::fs::flags::PollEvents;
use crate::fs::wait::Wait;

const READABLE: PollEvents = PollEvents::IN.union(PollEvents::RDNORM);
const WRITABLE: PollEvents = PollEvents::OUT.union(PollEvents::WRNORM);

impl Socket {
    /// Tells whether what it has on the way leaves room for more.
    pub(super) const fn has_room(&self) -> bool {
        4 * self.charged <= self.options.send_buffer as usize
    }
}

impl Sockets {
    /// Returns what a socket is ready for.
    pub(in crate::fs) fn poll(&self, id: SocketId) -> PollEvents {
        let socket = &self[id];
        if let Some(listener) = socket.listener() {
            return if listener.ready.is_empty() { PollEvents::empty() } else { READABLE };
        }
        let mut events = PollEvents::empty();
        events.set(PollEvents::ERR, socket.error.is_some());
        let is_connected = socket.kind.is_connected();
        let is_over = socket.shut.contains(Shut::READ | Shut::WRITE);
        let is_nothing = socket.stage == Stage::Closed && is_connected;
        events.set(PollEvents::HUP, is_over || is_nothing);
        if socket.shut.contains(Shut::READ) {
            events |= READABLE | PollEvents::RDHUP;
        }
        if socket.is_tcp() {
            if socket.stage != Stage::Asking {
                events.set(READABLE, events.contains(READABLE) || self.has_enough(id));
                let is_writable = socket.shut.contains(Shut::WRITE) || self.tcp_has_room(id);
                events.set(WRITABLE, is_writable);
                events.set(PollEvents::PRI, socket.is_urged());
            }
            return events;
        }
        if !socket.queue.is_empty() {
            events |= READABLE;
        }
        events.set(PollEvents::PRI, socket.has_urgent_packet());
        let blocks = |peer| socket.domain == Domain::Unix && !is_connected && self.is_crowded(id, peer);
        if socket.has_room() && !socket.peer.is_some_and(blocks) {
            events |= WRITABLE | PollEvents::WRBAND;
        }
        events
    }

    /// Tells whether as much has arrived as the program wants to be told of (`SO_RCVLOWAT`), apart from what it will not read.
    fn has_enough(&self, id: SocketId) -> bool {
        let socket = &self[id];
        socket.queued >= socket.options.receive_low.max(1) as usize + usize::from(socket.leaves_out())
    }

    /// Returns what changes the answer of [`Sockets::poll`].
    pub(in crate::fs) fn poll_waits(&self, id: SocketId) -> Vec<Wait> {
        let socket = &self[id];
        let mut waits = vec![Wait::SocketReadable(id), Wait::SocketWritable(id)];
        if socket.kind == Kind::Datagram && socket.domain == Domain::Unix {
            // Whether its peer takes something decides whether it may be written.
            waits.extend(socket.peer.map(Wait::SocketTaken));
        }
        waits
    }
}
