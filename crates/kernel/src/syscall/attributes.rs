//! Calls about attributes: permissions, owners, times, and the figures of a file system.

use super::SysResult;
use super::args::{Timespec, UserPtr};
use super::creds_types::Id;
use super::path::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, check_flags, lookup_flags};
use super::types::{AtFlags, DirFd, Mode, PathPtr};
use crate::ctx::Ctx;
use crate::fs::{AT_FDCWD, LookupFlags, NewTimes, Node};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

fn change_mode(ctx: &mut Ctx<'_>, node: Node, mode: Mode) -> SysResult {
    ctx.with_fs(|fs, env| fs.chmod(env, node, mode.0))?;
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
fn change_owner(ctx: &mut Ctx<'_>, node: Node, uid: Id, gid: Id) -> SysResult {
    ctx.with_fs(|fs, env| fs.chown(env, node, uid.given(), gid.given()))?;
    Ok(0)
}

/// `fchown(2)`.
pub(super) fn fchown(ctx: &mut Ctx<'_>, fd: Fd, uid: Id, gid: Id) -> SysResult {
    let node = ctx.file_of(fd)?;
    change_owner(ctx, node, uid, gid)
}

/// `fchownat(2)`.
pub(super) fn fchownat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    uid: Id,
    gid: Id,
    flags: AtFlags,
) -> SysResult {
    check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
    let path = ctx.read_path(path.0)?;
    let node = ctx.node_at(dir, &path, lookup_flags(flags))?;
    change_owner(ctx, node, uid, gid)
}

/// Returns what utimensat(2) sets; nothing when both times stay as they are.
fn new_times(ctx: &mut Ctx<'_>, times: UserPtr<[i64; 4]>) -> Result<Option<NewTimes>, Errno> {
    const UTIME_NOW: i64 = 0x3fff_ffff;
    const UTIME_OMIT: i64 = 0x3fff_fffe;
    if times.is_null() {
        return Ok(Some(NewTimes::Now));
    }
    let [accessed_s, accessed, modified_s, modified] = ctx.read(times)?;
    match (accessed, modified) {
        (UTIME_OMIT, UTIME_OMIT) => return Ok(None),
        (UTIME_NOW, UTIME_NOW) => return Ok(Some(NewTimes::Now)),
        _ => {}
    }
    let now_ns = ctx.wall_clock_ns();
    let chosen = |seconds, nanoseconds| match nanoseconds {
        UTIME_NOW => Ok(Some(now_ns)),
        UTIME_OMIT => Ok(None),
        _ => Timespec { seconds, nanoseconds }.to_ns().map(Some),
    };
    let (accessed_ns, modified_ns) = (chosen(accessed_s, accessed)?, chosen(modified_s, modified)?);
    Ok(Some(NewTimes::Chosen { accessed_ns, modified_ns }))
}

/// `utimensat(2)`. Without a path, it is about what `dir` has open.
pub(super) fn utimensat(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    times: UserPtr<[i64; 4]>,
    flags: AtFlags,
) -> SysResult {
    // Like Linux, what changes nothing does not even look at the path.
    let Some(times) = new_times(ctx, times)? else { return Ok(0) };
    let by_descriptor = path.0.0 == 0 && dir.0 != AT_FDCWD;
    let node = if by_descriptor {
        check_flags(flags, 0)?;
        ctx.file_of(Fd(dir.0))?
    } else {
        check_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)?;
        let path = ctx.read_path(path.0)?;
        ctx.node_at(dir, &path, lookup_flags(flags))?
    };
    ctx.with_fs(|fs, env| fs.set_times(env, node, times))?;
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
