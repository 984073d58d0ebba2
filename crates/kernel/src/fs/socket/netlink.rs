//! Netlink's routing family (netlink(7), rtnetlink(7)): enough to ask which interfaces and addresses there are, as
//! getifaddrs(3) and getaddrinfo(3) do. There is one interface, `lo`, and nothing of it can be changed.

use super::packet::{Packet, true_size};
use super::{Address, Domain, Outgoing, SocketId, Sockets};
use crate::fs::wait::Stop;
use crate::{Errno, Pid};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_MULTI: u16 = 2;
const NLM_F_ACK: u16 = 4;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
/// The first type of a routing message; each object has four: new, delete, get, set.
const RTM_BASE: u16 = 16;
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// The number of `lo`.
pub const LOOPBACK_INDEX: u32 = 1;
/// `ARPHRD_LOOPBACK`.
const LOOPBACK_TYPE: u16 = 772;
/// `IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_LOWER_UP`.
const LOOPBACK_FLAGS: u32 = 0x1_0049;
/// `RT_SCOPE_HOST`.
const SCOPE_HOST: u8 = 254;
/// `IFA_F_PERMANENT`.
const PERMANENT: u8 = 0x80;

/// A request: what stands in the header, and the bytes behind it.
struct Request<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    whole: &'a [u8],
    body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads the first request of a datagram, and returns the bytes behind it too.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let half = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let len = word(0)? as usize;
        if len < HEADER || len > bytes.len() {
            return None;
        }
        let whole = &bytes[..len];
        let request =
            Self { kind: half(4)?, flags: half(6)?, sequence: word(8)?, whole, body: &whole[HEADER..] };
        Some((request, &bytes[len.next_multiple_of(4).min(bytes.len())..]))
    }

    /// Composes a message that answers it.
    fn answer(&self, to: u32, kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let len = (HEADER + body.len()) as u32;
        let mut message = Vec::new();
        message.extend_from_slice(&len.to_le_bytes());
        message.extend_from_slice(&kind.to_le_bytes());
        message.extend_from_slice(&flags.to_le_bytes());
        message.extend_from_slice(&self.sequence.to_le_bytes());
        message.extend_from_slice(&to.to_le_bytes());
        message.extend_from_slice(body);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    /// Says how the request went.
    fn acknowledge(&self, to: u32, error: Option<Errno>) -> Vec<u8> {
        let number = error.map_or(0, |errno| -errno.number());
        let told = if error.is_some() { self.whole } else { &self.whole[..HEADER] };
        self.answer(to, NLMSG_ERROR, 0, &[&number.to_le_bytes()[..], told].concat())
    }

    /// Composes the answer to a request for all objects of a kind.
    fn dump(&self, to: u32, kind: u16, objects: &[Vec<u8>]) -> Vec<u8> {
        let objects = objects.iter().map(|object| self.answer(to, kind, NLM_F_MULTI, object));
        let done = self.answer(to, NLMSG_DONE, NLM_F_MULTI, &0_i32.to_le_bytes());
        objects.chain([done]).collect::<Vec<_>>().concat()
    }

    fn serve(&self, to: u32) -> Option<Vec<u8>> {
        let family = self.body.first().copied().unwrap_or(AF_UNSPEC);
        match self.kind {
            _ if self.flags & NLM_F_REQUEST == 0 || self.kind < RTM_BASE => None,
            RTM_GETLINK => Some(self.dump(to, RTM_NEWLINK, &[link()])),
            RTM_GETADDR => Some(self.dump(to, RTM_NEWADDR, &addresses(family))),
            RTM_GETROUTE => Some(self.dump(to, RTM_GETROUTE, &[])),
            kind if kind & 3 != RTM_GETLINK & 3 => Some(self.acknowledge(to, Some(Errno::EPERM))),
            _ => Some(self.acknowledge(to, Some(Errno::EOPNOTSUPP))),
        }
        .or_else(|| (self.flags & NLM_F_ACK != 0).then(|| self.acknowledge(to, None)))
    }
}

/// Composes an attribute.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let len = (4 + value.len()) as u16;
    let mut bytes = [&len.to_le_bytes()[..], &kind.to_le_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Describes `lo`: `struct ifinfomsg` and its attributes.
fn link() -> Vec<u8> {
    const IFLA_ADDRESS: u16 = 1;
    const IFLA_BROADCAST: u16 = 2;
    const IFLA_IFNAME: u16 = 3;
    const IFLA_MTU: u16 = 4;
    const IFLA_QDISC: u16 = 6;
    const IFLA_TXQLEN: u16 = 13;
    const IFLA_OPERSTATE: u16 = 16;
    [
        vec![AF_UNSPEC, 0],
        LOOPBACK_TYPE.to_le_bytes().to_vec(),
        LOOPBACK_INDEX.to_le_bytes().to_vec(),
        LOOPBACK_FLAGS.to_le_bytes().to_vec(),
        vec![0; 4],
        attribute(IFLA_IFNAME, b"lo\0"),
        attribute(IFLA_TXQLEN, &1000_u32.to_le_bytes()),
        attribute(IFLA_OPERSTATE, &[0]),
        attribute(IFLA_MTU, &65_536_u32.to_le_bytes()),
        attribute(IFLA_ADDRESS, &[0; 6]),
        attribute(IFLA_BROADCAST, &[0; 6]),
        attribute(IFLA_QDISC, b"noqueue\0"),
    ]
    .concat()
}

/// Describes the addresses of `lo` of a family: `struct ifaddrmsg` and its attributes.
fn addresses(family: u8) -> Vec<Vec<u8>> {
    const IFA_ADDRESS: u16 = 1;
    const IFA_LOCAL: u16 = 2;
    const IFA_LABEL: u16 = 3;
    const IFA_CACHEINFO: u16 = 6;
    const IFA_FLAGS: u16 = 8;
    let head = |family, prefix| {
        [&[family, prefix, PERMANENT, SCOPE_HOST][..], &LOOPBACK_INDEX.to_le_bytes()].concat()
    };
    let lifetime = [&[0xff; 8][..], &[0; 8]].concat();
    let tail =
        [attribute(IFA_CACHEINFO, &lifetime), attribute(IFA_FLAGS, &u32::from(PERMANENT).to_le_bytes())]
            .concat();
    let v4 = Ipv4Addr::LOCALHOST.octets();
    let v4 = [
        head(AF_INET, 8),
        attribute(IFA_ADDRESS, &v4),
        attribute(IFA_LOCAL, &v4),
        attribute(IFA_LABEL, b"lo\0"),
        tail.clone(),
    ];
    let v6 = [head(AF_INET6, 128), attribute(IFA_ADDRESS, &Ipv6Addr::LOCALHOST.octets()), tail];
    let all = [(AF_INET, v4.concat()), (AF_INET6, v6.concat())];
    all.into_iter().filter(|(its, _)| family == AF_UNSPEC || family == *its).map(|(_, bytes)| bytes).collect()
}

impl Sockets {
    /// Gives a netlink socket a number: the one that it asks for, or its process's, or one that nobody has.
    ///
    /// # Errors
    /// `EINVAL` when it has another, `EADDRINUSE` when somebody else has this one.
    pub(super) fn bind_netlink(&mut self, id: SocketId, asked: u32, caller: Pid) -> Result<(), Errno> {
        if let Some(Address::Netlink(number)) = self[id].name {
            return if asked == 0 || asked == number { Ok(()) } else { Err(Errno::EINVAL) };
        }
        let is_taken = |number| self.iter().any(|(_, socket)| socket.name == Some(Address::Netlink(number)));
        let number = match asked {
            0 => {
                // Numbers that no process has, from the top down (Linux 6.12 net/netlink/af_netlink.c netlink_autobind).
                let others = (0..=u32::MAX - 4096).rev();
                std::iter::once(caller.0 as u32).chain(others).find(|number| !is_taken(*number))
            }
            asked => (!is_taken(asked)).then_some(asked),
        };
        self[id].name = Some(Address::Netlink(number.ok_or(Errno::EADDRINUSE)?));
        Ok(())
    }

    /// Tells whether a socket is one of netlink.
    pub(in crate::fs) fn is_netlink(&self, id: SocketId) -> bool {
        self[id].domain == Domain::Netlink
    }

    /// Puts a datagram of the kernel into a socket's queue, if there is room.
    pub(in crate::fs) fn tell_netlink(&mut self, id: SocketId, bytes: Vec<u8>) {
        let cost = true_size(bytes.len(), 0);
        let socket = &mut self[id];
        if socket.queued + cost <= socket.options.receive_buffer as usize {
            socket.queued += cost;
            let source = Some(Address::Netlink(0));
            socket.queue.push_back(Packet { bytes, source, cost, ..Packet::default() });
            self.wake_readers(id);
        }
    }

    /// Serves the requests of a datagram: the answers lie in the sender's own queue.
    ///
    /// # Errors
    /// `ENOBUFS` when there is no room for them.
    pub(super) fn send_netlink(
        &mut self,
        id: SocketId,
        message: &Outgoing<'_>,
        caller: Pid,
    ) -> Result<usize, Stop> {
        self.bind_netlink(id, 0, caller)?;
        let to = match self[id].name {
            Some(Address::Netlink(number)) => number,
            _ => 0,
        };
        let mut rest = message.bytes;
        while let Some((request, behind)) = Request::read(rest) {
            rest = behind;
            let Some(bytes) = request.serve(to) else { continue };
            let cost = true_size(bytes.len(), 0);
            let socket = &mut self[id];
            if socket.queued + cost > socket.options.receive_buffer as usize {
                socket.error = Some(Errno::ENOBUFS);
                break;
            }
            socket.queued += cost;
            let source = Some(Address::Netlink(0));
            socket.queue.push_back(Packet { bytes, source, cost, ..Packet::default() });
            self.wake_readers(id);
        }
        Ok(message.bytes.len())
    }
}
