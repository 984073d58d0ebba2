//! TCP over the loopback (tcp(7); Linux 6.12 net/ipv4/tcp.c, tcp_input.c, inet_connection_sock.c).
//!
//! A connection is made when connect(2) finds a listener with room; where there is none, the socket asks until accept(2)
//! makes some. Segments, acknowledgements and TIME-WAIT have no counterpart: nothing can be lost on the way.

use super::address::{UNSPECIFIED, family};
use super::packet::Packet;
use super::ports::Transport;
use super::{Address, Listener, MessageFlags, Outgoing, Shut, SocketId, Sockets, Stage, Told};
use crate::Errno;
use crate::fs::wait::{Stop, Wait};
use std::net::SocketAddr;

/// How much of a stream is kept in one piece.
const PIECE: usize = 65_536;

impl Sockets {
    /// Lets a TCP socket take connections (Linux 6.12 net/ipv4/af_inet.c inet_listen).
    ///
    /// # Errors
    /// `EINVAL` when it is connected, `EADDRINUSE` when another one listens there.
    pub(super) fn listen_tcp(&mut self, id: SocketId, backlog: u32) -> Result<(), Errno> {
        if self[id].told != Told::Nothing {
            return Err(Errno::EINVAL);
        }
        if let Some(listener) = self[id].listener_mut() {
            listener.backlog = backlog;
            self.answer(id);
            return Ok(());
        }
        if self[id].stage != Stage::Closed {
            return Err(Errno::EINVAL);
        }
        let was_bound = self[id].name.is_some();
        self.take_any_port(id).map_err(|_| Errno::EADDRINUSE)?;
        if was_bound && self.conflicts(id, self.local(id)) {
            return Err(Errno::EADDRINUSE);
        }
        self[id].shut = Shut::empty();
        self[id].stage = Stage::Listening(Listener { backlog, ..Listener::default() });
        Ok(())
    }

    /// Connects a TCP socket (Linux 6.12 net/ipv4/af_inet.c __inet_stream_connect).
    ///
    /// # Errors
    /// `EINPROGRESS`, `EALREADY`, `EISCONN`, `ECONNREFUSED`, `ENETUNREACH`, `EADDRNOTAVAIL`; a wait for the listener.
    pub(super) fn connect_tcp(&mut self, id: SocketId, bytes: &[u8], nonblocking: bool) -> Result<(), Stop> {
        if family(bytes)? == UNSPECIFIED {
            if self[id].stage == Stage::Established {
                self[id].error = Some(Errno::ECONNRESET);
            }
            self.abort_tcp(id);
            self.disconnect_inet(id);
            return Ok(());
        }
        match self[id].told {
            Told::Connected => return Err(Errno::EISCONN.into()),
            Told::InProgress => {}
            Told::Nothing if self[id].stage != Stage::Closed => return Err(Errno::EISCONN.into()),
            Told::Nothing => {
                self.ask(id, bytes)?;
                self[id].told = Told::InProgress;
                if nonblocking {
                    return Err(Errno::EINPROGRESS.into());
                }
            }
        }
        match self[id].stage {
            Stage::Asking if nonblocking => Err(Errno::EALREADY.into()),
            Stage::Asking => Err(Wait::SocketWritable(id).into()),
            Stage::Established => {
                self[id].told = Told::Connected;
                Ok(())
            }
            _ => {
                let error = self[id].take_error().unwrap_or(Errno::ECONNABORTED);
                self.disconnect_inet(id);
                Err(error.into())
            }
        }
    }

    /// Gives up asking for a connection, and returns what connect(2) fails with: the time that the program allows is over, or
    /// that which TCP takes.
    pub(super) fn give_up_asking(&mut self, id: SocketId) -> Errno {
        if !self[id].is_tcp() {
            return Errno::EAGAIN;
        }
        if self[id].options.send_timeout_ns.is_some() {
            return Errno::EINPROGRESS;
        }
        self.abort_tcp(id);
        self.disconnect_inet(id);
        Errno::ETIMEDOUT
    }

    /// Begins a connection: it stands, or failed, or waits for room when this returns.
    fn ask(&mut self, id: SocketId, bytes: &[u8]) -> Result<(), Errno> {
        let (to, from) = self.route(id, self.parse_inet(id, bytes)?)?;
        self.take_any_port(id).map_err(|_| Errno::EADDRNOTAVAIL)?;
        let from = SocketAddr::new(from, self.local(id).port());
        let socket = &mut self[id];
        socket.shut = Shut::empty();
        socket.error = None;
        socket.name = Some(Address::Inet(from));
        socket.remote = Some(Address::Inet(to));
        match self.listener_at(to, from.port()) {
            None => self.fail(id, Errno::ECONNREFUSED),
            Some(listener) => {
                self[id].stage = Stage::Asking;
                if let Some(listener) = self[listener].listener_mut() {
                    listener.asking.push_back(id);
                }
                self.answer(listener);
            }
        }
        Ok(())
    }

    /// Returns the socket that listens at an address, for who comes from a port.
    fn listener_at(&self, to: SocketAddr, from: u16) -> Option<SocketId> {
        let holders = self.ports.holders(Transport::Tcp, to.port()).iter().copied();
        let listeners = holders.filter(|holder| self[*holder].listener().is_some());
        let fits: Vec<_> = listeners.filter_map(|id| Some((self.fit(id, to.ip())?, id))).collect();
        let best = fits.iter().map(|(fit, _)| *fit).max()?;
        self.choose(fits.into_iter().filter(|(fit, _)| *fit == best).map(|(_, id)| id).collect(), from)
    }

    /// Makes connections of those who ask a listener while there is room.
    pub(super) fn answer(&mut self, listener: SocketId) {
        while let Some(it) = self[listener].listener_mut()
            && !it.is_full()
            && let Some(client) = it.asking.pop_front()
        {
            let connection = self.create(self[listener].spec());
            let options = self[listener].options.clone();
            let (name, remote) = (self[client].remote.clone(), self[client].name.clone());
            let other = &mut self[connection];
            other.options.inherit(&options);
            other.options.connect();
            other.stage = Stage::Established;
            other.told = Told::Connected;
            other.peer = Some(client);
            (other.name, other.remote) = (name, remote);
            let port = self.local(connection).port();
            self.ports.take(connection, Transport::Tcp, port);
            self[client].options.connect();
            self[client].stage = Stage::Established;
            self[client].peer = Some(connection);
            if let Some(it) = self[listener].listener_mut() {
                it.ready.push_back(connection);
            }
            self.wake_all(client);
            self.wake_readers(listener);
        }
    }

    /// Sends a part of a stream: as much as there is room for.
    ///
    /// # Errors
    /// `EPIPE`, what the connection failed with, `EAGAIN`; a wait for room or for the connection.
    pub(super) fn send_tcp(
        &mut self,
        id: SocketId,
        message: &Outgoing<'_>,
        nonblocking: bool,
    ) -> Result<usize, Stop> {
        let wait =
            || if nonblocking { Stop::from(Errno::EAGAIN) } else { Stop::from(Wait::SocketWritable(id)) };
        let socket = &mut self[id];
        socket.check_error()?;
        match socket.stage {
            Stage::Asking => return Err(wait()),
            Stage::Established if !socket.shut.contains(Shut::WRITE) => {}
            _ => return Err(Errno::EPIPE.into()),
        }
        let Some(to) = socket.peer.filter(|peer| self.get(*peer).is_some()) else {
            // Nobody is there: the bytes are on their way when the answer comes that resets the connection.
            self.reset(id);
            return Ok(message.bytes.len());
        };
        let room = self.tcp_room(id);
        if room == 0 && !message.bytes.is_empty() {
            return Err(wait());
        }
        let bytes = &message.bytes[..message.bytes.len().min(room)];
        let peer = &mut self[to];
        peer.queued += bytes.len();
        for piece in bytes.chunks(PIECE) {
            match peer.queue.back_mut() {
                Some(last) if last.bytes.len() + piece.len() <= PIECE => last.bytes.extend_from_slice(piece),
                _ => peer.queue.push_back(Packet { bytes: piece.to_vec(), ..Packet::default() }),
            }
        }
        if let Some(last) = bytes.last() {
            let is_whole = bytes.len() == message.bytes.len() && message.more == 0;
            if message.flags.contains(MessageFlags::OOB) && is_whole {
                let unread = self[to].queued;
                self.urge(to, unread, *last);
            }
            self.wake_readers(to);
        }
        Ok(bytes.len())
    }

    /// Returns how many bytes a connection takes now: the sender's buffer and the receiver's, less what is in them.
    fn tcp_room(&self, id: SocketId) -> usize {
        let Some(peer) = self[id].peer.and_then(|peer| self.get(peer)) else { return usize::MAX };
        let capacity = self[id].options.send_buffer as usize + peer.options.receive_buffer as usize;
        capacity.saturating_sub(peer.queued)
    }

    /// Returns how many sent bytes the receiver's buffer has no room for (`SIOCOUTQ`).
    pub(super) fn tcp_unsent(&self, id: SocketId) -> usize {
        let Some(peer) = self[id].peer.and_then(|peer| self.get(peer)) else { return 0 };
        peer.queued.saturating_sub(peer.options.receive_buffer as usize)
    }

    /// Tells whether poll(2) calls a connection writable: a third of the sender's buffer is free.
    pub(super) fn tcp_has_room(&self, id: SocketId) -> bool {
        let unsent = self.tcp_unsent(id);
        (self[id].options.send_buffer as usize).saturating_sub(unsent) >= unsent / 2
    }

    /// Ends one's own direction of a connection: the peer reads what is there and then the end.
    fn finish(&mut self, id: SocketId) {
        let Some(peer) = self[id].peer else { return };
        let Some(other) = self.get_mut(peer) else { return };
        other.shut |= Shut::READ | Shut::ENDED;
        if other.shut.contains(Shut::WRITE) {
            other.stage = Stage::Closed;
        }
        self.wake_all(peer);
    }

    /// Takes the news that the peer knows nothing of the connection (Linux 6.12 net/ipv4/tcp_input.c tcp_reset).
    pub(super) fn reset(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let error = match socket.stage {
            Stage::Asking => Errno::ECONNREFUSED,
            _ if socket.shut.contains(Shut::ENDED) => Errno::EPIPE,
            _ => Errno::ECONNRESET,
        };
        self.fail(id, error);
    }

    /// Ends a connection by an error.
    fn fail(&mut self, id: SocketId, error: Errno) {
        let socket = &mut self[id];
        socket.error = Some(error);
        socket.stage = Stage::Closed;
        socket.peer = None;
        socket.shut |= Shut::READ | Shut::WRITE;
        self.wake_all(id);
    }

    /// Shuts directions of a TCP socket down (Linux 6.12 net/ipv4/af_inet.c inet_shutdown).
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub(super) fn shut_tcp(&mut self, id: SocketId, how: Shut) -> Result<(), Errno> {
        match self[id].stage {
            Stage::Closed => {
                self[id].shut |= how;
                self.wake_all(id);
                return Err(Errno::ENOTCONN);
            }
            Stage::Listening(_) if !how.contains(Shut::READ) => {}
            Stage::Listening(_) | Stage::Asking => {
                self.abort_tcp(id);
                self[id].stage = Stage::Closed;
                self[id].told = Told::Nothing;
            }
            Stage::Established => {
                let before = self[id].shut;
                self[id].shut |= how;
                if how.contains(Shut::WRITE) && !before.contains(Shut::WRITE) {
                    self.finish(id);
                    if before.contains(Shut::ENDED) {
                        self[id].stage = Stage::Closed;
                    }
                }
            }
        }
        self.wake_all(id);
        Ok(())
    }

    /// Closes a TCP socket: with the end of its data, or by a reset where data was left unread or lingering is off.
    pub(super) fn close_tcp(&mut self, id: SocketId) {
        let socket = &self[id];
        let abandons = !socket.queue.is_empty() || socket.options.linger == Some(0);
        match socket.stage {
            Stage::Established if !abandons => {
                if !socket.shut.contains(Shut::WRITE) {
                    self.finish(id);
                }
            }
            _ => self.abort_tcp(id),
        }
    }

    /// Tells who is connected to a socket, or asks it, that there is nothing.
    fn abort_tcp(&mut self, id: SocketId) {
        match std::mem::replace(&mut self[id].stage, Stage::Closed) {
            Stage::Closed => {}
            Stage::Established => {
                if let Some(peer) = self[id].peer {
                    self.reset(peer);
                }
            }
            Stage::Asking => {
                let remote = self.remote(id).expect("who asks knows whom");
                let holders = self.ports.holders(Transport::Tcp, remote.port()).to_vec();
                for holder in holders {
                    if let Some(listener) = self[holder].listener_mut() {
                        listener.asking.retain(|asking| *asking != id);
                    }
                }
            }
            Stage::Listening(listener) => {
                for client in listener.asking {
                    self.reset(client);
                }
                for connection in listener.ready {
                    self[connection].options.linger = Some(0);
                    self.close_unaccepted(connection);
                }
            }
        }
    }
}
