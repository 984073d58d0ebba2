//! Calls about names: what a path leads to, and which paths there are.

use super::file_types::{DeviceArg, NodeMode};
use super::types::{AtFlags, DirFd, Mode, OutBuffer, PathPtr, RenameFlags as RenameArg};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{
    AT_FDCWD, AccessMode, At, Env, FileType, Fs, LookupFlags, NewFile, Node, RenameFlags, Resolve,
};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `AT_SYMLINK_NOFOLLOW` and `AT_EMPTY_PATH`, which steer a look-up.
pub(super) fn lookup_flags(flags: AtFlags) -> LookupFlags {
    LookupFlags::from_bits_truncate(flags.0)
}

pub(super) fn check_flags(flags: AtFlags, known: u32) -> Result<(), Errno> {
    if flags.0 & !known == 0 { Ok(()) } else { Err(Errno::EINVAL) }
}

pub(super) const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_REMOVEDIR: u32 = 0x200;
const AT_EACCESS: u32 = 0x200;
const AT_SYMLINK_FOLLOW: u32 = 0x400;
const AT_NO_AUTOMOUNT: u32 = 0x800;
pub(super) const AT_EMPTY_PATH: u32 = 0x1000;
const AT_STATX_SYNC_TYPE: u32 = 0x6000;

impl Ctx<'_> {
    /// Finds what a path names.
    pub(super) fn node_at(&mut self, dir: DirFd, path: &[u8], flags: LookupFlags) -> Result<Node, Errno> {
        self.at_path(dir, path, |fs, env, at| fs.lookup(env, at, flags))
    }

    /// Does something at a path that starts at a directory.
    pub(super) fn at_path<R>(
        &mut self,
        dir: DirFd,
        path: &[u8],
        operate: impl FnOnce(&mut Fs, &mut Env<'_>, At<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        self.at_path_within(dir, path, Resolve::empty(), operate)
    }

    /// Does something at a path that a look-up may not follow everywhere.
    pub(super) fn at_path_within<R>(
        &mut self,
        dir: DirFd,
        path: &[u8],
        resolve: Resolve,
        operate: impl FnOnce(&mut Fs, &mut Env<'_>, At<'_>) -> Result<R, Errno>,
    ) -> Result<R, Errno> {
        let (files, work_dir) = (self.files(), self.task().work_dir);
        // Where the directory is the bound, it counts for an absolute path too.
        let is_scoped = resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT);
        let outcome = self.with_fs(|fs, env| {
            env.resolve = resolve;
            let from = if is_scoped { b"" } else { path };
            let base = fs.start(files, work_dir, Fd(dir.0), from)?.base;
            operate(fs, env, At { base, path })
        });
        if matches!(outcome, Err(Errno::ENOENT)) && (dir.0 == AT_FDCWD || path.starts_with(b"/")) {
            self.note_missed(path);
        }
        outcome
    }

    /// Notes a path that led nowhere, so that the user can be told which file the guest would have needed.
    fn note_missed(&mut self, path: &[u8]) {
        const MOST: usize = 64;
        let missed = &mut self.kernel.missed;
        if missed.len() < MOST && !path.is_empty() {
            missed.insert(path.to_vec());
        }
    }
}

pub(super) fn store_stat(ctx: &mut Ctx<'_>, node: Node, to: VirtAddr) -> SysResult {
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
    let place = ctx.kernel.fs.mount_place(node);
    ctx.write_bytes(buffer, &stat.statx_bytes(place, mask)).map_err(|_| Errno::EFAULT)?;
    Ok(0)
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
    let permissions = ctx.kernel.fs.mask(ctx.task().work_dir, mode.0);
    ctx.at_path(dir, &path, |fs, env, at| fs.mkdir(env, at, permissions))?;
    Ok(0)
}

/// `mknodat(2)`: regular files, FIFOs, sockets and devices. A device that Tine does not have cannot be opened.
pub(super) fn mknodat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    mode: NodeMode,
    device: DeviceArg,
) -> SysResult {
    const S_IFMT: u32 = 0o170_000;
    let what = match (mode.0 & S_IFMT) >> 12 {
        0 | 8 => NewFile::Regular,
        1 => NewFile::Fifo,
        2 => NewFile::CharDevice(u64::from(device.0)),
        4 => return Err(Errno::EPERM.into()),
        6 => NewFile::BlockDevice(u64::from(device.0)),
        12 => NewFile::Socket,
        _ => return Err(Errno::EINVAL.into()),
    };
    let path = ctx.read_path(path.0)?;
    let permissions = ctx.kernel.fs.mask(ctx.task().work_dir, mode.0);
    ctx.at_path(dir, &path, |fs, env, at| fs.mknod(env, at, what, permissions))?;
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
    let (files, work_dir) = (ctx.files(), ctx.task().work_dir);
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

/// `faccessat2(2)`: asks as the real user, unless `AT_EACCESS` is given.
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
    let own = ctx.credentials().clone();
    if flags.0 & AT_EACCESS == 0 {
        ctx.task_mut().credentials = own.as_real_user();
    }
    let allowed = ctx.at_path(dir, &path, |fs, env, at| {
        let node = fs.lookup(env, at, lookup_flags(flags))?;
        fs.permission(env.processes, node, mode)
    });
    ctx.task_mut().credentials = own;
    allowed?;
    Ok(0)
}

pub(super) fn set_size(ctx: &mut Ctx<'_>, node: Node, len: u64) -> SysResult {
    let before = ctx.with_fs(|fs, env| fs.stat(env, node)).size;
    if ctx.kernel.fs.regular(node).is_some() {
        ctx.check_growth(before, len)?;
    }
    let truncated = ctx.with_fs(|fs, env| fs.truncate(env, node, len))?;
    ctx.unmap_truncated(truncated);
    Ok(0)
}

/// `truncate(2)`.
pub(super) fn truncate(ctx: &mut Ctx<'_>, path: PathPtr, len: i64) -> SysResult {
    let len = u64::try_from(len).map_err(|_| Errno::EINVAL)?;
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(AT_FDCWD), &path, LookupFlags::empty())?;
    ctx.with_fs(|fs, env| match fs.file_type(node) {
        FileType::Directory => Err(Errno::EISDIR),
        FileType::Regular => fs.permission(env.processes, node, AccessMode::WRITE),
        _ => Err(Errno::EINVAL),
    })?;
    if let Some(wait) = ctx.with_fs(|fs, env| fs.break_leases(env, node, AccessMode::WRITE)) {
        return Err(Flow::Block(Continuation::LeaseBreak(wait)));
    }
    set_size(ctx, node, len)
}

/// `getcwd(2)`, the system call: it returns the length with the NUL.
pub(super) fn getcwd(ctx: &mut Ctx<'_>, buffer: OutBuffer, len: u64) -> SysResult {
    let cwd = ctx.kernel.fs.cwd(ctx.task().work_dir);
    let mut path = ctx.look(|fs, processes| fs.directory_path(processes, cwd))?;
    path.push(0);
    if path.len() as u64 > len {
        return Err(Errno::ERANGE.into());
    }
    ctx.write_bytes(buffer.0, &path).map_err(|_| Errno::EFAULT)?;
    Ok(path.len() as u64)
}

pub(super) fn change_directory(ctx: &mut Ctx<'_>, directory: Node) -> SysResult {
    let work_dir = ctx.task().work_dir;
    ctx.with_fs(|fs, env| fs.chdir(env, work_dir, directory))?;
    Ok(0)
}

/// `chdir(2)`.
pub(super) fn chdir(ctx: &mut Ctx<'_>, path: PathPtr) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(AT_FDCWD), &path, LookupFlags::empty())?;
    change_directory(ctx, node)
}

/// `chroot(2)`.
pub(super) fn chroot(ctx: &mut Ctx<'_>, path: PathPtr) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(AT_FDCWD), &path, LookupFlags::empty())?;
    let work_dir = ctx.task().work_dir;
    ctx.with_fs(|fs, env| fs.chroot(env, work_dir, node))?;
    Ok(0)
}

/// `umask(2)`.
pub(super) fn umask(ctx: &mut Ctx<'_>, mask: Mode) -> SysResult {
    let work_dir = ctx.task().work_dir;
    Ok(u64::from(ctx.kernel.fs.set_umask(work_dir, mask.0)))
}
