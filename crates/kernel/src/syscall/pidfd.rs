//! Calls about descriptors of processes (pidfd_open(2)).

use super::event_types::{PidfdFlags, PidfdSignalFlags};
use super::file::new_fd;
use super::signal::{permitted, read_info, wanted};
use super::types::SignalArg;
use super::{SysResult, UserPtr};
use crate::ctx::Ctx;
use crate::fs::{Life, Node, OnExec, OpenFlags, PidfdKind, ProcNode, Subject};
use crate::task::{SI_TKILL, SI_USER, SignalInfo};
use crate::{Errno, Fd, Pid};
use tine_mmu::VirtAddr;

/// `pidfd_open(2)`.
///
/// # Errors
/// `EINVAL` for unknown flags, a number that none can have, and that of a task which is not the first of its process, unless
/// `PIDFD_THREAD` asks for a task; `ESRCH`.
pub(super) fn pidfd_open(ctx: &mut Ctx<'_>, pid: Pid, flags: PidfdFlags) -> SysResult {
    let known = OpenFlags::NONBLOCK | OpenFlags::EXCL;
    let flags = OpenFlags::from_bits(flags.0).filter(|flags| known.contains(*flags)).ok_or(Errno::EINVAL)?;
    if pid.0 <= 0 {
        return Err(Errno::EINVAL.into());
    }
    let process = ctx.kernel.tasks.process_of(pid).ok_or(Errno::ESRCH)?;
    let kind = match flags.contains(OpenFlags::EXCL) {
        true => PidfdKind::Task,
        false if process == pid => PidfdKind::Process,
        false => return Err(Errno::EINVAL.into()),
    };
    open_pidfd(ctx, pid, kind, flags)
}

/// Opens a process or task that is there, as `CLONE_PIDFD` does too. Exec closes the descriptor.
pub(crate) fn open_pidfd(ctx: &mut Ctx<'_>, pid: Pid, kind: PidfdKind, flags: OpenFlags) -> SysResult {
    let has_ended = match kind {
        PidfdKind::Process => ctx.kernel.tasks.process(pid).is_none_or(|process| process.end.is_some()),
        PidfdKind::Task => ctx.kernel.tasks.task(pid).is_none(),
    };
    let life = if has_ended { Life::Ended } else { Life::Living };
    new_fd(ctx, flags | OpenFlags::CLOEXEC, |fs, env| fs.pidfd(pid, kind, life, flags, env.now_ns))
}

/// Returns whom a descriptor stands for.
///
/// # Errors
/// `EBADF` when it is no descriptor of a process, `ESRCH` when that is gone.
pub(super) fn pid_of(ctx: &Ctx<'_>, fd: Fd) -> Result<(Pid, PidfdKind), Errno> {
    let open = ctx.open_of(fd)?;
    match ctx.kernel.fs.pid_of(open).ok_or(Errno::EBADF)? {
        (_, _, Life::Reaped) => Err(Errno::ESRCH),
        (pid, kind, _) => Ok((pid, kind)),
    }
}

/// Returns the process whose directory in `/proc` a descriptor stands for (`tgid_pidfd_to_pid`).
///
/// # Errors
/// `EBADF` when it is no such directory, `ESRCH` when that is gone.
fn pid_of_directory(ctx: &Ctx<'_>, fd: Fd) -> Result<(Pid, PidfdKind), Errno> {
    match ctx.file_of(fd)? {
        Node::Proc(ProcNode::Process(Subject::Process(pid))) => {
            ctx.kernel.tasks.process(pid).map(|_| (pid, PidfdKind::Process)).ok_or(Errno::ESRCH)
        }
        _ => Err(Errno::EBADF),
    }
}

/// `pidfd_send_signal(2)`: a directory of `/proc` does for a descriptor of a process.
pub(super) fn pidfd_send_signal(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    signal: SignalArg,
    info: VirtAddr,
    flags: PidfdSignalFlags,
) -> SysResult {
    const GROUP: u32 = 4;
    if !matches!(flags.0, 0 | 1 | 2 | GROUP) {
        return Err(Errno::EINVAL.into());
    }
    let found = match pid_of(ctx, fd) {
        Err(Errno::EBADF) => pid_of_directory(ctx, fd),
        found => found,
    };
    let (pid, kind) = match found {
        Err(Errno::ESRCH) => {
            wanted(signal)?;
            return Err(Errno::ESRCH.into());
        }
        found => found?,
    };
    if flags.0 == GROUP {
        return super::signal::kill(ctx, Pid(-pid.0), signal);
    }
    let to_task = flags.0 == 1 || flags.0 == 0 && kind == PidfdKind::Task;
    let bytes = match info.0 {
        0 => None,
        _ if ctx.read(UserPtr::<u32>::new(info))? != signal.0 => return Err(Errno::EINVAL.into()),
        _ => Some(read_info(ctx, pid, info)?),
    };
    let Some(signal) = permitted(ctx, pid, signal)? else { return Ok(0) };
    let code = if to_task { SI_TKILL } else { SI_USER };
    let info = match bytes {
        Some(bytes) => SignalInfo::queued(signal, &bytes),
        None => ctx.own_signal(signal, code),
    };
    match to_task {
        true => ctx.kernel.send_to_task(pid, info),
        false => ctx.kernel.send_to_process(pid, info),
    }
    Ok(0)
}

/// `pidfd_getfd(2)`: a copy of another process's descriptor, which exec closes.
pub(super) fn pidfd_getfd(ctx: &mut Ctx<'_>, fd: Fd, target: Fd, flags: u32) -> SysResult {
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (pid, _) = pid_of(ctx, fd)?;
    let theirs = ctx.kernel.tasks.task(pid).ok_or(Errno::ESRCH)?.files;
    if !ctx.look(|_, processes| processes.may_inspect(pid)) {
        return Err(Errno::EPERM.into());
    }
    let open = ctx.kernel.fs.fd(theirs, target)?;
    let files = ctx.files();
    let copy = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    ctx.kernel.fs.hold_open(open);
    ctx.kernel.fs.put_fd(files, copy, open, OnExec::Close);
    Ok(copy.0 as u64)
}
