//! Calls about System V semaphores (semget(2), semop(2), semctl(2); Linux 6.12 ipc/sem.c).

use super::args::{Timespec, UserPtr};
use super::ipc_types::{IpcCommand, IpcFlags, IpcKey};
use super::{Continuation, Flow, SysResult};
use crate::Errno;
use crate::ctx::Ctx;
use crate::ipc::{
    Attempt, CREATE, EXCLUSIVE, HIGHEST, Object, Operation, PRIVATE, Permissions, READ, Semaphore,
    SemaphoreSet, WRITE, Waiting,
};
use tine_mmu::VirtAddr;

/// `struct sembuf`.
const OPERATION_BYTES: usize = 6;

/// `semget(2)`.
///
/// # Errors
/// `ENOENT` where there is none with this key, `EEXIST` where there is one and must not be, `EINVAL` for a number of semaphores
/// that it has not or that is 0, `EACCES`, `ENOSPC` for too many.
pub(super) fn semget(ctx: &mut Ctx<'_>, key: IpcKey, count: i32, flags: IpcFlags) -> SysResult {
    let flags = flags.0;
    let most = ctx.kernel.ipc.limits.set_size as usize;
    let count = usize::try_from(count).ok().filter(|count| *count <= most).ok_or(Errno::EINVAL)?;
    if key.0 != PRIVATE
        && let Some(id) = ctx.kernel.ipc.semaphores.find(key.0)
    {
        let set = ctx.kernel.ipc.semaphores.get(id)?;
        return match () {
            () if flags & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE => Err(Errno::EEXIST.into()),
            () if set.semaphores.len() < count => Err(Errno::EINVAL.into()),
            () if !set.permissions.allow(ctx.credentials(), flags) => Err(Errno::EACCES.into()),
            () => Ok(id as u64),
        };
    }
    if key.0 != PRIVATE && flags & CREATE == 0 {
        return Err(Errno::ENOENT.into());
    }
    if count == 0 {
        return Err(Errno::EINVAL.into());
    }
    let used: usize = ctx.kernel.ipc.semaphores.iter().map(|(_, set)| set.semaphores.len()).sum();
    let limits = &ctx.kernel.ipc.limits;
    if (used + count) as u64 > limits.semaphores {
        return Err(Errno::ENOSPC.into());
    }
    let most = limits.sets as usize;
    let permissions = Permissions::new(key.0, flags, ctx.credentials());
    let set = SemaphoreSet::new(permissions, count, ctx.wall_clock_s());
    Ok(ctx.kernel.ipc.semaphores.insert(set, most)? as u64)
}

/// `semop(2)`.
pub(super) fn semop(ctx: &mut Ctx<'_>, id: i32, operations: VirtAddr, count: u32) -> SysResult {
    semtimedop(ctx, id, operations, count, UserPtr::new(VirtAddr(0)))
}

/// `semtimedop(2)`.
///
/// # Errors
/// `EINVAL` for no such set, no operation or a time that is none, `E2BIG`, `EFAULT`, `EFBIG` for a semaphore that there is
/// not, `EACCES`, `ERANGE`, `EAGAIN`; `EIDRM` when the set goes.
pub(super) fn semtimedop(
    ctx: &mut Ctx<'_>,
    id: i32,
    operations: VirtAddr,
    count: u32,
    timeout: UserPtr<Timespec>,
) -> SysResult {
    let timeout_ns = if timeout.is_null() { None } else { Some(ctx.read(timeout)?.to_ns()?) };
    if count == 0 || id < 0 {
        return Err(Errno::EINVAL.into());
    }
    if u64::from(count) > ctx.kernel.ipc.limits.operations {
        return Err(Errno::E2BIG.into());
    }
    let mut bytes = vec![0; count as usize * OPERATION_BYTES];
    ctx.read_bytes(operations, &mut bytes).map_err(|_| Errno::EFAULT)?;
    let half = |bytes: &[u8], at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let decode = |bytes: &[u8]| Operation {
        index: half(bytes, 0),
        change: half(bytes, 2) as i16,
        flags: half(bytes, 4),
    };
    let operations: Vec<Operation> = bytes.chunks_exact(OPERATION_BYTES).map(decode).collect();
    let (pid, now_s) = (ctx.pid, ctx.wall_clock_s());
    let set = ctx.kernel.ipc.semaphores.get(id)?;
    if operations.iter().any(|operation| usize::from(operation.index) >= set.semaphores.len()) {
        return Err(Errno::EFBIG.into());
    }
    let alters = operations.iter().any(|operation| operation.change != 0);
    if !set.permissions.allow(ctx.credentials(), if alters { WRITE } else { READ }) {
        return Err(Errno::EACCES.into());
    }
    let set = ctx.kernel.ipc.semaphores.get_mut(id)?;
    match set.attempt(pid, &operations)? {
        Attempt::Done => {
            set.used_s = now_s;
            let ended = set.serve_queue();
            ctx.kernel.finish_semaphore_calls(ended);
            Ok(0)
        }
        Attempt::Waits(at) if operations[at].flags & Operation::NO_WAIT != 0 => Err(Errno::EAGAIN.into()),
        Attempt::Waits(_) => {
            let deadline_ns = timeout_ns.map(|timeout| ctx.now_ns().saturating_add(timeout));
            let task = ctx.tid;
            let set = ctx.kernel.ipc.semaphores.get_mut(id)?;
            set.queue.push_back(Waiting { task, process: pid, operations });
            SemaphoreWait { id, deadline_ns }.resume(ctx)
        }
    }
}

/// A call that waits in the queue of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemaphoreWait {
    id: i32,
    deadline_ns: Option<u64>,
}

impl SemaphoreWait {
    /// Returns when the call gives up.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Ends the call if somebody has done what it wanted, or if it has waited long enough.
    pub(super) fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        if let Some(result) = ctx.kernel.ipc.finished.remove(&ctx.tid) {
            if let (Ok(()), now_s) = (result, ctx.wall_clock_s())
                && let Ok(set) = ctx.kernel.ipc.semaphores.get_mut(self.id)
            {
                set.used_s = now_s;
            }
            return result.map(|()| 0).map_err(Flow::Errno);
        }
        if self.deadline_ns.is_some_and(|deadline_ns| deadline_ns <= ctx.now_ns()) {
            ctx.kernel.leave_semaphores(ctx.tid);
            return Err(Errno::EAGAIN.into());
        }
        Err(Flow::Block(Continuation::Semaphores(self)))
    }
}

/// `semctl(2)`.
///
/// # Errors
/// `EINVAL` for no such set, semaphore or command, `EIDRM`, `EACCES`, `EPERM`, `EFAULT`, `ERANGE` for a value that is too high.
pub(super) fn semctl(
    ctx: &mut Ctx<'_>,
    id: i32,
    index: i32,
    command: IpcCommand,
    argument: u64,
) -> SysResult {
    if id < 0 {
        return Err(Errno::EINVAL.into());
    }
    let at = VirtAddr(argument);
    match command.0 {
        IpcCommand::INFO | IpcCommand::SEM_INFO => info(ctx, command, at),
        IpcCommand::STAT | IpcCommand::SEM_STAT | IpcCommand::SEM_STAT_ANY => stat(ctx, id, command, at),
        IpcCommand::SET => {
            let change = ctx.read_ipc_change(at)?;
            let (who, now_s) = (ctx.credentials().clone(), ctx.wall_clock_s());
            let set = ctx.kernel.ipc.semaphores.get_mut(id)?;
            change.apply(set.permissions_mut(), &who)?;
            set.changed_s = now_s;
            Ok(0)
        }
        IpcCommand::RMID => {
            ctx.kernel.ipc.semaphores.get(id)?.permissions.check_control(ctx.credentials())?;
            let gone = ctx.kernel.ipc.semaphores.remove(id);
            let waiting = gone.into_iter().flat_map(|set| set.queue);
            let ended = waiting.map(|waiting| (waiting.task, Err(Errno::EIDRM))).collect();
            ctx.kernel.finish_semaphore_calls(ended);
            Ok(0)
        }
        IpcCommand::SEM_SETVAL => {
            let value = argument as i32;
            if !(0..=HIGHEST).contains(&value) {
                return Err(Errno::ERANGE.into());
            }
            let index = semaphore(ctx, id, index, WRITE)?;
            set_values(ctx, id, index, &[value])
        }
        IpcCommand::SEM_SETALL => {
            let count = readable(ctx, id, WRITE)?.semaphores.len();
            let mut bytes = vec![0; 2 * count];
            ctx.read_bytes(at, &mut bytes).map_err(|_| Errno::EFAULT)?;
            let values: Vec<i32> =
                bytes.chunks_exact(2).map(|pair| i32::from(u16::from_le_bytes([pair[0], pair[1]]))).collect();
            if values.iter().any(|value| *value > HIGHEST) {
                return Err(Errno::ERANGE.into());
            }
            set_values(ctx, id, 0, &values)
        }
        IpcCommand::SEM_GETALL => {
            let values = readable(ctx, id, READ)?.semaphores.iter().map(|semaphore| semaphore.value as u16);
            let bytes: Vec<u8> = values.flat_map(u16::to_le_bytes).collect();
            ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
            Ok(0)
        }
        IpcCommand::SEM_GETVAL | IpcCommand::SEM_GETPID => {
            let index = semaphore(ctx, id, index, READ)?;
            let semaphore = ctx.kernel.ipc.semaphores.get(id)?.semaphores[index];
            let is_value = command.0 == IpcCommand::SEM_GETVAL;
            Ok(if is_value { semaphore.value } else { semaphore.last.0 } as u64)
        }
        IpcCommand::SEM_GETNCNT | IpcCommand::SEM_GETZCNT => {
            let index = semaphore(ctx, id, index, READ)?;
            let zero = command.0 == IpcCommand::SEM_GETZCNT;
            Ok(ctx.kernel.ipc.semaphores.get(id)?.waiting_for(index, zero))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Returns a set, if the caller has the rights.
fn readable<'a>(ctx: &'a Ctx<'_>, id: i32, rights: u32) -> Result<&'a SemaphoreSet, Errno> {
    let set = ctx.kernel.ipc.semaphores.get(id)?;
    if set.permissions.allow(ctx.credentials(), rights) { Ok(set) } else { Err(Errno::EACCES) }
}

/// Returns the index of a semaphore of a set, if the caller has the rights.
fn semaphore(ctx: &Ctx<'_>, id: i32, index: i32, rights: u32) -> Result<usize, Errno> {
    let count = readable(ctx, id, rights)?.semaphores.len();
    usize::try_from(index).ok().filter(|index| *index < count).ok_or(Errno::EINVAL)
}

/// Sets semaphores, and forgets what ends of processes would have changed of them.
fn set_values(ctx: &mut Ctx<'_>, id: i32, first: usize, values: &[i32]) -> SysResult {
    let (pid, now_s) = (ctx.pid, ctx.wall_clock_s());
    let set = ctx.kernel.ipc.semaphores.get_mut(id)?;
    for (index, value) in (first..).zip(values) {
        set.semaphores[index] = Semaphore { value: *value, last: pid };
        set.undo.values_mut().for_each(|undo| undo[index] = 0);
    }
    set.changed_s = now_s;
    let ended = set.serve_queue();
    ctx.kernel.finish_semaphore_calls(ended);
    Ok(0)
}

/// Stores a `struct seminfo`: limits, or what is in use.
fn info(ctx: &mut Ctx<'_>, command: IpcCommand, at: VirtAddr) -> SysResult {
    const UNDO_BYTES: i32 = 20;
    let limits = &ctx.kernel.ipc.limits;
    let [sets, each, all, operations] =
        [limits.sets, limits.set_size, limits.semaphores, limits.operations].map(|limit| limit as i32);
    let mut words = [all, sets, all, all, each, operations, 500, UNDO_BYTES, HIGHEST, HIGHEST];
    let semaphores = &ctx.kernel.ipc.semaphores;
    if command.0 == IpcCommand::SEM_INFO {
        let used: usize = semaphores.iter().map(|(_, set)| set.semaphores.len()).sum();
        (words[7], words[9]) = (semaphores.len() as i32, used as i32);
    }
    let highest = semaphores.highest();
    let bytes: Vec<u8> = words.into_iter().flat_map(i32::to_le_bytes).collect();
    ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(highest)
}

/// Stores a `struct semid_ds`. By place, it returns the number of the set there.
fn stat(ctx: &mut Ctx<'_>, id: i32, command: IpcCommand, at: VirtAddr) -> SysResult {
    let by_place = command.0 != IpcCommand::STAT;
    let id = if by_place { ctx.kernel.ipc.semaphores.at(id)? } else { id };
    let rights = if command.0 == IpcCommand::SEM_STAT_ANY { 0 } else { READ };
    let set = readable(ctx, id, rights)?;
    let mut bytes = set.permissions.to_bytes(id);
    for value in [set.used_s, set.changed_s, set.semaphores.len() as u64, 0, 0] {
        bytes.extend(value.to_le_bytes());
    }
    ctx.write_bytes(at, &bytes).map_err(|_| Errno::EFAULT)?;
    Ok(if by_place { id as u64 } else { 0 })
}
