//! Calls that make and end tasks, and calls about one task of a process.

use super::args::{UserPtr, UserValue};
use super::task_types::{Clone3Ptr, CloneArg, UnshareFlags};
use super::types::Barrier;
use super::{Continuation, Flow, SysResult};
use crate::ctx::Ctx;
use crate::kernel::INIT;
use crate::task::{CloneFlags, CloneRequest, Signal, WaitStatus};
use crate::{Errno, HartId, Pid};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// `exit(2)`: ends the calling task, and the process with its last.
pub(super) fn exit(ctx: &mut Ctx<'_>, status: i32) -> SysResult {
    ctx.exit_task(WaitStatus::Exited(status as u8));
    Err(Flow::NoReturn)
}

/// `exit_group(2)`: ends the process.
pub(super) fn exit_group(ctx: &mut Ctx<'_>, status: i32) -> SysResult {
    ctx.exit_process(WaitStatus::Exited(status as u8));
    Err(Flow::NoReturn)
}

/// `clone(2)`: makes a process or a task of this one. Namespaces are `EINVAL`.
pub(super) fn clone(
    ctx: &mut Ctx<'_>,
    flags: CloneArg,
    stack: VirtAddr,
    parent_tid: UserPtr<i32>,
    tls: u64,
    child_tid: VirtAddr,
) -> SysResult {
    let (exit_signal, flags) = (flags.0 & 0xff, CloneFlags::from_bits_truncate(flags.0 & 0xffff_ff00));
    // Both would be stored at the same place; CLONE_DETACHED may mean something else one day.
    let taken = CloneFlags::PARENT_SETTID | CloneFlags::DETACHED;
    if flags.contains(CloneFlags::PIDFD) && flags.intersects(taken) {
        return Err(Errno::EINVAL.into());
    }
    ctx.clone_task(CloneRequest {
        flags,
        exit_signal: Signal::new(exit_signal),
        stack: stack.0,
        parent_tid,
        pidfd: parent_tid,
        tls,
        child_tid: child_tid.0,
        set_tid: None,
    })
}

/// The words of `struct clone_args`: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
/// set_tid_size, cgroup.
type CloneArgs = [u64; 11];

/// Reads a `struct clone_args` of `size` bytes. A shorter one ends in zeros, a longer one must (copy_struct_from_user).
///
/// # Errors
/// `EINVAL` when it is shorter than its first version, `E2BIG` when it asks for something that is not known here.
fn read_clone_args(ctx: &mut Ctx<'_>, at: VirtAddr, size: u64) -> Result<CloneArgs, Errno> {
    const FIRST_VERSION_BYTES: u64 = 64;
    if size > PAGE_SIZE {
        return Err(Errno::E2BIG);
    }
    if size < FIRST_VERSION_BYTES {
        return Err(Errno::EINVAL);
    }
    let mut bytes = vec![0; (size as usize).max(CloneArgs::SIZE)];
    ctx.read_bytes(at, &mut bytes[..size as usize]).map_err(|_| Errno::EFAULT)?;
    let (known, unknown) = bytes.split_at(CloneArgs::SIZE);
    if unknown.iter().any(|byte| *byte != 0) { Err(Errno::E2BIG) } else { Ok(CloneArgs::from_bytes(known)) }
}

/// `clone3(2)`: as clone, and the child's number can be chosen.
///
/// # Errors
/// Beside those of clone: `EINVAL` for unknown flags, those that clone3 gave up, an exit signal that is none or that a
/// thread or sibling would have, a stack without a size or a size without a stack; `EEXIST` for a number that is taken.
pub(super) fn clone3(ctx: &mut Ctx<'_>, request: Clone3Ptr, size: u64) -> SysResult {
    let [flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, _] =
        read_clone_args(ctx, request.0, size)?;
    let set_tid = match (set_tid, set_tid_size) {
        (0, 0) => None,
        // One number: there is one pid namespace.
        (at @ 1.., 1) => Some(ctx.read(UserPtr::<i32>::new(VirtAddr(at)))?),
        _ => return Err(Errno::EINVAL.into()),
    };
    let flags = CloneFlags::from_bits(flags).ok_or(Errno::EINVAL)?;
    let signals = CloneFlags::SIGHAND | CloneFlags::CLEAR_SIGHAND;
    let joins = flags.intersects(CloneFlags::THREAD | CloneFlags::PARENT);
    let has_stack = stack != 0;
    if flags.contains(CloneFlags::DETACHED)
        || flags.contains(signals)
        || exit_signal > 64
        || joins && exit_signal != 0
        || has_stack != (stack_size != 0)
        || stack.checked_add(stack_size).is_none_or(|top| top > crate::mm::TASK_SIZE)
    {
        return Err(Errno::EINVAL.into());
    }
    if set_tid.is_some_and(|tid| !(1..ctx.kernel.tasks.numbers.max()).contains(&tid)) {
        return Err(Errno::EINVAL.into());
    }
    ctx.clone_task(CloneRequest {
        flags,
        exit_signal: Signal::new(exit_signal),
        stack: stack + stack_size,
        parent_tid: UserPtr::new(VirtAddr(parent_tid)),
        pidfd: UserPtr::new(VirtAddr(pidfd)),
        tls,
        child_tid,
        set_tid: set_tid.map(Pid),
    })
}

/// `unshare(2)`: the task gets descriptors, a working directory and a mask of its own.
///
/// # Errors
/// `EINVAL` for unknown flags; for memory and handlers that others use too, and threads that would have to leave their
/// process; for namespaces, as from a kernel that was built without them, or `EPERM` without `CAP_SYS_ADMIN`.
pub(super) fn unshare(ctx: &mut Ctx<'_>, flags: UnshareFlags) -> SysResult {
    let flags = CloneFlags::from_bits(flags.0).ok_or(Errno::EINVAL)?;
    let known = CloneFlags::THREAD
        | CloneFlags::FS
        | CloneFlags::SIGHAND
        | CloneFlags::VM
        | CloneFlags::FILES
        | CloneFlags::SYSVSEM;
    (flags & !known).check_namespaces(ctx.credentials())?;
    let process = ctx.process();
    let joined = process.tasks.len() > 1;
    let shares_handlers = ctx.kernel.tasks.handlers.is_shared(process.handlers);
    let shares_memory = ctx.kernel.memory.users(ctx.mm()) > 1;
    if !known.contains(flags)
        || joined && flags.intersects(CloneFlags::THREAD | CloneFlags::SIGHAND | CloneFlags::VM)
        || shares_handlers && flags.intersects(CloneFlags::SIGHAND | CloneFlags::VM)
        || shares_memory && flags.contains(CloneFlags::VM)
    {
        return Err(Errno::EINVAL.into());
    }
    if flags.contains(CloneFlags::FILES) {
        let own = ctx.kernel.fs.unshare_table(ctx.files());
        ctx.task_mut().files = own;
    }
    if flags.contains(CloneFlags::FS) {
        let own = ctx.kernel.fs.unshare_work_dir(ctx.task().work_dir);
        ctx.task_mut().work_dir = own;
    }
    Ok(0)
}

/// Waits until a vfork child has given the address space back.
pub(super) fn vfork_wait(ctx: &mut Ctx<'_>, child: Pid) -> SysResult {
    let waiting = ctx.kernel.tasks.task(child).is_some_and(|task| task.vfork_parent.is_some());
    if waiting { Err(Flow::Block(Continuation::Vfork(child))) } else { Ok(child.0 as u64) }
}

/// `gettid(2)`.
pub(super) fn gettid(ctx: &mut Ctx<'_>) -> SysResult {
    Ok(ctx.tid.0 as u64)
}

/// `set_tid_address(2)`.
pub(super) fn set_tid_address(ctx: &mut Ctx<'_>, word: VirtAddr) -> SysResult {
    ctx.task_mut().clear_child_tid = word.0;
    Ok(ctx.tid.0 as u64)
}

/// Size of `struct robust_list_head`.
const ROBUST_LIST_BYTES: u64 = 24;

/// `set_robust_list(2)`.
pub(super) fn set_robust_list(ctx: &mut Ctx<'_>, head: VirtAddr, len: u64) -> SysResult {
    if len != ROBUST_LIST_BYTES {
        return Err(Errno::EINVAL.into());
    }
    ctx.task_mut().robust_list = head.0;
    Ok(0)
}

/// `get_robust_list(2)`.
///
/// # Errors
/// `ESRCH`; `EPERM` for a task that the caller may not inspect.
pub(super) fn get_robust_list(
    ctx: &mut Ctx<'_>,
    tid: Pid,
    head: UserPtr<u64>,
    len: UserPtr<u64>,
) -> SysResult {
    let tid = if tid.0 == 0 { ctx.tid } else { tid };
    // Init is there, and has no thread that could leave a mutex.
    let list = match ctx.kernel.tasks.task(tid) {
        Some(task) => task.robust_list,
        None if tid == INIT => 0,
        None => return Err(Errno::ESRCH.into()),
    };
    let owner = ctx.kernel.tasks.credentials(tid);
    if tid != ctx.tid && !owner.is_some_and(|owner| ctx.credentials().as_real_user().may_inspect(owner)) {
        return Err(Errno::EPERM.into());
    }
    ctx.write(len, ROBUST_LIST_BYTES)?;
    ctx.write(head, list)?;
    Ok(0)
}

/// Takes the process's other tasks off their harts, or off the one that is named, so that each restarts its sequence.
fn restart_sequences(ctx: &mut Ctx<'_>, only: Option<i32>) {
    for hart in (0..ctx.kernel.sched.hart_count()).map(HartId) {
        let wanted = hart != ctx.hart && only.is_none_or(|only| only == hart.0 as i32);
        let task = ctx.kernel.sched.hart(hart).current.and_then(|tid| ctx.kernel.tasks.task(tid));
        if wanted && task.is_some_and(|task| task.process == ctx.pid) {
            ctx.kernel.preempt(ctx.harts, hart);
        }
    }
}

/// `membarrier(2)`: harts take turns and see every store at once, so there is nothing to wait for.
///
/// # Errors
/// `EINVAL` for flags and unknown commands, `EPERM` for a private command without its registration.
pub(super) fn membarrier(ctx: &mut Ctx<'_>, command: Barrier, flags: u32, hart: i32) -> SysResult {
    /// `MEMBARRIER_CMD_FLAG_CPU`: only the hart that is named.
    const FLAG_CPU: u32 = 1;
    const SUPPORTED: u32 = Barrier::GLOBAL
        | Barrier::GLOBAL_EXPEDITED
        | Barrier::REGISTER_GLOBAL_EXPEDITED
        | Barrier::PRIVATE_EXPEDITED
        | Barrier::REGISTER_PRIVATE_EXPEDITED
        | Barrier::PRIVATE_EXPEDITED_SYNC_CORE
        | Barrier::REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
        | Barrier::PRIVATE_EXPEDITED_RSEQ
        | Barrier::REGISTER_PRIVATE_EXPEDITED_RSEQ
        | Barrier::GET_REGISTRATIONS;
    let one_hart = command.0 == Barrier::PRIVATE_EXPEDITED_RSEQ && flags == FLAG_CPU;
    if flags != 0 && !one_hart {
        return Err(Errno::EINVAL.into());
    }
    let registered = ctx.process().barriers;
    match command.0 {
        Barrier::QUERY => Ok(u64::from(SUPPORTED)),
        Barrier::GLOBAL | Barrier::GLOBAL_EXPEDITED => Ok(0),
        Barrier::REGISTER_GLOBAL_EXPEDITED
        | Barrier::REGISTER_PRIVATE_EXPEDITED
        | Barrier::REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
        | Barrier::REGISTER_PRIVATE_EXPEDITED_RSEQ => {
            ctx.process_mut().barriers |= command.0;
            Ok(0)
        }
        // The bit above a private command is its registration.
        Barrier::PRIVATE_EXPEDITED
        | Barrier::PRIVATE_EXPEDITED_SYNC_CORE
        | Barrier::PRIVATE_EXPEDITED_RSEQ => {
            if registered & command.0 << 1 == 0 {
                return Err(Errno::EPERM.into());
            }
            if command.0 == Barrier::PRIVATE_EXPEDITED_SYNC_CORE {
                ctx.harts.fence_i();
            }
            if command.0 == Barrier::PRIVATE_EXPEDITED_RSEQ {
                restart_sequences(ctx, one_hart.then_some(hart));
            }
            Ok(0)
        }
        Barrier::GET_REGISTRATIONS => Ok(u64::from(registered)),
        _ => Err(Errno::EINVAL.into()),
    }
}
