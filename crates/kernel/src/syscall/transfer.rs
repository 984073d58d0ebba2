//! Reading and writing: calls that move bytes between a description and pieces of user memory, and may sleep on the way.

use super::args::UserPtr;
use super::file_types::{RwFlags, Unused};
use super::socket::{read_socket, write_socket};
use super::terminal::check_transfer;
use super::types::{InBuffer, OutBuffer};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{Console, OpenId, Position, ReadSource, Stop, TtyEnd, TtyId, Wait, WriteTarget};
use crate::host::Stream;
use crate::task::{SI_USER, Signal, UNLIMITED, WaitKey};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// The most that one read or write moves (`MAX_RW_COUNT`).
pub(super) const MAX_TRANSFER: u64 = 0x7fff_f000;
/// How much is copied at a time: a guest's buffer may be as large as its memory.
pub(super) const CHUNK: u64 = 64 << 10;
/// The most pieces of readv and writev (`UIO_MAXIOV`).
pub(super) const MAX_PIECES: i32 = 1024;

/// How long a transfer waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Until all is moved, where the file waits at all.
    All,
    /// Until something is moved.
    Some,
    /// Not at all: it fails with `EAGAIN`.
    Never,
}

/// One piece of user memory to read into or write from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    at: VirtAddr,
    len: u64,
}

impl Piece {
    /// Returns how long it is.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }
}

/// Copies in up to `most` bytes behind the first `skip` of the pieces, and tells whether some could not be read.
pub(super) fn gather(ctx: &mut Ctx<'_>, pieces: &[Piece], mut skip: u64, most: u64) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    for piece in pieces {
        if skip >= piece.len {
            skip -= piece.len;
            continue;
        }
        let want = (piece.len - skip).min(most - bytes.len() as u64) as usize;
        let start = bytes.len();
        bytes.resize(start + want, 0);
        if let Err(copied) = ctx.read_bytes(piece.at + skip, &mut bytes[start..]) {
            bytes.truncate(start + copied);
            return (bytes, true);
        }
        skip = 0;
        if bytes.len() as u64 == most {
            break;
        }
    }
    (bytes, false)
}

/// Copies bytes to the pieces, behind the first `skip` of them.
///
/// # Errors
/// The bytes that were copied before one that cannot be written.
pub(super) fn scatter(ctx: &mut Ctx<'_>, pieces: &[Piece], mut skip: u64, bytes: &[u8]) -> Result<(), usize> {
    let mut done = 0;
    for piece in pieces {
        if skip >= piece.len {
            skip -= piece.len;
            continue;
        }
        let len = ((piece.len - skip) as usize).min(bytes.len() - done);
        ctx.write_bytes(piece.at + skip, &bytes[done..done + len]).map_err(|copied| done + copied)?;
        done += len;
        skip = 0;
    }
    Ok(())
}

/// A read that has not returned yet. It has moved nothing: a read that has got something returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    open: OpenId,
    position: Position,
    pieces: Vec<Piece>,
    patience: Patience,
    wait: Option<Wait>,
    /// When it first waited, in virtual nanoseconds.
    began_ns: Option<u64>,
    /// When it ends with what there is.
    deadline_ns: Option<u64>,
}

impl Read {
    /// Makes a read.
    pub(super) const fn new(
        open: OpenId,
        position: Position,
        pieces: Vec<Piece>,
        patience: Patience,
    ) -> Self {
        Self { open, position, pieces, patience, wait: None, began_ns: None, deadline_ns: None }
    }

    /// Returns when the read ends with what there is, in virtual nanoseconds.
    pub(super) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Returns the description that is read.
    pub(super) const fn open(&self) -> OpenId {
        self.open
    }

    /// Returns what the read waits for.
    pub(super) fn key(&self) -> Option<WaitKey> {
        self.wait.map(WaitKey::File)
    }

    /// Reads what there is now, and counts the call once it has ended.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        let result = self.transfer(ctx);
        if !matches!(result, Err(Flow::Block(_))) {
            let transfers = &mut ctx.process_mut().transfers;
            transfers.reads += 1;
            transfers.bytes_read += result.as_ref().unwrap_or(&0);
        }
        result
    }

    /// Reads into one piece after another until there is no more now.
    fn transfer(mut self, ctx: &mut Ctx<'_>) -> SysResult {
        check_transfer(ctx, self.open, Signal::SIGTTIN)?;
        if self.waited_in_vain(ctx) {
            return Err(Errno::EIO.into());
        }
        let mut done = 0;
        for piece in self.pieces.clone() {
            match self.fill(ctx, piece, done) {
                Ok(got) => {
                    done += got;
                    if got < piece.len {
                        break;
                    }
                }
                // What has arrived is returned; the error comes back with the next call.
                Err(_) if done > 0 => break,
                Err(Stop::Wait(_)) if self.patience == Patience::Never => return Err(Errno::EAGAIN.into()),
                Err(Stop::Wait(wait)) => {
                    let began_ns = *self.began_ns.get_or_insert(ctx.now_ns());
                    self.wait = Some(wait);
                    if let Wait::TtyTyped(tty) = wait {
                        self.deadline_ns = ctx.kernel.fs.typing_deadline_ns(tty, began_ns);
                        if self.deadline_ns.is_some_and(|deadline_ns| deadline_ns <= ctx.now_ns()) {
                            return self.take_typed(ctx, tty);
                        }
                        // A signal ends the wait for more of a raw read, and no restart begins it anew (n_tty_read).
                        if ctx.has_signal() && !ctx.kernel.fs.typed(tty, 1).is_empty() {
                            return self.take_typed(ctx, tty);
                        }
                    }
                    return Err(Flow::Block(Continuation::Read(self)));
                }
                Err(Stop::Errno(errno)) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    /// Tells whether the terminal at which the read waited is hung up: only a later read finds the end of the file.
    fn waited_in_vain(&self, ctx: &Ctx<'_>) -> bool {
        matches!(self.wait, Some(Wait::TtyTyped(tty)) if ctx.kernel.fs.tty_is_dead(tty, TtyEnd::Slave))
    }

    /// Ends a read that waits no longer for what is typed with what was.
    fn take_typed(&self, ctx: &mut Ctx<'_>, tty: TtyId) -> SysResult {
        let room: u64 = self.pieces.iter().map(Piece::len).sum();
        let bytes = ctx.kernel.fs.typed(tty, usize::try_from(room).unwrap_or(usize::MAX));
        let taken = scatter(ctx, &self.pieces, 0, &bytes).map_or_else(|copied| copied, |()| bytes.len());
        if taken == 0 && !bytes.is_empty() {
            return Err(Errno::EFAULT.into());
        }
        ctx.kernel.fs.read_commit(self.open, self.position, taken);
        ctx.wake_files();
        Ok(taken as u64)
    }

    fn fill(&self, ctx: &mut Ctx<'_>, piece: Piece, before: u64) -> Result<u64, Stop> {
        let mut done = 0;
        loop {
            let want = (piece.len - done).min(CHUNK);
            let position = match self.position {
                Position::At(offset) => Position::At(offset + before + done),
                other => other,
            };
            let bytes = match begin(ctx, self.open, position, want as usize) {
                Err(_) if done > 0 => return Ok(done),
                other => other?,
            };
            let copied = match ctx.write_bytes(piece.at + done, &bytes) {
                Ok(()) => bytes.len(),
                Err(copied) => copied,
            };
            if copied > 0 {
                ctx.kernel.fs.read_commit(self.open, position, copied);
                ctx.wake_files();
            }
            done += copied as u64;
            if copied < bytes.len() && done == 0 && before == 0 {
                return Err(Errno::EFAULT.into());
            }
            let stream = ctx.kernel.fs.is_stream(self.open);
            if copied < bytes.len()
                || (bytes.len() as u64) < want
                || done == piece.len
                || (stream && before + done > 0 && self.is_empty(ctx))
            {
                return Ok(done);
            }
        }
    }

    /// Tells whether another read of the stream would have to wait. How much the host has is not known before it is read.
    fn is_empty(&self, ctx: &mut Ctx<'_>) -> bool {
        let open = self.open;
        ctx.with_fs(|fs, env| fs.readable_bytes(env, open)).unwrap_or(0) == 0
    }
}

/// Begins a read of up to `want` bytes, which the caller commits, wherever they come from.
pub(super) fn begin(
    ctx: &mut Ctx<'_>,
    open: OpenId,
    position: Position,
    want: usize,
) -> Result<Vec<u8>, Stop> {
    match ctx.with_fs(|fs, env| fs.read_begin(env, open, position, want))? {
        ReadSource::Bytes(bytes) => Ok(bytes),
        ReadSource::Console => Ok(ctx.host.read(want)),
        ReadSource::Signals(wanted) => Ok(ctx.read_signals(wanted, want)),
        ReadSource::Pagemap(pid, offset) => Ok(ctx.pagemap(pid, offset, want)?),
        ReadSource::Memory(pid, at) => Ok(ctx.read_memory_of(pid, VirtAddr(at), want)?),
        ReadSource::Proc(node) => {
            let text = ctx.proc_text(node)?;
            Ok(ctx.kernel.fs.read_text(open, position, want, text))
        }
    }
}

/// Writes bytes wherever they go to, and returns how many.
pub(super) fn put(ctx: &mut Ctx<'_>, open: OpenId, position: Position, bytes: &[u8]) -> Result<u64, Stop> {
    let bytes = allowed(ctx, open, position, bytes)?;
    let target = ctx.fill_files(|fs, env| fs.write(env, open, position, bytes));
    ctx.wake_files();
    match target? {
        WriteTarget::Done(done) => Ok(done as u64),
        WriteTarget::Proc(place) => Ok(ctx.proc_write(place, bytes)?),
        WriteTarget::Memory(pid, at) => {
            let done = ctx.write_memory_of(pid, VirtAddr(at), bytes)?;
            ctx.kernel.fs.advance(open, position, done);
            Ok(done)
        }
        WriteTarget::Console(console) => {
            let stream = if console == Console::Stderr { Stream::Stderr } else { Stream::Stdout };
            if ctx.host.write(stream, bytes) { Ok(bytes.len() as u64) } else { Err(Errno::EPIPE.into()) }
        }
    }
}

/// Returns those of the bytes that the process may write to a file so large (`RLIMIT_FSIZE`).
///
/// # Errors
/// `EFBIG` when it is none.
fn allowed<'a>(
    ctx: &mut Ctx<'_>,
    open: OpenId,
    position: Position,
    bytes: &'a [u8],
) -> Result<&'a [u8], Errno> {
    let limit = ctx.file_size_limit();
    if limit == UNLIMITED || bytes.is_empty() {
        return Ok(bytes);
    }
    let Some(offset) = ctx.with_fs(|fs, env| fs.write_offset(env, open, position)) else { return Ok(bytes) };
    match limit.saturating_sub(offset) {
        0 => Err(Errno::EFBIG),
        room => Ok(&bytes[..bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX))]),
    }
}

/// A write that has not returned yet, and what it has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    open: OpenId,
    position: Position,
    pieces: Vec<Piece>,
    patience: Patience,
    done: u64,
    wait: Option<Wait>,
}

impl Write {
    /// Makes a write.
    pub(super) const fn new(
        open: OpenId,
        position: Position,
        pieces: Vec<Piece>,
        patience: Patience,
    ) -> Self {
        Self { open, position, pieces, patience, done: 0, wait: None }
    }

    /// Returns the description that is written.
    pub(super) const fn open(&self) -> OpenId {
        self.open
    }

    /// Returns what the write waits for.
    pub(super) fn key(&self) -> Option<WaitKey> {
        self.wait.map(WaitKey::File)
    }

    /// Returns how much is written already.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Writes what is left, and counts the call once it has ended.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        let result = self.transfer(ctx);
        if !matches!(result, Err(Flow::Block(_))) {
            let transfers = &mut ctx.process_mut().transfers;
            transfers.writes += 1;
            transfers.bytes_written += result.as_ref().unwrap_or(&0);
        }
        result
    }

    fn transfer(mut self, ctx: &mut Ctx<'_>) -> SysResult {
        check_transfer(ctx, self.open, Signal::SIGTTOU)?;
        loop {
            let (bytes, faulted) = gather(ctx, &self.pieces, self.done, CHUNK);
            if bytes.is_empty() && faulted {
                return if self.done > 0 { Ok(self.done) } else { Err(Errno::EFAULT.into()) };
            }
            match put(ctx, self.open, self.position(), &bytes) {
                Ok(wrote) => {
                    self.done += wrote;
                    let total: u64 = self.pieces.iter().map(|piece| piece.len).sum();
                    if faulted || self.done >= total || (wrote == 0 && !bytes.is_empty()) {
                        return Ok(self.done);
                    }
                }
                Err(Stop::Wait(_)) if self.patience != Patience::All && self.done > 0 => return Ok(self.done),
                Err(Stop::Wait(_)) if self.patience == Patience::Never => return Err(Errno::EAGAIN.into()),
                Err(Stop::Wait(wait)) => {
                    self.wait = Some(wait);
                    return Err(Flow::Block(Continuation::Write(self)));
                }
                Err(Stop::Errno(errno)) => return self.fail(ctx, errno),
            }
        }
    }

    fn fail(&self, ctx: &mut Ctx<'_>, errno: Errno) -> SysResult {
        raise_signal_of(ctx, errno, self.done);
        if self.done > 0 { Ok(self.done) } else { Err(errno.into()) }
    }

    /// Returns where the next bytes go.
    fn position(&self) -> Position {
        match self.position {
            Position::Current | Position::End => self.position,
            Position::At(offset) => Position::At(offset + self.done),
            Position::Exactly(offset) => Position::Exactly(offset + self.done),
        }
    }
}

/// Sends the signal that goes with an errno: SIGPIPE, or SIGXFSZ where the limit of file sizes let nothing through.
pub(super) fn raise_signal_of(ctx: &mut Ctx<'_>, errno: Errno, done: u64) {
    let signal = match errno {
        Errno::EPIPE => Signal::SIGPIPE,
        Errno::EFBIG if done == 0 && ctx.file_size_limit() != UNLIMITED => Signal::SIGXFSZ,
        _ => return,
    };
    let info = ctx.own_signal(signal, SI_USER);
    ctx.kernel.send_to_task(ctx.tid, info);
}

/// Returns a single piece.
pub(super) fn one(at: VirtAddr, len: u64) -> Vec<Piece> {
    vec![Piece { at, len: len.min(MAX_TRANSFER) }]
}

fn offset(at: i64) -> Result<Position, Errno> {
    u64::try_from(at).map(Position::At).map_err(|_| Errno::EINVAL)
}

/// Reads the pieces of readv and writev.
pub(super) fn pieces(ctx: &mut Ctx<'_>, vector: VirtAddr, count: i32) -> Result<Vec<Piece>, Errno> {
    if !(0..=MAX_PIECES).contains(&count) {
        return Err(Errno::EINVAL);
    }
    let mut room = MAX_TRANSFER;
    let mut pieces = Vec::new();
    for index in 0..count as u64 {
        let [at, len] = ctx.read(UserPtr::<[u64; 2]>::new(vector + 16 * index))?;
        if len > i64::MAX as u64 {
            return Err(Errno::EINVAL);
        }
        // A piece that no address space could hold fails before any is done (Linux 6.12 lib/iov_iter.c `__import_iovec`).
        if at.checked_add(len).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EFAULT);
        }
        let len = len.min(room);
        room -= len;
        pieces.push(Piece { at: VirtAddr(at), len });
    }
    Ok(pieces)
}

/// Reads at the description's own offset. A socket has none: it receives.
fn read_pieces(ctx: &mut Ctx<'_>, open: OpenId, pieces: Vec<Piece>) -> SysResult {
    if ctx.kernel.fs.socket_of(open).is_ok() {
        return read_socket(ctx, open, pieces);
    }
    Read::new(open, Position::Current, pieces, Patience::Some).run(ctx)
}

/// Writes at the description's own offset. A socket has none: it sends.
fn write_pieces(ctx: &mut Ctx<'_>, open: OpenId, pieces: Vec<Piece>) -> SysResult {
    if ctx.kernel.fs.socket_of(open).is_ok() {
        return write_socket(ctx, open, pieces);
    }
    Write::new(open, Position::Current, pieces, Patience::All).run(ctx)
}

/// Tells whether there is nothing to move.
pub(super) fn is_empty(pieces: &[Piece]) -> bool {
    pieces.iter().all(|piece| piece.len == 0)
}

/// `read(2)`.
pub(super) fn read(ctx: &mut Ctx<'_>, fd: Fd, buffer: OutBuffer, len: u64) -> SysResult {
    let open = ctx.open_of(fd)?;
    read_pieces(ctx, open, one(buffer.0, len))
}

/// `readv(2)`.
pub(super) fn readv(ctx: &mut Ctx<'_>, fd: Fd, vector: VirtAddr, count: i32) -> SysResult {
    let open = ctx.open_of(fd)?;
    let pieces = pieces(ctx, vector, count)?;
    read_pieces(ctx, open, pieces)
}

/// `pread64(2)`.
pub(super) fn pread64(ctx: &mut Ctx<'_>, fd: Fd, buffer: OutBuffer, len: u64, at: i64) -> SysResult {
    let position = offset(at)?;
    let open = ctx.open_of(fd)?;
    Read::new(open, position, one(buffer.0, len), Patience::Some).run(ctx)
}

/// `write(2)`.
pub(super) fn write(ctx: &mut Ctx<'_>, fd: Fd, buffer: InBuffer, len: u64) -> SysResult {
    let open = ctx.open_of(fd)?;
    write_pieces(ctx, open, one(buffer.0, len))
}

/// `writev(2)`.
pub(super) fn writev(ctx: &mut Ctx<'_>, fd: Fd, vector: VirtAddr, count: i32) -> SysResult {
    let open = ctx.open_of(fd)?;
    let pieces = pieces(ctx, vector, count)?;
    write_pieces(ctx, open, pieces)
}

/// `pwrite64(2)`.
pub(super) fn pwrite64(ctx: &mut Ctx<'_>, fd: Fd, buffer: InBuffer, len: u64, at: i64) -> SysResult {
    let position = offset(at)?;
    let open = ctx.open_of(fd)?;
    Write::new(open, position, one(buffer.0, len), Patience::All).run(ctx)
}

/// `preadv(2)`.
pub(super) fn preadv(ctx: &mut Ctx<'_>, fd: Fd, vector: VirtAddr, count: i32, at: i64) -> SysResult {
    let position = offset(at)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.check_position(open, position)?;
    let pieces = pieces(ctx, vector, count)?;
    Read::new(open, position, pieces, Patience::Some).run(ctx)
}

/// `pwritev(2)`.
pub(super) fn pwritev(ctx: &mut Ctx<'_>, fd: Fd, vector: VirtAddr, count: i32, at: i64) -> SysResult {
    let position = offset(at)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.check_position(open, position)?;
    let pieces = pieces(ctx, vector, count)?;
    Write::new(open, position, pieces, Patience::All).run(ctx)
}

/// Returns where preadv2 and pwritev2 begin: -1 is the description's own offset.
fn offset_or_current(at: i64) -> Result<Position, Errno> {
    if at == -1 { Ok(Position::Current) } else { offset(at) }
}

/// Returns how long a transfer with these flags waits (Linux 6.12 include/linux/fs.h kiocb_set_rw_flags). Only a pipe knows how
/// not to wait.
///
/// # Errors
/// `EOPNOTSUPP` for what the file does not do.
fn patience(ctx: &Ctx<'_>, open: OpenId, flags: RwFlags, otherwise: Patience) -> Result<Patience, Errno> {
    if flags.0 & !RwFlags::ALL != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if flags.0 & RwFlags::APPEND != 0 && flags.0 & RwFlags::NOAPPEND != 0 {
        return Err(Errno::EINVAL);
    }
    match flags.0 & RwFlags::NOWAIT != 0 {
        true if ctx.kernel.fs.is_stream(open) => Ok(Patience::Never),
        true => Err(Errno::EOPNOTSUPP),
        false => Ok(otherwise),
    }
}

/// `preadv2(2)`; the high half of the offset is in the low one.
pub(super) fn preadv2(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    vector: VirtAddr,
    count: i32,
    at: i64,
    _high: Unused,
    flags: RwFlags,
) -> SysResult {
    let position = offset_or_current(at)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.check_position(open, position)?;
    let pieces = pieces(ctx, vector, count)?;
    if !ctx.kernel.fs.status_flags(open).is_readable() {
        return Err(Errno::EBADF.into());
    }
    let patience = patience(ctx, open, flags, Patience::Some)?;
    Read::new(open, position, pieces, patience).run(ctx)
}

/// `pwritev2(2)`; the high half of the offset is in the low one.
pub(super) fn pwritev2(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    vector: VirtAddr,
    count: i32,
    at: i64,
    _high: Unused,
    flags: RwFlags,
) -> SysResult {
    let position = offset_or_current(at)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.check_position(open, position)?;
    let pieces = pieces(ctx, vector, count)?;
    if !ctx.kernel.fs.status_flags(open).is_writable() {
        return Err(Errno::EBADF.into());
    }
    let patience = patience(ctx, open, flags, Patience::All)?;
    let position = match position {
        Position::At(_) if flags.0 & RwFlags::APPEND != 0 => Position::End,
        Position::At(offset) if flags.0 & RwFlags::NOAPPEND != 0 => Position::Exactly(offset),
        other => other,
    };
    Write::new(open, position, pieces, patience).run(ctx)
}
