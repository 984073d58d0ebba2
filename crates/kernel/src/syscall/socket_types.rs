//! How strace prints the arguments of calls on sockets.

use super::args::Arg;
use super::show::{Shower, When, follow, hex, hex_quoted, pointer, quoted};
use super::socket_names::*;
pub(super) use super::socket_names::{DomainArg, LevelArg, ShutHow};
use super::types::flag_set;
use super::{Arguments, CallResult};
use crate::fs::{MAX_ADDRESS, MessageFlags};
use std::net::{Ipv4Addr, Ipv6Addr};
use tine_mmu::VirtAddr;

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
        0x20000 = "MSG_SENDPAGE_NOTLAST",
        0x40000 = "MSG_BATCH",
        0x80000 = "MSG_NO_SHARED_FRAGS",
        0x0200_0000 = "MSG_SOCK_DEVMEM",
        0x0400_0000 = "MSG_ZEROCOPY",
        0x2000_0000 = "MSG_FASTOPEN",
        0x4000_0000 = "MSG_CMSG_CLOEXEC",
        0x8000_0000 = "MSG_CMSG_COMPAT",
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
        match raw as u32 & !(TYPE_MASK as u32) {
            _ if kind.contains(' ') => SocketType::show(raw, shower),
            0 => kind,
            flags => {
                let flags = SocketFlags::show(flags.into(), shower);
                // Beside the type, unknown bits need no comment.
                format!("{kind}|{}", flags.split(' ').next().unwrap_or_default())
            }
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
            _ => (raw as u32).to_string(),
        }
    }
}

/// Declares an address of user memory that is printed by a function.
macro_rules! shown_pointer {
    ($($(#[$doc:meta])* $name:ident, $when:ident $(noting $note:expr)?, $show:expr;)*) => {
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

                $(
                    fn note(raw: u64, shower: &mut Shower<'_>) -> Vec<u64> {
                        let note: fn(VirtAddr, &mut Shower<'_>) -> Vec<u64> = $note;
                        note(VirtAddr(raw), shower)
                    }
                )?

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
        let len = shower.arguments[shower.index + 1] as i32;
        show_address(at, len, shower)
    };
    /// An address that the call stores; the next argument points to its length.
    OutAddress, Exit, |at, shower| match lengths(shower) {
        Some((room, len)) => show_address(at, len.min(room), shower),
        None => pointer(at.0),
    };
    /// Where the length of what the call stores is.
    LenInOut, Both noting |at, shower| show_len(at, shower).map(|len| len as u64).into_iter().collect(),
    |at, shower| match (shower.result, show_len(at, shower)) {
        (None, Some(len)) => format!("[{len}"),
        (None, None) => pointer(at.0),
        (Some(CallResult::Value(_)), Some(len)) if shower.noted.first().is_some_and(|old| *old as i32 != len) => {
            format!(" => {len}]")
        }
        (Some(_), Some(_)) => "]".to_owned(),
        (Some(_), None) => String::new(),
    };
    /// The value of an option that is set; the next argument is its length.
    ValueIn, Entry, |at, shower| {
        let len = shower.arguments[shower.index + 1] as i32;
        show_given(at, len, shower)
    };
    /// The value of an option that is asked for; the next argument points to its length.
    ValueOut, Exit, |at, shower| match lengths(shower) {
        Some((1.., len @ 1..)) => show_told(at, len, shower),
        _ => pointer(at.0),
    };
    /// A message that is sent.
    HeaderIn, Entry, |at, shower| show_header(at, None, usize::MAX, shower);
    /// A message that is received.
    HeaderOut, Exit noting |at, shower| name_len(at, shower).map(|len| len as u64).into_iter().collect(),
    |at, shower| match (shower.result, shower.noted) {
        (Some(CallResult::Value(len)), [room]) => show_header(at, Some(*room as i32), len as usize, shower),
        (Some(_), [room]) => format!("{{msg_namelen={}}}", *room as i32),
        _ => pointer(at.0),
    };
    /// Several messages that are sent; the next argument says how many, the result how many of them were.
    HeadersIn, Exit, |at, shower| {
        let count = shower.arguments[shower.index + 1] as u32;
        let sent = if let Some(CallResult::Value(sent)) = shower.result { sent } else { 0 };
        show_headers(at, count.into(), Messages::Sent { count: sent }, shower)
    };
    /// Several messages that are received; the result says how many.
    HeadersOut, Exit noting |at, shower| {
        let count = u64::from(shower.arguments[shower.index + 1] as u32);
        let shown = count.min(shower.limit as u64);
        (0..shown).map_while(|index| name_len(at + MMSGHDR_BYTES * index, shower)).map(|len| len as u64).collect()
    },
    |at, shower| match shower.result {
        Some(CallResult::Value(count)) => show_headers(at, count, Messages::Received, shower),
        _ => pointer(at.0),
    };
}

/// How much room there was for what a call has stored, and how long that is.
fn lengths(shower: &mut Shower<'_>) -> Option<(i32, i32)> {
    let room = *shower.noted.first()?;
    let len = show_len(VirtAddr(shower.arguments[shower.index + 1]), shower)?;
    matches!(shower.result, Some(CallResult::Value(_))).then_some((room as i32, len))
}

/// Returns `msg_namelen` of the `struct msghdr` at `at`.
fn name_len(at: VirtAddr, shower: &mut Shower<'_>) -> Option<i32> {
    shower.whole(at, MSGHDR_BYTES).map(|bytes| word(&bytes, 8) as i32)
}

const MSGHDR_BYTES: usize = 56;
/// A `struct mmsghdr`: a `struct msghdr`, and how much of it was sent or received.
const MMSGHDR_BYTES: u64 = 64;

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Returns a length that is in user memory.
fn show_len(at: VirtAddr, shower: &mut Shower<'_>) -> Option<i32> {
    shower.whole(at, 4).map(|bytes| word(&bytes, 0) as i32)
}

/// Prints `struct sockaddr`.
fn show_address(at: VirtAddr, len: i32, shower: &mut Shower<'_>) -> String {
    const SOCKADDR_UN_BYTES: usize = 110;
    let len = usize::try_from(len).unwrap_or(0).min(MAX_ADDRESS);
    let bytes = shower.bytes(at, len);
    if bytes.len() < 2 {
        return pointer(at.0);
    }
    let family = u64::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    let port = || u16::from_be_bytes([bytes[2], bytes[3]]);
    let rest = match (family, &bytes[2..]) {
        (1, []) => String::new(),
        (1, [0, name @ ..]) => {
            let name = &name[..name.len().min(SOCKADDR_UN_BYTES - 3)];
            format!(", sun_path=@{}", quoted(name, usize::MAX))
        }
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
            let (pid, groups) = (word(&bytes, 4) as i32, word(&bytes, 8));
            let groups = if groups == 0 { "00000000".to_owned() } else { format!("{groups:#08x}") };
            format!(", nl_pid={pid}, nl_groups={groups}")
        }
        (_, data) => format!(", sa_data={}", quoted(data, usize::MAX)),
    };
    format!("{{sa_family={}{rest}}}", DomainArg::show(family, shower))
}

const SOL_SOCKET: u64 = 1;
const SOL_NETLINK: u64 = 270;
const SO_ERROR: u64 = 4;
const SO_LINGER: u64 = 13;
const SO_PEERCRED: u64 = 17;

/// Tells whether strace knows an option as an int.
fn is_int(level: u64, option: u64) -> bool {
    const INTS: [std::ops::RangeInclusive<u64>; 12] = [
        1..=2,
        5..=12,
        14..=16,
        18..=19,
        27..=27,
        29..=32,
        34..=37,
        40..=46,
        49..=49,
        60..=60,
        63..=65,
        68..=76,
    ];
    level == SOL_SOCKET && option != 31 && INTS.iter().any(|range| range.contains(&option))
}

/// Prints the value that an option is given.
fn show_given(at: VirtAddr, len: i32, shower: &mut Shower<'_>) -> String {
    let (level, option) = (shower.arguments[1], shower.arguments[2]);
    match (level, option) {
        _ if at.0 == 0 => pointer(0),
        (SOL_SOCKET, SO_LINGER) if len < 8 => pointer(at.0),
        (SOL_SOCKET, SO_LINGER) => linger(at, shower),
        (SOL_NETLINK, _) if len < 4 => pointer(at.0),
        (SOL_NETLINK, _) => follow::<i32>(at.0, shower),
        _ if is_int(level, option) && len < 4 => pointer(at.0),
        _ if is_int(level, option) || len == 4 => follow::<i32>(at.0, shower),
        _ => usize::try_from(len).map_or_else(|_| pointer(at.0), |len| shower.buffer(at, len)),
    }
}

/// Prints the value of an option that was asked for.
fn show_told(at: VirtAddr, len: i32, shower: &mut Shower<'_>) -> String {
    let (level, option) = (shower.arguments[1], shower.arguments[2]);
    let bytes = shower.bytes(at, 12);
    match (level, option) {
        (SOL_SOCKET, SO_LINGER) if len >= 8 => linger(at, shower),
        (SOL_SOCKET, SO_PEERCRED) if len >= 12 && bytes.len() == 12 => {
            let [pid, uid, gid] = [0, 4, 8].map(|at| word(&bytes, at) as i32);
            format!("{{pid={pid}, uid={uid}, gid={gid}}}")
        }
        (SOL_SOCKET, SO_ERROR) if len >= 4 => match crate::Errno::from_number(word(&bytes, 0) as i32) {
            Some(errno) => format!("[{}]", errno.name()),
            None => follow::<i32>(at.0, shower),
        },
        _ if is_int(level, option) && len < 4 => shower.hex_buffer(at, len as usize),
        _ if is_int(level, option) || level == SOL_NETLINK || len == 4 => follow::<i32>(at.0, shower),
        _ => shower.buffer(at, len as usize),
    }
}

/// Prints `struct linger`.
fn linger(at: VirtAddr, shower: &mut Shower<'_>) -> String {
    match shower.whole(at, 8) {
        Some(bytes) => {
            format!("{{l_onoff={}, l_linger={}}}", word(&bytes, 0) as i32, word(&bytes, 4) as i32)
        }
        None => pointer(at.0),
    }
}

/// Prints `struct msghdr`, of whose data the first `len` bytes count; `room` is what there was for a name.
fn show_header(at: VirtAddr, room: Option<i32>, len: usize, shower: &mut Shower<'_>) -> String {
    let Some(bytes) = shower.whole(at, MSGHDR_BYTES) else { return pointer(at.0) };
    let name_len = word(&bytes, 8) as i32;
    let name = match long(&bytes, 0) {
        0 => pointer(0),
        name => show_address(VirtAddr(name), name_len.min(room.unwrap_or(name_len)), shower),
    };
    let name_len = match room {
        Some(room) if room != name_len => format!("{room} => {name_len}"),
        _ => name_len.to_string(),
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

/// What became of several messages.
#[derive(Clone, Copy)]
enum Messages {
    /// The first of them were sent.
    Sent { count: u64 },
    /// They were received.
    Received,
}

/// Prints the elements of `struct mmsghdr`.
fn show_headers(at: VirtAddr, count: u64, messages: Messages, shower: &mut Shower<'_>) -> String {
    const LEN_AT: u64 = MSGHDR_BYTES as u64;
    let mut parts = Vec::new();
    for index in 0..count {
        let here = at + MMSGHDR_BYTES.wrapping_mul(index);
        if index == shower.limit as u64 {
            parts.push("...".to_owned());
            break;
        }
        let Some(len) = shower.whole(here + LEN_AT, 4).map(|bytes| word(&bytes, 0)) else {
            if index == 0 {
                return pointer(at.0);
            }
            parts.push(format!("... /* {} */", pointer(here.0)));
            break;
        };
        let (header, is_told) = match messages {
            Messages::Sent { count } => (show_header(here, None, usize::MAX, shower), index < count),
            Messages::Received => {
                let room = shower.noted.get(index as usize).map(|room| *room as i32);
                (show_header(here, room, len as usize, shower), true)
            }
        };
        let told = if is_told { format!(", msg_len={len}") } else { String::new() };
        parts.push(format!("{{msg_hdr={header}{told}}}"));
    }
    format!("[{}]", parts.join(", "))
}

/// Prints a vector of `struct iovec`, of whose data the first `len` bytes count.
fn show_pieces(at: VirtAddr, count: u64, mut len: usize, shower: &mut Shower<'_>) -> String {
    let most = shower.limit as u64;
    let mut pieces = Vec::new();
    for index in 0..count.min(most) {
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
    if count > most {
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
        let bytes = rest.get(HEADER..len).unwrap_or_default();
        let data: Vec<i32> = bytes.chunks_exact(4).map(|chunk| word(chunk, 0) as i32).collect();
        let shown = match (level, kind, &data[..]) {
            (1, 1, fds) => format!("SCM_RIGHTS, cmsg_data={fds:?}"),
            (1, 2, [pid, uid, gid]) => {
                format!("SCM_CREDENTIALS, cmsg_data={{pid={pid}, uid={uid}, gid={gid}}}")
            }
            _ => {
                let kind = match level {
                    1 => format!("{kind:#x} /* SCM_??? */"),
                    0 => format!("{kind:#x} /* IP_??? */"),
                    _ => hex(kind.into()),
                };
                let shown = &bytes[..bytes.len().min(shower.limit)];
                match bytes {
                    [] => kind,
                    _ => format!("{kind}, cmsg_data={}", hex_quoted(shown, bytes.len() > shown.len())),
                }
            }
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
