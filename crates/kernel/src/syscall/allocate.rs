//! Calls about where a file's bytes are and whether they are stored: fallocate(2), memfd_create(2), sync(2) and its kin.

use super::file;
use super::file_types::{FallocateMode, MemfdFlags, SyncRangeFlags};
use super::types::PathPtr;
use super::{Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{Allocation, FileType, Memfd, NAME_MAX, OpenFlags};
use crate::{Errno, Fd};

/// `fallocate(2)`: tmpfs allocates and makes holes, and does nothing else (Linux 6.12 fs/open.c vfs_fallocate, mm/shmem.c
/// shmem_fallocate).
pub(super) fn fallocate(ctx: &mut Ctx<'_>, fd: Fd, mode: FallocateMode, offset: i64, len: i64) -> SysResult {
    let node = ctx.file_of(fd)?;
    let (Ok(offset), Ok(len @ 1..)) = (u64::try_from(offset), u64::try_from(len)) else {
        return Err(Errno::EINVAL.into());
    };
    let allocation = match mode.0 & !FallocateMode::KEEP_SIZE {
        0 if mode.0 & FallocateMode::KEEP_SIZE != 0 => Allocation::KeepSize,
        0 => Allocation::Extend,
        FallocateMode::PUNCH_HOLE if mode.0 & FallocateMode::KEEP_SIZE != 0 => Allocation::Hole,
        FallocateMode::ZERO_RANGE | FallocateMode::UNSHARE_RANGE => Allocation::Unsupported,
        FallocateMode::COLLAPSE_RANGE | FallocateMode::INSERT_RANGE
            if mode.0 & FallocateMode::KEEP_SIZE == 0 =>
        {
            Allocation::Unsupported
        }
        _ => return Err(Errno::EOPNOTSUPP.into()),
    };
    if !ctx.kernel.fs.status_flags(ctx.open_of(fd)?).is_writable() {
        return Err(Errno::EBADF.into());
    }
    match ctx.kernel.fs.file_type(node) {
        FileType::Regular => {}
        FileType::Fifo => return Err(Errno::ESPIPE.into()),
        FileType::Directory => return Err(Errno::EISDIR.into()),
        _ => return Err(Errno::ENODEV.into()),
    }
    let end = offset.checked_add(len).filter(|end| *end <= i64::MAX as u64).ok_or(Errno::EFBIG)?;
    if matches!(allocation, Allocation::Extend | Allocation::KeepSize) {
        let before = ctx.with_fs(|fs, env| fs.stat(env, node)).size;
        ctx.check_growth(before, end)?;
    }
    let cut = ctx.fill_files(|fs, env| fs.allocate(env, node, allocation, offset..end))?;
    ctx.unmap_truncated(cut);
    Ok(0)
}

/// `memfd_create(2)`. Huge pages are `ENOSYS`: there are none.
pub(super) fn memfd_create(ctx: &mut Ctx<'_>, name: PathPtr, flags: MemfdFlags) -> SysResult {
    const PREFIX: &[u8] = b"memfd:";
    if flags.0 & !MemfdFlags::ALL != 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags.0 & MemfdFlags::EXEC != 0 && flags.0 & MemfdFlags::NOEXEC_SEAL != 0 {
        return Err(Errno::EINVAL.into());
    }
    let name = ctx.read_string(name.0, NAME_MAX - PREFIX.len() + 1, Errno::EINVAL)?;
    if flags.0 & MemfdFlags::HUGETLB != 0 {
        return Err(Errno::ENOSYS.into());
    }
    let kind = match flags.0 {
        bits if bits & MemfdFlags::NOEXEC_SEAL != 0 => Memfd::NeverExecutable,
        bits if bits & MemfdFlags::ALLOW_SEALING != 0 => Memfd::Sealable,
        _ => Memfd::Plain,
    };
    let on_exec = if flags.0 & MemfdFlags::CLOEXEC != 0 { OpenFlags::CLOEXEC } else { OpenFlags::empty() };
    file::new_fd(ctx, on_exec, |fs, env| fs.memfd(env, &[PREFIX, &name].concat(), kind))
}

/// `sync(2)`: the page cache is the file, so there is nothing to wait for.
pub(super) fn sync(_: &mut Ctx<'_>) -> SysResult {
    Ok(0)
}

/// `syncfs(2)`: as [`sync`].
pub(super) fn syncfs(ctx: &mut Ctx<'_>, fd: Fd) -> SysResult {
    ctx.file_of(fd)?;
    Ok(0)
}

/// `sync_file_range(2)`: as [`sync`].
pub(super) fn sync_file_range(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    offset: i64,
    len: i64,
    flags: SyncRangeFlags,
) -> SysResult {
    const WAIT_BEFORE_WRITE_WAIT_AFTER: u32 = 7;
    let node = ctx.file_of(fd)?;
    if flags.0 & !WAIT_BEFORE_WRITE_WAIT_AFTER != 0
        || offset < 0
        || offset.checked_add(len).is_none_or(|end| end < offset)
    {
        return Err(Errno::EINVAL.into());
    }
    match ctx.kernel.fs.file_type(node) {
        FileType::Regular | FileType::Directory | FileType::Symlink | FileType::BlockDevice => Ok(0),
        _ => Err(Flow::Errno(Errno::ESPIPE)),
    }
}

/// `readahead(2)`: files are in memory already.
pub(super) fn readahead(ctx: &mut Ctx<'_>, fd: Fd, _offset: i64, _len: u64) -> SysResult {
    let node = ctx.file_of(fd)?;
    if !ctx.kernel.fs.status_flags(ctx.open_of(fd)?).is_readable() {
        return Err(Errno::EBADF.into());
    }
    if ctx.kernel.fs.file_type(node) == FileType::Regular { Ok(0) } else { Err(Errno::EINVAL.into()) }
}
