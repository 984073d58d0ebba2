//! What `/proc/net` says of the sockets and of the loopback (Linux 6.12 net/ipv4/tcp_ipv4.c, net/ipv4/udp.c,
//! net/unix/af_unix.c, net/core/net-procfs.c). What Tine has no notion of (timers, windows, packets) is as it is on a socket that
//! has just been made.

use super::options::tcp_state;
use super::{Address, Domain, Kind, Socket, SocketId, Stage};
use crate::fs::inode::InodeKind;
use crate::fs::{Fs, NetFile, Node};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Columns of a line of `tcp` and of `udp`, which are filled up with spaces.
const TCP_WIDTH: usize = 149;
const UDP_WIDTH: usize = 127;
/// `__SO_ACCEPTCON`: a listening AF_UNIX socket.
const ACCEPTS: u32 = 1 << 16;

/// Who opened a socket, and its inode number.
type Owners = BTreeMap<SocketId, (u64, u32)>;

/// What can be told of a socket beside its inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketFacts {
    /// The address that it is bound to, if it has one: `127.0.0.1:80`, `/run/socket`, `@name`.
    pub name: Option<String>,
    /// Whether it takes connections.
    pub is_listening: bool,
    /// Whether it has a peer.
    pub is_connected: bool,
    /// The peer, if somebody has it open in the machine.
    pub peer: Option<Node>,
}

impl Fs {
    /// Returns what can be told of a socket; `None` when the file is none.
    pub fn socket_facts(&self, node: Node) -> Option<SocketFacts> {
        let InodeKind::Socket(id) = self.kind(node)? else { return None };
        let socket = self.sockets.get(*id)?;
        let is_peer = |inode: &crate::fs::Inode| matches!(inode.kind, InodeKind::Socket(other) if Some(other) == socket.peer);
        let peer = self.inodes.iter().find(|(_, inode)| is_peer(inode)).map(|(inode, _)| Node::Inode(inode));
        let name = match &socket.name {
            Some(Address::Path(path)) => Some(String::from_utf8_lossy(path).into_owned()),
            Some(Address::Abstract(name)) => Some(format!("@{}", String::from_utf8_lossy(name))),
            Some(Address::Inet(address)) => Some(address.to_string()),
            Some(Address::Unnamed | Address::Netlink(_)) | None => None,
        };
        Some(SocketFacts {
            name,
            is_listening: socket.listener().is_some(),
            is_connected: socket.peer.is_some() || socket.remote.is_some(),
            peer,
        })
    }

    /// Composes a file of `/proc/net`.
    pub fn net_text(&self, file: NetFile) -> String {
        match file {
            NetFile::Dev => format!(
                "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop \
                 fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n{}",
                "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n"
            ),
            NetFile::IfInet6 => "00000000000000000000000000000001 01 80 10 80       lo\n".to_owned(),
            NetFile::Route => padded(
                "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
                    .to_owned(),
                UDP_WIDTH,
            ),
            NetFile::Tcp => self.inet_text(Domain::Inet, Kind::Stream),
            NetFile::Tcp6 => self.inet_text(Domain::Inet6, Kind::Stream),
            NetFile::Udp => self.inet_text(Domain::Inet, Kind::Datagram),
            NetFile::Udp6 => self.inet_text(Domain::Inet6, Kind::Datagram),
            NetFile::Unix => self.unix_text(),
        }
    }

    fn socket_owners(&self) -> Owners {
        let owner = |(_, inode): (_, &crate::fs::Inode)| match inode.kind {
            InodeKind::Socket(id) => Some((id, (inode.number, inode.uid))),
            _ => None,
        };
        self.inodes.iter().filter_map(owner).collect()
    }

    fn inet_text(&self, domain: Domain, kind: Kind) -> String {
        let owners = self.socket_owners();
        let (width, header) = match (domain, kind) {
            (Domain::Inet, Kind::Stream) => {
                (TCP_WIDTH, "rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode")
            }
            (Domain::Inet, _) => (
                UDP_WIDTH,
                "rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
            ),
            (_, Kind::Stream) => (
                0,
                "                        remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            ),
            _ => (
                0,
                "                        remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
            ),
        };
        let mut text = padded(format!("  sl  local_address {header}"), width);
        let mut number = 0;
        for (id, socket) in self.sockets.iter() {
            if (socket.domain, socket.kind) != (domain, kind) {
                continue;
            }
            let Some(Address::Inet(local)) = socket.name else { continue };
            let Some(state) = state_of(socket) else { continue };
            let remote = match socket.remote {
                Some(Address::Inet(remote)) => remote,
                _ => SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
            };
            let waiting = socket.listener().map_or(socket.queued, |listener| listener.ready.len());
            let (inode, uid) = owners.get(&id).copied().unwrap_or_default();
            let end = match (kind, &socket.stage) {
                (Kind::Stream, Stage::Listening(_)) => "1 0000000000000000 100 0 0 10 0",
                (Kind::Stream, _) => "1 0000000000000000 20 4 30 10 -1",
                _ => "2 0000000000000000 0",
            };
            let column = if kind == Kind::Stream { 4 } else { 5 };
            let line = format!(
                "{number:column$}: {} {} {state:02X} 00000000:{waiting:08X} 00:00000000 00000000 {uid:5} {:8} {inode} {end}",
                hex(domain, local),
                hex(domain, remote),
                0
            );
            text += &padded(line, width);
            number += 1;
        }
        text
    }

    fn unix_text(&self) -> String {
        let owners = self.socket_owners();
        let mut text = "Num       RefCount Protocol Flags    Type St Inode Path\n".to_owned();
        for (id, socket) in self.sockets.iter().filter(|(_, socket)| socket.domain == Domain::Unix) {
            let is_listening = socket.listener().is_some();
            let flags = if is_listening { ACCEPTS } else { 0 };
            let state = if socket.stage == Stage::Established { 3 } else { 1 };
            let inode = owners.get(&id).map_or(0, |(inode, _)| *inode);
            let kind = socket.kind as u32;
            let _ =
                write!(text, "{:016x}: 00000002 00000000 {flags:08X} {kind:04X} {state:02X} {inode:5}", 0);
            match &socket.name {
                Some(Address::Path(path)) => {
                    let _ = write!(text, " {}", String::from_utf8_lossy(path));
                }
                Some(Address::Abstract(name)) => {
                    let _ = write!(text, " @{}", String::from_utf8_lossy(name).replace('\0', "@"));
                }
                _ => {}
            }
            text.push('\n');
        }
        text
    }
}

/// Returns the state that `/proc/net` shows; nothing for a socket that it does not show.
fn state_of(socket: &Socket) -> Option<u8> {
    const CLOSE: u8 = 7;
    match (&socket.stage, socket.kind) {
        (Stage::Closed, Kind::Stream) => None,
        (stage, Kind::Stream) => Some(tcp_state(stage, socket.shut)),
        (Stage::Established, _) => Some(1),
        _ => Some(CLOSE),
    }
}

/// Writes an address as words of the machine's byte order.
fn hex(domain: Domain, address: SocketAddr) -> String {
    let bytes = match (domain, address.ip()) {
        (Domain::Inet, IpAddr::V4(ip)) => ip.octets().to_vec(),
        (_, IpAddr::V4(ip)) if ip.is_unspecified() => Ipv6Addr::UNSPECIFIED.octets().to_vec(),
        (_, IpAddr::V4(ip)) => ip.to_ipv6_mapped().octets().to_vec(),
        (_, IpAddr::V6(ip)) => ip.octets().to_vec(),
    };
    let word = |bytes: &[u8; 4]| format!("{:08X}", u32::from_le_bytes(*bytes));
    let (words, _) = bytes.as_chunks();
    format!("{}:{:04X}", words.iter().map(word).collect::<String>(), address.port())
}

/// Fills a line up.
fn padded(line: String, width: usize) -> String {
    format!("{line:width$}\n")
}
