//! Calls that open a file by its path.

use super::args::UserPtr;
use super::file::on_exec;
use super::file_types::OpenHow;
use super::types::{DirFd, Mode, OpenArg, PathPtr};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{OnExec, OpenFlags, OpenId, PERMISSION_BITS, PartnerWait, Resolve};
use crate::task::WaitKey;
use crate::{Errno, Fd};
use tine_mmu::PAGE_SIZE;

/// `openat(2)`.
pub(super) fn openat(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, flags: OpenArg, mode: Mode) -> SysResult {
    // Like Linux, bits without a meaning are ignored.
    let flags = OpenFlags::from_bits_truncate(flags.0);
    open_at(ctx, dir, path, flags, mode, Resolve::empty())
}

/// `openat2(2)`: unlike openat(2), it refuses what it does not know (Linux 6.12 fs/open.c build_open_flags).
pub(super) fn openat2(ctx: &mut Ctx<'_>, dir: DirFd, path: PathPtr, how: OpenHow, size: u64) -> SysResult {
    const BY_PATH: OpenFlags =
        OpenFlags::PATH.union(OpenFlags::DIRECTORY).union(OpenFlags::NOFOLLOW).union(OpenFlags::CLOEXEC);
    let known = OpenHow::BYTES as u64;
    if size < known {
        return Err(Errno::EINVAL.into());
    }
    if size > PAGE_SIZE {
        return Err(Errno::E2BIG.into());
    }
    let [flags, mode, resolve] = ctx.read(UserPtr::<[u64; 3]>::new(how.0))?;
    let mut rest = vec![0; (size - known) as usize];
    ctx.read_bytes(how.0 + known, &mut rest).map_err(|_| Errno::EFAULT)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG.into());
    }
    let flags = u32::try_from(flags).ok().and_then(OpenFlags::from_bits).ok_or(Errno::EINVAL)?;
    let resolve = Resolve::from_bits(resolve).ok_or(Errno::EINVAL)?;
    let makes = flags.intersects(OpenFlags::CREAT | OpenFlags::TMPFILE);
    let is_wrong = resolve.contains(Resolve::BENEATH | Resolve::IN_ROOT)
        || mode & !u64::from(PERMISSION_BITS) != 0
        || mode != 0 && !makes
        || flags.contains(OpenFlags::PATH) && !BY_PATH.contains(flags);
    if is_wrong {
        return Err(Errno::EINVAL.into());
    }
    if resolve.contains(Resolve::CACHED) && (makes || flags.contains(OpenFlags::TRUNC)) {
        return Err(Errno::EAGAIN.into());
    }
    open_at(ctx, dir, path, flags, Mode(mode as u32), resolve)
}

/// Opens a path, and gives it a descriptor.
fn open_at(
    ctx: &mut Ctx<'_>,
    dir: DirFd,
    path: PathPtr,
    flags: OpenFlags,
    mode: Mode,
    resolve: Resolve,
) -> SysResult {
    let path = ctx.read_path(path.0)?;
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let permissions = ctx.kernel.fs.mask(ctx.task().work_dir, mode.0);
    if let Some(wait) =
        ctx.at_path_within(dir, &path, resolve, |fs, env, at| fs.break_leases_at(env, at, flags))?
    {
        ctx.wake_files();
        return Err(Flow::Block(Continuation::LeaseBreak(wait)));
    }
    let opened =
        ctx.at_path_within(dir, &path, resolve, |fs, env, at| fs.open(env, at, flags, permissions))?;
    ctx.unmap_truncated(opened.truncated);
    ctx.wake_files();
    if let Some(wait) = ctx.kernel.fs.partner_wait(opened.open) {
        return OpenFifo { open: opened.open, on_exec: on_exec(flags), wait }.run(ctx);
    }
    ctx.kernel.fs.put_fd(files, fd, opened.open, on_exec(flags));
    Ok(fd.0 as u64)
}

/// An open(2) of a FIFO that waits for the other end. It has a reference to the description of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFifo {
    open: OpenId,
    on_exec: OnExec,
    wait: PartnerWait,
}

impl OpenFifo {
    /// Returns the description that waits to become a descriptor.
    pub(super) const fn open(&self) -> OpenId {
        self.open
    }

    /// Returns what the call waits for.
    pub(super) const fn key(&self) -> WaitKey {
        WaitKey::File(self.wait.wait)
    }

    /// Returns the descriptor as soon as the other end is there, or was.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        if !ctx.kernel.fs.has_partner_come(self.open, self.wait) {
            return Err(Flow::Block(Continuation::OpenFifo(self)));
        }
        let files = ctx.files();
        match ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit()) {
            Ok(fd) => {
                ctx.kernel.fs.put_fd(files, fd, self.open, self.on_exec);
                Ok(fd.0 as u64)
            }
            Err(errno) => {
                self.abandon(ctx);
                Err(errno.into())
            }
        }
    }

    /// Closes what will not become a descriptor.
    pub(super) fn abandon(self, ctx: &mut Ctx<'_>) {
        ctx.with_fs(|fs, env| fs.close(env, self.open));
        ctx.wake_files();
    }
}
