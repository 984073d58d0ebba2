//! `fcntl(2)`: descriptors, their flags, status flags, locks, pipe sizes.

use super::args::UserPtr;
use super::file_types::{FcntlArg, FcntlCommand};
use super::{SysResult, io_signal, lock};
use crate::ctx::Ctx;
use crate::fs::{OnExec, OpenFlags, OpenId, Telling};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `FD_CLOEXEC`, the one flag of a descriptor.
const FD_CLOEXEC: u64 = 1;

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
    let fs = &mut ctx.kernel.fs;
    let FcntlArg(argument) = argument;
    match command {
        FcntlCommand::DUPFD => Ok(fs.dup_fd(files, fd, Fd(argument as i32), limit, OnExec::Keep)?.0 as u64),
        FcntlCommand::DUPFD_CLOEXEC => {
            Ok(fs.dup_fd(files, fd, Fd(argument as i32), limit, OnExec::Close)?.0 as u64)
        }
        FcntlCommand::DUPFD_QUERY => Ok(u64::from(fs.fd(files, Fd(argument as i32)) == Ok(open))),
        FcntlCommand::CREATED_QUERY => Ok(u64::from(fs.is_created(open))),
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
            let flags = OpenFlags::from_bits_truncate(argument as u32);
            fs.set_status_flags(open, flags);
            let telling = if flags.contains(OpenFlags::ASYNC) { Telling::On } else { Telling::Off };
            ctx.with_fs(|fs, env| fs.set_async(env.processes, open, fd, telling));
            Ok(0)
        }
        FcntlCommand::GETLK | FcntlCommand::OFD_GETLK => lock::report(ctx, open, command, VirtAddr(argument)),
        FcntlCommand::SETLK | FcntlCommand::SETLKW | FcntlCommand::OFD_SETLK | FcntlCommand::OFD_SETLKW => {
            lock::set(ctx, fd, open, command, VirtAddr(argument))
        }
        FcntlCommand::SETOWN
        | FcntlCommand::GETOWN
        | FcntlCommand::SETOWN_EX
        | FcntlCommand::GETOWN_EX
        | FcntlCommand::GETOWNER_UIDS
        | FcntlCommand::SETSIG
        | FcntlCommand::GETSIG => io_signal::fcntl(ctx, open, command, argument),
        FcntlCommand::NOTIFY => {
            ctx.with_fs(|fs, env| fs.watch_directory(env, files, fd, argument as u32))?;
            Ok(0)
        }
        FcntlCommand::GETLEASE => Ok(lock::number(fs.lease(open)) as u64),
        FcntlCommand::SETLEASE => {
            let kind = lock::wanted(argument as i16)?;
            ctx.with_fs(|fs, env| fs.set_lease(env, open, fd, kind))?;
            Ok(0)
        }
        FcntlCommand::GET_RW_HINT | FcntlCommand::SET_RW_HINT => write_hint(ctx, open, command, argument),
        FcntlCommand::SETPIPE_SZ => {
            let size = ctx.with_fs(|fs, env| fs.set_pipe_capacity(env, open, argument as u32))?;
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

/// `F_GET_RW_HINT` and `F_SET_RW_HINT`: how long what is written will last, which is kept with the file and changes nothing.
///
/// # Errors
/// `EINVAL` for no hint, `EFAULT`.
fn write_hint(ctx: &mut Ctx<'_>, open: OpenId, command: FcntlCommand, argument: u64) -> SysResult {
    /// `RWH_WRITE_LIFE_EXTREME`.
    const LONGEST: u64 = 5;
    let at = UserPtr::<u64>::new(VirtAddr(argument));
    if command == FcntlCommand::GET_RW_HINT {
        let hint = ctx.kernel.fs.write_hint(open);
        ctx.write(at, u64::from(hint))?;
        return Ok(0);
    }
    let hint = ctx.read(at)?;
    if hint > LONGEST {
        return Err(Errno::EINVAL.into());
    }
    ctx.with_fs(|fs, env| fs.set_write_hint(env, open, hint as u8))?;
    Ok(0)
}
