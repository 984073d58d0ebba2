//! Calls about descriptors and what they have open.

use super::SysResult;
use super::args::UserPtr;
use super::path;
use super::types::{DirFd, Mode, OpenArg, Out, PathPtr, Whence};
use crate::ctx::Ctx;
use crate::fs::{OnExec, OpenFlags, Seek};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `RLIMIT_NOFILE`.
const MAX_FDS: u64 = 1024;

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
    // Like Linux, bits without a meaning are ignored.
    let flags = OpenFlags::from_bits_truncate(flags.0);
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
    let first = ctx.kernel.fs.lowest_fd(files, Fd(0), MAX_FDS)?;
    let second = ctx.kernel.fs.lowest_fd(files, Fd(first.0 + 1), MAX_FDS)?;
    // Nothing is made before its numbers could be told: the guest could never close it.
    ctx.write(fds.pointer(), [first.0, second.0])?;
    let (reader, writer) = ctx.with_fs(|fs, env| fs.pipe(env, flags));
    ctx.kernel.fs.put_fd(files, first, reader, on_exec(flags));
    ctx.kernel.fs.put_fd(files, second, writer, on_exec(flags));
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

/// `fstat(2)`.
pub(super) fn fstat(ctx: &mut Ctx<'_>, fd: Fd, buffer: VirtAddr) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    path::store_stat(ctx, node, buffer)
}

/// `getdents64(2)`.
pub(super) fn getdents64(ctx: &mut Ctx<'_>, fd: Fd, buffer: VirtAddr, len: u32) -> SysResult {
    let open = ctx.open_of(fd)?;
    let listing = ctx.with_fs(|fs, env| fs.list_begin(env, open, len as usize))?;
    ctx.write_bytes(buffer, &listing.bytes).map_err(|_| Errno::EFAULT)?;
    ctx.kernel.fs.list_commit(open, &listing);
    Ok(listing.bytes.len() as u64)
}

/// `fchmod(2)`.
pub(super) fn fchmod(ctx: &mut Ctx<'_>, fd: Fd, mode: Mode) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    path::change_mode(ctx, node, mode)
}

/// `ftruncate(2)`.
pub(super) fn ftruncate(ctx: &mut Ctx<'_>, fd: Fd, len: i64) -> SysResult {
    let open = ctx.open_of(fd)?;
    if !ctx.kernel.fs.status_flags(open).is_writable() {
        return Err(Errno::EINVAL.into());
    }
    let node = ctx.kernel.fs.node(open);
    path::set_size(ctx, node, len)
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

/// `fchdir(2)`.
pub(super) fn fchdir(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    path::change_directory(ctx, node)
}
