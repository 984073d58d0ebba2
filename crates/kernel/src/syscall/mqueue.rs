//! Calls about POSIX message queues (mq_overview(7); Linux 6.12 ipc/mqueue.c).

use super::args::{Timespec, UserPtr, UserValue};
use super::posix_timer::SigEvent;
use super::types::{InBuffer, Mode, OpenArg, OutBuffer, PathPtr};
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::fs::{
    AccessMode, COOKIE_BYTES, OnExec, OpenFlags, OpenId, PATH_MAX, PRIORITIES, Patience, QueueNotice,
    QueueSize, QueuedMessage, SentTo,
};
use crate::task::{Resource, SI_MESGQ, Signal, SignalFields, SignalInfo};
use crate::{Errno, Fd};
use tine_mmu::VirtAddr;

/// `struct mq_attr`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MqAttr {
    pub(super) flags: i64,
    pub(super) most_messages: i64,
    pub(super) most_bytes: i64,
    pub(super) messages: i64,
}

impl UserValue for MqAttr {
    const SIZE: usize = 64;

    fn from_bytes(bytes: &[u8]) -> Self {
        let word = |index: usize| u64::from_bytes(&bytes[8 * index..8 * index + 8]) as i64;
        Self { flags: word(0), most_messages: word(1), most_bytes: word(2), messages: word(3) }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let words = [self.flags, self.most_messages, self.most_bytes, self.messages];
        let mut bytes: Vec<u8> = words.into_iter().flat_map(i64::to_le_bytes).collect();
        bytes.resize(Self::SIZE, 0);
        bytes
    }
}

/// `mq_open(2)`: its descriptors are always closed by exec.
///
/// # Errors
/// `EFAULT`, `ENOENT`, `EEXIST`, `EACCES`, `ENAMETOOLONG`, `EINVAL` for sizes that no queue has, `EMFILE` for more descriptors or
/// bytes of queues than one may have, `ENOSPC` for too many queues.
pub(super) fn mq_open(
    ctx: &mut Ctx<'_>,
    name: PathPtr,
    flags: OpenArg,
    mode: Mode,
    attributes: UserPtr<MqAttr>,
) -> SysResult {
    let attributes = if attributes.is_null() { None } else { Some(ctx.read(attributes)?) };
    let name = read_name(ctx, name)?;
    let size = attributes.map(|given| QueueSize { messages: given.most_messages, bytes: given.most_bytes });
    let known =
        OpenFlags::CREAT | OpenFlags::EXCL | OpenFlags::NONBLOCK | OpenFlags::WRONLY | OpenFlags::RDWR;
    let flags = OpenFlags::from_bits_truncate(flags.0) & known;
    let permissions = ctx.kernel.fs.mask(ctx.task().work_dir, mode.0);
    let limit_bytes = ctx.process().rlimits.current(Resource::MessageQueues);
    let files = ctx.files();
    let fd = ctx.kernel.fs.lowest_fd(files, Fd(0), ctx.fd_limit())?;
    let open = ctx.with_fs(|fs, env| fs.open_queue(env, &name, flags, permissions, size, limit_bytes))?;
    ctx.kernel.fs.put_fd(files, fd, open, OnExec::Close);
    Ok(fd.0 as u64)
}

/// `mq_unlink(2)`.
///
/// # Errors
/// `EFAULT`, `ENOENT`, `EACCES`, `ENAMETOOLONG`.
pub(super) fn mq_unlink(ctx: &mut Ctx<'_>, name: PathPtr) -> SysResult {
    let name = read_name(ctx, name)?;
    ctx.with_fs(|fs, env| fs.unlink_queue(env, &name))?;
    Ok(0)
}

fn read_name(ctx: &mut Ctx<'_>, name: PathPtr) -> Result<Vec<u8>, Errno> {
    let name = ctx.read_string(name.0, PATH_MAX, Errno::ENAMETOOLONG)?;
    if name.is_empty() { Err(Errno::ENOENT) } else { Ok(name) }
}

/// Returns when a call gives up that waits until a time of day.
///
/// # Errors
/// `EFAULT`, `EINVAL`.
fn deadline(ctx: &mut Ctx<'_>, until: UserPtr<Timespec>) -> Result<Option<u64>, Errno> {
    if until.is_null() {
        return Ok(None);
    }
    let until_ns = ctx.read(until)?.to_ns()?;
    let epoch_ns = ctx.wall_clock_ns() - ctx.now_ns();
    Ok(Some(until_ns.saturating_sub(epoch_ns)))
}

/// `mq_timedsend(2)`.
///
/// # Errors
/// `EINVAL` for a priority or a time that is none, `EBADF`, `EMSGSIZE`, `EFAULT`, `EAGAIN`, `ETIMEDOUT`.
pub(super) fn mq_timedsend(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    from: InBuffer,
    len: u64,
    priority: u32,
    until: UserPtr<Timespec>,
) -> SysResult {
    let deadline_ns = deadline(ctx, until)?;
    if priority >= PRIORITIES {
        return Err(Errno::EINVAL.into());
    }
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.check_queue_use(open, AccessMode::WRITE, len)?;
    let mut text = vec![0; len as usize];
    ctx.read_bytes(from.0, &mut text).map_err(|_| Errno::EFAULT)?;
    let patience = ctx.kernel.fs.queue_patience(open, ctx.tid);
    let message = QueuedMessage { priority, text };
    match ctx.with_fs(|fs, env| fs.send_to_queue(env, open, message, patience))? {
        SentTo::Receiver(task, message) => {
            ctx.kernel.ipc.finished_queue_calls.insert(task, Some(message));
            ctx.kernel.wake_task(task);
        }
        SentTo::Queue(Some((owner, signal, value))) => {
            let fields = SignalFields::Queued(ctx.pid, ctx.credentials().user.real, value);
            ctx.kernel.send_to_process(owner, SignalInfo { signal, code: SI_MESGQ, fields });
        }
        SentTo::Queue(None) => {}
        SentTo::Nobody if patience == Patience::Fails => return Err(Errno::EAGAIN.into()),
        SentTo::Nobody => return QueueWait { open, deadline_ns, buffer: None }.resume(ctx),
    }
    Ok(0)
}

/// `mq_timedreceive(2)`.
///
/// # Errors
/// `EINVAL` for a time that is none, `EBADF`, `EMSGSIZE` for less room than a message of the queue may need, `EFAULT`, `EAGAIN`,
/// `ETIMEDOUT`.
pub(super) fn mq_timedreceive(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    to: OutBuffer,
    len: u64,
    priority: UserPtr<u32>,
    until: UserPtr<Timespec>,
) -> SysResult {
    let deadline_ns = deadline(ctx, until)?;
    let open = ctx.open_of(fd)?;
    ctx.kernel.fs.check_queue_use(open, AccessMode::READ, len)?;
    let patience = ctx.kernel.fs.queue_patience(open, ctx.tid);
    let now_ns = ctx.wall_clock_ns();
    match ctx.kernel.fs.receive_from_queue(now_ns, open, patience)? {
        Some((message, sender)) => {
            if let Some(task) = sender {
                ctx.kernel.ipc.finished_queue_calls.insert(task, None);
                ctx.kernel.wake_task(task);
            }
            store(ctx, (to.0, priority), &message)
        }
        None if patience == Patience::Fails => Err(Errno::EAGAIN.into()),
        None => QueueWait { open, deadline_ns, buffer: Some((to.0, priority)) }.resume(ctx),
    }
}

/// Stores a message and its priority, and returns its length.
fn store(ctx: &mut Ctx<'_>, (to, priority): (VirtAddr, UserPtr<u32>), message: &QueuedMessage) -> SysResult {
    ctx.write_optional(priority, message.priority)?;
    ctx.write_bytes(to, &message.text).map_err(|_| Errno::EFAULT)?;
    Ok(message.text.len() as u64)
}

/// A call that stands in line at a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueWait {
    open: OpenId,
    deadline_ns: Option<u64>,
    /// Where a receiver wants the message and its priority; a sender has none.
    buffer: Option<(VirtAddr, UserPtr<u32>)>,
}

impl QueueWait {
    /// Returns when the call gives up.
    pub(super) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Returns the description that the call works on.
    pub(super) const fn open(&self) -> OpenId {
        self.open
    }

    /// Ends the call if somebody has done what it wanted, or if it has waited long enough.
    pub(super) fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        if let Some(result) = ctx.kernel.ipc.finished_queue_calls.remove(&ctx.tid) {
            return match (self.buffer, result) {
                (Some(buffer), Some(message)) => store(ctx, buffer, &message),
                _ => Ok(0),
            };
        }
        if self.deadline_ns.is_some_and(|deadline_ns| deadline_ns <= ctx.now_ns()) {
            self.abandon(ctx);
            return Err(Errno::ETIMEDOUT.into());
        }
        Err(Flow::Block(Continuation::Queue(self)))
    }

    /// Leaves the line.
    pub(super) fn abandon(&self, ctx: &mut Ctx<'_>) {
        ctx.kernel.ipc.finished_queue_calls.remove(&ctx.tid);
        ctx.kernel.fs.leave_queue(self.open, ctx.tid);
    }

    /// Says what the call waits for.
    pub(super) const fn describe(&self) -> &'static str {
        if self.buffer.is_some() { "a message" } else { "room in a message queue" }
    }
}

/// `mq_notify(2)`.
///
/// # Errors
/// `EFAULT`; `EINVAL` for no signal and ways to tell that there are not; `EBADF`, `ENOTSOCK`, `EBUSY`.
pub(super) fn mq_notify(ctx: &mut Ctx<'_>, fd: Fd, event: UserPtr<SigEvent>) -> SysResult {
    let event = if event.is_null() { None } else { Some(ctx.read(event)?) };
    let notice = match event {
        None => None,
        Some(event) => Some(match event.notify() {
            SigEvent::NONE => QueueNotice::Silent,
            SigEvent::SIGNAL if event.signal() == 0 => QueueNotice::Signal(None, event.value()),
            SigEvent::SIGNAL => {
                let signal = u64::try_from(event.signal()).ok().and_then(Signal::new);
                QueueNotice::Signal(Some(signal.ok_or(Errno::EINVAL)?), event.value())
            }
            SigEvent::THREAD => {
                let mut cookie = vec![0; COOKIE_BYTES];
                ctx.read_bytes(VirtAddr(event.value()), &mut cookie).map_err(|_| Errno::EFAULT)?;
                let socket = ctx.open_of(Fd(event.signal()))?;
                ctx.kernel.fs.netlink_socket(socket)?;
                QueueNotice::Socket(socket, cookie)
            }
            _ => return Err(Errno::EINVAL.into()),
        }),
    };
    let open = ctx.open_of(fd)?;
    let owner = ctx.pid;
    ctx.with_fs(|fs, env| fs.set_queue_notice(env, open, owner, notice))?;
    Ok(0)
}

/// `mq_getsetattr(2)`.
///
/// # Errors
/// `EFAULT`; `EINVAL` for flags other than `O_NONBLOCK`; `EBADF`.
pub(super) fn mq_getsetattr(
    ctx: &mut Ctx<'_>,
    fd: Fd,
    new: UserPtr<MqAttr>,
    old: UserPtr<MqAttr>,
) -> SysResult {
    let nonblock = OpenFlags::NONBLOCK.bits();
    let new = if new.is_null() { None } else { Some(ctx.read(new)?) };
    if new.is_some_and(|new| new.flags & !i64::from(nonblock) != 0) {
        return Err(Errno::EINVAL.into());
    }
    let open = ctx.open_of(fd)?;
    let (size, messages) = ctx.kernel.fs.queue_size(open)?;
    let flags = ctx.kernel.fs.status_flags(open);
    let before = MqAttr {
        flags: i64::from((flags & OpenFlags::NONBLOCK).bits()),
        most_messages: size.messages,
        most_bytes: size.bytes,
        messages,
    };
    if let Some(new) = new {
        let nonblock = OpenFlags::from_bits_truncate(new.flags as u32);
        ctx.kernel.fs.set_status_flags(open, (flags - OpenFlags::NONBLOCK) | nonblock);
    }
    ctx.write_optional(old, before)?;
    Ok(0)
}
