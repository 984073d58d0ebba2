//! How strace prints the arguments of calls on sockets.

use super::args::Arg;
use super::show::{Shower, When, pointer, quoted};
use super::types::{choice, flag_set};
use super::{Arguments, CallResult};
use crate::fs::{MAX_ADDRESS, MessageFlags};
use std::net::{Ipv4Addr, Ipv6Addr};
use tine_mmu::VirtAddr;

choice! {
    /// `AF_*`: the family of a socket.
    DomainArg("AF_") {
        0 = "AF_UNSPEC",
        1 = "AF_UNIX",
        2 = "AF_INET",
        10 = "AF_INET6",
        16 = "AF_NETLINK",
        17 = "AF_PACKET",
        38 = "AF_ALG",
        40 = "AF_VSOCK",
    }
    /// `SHUT_*` of shutdown.
    ShutHow("SHUT_") {
        0 = "SHUT_RD",
        1 = "SHUT_WR",
        2 = "SHUT_RDWR",
    }
    /// `SOL_*`: to whom an option belongs.
    LevelArg("SOL_") {
        0 = "SOL_IP",
        1 = "SOL_SOCKET",
        6 = "SOL_TCP",
        17 = "SOL_UDP",
        41 = "SOL_IPV6",
        270 = "SOL_NETLINK",
    }
    /// `IPPROTO_*`.
    InetProtocol("IPPROTO_") {
        0 = "IPPROTO_IP",
        1 = "IPPROTO_ICMP",
        6 = "IPPROTO_TCP",
        17 = "IPPROTO_UDP",
        41 = "IPPROTO_IPV6",
        58 = "IPPROTO_ICMPV6",
        255 = "IPPROTO_RAW",
    }
    /// `NETLINK_*`.
    NetlinkProtocol("NETLINK_") {
        0 = "NETLINK_ROUTE",
        4 = "NETLINK_SOCK_DIAG",
        9 = "NETLINK_AUDIT",
        15 = "NETLINK_KOBJECT_UEVENT",
        16 = "NETLINK_GENERIC",
    }
    /// `SO_*`.
    SocketOption("SO_") {
        1 = "SO_DEBUG",
        2 = "SO_REUSEADDR",
        3 = "SO_TYPE",
        4 = "SO_ERROR",
        5 = "SO_DONTROUTE",
        6 = "SO_BROADCAST",
        7 = "SO_SNDBUF",
        8 = "SO_RCVBUF",
        9 = "SO_KEEPALIVE",
        10 = "SO_OOBINLINE",
        11 = "SO_NO_CHECK",
        12 = "SO_PRIORITY",
        13 = "SO_LINGER",
        15 = "SO_REUSEPORT",
        16 = "SO_PASSCRED",
        17 = "SO_PEERCRED",
        18 = "SO_RCVLOWAT",
        19 = "SO_SNDLOWAT",
        20 = "SO_RCVTIMEO_OLD",
        21 = "SO_SNDTIMEO_OLD",
        25 = "SO_BINDTODEVICE",
        28 = "SO_PEERNAME",
        29 = "SO_TIMESTAMP_OLD",
        30 = "SO_ACCEPTCONN",
        31 = "SO_PEERSEC",
        32 = "SO_SNDBUFFORCE",
        33 = "SO_RCVBUFFORCE",
        34 = "SO_PASSSEC",
        35 = "SO_TIMESTAMPNS_OLD",
        36 = "SO_MARK",
        37 = "SO_TIMESTAMPING_OLD",
        38 = "SO_PROTOCOL",
        39 = "SO_DOMAIN",
        40 = "SO_RXQ_OVFL",
        42 = "SO_PEEK_OFF",
        46 = "SO_BUSY_POLL",
        49 = "SO_INCOMING_CPU",
        60 = "SO_ZEROCOPY",
        76 = "SO_PASSPIDFD",
        77 = "SO_PEERPIDFD",
    }
    /// `IP_*`.
    IpOption("IP_") {
        1 = "IP_TOS",
        2 = "IP_TTL",
        8 = "IP_PKTINFO",
        10 = "IP_MTU_DISCOVER",
        11 = "IP_RECVERR",
        12 = "IP_RECVTTL",
        13 = "IP_RECVTOS",
        15 = "IP_FREEBIND",
        19 = "IP_TRANSPARENT",
        24 = "IP_BIND_ADDRESS_NO_PORT",
        32 = "IP_MULTICAST_IF",
        33 = "IP_MULTICAST_TTL",
        34 = "IP_MULTICAST_LOOP",
        35 = "IP_ADD_MEMBERSHIP",
        36 = "IP_DROP_MEMBERSHIP",
        42 = "MCAST_JOIN_GROUP",
        45 = "MCAST_LEAVE_GROUP",
    }
    /// `IPV6_*`.
    Ipv6Option("IPV6_") {
        16 = "IPV6_UNICAST_HOPS",
        17 = "IPV6_MULTICAST_IF",
        18 = "IPV6_MULTICAST_HOPS",
        19 = "IPV6_MULTICAST_LOOP",
        20 = "IPV6_ADD_MEMBERSHIP",
        21 = "IPV6_DROP_MEMBERSHIP",
        23 = "IPV6_MTU_DISCOVER",
        25 = "IPV6_RECVERR",
        26 = "IPV6_V6ONLY",
        49 = "IPV6_RECVPKTINFO",
        51 = "IPV6_RECVHOPLIMIT",
        66 = "IPV6_RECVTCLASS",
        67 = "IPV6_TCLASS",
    }
    /// `TCP_*`.
    TcpOption("TCP_") {
        1 = "TCP_NODELAY",
        2 = "TCP_MAXSEG",
        3 = "TCP_CORK",
        4 = "TCP_KEEPIDLE",
        5 = "TCP_KEEPINTVL",
        6 = "TCP_KEEPCNT",
        7 = "TCP_SYNCNT",
        8 = "TCP_LINGER2",
        9 = "TCP_DEFER_ACCEPT",
        10 = "TCP_WINDOW_CLAMP",
        11 = "TCP_INFO",
        12 = "TCP_QUICKACK",
        13 = "TCP_CONGESTION",
        18 = "TCP_USER_TIMEOUT",
        23 = "TCP_FASTOPEN",
        25 = "TCP_NOTSENT_LOWAT",
    }
    /// `UDP_*`.
    UdpOption("UDP_") {
        1 = "UDP_CORK",
    }
    /// The types of sockets, without the flags beside them.
    SocketType("SOCK_") {
        1 = "SOCK_STREAM",
        2 = "SOCK_DGRAM",
        3 = "SOCK_RAW",
        4 = "SOCK_RDM",
        5 = "SOCK_SEQPACKET",
        6 = "SOCK_DCCP",
        10 = "SOCK_PACKET",
    }
}

flag_set! {
    /// The flags of accept4.
    SocketFlags("0") {
        0x80000 = "SOCK_CLOEXEC",
        0x800 = "SOCK_NONBLOCK",
    }
    /// `MSG_*`.
    MessageFlagsArg("0") {
        0x1 = "MSG_OOB",
        0x2 = "MSG_PEEK",
        0x4 = "MSG_DONTROUTE",
        0x8 = "MSG_CTRUNC",
        0x10 = "MSG_PROBE",
        0x20 = "MSG_TRUNC",
        0x40 = "MSG_DONTWAIT",
        0x80 = "MSG_EOR",
        0x100 = "MSG_WAITALL",
        0x200 = "MSG_FIN",
        0x400 = "MSG_SYN",
        0x800 = "MSG_CONFIRM",
        0x1000 = "MSG_RST",
        0x2000 = "MSG_ERRQUEUE",
        0x4000 = "MSG_NOSIGNAL",
        0x8000 = "MSG_MORE",
        0x10000 = "MSG_WAITFORONE",
        0x40000 = "MSG_BATCH",
        0x0400_0000 = "MSG_ZEROCOPY",
        0x2000_0000 = "MSG_FASTOPEN",
        0x4000_0000 = "MSG_CMSG_CLOEXEC",
    }
}

impl MessageFlagsArg {
    /// Returns them as sockets take them.
    pub(super) const fn flags(self) -> MessageFlags {
        MessageFlags::from_bits_retain(self.0)
    }
}

/// The type of a socket, and flags beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct KindArg(pub u32);

impl Arg for KindArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        const TYPE_MASK: u64 = 0xf;
        let kind = SocketType::show(raw & TYPE_MASK, shower);
        match raw & !TYPE_MASK {
            0 => kind,
            flags => format!("{kind}|{}", SocketFlags::show(flags, shower)),
        }
    }
}

/// The protocol of a socket, whose names belong to the family.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProtocolArg(pub i32);

impl Arg for ProtocolArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as i32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.arguments[0] {
            2 | 10 => InetProtocol::show(raw, shower),
            16 => NetlinkProtocol::show(raw, shower),
            _ => (raw as u32).to_string(),
        }
    }
}

/// An option, whose names belong to the level before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct OptionArg(pub u32);

impl Arg for OptionArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.arguments[1] {
            0 => IpOption::show(raw, shower),
            1 => SocketOption::show(raw, shower),
            6 => TcpOption::show(raw, shower),
            17 => UdpOption::show(raw, shower),
            41 => Ipv6Option::show(raw, shower),
            _ => format!("{:#x}", raw as u32),
        }
    }
}

/// Declares an address of user memory that is printed by a function.
macro_rules! shown_pointer {
    ($($(#[$doc:meta])* $name:ident, $when:ident, $show:expr;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub(super) struct $name(pub VirtAddr);

            impl Arg for $name {
                fn when(_: &Arguments) -> When {
                    When::$when
                }

                fn from_register(raw: u64) -> Self {
                    Self(VirtAddr(raw))
                }

                fn show(raw: u64, shower: &mut Shower<'_>) -> String {
                    let show: fn(VirtAddr, &mut Shower<'_>) -> String = $show;
                    show(VirtAddr(raw), shower)
                }
            }
        )*
    };
}

shown_pointer! {
    /// An address that the call reads; the next argument is its length.
    AddressArg, Entry, |at, shower| {
        let len = shower.arguments[shower.index + 1] as usize;
        show_address(at, len, shower)
    };
    /// An address that the call stores; the next argument points to its length.
    OutAddress, Exit, |at, shower| {
        let len = show_len(VirtAddr(shower.arguments[shower.index + 1]), shower);
        match (shower.result, len) {
            (Some(CallResult::Value(_)), Some(len)) => show_address(at, len, shower),
            _ => pointer(at.0),
        }
    };
    /// Where the length of what the call stores is.
    LenInOut, Both, |at, shower| match (shower.result, show_len(at, shower)) {
        (None, Some(len)) => format!("[{len}"),
        (None, None) => pointer(at.0),
        (Some(CallResult::Value(_)), Some(len)) => format!(" => {len}]"),
        (Some(_), Some(_)) => "]".to_owned(),
        (Some(_), None) => String::new(),
    };
    /// The value of an option that is set; the next argument is its length.
    ValueIn, Entry, |at, shower| {
        let len = shower.arguments[shower.index + 1] as usize;
        show_value(at, len, shower)
    };
    /// The value of an option that is asked for; the next argument points to its length.
    ValueOut, Exit, |at, shower| {
        let len = show_len(VirtAddr(shower.arguments[shower.index + 1]), shower);
        match (shower.result, len) {
            (Some(CallResult::Value(_)), Some(len)) => show_value(at, len, shower),
            _ => pointer(at.0),
        }
    };
    /// A message that is sent.
    HeaderIn, Entry, |at, shower| show_header(at, usize::MAX, shower);
    /// A message that is received.
    HeaderOut, Exit, |at, shower| match shower.result {
        Some(CallResult::Value(len)) => show_header(at, len as usize, shower),
        _ => pointer(at.0),
    };
    /// Several messages that are sent; the next argument says how many.
    HeadersIn, Entry, |at, shower| {
        let count = shower.arguments[shower.index + 1];
        show_headers(at, count, shower)
    };
    /// Several messages that are received; the result says how many.
    HeadersOut, Exit, |at, shower| match shower.result {
        Some(CallResult::Value(count)) => show_headers(at, count, shower),
        _ => pointer(at.0),
    };
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Returns a length that is in user memory.
fn show_len(at: VirtAddr, shower: &mut Shower<'_>) -> Option<usize> {
    let bytes = shower.bytes(at, 4);
    (bytes.len() == 4).then(|| word(&bytes, 0) as usize)
}

/// Prints `struct sockaddr`.
fn show_address(at: VirtAddr, len: usize, shower: &mut Shower<'_>) -> String {
    let bytes = shower.bytes(at, len.min(MAX_ADDRESS));
    if bytes.len() < 2 {
        return pointer(at.0);
    }
    let family = u64::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let port = || u16::from_be_bytes([bytes[2], bytes[3]]);
    let rest = match (family, &bytes[2..]) {
        (1, []) => String::new(),
        (1, [0, name @ ..]) => format!(", sun_path=@{}", quoted(name, usize::MAX)),
        (1, path) => {
            let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
            format!(", sun_path={}", quoted(path, usize::MAX))
        }
        (2, [_, _, a, b, c, d, ..]) => {
            let ip = Ipv4Addr::new(*a, *b, *c, *d);
            format!(", sin_port=htons({}), sin_addr=inet_addr(\"{ip}\")", port())
        }
        (10, _) if bytes.len() >= 24 => {
            let mut ip = [0; 16];
            ip.copy_from_slice(&bytes[8..24]);
            let (ip, flow) = (Ipv6Addr::from(ip), word(&bytes, 4).swap_bytes());
            let scope = if bytes.len() >= 28 {
                format!(", sin6_scope_id={}", word(&bytes, 24))
            } else {
                String::new()
            };
            format!(
                ", sin6_port=htons({}), sin6_flowinfo=htonl({flow}), inet_pton(AF_INET6, \"{ip}\", &sin6_addr){scope}",
                port()
            )
        }
        (16, _) if bytes.len() >= 12 => {
            format!(", nl_pid={}, nl_groups={:08x}", word(&bytes, 4) as i32, word(&bytes, 8))
        }
        (_, data) => format!(", sa_data={}", quoted(data, usize::MAX)),
    };
    format!("{{sa_family={}{rest}}}", DomainArg::show(family, shower))
}

/// Prints the value of an option.
fn show_value(at: VirtAddr, len: usize, shower: &mut Shower<'_>) -> String {
    const SO_LINGER: u64 = 13;
    const SO_PEERCRED: u64 = 17;
    const SO_ERROR: u64 = 4;
    let bytes = shower.bytes(at, len.min(MAX_ADDRESS));
    let numbers: Vec<i32> = bytes.chunks_exact(4).map(|chunk| word(chunk, 0) as i32).collect();
    match (shower.arguments[1], shower.arguments[2], &numbers[..]) {
        (1, SO_LINGER, [on, seconds, ..]) => format!("{{l_onoff={on}, l_linger={seconds}}}"),
        (1, SO_PEERCRED, [pid, uid, gid, ..]) => format!("{{pid={pid}, uid={uid}, gid={gid}}}"),
        (1, SO_ERROR, [number]) => match crate::Errno::from_number(*number) {
            Some(errno) => format!("[{}]", errno.name()),
            None => format!("[{number}]"),
        },
        (_, _, [number]) => format!("[{number}]"),
        _ if bytes.is_empty() => pointer(at.0),
        _ => quoted(&bytes, 32),
    }
}

/// Prints `struct msghdr`, of whose data the first `len` bytes count.
fn show_header(at: VirtAddr, len: usize, shower: &mut Shower<'_>) -> String {
    const SIZE: usize = 56;
    let bytes = shower.bytes(at, SIZE);
    if bytes.len() < SIZE {
        return pointer(at.0);
    }
    let name_len = word(&bytes, 8) as i32;
    let name = match long(&bytes, 0) {
        0 => "NULL".to_owned(),
        name => show_address(VirtAddr(name), usize::try_from(name_len).unwrap_or(0), shower),
    };
    let count = long(&bytes, 24);
    let pieces = show_pieces(VirtAddr(long(&bytes, 16)), count, len, shower);
    let control_len = long(&bytes, 40);
    let control = match control_len {
        0 => String::new(),
        _ => {
            let shown = show_control(VirtAddr(long(&bytes, 32)), control_len, shower);
            format!(", msg_control={shown}")
        }
    };
    let flags = MessageFlagsArg::show(word(&bytes, 48).into(), shower);
    format!(
        "{{msg_name={name}, msg_namelen={name_len}, msg_iov={pieces}, msg_iovlen={count}{control}, \
         msg_controllen={control_len}, msg_flags={flags}}}"
    )
}

/// Prints the elements of `struct mmsghdr`.
fn show_headers(at: VirtAddr, count: u64, shower: &mut Shower<'_>) -> String {
    const STEP: u64 = 64;
    const LEN_AT: u64 = 56;
    const SHOWN: u64 = 32;
    let headers: Vec<_> = (0..count.min(SHOWN))
        .map(|index| {
            let at = at + STEP * index;
            let len = shower.bytes(at + LEN_AT, 4);
            let is_filled = shower.result.is_some();
            let header = show_header(at, if is_filled { word(&len, 0) as usize } else { usize::MAX }, shower);
            let told = if is_filled { format!(", msg_len={}", word(&len, 0)) } else { String::new() };
            format!("{{msg_hdr={header}{told}}}")
        })
        .collect();
    format!("[{}]", headers.join(", "))
}

/// Prints a vector of `struct iovec`, of whose data the first `len` bytes count.
fn show_pieces(at: VirtAddr, count: u64, mut len: usize, shower: &mut Shower<'_>) -> String {
    const SHOWN: u64 = 32;
    let mut pieces = Vec::new();
    for index in 0..count.min(SHOWN) {
        let bytes = shower.bytes(at + 16 * index, 16);
        if bytes.len() < 16 {
            return pointer(at.0);
        }
        let size = long(&bytes, 8);
        let shown = len.min(usize::try_from(size).unwrap_or(usize::MAX));
        len -= shown;
        let base = shower.buffer(VirtAddr(long(&bytes, 0)), shown);
        pieces.push(format!("{{iov_base={base}, iov_len={size}}}"));
    }
    if count > SHOWN {
        pieces.push("...".to_owned());
    }
    format!("[{}]", pieces.join(", "))
}

/// Prints control messages.
fn show_control(at: VirtAddr, len: u64, shower: &mut Shower<'_>) -> String {
    const HEADER: usize = 16;
    const MAX_SHOWN: u64 = 4096;
    let bytes = shower.bytes(at, len.min(MAX_SHOWN) as usize);
    if bytes.len() < HEADER {
        return pointer(at.0);
    }
    let mut messages = Vec::new();
    let mut rest = &bytes[..];
    while rest.len() >= HEADER {
        let cmsg_len = long(rest, 0);
        let len = usize::try_from(cmsg_len).unwrap_or(usize::MAX).min(rest.len());
        let (level, kind) = (word(rest, 8), word(rest, 12));
        let data: Vec<i32> = rest
            .get(HEADER..len)
            .unwrap_or_default()
            .chunks_exact(4)
            .map(|chunk| word(chunk, 0) as i32)
            .collect();
        let shown = match (level, kind, &data[..]) {
            (1, 1, fds) => format!("SCM_RIGHTS, cmsg_data={fds:?}"),
            (1, 2, [pid, uid, gid]) => {
                format!("SCM_CREDENTIALS, cmsg_data={{pid={pid}, uid={uid}, gid={gid}}}")
            }
            _ => format!("{kind:#x}"),
        };
        let level = LevelArg::show(level.into(), shower);
        messages.push(format!("{{cmsg_len={cmsg_len}, cmsg_level={level}, cmsg_type={shown}}}"));
        if len < HEADER {
            break;
        }
        rest = rest.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    format!("[{}]", messages.join(", "))
}
