//! `kcmp(2)`: whether two processes share something (Linux 6.12 kernel/kcmp.c).

use super::SysResult;
use super::types::KcmpType;
use crate::ctx::Ctx;
use crate::task::{Process, Task};
use crate::{Errno, Fd, Pid};
use std::cmp::Ordering;

/// Returns a task by its number, if the caller may look at it. Init has nothing of what is compared.
fn inspected<'a>(ctx: &'a Ctx<'_>, tid: Pid) -> Result<Option<(&'a Task, &'a Process)>, Errno> {
    let tasks = &ctx.kernel.tasks;
    let process = tasks.process_of(tid).ok_or(Errno::ESRCH)?;
    let owner = tasks.credentials(tid).ok_or(Errno::ESRCH)?;
    if process != ctx.pid && !ctx.credentials().as_real_user().may_inspect(owner) {
        return Err(Errno::EPERM);
    }
    Ok(tasks.task(tid).zip(tasks.process(process)))
}

/// Says how two things are ordered: 0 for the same, 1 and 2 for different ones.
fn ordered<T: Ord>(first: Option<T>, second: Option<T>) -> SysResult {
    Ok(match first.cmp(&second) {
        Ordering::Equal => 0,
        Ordering::Less => 1,
        Ordering::Greater => 2,
    })
}

/// `kcmp(2)`. What no process has (contexts of I/O, semaphores to undo) is the same in all.
///
/// # Errors
/// `ESRCH`; `EPERM` for a process that the caller may not inspect; `EBADF` for no descriptor; `EINVAL` for an unknown kind and
/// for what an epoll instance watches.
pub(super) fn kcmp(
    ctx: &mut Ctx<'_>,
    first: Pid,
    second: Pid,
    kind: KcmpType,
    first_fd: u64,
    second_fd: u64,
) -> SysResult {
    let (first, second) = (inspected(ctx, first)?, inspected(ctx, second)?);
    let open = |it: Option<(&Task, &Process)>, fd: u64| {
        let files = it.ok_or(Errno::EBADF)?.0.files;
        ctx.kernel.fs.fd(files, Fd(i32::try_from(fd).map_err(|_| Errno::EBADF)?))
    };
    match kind.0 {
        KcmpType::FILE => ordered(Some(open(first, first_fd)?), Some(open(second, second_fd)?)),
        KcmpType::VM => ordered(first.map(|it| it.1.mm), second.map(|it| it.1.mm)),
        KcmpType::FILES => ordered(first.map(|it| it.0.files), second.map(|it| it.0.files)),
        KcmpType::FS => ordered(first.map(|it| it.0.work_dir), second.map(|it| it.0.work_dir)),
        KcmpType::SIGHAND => ordered(first.map(|it| it.1.handlers), second.map(|it| it.1.handlers)),
        KcmpType::IO | KcmpType::SYSVSEM => Ok(0),
        _ => Err(Errno::EINVAL.into()),
    }
}
