//! Calls about scheduling policies and real-time priorities (sched(7); Linux 6.12 kernel/sched/syscalls.c).

use super::SysResult;
use super::args::{Timespec, UserPtr};
use super::sched::target;
use super::sched_types::{PolicyArg, SchedAttr};
use crate::ctx::Ctx;
use crate::task::{MOST_URGENT, Policy, Scheduling};
use crate::{Errno, Pid};
use tine_mmu::{PAGE_SIZE, VirtAddr};

/// `SCHED_FLAG_RESET_ON_FORK`.
const FLAG_RESET_ON_FORK: u64 = 1;
/// `SCHED_FLAG_KEEP_POLICY`.
const FLAG_KEEP_POLICY: u64 = 8;
/// `SCHED_FLAG_KEEP_PARAMS`.
const FLAG_KEEP_PARAMS: u64 = 0x10;
/// `SCHED_FLAG_UTIL_CLAMP_MIN` and `_MAX`, which need a kernel that was built for them.
const FLAG_CLAMPS: u64 = 0x60;
/// Every flag.
const FLAGS: u64 = 0x7f;

/// Returns the task that a call names: 0 is the caller, and less than 0 nobody.
fn named(ctx: &Ctx<'_>, tid: Pid) -> Result<Pid, Errno> {
    if tid.0 < 0 { Err(Errno::EINVAL) } else { target(ctx, tid) }
}

fn scheduling_of(ctx: &Ctx<'_>, tid: Pid) -> Result<Scheduling, Errno> {
    if let Some(zombie) = ctx.kernel.tasks.process(tid).filter(|process| process.end.is_some()) {
        return Ok(zombie.scheduling);
    }
    let tid = named(ctx, tid)?;
    // Only init is no task.
    Ok(ctx.kernel.tasks.task(tid).map_or_else(Scheduling::default, |task| task.scheduling))
}

/// What a task is to become; `None` keeps its policy.
struct Wanted {
    policy: Option<u32>,
    priority: u32,
    nice: i32,
    resets_on_fork: bool,
}

/// Changes the policy of a task (`__sched_setscheduler`).
///
/// # Errors
/// `EINVAL`; `EPERM`, always for init.
fn change(ctx: &mut Ctx<'_>, tid: Pid, wanted: Wanted) -> SysResult {
    let before = scheduling_of(ctx, tid)?;
    let policy = match wanted.policy {
        Some(number) => Policy::from_number(number).ok_or(Errno::EINVAL)?,
        None => before.policy,
    };
    let Wanted { priority, nice, .. } = wanted;
    let resets_on_fork = if wanted.policy.is_some() { wanted.resets_on_fork } else { before.resets_on_fork };
    if priority > MOST_URGENT || policy.is_real_time() != (priority != 0) {
        return Err(Errno::EINVAL.into());
    }
    // Where niceness is of no use, it stays for later.
    let nice = if policy.heeds_niceness() { nice } else { before.nice };
    let after = Scheduling { policy, priority, nice, resets_on_fork, ..before };
    let tid = target(ctx, tid)?;
    // Init is the supervisor's own.
    let task = ctx.kernel.tasks.task(tid).ok_or(Errno::EPERM)?;
    let process = ctx.kernel.tasks.process(task.process).ok_or(Errno::ESRCH)?;
    before.check_change(&after, ctx.credentials(), &task.credentials, &process.rlimits)?;
    ctx.schedule(tid, after);
    Ok(0)
}

/// Reads a `struct sched_param`.
fn read_param(ctx: &mut Ctx<'_>, tid: Pid, from: UserPtr<u32>) -> Result<u32, Errno> {
    if from.is_null() || tid.0 < 0 {
        return Err(Errno::EINVAL);
    }
    ctx.read(from)
}

/// `sched_setscheduler(2)`.
pub(super) fn sched_setscheduler(
    ctx: &mut Ctx<'_>,
    tid: Pid,
    policy: PolicyArg,
    from: UserPtr<u32>,
) -> SysResult {
    let number = u32::try_from(policy.0 & !PolicyArg::RESET_ON_FORK).map_err(|_| Errno::EINVAL)?;
    let priority = read_param(ctx, tid, from)?;
    let Scheduling { nice, .. } = scheduling_of(ctx, tid)?;
    let resets_on_fork = policy.0 & PolicyArg::RESET_ON_FORK != 0;
    change(ctx, tid, Wanted { policy: Some(number), priority, nice, resets_on_fork })
}

/// `sched_setparam(2)`.
pub(super) fn sched_setparam(ctx: &mut Ctx<'_>, tid: Pid, from: UserPtr<u32>) -> SysResult {
    let priority = read_param(ctx, tid, from)?;
    let Scheduling { nice, resets_on_fork, .. } = scheduling_of(ctx, tid)?;
    change(ctx, tid, Wanted { policy: None, priority, nice, resets_on_fork })
}

/// `sched_getscheduler(2)`.
pub(super) fn sched_getscheduler(ctx: &mut Ctx<'_>, tid: Pid) -> SysResult {
    let Scheduling { policy, resets_on_fork, .. } = scheduling_of(ctx, tid)?;
    let reset = if resets_on_fork { PolicyArg::RESET_ON_FORK as u64 } else { 0 };
    Ok(policy as u64 | reset)
}

/// `sched_getparam(2)`.
pub(super) fn sched_getparam(ctx: &mut Ctx<'_>, tid: Pid, to: UserPtr<u32>) -> SysResult {
    if to.is_null() {
        return Err(Errno::EINVAL.into());
    }
    let priority = scheduling_of(ctx, tid)?.priority;
    ctx.write(to, priority)?;
    Ok(0)
}

/// Returns the range of real-time priorities of a policy that Linux knows, whether Tine does or not.
fn priorities(policy: PolicyArg) -> Result<(u32, u32), Errno> {
    match policy.0 {
        1 | 2 => Ok((1, MOST_URGENT)),
        0 | 3 | 5..=7 => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// `sched_get_priority_max(2)`.
pub(super) fn sched_get_priority_max(_: &mut Ctx<'_>, policy: PolicyArg) -> SysResult {
    Ok(u64::from(priorities(policy)?.1))
}

/// `sched_get_priority_min(2)`.
pub(super) fn sched_get_priority_min(_: &mut Ctx<'_>, policy: PolicyArg) -> SysResult {
    Ok(u64::from(priorities(policy)?.0))
}

/// `sched_rr_get_interval(2)`: one slice of the machine, whose clock ticks no faster, for those that take turns.
pub(super) fn sched_rr_get_interval(ctx: &mut Ctx<'_>, tid: Pid, to: UserPtr<Timespec>) -> SysResult {
    /// `RR_TIMESLICE`.
    const TURN_NS: i64 = 100_000_000;
    let policy = scheduling_of(ctx, tid)?.policy;
    let nanoseconds = if policy == Policy::RoundRobin { TURN_NS } else { 0 };
    ctx.write(to, Timespec { seconds: 0, nanoseconds })?;
    Ok(0)
}

/// Reads a `struct sched_attr` (`sched_copy_attr`).
///
/// # Errors
/// `EFAULT`; `E2BIG` for a size or an extension that is not known, after the known size was stored there.
fn read_attr(ctx: &mut Ctx<'_>, from: VirtAddr) -> Result<SchedAttr, Errno> {
    let at = UserPtr::<u32>::new(from);
    let size = match ctx.read(at)? as usize {
        0 => SchedAttr::FIRST_BYTES,
        size => size,
    };
    let mut bytes = vec![0; size.clamp(SchedAttr::BYTES, PAGE_SIZE as usize)];
    let known = (SchedAttr::FIRST_BYTES..=PAGE_SIZE as usize).contains(&size);
    if known {
        ctx.read_bytes(from, &mut bytes[..size]).map_err(|_| Errno::EFAULT)?;
    }
    let (head, rest) = bytes.split_at(SchedAttr::BYTES);
    let attr = <&[u8; SchedAttr::BYTES]>::try_from(head).map(SchedAttr::from_bytes).unwrap_or_default();
    if !known || rest.iter().any(|byte| *byte != 0) {
        ctx.write(at, SchedAttr::BYTES as u32)?;
        return Err(Errno::E2BIG);
    }
    if attr.flags & FLAG_CLAMPS != 0 && size < SchedAttr::BYTES {
        return Err(Errno::EINVAL);
    }
    Ok(attr)
}

/// `sched_setattr(2)`.
pub(super) fn sched_setattr(ctx: &mut Ctx<'_>, tid: Pid, from: VirtAddr, flags: u32) -> SysResult {
    if from.0 == 0 || tid.0 < 0 || flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let attr = read_attr(ctx, from)?;
    if (attr.policy as i32) < 0 {
        return Err(Errno::EINVAL.into());
    }
    let before = scheduling_of(ctx, tid)?;
    if attr.flags & !FLAGS != 0 {
        return Err(Errno::EINVAL.into());
    }
    if attr.flags & FLAG_CLAMPS != 0 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let keeps = attr.flags & FLAG_KEEP_PARAMS != 0;
    change(
        ctx,
        tid,
        Wanted {
            policy: (attr.flags & FLAG_KEEP_POLICY == 0).then_some(attr.policy),
            priority: if keeps { before.priority } else { attr.priority },
            nice: if keeps { before.nice } else { attr.nice.clamp(-20, 19) },
            resets_on_fork: attr.flags & FLAG_RESET_ON_FORK != 0,
        },
    )
}

/// `sched_getattr(2)`.
pub(super) fn sched_getattr(ctx: &mut Ctx<'_>, tid: Pid, to: VirtAddr, size: u32, flags: u32) -> SysResult {
    let sizes = SchedAttr::FIRST_BYTES as u32..=PAGE_SIZE as u32;
    if to.0 == 0 || tid.0 < 0 || !sizes.contains(&size) || flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let scheduling = scheduling_of(ctx, tid)?;
    let is_real_time = scheduling.policy.is_real_time();
    let attr = SchedAttr {
        policy: scheduling.policy as u32,
        flags: u64::from(scheduling.resets_on_fork),
        nice: if is_real_time { 0 } else { scheduling.nice },
        priority: scheduling.priority,
        runtime_ns: if is_real_time { 0 } else { ctx.kernel.sched.base_slice_ns() },
    };
    let size = size.min(SchedAttr::BYTES as u32);
    ctx.write_bytes(to, &attr.to_bytes(size)[..size as usize]).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}
