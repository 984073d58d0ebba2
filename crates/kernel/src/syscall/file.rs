//! Calls about descriptors and what they have open.

use super::args::UserPtr;
use super::socket::socket_ioctl;
use super::types::{OpenArg, Whence};
use super::{SysResult, path, terminal};
use crate::ctx::Ctx;
use crate::fs::{Env, FileType, Fs, Node, OnExec, OpenFlags, OpenId, Seek, Telling};
use crate::{Errno, Fd};
use tine_mmu::{PAGE_SIZE, VirtAddr};

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

/// Gives the lowest free descriptor to what `make` opens.
///
/// # Errors
/// `EMFILE` when there is none; nothing is made then.
pub(super) fn new_fd(
    ctx: &mut Ctx<'_>,
    flags: OpenFlags,
    make: impl FnOnce(&mut Fs, &mut Env<'_>) -> OpenId,
) -> SysResult {
    new_fd_or(ctx, flags, |fs, env| Ok(make(fs, env)))
}

/// The same for what may fail.
///
/// # Errors
/// `EMFILE`, and what `make` says.
pub(super) fn new_fd_or(
    ctx: &mut Ctx<'_>,
    flags: OpenFlags,
    make: impl FnOnce(&mut Fs, &mut Env<'_>) -> Result<OpenId, Errno>,
) -> SysResult {
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let open = ctx.with_fs(make)?;
    ctx.kernel.fs.put_fd(files, fd, open, on_exec(flags));
    Ok(fd.0 as u64)
}

pub(super) fn on_exec(flags: OpenFlags) -> OnExec {
    if flags.contains(OpenFlags::CLOEXEC) { OnExec::Close } else { OnExec::Keep }
}

/// `close(2)`.
pub(super) fn close(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let files = ctx.files();
    ctx.with_fs(|fs, env| fs.close_fd(env, files, fd))?;
    ctx.wake_files();
    Ok(0)
}

/// `close_range(2)`.
pub(super) fn close_range(ctx: &mut Ctx<'_>, first: u32, last: u32, flags: u32) -> SysResult {
    const CLOSE_RANGE_UNSHARE: u32 = 2;
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    if first > last || flags & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags & CLOSE_RANGE_UNSHARE != 0 {
        let own = ctx.kernel.fs.unshare_table(ctx.files());
        ctx.task_mut().files = own;
    }
    let files = ctx.files();
    let fds = ctx.kernel.fs.fds(files).into_iter().filter(|fd| (first..=last).contains(&(fd.0 as u32)));
    ctx.with_fs(|fs, env| {
        fds.into_iter().try_for_each(|fd| match flags & CLOSE_RANGE_CLOEXEC {
            0 => fs.close_fd(env, files, fd),
            _ => fs.set_on_exec(files, fd, OnExec::Close),
        })
    })?;
    ctx.wake_files();
    Ok(0)
}

/// `pipe2(2)`: makes a pipe and stores its two descriptors at `fds`.
pub(super) fn pipe2(ctx: &mut Ctx<'_>, fds: UserPtr<[i32; 2]>, flags: OpenArg) -> SysResult {
    let flags = OpenFlags::from_bits(flags.0).ok_or(Errno::EINVAL)?;
    if !(OpenFlags::CLOEXEC | OpenFlags::NONBLOCK | OpenFlags::DIRECT).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let files = ctx.files();
    let first = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let second = ctx.kernel.fs.lowest_fd(files, Fd(first.0 + 1), ctx.fd_limit())?;
    // Nothing is made before its numbers could be told: the guest could never close it.
    ctx.write(fds, [first.0, second.0])?;
    let (reader, writer) = ctx.with_fs(|fs, env| fs.pipe(env, flags))?;
    ctx.kernel.fs.put_fd(files, first, reader, on_exec(flags));
    ctx.kernel.fs.put_fd(files, second, writer, on_exec(flags));
    Ok(0)
}

/// `dup(2)`.
pub(super) fn dup(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let (files, limit) = (ctx.files(), ctx.fd_limit());
    Ok(ctx.kernel.fs.dup_fd(files, fd, Fd(0), limit, OnExec::Keep)?.0 as u64)
}

/// `dup3(2)`.
pub(super) fn dup3(ctx: &mut Ctx<'_>, old: Fd, new: Fd, flags: OpenArg) -> SysResult {
    let flags = OpenFlags::from_bits(flags.0)
        .filter(|flags| OpenFlags::CLOEXEC.contains(*flags))
        .ok_or(Errno::EINVAL)?;
    let files = ctx.files();
    let limit = ctx.fd_limit();
    let fd = ctx.with_fs(|fs, env| fs.dup_fd_to(env, files, old, new, limit, on_exec(flags)))?;
    ctx.wake_files();
    Ok(fd.0 as u64)
}

/// `ioctl(2)`: `FIONREAD`, `FIOCLEX`, `FIONCLEX`, `FIONBIO` and `FIOASYNC`, `FICLONE` and `FICLONERANGE`, which no file system
/// here knows, and what sockets, terminals and sources of random bytes know.
pub(super) fn ioctl(ctx: &mut Ctx<'_>, fd: Fd, request: u32, argument: VirtAddr) -> SysResult {
    const FIONREAD: u32 = 0x541b;
    const FIONBIO: u32 = 0x5421;
    const FIOASYNC: u32 = 0x5452;
    const FIONCLEX: u32 = 0x5450;
    const FIOCLEX: u32 = 0x5451;
    const FICLONE: u32 = 0x4004_9409;
    const FICLONERANGE: u32 = 0x4020_940d;
    const RNDGETENTCNT: u32 = 0x8004_5200;
    /// Bits of entropy that Linux says it has once it has begun.
    const ENTROPY: i32 = 256;
    ctx.file_of(fd)?;
    let open = ctx.open_of(fd)?;
    let files = ctx.files();
    match request {
        _ if ctx.kernel.fs.socket_of(open).is_ok()
            && !matches!(request, FIONBIO | FIOASYNC | FIOCLEX | FIONCLEX | FICLONE | FICLONERANGE) =>
        {
            return socket_ioctl(ctx, open, request, argument);
        }
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
        FIOASYNC => {
            let on = ctx.read(UserPtr::<i32>::new(argument))? != 0;
            let telling = if on { Telling::On } else { Telling::Off };
            ctx.with_fs(|fs, env| fs.set_async(env.processes, open, fd, telling));
        }
        FICLONE => return refuse_clone(ctx, Fd(argument.0 as i32), open),
        FICLONERANGE => {
            let [from, ..] = ctx.read(UserPtr::<[i64; 4]>::new(argument))?;
            return refuse_clone(ctx, Fd(from as i32), open);
        }
        RNDGETENTCNT if ctx.kernel.fs.is_random(open) => ctx.write(UserPtr::new(argument), ENTROPY)?,
        FIOCLEX => ctx.kernel.fs.set_on_exec(files, fd, OnExec::Close)?,
        FIONCLEX => ctx.kernel.fs.set_on_exec(files, fd, OnExec::Keep)?,
        _ if ctx.kernel.fs.is_random(open) => return Err(Errno::EINVAL.into()),
        _ => return terminal::request(ctx, open, request, argument),
    }
    Ok(0)
}

/// Says why a file's extents cannot be shared with another (ioctl_ficlone(2); Linux 6.12 fs/remap_range.c
/// `vfs_clone_file_range`).
///
/// # Errors
/// `EBADF`, `EXDEV`, `EISDIR`, `EINVAL` for what is no regular file; `EOPNOTSUPP` for those.
fn refuse_clone(ctx: &mut Ctx<'_>, from: Fd, to: OpenId) -> SysResult {
    ctx.file_of(from)?;
    let from = ctx.open_of(from)?;
    let fs = &ctx.kernel.fs;
    let [source, target] = [from, to].map(|open| fs.node(open));
    let types = [source, target].map(|node| fs.file_type(node));
    let (reads, writes) = (fs.status_flags(from), fs.status_flags(to));
    // What is in no mount is apart by what it is.
    let is_one_file_system = fs.mount_place(source).mount == fs.mount_place(target).mount
        && (fs.mount_place(source).knows_birth || types[0] == types[1]);
    Err(match () {
        () if !is_one_file_system => Errno::EXDEV,
        () if types.contains(&FileType::Directory) => Errno::EISDIR,
        () if types != [FileType::Regular; 2] => Errno::EINVAL,
        () if !reads.is_readable() || !writes.is_writable() || writes.contains(OpenFlags::APPEND) => {
            Errno::EBADF
        }
        () => Errno::EOPNOTSUPP,
    }
    .into())
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

/// `ftruncate(2)`.
pub(super) fn ftruncate(ctx: &mut Ctx<'_>, fd: Fd, len: i64) -> SysResult {
    let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
    let node = ctx.file_of(fd)?;
    if !ctx.kernel.fs.status_flags(ctx.open_of(fd)?).is_writable() {
        return Err(Errno::EINVAL.into());
    }
    path::set_size(ctx, node, len)
}

/// `fsync(2)`: the page cache is the file, except for stores to one that the user lets the guest write.
pub(super) fn fsync(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let node = ctx.file_of(fd)?;
    // Only what is in a file system can be synchronised with one.
    let is_file = matches!(ctx.kernel.fs.file_type(node), FileType::Regular | FileType::Directory);
    if !is_file || matches!(node, Node::Proc(_)) {
        return Err(Errno::EINVAL.into());
    }
    ctx.write_back()?;
    Ok(0)
}

/// `fdatasync(2)`: as [`fsync`].
pub(super) fn fdatasync(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    fsync(ctx, fd)
}

/// `posix_fadvise(2)`: `POSIX_FADV_DONTNEED` drops whole clean pages of the host's files that nobody maps; the other kinds
/// change nothing, for files are in memory anyway.
pub(super) fn fadvise64(ctx: &mut Ctx<'_>, fd: Fd, offset: i64, len: i64, advice: u32) -> SysResult {
    const POSIX_FADV_DONTNEED: u32 = 4;
    const POSIX_FADV_NOREUSE: u32 = 5;
    let node = ctx.file_of(fd)?;
    if ctx.kernel.fs.file_type(node) == FileType::Fifo {
        return Err(Errno::ESPIPE.into());
    }
    if len < 0 || advice > POSIX_FADV_NOREUSE {
        return Err(Errno::EINVAL.into());
    }
    if let (POSIX_FADV_DONTNEED, Some(file)) = (advice, ctx.kernel.fs.regular(node)) {
        let start = offset.max(0) as u64;
        let end = if len == 0 { u64::MAX } else { start.saturating_add(len as u64) };
        // The last page of the file counts as whole (Linux 6.12 mm/fadvise.c).
        let is_at_end = end >= ctx.kernel.memory.cache().size(file);
        let last = if is_at_end { end.div_ceil(PAGE_SIZE) } else { end / PAGE_SIZE };
        ctx.kernel.memory.drop_unmapped(ctx.harts.ram(), file, start.div_ceil(PAGE_SIZE)..last);
    }
    Ok(0)
}

/// `fchdir(2)`.
pub(super) fn fchdir(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    path::change_directory(ctx, node)
}
