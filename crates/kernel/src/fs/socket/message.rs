//! Messages as send(2) and recv(2) move them, apart from user memory.

use super::{Address, OpenId};
use crate::Pid;
use bitflags::bitflags;

bitflags! {
    /// Flags of send(2) and recv(2), and of what recvmsg(2) says of a message (`MSG_*`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MessageFlags: u32 {
        /// `MSG_OOB`: out-of-band data.
        const OOB = 0x1;
        /// `MSG_PEEK`: what is read stays.
        const PEEK = 0x2;
        /// `MSG_CTRUNC`: control data did not fit.
        const CTRUNC = 0x8;
        /// `MSG_TRUNC`: the message did not fit; when receiving, say how long it was.
        const TRUNC = 0x20;
        /// `MSG_DONTWAIT`: do not sleep.
        const DONTWAIT = 0x40;
        /// `MSG_EOR`: the end of a record.
        const EOR = 0x80;
        /// `MSG_WAITALL`: sleep until all that was asked for is there.
        const WAITALL = 0x100;
        /// `MSG_ERRQUEUE`: receive from the queue of errors.
        const ERRQUEUE = 0x2000;
        /// `MSG_NOSIGNAL`: no SIGPIPE.
        const NOSIGNAL = 0x4000;
        /// `MSG_WAITFORONE`: recvmmsg(2) sleeps for the first message alone.
        const WAITFORONE = 0x1_0000;
        /// `MSG_CMSG_CLOEXEC`: descriptors that arrive are closed by exec.
        const CMSG_CLOEXEC = 0x4000_0000;
        /// Others, which mean nothing here.
        const _ = !0;
    }
}

/// `struct ucred`: who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ucred {
    /// The process.
    pub pid: Pid,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

impl Ucred {
    /// `SO_PEERCRED` of a socket that never had a peer.
    pub const UNKNOWN: Self = Self { pid: Pid(0), uid: u32::MAX, gid: u32::MAX };
    /// The writer of what was sent while nobody asked who did: `overflowuid` and `overflowgid`.
    pub const UNRECORDED: Self = Self { pid: Pid(0), uid: 65_534, gid: 65_534 };
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Outgoing<'a> {
    /// The bytes, which the caller has copied in.
    pub bytes: &'a [u8],
    /// How many more of the same message follow: only a stream takes a part.
    pub more: u64,
    /// The address to send to, as the program gave it.
    pub to: Option<&'a [u8]>,
    /// Descriptions that are passed along. Their references stay the caller's unless the message is taken.
    pub rights: &'a [OpenId],
    /// Who the sender claims to be (`SCM_CREDENTIALS`).
    pub claims: Option<Ucred>,
    /// Flags.
    pub flags: MessageFlags,
}

/// What a receive found. Nothing is consumed before [`super::super::Fs::receive_commit`].
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    /// The bytes, as many as were asked for at most.
    pub bytes: Vec<u8>,
    /// How long the message is; of a stream, as many as `bytes`.
    pub full_len: usize,
    /// Who sent it.
    pub source: Option<Address>,
    /// The credentials of who did, where the receiver asked for them.
    pub writer: Option<Ucred>,
    /// Whether the receive ends here although more lies in the queue: descriptors came along, another writer follows, or
    /// this was a message.
    pub is_end: bool,
    /// What is to be said of it.
    pub flags: MessageFlags,
}
