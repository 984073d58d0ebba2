//! Locks on files: flock(2), and the lock commands of fcntl(2) (Linux 6.12 fs/locks.c).

use super::args::UserPtr;
use super::file_types::{FcntlCommand, Flock, FlockOp};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{ByteRange, LockKind, LockOwner, LockWait, OpenId, RecordLock, Stop, Wait};
use crate::task::WaitKey;
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// A request for a lock that has not been granted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    fd: Fd,
    open: OpenId,
    what: What,
    wait: LockWait,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A range of the file, for its owner.
    Records(RecordLock),
    /// All of the file, for the description.
    Whole(LockKind),
}

impl Request {
    /// Returns the description through which the lock is asked for.
    pub(super) const fn open(&self) -> OpenId {
        self.open
    }

    /// Returns what the request waits for.
    pub(super) fn key(&self, ctx: &Ctx<'_>) -> WaitKey {
        WaitKey::File(Wait::FileLock(ctx.kernel.fs.node(self.open)))
    }

    /// Asks for the lock, once more after a wait.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        let fs = &mut ctx.kernel.fs;
        let granted = match self.what {
            What::Records(lock) => fs.lock_records(fs.node(self.open), lock, self.wait),
            What::Whole(kind) => fs.lock_whole(self.open, kind, ctx.pid, self.wait),
        };
        ctx.wake_files();
        match granted {
            Ok(()) => self.check_descriptor(ctx),
            Err(Stop::Errno(errno)) => Err(errno.into()),
            Err(Stop::Wait(_)) => Err(Flow::Block(Continuation::Lock(self))),
        }
    }

    /// Gives a lock back whose descriptor another task has closed in between: nobody would (fcntl_setlk).
    fn check_descriptor(&self, ctx: &mut Ctx<'_>) -> SysResult {
        if let What::Records(RecordLock { owner: owner @ LockOwner::Table(_), range, .. }) = self.what
            && ctx.open_of(self.fd) != Ok(self.open)
        {
            let node = ctx.kernel.fs.node(self.open);
            ctx.kernel.fs.unlock_records(node, owner, range);
            ctx.wake_files();
            return Err(Errno::EBADF.into());
        }
        Ok(0)
    }
}

/// `flock(2)`.
pub(super) fn flock(ctx: &mut Ctx<'_>, fd: Fd, operation: FlockOp) -> SysResult {
    if operation.0 & FlockOp::LOCK_MAND != 0 {
        // Mandatory locks are gone since Linux 5.15, and asking for one is answered so.
        return Ok(0);
    }
    let kind = match operation.0 & !FlockOp::LOCK_NB {
        FlockOp::LOCK_SH => Some(LockKind::Shared),
        FlockOp::LOCK_EX => Some(LockKind::Exclusive),
        FlockOp::LOCK_UN => None,
        _ => return Err(Errno::EINVAL.into()),
    };
    ctx.file_of(fd)?;
    let open = ctx.open_of(fd)?;
    let Some(kind) = kind else {
        ctx.kernel.fs.unlock_whole(open);
        ctx.wake_files();
        return Ok(0);
    };
    let wait = if operation.0 & FlockOp::LOCK_NB != 0 { LockWait::Fail } else { LockWait::Sleep(ctx.tid) };
    Request { fd, open, what: What::Whole(kind), wait }.run(ctx)
}

/// Returns the bytes that a `struct flock` means (Linux 6.12 fs/locks.c flock64_to_posix_lock).
///
/// # Errors
/// `EINVAL` for an unknown `l_whence` and before the start, `EOVERFLOW` beyond the last byte that a file can have.
fn range(ctx: &mut Ctx<'_>, open: OpenId, lock: &Flock) -> Result<ByteRange, Errno> {
    const LAST: i64 = ByteRange::LAST as i64;
    let origin = match lock.whence {
        0 => 0,
        1 => ctx.kernel.fs.position(open),
        2 => ctx.with_fs(|fs, env| fs.stat(env, fs.node(open))).size,
        _ => return Err(Errno::EINVAL),
    } as i64;
    if lock.start > LAST - origin {
        return Err(Errno::EOVERFLOW);
    }
    let start = origin + lock.start;
    if start < 0 {
        return Err(Errno::EINVAL);
    }
    let (first, last) = match lock.len {
        0 => (start, LAST),
        1.. if lock.len - 1 > LAST - start => return Err(Errno::EOVERFLOW),
        1.. => (start, start + (lock.len - 1)),
        _ if start + lock.len < 0 => return Err(Errno::EINVAL),
        _ => (start + lock.len, start - 1),
    };
    Ok(ByteRange { first: first as u64, last: last as u64 })
}

/// Returns the number of a kind of lock; `F_UNLCK` for none.
pub(super) const fn number(kind: Option<LockKind>) -> i16 {
    match kind {
        Some(LockKind::Shared) => Flock::F_RDLCK,
        Some(LockKind::Exclusive) => Flock::F_WRLCK,
        None => Flock::F_UNLCK,
    }
}

/// Returns whether a lock is shared or exclusive; `None` for `F_UNLCK`.
///
/// # Errors
/// `EINVAL` for another number.
pub(super) const fn wanted(number: i16) -> Result<Option<LockKind>, Errno> {
    match number {
        Flock::F_RDLCK => Ok(Some(LockKind::Shared)),
        Flock::F_WRLCK => Ok(Some(LockKind::Exclusive)),
        Flock::F_UNLCK => Ok(None),
        _ => Err(Errno::EINVAL),
    }
}

/// Returns whose lock a command is about. The commands about descriptions want `l_pid` to be zero.
fn owner(ctx: &Ctx<'_>, open: OpenId, command: FcntlCommand, lock: &Flock) -> Result<LockOwner, Errno> {
    match command {
        FcntlCommand::GETLK | FcntlCommand::SETLK | FcntlCommand::SETLKW => Ok(LockOwner::Table(ctx.files())),
        _ if lock.pid != 0 => Err(Errno::EINVAL),
        _ => Ok(LockOwner::Open(open)),
    }
}

/// `F_SETLK`, `F_SETLKW`, `F_OFD_SETLK`, `F_OFD_SETLKW`.
pub(super) fn set(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    open: OpenId,
    command: FcntlCommand,
    from: VirtAddr,
) -> SysResult {
    let lock = ctx.read(UserPtr::<Flock>::new(from))?;
    let range = range(ctx, open, &lock)?;
    let kind = wanted(lock.kind)?;
    let flags = ctx.kernel.fs.status_flags(open);
    match kind {
        Some(LockKind::Shared) if !flags.is_readable() => return Err(Errno::EBADF.into()),
        Some(LockKind::Exclusive) if !flags.is_writable() => return Err(Errno::EBADF.into()),
        _ => {}
    }
    let owner = owner(ctx, open, command, &lock)?;
    let Some(kind) = kind else {
        let node = ctx.kernel.fs.node(open);
        ctx.kernel.fs.unlock_records(node, owner, range);
        ctx.wake_files();
        return Ok(0);
    };
    let wait = match command {
        FcntlCommand::SETLKW | FcntlCommand::OFD_SETLKW => LockWait::Sleep(ctx.tid),
        _ => LockWait::Fail,
    };
    let lock = RecordLock { owner, pid: ctx.pid, kind, range };
    Request { fd, open, what: What::Records(lock), wait }.run(ctx)
}

/// `F_GETLK`, `F_OFD_GETLK`: says which lock is in the way of one.
pub(super) fn report(ctx: &mut Ctx<'_>, open: OpenId, command: FcntlCommand, at: VirtAddr) -> SysResult {
    let mut lock = ctx.read(UserPtr::<Flock>::new(at))?;
    if command == FcntlCommand::GETLK && !matches!(lock.kind, Flock::F_RDLCK | Flock::F_WRLCK) {
        return Err(Errno::EINVAL.into());
    }
    let range = range(ctx, open, &lock)?;
    let kind = wanted(lock.kind)?;
    let owner = owner(ctx, open, command, &lock)?;
    let node = ctx.kernel.fs.node(open);
    let found = match kind {
        Some(kind) => ctx.kernel.fs.conflicting_lock(node, &RecordLock { owner, pid: ctx.pid, kind, range }),
        // Asked so, a description gets to know its own.
        None => ctx.kernel.fs.own_lock(node, owner, range),
    };
    match found {
        None => lock.kind = Flock::F_UNLCK,
        Some(RecordLock { owner, pid, kind, range: ByteRange { first, last } }) => {
            lock = Flock {
                kind: number(Some(kind)),
                whence: 0,
                start: first as i64,
                len: if last == ByteRange::LAST { 0 } else { (last - first + 1) as i64 },
                pid: if matches!(owner, LockOwner::Open(_)) { -1 } else { pid.0 },
            };
        }
    }
    ctx.write(UserPtr::new(at), lock)?;
    Ok(0)
}
