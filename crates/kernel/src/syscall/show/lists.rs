//! Sets and lists that the kernel changes in place, and vectors.

use super::{
    Bytes, Element, Pointee, Shower, When, follow, follow_array, is_beyond_memory, pointer, show_array,
    show_flags,
};
use crate::syscall::args::Arg;
use crate::syscall::{Arguments, CallResult};
use tine_mmu::VirtAddr;

/// `POLL*` of poll.
const POLL_EVENTS: [(u32, &str); 13] = [
    (0x1, "POLLIN"),
    (0x2, "POLLPRI"),
    (0x4, "POLLOUT"),
    (0x8, "POLLERR"),
    (0x10, "POLLHUP"),
    (0x20, "POLLNVAL"),
    (0x40, "POLLRDNORM"),
    (0x80, "POLLRDBAND"),
    (0x100, "POLLWRNORM"),
    (0x200, "POLLWRBAND"),
    (0x400, "POLLMSG"),
    (0x1000, "POLLREMOVE"),
    (0x2000, "POLLRDHUP"),
];

/// A `struct pollfd`, with the events that are wanted.
pub(in crate::syscall) struct PollFd;

impl Element for PollFd {
    const BYTES: usize = 8;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        match bytes.i32(0) {
            fd @ 0.. => {
                format!("{{fd={fd}, events={}}}", show_flags(bytes.u16(4), "0", &POLL_EVENTS))
            }
            fd => format!("{{fd={fd}}}"),
        }
    }
}

/// Prints the elements of an array of `struct pollfd` for which events came.
pub(super) fn came(shower: &mut Shower<'_>) -> String {
    let [at, count, ..] = shower.arguments;
    let mut parts = Vec::new();
    for index in 0..u64::from(count as u32) {
        let Some(bytes) = shower.whole(VirtAddr(at.wrapping_add(8 * index)), PollFd::BYTES) else { break };
        let (fd, events) = (Bytes(&bytes).i32(0), Bytes(&bytes).u16(6));
        if events != 0 {
            if parts.len() == shower.limit {
                parts.push("...".to_owned());
                break;
            }
            parts.push(format!("{{fd={fd}, revents={}}}", show_flags(events, "0", &POLL_EVENTS)));
        }
    }
    if parts.is_empty() { String::new() } else { format!("[{}]", parts.join(", ")) }
}

/// A set of descriptors, as many as the first argument says.
pub(in crate::syscall) struct FdSet;

impl FdSet {
    /// Returns the descriptors in the set.
    pub(super) fn members(at: VirtAddr, shower: &mut Shower<'_>) -> Option<Vec<usize>> {
        const MOST: usize = 1 << 20;
        let count = usize::try_from(shower.arguments[0] as i32).ok()?.min(MOST);
        let bytes = shower.whole(at, count.div_ceil(64) * 8)?;
        Some((0..count).filter(|fd| bytes[fd / 8] >> (fd % 8) & 1 != 0).collect())
    }
}

impl Pointee for FdSet {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        Self::members(at, shower).map(|members| bit_set(&members))
    }
}

fn bit_set(members: &[usize]) -> String {
    let members: Vec<_> = members.iter().map(usize::to_string).collect();
    format!("[{}]", members.join(" "))
}

/// A set of harts: of as many bytes as the second argument, or the result, says.
pub(in crate::syscall) struct HartSet;

impl Pointee for HartSet {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        const MOST_BYTES: u64 = 128;
        let len = match shower.result {
            Some(CallResult::Value(filled)) => filled,
            _ => shower.arguments[1],
        };
        let bytes = shower.whole(at, len.min(MOST_BYTES) as usize)?;
        let members: Vec<_> =
            (0..8 * bytes.len()).filter(|hart| bytes[hart / 8] >> (hart % 8) & 1 != 0).collect();
        Some(bit_set(&members))
    }
}

/// The answers of mincore: one byte for each page.
pub(in crate::syscall) struct Residency;

struct PageState;

impl Element for PageState {
    const BYTES: usize = 1;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        (bytes.u16(0) & 0xff).to_string()
    }
}

impl Pointee for Residency {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let pages = shower.arguments[1].div_ceil(tine_mmu::PAGE_SIZE);
        show_array::<PageState>(at, pages, shower)
    }
}

/// A vector of strings that ends with NULL: the arguments of a program.
pub(in crate::syscall) struct Strings;

impl Pointee for Strings {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let mut strings = Vec::new();
        for index in 0.. {
            let here = VirtAddr(at.0.wrapping_add(8 * index));
            match shower.whole(here, 8).map(|bytes| Bytes(&bytes).u64(0)) {
                Some(0) => break,
                None if index == 0 => return None,
                None => {
                    strings.push(format!("... /* {} */", pointer(here.0)));
                    break;
                }
                Some(_) if index == shower.limit as u64 => {
                    strings.push("...".to_owned());
                    break;
                }
                Some(string) => strings.push(shower.short_string(VirtAddr(string))),
            }
        }
        Some(format!("[{}]", strings.join(", ")))
    }
}

/// A vector of strings that ends with NULL, of which only the number is shown: an environment.
pub(in crate::syscall) struct Variables;

impl Pointee for Variables {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let address = pointer(at.0);
        let word = |shower: &mut Shower<'_>, index: u64| {
            let bytes = shower.whole(VirtAddr(at.0.wrapping_add(8 * index)), 8)?;
            Some(Bytes(&bytes).u64(0))
        };
        word(shower, 0)?;
        let (mut count, mut end) = (0, "");
        loop {
            match word(shower, count) {
                Some(0) => break,
                Some(_) => count += 1,
                None => {
                    end = ", unterminated";
                    break;
                }
            }
        }
        let plural = if count == 1 { "" } else { "s" };
        Some(format!("{address} /* {count} var{plural}{end} */"))
    }
}

/// A vector of buffers to write from; the next argument says how many.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct WriteVector(VirtAddr);

impl Arg for WriteVector {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        pieces(raw, u64::MAX, shower)
    }
}

impl From<WriteVector> for VirtAddr {
    fn from(vector: WriteVector) -> Self {
        vector.0
    }
}

/// A vector of buffers to read into; the next argument says how many, the result how far they are filled.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct ReadVector(VirtAddr);

impl Arg for ReadVector {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(filled)) => pieces(raw, filled, shower),
            _ => unread(raw, shower),
        }
    }
}

impl From<ReadVector> for VirtAddr {
    fn from(vector: ReadVector) -> Self {
        vector.0
    }
}

/// The memory of another process: where its pieces are; the next argument says how many.
#[derive(Clone, Copy, Debug)]
pub(in crate::syscall) struct RemoteVector(VirtAddr);

impl Arg for RemoteVector {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        unread(raw, shower)
    }
}

impl From<RemoteVector> for VirtAddr {
    fn from(vector: RemoteVector) -> Self {
        vector.0
    }
}

/// Prints the pieces of a vector without what they hold.
fn unread(raw: u64, shower: &mut Shower<'_>) -> String {
    let count = shower.arguments[shower.index + 1];
    follow_array::<Unread>(raw, count, shower)
}

/// A `struct iovec` whose buffer says nothing.
struct Unread;

impl Element for Unread {
    const BYTES: usize = 16;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        format!("{{iov_base={}, iov_len={}}}", pointer(bytes.u64(0)), bytes.u64(8))
    }
}

/// Prints the pieces of a vector with the first `len` bytes that they hold.
fn pieces(raw: u64, mut len: u64, shower: &mut Shower<'_>) -> String {
    let count = shower.arguments[shower.index + 1];
    if raw == 0 || is_beyond_memory::<Unread>(raw, count) {
        return pointer(raw);
    }
    let mut parts = Vec::new();
    for index in 0..count {
        if index == shower.limit as u64 {
            parts.push("...".to_owned());
            break;
        }
        let here = VirtAddr(raw.wrapping_add(16 * index));
        let Some(bytes) = shower.whole(here, 16) else {
            if index == 0 {
                return pointer(raw);
            }
            parts.push(format!("... /* {} */", pointer(here.0)));
            break;
        };
        let (base, piece_len) = (Bytes(&bytes).u64(0), Bytes(&bytes).u64(8));
        let shown = piece_len.min(len);
        len -= shown;
        let text = shower.buffer(VirtAddr(base), shown as usize);
        parts.push(format!("{{iov_base={text}, iov_len={piece_len}}}"));
    }
    format!("[{}]", parts.join(", "))
}

/// A pointer to a pointer to a signal mask and to its size, as pselect6 has it.
pub(in crate::syscall) struct MaskAndSize;

impl Pointee for MaskAndSize {
    fn show(at: VirtAddr, shower: &mut Shower<'_>) -> Option<String> {
        let bytes = shower.whole(at, 16)?;
        let (mask, size) = (Bytes(&bytes).u64(0), Bytes(&bytes).u64(8));
        let mask = if size == 8 { follow::<super::SigSet>(mask, shower) } else { pointer(mask) };
        Some(format!("{{sigmask={mask}, sigsetsize={size}}}"))
    }
}
