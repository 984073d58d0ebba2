//! The calls of inotify(7).

use super::SysResult;
use super::event_types::{InotifyFlags, InotifyMask};
use super::file::new_fd_or;
use super::types::{DirFd, PathPtr};
use crate::ctx::Ctx;
use crate::fs::{AT_FDCWD, LookupFlags, NotifyMask};
use crate::{Errno, Fd};

/// `inotify_init1(2)`.
pub(super) fn inotify_init1(ctx: &mut Ctx<'_>, flags: InotifyFlags) -> SysResult {
    let flags = super::anonymous::status_flags(flags.0)?;
    new_fd_or(ctx, flags, |fs, env| fs.inotify(flags, env.now_ns))
}

/// `inotify_add_watch(2)`.
pub(super) fn inotify_add_watch(ctx: &mut Ctx<'_>, fd: Fd, path: PathPtr, mask: InotifyMask) -> SysResult {
    let open = ctx.open_of(fd);
    let mask = ctx.kernel.fs.check_watch(open, mask.0)?;
    let open = open?;
    let path = ctx.read_path(path.0)?;
    let mut flags = LookupFlags::empty();
    flags.set(LookupFlags::NOFOLLOW, mask.contains(NotifyMask::DONT_FOLLOW));
    let node = ctx.node_at(DirFd(AT_FDCWD), &path, flags)?;
    let watch = ctx.with_fs(|fs, env| fs.add_watch(env, open, node, mask))?;
    Ok(watch as u64)
}

/// `inotify_rm_watch(2)`.
pub(super) fn inotify_rm_watch(ctx: &mut Ctx<'_>, fd: Fd, watch: i32) -> SysResult {
    ctx.file_of(fd).map_err(|_| Errno::EBADF)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.remove_watch(open, watch)?;
    Ok(0)
}
