//! `fcntl(2)`: descriptors, their flags, status flags, locks, pipe sizes.

use super::file_types::{FcntlArg, FcntlCommand};
use super::{SysResult, lock};
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::fs::{OnExec, OpenFlags};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `FD_CLOEXEC`, the one flag of a descriptor.
const FD_CLOEXEC: u64 = 1;

/// The largest pipe of who has no privilege (`/proc/sys/fs/pipe-max-size`).
const PIPE_MAX_SIZE: u32 = 1 << 20;

/// Tells whether a command works on a description that was opened with `O_PATH` (Linux 6.12 fs/fcntl.c check_fcntl_cmd).
const fn works_by_path(command: FcntlCommand) -> bool {
    matches!(
        command,
        FcntlCommand::CREATED_QUERY
            | FcntlCommand::DUPFD
            | FcntlCommand::DUPFD_CLOEXEC
            | FcntlCommand::DUPFD_QUERY
            | FcntlCommand::GETFD
            | FcntlCommand::SETFD
            | FcntlCommand::GETFL
    )
}

/// `fcntl(2)`.
pub(super) fn fcntl(ctx: &mut Ctx<'_>, fd: Fd, command: FcntlCommand, argument: FcntlArg) -> SysResult {
    let open = ctx.open_of(fd)?;
    if !works_by_path(command) {
        ctx.file_of(fd)?;
    }
    let (files, limit) = (ctx.files(), ctx.fd_limit());
    let is_privileged = ctx.task().credentials.can(Capabilities::SYS_RESOURCE);
    let fs = &mut ctx.kernel.fs;
    let FcntlArg(argument) = argument;
    match command {
        FcntlCommand::DUPFD => Ok(fs.dup_fd(files, fd, Fd(argument as i32), limit, OnExec::Keep)?.0 as u64),
        FcntlCommand::DUPFD_CLOEXEC => {
            Ok(fs.dup_fd(files, fd, Fd(argument as i32), limit, OnExec::Close)?.0 as u64)
        }
        FcntlCommand::DUPFD_QUERY => Ok(u64::from(fs.fd(files, Fd(argument as i32)) == Ok(open))),
        FcntlCommand::GETFD => match fs.on_exec(files, fd)? {
            OnExec::Keep => Ok(0),
            OnExec::Close => Ok(FD_CLOEXEC),
        },
        FcntlCommand::SETFD => {
            let on_exec = if argument & FD_CLOEXEC != 0 { OnExec::Close } else { OnExec::Keep };
            fs.set_on_exec(files, fd, on_exec)?;
            Ok(0)
        }
        FcntlCommand::GETFL => Ok(u64::from(fs.status_flags(open).bits())),
        FcntlCommand::SETFL => {
            fs.set_status_flags(open, OpenFlags::from_bits_truncate(argument as u32));
            Ok(0)
        }
        FcntlCommand::GETLK | FcntlCommand::OFD_GETLK => lock::report(ctx, open, command, VirtAddr(argument)),
        FcntlCommand::SETLK | FcntlCommand::SETLKW | FcntlCommand::OFD_SETLK | FcntlCommand::OFD_SETLKW => {
            lock::set(ctx, fd, open, command, VirtAddr(argument))
        }
        FcntlCommand::NOTIFY if argument as u32 == 0 => Ok(0),
        FcntlCommand::NOTIFY if !fs.is_directory(fs.node(open)) => Err(Errno::ENOTDIR.into()),
        FcntlCommand::SETPIPE_SZ => {
            if argument as u32 > PIPE_MAX_SIZE && fs.pipe_capacity(open).is_ok() && !is_privileged {
                return Err(Errno::EPERM.into());
            }
            let size = fs.set_pipe_capacity(open, argument as u32)?;
            ctx.wake_files();
            Ok(size as u64)
        }
        FcntlCommand::GET_SEALS => Ok(u64::from(fs.seals(fs.node(open))?.bits())),
        FcntlCommand::ADD_SEALS => {
            let node = fs.node(open);
            let is_mapped_writable =
                fs.regular(node).is_some_and(|file| ctx.kernel.memory.is_mapped_writable(file));
            ctx.kernel.fs.add_seals(open, argument as u32, is_mapped_writable)?;
            Ok(0)
        }
        FcntlCommand::GETPIPE_SZ => Ok(fs.pipe_capacity(open)? as u64),
        _ => Err(Errno::EINVAL.into()),
    }
}
