//! Calls about files and descriptors.

use super::args::{UserPtr, UserValue};
use super::types::{
    AtFlags, DirFd, InBuffer, Mode, OpenArg, Out, OutBuffer, PathPtr, RenameFlags as RenameArg, Whence,
};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{
    AccessMode, At, Console, LookupFlags, Node, OnExec, OpenFlags, OpenId, Position, ReadSource, RenameFlags,
    Seek, Stop, Wait, WriteTarget,
};
use crate::host::Stream;
use crate::task::{SI_USER, Signal, SignalInfo, WaitKey};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `RLIMIT_NOFILE`.
const MAX_FDS: u64 = 1024;
/// The most that one read or write moves (`MAX_RW_COUNT`).
const MAX_TRANSFER: u64 = 0x7fff_f000;
/// How much is copied at a time: a guest's buffer may be as large as its memory.
const CHUNK: u64 = 64 << 10;
/// The most pieces of readv and writev (`UIO_MAXIOV`).
const MAX_PIECES: i32 = 1024;

impl WaitKey {
    pub(crate) fn of(wait: Wait) -> Self {
        match wait {
            Wait::PipeReadable(pipe) => Self::PipeReadable(pipe),
            Wait::PipeWritable(pipe) => Self::PipeWritable(pipe),
        }
    }
}

/// One piece of user memory to read into or write from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    at: VirtAddr,
    len: u64,
}

/// A read that has not returned yet. It has moved nothing: a read that has got something returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    open: OpenId,
    position: Position,
    pieces: Vec<Piece>,
    wait: Option<Wait>,
}

impl Read {
    /// Returns what the read waits for.
    pub(super) fn key(&self) -> Option<WaitKey> {
        self.wait.map(WaitKey::of)
    }

    /// Reads into one piece after another until there is no more now.
    pub(super) fn run(mut self, ctx: &mut Ctx<'_>) -> SysResult {
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
                Err(Stop::Wait(wait)) => {
                    self.wait = Some(wait);
                    return Err(Flow::Block(Continuation::Read(self)));
                }
                Err(Stop::Errno(errno)) => return Err(errno.into()),
            }
        }
        Ok(done)
    }

    fn fill(&self, ctx: &mut Ctx<'_>, piece: Piece, before: u64) -> Result<u64, Stop> {
        let mut done = 0;
        loop {
            let want = (piece.len - done).min(CHUNK);
            let position = match self.position {
                Position::Current => Position::Current,
                Position::At(offset) => Position::At(offset + before + done),
            };
            let bytes = match self.begin(ctx, position, want as usize) {
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

    /// Tells whether another read of the stream would have to wait.
    fn is_empty(&self, ctx: &mut Ctx<'_>) -> bool {
        let open = self.open;
        ctx.with_fs(|fs, env| fs.readable_bytes(env, open)) == Some(0)
    }

    fn begin(&self, ctx: &mut Ctx<'_>, position: Position, want: usize) -> Result<Vec<u8>, Stop> {
        let open = self.open;
        match ctx.with_fs(|fs, env| fs.read_begin(env, open, position, want))? {
            ReadSource::Bytes(bytes) => Ok(bytes),
            ReadSource::Console => Ok(ctx.host.read(want)),
            ReadSource::Proc(node) => {
                let text = ctx.proc_text(node).ok_or(Errno::ESRCH)?;
                Ok(ctx.kernel.fs.read_text(open, position, want, text))
            }
        }
    }
}

/// A write that has not returned yet, and what it has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    open: OpenId,
    position: Position,
    pieces: Vec<Piece>,
    done: u64,
    wait: Option<Wait>,
}

impl Write {
    /// Returns what the write waits for.
    pub(super) fn key(&self) -> Option<WaitKey> {
        self.wait.map(WaitKey::of)
    }

    /// Returns how much is written already.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// Writes what is left.
    pub(super) fn run(mut self, ctx: &mut Ctx<'_>) -> SysResult {
        loop {
            let (bytes, faulted) = self.next_bytes(ctx);
            if bytes.is_empty() && faulted {
                return if self.done > 0 { Ok(self.done) } else { Err(Errno::EFAULT.into()) };
            }
            match self.put(ctx, &bytes) {
                Ok(wrote) => {
                    self.done += wrote;
                    let total: u64 = self.pieces.iter().map(|piece| piece.len).sum();
                    if faulted || self.done >= total || (wrote == 0 && !bytes.is_empty()) {
                        return Ok(self.done);
                    }
                }
                Err(Stop::Wait(wait)) => {
                    self.wait = Some(wait);
                    return Err(Flow::Block(Continuation::Write(self)));
                }
                Err(Stop::Errno(errno)) => return self.fail(ctx, errno),
            }
        }
    }

    fn fail(&self, ctx: &mut Ctx<'_>, errno: Errno) -> SysResult {
        if errno == Errno::EPIPE {
            let (tid, pid) = (ctx.tid, ctx.pid);
            ctx.kernel.send_to_task(tid, SignalInfo::sent(Signal::SIGPIPE, SI_USER, pid));
        }
        if self.done > 0 { Ok(self.done) } else { Err(errno.into()) }
    }

    /// Copies in the bytes that are written next, and tells whether some could not be read.
    fn next_bytes(&self, ctx: &mut Ctx<'_>) -> (Vec<u8>, bool) {
        let mut skip = self.done;
        let mut bytes = Vec::new();
        for piece in &self.pieces {
            if skip >= piece.len {
                skip -= piece.len;
                continue;
            }
            let want = (piece.len - skip).min(CHUNK - bytes.len() as u64) as usize;
            let start = bytes.len();
            bytes.resize(start + want, 0);
            if let Err(copied) = ctx.read_bytes(piece.at + skip, &mut bytes[start..]) {
                bytes.truncate(start + copied);
                return (bytes, true);
            }
            skip = 0;
            if bytes.len() as u64 == CHUNK {
                break;
            }
        }
        (bytes, false)
    }

    fn put(&self, ctx: &mut Ctx<'_>, bytes: &[u8]) -> Result<u64, Stop> {
        let open = self.open;
        let position = match self.position {
            Position::Current => Position::Current,
            Position::At(offset) => Position::At(offset + self.done),
        };
        let target = ctx.with_fs(|fs, env| fs.write(env, open, position, bytes));
        ctx.wake_files();
        match target? {
            WriteTarget::Done(done) => Ok(done as u64),
            WriteTarget::Console(console) => {
                let stream = if console == Console::Stderr { Stream::Stderr } else { Stream::Stdout };
                if ctx.host.write(stream, bytes) { Ok(bytes.len() as u64) } else { Err(Errno::EPIPE.into()) }
            }
        }
    }
}

fn one(at: VirtAddr, len: u64) -> Vec<Piece> {
    vec![Piece { at, len: len.min(MAX_TRANSFER) }]
}

fn offset(at: i64) -> Result<Position, Errno> {
    u64::try_from(at).map(Position::At).map_err(|_| Errno::EINVAL)
}

/// Reads the pieces of readv and writev.
fn pieces(ctx: &mut Ctx<'_>, vector: VirtAddr, count: i32) -> Result<Vec<Piece>, Errno> {
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
        let len = len.min(room);
        room -= len;
        pieces.push(Piece { at: VirtAddr(at), len });
    }
    Ok(pieces)
}

/// `read(2)`.
pub(super) fn read(ctx: &mut Ctx<'_>, fd: Fd, buffer: OutBuffer, len: u64) -> SysResult {
    let open = ctx.open_of(fd)?;
    Read { open, position: Position::Current, pieces: one(buffer.0, len), wait: None }.run(ctx)
}

/// `readv(2)`.
pub(super) fn readv(ctx: &mut Ctx<'_>, fd: Fd, vector: VirtAddr, count: i32) -> SysResult {
    let open = ctx.open_of(fd)?;
    let pieces = pieces(ctx, vector, count)?;
    Read { open, position: Position::Current, pieces, wait: None }.run(ctx)
}

/// `pread64(2)`.
pub(super) fn pread64(ctx: &mut Ctx<'_>, fd: Fd, buffer: OutBuffer, len: u64, at: i64) -> SysResult {
    let position = offset(at)?;
    let open = ctx.open_of(fd)?;
    Read { open, position, pieces: one(buffer.0, len), wait: None }.run(ctx)
}

/// `write(2)`.
pub(super) fn write(ctx: &mut Ctx<'_>, fd: Fd, buffer: InBuffer, len: u64) -> SysResult {
    let open = ctx.open_of(fd)?;
    Write { open, position: Position::Current, pieces: one(buffer.0, len), done: 0, wait: None }.run(ctx)
}

/// `writev(2)`.
pub(super) fn writev(ctx: &mut Ctx<'_>, fd: Fd, vector: VirtAddr, count: i32) -> SysResult {
    let open = ctx.open_of(fd)?;
    let pieces = pieces(ctx, vector, count)?;
    Write { open, position: Position::Current, pieces, done: 0, wait: None }.run(ctx)
}

/// `pwrite64(2)`.
pub(super) fn pwrite64(ctx: &mut Ctx<'_>, fd: Fd, buffer: InBuffer, len: u64, at: i64) -> SysResult {
    let position = offset(at)?;
    let open = ctx.open_of(fd)?;
    Write { open, position, pieces: one(buffer.0, len), done: 0, wait: None }.run(ctx)
}

/// `lseek(2)`.
pub(super) fn lseek(ctx: &mut Ctx<'_>, fd: Fd, offset: i64, whence: Whence) -> SysResult {
    let open = ctx.open_of(fd)?;
    let seek = match whence.0 {
        0 => Seek::Start(offset),
        1 => Seek::Current(offset),
        2 => Seek::End(offset),
        3 => Seek::Data(offset),
        4 => Seek::Hole(offset),
        _ => return Err(Errno::EINVAL.into()),
    };
    Ok(ctx.with_fs(|fs, env| fs.seek(env, open, seek))?)
}

fn on_exec(flags: OpenFlags) -> OnExec {
    if flags.contains(OpenFlags::CLOEXEC) { OnExec::Close } else { OnExec::Keep }
}

/// `openat(2)`.
pub(super) fn openat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, flags: OpenArg, mode: Mode) -> SysResult {
    let path = ctx.read_path(path.0)?;
    // Like Linux, bits without a meaning are ignored; a 64-bit kernel adds O_LARGEFILE.
    let flags = OpenFlags::from_bits_truncate(flags.0) | OpenFlags::LARGEFILE;
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), MAX_FDS)?;
    let permissions = ctx.kernel.fs.mask(ctx.process().work_dir, mode.0);
    let opened = ctx.at_path(dir, &path, |fs, env, at| fs.open(env, at, flags, permissions))?;
    ctx.unmap_truncated(opened.truncated);
    ctx.kernel.fs.put_fd(files, fd, opened.open, on_exec(flags));
    Ok(fd.0 as u64)
}

/// `close(2)`.
pub(super) fn close(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let files = ctx.files();
    ctx.with_fs(|fs, env| fs.close_fd(env, files, fd))?;
    ctx.wake_files();
    Ok(0)
}

/// `pipe2(2)`: makes a pipe and stores its two descriptors at `fds`.
pub(super) fn pipe2(ctx: &mut Ctx<'_>, fds: Out<[i32; 2]>, flags: OpenArg) -> SysResult {
    let flags = OpenFlags::from_bits(flags.0).ok_or(Errno::EINVAL)?;
    if !(OpenFlags::CLOEXEC | OpenFlags::NONBLOCK).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let files = ctx.files();
    let (reader, writer) = ctx.with_fs(|fs, env| fs.pipe(env, flags));
    let placed = ctx.with_fs(|fs, env| {
        let place = |fs: &mut crate::fs::Fs, open| {
            let fd = fs.lowest_fd(files, Fd(0), MAX_FDS)?;
            fs.put_fd(files, fd, open, on_exec(flags));
            Ok::<_, Errno>(fd)
        };
        let first = place(fs, reader).inspect_err(|_| fs.close(env, reader));
        let second = place(fs, writer).inspect_err(|_| fs.close(env, writer));
        match (first, second) {
            (Ok(first), Ok(second)) => Ok([first, second]),
            (first, second) => {
                for fd in [first, second].into_iter().flatten() {
                    fs.close_fd(env, files, fd)?;
                }
                Err(Errno::EMFILE)
            }
        }
    })?;
    if let Err(errno) = ctx.write(fds.pointer(), placed.map(|fd| fd.0)) {
        // The guest never learned the numbers, so it could never close them.
        ctx.with_fs(|fs, env| placed.into_iter().try_for_each(|fd| fs.close_fd(env, files, fd)))?;
        return Err(errno.into());
    }
    Ok(0)
}

/// `dup(2)`.
pub(super) fn dup(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let files = ctx.files();
    Ok(ctx.kernel.fs.dup_fd(files, fd, Fd(0), MAX_FDS, OnExec::Keep)?.0 as u64)
}

/// `dup3(2)`.
pub(super) fn dup3(ctx: &mut Ctx<'_>, old: Fd, new: Fd, flags: OpenArg) -> SysResult {
    let flags = OpenFlags::from_bits(flags.0)
        .filter(|flags| OpenFlags::CLOEXEC.contains(*flags))
        .ok_or(Errno::EINVAL)?;
    let files = ctx.files();
    let fd = ctx.with_fs(|fs, env| fs.dup_fd_to(env, files, old, new, MAX_FDS, on_exec(flags)))?;
    ctx.wake_files();
    Ok(fd.0 as u64)
}

/// `fcntl(2)`: descriptors, their flags, status flags and pipe sizes. Locks, leases and owners are `EINVAL`.
pub(super) fn fcntl(ctx: &mut Ctx<'_>, fd: Fd, command: u32, argument: u64) -> SysResult {
    const F_DUPFD: u32 = 0;
    const F_GETFD: u32 = 1;
    const F_SETFD: u32 = 2;
    const F_GETFL: u32 = 3;
    const F_SETFL: u32 = 4;
    const F_DUPFD_CLOEXEC: u32 = 1030;
    const F_SETPIPE_SZ: u32 = 1031;
    const F_GETPIPE_SZ: u32 = 1032;
    const FD_CLOEXEC: u64 = 1;
    let open = ctx.open_of(fd)?;
    let files = ctx.files();
    let fs = &mut ctx.kernel.fs;
    match command {
        F_DUPFD => Ok(fs.dup_fd(files, fd, Fd(argument as i32), MAX_FDS, OnExec::Keep)?.0 as u64),
        F_DUPFD_CLOEXEC => Ok(fs.dup_fd(files, fd, Fd(argument as i32), MAX_FDS, OnExec::Close)?.0 as u64),
        F_GETFD => Ok(u64::from(fs.on_exec(files, fd)? == OnExec::Close)),
        F_SETFD => {
            let on_exec = if argument & FD_CLOEXEC != 0 { OnExec::Close } else { OnExec::Keep };
            fs.set_on_exec(files, fd, on_exec)?;
            Ok(0)
        }
        F_GETFL => Ok(u64::from(fs.status_flags(open).bits())),
        F_SETFL => {
            fs.set_status_flags(open, OpenFlags::from_bits_truncate(argument as u32));
            Ok(0)
        }
        F_SETPIPE_SZ => {
            let size = fs.set_pipe_capacity(open, argument as u32)?;
            ctx.wake_files();
            Ok(size as u64)
        }
        F_GETPIPE_SZ => Ok(fs.pipe_capacity(open)? as u64),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// `ioctl(2)`: `FIONREAD`, `FIOCLEX`, `FIONCLEX` and `FIONBIO`. Nothing is a terminal, so all else is `ENOTTY`.
pub(super) fn ioctl(ctx: &mut Ctx<'_>, fd: Fd, request: u32, argument: VirtAddr) -> SysResult {
    const FIONREAD: u32 = 0x541b;
    const FIONBIO: u32 = 0x5421;
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    let open = ctx.open_of(fd)?;
    let files = ctx.files();
    match request {
        FIONREAD => {
            let count = ctx.with_fs(|fs, env| fs.readable_bytes(env, open)).ok_or(Errno::ENOTTY)?;
            ctx.write(UserPtr::new(argument), i32::try_from(count).unwrap_or(i32::MAX))?;
        }
        FIONBIO => {
            let on = ctx.read(UserPtr::<i32>::new(argument))? != 0;
            let mut flags = ctx.kernel.fs.status_flags(open);
            flags.set(OpenFlags::NONBLOCK, on);
            ctx.kernel.fs.set_status_flags(open, flags);
        }
        FIOCLEX => ctx.kernel.fs.set_on_exec(files, fd, OnExec::Close)?,
        FIONCLEX => ctx.kernel.fs.set_on_exec(files, fd, OnExec::Keep)?,
        _ => return Err(Errno::ENOTTY.into()),
    }
    Ok(0)
}

/// `AT_SYMLINK_NOFOLLOW` and `AT_EMPTY_PATH`, which steer a look-up.
fn lookup_flags(flags: AtFlags) -> LookupFlags {
    LookupFlags::from_bits_truncate(flags.0)
}

fn check_flags(flags: AtFlags, known: u32) -> Result<(), Errno> {
    if flags.0 & !known == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_REMOVEDIR: u32 = 0x200;
const AT_EACCESS: u32 = 0x200;
const AT_SYMLINK_FOLLOW: u32 = 0x400;
const AT_NO_AUTOMOUNT: u32 = 0x800;
const AT_EMPTY_PATH: u32 = 0x1000;
const AT_STATX_SYNC_TYPE: u32 = 0x6000;

impl Ctx<'_> {
    /// Finds what a path names.
    fn node_at(&mut self, dir: DirFd, path: &[u8], flags: LookupFlags) -> Result<Node, Errno> {
        self.at_path(dir, path, |fs, env, at| fs.lookup(env.processes, at, flags))
    }

    /// Does something at a path that starts at a directory.
    fn at_path<R>(
        &mut self,
        dir: DirFd,
        path: &[u8],
        operate: impl FnOnce(&mut crate::fs::Fs, &mut crate::fs::Env<'_>, At<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let (files, work_dir) = (self.files(), self.process().work_dir);
        self.with_fs(|fs, env| {
            let at = fs.start(files, work_dir, Fd(dir.0), path)?;
            operate(fs, env, at)
        })
    }
}

fn store_stat(ctx: &mut Ctx<'_>, node: Node, to: VirtAddr) -> SysResult {
    let stat = ctx.with_fs(|fs, env| fs.stat(env, node));
    ctx.write_bytes(to, &stat.stat_bytes()).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// `fstatat(2)`.
pub(super) fn newfstatat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    buffer: VirtAddr,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)?;
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    store_stat(ctx, node, buffer)
}

/// `fstat(2)`.
pub(super) fn fstat(ctx: &mut Ctx<'_>, fd: Fd, buffer: VirtAddr) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    store_stat(ctx, node, buffer)
}

/// `statx(2)`.
pub(super) fn statx(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    flags: AtFlags,
    mask: u32,
    buffer: VirtAddr,
) -> SysResult {
    const STATX_RESERVED: u32 = 0x8000_0000;
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)?;
    if mask & STATX_RESERVED != 0 || flags.0 & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE {
        return Err(Errno::EINVAL.into());
    }
    // Since Linux 6.11, NULL is an empty path here.
    let path =
        if path.0.0 == 0 && flags.0 & AT_EMPTY_PATH != 0 { Vec::new() } else { ctx.read_path(path.0)? };
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    let stat = ctx.with_fs(|fs, env| fs.stat(env, node));
    ctx.write_bytes(buffer, &stat.statx_bytes()).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// `getdents64(2)`.
pub(super) fn getdents64(ctx: &mut Ctx<'_>, fd: Fd, buffer: VirtAddr, len: u32) -> SysResult {
    let open = ctx.open_of(fd)?;
    let listing = ctx.with_fs(|fs, env| fs.list_begin(env, open, len as usize))?;
    ctx.write_bytes(buffer, &listing.bytes).map_err(|_| Errno::EFAULT)?;
    ctx.kernel.fs.list_commit(open, &listing);
    Ok(listing.bytes.len() as u64)
}

/// `unlinkat(2)`.
pub(super) fn unlinkat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, flags: AtFlags) -> SysResult {
    check_flags(flags, AT_REMOVEDIR)?;
    let path = ctx.read_path(path.0)?;
    ctx.at_path(dir, &path, |fs, env, at| match flags.0 {
        AT_REMOVEDIR => fs.rmdir(env, at),
        _ => fs.unlink(env, at),
    })?;
    Ok(0)
}

/// `mkdirat(2)`.
pub(super) fn mkdirat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, mode: Mode) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let permissions = ctx.kernel.fs.mask(ctx.process().work_dir, mode.0);
    ctx.at_path(dir, &path, |fs, env, at| fs.mkdir(env, at, permissions))?;
    Ok(0)
}

/// `symlinkat(2)`.
pub(super) fn symlinkat(ctx: &mut Ctx<'_>, target: PathPtr, dir: DirFd, path: PathPtr) -> SysResult {
    let target = ctx.read_path(target.0)?;
    let path = ctx.read_path(path.0)?;
    ctx.at_path(dir, &path, |fs, env, at| fs.symlink(env, &target, at))?;
    Ok(0)
}

/// `linkat(2)`.
pub(super) fn linkat(
    ctx: &mut Ctx<'_>,
    old_dir: DirFd,
    old: PathPtr,
    new_dir: DirFd,
    new: PathPtr,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)?;
    let (old, new) = (ctx.read_path(old.0)?, ctx.read_path(new.0)?);
    let mut look_up = lookup_flags(flags);
    look_up.set(LookupFlags::NOFOLLOW, flags.0 & AT_SYMLINK_FOLLOW == 0);
    let node = ctx.node_at(old_dir, &old, look_up)?;
    ctx.at_path(new_dir, &new, |fs, env, at| fs.link(env, node, at))?;
    Ok(0)
}

/// `renameat2(2)`.
pub(super) fn renameat2(
    ctx: &mut Ctx<'_>,
    old_dir: DirFd,
    old: PathPtr,
    new_dir: DirFd,
    new: PathPtr,
    flags: RenameArg,
) -> SysResult {
    let flags = RenameFlags::from_bits(flags.0).ok_or(Errno::EINVAL)?;
    let (old, new) = (ctx.read_path(old.0)?, ctx.read_path(new.0)?);
    let (files, work_dir) = (ctx.files(), ctx.process().work_dir);
    ctx.with_fs(|fs, env| {
        let from = fs.start(files, work_dir, Fd(old_dir.0), &old)?;
        let to = fs.start(files, work_dir, Fd(new_dir.0), &new)?;
        fs.rename(env, from, to, flags)
    })?;
    Ok(0)
}

/// `readlinkat(2)`.
pub(super) fn readlinkat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    buffer: OutBuffer,
    len: i32,
) -> SysResult {
    let len = usize::try_from(len).ok().filter(|len| *len > 0).ok_or(Errno::EINVAL)?;
    let path = ctx.read_path(path.0)?;
    let flags = LookupFlags::NOFOLLOW | LookupFlags::EMPTY_PATH;
    let node = ctx.node_at(dir, &path, flags)?;
    let mut text = ctx.with_fs(|fs, env| fs.readlink(env.processes, node)).map_err(|errno| match errno {
        // An empty path that names no link.
        Errno::EINVAL if path.is_empty() => Errno::ENOENT,
        other => other,
    })?;
    text.truncate(len);
    ctx.write_bytes(buffer.0, &text).map_err(|_| Errno::EFAULT)?;
    Ok(text.len() as u64)
}

/// `access(2)`.
pub(super) fn faccessat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, mode: u32) -> SysResult {
    faccessat2(ctx, dir, path, mode, AtFlags(0))
}

/// `faccessat2(2)`.
pub(super) fn faccessat2(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    mode: u32,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EACCESS | AT_EMPTY_PATH)?;
    let mode = AccessMode::from_bits(mode).ok_or(Errno::EINVAL)?;
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    ctx.kernel.fs.access(node, mode)?;
    Ok(0)
}

fn change_mode(ctx: &mut Ctx<'_>, node: Node, mode: Mode) -> SysResult {
    let now_ns = ctx.wall_clock_ns();
    ctx.kernel.fs.chmod(node, mode.0, now_ns)?;
    Ok(0)
}

/// `fchmod(2)`.
pub(super) fn fchmod(ctx: &mut Ctx<'_>, fd: Fd, mode: Mode) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    change_mode(ctx, node, mode)
}

/// `fchmodat(2)`, the system call, which has no flags.
pub(super) fn fchmodat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, mode: Mode) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(dir, &path, LookupFlags::empty())?;
    change_mode(ctx, node, mode)
}

fn set_size(ctx: &mut Ctx<'_>, node: Node, len: i64) -> SysResult {
    let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
    let truncated = ctx.with_fs(|fs, env| fs.truncate(env, node, len))?;
    ctx.unmap_truncated(truncated);
    Ok(0)
}

/// `truncate(2)`.
pub(super) fn truncate(ctx: &mut Ctx<'_>, path: PathPtr, len: i64) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(super::types::AT_FDCWD), &path, LookupFlags::empty())?;
    set_size(ctx, node, len)
}

/// `ftruncate(2)`.
pub(super) fn ftruncate(ctx: &mut Ctx<'_>, fd: Fd, len: i64) -> SysResult {
    let open = ctx.open_of(fd)?;
    if !ctx.kernel.fs.status_flags(open).is_writable() {
        return Err(Errno::EINVAL.into());
    }
    let node = ctx.kernel.fs.node(open);
    set_size(ctx, node, len)
}

/// `fsync(2)`: the page cache is the file, so there is nothing to wait for.
pub(super) fn fsync(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let open = ctx.open_of(fd)?;
    if ctx.kernel.fs.is_stream(open) { Err(Errno::EINVAL.into()) } else { Ok(0) }
}

/// `fdatasync(2)`: as [`fsync`].
pub(super) fn fdatasync(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    fsync(ctx, fd)
}

/// `getcwd(2)`, the system call: it returns the length with the NUL.
pub(super) fn getcwd(ctx: &mut Ctx<'_>, buffer: OutBuffer, len: u64) -> SysResult {
    let cwd = ctx.kernel.fs.cwd(ctx.process().work_dir);
    let mut path = ctx.kernel.fs.directory_path(cwd)?;
    path.push(0);
    if path.len() as u64 > len {
        return Err(Errno::ERANGE.into());
    }
    ctx.write_bytes(buffer.0, &path).map_err(|_| Errno::EFAULT)?;
    Ok(path.len() as u64)
}

fn change_directory(ctx: &mut Ctx<'_>, directory: Node) -> SysResult {
    let work_dir = ctx.process().work_dir;
    ctx.with_fs(|fs, env| fs.chdir(env, work_dir, directory))?;
    Ok(0)
}

/// `chdir(2)`.
pub(super) fn chdir(ctx: &mut Ctx<'_>, path: PathPtr) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(super::types::AT_FDCWD), &path, LookupFlags::empty())?;
    change_directory(ctx, node)
}

/// `fchdir(2)`.
pub(super) fn fchdir(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    change_directory(ctx, node)
}

/// `umask(2)`.
pub(super) fn umask(ctx: &mut Ctx<'_>, mask: Mode) -> SysResult {
    let work_dir = ctx.process().work_dir;
    Ok(u64::from(ctx.kernel.fs.set_umask(work_dir, mask.0)))
}

/// Size of `struct iovec`, as [`pieces`] reads it.
const _: () = assert!(<[u64; 2]>::SIZE == 16);
