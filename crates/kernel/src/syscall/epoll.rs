//! Watching many descriptors (epoll(7); Linux 6.12 fs/eventpoll.c). What is watched, and what is ready, is in
//! [`crate::fs`].

use super::args::{Timespec, UserPtr, UserValue};
use super::event_types::{EpollCreateFlags, EpollCtl, EpollEventPtr, EpollEvents};
use super::file::new_fd;
use super::poll::{restore_mask, set_mask};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{EpollEvent, EpollOp, InodeId, OpenFlags, OpenId, Wait};
use crate::task::WaitKey;
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// The most events of one wait (`EP_MAX_EVENTS`).
const MAX_EVENTS: i32 = i32::MAX / EpollEvent::SIZE as i32;

/// `epoll_create1(2)`.
pub(super) fn epoll_create1(ctx: &mut Ctx<'_>, flags: EpollCreateFlags) -> SysResult {
    let flags = OpenFlags::from_bits(flags.0).filter(|flags| OpenFlags::CLOEXEC.contains(*flags));
    new_fd(ctx, flags.ok_or(Errno::EINVAL)?, |fs, env| fs.epoll(env.now_ns))
}

/// `epoll_ctl(2)`.
pub(super) fn epoll_ctl(
    ctx: &mut Ctx<'_>,
    epoll: Fd,
    op: EpollCtl,
    fd: Fd,
    event: EpollEventPtr,
) -> SysResult {
    let op = match op.0 {
        EpollCtl::DELETE => Some(EpollOp::Delete),
        op => {
            let event = ctx.read(UserPtr::<EpollEvent>::new(event.0))?;
            match op {
                EpollCtl::ADD => Some(EpollOp::Add(event)),
                EpollCtl::MODIFY => Some(EpollOp::Modify(event)),
                _ => None,
            }
        }
    };
    ctx.file_of(epoll)?;
    ctx.file_of(fd)?;
    let (open, target) = (ctx.open_of(epoll)?, ctx.open_of(fd)?);
    ctx.with_fs(|fs, env| fs.epoll_control(env, open, fd, target, op))?;
    ctx.wake_files();
    Ok(0)
}

/// A wait for what an instance watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpollWait {
    open: OpenId,
    epoll: InodeId,
    events: VirtAddr,
    max: usize,
    deadline_ns: Option<u64>,
}

impl EpollWait {
    /// Returns when the wait is given up, in virtual nanoseconds.
    pub(super) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Returns what the wait is for.
    pub(super) const fn key(&self) -> WaitKey {
        WaitKey::File(Wait::Readable(self.epoll))
    }

    /// Returns the description of the instance.
    pub(super) const fn open(&self) -> OpenId {
        self.open
    }

    /// Returns as soon as there is something to tell or the time is over.
    pub(super) fn run(self, ctx: &mut Ctx<'_>) -> SysResult {
        let told = self.tell(ctx);
        let is_over = self.deadline_ns.is_some_and(|deadline_ns| ctx.now_ns() >= deadline_ns);
        match told {
            Ok(0) if !is_over => Err(Flow::Block(Continuation::Epoll(self))),
            told => {
                restore_mask(ctx);
                Ok(told?)
            }
        }
    }

    fn tell(&self, ctx: &mut Ctx<'_>) -> Result<u64, Errno> {
        let report = ctx.look(|fs, processes| fs.epoll_begin(processes, self.epoll, self.max));
        let (mut told, mut result) = (0, Ok(()));
        for event in report.events() {
            result = ctx.write(UserPtr::new(self.events + EpollEvent::SIZE as u64 * told), event);
            if result.is_err() {
                break;
            }
            told += 1;
        }
        ctx.kernel.fs.epoll_commit(self.epoll, &report, told as usize);
        // What has arrived is told; the error comes back with the next call.
        if told == 0 { result.map(|()| 0) } else { Ok(told) }
    }
}

fn wait(ctx: &mut Ctx<'_>, epoll: Fd, events: EpollEvents, max: i32, deadline_ns: Option<u64>) -> SysResult {
    if !(1..=MAX_EVENTS).contains(&max) {
        return Err(Errno::EINVAL.into());
    }
    let bytes = EpollEvent::SIZE as u64 * max as u64;
    if events.0.0.checked_add(bytes).is_none_or(|end| end > crate::mm::TASK_SIZE) {
        return Err(Errno::EFAULT.into());
    }
    ctx.file_of(epoll)?;
    let open = ctx.open_of(epoll)?;
    let epoll = ctx.kernel.fs.epoll_of(open).ok_or(Errno::EINVAL)?;
    EpollWait { open, epoll, events: events.0, max: max as usize, deadline_ns }.run(ctx)
}

/// Waits under another signal mask.
fn wait_masked(
    ctx: &mut Ctx<'_>,
    mask: UserPtr<u64>,
    size: u64,
    wait: impl FnOnce(&mut Ctx<'_>) -> SysResult,
) -> SysResult {
    set_mask(ctx, mask, size)?;
    let result = wait(ctx);
    if let Err(Flow::Errno(_)) = result {
        restore_mask(ctx);
    }
    result
}

/// `epoll_pwait(2)`: a negative timeout is none.
pub(super) fn epoll_pwait(
    ctx: &mut Ctx<'_>,
    epoll: Fd,
    events: EpollEvents,
    max: i32,
    timeout_ms: i32,
    mask: UserPtr<u64>,
    size: u64,
) -> SysResult {
    let timeout_ns = u64::try_from(timeout_ms).ok().map(|ms| ms * 1_000_000);
    let deadline_ns = timeout_ns.map(|ns| ctx.now_ns().saturating_add(ns));
    wait_masked(ctx, mask, size, |ctx| wait(ctx, epoll, events, max, deadline_ns))
}

/// `epoll_pwait2(2)`: the timeout is to the nanosecond.
pub(super) fn epoll_pwait2(
    ctx: &mut Ctx<'_>,
    epoll: Fd,
    events: EpollEvents,
    max: i32,
    timeout: UserPtr<Timespec>,
    mask: UserPtr<u64>,
    size: u64,
) -> SysResult {
    let deadline_ns = super::poll::deadline(ctx, timeout)?;
    wait_masked(ctx, mask, size, |ctx| wait(ctx, epoll, events, max, deadline_ns))
}
