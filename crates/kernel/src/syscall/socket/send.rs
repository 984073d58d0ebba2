//! Sending: sendto(2), sendmsg(2), sendmmsg(2), and write(2) on a socket.

use super::header::{Header, Passed};
use super::{Batch, Operation, SocketCall};
use crate::ctx::Ctx;
use crate::fs::{Domain, Kind, MessageFlags, OpenId, Outgoing, Stop, Ucred};
use crate::syscall::SysResult;
use crate::syscall::socket_types::{AddressArg, HeaderIn, HeadersIn, MessageFlagsArg};
use crate::syscall::transfer::{MAX_PIECES, Piece, gather, one};
use crate::syscall::types::InBuffer;
use crate::task::{SI_USER, Signal};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// How much of a stream is copied in at a time.
const CHUNK: u64 = 256 << 10;
/// About how much of a stream Linux copies in at once.
const PACKET: usize = 32 << 10;
/// The longest message that any socket could take.
const LONGEST_MESSAGE: u64 = 1 << 20;

/// A message that is being sent, or a stretch of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Send {
    pieces: Vec<Piece>,
    flags: MessageFlags,
    to: Option<Vec<u8>>,
    rights: Vec<OpenId>,
    claims: Option<Ucred>,
    done: u64,
}

impl Send {
    fn new(pieces: Vec<Piece>, flags: MessageFlags, to: Option<Vec<u8>>) -> Self {
        Self { pieces, flags, to, rights: Vec::new(), claims: None, done: 0 }
    }

    /// Reads a message that a header describes.
    pub(super) fn message(
        ctx: &mut Ctx<'_>,
        open: OpenId,
        header: VirtAddr,
        flags: MessageFlags,
    ) -> Result<Self, Errno> {
        let header = Header::read(ctx, header)?;
        let to =
            if header.name_len > 0 { Some(ctx.read_address(header.name, header.name_len)?) } else { None };
        let pieces = header.pieces(ctx)?;
        let mut send = Self::new(pieces, flags, to);
        if ctx.kernel.fs.socket_spec(open)?.domain == Domain::Unix {
            let passed = Passed::read(ctx, &header)?;
            (send.rights, send.claims) = (passed.rights, passed.claims);
        }
        Ok(send)
    }

    pub(super) const fn flags(&self) -> MessageFlags {
        self.flags
    }

    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    pub(super) fn rights(&self) -> &[OpenId] {
        &self.rights
    }

    /// Sends as much as can be sent now.
    pub(super) fn step(&mut self, ctx: &mut Ctx<'_>, open: OpenId) -> Result<u64, Stop> {
        let is_stream = ctx.kernel.fs.socket_spec(open)?.kind == Kind::Stream;
        let total: u64 = self.pieces.iter().map(Piece::len).sum();
        loop {
            match self.send_some(ctx, open, total, is_stream) {
                Ok(sent) => {
                    // Descriptions and credentials go with the first bytes.
                    self.rights.clear();
                    self.done += sent;
                    if !is_stream || self.done >= total || sent == 0 {
                        return Ok(self.done);
                    }
                }
                Err(Stop::Errno(errno)) if self.done == 0 => {
                    if errno == Errno::EPIPE && is_stream && !self.flags.contains(MessageFlags::NOSIGNAL) {
                        let info = ctx.own_signal(Signal::SIGPIPE, SI_USER);
                        ctx.kernel.send_to_task(ctx.tid, info);
                    }
                    return Err(errno.into());
                }
                Err(Stop::Errno(_)) => return Ok(self.done),
                Err(wait) => return Err(wait),
            }
        }
    }

    fn send_some(&self, ctx: &mut Ctx<'_>, open: OpenId, total: u64, is_stream: bool) -> Result<u64, Stop> {
        let most = if is_stream { CHUNK } else { LONGEST_MESSAGE };
        let (mut bytes, faulted) = gather(ctx, &self.pieces, self.done, most);
        if faulted {
            // A packet that cannot be copied whole is not sent; those before it are.
            bytes.truncate(bytes.len() / PACKET * PACKET);
            if bytes.is_empty() || !is_stream {
                return Err(Errno::EFAULT.into());
            }
        }
        let caller = ctx.socket_caller();
        let message = Outgoing {
            bytes: &bytes,
            more: if faulted { 0 } else { total - self.done - bytes.len() as u64 },
            to: self.to.as_deref(),
            rights: &self.rights,
            claims: self.claims,
            flags: self.flags,
        };
        let sent = ctx.with_fs(|fs, env| fs.send(env, open, &message, &caller));
        ctx.wake_files();
        Ok(sent? as u64)
    }
}

/// `write(2)` and `writev(2)` on a socket.
pub(in crate::syscall) fn writev(ctx: &mut Ctx<'_>, open: OpenId, pieces: Vec<Piece>) -> SysResult {
    let send = Send::new(pieces, MessageFlags::empty(), None);
    SocketCall::new(ctx, open, Operation::Send(send))?.run(ctx)
}

/// `sendto(2)`.
pub(in crate::syscall) fn sendto(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    buffer: InBuffer,
    len: u64,
    flags: MessageFlagsArg,
    to: AddressArg,
    to_len: i32,
) -> SysResult {
    let open = ctx.socket(fd)?;
    let to = if to.0.0 == 0 { None } else { Some(ctx.read_address(to.0, to_len)?) };
    let to = to.filter(|to| !to.is_empty());
    let send = Send::new(one(buffer.0, len), flags.flags(), to);
    SocketCall::new(ctx, open, Operation::Send(send))?.run(ctx)
}

/// `sendmsg(2)`.
pub(in crate::syscall) fn sendmsg(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    header: HeaderIn,
    flags: MessageFlagsArg,
) -> SysResult {
    let open = ctx.socket(fd)?;
    let send = Send::message(ctx, open, header.0, flags.flags())?;
    SocketCall::new(ctx, open, Operation::Send(send))?.run(ctx)
}

/// `sendmmsg(2)`.
pub(in crate::syscall) fn sendmmsg(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    headers: HeadersIn,
    count: u32,
    flags: MessageFlagsArg,
) -> SysResult {
    let open = ctx.socket(fd)?;
    let count = count.min(MAX_PIECES as u32);
    if count == 0 {
        return Ok(0);
    }
    let send = Send::message(ctx, open, headers.0, flags.flags())?;
    let mut call = SocketCall::new(ctx, open, Operation::Send(send))?;
    call.batch = Some(Batch { at: headers.0, count, done: 0, until_ns: None });
    call.run(ctx)
}
