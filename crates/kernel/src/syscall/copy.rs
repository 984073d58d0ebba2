//! Calls that move bytes from one description to another and never through user memory: sendfile(2), copy_file_range(2),
//! splice(2), tee(2); and vmsplice(2), which is a read or a write of a pipe (Linux 6.12 fs/splice.c, fs/read_write.c).

use super::args::UserPtr;
use super::file_types::SpliceFlags;
use super::transfer::{self, CHUNK, MAX_TRANSFER, Patience};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{Domain, FileType, Kind, MessageFlags, OpenFlags, OpenId, Outgoing, Position, Stop, Wait};
use crate::task::WaitKey;
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// One side of a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Side {
    open: OpenId,
    /// Where the copy begins, and the guest's word that says so; with none, at the description's own offset.
    at: Option<(u64, UserPtr<i64>)>,
}

impl Side {
    /// Returns where the copy goes on.
    fn position(&self, done: u64) -> Position {
        self.at.map_or(Position::Current, |(offset, _)| Position::At(offset + done))
    }

    /// Returns the offset at which the copy begins.
    fn offset(&self, ctx: &Ctx<'_>) -> u64 {
        self.at.map_or_else(|| ctx.kernel.fs.position(self.open), |(offset, _)| offset)
    }

    /// Tells whether the guest gave an offset before the start.
    fn is_negative(&self) -> bool {
        self.at.is_some_and(|(offset, _)| offset > i64::MAX as u64)
    }

    fn flags(&self, ctx: &Ctx<'_>) -> OpenFlags {
        ctx.kernel.fs.status_flags(self.open)
    }

    fn is_pipe(&self, ctx: &Ctx<'_>) -> bool {
        ctx.kernel.fs.pipe_capacity(self.open).is_ok()
    }
}

/// A copy that has not returned yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    from: Side,
    to: Side,
    len: u64,
    done: u64,
    /// Whether the source keeps its bytes (tee(2)).
    keeps_source: bool,
    patience: Patience,
    wait: Option<Wait>,
    /// How to receive, where the source is a socket.
    from_socket: Option<MessageFlags>,
}

impl Copy {
    fn new(from: Side, to: Side, len: u64, patience: Patience) -> Self {
        let len = len.min(MAX_TRANSFER);
        Self { from, to, len, done: 0, keeps_source: false, patience, wait: None, from_socket: None }
    }

    /// Returns both descriptions.
    pub(super) fn opens(&self) -> Vec<OpenId> {
        vec![self.from.open, self.to.open]
    }

    /// Returns what the copy waits for.
    pub(super) fn key(&self) -> Option<WaitKey> {
        self.wait.map(WaitKey::File)
    }

    /// Returns how much is copied already.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// Copies what is left, as far as the source has it and the target takes it. Whoever has copied something does not wait for
    /// more, except for room in what is no pipe.
    pub(super) fn run(mut self, ctx: &mut Ctx<'_>) -> SysResult {
        while self.done < self.len {
            match self.step(ctx) {
                Ok(0) => break,
                Ok(moved) => self.done += moved,
                Err(Stop::Wait(_)) if self.done > 0 && self.patience != Patience::All => break,
                Err(Stop::Wait(wait)) if self.patience == Patience::Never && !is_receiving(wait) => {
                    return Err(Errno::EAGAIN.into());
                }
                Err(Stop::Wait(wait)) => {
                    self.wait = Some(wait);
                    return Err(Flow::Block(Continuation::Copy(self)));
                }
                Err(Stop::Errno(errno)) => {
                    transfer::raise_signal_of(ctx, errno, 0);
                    if self.done == 0 {
                        return Err(errno.into());
                    }
                    break;
                }
            }
            if self.keeps_source {
                break;
            }
        }
        self.finish(ctx)
    }

    /// Stores the offsets to go on with.
    pub(super) fn finish(&self, ctx: &mut Ctx<'_>) -> SysResult {
        for (offset, word) in [self.from.at, self.to.at].into_iter().flatten() {
            ctx.write(word, (offset + self.done) as i64)?;
        }
        Ok(self.done)
    }

    /// Moves one piece.
    fn step(&self, ctx: &mut Ctx<'_>) -> Result<u64, Stop> {
        if self.from_socket.is_some() {
            return self.step_from_socket(ctx);
        }
        let want = (self.len - self.done).min(CHUNK) as usize;
        let (from, from_position) = (self.from.open, self.from.position(self.done));
        let bytes = transfer::begin(ctx, from, from_position, want)?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let moved = self.give(ctx, &bytes)?;
        if !self.keeps_source {
            ctx.kernel.fs.read_commit(from, from_position, moved as usize);
            ctx.wake_files();
        }
        Ok(moved)
    }
}

/// Tells whether a wait is one for a socket, which has its own patience.
fn is_receiving(wait: Wait) -> bool {
    matches!(wait, Wait::SocketReadable(_))
}

impl Copy {
    /// Moves what a socket has received into the pipe: of a stream what there is room for, or one message.
    fn step_from_socket(&self, ctx: &mut Ctx<'_>) -> Result<u64, Stop> {
        let flags = self.from_socket.unwrap_or(MessageFlags::empty());
        let is_stream = ctx.kernel.fs.socket_spec(self.from.open)?.kind == Kind::Stream;
        if self.done > 0 && !is_stream {
            return Ok(0);
        }
        let room = ctx.kernel.fs.pipe_room(self.to.open)?;
        let want = (self.len - self.done).min(CHUNK) as usize;
        let incoming = ctx.kernel.fs.receive_begin(self.from.open, want.min(room), flags)?;
        let moved = if incoming.bytes.is_empty() { 0 } else { self.give(ctx, &incoming.bytes)? };
        if moved > 0 || !is_stream {
            let rights = ctx.kernel.fs.receive_commit(self.from.open, moved as usize, flags);
            ctx.with_fs(|fs, env| rights.into_iter().for_each(|open| fs.close(env, open)));
        }
        ctx.wake_files();
        Ok(moved)
    }

    /// Writes bytes to the target, which may be a socket.
    fn give(&self, ctx: &mut Ctx<'_>, bytes: &[u8]) -> Result<u64, Stop> {
        let to = self.to.open;
        if ctx.kernel.fs.file_type(ctx.kernel.fs.node(to)) != FileType::Socket {
            return transfer::put(ctx, to, self.to.position(self.done), bytes);
        }
        let caller = ctx.socket_caller();
        let flags = MessageFlags::empty();
        let message = Outgoing { bytes, more: 0, to: None, rights: &[], claims: None, flags };
        let sent = ctx.with_fs(|fs, env| fs.send(env, to, &message, &caller));
        ctx.wake_files();
        sent.map(|sent| sent as u64)
    }
}

/// Returns a description that is open for reading.
fn source(ctx: &Ctx<'_>, fd: Fd) -> Result<OpenId, Errno> {
    let open = ctx.open_of(fd)?;
    if ctx.kernel.fs.status_flags(open).is_readable() { Ok(open) } else { Err(Errno::EBADF) }
}

/// Returns a description that is open for writing.
fn target(ctx: &Ctx<'_>, fd: Fd) -> Result<OpenId, Errno> {
    let open = ctx.open_of(fd)?;
    if ctx.kernel.fs.status_flags(open).is_writable() { Ok(open) } else { Err(Errno::EBADF) }
}

/// Makes one side, at the offset that `word` holds.
///
/// # Errors
/// `EFAULT`, and `without_offset` for a stream, which has none.
fn side(ctx: &mut Ctx<'_>, open: OpenId, word: UserPtr<i64>, without_offset: Errno) -> Result<Side, Errno> {
    if word.is_null() {
        return Ok(Side { open, at: None });
    }
    let offset = ctx.read(word)?;
    let is_socket = ctx.kernel.fs.file_type(ctx.kernel.fs.node(open)) == FileType::Socket;
    if is_socket || ctx.kernel.fs.is_stream(open) {
        return Err(without_offset);
    }
    Ok(Side { open, at: Some((offset as u64, word)) })
}

/// `sendfile(2)`.
pub(super) fn sendfile(ctx: &mut Ctx<'_>, to: Fd, from: Fd, offset: UserPtr<i64>, len: u64) -> SysResult {
    if !offset.is_null() {
        ctx.read(offset)?;
    }
    let from = source(ctx, from)?;
    let from = side(ctx, from, offset, Errno::ESPIPE)?;
    if len > i64::MAX as u64 || from.is_negative() {
        return Err(Errno::EINVAL.into());
    }
    let to = Side { open: target(ctx, to)?, at: None };
    let to_pipe = to.is_pipe(ctx);
    if !to_pipe && to.flags(ctx).contains(OpenFlags::APPEND) {
        return Err(Errno::EINVAL.into());
    }
    // Only what has an offset can be read again when the target takes less.
    let node = ctx.kernel.fs.node(from.open);
    if ctx.kernel.fs.is_directory(node)
        || ctx.kernel.fs.is_stream(from.open) && !(to_pipe && from.is_pipe(ctx))
    {
        return Err(Errno::EINVAL.into());
    }
    let patience = match to.flags(ctx).contains(OpenFlags::NONBLOCK) {
        true => Patience::Never,
        false if to_pipe => Patience::Some,
        false => Patience::All,
    };
    Copy::new(from, to, len, patience).run(ctx)
}

/// `copy_file_range(2)`, which copies between regular files.
pub(super) fn copy_file_range(
    ctx: &mut Ctx<'_>,
    from: Fd,
    from_offset: UserPtr<i64>,
    to: Fd,
    to_offset: UserPtr<i64>,
    len: u64,
    flags: u32,
) -> SysResult {
    ctx.file_of(from)?;
    ctx.file_of(to)?;
    let (from, to) = (ctx.open_of(from)?, ctx.open_of(to)?);
    let from = side(ctx, from, from_offset, Errno::EINVAL)?;
    let to = side(ctx, to, to_offset, Errno::EINVAL)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let nodes = [from, to].map(|side| ctx.kernel.fs.node(side.open));
    let types = nodes.map(|node| ctx.kernel.fs.file_type(node));
    if types.contains(&FileType::Directory) {
        return Err(Errno::EISDIR.into());
    }
    if types != [FileType::Regular; 2] {
        return Err(Errno::EINVAL.into());
    }
    let to_flags = to.flags(ctx);
    if !from.flags(ctx).is_readable() || !to_flags.is_writable() || to_flags.contains(OpenFlags::APPEND) {
        return Err(Errno::EBADF.into());
    }
    let [from_at, to_at] = [from, to].map(|side| side.offset(ctx));
    if [from_at, to_at].map(|at| at.checked_add(len)).contains(&None) {
        return Err(Errno::EOVERFLOW.into());
    }
    let size = ctx.with_fs(|fs, env| fs.stat(env, nodes[0])).size;
    let len = len.min(size.saturating_sub(from_at));
    if from.is_negative() || to.is_negative() {
        return Err(Errno::EINVAL.into());
    }
    if nodes[0] == nodes[1] && to_at + len > from_at && to_at < from_at + len {
        return Err(Errno::EINVAL.into());
    }
    Copy::new(from, to, len, Patience::All).run(ctx)
}

/// Decides whether a call on pipes waits.
fn patience(ctx: &Ctx<'_>, flags: SpliceFlags, pipes: &[Side]) -> Patience {
    let nonblocking = pipes.iter().any(|side| side.flags(ctx).contains(OpenFlags::NONBLOCK));
    if nonblocking || flags.0 & SpliceFlags::NONBLOCK != 0 { Patience::Never } else { Patience::Some }
}

/// `splice(2)`: between a pipe and something.
pub(super) fn splice(
    ctx: &mut Ctx<'_>,
    from: Fd,
    from_offset: UserPtr<i64>,
    to: Fd,
    to_offset: UserPtr<i64>,
    len: u64,
    flags: SpliceFlags,
) -> SysResult {
    if len == 0 {
        return Ok(0);
    }
    if flags.0 & !SpliceFlags::ALL != 0 {
        return Err(Errno::EINVAL.into());
    }
    ctx.file_of(from)?;
    ctx.file_of(to)?;
    let plain = |open| Side { open, at: None };
    let (from, to) = (plain(ctx.open_of(from)?), plain(ctx.open_of(to)?));
    let pipes = [from, to].map(|side| side.is_pipe(ctx));
    if pipes[0] && !from_offset.is_null() || pipes[1] && !to_offset.is_null() {
        return Err(Errno::ESPIPE.into());
    }
    let to = side(ctx, to.open, to_offset, Errno::EINVAL)?;
    let from = side(ctx, from.open, from_offset, Errno::EINVAL)?;
    if !from.flags(ctx).is_readable() || !to.flags(ctx).is_writable() {
        return Err(Errno::EBADF.into());
    }
    if from.is_negative() || to.is_negative() {
        return Err(Errno::EINVAL.into());
    }
    let nodes = [from, to].map(|side| ctx.kernel.fs.node(side.open));
    let patience = match pipes {
        [false, false] => return Err(Errno::EINVAL.into()),
        [true, true] if nodes[0] == nodes[1] => return Err(Errno::EINVAL.into()),
        [true, true] => patience(ctx, flags, &[from, to]),
        [true, false] if to.flags(ctx).contains(OpenFlags::APPEND) => return Err(Errno::EINVAL.into()),
        [true, false] => patience(ctx, flags, &[from]),
        [false, true] if ctx.kernel.fs.is_directory(nodes[0]) => return Err(Errno::EINVAL.into()),
        [false, true] => patience(ctx, flags, &[to]),
    };
    let mut copy = Copy::new(from, to, len, patience);
    if ctx.kernel.fs.file_type(nodes[0]) == FileType::Socket {
        copy.from_socket = Some(receive_flags(ctx, from.open, patience)?);
    }
    copy.run(ctx)
}

/// Says how splice(2) receives: AF_UNIX heeds `SPLICE_F_NONBLOCK` and pipes that do not wait, TCP the socket's own `O_NONBLOCK`
/// alone (Linux 6.12 net/unix/af_unix.c unix_stream_splice_read, net/ipv4/tcp.c tcp_splice_read).
fn receive_flags(ctx: &Ctx<'_>, open: OpenId, patience: Patience) -> Result<MessageFlags, Errno> {
    let mut flags = MessageFlags::empty();
    let is_unix_stream = ctx.kernel.fs.socket_spec(open).map(|spec| (spec.domain, spec.kind))?;
    let heeds = is_unix_stream == (Domain::Unix, Kind::Stream) && patience == Patience::Never;
    flags.set(MessageFlags::DONTWAIT, heeds);
    Ok(flags)
}

/// `tee(2)`: copies from a pipe to another, and leaves the bytes in the first.
pub(super) fn tee(ctx: &mut Ctx<'_>, from: Fd, to: Fd, len: u64, flags: SpliceFlags) -> SysResult {
    if flags.0 & !SpliceFlags::ALL != 0 {
        return Err(Errno::EINVAL.into());
    }
    if len == 0 {
        return Ok(0);
    }
    let from = Side { open: source(ctx, from)?, at: None };
    let to = Side { open: target(ctx, to)?, at: None };
    if !from.is_pipe(ctx) || !to.is_pipe(ctx) || ctx.kernel.fs.node(from.open) == ctx.kernel.fs.node(to.open)
    {
        return Err(Errno::EINVAL.into());
    }
    let patience = patience(ctx, flags, &[from, to]);
    let len = len.min(CHUNK);
    Copy { keeps_source: true, ..Copy::new(from, to, len, patience) }.run(ctx)
}

/// `vmsplice(2)`: writes pieces of memory into a pipe, or reads them from it.
pub(super) fn vmsplice(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    vector: VirtAddr,
    count: u64,
    flags: SpliceFlags,
) -> SysResult {
    if flags.0 & !SpliceFlags::ALL != 0 {
        return Err(Errno::EINVAL.into());
    }
    ctx.file_of(fd)?;
    let pipe = Side { open: ctx.open_of(fd)?, at: None };
    let writes = pipe.flags(ctx).is_writable();
    let count = i32::try_from(count).map_err(|_| Errno::EINVAL)?;
    let pieces = transfer::pieces(ctx, vector, count)?;
    if transfer::is_empty(&pieces) {
        return Ok(0);
    }
    if !pipe.is_pipe(ctx) {
        return Err(Errno::EBADF.into());
    }
    let patience = patience(ctx, flags, &[]);
    if writes {
        transfer::Write::new(pipe.open, Position::Current, pieces, patience).run(ctx)
    } else {
        transfer::Read::new(pipe.open, Position::Current, pieces, patience).run(ctx)
    }
}
