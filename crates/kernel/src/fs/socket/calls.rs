//! The calls on sockets, by the description that a descriptor names: what each kind of socket does is in the other files.

use super::message::{Incoming, MessageFlags, Outgoing, Ucred};
use super::{Address, Domain, Kind, Shut, SocketId, Stage};
use crate::creds::Capabilities;
use crate::fs::flags::OpenFlags;
use crate::fs::inode::InodeKind;
use crate::fs::path::FinalLink;
use crate::fs::wait::{Stop, Wait};
use crate::fs::{AccessMode, At, Env, Fs, InodeId, LookupFlags, Node, OpenId, WorkDirId};
use crate::{Errno, Pid};

/// What socket(2) makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The family.
    pub domain: Domain,
    /// What it carries.
    pub kind: Kind,
    /// `SO_PROTOCOL`.
    pub protocol: u32,
}

impl Spec {
    /// Checks what socket(2) was asked for (Linux 6.12 net/socket.c __sock_create and each family's own).
    ///
    /// # Errors
    /// `EAFNOSUPPORT`, `EINVAL`, `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`; `EPERM` for raw sockets and `EACCES` for ICMP, as
    /// Linux answers who may not have them.
    pub fn new(domain: i32, kind: i32, protocol: i32) -> Result<Self, Errno> {
        const FAMILIES: i32 = 46;
        const KINDS: i32 = 11;
        const PROTOCOLS: i32 = 263;
        const RAW: i32 = 3;
        const ICMP: i32 = 1;
        const TCP: i32 = 6;
        const UDP: i32 = 17;
        const ICMPV6: i32 = 58;
        if !(0..FAMILIES).contains(&domain) {
            return Err(Errno::EAFNOSUPPORT);
        }
        if !(0..KINDS).contains(&kind) {
            return Err(Errno::EINVAL);
        }
        let (domain, kind, protocol) = match (domain, kind, protocol) {
            (1, _, protocol) if !matches!(protocol, 0 | 1) => return Err(Errno::EPROTONOSUPPORT),
            (1, 1, _) => (Domain::Unix, Kind::Stream, 0),
            (1, 2 | RAW, _) => (Domain::Unix, Kind::Datagram, 0),
            (1, 5, _) => (Domain::Unix, Kind::SeqPacket, 0),
            (2 | 10, _, protocol) if !(0..PROTOCOLS).contains(&protocol) => return Err(Errno::EINVAL),
            (2, 1, 0 | TCP) => (Domain::Inet, Kind::Stream, TCP),
            (2, 2, 0 | UDP) => (Domain::Inet, Kind::Datagram, UDP),
            (10, 1, 0 | TCP) => (Domain::Inet6, Kind::Stream, TCP),
            (10, 2, 0 | UDP) => (Domain::Inet6, Kind::Datagram, UDP),
            (2, 2, ICMP) | (10, 2, ICMPV6) => return Err(Errno::EACCES),
            (2 | 10, RAW, 1..) => return Err(Errno::EPERM),
            (2 | 10, 1..=RAW, _) => return Err(Errno::EPROTONOSUPPORT),
            (16, 2, 0) => (Domain::Netlink, Kind::Datagram, 0),
            (16, RAW, 0) => (Domain::Netlink, Kind::Raw, 0),
            (16, 2 | RAW, _) => return Err(Errno::EPROTONOSUPPORT),
            (1 | 2 | 10 | 16, _, _) => return Err(Errno::ESOCKTNOSUPPORT),
            _ => return Err(Errno::EAFNOSUPPORT),
        };
        Ok(Self { domain, kind, protocol: protocol as u32 })
    }
}

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The process.
    pub pid: Pid,
    /// Where its relative paths start, and its umask.
    pub work_dir: WorkDirId,
}

impl Caller {
    /// Returns as whom the process acts: what `SO_PEERCRED` of its peer says.
    fn acting(&self, env: &Env<'_>) -> Ucred {
        let who = env.credentials();
        Ucred { pid: self.pid, uid: who.user.effective, gid: who.group.effective }
    }

    /// Returns who the process is: what its messages say (`SCM_CREDENTIALS`).
    fn real(&self, env: &Env<'_>) -> Ucred {
        let who = env.credentials();
        Ucred { pid: self.pid, uid: who.user.real, gid: who.group.real }
    }
}

impl Fs {
    /// Returns the socket that a description has open for use.
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn socket_of(&self, open: OpenId) -> Result<SocketId, Errno> {
        let Node::Inode(inode) = self.opens[open].node else { return Err(Errno::ENOTSOCK) };
        match self.inodes[inode].kind {
            InodeKind::Socket(_) if self.opens[open].flags.contains(OpenFlags::PATH) => Err(Errno::EBADF),
            InodeKind::Socket(id) => Ok(id),
            _ => Err(Errno::ENOTSOCK),
        }
    }

    /// Makes a socket (socket(2)). Of `flags`, `O_NONBLOCK` counts.
    pub fn socket(&mut self, env: &Env<'_>, spec: Spec, flags: OpenFlags) -> OpenId {
        let id = self.sockets.create(spec);
        self.open_socket(env, id, flags)
    }

    /// Makes two sockets that are connected to each other (socketpair(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP` where only AF_UNIX can.
    pub fn socket_pair(
        &mut self,
        env: &Env<'_>,
        spec: Spec,
        flags: OpenFlags,
        caller: &Caller,
    ) -> Result<[OpenId; 2], Errno> {
        if spec.domain != Domain::Unix {
            return Err(Errno::EOPNOTSUPP);
        }
        let ids = [self.sockets.create(spec), self.sockets.create(spec)];
        self.sockets.pair(ids[0], ids[1], caller.acting(env));
        Ok(ids.map(|id| self.open_socket(env, id, flags)))
    }

    fn open_socket(&mut self, env: &Env<'_>, id: SocketId, flags: OpenFlags) -> OpenId {
        let inode = self.new_inode(InodeKind::Socket(id), 0o777, env.creation());
        self.describe(Node::Inode(inode), OpenFlags::RDWR | (flags & OpenFlags::NONBLOCK))
    }

    /// Frees a socket whose last description is closed.
    pub(in crate::fs) fn close_socket(&mut self, env: &mut Env<'_>, id: SocketId) {
        if let Some(inode) = self.sockets.close(id) {
            self.release(env, Node::Inode(inode));
        }
    }

    fn never_sleeps(&self, open: OpenId, flags: MessageFlags) -> bool {
        flags.contains(MessageFlags::DONTWAIT) || self.opens[open].flags.contains(OpenFlags::NONBLOCK)
    }

    /// Gives a socket an address (bind(2)).
    ///
    /// # Errors
    /// `EINVAL`, `EADDRINUSE`, `EADDRNOTAVAIL`, `EAFNOSUPPORT`, `EACCES`, and what making a path gives.
    pub fn bind(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        address: &[u8],
        caller: &Caller,
    ) -> Result<(), Errno> {
        let id = self.socket_of(open)?;
        match self.sockets[id].domain {
            Domain::Unix if address == (Domain::Unix as u16).to_le_bytes() => {
                self.sockets.bind_automatically(id)
            }
            Domain::Unix => match Address::unix(address)? {
                Address::Path(path) => self.bind_path(env, id, path, caller),
                Address::Abstract(name) => self.sockets.bind_abstract(id, name),
                _ => Err(Errno::EINVAL),
            },
            Domain::Inet | Domain::Inet6 => {
                self.sockets.bind_inet(id, address, env.credentials().can(Capabilities::NET_BIND_SERVICE))
            }
            Domain::Netlink => {
                let number = Address::netlink(address)?;
                self.sockets.bind_netlink(id, number, caller.pid)
            }
        }
    }

    /// Makes a socket's name at a path.
    fn bind_path(
        &mut self,
        env: &mut Env<'_>,
        id: SocketId,
        path: Vec<u8>,
        caller: &Caller,
    ) -> Result<(), Errno> {
        let at = At { base: self.cwd(caller.work_dir), path: &path };
        let found = self.walk(env, at, FinalLink::Keep)?;
        let in_use = |errno| if errno == Errno::EEXIST { Errno::EADDRINUSE } else { errno };
        let vacant = self.vacant_without_slash(env, found).map_err(in_use)?;
        if self.sockets[id].name.is_some() {
            return Err(Errno::EINVAL);
        }
        let permissions = self.mask(caller.work_dir, 0o777);
        let inode = self.make_for(env, &vacant, InodeKind::SocketName, permissions)?;
        // The socket knows its name for as long as it lives, whatever becomes of the path.
        self.hold(Node::Inode(inode));
        self.sockets.bind_path(id, path, inode);
        Ok(())
    }

    /// Finds the AF_UNIX socket that an address names.
    ///
    /// # Errors
    /// `ECONNREFUSED`, `EPROTOTYPE`, and what a look-up gives.
    fn find_unix(
        &mut self,
        env: &mut Env<'_>,
        address: &[u8],
        kind: Kind,
        caller: &Caller,
    ) -> Result<SocketId, Errno> {
        match Address::unix(address)? {
            Address::Path(path) => {
                let at = At { base: self.cwd(caller.work_dir), path: &path };
                let node = self.lookup(env, at, LookupFlags::empty())?;
                self.permission(env.processes, node, AccessMode::WRITE)?;
                let inode = self.socket_name(node)?;
                self.sockets.at_inode(inode, kind)
            }
            Address::Abstract(name) => self.sockets.at_name(&name, kind),
            _ => Err(Errno::EINVAL),
        }
    }

    fn socket_name(&self, node: Node) -> Result<InodeId, Errno> {
        match node {
            Node::Inode(inode) if matches!(self.inodes[inode].kind, InodeKind::SocketName) => Ok(inode),
            _ => Err(Errno::ECONNREFUSED),
        }
    }

    /// Lets a socket take connections (listen(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP`, `EINVAL`, `EADDRINUSE`.
    pub fn listen_socket(
        &mut self,
        env: &Env<'_>,
        open: OpenId,
        backlog: u32,
        caller: &Caller,
    ) -> Result<(), Errno> {
        let id = self.socket_of(open)?;
        match self.sockets[id].domain {
            Domain::Unix => self.sockets.listen_unix(id, backlog, caller.acting(env)),
            _ if self.sockets[id].is_tcp() => self.sockets.listen_tcp(id, backlog),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// Connects a socket (connect(2)). Called again after a wait, it goes on.
    ///
    /// # Errors
    /// What connect(2) gives; a wait.
    pub fn connect(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        address: &[u8],
        caller: &Caller,
    ) -> Result<(), Stop> {
        let id = self.socket_of(open)?;
        let nonblocking = self.never_sleeps(open, MessageFlags::empty());
        let socket = &self.sockets[id];
        let result = match (socket.domain, socket.kind) {
            (Domain::Unix, Kind::Datagram) => self.associate(env, id, address, caller).map_err(Stop::from),
            (Domain::Unix, kind) => {
                Address::unix(address)?;
                if socket.options.pass_credentials() {
                    self.sockets.bind_automatically(id)?;
                }
                let to = self.find_unix(env, address, kind, caller)?;
                self.sockets.connect_unix(id, to, caller.acting(env), nonblocking)
            }
            (Domain::Inet | Domain::Inet6, Kind::Stream) => {
                self.sockets.connect_tcp(id, address, nonblocking)
            }
            (Domain::Inet | Domain::Inet6, _) => self.sockets.associate_udp(id, address).map_err(Stop::from),
            (Domain::Netlink, _) => {
                Address::netlink(address)?;
                self.sockets.bind_netlink(id, 0, caller.pid).map_err(Stop::from)
            }
        };
        self.drop_rights(env);
        result
    }

    /// Ends the wait of a connect(2) whose time is over, and returns what it fails with.
    pub fn connect_late(&mut self, open: OpenId) -> Errno {
        self.socket_of(open).map_or_else(|errno| errno, |id| self.sockets.give_up_asking(id))
    }

    fn associate(
        &mut self,
        env: &mut Env<'_>,
        id: SocketId,
        address: &[u8],
        caller: &Caller,
    ) -> Result<(), Errno> {
        if super::address::family(address)? == super::address::UNSPECIFIED {
            return self.sockets.associate_unix(id, None);
        }
        Address::unix(address)?;
        if self.sockets[id].options.pass_credentials() {
            self.sockets.bind_automatically(id)?;
        }
        let to = self.find_unix(env, address, Kind::Datagram, caller)?;
        self.sockets.associate_unix(id, Some(to))
    }

    /// Takes a connection from a socket that listens (accept4(2)). Of `flags`, `O_NONBLOCK` counts.
    ///
    /// # Errors
    /// `EOPNOTSUPP`, `EINVAL`, `EAGAIN`; a wait for one.
    pub fn accept(&mut self, env: &Env<'_>, open: OpenId, flags: OpenFlags) -> Result<OpenId, Stop> {
        let id = self.socket_of(open)?;
        let nonblocking = self.never_sleeps(open, MessageFlags::empty());
        let connection = self.sockets.accept(id, nonblocking)?;
        Ok(self.open_socket(env, connection, flags))
    }

    /// Returns a socket's own address as getsockname(2) stores it.
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn socket_address(&self, open: OpenId) -> Result<Vec<u8>, Errno> {
        let id = self.socket_of(open)?;
        Ok(self.sockets.own_name(id).to_bytes(self.sockets[id].domain))
    }

    /// Returns the address of a socket's peer as getpeername(2) stores it.
    ///
    /// # Errors
    /// `ENOTSOCK`, `ENOTCONN`.
    pub fn peer_address(&self, open: OpenId) -> Result<Vec<u8>, Errno> {
        let id = self.socket_of(open)?;
        Ok(self.sockets.peer_name(id)?.to_bytes(self.sockets[id].domain))
    }

    /// Returns an address as a socket shows it.
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn show_address(&self, open: OpenId, address: &Address) -> Result<Vec<u8>, Errno> {
        Ok(address.to_bytes(self.sockets[self.socket_of(open)?].domain))
    }

    /// Shuts a connection down (shutdown(2)).
    ///
    /// # Errors
    /// `EINVAL` for another direction, `ENOTCONN`, `EOPNOTSUPP`.
    pub fn shutdown(&mut self, open: OpenId, how: i32) -> Result<(), Errno> {
        let id = self.socket_of(open)?;
        let how = match how {
            0 => Shut::READ,
            1 => Shut::WRITE,
            2 => Shut::READ | Shut::WRITE,
            _ => return Err(Errno::EINVAL),
        };
        match self.sockets[id].domain {
            Domain::Unix => {
                self.sockets.shut_unix(id, how);
                Ok(())
            }
            Domain::Netlink => Err(Errno::EOPNOTSUPP),
            _ if self.sockets[id].is_tcp() => self.sockets.shut_tcp(id, how),
            _ => self.sockets.shut_udp(id, how),
        }
    }

    /// Sends a message, or a part of a stream, and returns how many bytes were taken.
    ///
    /// # Errors
    /// What send(2) gives; `EPIPE` also owes a stream's sender a SIGPIPE. A wait for room.
    pub fn send(
        &mut self,
        env: &mut Env<'_>,
        open: OpenId,
        message: &Outgoing<'_>,
        caller: &Caller,
    ) -> Result<usize, Stop> {
        let id = self.socket_of(open)?;
        let nonblocking = self.never_sleeps(open, message.flags);
        let credentials = caller.real(env);
        let (domain, kind) = (self.sockets[id].domain, self.sockets[id].kind);
        if domain == Domain::Unix {
            self.check_rights(message.rights)?;
        }
        let may_urge = self.sockets[id].is_tcp()
            || (domain, kind) == (Domain::Unix, Kind::Stream) && !message.bytes.is_empty();
        if message.flags.contains(MessageFlags::OOB) && !may_urge {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let result = match (domain, kind) {
            (Domain::Unix, Kind::Stream) => {
                self.sockets.send_unix_stream(id, message, credentials, nonblocking)
            }
            (Domain::Unix, Kind::SeqPacket) => {
                self.sockets[id].check_error()?;
                if self.sockets[id].stage != Stage::Established {
                    return Err(Errno::ENOTCONN.into());
                }
                self.sockets.send_unix_datagram(id, None, message, credentials, nonblocking)
            }
            (Domain::Unix, _) => {
                let to = match message.to {
                    Some(to) => Some(self.find_unix(env, to, kind, caller)?),
                    None => None,
                };
                self.sockets.send_unix_datagram(id, to, message, credentials, nonblocking)
            }
            (Domain::Netlink, _) => self.sockets.send_netlink(id, message, credentials.pid),
            (_, Kind::Stream) => self.sockets.send_tcp(id, message, nonblocking),
            _ => self.sockets.send_udp(id, message),
        };
        let is_taken = matches!(result, Ok(len) if len > 0 || kind != Kind::Stream);
        if domain == Domain::Unix && is_taken {
            self.send_off(message.rights);
        }
        self.drop_rights(env);
        result
    }

    /// Looks at what a receive of up to `len` bytes gets. Nothing is consumed before [`Fs::receive_commit`].
    ///
    /// # Errors
    /// What recv(2) gives; a wait for something to arrive.
    pub fn receive_begin(&mut self, open: OpenId, len: usize, flags: MessageFlags) -> Result<Incoming, Stop> {
        let id = self.socket_of(open)?;
        let nonblocking = self.never_sleeps(open, flags);
        self.sockets.receive(id, len, flags, nonblocking)
    }

    /// Ends a receive that has got `len` bytes: takes them, or the message, out of the queue unless `PEEK` says not to.
    ///
    /// # Returns
    /// The descriptions that came along, each with a reference that is the caller's.
    pub fn receive_commit(&mut self, open: OpenId, len: usize, flags: MessageFlags) -> Vec<OpenId> {
        let Ok(id) = self.socket_of(open) else { return Vec::new() };
        if flags.contains(MessageFlags::OOB) && self.sockets[id].kind == Kind::Stream {
            // Urgent data is taken when it is looked at, and none of the stream with it.
            return Vec::new();
        }
        if flags.contains(MessageFlags::PEEK) {
            let rights = self.sockets.rights_ahead(id, len);
            rights.iter().for_each(|right| self.hold_open(*right));
            return rights;
        }
        let rights = self.sockets.consume(id, len);
        self.land(&rights);
        rights
    }

    /// Returns how many bytes make a receive return before all that it asked for is there (`SO_RCVLOWAT`, `MSG_WAITALL`).
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn receive_target(&self, open: OpenId, len: u64, flags: MessageFlags) -> Result<u64, Errno> {
        let socket = &self.sockets[self.socket_of(open)?];
        let wanted = match socket.kind {
            Kind::Stream if flags.contains(MessageFlags::WAITALL) => len,
            Kind::Stream => len.min(socket.options.receive_low as u64),
            _ => 1,
        };
        Ok(wanted.max(1))
    }

    /// Returns how long calls on a socket sleep at most, in nanoseconds: receiving and accepting, sending and connecting.
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn socket_timeouts(&self, open: OpenId) -> Result<[Option<u64>; 2], Errno> {
        let options = &self.sockets[self.socket_of(open)?].options;
        Ok([options.receive_timeout_ns, options.send_timeout_ns])
    }

    /// Returns what a connection is made of.
    ///
    /// # Errors
    /// `ENOTSOCK`.
    pub fn socket_spec(&self, open: OpenId) -> Result<Spec, Errno> {
        Ok(self.sockets[self.socket_of(open)?].spec())
    }

    /// Sets an option of a socket (setsockopt(2)).
    ///
    /// # Errors
    /// What setsockopt(2) gives.
    pub fn set_socket_option(
        &mut self,
        open: OpenId,
        level: u32,
        name: u32,
        value: &[u8],
    ) -> Result<(), Errno> {
        let id = self.socket_of(open)?;
        self.sockets.set_option(id, level, name, value)
    }

    /// Returns an option of a socket (getsockopt(2)).
    ///
    /// # Errors
    /// What getsockopt(2) gives.
    pub fn socket_option(&mut self, open: OpenId, level: u32, name: u32) -> Result<Vec<u8>, Errno> {
        let id = self.socket_of(open)?;
        self.sockets.option(id, level, name)
    }

    /// Returns how much a receive would find (`SIOCINQ`).
    ///
    /// # Errors
    /// `ENOTSOCK`, `EINVAL` when it listens.
    pub fn unreceived_bytes(&self, open: OpenId) -> Result<usize, Errno> {
        self.sockets.readable_bytes(self.socket_of(open)?)
    }

    /// Tells whether the next byte that a socket receives is the urgent one (`SIOCATMARK`).
    ///
    /// # Errors
    /// `ENOTSOCK`, `EOPNOTSUPP` for a socket that knows no such data.
    pub fn is_at_mark(&self, open: OpenId) -> Result<bool, Errno> {
        let socket = &self.sockets[self.socket_of(open)?];
        match (socket.domain, socket.kind) {
            (Domain::Unix, Kind::Stream) => Ok(socket.is_at_unix_mark()),
            (Domain::Unix, _) => Err(Errno::EOPNOTSUPP),
            _ => Ok(socket.is_at_mark()),
        }
    }

    /// Returns how much was sent and not received (`SIOCOUTQ`).
    ///
    /// # Errors
    /// `ENOTSOCK`, `EINVAL` when it listens.
    pub fn unsent_bytes(&self, open: OpenId) -> Result<usize, Errno> {
        self.sockets.unsent_bytes(self.socket_of(open)?)
    }
}

impl super::Sockets {
    /// Takes a connection from a socket that listens.
    fn accept(&mut self, id: SocketId, nonblocking: bool) -> Result<SocketId, Stop> {
        let socket = &mut self[id];
        if !socket.kind.is_connected() {
            return Err(Errno::EOPNOTSUPP.into());
        }
        let is_shut = socket.shut.contains(Shut::READ);
        let listener = socket.listener_mut().ok_or(Errno::EINVAL)?;
        match listener.ready.pop_front() {
            Some(connection) => {
                self.wake_takers(id);
                if self[id].is_tcp() {
                    self.answer(id);
                }
                Ok(connection)
            }
            None if is_shut => Err(Errno::EINVAL.into()),
            None if nonblocking => Err(Errno::EAGAIN.into()),
            None => Err(Wait::SocketReadable(id).into()),
        }
    }

    /// Returns the address of a socket, named or not.
    pub(super) fn own_name(&self, id: SocketId) -> Address {
        let socket = &self[id];
        match (&socket.name, socket.domain) {
            (Some(name), _) => name.clone(),
            (None, Domain::Unix) => Address::Unnamed,
            (None, Domain::Netlink) => Address::Netlink(0),
            (None, _) => Address::Inet(self.local(id)),
        }
    }

    /// Returns the address of a socket's peer.
    ///
    /// # Errors
    /// `ENOTCONN`.
    pub(super) fn peer_name(&self, id: SocketId) -> Result<Address, Errno> {
        let socket = &self[id];
        match socket.domain {
            Domain::Unix => {
                let peer = socket.peer.ok_or(Errno::ENOTCONN)?;
                let name = self.get(peer).and_then(|peer| peer.name.clone());
                Ok(name.or_else(|| socket.remote.clone()).unwrap_or(Address::Unnamed))
            }
            Domain::Netlink => Ok(Address::Netlink(0)),
            _ => match &socket.remote {
                Some(remote) if socket.stage == Stage::Established => Ok(remote.clone()),
                _ => Err(Errno::ENOTCONN),
            },
        }
    }

    /// Drops everything that lies in a socket's queue, and in those of connections that nobody accepted.
    pub(super) fn empty(&mut self, id: SocketId) {
        let unaccepted = self[id].listener().map(|listener| listener.ready.clone()).unwrap_or_default();
        for id in std::iter::once(id).chain(unaccepted) {
            let packets = std::mem::take(&mut self[id].queue);
            packets.into_iter().for_each(|packet| self.discard(packet));
        }
    }
}
