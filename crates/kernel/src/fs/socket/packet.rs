//! What lies in a socket's queue, and what it costs whom.

use super::message::Ucred;
use super::{Address, OpenId, SocketId};

/// Size of `struct sk_buff`, rounded up to a cache line.
const SK_BUFF: usize = 256;
/// Size of `struct skb_shared_info`, rounded up to a cache line.
const SHARED_INFO: usize = 320;
const PAGE: usize = tine_mmu::PAGE_SIZE as usize;
/// The most bytes that a head of one page holds (`SKB_MAX_HEAD(0)`).
pub(super) const MAX_HEAD: usize = PAGE - SHARED_INFO;

/// What was sent at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Packet {
    pub(super) bytes: Vec<u8>,
    /// How many of them are read already: of a stream, one may read a part.
    pub(super) read: usize,
    /// The address of the sender.
    pub(super) source: Option<Address>,
    /// Who sent it, where somebody asked for that.
    pub(super) writer: Option<Ucred>,
    /// Descriptions that are passed along, each with a reference.
    pub(super) rights: Vec<OpenId>,
    /// What it costs whoever is charged for it.
    pub(super) cost: usize,
    /// Whether it is the urgent byte of an AF_UNIX stream.
    pub(super) is_urgent: bool,
    /// The socket that it is charged to until it is received.
    pub(super) sender: Option<SocketId>,
}

impl Packet {
    /// Returns the bytes that are not read yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.read..]
    }
}

/// Returns what Linux charges for a packet with so many bytes in its head and so many in pages of their own (`truesize`;
/// Linux 6.12 net/core/skbuff.c alloc_skb_with_frags).
pub(super) fn true_size(head: usize, paged: usize) -> usize {
    let head = (head.next_multiple_of(64) + SHARED_INFO).next_power_of_two();
    SK_BUFF + head + paged.next_multiple_of(PAGE)
}
