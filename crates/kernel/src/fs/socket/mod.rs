//! Sockets: AF_UNIX (unix(7)), and TCP and UDP over a loopback that lives inside the machine (ip(7), ipv6(7), tcp(7), udp(7)).
//!
//! ```text
//!   OpenFile ──▶ Inode ──▶ SocketId ──▶ Socket: stage, name, peer, options, queue of packets ──▶ OpenFile (SCM_RIGHTS)
//!   a path   ──▶ Inode ──▶ SocketId
//!   an abstract name, a port ─────▶ SocketId
//! ```
//!
//! Principles:
//! - There is no wire: what is sent lies at once in the queue of the socket that will receive it, and a handshake is over
//!   when connect(2) has begun it. Nothing is lost, delayed or reordered, and nothing leaves the machine.
//! - Numbers of sockets are never used again, so that a peer that is gone is a number that leads nowhere.
//! - A guest cannot fill the host: what is on the way is charged to the sender (AF_UNIX) or to the receiver (AF_INET), and
//!   the buffer sizes that bound it are bounded themselves.
//! - [`Sockets`] knows neither paths nor descriptions; [`super::Fs`] does (`calls.rs`, `rights.rs`).

mod address;
mod calls;
mod inet;
mod message;
mod netlink;
mod options;
mod packet;
mod ports;
mod ready;
mod receive;
mod rights;
mod table;
mod tcp;
mod udp;
mod unix;
mod urgent;
mod urgent_unix;

pub use address::{Address, Domain, MAX_ADDRESS};
pub use calls::{Caller, Spec};
pub use message::{Incoming, MessageFlags, Outgoing, Ucred};
pub use netlink::LOOPBACK_INDEX;
pub use table::SocketFacts;

use super::wait::Wait;
use super::{InodeId, OpenId};
use crate::Errno;
use options::Options;
use packet::Packet;
use ports::Ports;
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Index, IndexMut};
use urgent::Urgent;

/// A socket. No number is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u64);

/// What a socket carries (socket(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `SOCK_STREAM`: bytes, over a connection.
    Stream = 1,
    /// `SOCK_DGRAM`: messages, each to an address.
    Datagram = 2,
    /// `SOCK_RAW`, which netlink takes for the same as datagrams.
    Raw = 3,
    /// `SOCK_SEQPACKET`: messages, over a connection.
    SeqPacket = 5,
}

impl Kind {
    /// Tells whether it needs a connection.
    pub(super) const fn is_connected(self) -> bool {
        matches!(self, Self::Stream | Self::SeqPacket)
    }
}

/// How far a socket's connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is none.
    Closed,
    /// It is asked for: the listener has no room yet (TCP's SYN-SENT).
    Asking,
    /// There is one, or a datagram socket has a peer.
    Established,
    /// The socket takes connections.
    Listening(Listener),
}

/// What connect(2) has told the program of a TCP socket (Linux's `socket_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// That there is no connection, or nothing (`SS_UNCONNECTED`).
    Nothing,
    /// `EINPROGRESS`: the next call tells how it went (`SS_CONNECTING`).
    InProgress,
    /// That there is a connection (`SS_CONNECTED`).
    Connected,
}

/// What a listening socket has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listener {
    /// How many connections wait for accept(2) at most; there may be one more.
    pub(super) backlog: u32,
    /// Connections that accept(2) takes.
    pub(super) ready: VecDeque<SocketId>,
    /// TCP sockets that ask for a connection for which there is no room.
    pub(super) asking: VecDeque<SocketId>,
}

impl Listener {
    /// Tells whether no further connection has room.
    pub(super) fn is_full(&self) -> bool {
        self.ready.len() > self.backlog as usize
    }
}

bitflags::bitflags! {
    /// Which directions are shut down.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Shut: u8 {
        /// Nothing more will be received.
        const READ = 1;
        /// Nothing more can be sent.
        const WRITE = 2;
        /// A TCP peer has ended its direction: what it sent before is all there will be.
        const ENDED = 4;
    }
}

/// A socket.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    domain: Domain,
    kind: Kind,
    /// `SO_PROTOCOL`.
    protocol: u32,
    stage: Stage,
    /// What connect(2) has told the program.
    told: Told,
    /// The address that it is bound to.
    name: Option<Address>,
    /// Whether bind(2) chose that; otherwise it goes when the connection ends.
    keeps_name: bool,
    /// The inode of its path.
    bound_inode: Option<InodeId>,
    /// Who receives what is sent without an address.
    peer: Option<SocketId>,
    /// The address of an AF_INET socket's peer.
    remote: Option<Address>,
    /// What has arrived.
    queue: VecDeque<Packet>,
    /// What the queue costs the receiver.
    queued: usize,
    /// The byte of a TCP stream that was sent as urgent, while it is not passed.
    urgent: Option<Urgent>,
    /// What its own packets cost it that nobody has received yet.
    charged: usize,
    shut: Shut,
    /// `SO_ERROR`: what the next call reports.
    error: Option<Errno>,
    options: Options,
    /// `SO_PEERCRED`.
    peer_credentials: Ucred,
}

impl Socket {
    fn new(spec: Spec) -> Self {
        Self {
            domain: spec.domain,
            kind: spec.kind,
            protocol: spec.protocol,
            stage: Stage::Closed,
            told: Told::Nothing,
            name: None,
            keeps_name: false,
            bound_inode: None,
            peer: None,
            remote: None,
            queue: VecDeque::new(),
            queued: 0,
            urgent: None,
            charged: 0,
            shut: Shut::empty(),
            error: None,
            options: Options::new(spec),
            peer_credentials: Ucred::UNKNOWN,
        }
    }

    /// Returns what the socket is made of.
    pub(super) const fn spec(&self) -> Spec {
        Spec { domain: self.domain, kind: self.kind, protocol: self.protocol }
    }

    /// Tells whether it is a TCP socket.
    pub(super) const fn is_tcp(&self) -> bool {
        matches!((self.domain, self.kind), (Domain::Inet | Domain::Inet6, Kind::Stream))
    }

    /// Returns what it has to listen with.
    pub(super) const fn listener(&self) -> Option<&Listener> {
        match &self.stage {
            Stage::Listening(listener) => Some(listener),
            _ => None,
        }
    }

    fn listener_mut(&mut self) -> Option<&mut Listener> {
        match &mut self.stage {
            Stage::Listening(listener) => Some(listener),
            _ => None,
        }
    }

    /// Takes the error that is to be reported: it is reported once.
    pub(super) const fn take_error(&mut self) -> Option<Errno> {
        self.error.take()
    }

    /// Fails with the error that is to be reported, if there is one.
    pub(super) fn check_error(&mut self) -> Result<(), Errno> {
        self.take_error().map_or(Ok(()), Err)
    }
}

/// All sockets of the machine, and who has which name.
#[derive(Clone, Debug, Default)]
pub(super) struct Sockets {
    all: BTreeMap<SocketId, Socket>,
    next_id: u64,
    /// Abstract names of AF_UNIX: each kind of socket has its own.
    abstract_names: BTreeMap<(Kind, Vec<u8>), SocketId>,
    /// Paths of AF_UNIX, by the inode that is there.
    bound_inodes: BTreeMap<InodeId, SocketId>,
    /// The number that the next automatic name of AF_UNIX has.
    next_automatic: u32,
    ports: Ports,
    /// What has become possible.
    pub(super) wakes: Vec<Wait>,
    /// Descriptions that were in packets which nobody will receive.
    pub(super) dropped: Vec<OpenId>,
    /// Sockets to which urgent data has come: their owners are told.
    pub(super) urged: Vec<SocketId>,
}

impl Index<SocketId> for Sockets {
    type Output = Socket;

    fn index(&self, id: SocketId) -> &Socket {
        self.all.get(&id).expect("a socket that somebody has open")
    }
}

impl IndexMut<SocketId> for Sockets {
    fn index_mut(&mut self, id: SocketId) -> &mut Socket {
        self.all.get_mut(&id).expect("a socket that somebody has open")
    }
}

impl Sockets {
    /// Returns how many sockets there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns a socket that may be gone.
    pub(super) fn get(&self, id: SocketId) -> Option<&Socket> {
        self.all.get(&id)
    }

    fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.all.get_mut(&id)
    }

    /// Returns every socket in the order in which they were made.
    pub(super) fn iter(&self) -> impl Iterator<Item = (SocketId, &Socket)> {
        self.all.iter().map(|(id, socket)| (*id, socket))
    }

    /// Makes a socket.
    pub(super) fn create(&mut self, spec: Spec) -> SocketId {
        let id = SocketId(self.next_id);
        self.next_id += 1;
        self.all.insert(id, Socket::new(spec));
        id
    }

    /// Says that something arrived at a socket: data, a connection, an end, an error.
    fn wake_readers(&mut self, id: SocketId) {
        self.wakes.push(Wait::SocketReadable(id));
    }

    /// Says that a socket may be written: it has room, or its connection stands or failed.
    fn wake_writers(&mut self, id: SocketId) {
        self.wakes.push(Wait::SocketWritable(id));
    }

    /// Says that something was taken out of a socket: a message or a connection.
    fn wake_takers(&mut self, id: SocketId) {
        self.wakes.push(Wait::SocketTaken(id));
    }

    /// Tells everybody who waits for a socket that it changed.
    fn wake_all(&mut self, id: SocketId) {
        self.wake_readers(id);
        self.wake_writers(id);
    }

    /// Closes a socket: frees its names, refuses who waits at it, tells its peer, drops what nobody will read.
    ///
    /// # Returns
    /// The inode that its path had.
    pub(super) fn close(&mut self, id: SocketId) -> Option<InodeId> {
        match self[id].domain {
            Domain::Unix => self.close_unix(id),
            Domain::Inet | Domain::Inet6 => self.close_inet(id),
            Domain::Netlink => {}
        }
        let packets = std::mem::take(&mut self[id].queue);
        packets.into_iter().for_each(|packet| self.discard(packet));
        let mut socket = self.all.remove(&id)?;
        if let Stage::Listening(listener) = &mut socket.stage {
            // Connections that nobody accepted; each of them hangs up.
            for connection in std::mem::take(&mut listener.ready) {
                self.close_unaccepted(connection);
            }
        }
        self.unbind(id, &socket);
        self.wake_all(id);
        self.wake_takers(id);
        socket.bound_inode
    }

    /// Frees the names of a socket.
    fn unbind(&mut self, id: SocketId, socket: &Socket) {
        match &socket.name {
            Some(Address::Abstract(name)) => {
                let key = (socket.kind, name.clone());
                if self.abstract_names.get(&key) == Some(&id) {
                    self.abstract_names.remove(&key);
                }
            }
            Some(Address::Inet(_)) => self.ports.release(id),
            _ => {}
        }
        if let Some(inode) = socket.bound_inode {
            self.bound_inodes.remove(&inode);
        }
    }

    /// Drops a packet that nobody will read.
    fn discard(&mut self, packet: Packet) {
        self.uncharge(&packet);
        self.dropped.extend(packet.rights);
    }

    /// Takes what a packet costs off its sender's account.
    fn uncharge(&mut self, packet: &Packet) {
        let Some(sender) = packet.sender else { return };
        let Some(socket) = self.get_mut(sender) else { return };
        socket.charged -= packet.cost;
        if socket.has_room() {
            self.wake_writers(sender);
        }
    }
}
