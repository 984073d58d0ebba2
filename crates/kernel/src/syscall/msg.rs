//! Calls about System V message queues (msgget(2), msgop(2), msgctl(2); Linux 6.12 ipc/msg.c).

use super::ipc_types::{IpcCommand, IpcFlags, IpcKey, MessageQueueFlags};
use super::{Continuation, Flow, SysResult};
use crate::Errno;
use crate::creds::Capabilities;
use crate::ctx::Ctx;
use crate::ipc::{
    CREATE, EXCLUSIVE, Message, MessageQueue, Object, PRIVATE, Permissions, READ, Receiver, Sender, WRITE,
    Wanted,
};
use tine_mmu::VirtAddr;

/// What `IPC_INFO` says of the size of segments, and of their number.
const SEGMENT_BYTES: i32 = 16;
const SEGMENTS: i32 = 0xffff;
/// What it says of a pool, in KiB, and of what fits into a queue, whatever the limits are (`MSGPOOL`, `MSGMAP`).
const USUAL_POOL: i32 = 512_000;
const USUAL_BYTES: i32 = 16_384;
/// Bytes of `mtype`, in front of the text.
const KIND_BYTES: u64 = 8;

const IPC_NOWAIT: u32 = 0o4000;
const MSG_NOERROR: u32 = 0o10000;
const MSG_EXCEPT: u32 = 0o20000;
const MSG_COPY: u32 = 0o40000;

/// `msgget(2)`.
///
/// # Errors
/// `ENOENT` where there is none with this key, `EEXIST` where there is one and must not be, `EACCES`, `ENOSPC` for too many.
pub(super) fn msgget(ctx: &mut Ctx<'_>, key: IpcKey, flags: IpcFlags) -> SysResult {
    let flags = flags.0;
    if key.0 != PRIVATE
        && let Some(id) = ctx.kernel.ipc.queues.find(key.0)
    {
        let queue = ctx.kernel.ipc.queues.get(id)?;
        return match () {
            () if flags & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE => Err(Errno::EEXIST.into()),
            () if !queue.permissions.allow(ctx.credentials(), flags) => Err(Errno::EACCES.into()),
            () => Ok(id as u64),
        };
    }
    if key.0 != PRIVATE && flags & CREATE == 0 {
        return Err(Errno::ENOENT.into());
    }
    let permissions = Permissions::new(key.0, flags, ctx.credentials());
    let queue = MessageQueue::new(permissions, ctx.kernel.ipc.limits.queue_bytes, ctx.wall_clock_s());
    let most = ctx.kernel.ipc.limits.queues as usize;
    Ok(ctx.kernel.ipc.queues.insert(queue, most)? as u64)
}

/// `msgsnd(2)`.
///
/// # Errors
/// `EFAULT`, `EINVAL` for no such queue, a type below 1 or a length that no message has; `EACCES`; `EAGAIN` when there is no
/// room and the caller does not wait; `EIDRM` when the queue goes.
pub(super) fn msgsnd(
    ctx: &mut Ctx<'_>,
    id: i32,
    at: VirtAddr,
    len: u64,
    flags: MessageQueueFlags,
) -> SysResult {
    let mut kind = [0; KIND_BYTES as usize];
    ctx.read_bytes(at, &mut kind).map_err(|_| Errno::EFAULT)?;
    let kind = i64::from_le_bytes(kind);
    if len > ctx.kernel.ipc.limits.message_bytes || id < 0 || kind < 1 {
        return Err(Errno::EINVAL.into());
    }
    let mut text = vec![0; len as usize];
    ctx.read_bytes(VirtAddr(at.0.wrapping_add(KIND_BYTES)), &mut text).map_err(|_| Errno::EFAULT)?;
    let message = Message { kind, text };
    let (task, process, now_s) = (ctx.tid, ctx.pid, ctx.wall_clock_s());
    if !ctx.kernel.ipc.queues.get(id)?.permissions.allow(ctx.credentials(), WRITE) {
        return Err(Errno::EACCES.into());
    }
    let queue = ctx.kernel.ipc.queues.get_mut(id)?;
    if queue.has_room(message.text.len()) {
        let ended = queue.send(process, message, now_s);
        ctx.kernel.finish_message_calls(ended);
        return Ok(0);
    }
    if flags.0 & IPC_NOWAIT != 0 {
        return Err(Errno::EAGAIN.into());
    }
    queue.senders.push_back(Sender { task, process, message });
    Err(Flow::Block(Continuation::Message(MessageWait::Send)))
}

/// `msgrcv(2)`.
///
/// # Errors
/// `EINVAL` for no such queue, a negative length, or `MSG_COPY` with flags that it cannot have; `EACCES`; `E2BIG` for a message
/// that is longer; `ENOMSG` when there is none and the caller does not wait; `EIDRM`, `EFAULT`.
pub(super) fn msgrcv(
    ctx: &mut Ctx<'_>,
    id: i32,
    at: VirtAddr,
    len: u64,
    kind: i64,
    flags: MessageQueueFlags,
) -> SysResult {
    let flags = flags.0;
    if id < 0 || (len as i64) < 0 {
        return Err(Errno::EINVAL.into());
    }
    if flags & MSG_COPY != 0 && flags & (MSG_EXCEPT | IPC_NOWAIT) != IPC_NOWAIT {
        return Err(Errno::EINVAL.into());
    }
    let wanted = match kind {
        0 => Wanted::Any,
        ..0 => Wanted::LowestUpTo(kind.checked_neg().unwrap_or(i64::MAX)),
        _ if flags & MSG_EXCEPT != 0 => Wanted::Other(kind),
        _ => Wanted::Equal(kind),
    };
    let (task, process, now_s) = (ctx.tid, ctx.pid, ctx.wall_clock_s());
    if !ctx.kernel.ipc.queues.get(id)?.permissions.allow(ctx.credentials(), READ) {
        return Err(Errno::EACCES.into());
    }
    let queue = ctx.kernel.ipc.queues.get_mut(id)?;
    let found = match flags & MSG_COPY {
        0 => queue.find(wanted),
        _ => usize::try_from(kind).ok().filter(|at| *at < queue.messages.len()),
    };
    let most_bytes = if flags & MSG_NOERROR == 0 { len as usize } else { usize::MAX };
    let Some(found) = found else {
        if flags & IPC_NOWAIT != 0 {
            return Err(Errno::ENOMSG.into());
        }
        queue.receivers.push_back(Receiver { task, process, wanted, most_bytes });
        return Err(Flow::Block(Continuation::Message(MessageWait::Receive { at, len })));
    };
    if queue.messages[found].text.len() > most_bytes {
        return Err(Errno::E2BIG.into());
    }
    let (message, ended) = match flags & MSG_COPY {
        0 => (queue.take(found, process, now_s), queue.serve_senders(now_s)),
        _ => (queue.messages.get(found).cloned(), Vec::new()),
    };
    ctx.kernel.finish_message_calls(ended);
    store(ctx, at, len, &message.ok_or(Errno::ENOMSG)?)
}

/// Stores as much of a message as there is room for, and returns the length of that.
fn store(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, message: &Message) -> SysResult {
    let len = message.text.len().min(len as usize);
    ctx.write_bytes(at, &message.kind.to_le_bytes()).map_err(|_| Errno::EFAULT)?;
    let text = VirtAddr(at.0.wrapping_add(KIND_BYTES));
    ctx.write_bytes(text, &message.text[..len]).map_err(|_| Errno::EFAULT)?;
    Ok(len as u64)
}

/// A call that waits at a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageWait {
    /// `msgsnd`, for room.
    Send,
    /// `msgrcv`, for a message.
    Receive {
        /// Where the message goes.
        at: VirtAddr,
        /// How many bytes of its text have room there.
        len: u64,
    },
}

impl MessageWait {
    /// Ends the call if somebody has done what it wanted.
    pub(super) fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        let Some(result) = ctx.kernel.ipc.finished_messages.remove(&ctx.tid) else {
            return Err(Flow::Block(Continuation::Message(self)));
        };
        match (self, result?) {
            (Self::Receive { at, len }, Some(message)) => store(ctx, at, len, &message),
            _ => Ok(0),
        }
    }

    /// Says what the call waits for.
    pub(super) const fn describe(&self) -> &'static str {
        match self {
            Self::Send => "room in a message queue",
            Self::Receive { .. } => "a message",
        }
    }
}

/// `msgctl(2)`.
///
/// # Errors
/// `EINVAL` for no such queue or command, `EIDRM`, `EACCES`, `EPERM`, `EFAULT`.
pub(super) fn msgctl(ctx: &mut Ctx<'_>, id: i32, command: IpcCommand, at: VirtAddr) -> SysResult {
    if id < 0 {
        return Err(Errno::EINVAL.into());
    }
    match command.0 {
        IpcCommand::INFO | IpcCommand::MSG_INFO => info(ctx, command, at),
        IpcCommand::STAT | IpcCommand::MSG_STAT | IpcCommand::MSG_STAT_ANY => stat(ctx, id, command, at),
        IpcCommand::SET => {
            let change = ctx.read_ipc_change(at)?;
            let mut most_bytes = [0; 8];
            ctx.read_bytes(VirtAddr(at.0.wrapping_add(MOST_BYTES_AT)), &mut most_bytes)
                .map_err(|_| Errno::EFAULT)?;
            let most_bytes = u64::from_le_bytes(most_bytes);
            let (who, now_s) = (ctx.credentials().clone(), ctx.wall_clock_s());
            let limit = ctx.kernel.ipc.limits.queue_bytes;
            let queue = ctx.kernel.ipc.queues.get_mut(id)?;
            queue.permissions.check_control(&who)?;
            if most_bytes > limit && !who.can(Capabilities::SYS_RESOURCE) {
                return Err(Errno::EPERM.into());
            }
            change.apply(queue.permissions_mut(), &who)?;
            (queue.most_bytes, queue.changed_s) = (most_bytes, now_s);
            let tasks = &ctx.kernel.tasks;
            let permissions = queue.permissions.clone();
            let has_lost = |task, rights| {
                tasks.task(task).is_some_and(|task| !permissions.allow(&task.credentials, rights))
            };
            let mut ended = queue.fail_those(has_lost);
            ended.extend(queue.serve_senders(now_s));
            ctx.kernel.finish_message_calls(ended);
            Ok(0)
        }
        IpcCommand::RMID => {
            ctx.kernel.ipc.queues.get(id)?.permissions.check_control(ctx.credentials())?;
            let gone = ctx.kernel.ipc.queues.remove(id);
            let ended = gone.into_iter().flat_map(|mut queue| queue.fail_all(Errno::EIDRM)).collect();
            ctx.kernel.finish_message_calls(ended);
            Ok(0)
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Where `msg_qbytes` is in a `struct msqid64_ds`.
const MOST_BYTES_AT: u64 = 88;

/// Stores a `struct msginfo`: limits, or what is in use.
fn info(ctx: &mut Ctx<'_>, command: IpcCommand, at: VirtAddr) -> SysResult {
    let limits = &ctx.kernel.ipc.limits;
    let [queues, bytes, message] =
        [limits.queues, limits.queue_bytes, limits.message_bytes].map(|limit| limit as i32);
    // Pool, map, longest message, bytes of a queue, queues, segment size, messages, segments.
    let (pool, usual) = (USUAL_POOL, USUAL_BYTES);
    let mut words = [pool, usual, message, bytes, queues, SEGMENT_BYTES, usual, SEGMENTS];
    let all = &ctx.kernel.ipc.queues;
    if command.0 == IpcCommand::MSG_INFO {
        let messages: usize = all.iter().map(|(_, queue)| queue.messages.len()).sum();
        let bytes: u64 = all.iter().map(|(_, queue)| queue.bytes).sum();
        (words[0], words[1], words[6]) = (all.len() as i32, messages as i32, bytes as i32);
    }
    let highest = all.highest();
    let bytes: Vec<u8> = words.into_iter().flat_map(i32::to_le_bytes).collect();
    ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(highest)
}

/// Stores a `struct msqid64_ds`. By place, it returns the number of the queue there.
fn stat(ctx: &mut Ctx<'_>, id: i32, command: IpcCommand, at: VirtAddr) -> SysResult {
    let by_place = command.0 != IpcCommand::STAT;
    let id = if by_place { ctx.kernel.ipc.queues.at(id)? } else { id };
    let queue = ctx.kernel.ipc.queues.get(id)?;
    let anybody = command.0 == IpcCommand::MSG_STAT_ANY;
    if !anybody && !queue.permissions.allow(ctx.credentials(), READ) {
        return Err(Errno::EACCES.into());
    }
    let mut bytes = queue.permissions.to_bytes(id);
    let (count, most_bytes) = (queue.messages.len() as u64, queue.most_bytes);
    for value in [queue.sent_s, queue.received_s, queue.changed_s, queue.bytes, count, most_bytes] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(queue.last_sender.0.to_le_bytes());
    bytes.extend(queue.last_receiver.0.to_le_bytes());
    bytes.extend([0; 16]);
    ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(if by_place { id as u64 } else { 0 })
}
