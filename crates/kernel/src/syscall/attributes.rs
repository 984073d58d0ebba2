//! Calls about attributes: permissions, owners, times, and the figures of a file system.

use super::SysResult;
use super::args::{Timespec, UserPtr};
use super::path::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, check_flags, lookup_flags};
use super::types::{AtFlags, DirFd, Mode, PathPtr};
use crate::ctx::Ctx;
use crate::fs::{AT_FDCWD, LookupFlags, Node};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

fn change_mode(ctx: &mut Ctx<'_>, node: Node, mode: Mode) -> SysResult {
    let now_ns = ctx.wall_clock_ns();
    ctx.kernel.fs.chmod(node, mode.0, now_ns)?;
    Ok(0)
}

/// `fchmod(2)`.
pub(super) fn fchmod(ctx: &mut Ctx<'_>, fd: Fd, mode: Mode) -> SysResult {
    let node = ctx.file_of(fd)?;
    change_mode(ctx, node, mode)
}

/// `fchmodat(2)`, the system call, which has no flags.
pub(super) fn fchmodat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, mode: Mode) -> SysResult {
    fchmodat2(ctx, dir, path, mode, AtFlags(0))
}

/// `fchmodat2(2)`.
pub(super) fn fchmodat2(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    mode: Mode,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    change_mode(ctx, node, mode)
}

/// Changes owner and group; -1 leaves one as it is.
fn change_owner(ctx: &mut Ctx<'_>, node: Node, uid: u32, gid: u32) -> SysResult {
    let given = |id: u32| (id != u32::MAX).then_some(id);
    let now_ns = ctx.wall_clock_ns();
    ctx.kernel.fs.chown(node, given(uid), given(gid), now_ns)?;
    Ok(0)
}

/// `fchown(2)`.
pub(super) fn fchown(ctx: &mut Ctx<'_>, fd: Fd, uid: u32, gid: u32) -> SysResult {
    let node = ctx.file_of(fd)?;
    change_owner(ctx, node, uid, gid)
}

/// `fchownat(2)`.
pub(super) fn fchownat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    uid: u32,
    gid: u32,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    change_owner(ctx, node, uid, gid)
}

/// Returns the time that utimensat(2) sets: none for `UTIME_OMIT`.
fn time_to_set(ctx: &Ctx<'_>, time: Timespec) -> Result<Option<u64>, Errno> {
    const UTIME_NOW: i64 = 0x3fff_ffff;
    const UTIME_OMIT: i64 = 0x3fff_fffe;
    match time.nanoseconds {
        UTIME_NOW => Ok(Some(ctx.wall_clock_ns())),
        UTIME_OMIT => Ok(None),
        _ => time.to_ns().map(Some),
    }
}

/// `utimensat(2)`. Without a path, it is about what `dir` has open.
pub(super) fn utimensat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    times: UserPtr<[i64; 4]>,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let (accessed, modified) = if times.is_null() {
        let now = Some(ctx.wall_clock_ns());
        (now, now)
    } else {
        let [seconds, nanoseconds, modified_seconds, modified_nanoseconds] = ctx.read(times)?;
        let accessed = time_to_set(ctx, Timespec { seconds, nanoseconds })?;
        let modified = Timespec { seconds: modified_seconds, nanoseconds: modified_nanoseconds };
        (accessed, time_to_set(ctx, modified)?)
    };
    let node = if path.0.0 == 0 && dir.0 != AT_FDCWD {
        ctx.file_of(Fd(dir.0))?
    } else {
        let path = ctx.read_path(path.0)?;
        ctx.node_at(dir, &path, lookup_flags(flags))?
    };
    let now_ns = ctx.wall_clock_ns();
    ctx.kernel.fs.set_times(node, accessed, modified, now_ns)?;
    Ok(0)
}

fn store_statfs(ctx: &mut Ctx<'_>, node: Node, to: VirtAddr) -> SysResult {
    let figures = ctx.with_fs(|fs, env| fs.statfs(env, node));
    ctx.write_bytes(to, &figures.bytes()).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// `statfs(2)`.
pub(super) fn statfs(ctx: &mut Ctx<'_>, path: PathPtr, to: VirtAddr) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(DirFd(AT_FDCWD), &path, LookupFlags::empty())?;
    store_statfs(ctx, node, to)
}

/// `fstatfs(2)`.
pub(super) fn fstatfs(ctx: &mut Ctx<'_>, fd: Fd, to: VirtAddr) -> SysResult {
    let open = ctx.open_of(fd)?;
    let node = ctx.kernel.fs.node(open);
    store_statfs(ctx, node, to)
}
