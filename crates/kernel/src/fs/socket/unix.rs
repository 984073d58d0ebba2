//! AF_UNIX (unix(7); Linux 6.12 net/unix/af_unix.c).

use super::packet::{MAX_HEAD, Packet, true_size};
use super::{
    Address, Domain, Kind, Listener, MessageFlags, Outgoing, Shut, SocketId, Sockets, Stage, Told, Ucred,
};
use crate::Errno;
use crate::fs::InodeId;
use crate::fs::wait::{Stop, Wait};

/// The most bytes of a packet that Linux puts in pages of their own (`UNIX_SKB_FRAGS_SZ`).
const MAX_PAGED: usize = 32_768;
/// The most bytes that a datagram's head holds (`SKB_MAX_ALLOC`).
const MAX_DATAGRAM_HEAD: usize = 16_384 - 320;
/// How many messages wait at a datagram socket before senders that it did not connect to sleep (`net.unix.max_dgram_qlen`),
/// less the one that may be there beyond.
const MAX_DATAGRAMS: usize = 10;
/// How many names there are for sockets that do not choose one.
const AUTOMATIC_NAMES: u32 = 0x10_0000;

impl Sockets {
    /// Connects two new sockets to each other (socketpair(2)).
    pub(super) fn pair(&mut self, one: SocketId, other: SocketId, caller: Ucred) {
        for (id, peer) in [(one, other), (other, one)] {
            let socket = &mut self[id];
            socket.peer = Some(peer);
            socket.stage = Stage::Established;
            socket.told = Told::Connected;
            socket.peer_credentials = caller;
        }
    }

    /// Gives a socket an abstract name.
    ///
    /// # Errors
    /// `EINVAL` when it has a name, `EADDRINUSE` when another socket of its kind has this one.
    pub(super) fn bind_abstract(&mut self, id: SocketId, name: Vec<u8>) -> Result<(), Errno> {
        if self[id].name.is_some() {
            return Err(Errno::EINVAL);
        }
        let key = (self[id].kind, name.clone());
        if self.abstract_names.contains_key(&key) {
            return Err(Errno::EADDRINUSE);
        }
        self.abstract_names.insert(key, id);
        self[id].name = Some(Address::Abstract(name));
        Ok(())
    }

    /// Gives a socket without a name one that nobody has: five hexadecimal digits (unix(7), "Autobind feature").
    ///
    /// # Errors
    /// `ENOSPC` when all are taken.
    pub(super) fn bind_automatically(&mut self, id: SocketId) -> Result<(), Errno> {
        if self[id].name.is_some() {
            return Ok(());
        }
        for _ in 0..AUTOMATIC_NAMES {
            let name = format!("{:05x}", self.next_automatic).into_bytes();
            self.next_automatic = (self.next_automatic + 1) % AUTOMATIC_NAMES;
            if self.bind_abstract(id, name) == Ok(()) {
                return Ok(());
            }
        }
        Err(Errno::ENOSPC)
    }

    /// Gives a socket the name that was made at a path for it.
    pub(super) fn bind_path(&mut self, id: SocketId, path: Vec<u8>, inode: InodeId) {
        self.bound_inodes.insert(inode, id);
        self[id].name = Some(Address::Path(path));
        self[id].bound_inode = Some(inode);
    }

    /// Finds the socket that is bound to the inode at a path.
    ///
    /// # Errors
    /// `ECONNREFUSED` when none is, `EPROTOTYPE` when it is of another kind.
    pub(super) fn at_inode(&self, inode: InodeId, kind: Kind) -> Result<SocketId, Errno> {
        let id = *self.bound_inodes.get(&inode).ok_or(Errno::ECONNREFUSED)?;
        if self[id].kind == kind { Ok(id) } else { Err(Errno::EPROTOTYPE) }
    }

    /// Finds the socket that has an abstract name.
    ///
    /// # Errors
    /// `ECONNREFUSED` when none has.
    pub(super) fn at_name(&self, name: &[u8], kind: Kind) -> Result<SocketId, Errno> {
        self.abstract_names.get(&(kind, name.to_vec())).copied().ok_or(Errno::ECONNREFUSED)
    }

    /// Lets a bound socket take connections.
    pub(super) fn listen_unix(&mut self, id: SocketId, backlog: u32, caller: Ucred) -> Result<(), Errno> {
        let socket = &mut self[id];
        if !socket.kind.is_connected() {
            return Err(Errno::EOPNOTSUPP);
        }
        if socket.name.is_none() {
            return Err(Errno::EINVAL);
        }
        match &mut socket.stage {
            Stage::Closed => socket.stage = Stage::Listening(Listener { backlog, ..Listener::default() }),
            Stage::Listening(listener) => listener.backlog = backlog,
            _ => return Err(Errno::EINVAL),
        }
        socket.peer_credentials = caller;
        // There may be more room now.
        self.wake_takers(id);
        Ok(())
    }

    /// Connects a stream to a listening socket.
    ///
    /// # Errors
    /// `ECONNREFUSED` when `to` does not listen, `EAGAIN` when it has no room, `EISCONN`, `EINVAL`; a wait for room.
    pub(super) fn connect_unix(
        &mut self,
        id: SocketId,
        to: SocketId,
        caller: Ucred,
        nonblocking: bool,
    ) -> Result<(), Stop> {
        let target = &self[to];
        let listener =
            target.listener().filter(|_| !target.shut.contains(Shut::READ)).ok_or(Errno::ECONNREFUSED)?;
        if listener.is_full() {
            return Err(if nonblocking { Errno::EAGAIN.into() } else { Wait::SocketTaken(to).into() });
        }
        match self[id].stage {
            Stage::Closed => {}
            Stage::Established => return Err(Errno::EISCONN.into()),
            _ => return Err(Errno::EINVAL.into()),
        }
        let connection = self.create(self[to].spec());
        let (name, of_listener, options) =
            (self[to].name.clone(), self[to].peer_credentials, self[to].options.clone());
        let other = &mut self[connection];
        other.name.clone_from(&name);
        other.options.inherit(&options);
        other.stage = Stage::Established;
        other.told = Told::Connected;
        other.peer = Some(id);
        other.peer_credentials = caller;
        let socket = &mut self[id];
        socket.stage = Stage::Established;
        socket.told = Told::Connected;
        socket.peer = Some(connection);
        socket.remote = name;
        socket.peer_credentials = of_listener;
        if let Some(listener) = self[to].listener_mut() {
            listener.ready.push_back(connection);
        }
        self.wake_readers(to);
        self.wake_all(id);
        Ok(())
    }

    /// Sets or clears whom a datagram socket sends to, and hears alone.
    ///
    /// # Errors
    /// `EPERM` when `to` hears another one alone.
    pub(super) fn associate_unix(&mut self, id: SocketId, to: Option<SocketId>) -> Result<(), Errno> {
        if let Some(to) = to {
            self.check_may_send(id, to)?;
            self[to].stage = Stage::Established;
        }
        let before = std::mem::replace(&mut self[id].peer, to);
        self[id].stage = if to.is_some() { Stage::Established } else { Stage::Closed };
        if let Some(before) = before.filter(|before| Some(*before) != to) {
            self.forget_datagrams(id, before);
            if let Some(other) = self.get_mut(before)
                && other.peer.is_none()
            {
                other.stage = Stage::Closed;
            }
        }
        self.wake_writers(id);
        Ok(())
    }

    /// Drops what the former peer of a datagram socket sent, and tells it when it was connected to this one.
    fn forget_datagrams(&mut self, id: SocketId, before: SocketId) {
        let packets = std::mem::take(&mut self[id].queue);
        if packets.is_empty() {
            return;
        }
        packets.into_iter().for_each(|packet| self.discard(packet));
        self.wake_takers(id);
        if let Some(other) = self.get_mut(before)
            && other.peer == Some(id)
        {
            other.error = Some(Errno::ECONNRESET);
            self.wake_all(before);
        }
    }

    /// Checks that `to` hears `id`: it does not when it is connected to somebody else.
    fn check_may_send(&self, id: SocketId, to: SocketId) -> Result<(), Errno> {
        if self[to].peer.is_none_or(|peer| peer == id) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Tells whether a datagram that `id` sends to `to` would have to wait.
    pub(super) fn is_crowded(&self, id: SocketId, to: SocketId) -> bool {
        to != id
            && self
                .get(to)
                .is_some_and(|socket| socket.peer != Some(id) && socket.queue.len() > MAX_DATAGRAMS)
    }

    /// Sends a part of a stream: as much as there is room for.
    ///
    /// # Errors
    /// `ENOTCONN`, `EPIPE`, `EOPNOTSUPP` or `EISCONN` with an address, `EAGAIN`; a wait for room.
    pub(super) fn send_unix_stream(
        &mut self,
        id: SocketId,
        message: &Outgoing<'_>,
        caller: Ucred,
        nonblocking: bool,
    ) -> Result<usize, Stop> {
        let socket = &self[id];
        if message.to.is_some() {
            let is_connected = socket.stage == Stage::Established;
            return Err(if is_connected { Errno::EISCONN } else { Errno::EOPNOTSUPP }.into());
        }
        let to = socket.peer.ok_or(Errno::ENOTCONN)?;
        if socket.shut.contains(Shut::WRITE) {
            return Err(Errno::EPIPE.into());
        }
        let is_urgent = message.flags.contains(MessageFlags::OOB) && message.more == 0;
        let plain = message.bytes.len() - usize::from(is_urgent);
        let whole = message.bytes.len() + usize::try_from(message.more).unwrap_or(usize::MAX - MAX_PAGED);
        let most = (self[id].options.send_buffer as usize / 2 - 64).min(MAX_HEAD + MAX_PAGED);
        let mut sent = 0;
        while sent < message.bytes.len() {
            if self[id].charged >= self[id].options.send_buffer as usize {
                if sent > 0 {
                    break;
                }
                self[id].check_error()?;
                return Err(if nonblocking { Errno::EAGAIN.into() } else { Wait::SocketWritable(id).into() });
            }
            if self.get(to).is_none_or(|peer| peer.shut.contains(Shut::READ)) {
                return if sent > 0 { Ok(sent) } else { Err(Errno::EPIPE.into()) };
            }
            let size = (whole - sent).min(most);
            if size > message.bytes.len() - sent && sent > 0 {
                // The caller comes back with the rest of this packet.
                break;
            }
            let is_last = is_urgent && sent == plain;
            let size = size.min(if is_last { 1 } else { plain - sent });
            let paged = size.saturating_sub(MAX_HEAD).next_multiple_of(4096).min(size);
            let bytes = message.bytes[sent..sent + size].to_vec();
            let rights = if sent == 0 { message.rights.to_vec() } else { Vec::new() };
            self.deliver_unix(id, to, bytes, rights, true_size(size - paged, paged), message, caller);
            sent += size;
            if is_last {
                self.urge_unix(to);
            }
        }
        Ok(sent)
    }

    /// Sends a datagram to `to`, or to the peer where that is `None`.
    ///
    /// # Errors
    /// `ENOTCONN`, `EMSGSIZE`, `EPERM`, `ECONNREFUSED`, `EPIPE`, `EAGAIN`; a wait for room.
    pub(super) fn send_unix_datagram(
        &mut self,
        id: SocketId,
        to: Option<SocketId>,
        message: &Outgoing<'_>,
        caller: Ucred,
        nonblocking: bool,
    ) -> Result<usize, Stop> {
        let len = message.bytes.len();
        let to = to.or(self[id].peer).ok_or(Errno::ENOTCONN)?;
        if self[id].options.pass_credentials() {
            self.bind_automatically(id)?;
        }
        if len > (self[id].options.send_buffer as usize).saturating_sub(32) {
            return Err(Errno::EMSGSIZE.into());
        }
        self[id].check_error()?;
        if self[id].shut.contains(Shut::WRITE) {
            return Err(Errno::EPIPE.into());
        }
        if self[id].charged >= self[id].options.send_buffer as usize {
            return Err(if nonblocking { Errno::EAGAIN.into() } else { Wait::SocketWritable(id).into() });
        }
        let Some(receiver) = self.get(to) else { return Err(self.lose_peer(id).into()) };
        if receiver.shut.contains(Shut::READ) {
            self.check_may_send(id, to)?;
            return Err(Errno::EPIPE.into());
        }
        self.check_may_send(id, to)?;
        if self.is_crowded(id, to) {
            return Err(if nonblocking { Errno::EAGAIN.into() } else { Wait::SocketTaken(to).into() });
        }
        let paged = len.saturating_sub(MAX_DATAGRAM_HEAD).next_multiple_of(4096).min(len);
        let cost = true_size(len - paged, paged);
        self.deliver_unix(id, to, message.bytes.to_vec(), message.rights.to_vec(), cost, message, caller);
        Ok(len)
    }

    /// Ends the association of a socket whose peer is gone, and returns what sending to it fails with.
    fn lose_peer(&mut self, id: SocketId) -> Errno {
        let socket = &mut self[id];
        if socket.kind == Kind::SeqPacket {
            return Errno::EPIPE;
        }
        socket.stage = Stage::Closed;
        if let Some(gone) = socket.peer.take() {
            self.forget_datagrams(id, gone);
        }
        Errno::ECONNREFUSED
    }

    #[expect(clippy::too_many_arguments, reason = "each of them goes into the packet")]
    fn deliver_unix(
        &mut self,
        id: SocketId,
        to: SocketId,
        bytes: Vec<u8>,
        rights: Vec<super::OpenId>,
        cost: usize,
        message: &Outgoing<'_>,
        caller: Ucred,
    ) {
        let asked = self[id].options.pass_credentials() || self[to].options.pass_credentials();
        let writer = message.claims.or(asked.then_some(caller));
        let source = self[id].name.clone();
        self[id].charged += cost;
        self[to].queue.push_back(Packet {
            bytes,
            read: 0,
            source,
            writer,
            rights,
            cost,
            is_urgent: false,
            sender: Some(id),
        });
        self.wake_readers(to);
    }

    /// Shuts directions of a socket down, and the other ends of them at its peer.
    pub(super) fn shut_unix(&mut self, id: SocketId, how: Shut) {
        self[id].shut |= how;
        self.wake_all(id);
        let peer = self[id].peer.filter(|_| self[id].kind.is_connected());
        let Some(peer) = peer.filter(|peer| self.get(*peer).is_some()) else { return };
        let mut there = Shut::empty();
        there.set(Shut::WRITE, how.contains(Shut::READ));
        there.set(Shut::READ, how.contains(Shut::WRITE));
        self[peer].shut |= there;
        self.wake_all(peer);
    }

    /// Tells the peer of a socket that is being closed.
    pub(super) fn close_unix(&mut self, id: SocketId) {
        let socket = &self[id];
        let is_lossy =
            socket.queue.iter().any(|packet| socket.kind != Kind::Stream || !packet.unread().is_empty());
        let Some(peer) = socket.peer.filter(|_| socket.kind.is_connected()) else { return };
        let Some(other) = self.get_mut(peer) else { return };
        other.shut = Shut::READ | Shut::WRITE;
        if is_lossy {
            other.error = Some(Errno::ECONNRESET);
        }
        self.wake_all(peer);
    }

    /// Closes a connection that nobody accepted: its peer is told that it was cut off.
    pub(super) fn close_unaccepted(&mut self, id: SocketId) {
        let Some(socket) = self.get(id) else { return };
        let peer = socket.peer;
        if socket.domain == Domain::Unix
            && let Some(other) = peer.and_then(|peer| self.get_mut(peer))
        {
            other.error = Some(Errno::ECONNRESET);
        }
        // A connection has no path of its own.
        let inode = self.close(id);
        debug_assert_eq!(inode, None);
    }
}
