//! Options of sockets (socket(7), ip(7), ipv6(7), tcp(7); Linux 6.12 net/core/sock.c sk_setsockopt, sk_getsockopt).
//!
//! Options that steer timers, headers or routes have nothing to steer on this loopback: [`KEPT`] lists them, and what was set
//! is what is read.

use super::{Domain, Kind, SocketId, Sockets, Spec, Stage};
use crate::Errno;
use bitflags::bitflags;
use std::collections::BTreeMap;

/// `SOL_SOCKET`.
pub(super) const SOCKET: u32 = 1;
/// `IPPROTO_IP`.
const IP: u32 = 0;
/// `IPPROTO_TCP`.
const TCP: u32 = 6;
/// `IPPROTO_UDP`.
const UDP: u32 = 17;
/// `IPPROTO_IPV6`.
const IPV6: u32 = 41;
/// `SOL_NETLINK`.
const NETLINK: u32 = 270;

/// The largest buffer that may be asked for (`net.core.wmem_max`, `net.core.rmem_max`); it is doubled for the overhead.
const MAX_BUFFER: u32 = 212_992;
/// The smallest send buffer (`SOCK_MIN_SNDBUF`).
const MIN_SEND_BUFFER: u32 = 4608;
/// The smallest receive buffer (`SOCK_MIN_RCVBUF`).
const MIN_RECEIVE_BUFFER: u32 = 2304;
/// The send buffer that a TCP socket has before it is connected (`net.ipv4.tcp_wmem`).
const TCP_SEND_BUFFER: u32 = 16_384;
/// The send buffer of a TCP connection over the loopback.
const TCP_CONNECTED_SEND_BUFFER: u32 = 2_626_560;
/// The receive buffer of a TCP socket (`net.ipv4.tcp_rmem`).
const TCP_RECEIVE_BUFFER: u32 = 131_072;
/// The longest time that `SO_RCVTIMEO` and `SO_SNDTIMEO` wait; longer is for ever.
const FOREVER_S: i64 = i64::MAX / 250 - 1;

bitflags! {
    /// Options that are on or off.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Switches: u32 {
        /// `SO_REUSEADDR`.
        const REUSE_ADDRESS = 1 << 0;
        /// `SO_REUSEPORT`.
        const REUSE_PORT = 1 << 1;
        /// `SO_PASSCRED`.
        const PASS_CREDENTIALS = 1 << 2;
        /// `SO_KEEPALIVE`.
        const KEEP_ALIVE = 1 << 3;
        /// `SO_BROADCAST`.
        const BROADCAST = 1 << 4;
        /// `SO_OOBINLINE`.
        const OOB_INLINE = 1 << 5;
        /// `SO_DONTROUTE`.
        const DONT_ROUTE = 1 << 6;
        /// `SO_DEBUG`.
        const DEBUG = 1 << 7;
        /// `IPV6_V6ONLY`.
        const V6_ONLY = 1 << 8;
        /// Whether `SO_SNDBUF` was set: the buffer does not grow with a connection.
        const SEND_BUFFER_SET = 1 << 9;
    }
}

/// The switches of `SOL_SOCKET`, by the names of the options.
const SWITCHES: [(u32, Switches); 8] = [
    (1, Switches::DEBUG),
    (2, Switches::REUSE_ADDRESS),
    (5, Switches::DONT_ROUTE),
    (6, Switches::BROADCAST),
    (9, Switches::KEEP_ALIVE),
    (10, Switches::OOB_INLINE),
    (15, Switches::REUSE_PORT),
    (16, Switches::PASS_CREDENTIALS),
];

const SO_TYPE: u32 = 3;
const SO_ERROR: u32 = 4;
const SO_SNDBUF: u32 = 7;
const SO_RCVBUF: u32 = 8;
const SO_LINGER: u32 = 13;
const SO_PEERCRED: u32 = 17;
const SO_RCVLOWAT: u32 = 18;
const SO_SNDLOWAT: u32 = 19;
const SO_RCVTIMEO: u32 = 20;
const SO_SNDTIMEO: u32 = 21;
const SO_BINDTODEVICE: u32 = 25;
const SO_PEERNAME: u32 = 28;
const SO_ACCEPTCONN: u32 = 30;
const SO_SNDBUFFORCE: u32 = 32;
const SO_RCVBUFFORCE: u32 = 33;
const SO_PROTOCOL: u32 = 38;
const SO_DOMAIN: u32 = 39;
const IPV6_V6ONLY: u32 = 26;
const TCP_INFO: u32 = 11;
const TCP_CONGESTION: u32 = 13;
/// The name of the algorithm that has nothing to do here, and the size in which it is asked for.
const CONGESTION: &[u8; 16] = b"cubic\0\0\0\0\0\0\0\0\0\0\0";
/// Size of the part of `struct tcp_info` that has a meaning here: the state, and zeros.
const TCP_INFO_BYTES: usize = 104;

/// An option that keeps what was set and does nothing else.
struct Kept {
    level: u32,
    name: u32,
    /// What it is before it is set.
    default: i32,
    least: i32,
    most: i32,
}

const fn kept(level: u32, name: u32, default: i32, least: i32, most: i32) -> Kept {
    Kept { level, name, default, least, most }
}

/// The options without an effect, by level and name.
const KEPT: [Kept; 40] = [
    // SO_NO_CHECK, SO_PRIORITY, SO_MARK, SO_BUSY_POLL
    kept(SOCKET, 11, 0, 0, 1),
    kept(SOCKET, 12, 0, 0, i32::MAX),
    kept(SOCKET, 36, 0, i32::MIN, i32::MAX),
    kept(SOCKET, 46, 0, 0, i32::MAX),
    // TCP_NODELAY, TCP_MAXSEG, TCP_CORK
    kept(TCP, 1, 0, i32::MIN, i32::MAX),
    kept(TCP, 2, 524, 88, 32_767),
    kept(TCP, 3, 0, i32::MIN, i32::MAX),
    // TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT
    kept(TCP, 4, 7200, 1, 32_767),
    kept(TCP, 5, 75, 1, 32_767),
    kept(TCP, 6, 9, 1, 127),
    kept(TCP, 7, 6, 1, 127),
    // TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_QUICKACK
    kept(TCP, 8, 60, i32::MIN, i32::MAX),
    kept(TCP, 9, 0, i32::MIN, i32::MAX),
    kept(TCP, 10, 0, 0, i32::MAX),
    kept(TCP, 12, 1, i32::MIN, i32::MAX),
    // TCP_USER_TIMEOUT, TCP_FASTOPEN, TCP_NOTSENT_LOWAT
    kept(TCP, 18, 0, 0, i32::MAX),
    kept(TCP, 23, 0, 0, i32::MAX),
    kept(TCP, 25, -1, i32::MIN, i32::MAX),
    // UDP_CORK
    kept(UDP, 1, 0, i32::MIN, i32::MAX),
    // IP_TOS, IP_TTL, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_FREEBIND, IP_TRANSPARENT
    kept(IP, 1, 0, 0, 255),
    kept(IP, 2, 64, 1, 255),
    kept(IP, 8, 0, i32::MIN, i32::MAX),
    kept(IP, 10, 1, 0, 5),
    kept(IP, 11, 0, i32::MIN, i32::MAX),
    kept(IP, 12, 0, i32::MIN, i32::MAX),
    kept(IP, 13, 0, i32::MIN, i32::MAX),
    kept(IP, 15, 0, i32::MIN, i32::MAX),
    kept(IP, 19, 0, 0, 1),
    // IP_BIND_ADDRESS_NO_PORT, IP_MULTICAST_TTL, IP_MULTICAST_LOOP
    kept(IP, 24, 0, 0, 1),
    kept(IP, 33, 1, -1, 255),
    kept(IP, 34, 1, 0, 1),
    // IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_RECVPKTINFO
    kept(IPV6, 16, 64, -1, 255),
    kept(IPV6, 18, 1, -1, 255),
    kept(IPV6, 19, 1, 0, 1),
    kept(IPV6, 23, 1, 0, 5),
    kept(IPV6, 25, 0, i32::MIN, i32::MAX),
    kept(IPV6, 49, 0, i32::MIN, i32::MAX),
    // IPV6_RECVHOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS
    kept(IPV6, 51, 0, i32::MIN, i32::MAX),
    kept(IPV6, 66, 0, i32::MIN, i32::MAX),
    kept(IPV6, 67, 0, -1, 255),
];

/// By which interface a socket sends and receives (`SO_BINDTODEVICE`). There is only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Device {
    Any,
    Loopback,
}

impl Device {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Any => b"",
            Self::Loopback => b"lo\0",
        }
    }
}

/// What setsockopt(2) has set.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) switches: Switches,
    pub(super) send_buffer: u32,
    pub(super) receive_buffer: u32,
    /// `SO_RCVLOWAT`.
    pub(super) receive_low: i32,
    /// `SO_RCVTIMEO`, in nanoseconds; `None` is for ever.
    pub(super) receive_timeout_ns: Option<u64>,
    /// `SO_SNDTIMEO`, in nanoseconds; `None` is for ever.
    pub(super) send_timeout_ns: Option<u64>,
    /// `SO_LINGER`, in seconds.
    pub(super) linger: Option<i32>,
    /// Seconds of a linger that is off.
    lingered: i32,
    device: Device,
    kept: BTreeMap<(u32, u32), i32>,
}

impl Options {
    /// Returns what a new socket has.
    pub(super) fn new(spec: Spec) -> Self {
        let is_tcp = matches!((spec.domain, spec.kind), (Domain::Inet | Domain::Inet6, Kind::Stream));
        Self {
            switches: Switches::empty(),
            send_buffer: if is_tcp { TCP_SEND_BUFFER } else { MAX_BUFFER },
            receive_buffer: if is_tcp { TCP_RECEIVE_BUFFER } else { MAX_BUFFER },
            receive_low: 1,
            receive_timeout_ns: None,
            send_timeout_ns: None,
            linger: None,
            lingered: 0,
            device: Device::Any,
            kept: BTreeMap::new(),
        }
    }

    /// Takes over what a listening socket had for a connection of its.
    pub(super) fn inherit(&mut self, listener: &Self) {
        *self = listener.clone();
    }

    /// Notes that a TCP connection is made: its buffer grows (Linux 6.12 net/ipv4/tcp_input.c tcp_sndbuf_expand).
    pub(super) fn connect(&mut self) {
        if !self.switches.contains(Switches::SEND_BUFFER_SET) {
            self.send_buffer = TCP_CONNECTED_SEND_BUFFER;
        }
    }

    /// Tells whether the socket asks who sends to it (`SO_PASSCRED`).
    pub(super) const fn pass_credentials(&self) -> bool {
        self.switches.contains(Switches::PASS_CREDENTIALS)
    }

    /// Tells whether the socket is for IPv6 alone (`IPV6_V6ONLY`).
    pub(super) const fn is_v6_only(&self) -> bool {
        self.switches.contains(Switches::V6_ONLY)
    }

    /// Tells whether others may have its address too when they do not listen (`SO_REUSEADDR`).
    pub(super) const fn reuses_address(&self) -> bool {
        self.switches.contains(Switches::REUSE_ADDRESS)
    }

    /// Tells whether others may have its port too (`SO_REUSEPORT`).
    pub(super) const fn shares_port(&self) -> bool {
        self.switches.contains(Switches::REUSE_PORT)
    }
}

impl Sockets {
    /// Sets an option (setsockopt(2)).
    ///
    /// # Errors
    /// `EINVAL` for a value that is too short or not allowed, `EDOM` for a time, `ENODEV` for an interface, `ENOPROTOOPT` for an option that is not
    /// there, `EOPNOTSUPP` where the socket has none.
    pub(super) fn set_option(
        &mut self,
        id: SocketId,
        level: u32,
        name: u32,
        value: &[u8],
    ) -> Result<(), Errno> {
        if level != SOCKET {
            return self.set_protocol_option(id, level, name, value);
        }
        if name == SO_BINDTODEVICE {
            let device = value.split(|byte| *byte == 0).next().unwrap_or_default();
            self[id].options.device = match device {
                b"" => Device::Any,
                b"lo" => Device::Loopback,
                _ => return Err(Errno::ENODEV),
            };
            return Ok(());
        }
        let number = number(value)?;
        let socket = &mut self[id];
        let options = &mut socket.options;
        match name {
            SO_SNDBUF | SO_SNDBUFFORCE => {
                options.send_buffer = buffer(number, MIN_SEND_BUFFER);
                options.switches.insert(Switches::SEND_BUFFER_SET);
                self.wake_writers(id);
            }
            SO_RCVBUF | SO_RCVBUFFORCE => options.receive_buffer = buffer(number, MIN_RECEIVE_BUFFER),
            SO_LINGER => {
                let [on, seconds] = words(value)?;
                options.linger = (on != 0).then_some(seconds);
                options.lingered = seconds;
            }
            SO_RCVLOWAT => {
                options.receive_low = if number < 0 { i32::MAX } else { number.max(1) };
                self.wake_readers(id);
            }
            SO_RCVTIMEO => options.receive_timeout_ns = timeout(value)?,
            SO_SNDTIMEO => options.send_timeout_ns = timeout(value)?,
            _ => match SWITCHES.iter().find(|(option, _)| *option == name) {
                Some((_, switch)) => options.switches.set(*switch, number != 0),
                None => return keep(options, level, name, number),
            },
        }
        Ok(())
    }

    fn set_protocol_option(
        &mut self,
        id: SocketId,
        level: u32,
        name: u32,
        value: &[u8],
    ) -> Result<(), Errno> {
        let (domain, is_tcp) = (self[id].domain, self[id].is_tcp());
        match (domain, level) {
            (Domain::Unix, _) => return Err(Errno::EOPNOTSUPP),
            // What a socket is told of other messages has no effect: there are none.
            (Domain::Netlink, NETLINK) => return number(value).map(|_| ()),
            (Domain::Inet6, IPV6) | (Domain::Inet | Domain::Inet6, IP) => {}
            (Domain::Inet | Domain::Inet6, TCP) if is_tcp => {}
            (Domain::Inet | Domain::Inet6, UDP) if !is_tcp => {}
            _ => return Err(Errno::ENOPROTOOPT),
        }
        if (level, name) == (TCP, TCP_CONGESTION) {
            let asked = value.split(|byte| *byte == 0).next().unwrap_or_default();
            return match asked {
                b"" => Err(Errno::EINVAL),
                b"cubic" => Ok(()),
                _ => Err(Errno::ENOENT),
            };
        }
        // Some options of IP are given as a byte.
        let number = match value {
            [byte] if level == IP => i32::from(*byte),
            _ => number(value)?,
        };
        let has_name = self[id].name.is_some();
        let options = &mut self[id].options;
        if (level, name) == (IPV6, IPV6_V6ONLY) {
            if has_name {
                return Err(Errno::EINVAL);
            }
            options.switches.set(Switches::V6_ONLY, number != 0);
            return Ok(());
        }
        keep(options, level, name, number)
    }

    /// Returns the value of an option (getsockopt(2)).
    ///
    /// # Errors
    /// `ENOPROTOOPT` for an option that is not there, `EOPNOTSUPP` where the socket has none at this level, `ENOTCONN`.
    pub(super) fn option(&mut self, id: SocketId, level: u32, name: u32) -> Result<Vec<u8>, Errno> {
        let socket = &mut self[id];
        let is_tcp = socket.is_tcp();
        match (socket.domain, level) {
            (_, SOCKET) => {}
            (Domain::Inet6, IPV6) | (Domain::Inet | Domain::Inet6, IP) => {}
            (Domain::Inet | Domain::Inet6, TCP) if is_tcp => {}
            (Domain::Inet | Domain::Inet6, UDP) if !is_tcp => {}
            (Domain::Netlink, _) => return Err(Errno::ENOPROTOOPT),
            _ => return Err(Errno::EOPNOTSUPP),
        }
        let options = &socket.options;
        let number = match (level, name) {
            (SOCKET, SO_TYPE) => socket.kind as i32,
            (SOCKET, SO_ERROR) => socket.take_error().map_or(0, Errno::number),
            (SOCKET, SO_SNDBUF) => options.send_buffer as i32,
            (SOCKET, SO_RCVBUF) => options.receive_buffer as i32,
            (SOCKET, SO_LINGER) => {
                let on = i32::from(options.linger.is_some());
                return Ok(bytes(&[on, options.lingered]));
            }
            (SOCKET, SO_PEERCRED) => {
                let peer = socket.peer_credentials;
                return Ok(bytes(&[peer.pid.0, peer.uid as i32, peer.gid as i32]));
            }
            (SOCKET, SO_BINDTODEVICE) => return Ok(options.device.name().to_vec()),
            (SOCKET, SO_RCVLOWAT) => options.receive_low,
            (SOCKET, SO_SNDLOWAT) => 1,
            (SOCKET, SO_RCVTIMEO) => return Ok(timeval(options.receive_timeout_ns)),
            (SOCKET, SO_SNDTIMEO) => return Ok(timeval(options.send_timeout_ns)),
            (SOCKET, SO_PEERNAME) => {
                let domain = socket.domain;
                return Ok(self.peer_name(id)?.to_bytes(domain));
            }
            (SOCKET, SO_ACCEPTCONN) => i32::from(socket.listener().is_some()),
            (SOCKET, SO_PROTOCOL) => socket.protocol as i32,
            (SOCKET, SO_DOMAIN) => socket.domain as i32,
            (IPV6, IPV6_V6ONLY) => i32::from(options.is_v6_only()),
            (TCP, TCP_INFO) => {
                let mut info = vec![0; TCP_INFO_BYTES];
                info[0] = tcp_state(&socket.stage, socket.shut);
                return Ok(info);
            }
            (TCP, TCP_CONGESTION) => return Ok(CONGESTION.to_vec()),
            _ => match SWITCHES.iter().find(|(option, _)| level == SOCKET && *option == name) {
                Some((_, switch)) => i32::from(options.switches.contains(*switch)),
                None => {
                    let kept = find_kept(level, name)?;
                    options.kept.get(&(level, name)).copied().unwrap_or(kept.default)
                }
            },
        };
        Ok(number.to_le_bytes().to_vec())
    }
}

/// Returns the state of a TCP socket as `TCP_*` numbers it (include/net/tcp_states.h).
pub(super) const fn tcp_state(stage: &Stage, shut: super::Shut) -> u8 {
    use super::Shut;
    match stage {
        Stage::Closed => 7,
        Stage::Asking => 2,
        Stage::Listening(_) => 10,
        Stage::Established if shut.contains(Shut::ENDED) => 8,
        Stage::Established if shut.contains(Shut::WRITE) => 5,
        Stage::Established => 1,
    }
}

fn find_kept(level: u32, name: u32) -> Result<&'static Kept, Errno> {
    KEPT.iter().find(|kept| (kept.level, kept.name) == (level, name)).ok_or(Errno::ENOPROTOOPT)
}

fn keep(options: &mut Options, level: u32, name: u32, number: i32) -> Result<(), Errno> {
    let kept = find_kept(level, name)?;
    if !(kept.least..=kept.most).contains(&number) {
        return Err(Errno::EINVAL);
    }
    options.kept.insert((level, name), number);
    Ok(())
}

/// Reads the number that a value begins with.
fn number(value: &[u8]) -> Result<i32, Errno> {
    value.first_chunk().map(|bytes| i32::from_le_bytes(*bytes)).ok_or(Errno::EINVAL)
}

/// Reads a value of two numbers.
fn words(value: &[u8]) -> Result<[i32; 2], Errno> {
    let rest = value.get(4..).ok_or(Errno::EINVAL)?;
    Ok([number(value)?, number(rest)?])
}

fn bytes(numbers: &[i32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// Returns the size of a buffer that was asked for.
fn buffer(asked: i32, least: u32) -> u32 {
    ((asked as u32).min(MAX_BUFFER) * 2).max(least)
}

/// Reads `struct timeval`: zero, and what the clock could not count, is for ever.
fn timeout(value: &[u8]) -> Result<Option<u64>, Errno> {
    let word = |at: usize| {
        let bytes = value.get(at..at + 8).and_then(<[u8]>::first_chunk).ok_or(Errno::EINVAL)?;
        Ok(i64::from_le_bytes(*bytes))
    };
    let (seconds, microseconds) = (word(0)?, word(8)?);
    if !(0..1_000_000).contains(&microseconds) {
        return Err(Errno::EDOM);
    }
    if seconds < 0 {
        // Already over: the call returns as soon as it would sleep.
        return Ok(Some(0));
    }
    if (seconds, microseconds) == (0, 0) || seconds >= FOREVER_S {
        return Ok(None);
    }
    Ok(Some((seconds as u64).saturating_mul(1_000_000_000).saturating_add(microseconds as u64 * 1000)))
}

fn timeval(ns: Option<u64>) -> Vec<u8> {
    let ns = ns.unwrap_or(0);
    [ns / 1_000_000_000, ns % 1_000_000_000 / 1000].iter().flat_map(|word| word.to_le_bytes()).collect()
}
