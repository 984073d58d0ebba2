//! Receiving: recvfrom(2), recvmsg(2), recvmmsg(2), and read(2) on a socket.

use super::header::{Control, Header, close_all};
use super::{Batch, Operation, SocketCall};
use crate::ctx::Ctx;
use crate::fs::{Incoming, Kind, MessageFlags, OpenId, Stop};
use crate::syscall::SysResult;
use crate::syscall::args::{Timespec, UserPtr};
use crate::syscall::socket_types::{HeaderOut, HeadersOut, LenInOut, MessageFlagsArg, OutAddress};
use crate::syscall::transfer::{MAX_PIECES, Piece, one, scatter};
use crate::syscall::types::OutBuffer;
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// What the program is told beside the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Nothing: read(2).
    Nothing,
    /// Who sent it: recvfrom(2).
    Source { at: VirtAddr, len: VirtAddr },
    /// All that a header has.
    Header(Header),
}

/// A message that is being received, or a stretch of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Receive {
    pieces: Vec<Piece>,
    flags: MessageFlags,
    answer: Answer,
    done: u64,
}

impl Receive {
    /// Reads the header that describes where a message goes.
    pub(super) fn message(
        ctx: &mut Ctx<'_>,
        _: OpenId,
        header: VirtAddr,
        flags: MessageFlags,
    ) -> Result<Self, Errno> {
        let header = Header::read(ctx, header)?;
        let pieces = header.pieces(ctx)?;
        Ok(Self { pieces, flags, answer: Answer::Header(header), done: 0 })
    }

    /// Returns the flags for the next message of recvmmsg(2).
    pub(super) fn later_flags(&self) -> MessageFlags {
        let mut flags = self.flags;
        if flags.contains(MessageFlags::WAITFORONE) {
            flags |= MessageFlags::DONTWAIT;
        }
        flags
    }

    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// Receives what there is now.
    pub(super) fn step(&mut self, ctx: &mut Ctx<'_>, open: OpenId) -> Result<u64, Stop> {
        let total: u64 = self.pieces.iter().map(Piece::len).sum();
        let target = ctx.kernel.fs.receive_target(open, total, self.flags)?;
        let is_stream = ctx.kernel.fs.socket_spec(open)?.kind == Kind::Stream;
        loop {
            let want = usize::try_from(total - self.done).unwrap_or(usize::MAX);
            let incoming = match ctx.kernel.fs.receive_begin(open, want, self.flags) {
                Err(Stop::Errno(_)) if self.done > 0 => return Ok(self.done),
                other => other?,
            };
            let copied = match scatter(ctx, &self.pieces, self.done, &incoming.bytes) {
                Err(copied) => {
                    if !is_stream {
                        // A message that could not be told is gone, as in Linux; of a stream, nothing is.
                        let rights = ctx.kernel.fs.receive_commit(open, copied, self.flags);
                        close_all(ctx, &rights);
                    }
                    return if self.done > 0 { Ok(self.done) } else { Err(Errno::EFAULT.into()) };
                }
                Ok(()) => incoming.bytes.len(),
            };
            let rights = if copied > 0 || !is_stream || !incoming.bytes.is_empty() {
                ctx.kernel.fs.receive_commit(open, copied, self.flags)
            } else {
                Vec::new()
            };
            ctx.wake_files();
            self.done += copied as u64;
            let peeks = self.flags.contains(MessageFlags::PEEK);
            if incoming.is_end || peeks || copied == 0 || self.done >= target {
                let told = self.finish(ctx, open, &incoming, &rights, is_stream);
                if told.is_err() {
                    // What was received is gone: the call fails all the same.
                    self.done = 0;
                }
                return told;
            }
        }
    }

    /// Tells the program of what it has got.
    fn finish(
        &self,
        ctx: &mut Ctx<'_>,
        open: OpenId,
        incoming: &Incoming,
        rights: &[OpenId],
        is_stream: bool,
    ) -> Result<u64, Stop> {
        let len = if self.flags.contains(MessageFlags::TRUNC) && !is_stream {
            incoming.full_len as u64
        } else {
            self.done
        };
        let source = match &incoming.source {
            Some(source) => ctx.kernel.fs.show_address(open, source)?,
            None => Vec::new(),
        };
        match &self.answer {
            Answer::Nothing => close_all(ctx, rights),
            Answer::Source { at, len } => {
                close_all(ctx, rights);
                if at.0 != 0 {
                    ctx.write_address(*at, *len, &source)?;
                }
            }
            Answer::Header(header) => {
                let mut control = Control::new(header);
                if let Some(writer) = incoming.writer {
                    control.store_credentials(ctx, writer);
                }
                if !rights.is_empty() {
                    control.store_rights(ctx, rights, self.flags);
                }
                let kept = self.flags & MessageFlags::CMSG_CLOEXEC;
                header.finish(ctx, &source, incoming.flags | control.flags | kept, control.used())?;
            }
        }
        Ok(len)
    }
}

/// `read(2)` and `readv(2)` on a socket.
pub(in crate::syscall) fn readv(ctx: &mut Ctx<'_>, open: OpenId, pieces: Vec<Piece>) -> SysResult {
    if pieces.iter().all(|piece| piece.len() == 0) {
        return Ok(0);
    }
    let receive = Receive { pieces, flags: MessageFlags::empty(), answer: Answer::Nothing, done: 0 };
    SocketCall::new(ctx, open, Operation::Receive(receive))?.run(ctx)
}

/// `recvfrom(2)`.
pub(in crate::syscall) fn recvfrom(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    buffer: OutBuffer,
    len: u64,
    flags: MessageFlagsArg,
    source: OutAddress,
    source_len: LenInOut,
) -> SysResult {
    let open = ctx.socket(fd)?;
    let answer = Answer::Source { at: source.0, len: source_len.0 };
    let receive = Receive { pieces: one(buffer.0, len), flags: flags.flags(), answer, done: 0 };
    SocketCall::new(ctx, open, Operation::Receive(receive))?.run(ctx)
}

/// `recvmsg(2)`.
pub(in crate::syscall) fn recvmsg(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    header: HeaderOut,
    flags: MessageFlagsArg,
) -> SysResult {
    let open = ctx.socket(fd)?;
    let receive = Receive::message(ctx, open, header.0, flags.flags())?;
    SocketCall::new(ctx, open, Operation::Receive(receive))?.run(ctx)
}

/// `recvmmsg(2)`.
pub(in crate::syscall) fn recvmmsg(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    headers: HeadersOut,
    count: u32,
    flags: MessageFlagsArg,
    timeout: UserPtr<Timespec>,
) -> SysResult {
    let until_ns = match timeout.is_null() {
        true => None,
        false => Some(ctx.now_ns().saturating_add(ctx.read(timeout)?.to_ns()?)),
    };
    let open = ctx.socket(fd)?;
    let count = count.min(MAX_PIECES as u32);
    if count == 0 {
        return Ok(0);
    }
    let receive = Receive::message(ctx, open, headers.0, flags.flags())?;
    let mut call = SocketCall::new(ctx, open, Operation::Receive(receive))?;
    call.batch = Some(Batch { at: headers.0, count, done: 0, until_ns });
    call.run(ctx)
}
