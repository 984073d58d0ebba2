//! Calls that make, end, wait for and describe processes.

use super::args::{Rusage, UserPtr, UserValue};
use super::pidfd::pid_of;
use super::types::{IdType, UsageOf, WaitOptions};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::OpenFlags;
use crate::task::signal::INFO_BYTES;
use crate::task::{Child, Selector, Usage, WCONTINUED, WEXITED, WSTOPPED};
use crate::{Errno, Fd, Pid};
use tine_mmu::VirtAddr;

const WNOHANG: u32 = 1;
const WNOWAIT: u32 = 0x0100_0000;
/// `__WNOTHREAD | __WALL | __WCLONE`.
const WAIT_KINDS: u32 = 0xe000_0000;

/// A wait for a child, and where its results go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    selector: Selector,
    options: u32,
    results: Results,
    usage: UserPtr<Rusage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Results {
    /// `wait4`: the status word.
    Status(UserPtr<i32>),
    /// `waitid`: a `siginfo_t`.
    Info(VirtAddr),
}

impl Wait {
    /// Tells of a child if there is something to tell.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        let found = match (ctx.changed_child(self.selector, self.options), self.results) {
            (Err(errno), Results::Info(at)) => return nothing_to_tell(ctx, at, Err(errno.into())),
            (found, _) => found?,
        };
        match (found, self.results) {
            (Some(child), _) => self.report(ctx, &child),
            (None, Results::Info(at)) if self.options & WNOHANG != 0 => nothing_to_tell(ctx, at, Ok(0)),
            (None, _) if self.options & WNOHANG != 0 => Ok(0),
            (None, _) => Err(Flow::Block(Continuation::Wait(self))),
        }
    }

    /// Returns what a signal ends the call with: a waitid that was interrupted has stored zeros.
    pub(super) fn interrupted(&self, ctx: &mut Ctx<'_>) -> Errno {
        let stored = match self.results {
            Results::Info(at) => store_info(ctx, at, &[0; INFO_BYTES]),
            Results::Status(_) => Ok(()),
        };
        stored.err().unwrap_or(Errno::EINTR)
    }

    fn report(&self, ctx: &mut Ctx<'_>, child: &Child) -> SysResult {
        if self.options & WNOWAIT == 0 {
            ctx.take_change(child);
        }
        ctx.write_optional(self.usage, rusage(&child.usage))?;
        match self.results {
            Results::Status(at) => {
                ctx.write_optional(at, child.change.word() as i32)?;
                Ok(child.pid.0 as u64)
            }
            Results::Info(at) => {
                let bytes = child.info().to_bytes();
                store_info(ctx, at, &bytes)?;
                Ok(0)
            }
        }
    }
}

/// `wait4(2)`.
pub(super) fn wait4(
    ctx: &mut Ctx<'_>,
    pid: Pid,
    status: UserPtr<i32>,
    options: WaitOptions,
    usage: UserPtr<Rusage>,
) -> SysResult {
    if options.0 & !(WNOHANG | WSTOPPED | WCONTINUED | WAIT_KINDS) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let selector = match pid.0 {
        i32::MIN => return Err(Errno::ESRCH.into()),
        -1 => Selector::Any,
        0 => Selector::Group(ctx.process().group),
        group @ ..-1 => Selector::Group(Pid(-group)),
        _ => Selector::Pid(pid),
    };
    let results = Results::Status(status);
    Wait { selector, options: options.0 | WEXITED, results, usage }.run(ctx)
}

/// Stores the fields of a `siginfo_t` that waitid knows, and leaves the others as they are.
fn store_info(ctx: &mut Ctx<'_>, at: VirtAddr, info: &[u8]) -> Result<(), Errno> {
    /// Where `si_signo`, `si_errno` and `si_code` stand, and `si_pid`, `si_uid` and `si_status`.
    const FIELDS: [std::ops::Range<usize>; 2] = [0..12, 16..28];
    for field in FIELDS.into_iter().filter(|_| at.0 != 0) {
        ctx.write_bytes(at + field.start as u64, &info[field]).map_err(|_| Errno::EFAULT)?;
    }
    Ok(())
}

/// Ends a waitid that tells of no child: even one that fails stores zeros.
fn nothing_to_tell(ctx: &mut Ctx<'_>, at: VirtAddr, result: SysResult) -> SysResult {
    store_info(ctx, at, &[0; INFO_BYTES])?;
    result
}

/// `waitid(2)`.
pub(super) fn waitid(
    ctx: &mut Ctx<'_>,
    which: IdType,
    id: Pid,
    info: VirtAddr,
    options: WaitOptions,
    usage: UserPtr<Rusage>,
) -> SysResult {
    let known = WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT | WAIT_KINDS;
    if options.0 & !known != 0 || options.0 & (WEXITED | WSTOPPED | WCONTINUED) == 0 {
        return nothing_to_tell(ctx, info, Err(Errno::EINVAL.into()));
    }
    let selector = match (which.0, id.0) {
        (0, _) => Selector::Any,
        (1, 1..) => Selector::Pid(id),
        (2, 1..) => Selector::Group(id),
        (2, 0) => Selector::Group(ctx.process().group),
        (3, 0..) => return wait_for_pidfd(ctx, Fd(id.0), info, options.0, usage),
        _ => return nothing_to_tell(ctx, info, Err(Errno::EINVAL.into())),
    };
    Wait { selector, options: options.0, results: Results::Info(info), usage }.run(ctx)
}

/// Waits for the process that a descriptor stands for; one opened with `PIDFD_NONBLOCK` does not wait.
fn wait_for_pidfd(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    info: VirtAddr,
    options: u32,
    usage: UserPtr<Rusage>,
) -> SysResult {
    let selector = match pid_of(ctx, fd) {
        Ok((pid, _)) => Selector::Pid(pid),
        // It is gone: certainly it is nobody's child.
        Err(Errno::ESRCH) => return nothing_to_tell(ctx, info, Err(Errno::ECHILD.into())),
        Err(errno) => return nothing_to_tell(ctx, info, Err(errno.into())),
    };
    let is_nonblocking = ctx.kernel.fs.status_flags(ctx.open_of(fd)?).contains(OpenFlags::NONBLOCK);
    let wait = |options| Wait { selector, options, results: Results::Info(info), usage };
    if is_nonblocking && options & WNOHANG == 0 {
        return match ctx.changed_child(selector, options) {
            Ok(Some(child)) => wait(options).report(ctx, &child),
            Ok(None) => nothing_to_tell(ctx, info, Err(Errno::EAGAIN.into())),
            Err(errno) => nothing_to_tell(ctx, info, Err(errno.into())),
        };
    }
    wait(options).run(ctx)
}

/// `getpid(2)`.
pub(super) fn getpid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(ctx.pid.0 as u64)
}

/// `getppid(2)`.
pub(super) fn getppid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(ctx.process().parent.0 as u64)
}

fn target(ctx: &Ctx<'_>, pid: Pid) -> Result<Pid, Errno> {
    let pid = if pid.0 == 0 { ctx.pid } else { pid };
    ctx.kernel.tasks.process(pid).map(|_| pid).ok_or(Errno::ESRCH)
}

/// `setpgid(2)`.
pub(super) fn setpgid(ctx: &mut Ctx<'_>, pid: Pid, group: Pid) -> SysResult {
    // A group of 0 is what the process's number says, even where that is none.
    if group.0 < 0 || group.0 == 0 && pid.0 < 0 {
        return Err(Errno::EINVAL.into());
    }
    let pid = target(ctx, pid)?;
    let group = if group.0 == 0 { pid } else { group };
    let session = ctx.process().session;
    let group_exists =
        ctx.kernel.tasks.processes().any(|(_, other)| other.group == group && other.session == session);
    let process = ctx.kernel.tasks.process_mut(pid).ok_or(Errno::ESRCH)?;
    if pid != ctx.pid && process.parent != ctx.pid {
        return Err(Errno::ESRCH.into());
    }
    if pid != ctx.pid && process.has_execed {
        return Err(Errno::EACCES.into());
    }
    if process.session == pid || process.session != session || (group != pid && !group_exists) {
        return Err(Errno::EPERM.into());
    }
    process.group = group;
    Ok(0)
}

/// `getpgid(2)`.
pub(super) fn getpgid(ctx: &mut Ctx<'_>, pid: Pid) -> SysResult {
    let pid = target(ctx, pid)?;
    Ok(ctx.kernel.tasks.process(pid).ok_or(Errno::ESRCH)?.group.0 as u64)
}

/// `getsid(2)`.
pub(super) fn getsid(ctx: &mut Ctx<'_>, pid: Pid) -> SysResult {
    let pid = target(ctx, pid)?;
    Ok(ctx.kernel.tasks.process(pid).ok_or(Errno::ESRCH)?.session.0 as u64)
}

/// `setsid(2)`.
pub(super) fn setsid(ctx: &mut Ctx<'_>) -> SysResult {
    let pid = ctx.pid;
    if ctx.kernel.tasks.processes().any(|(_, process)| process.group == pid) {
        return Err(Errno::EPERM.into());
    }
    let process = ctx.process_mut();
    (process.session, process.group) = (pid, pid);
    Ok(pid.0 as u64)
}

/// Encodes resource use as getrusage(2) reports it.
fn rusage(usage: &Usage) -> Rusage {
    let split = |ns: u64| ((ns / 1_000_000_000) as i64, (ns % 1_000_000_000 / 1_000) as i64);
    let ((user_s, user_us), (system_s, system_us)) = (split(usage.user_ns), split(usage.system_ns));
    Rusage {
        user_s,
        user_us,
        system_s,
        system_us,
        max_rss_kib: usage.max_rss_kib as i64,
        minor_faults: usage.minor_faults as i64,
        major_faults: usage.major_faults as i64,
        voluntary_switches: usage.voluntary_switches as i64,
        involuntary_switches: usage.involuntary_switches as i64,
    }
}

/// `getrusage(2)`.
pub(super) fn getrusage(ctx: &mut Ctx<'_>, who: UsageOf, to: UserPtr<Rusage>) -> SysResult {
    let (pid, mm) = (ctx.pid, ctx.mm());
    ctx.kernel.keep_peak(pid, mm);
    let usage = match who.0 as i32 {
        0 => ctx.process().own_usage(),
        1 => Usage { max_rss_kib: ctx.process().usage.max_rss_kib, ..ctx.task().usage },
        -1 => ctx.process().children_usage,
        _ => return Err(Errno::EINVAL.into()),
    };
    ctx.write(to, rusage(&usage))?;
    Ok(0)
}

/// Size of `struct rusage`, so that its layout cannot change unseen.
const _: () = assert!(Rusage::SIZE == 144);
