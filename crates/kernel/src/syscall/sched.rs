//! Calls about where and when tasks run (sched(7)).

use super::SysResult;
use super::args::UserPtr;
use crate::ctx::Ctx;
use crate::kernel::INIT;
use crate::{Errno, HartId, Pid};
use tine_mmu::VirtAddr;

/// Size of the kernel's `cpumask_t`: there are never more than 64 harts.
const MASK_BYTES: u32 = 8;

/// `sched_yield(2)`: goes to the end of the run queue.
pub(super) fn sched_yield(ctx: &mut Ctx<'_>) -> SysResult {
    ctx.yield_after_call = ctx.kernel.sched.has_rival(ctx.tid);
    Ok(0)
}

/// Returns the task that a call names; 0 is the caller. Init is one too, though the supervisor runs it.
pub(super) fn target(ctx: &Ctx<'_>, tid: Pid) -> Result<Pid, Errno> {
    match tid {
        Pid(0) => Ok(ctx.tid),
        INIT => Ok(INIT),
        _ => ctx.kernel.tasks.task(tid).map(|_| tid).ok_or(Errno::ESRCH),
    }
}

/// Returns the harts that there are, bit n for hart n.
fn all_harts(ctx: &Ctx<'_>) -> u64 {
    u64::MAX >> (64 - ctx.kernel.sched.hart_count())
}

/// `sched_getaffinity(2)`.
pub(super) fn sched_getaffinity(ctx: &mut Ctx<'_>, tid: Pid, len: u32, mask: VirtAddr) -> SysResult {
    if len < MASK_BYTES || !len.is_multiple_of(MASK_BYTES) {
        return Err(Errno::EINVAL.into());
    }
    let tid = target(ctx, tid)?;
    let affinity = ctx.kernel.tasks.task(tid).map_or(u64::MAX, |task| task.affinity);
    ctx.write(UserPtr::new(mask), affinity & all_harts(ctx))?;
    Ok(u64::from(MASK_BYTES))
}

/// `sched_setaffinity(2)`: harts that do not exist are left out of the mask.
///
/// # Errors
/// `EFAULT`, `ESRCH`; `EPERM` for a task of somebody else, and for init; `EINVAL` for no hart at all.
pub(super) fn sched_setaffinity(ctx: &mut Ctx<'_>, tid: Pid, len: u32, mask: VirtAddr) -> SysResult {
    let mut bytes = [0; MASK_BYTES as usize];
    ctx.read_bytes(mask, &mut bytes[..len.min(MASK_BYTES) as usize]).map_err(|_| Errno::EFAULT)?;
    let tid = target(ctx, tid)?;
    let may = ctx.kernel.tasks.credentials(tid).is_some_and(|of| ctx.credentials().may_schedule(of));
    if !may {
        return Err(Errno::EPERM.into());
    }
    let affinity = u64::from_le_bytes(bytes) & all_harts(ctx);
    if affinity == 0 {
        return Err(Errno::EINVAL.into());
    }
    ctx.kernel.tasks.task_mut(tid).ok_or(Errno::EPERM)?.affinity = affinity;
    match ctx.kernel.sched.hart_of(tid).filter(|hart| affinity >> hart.0 & 1 == 0) {
        Some(hart) if hart == ctx.hart => ctx.yield_after_call = true,
        Some(hart) => ctx.kernel.preempt(ctx.harts, hart),
        None => {}
    }
    Ok(0)
}

/// `getcpu(2)`: the hart, and the only memory node. The third argument was a cache once.
pub(super) fn getcpu(
    ctx: &mut Ctx<'_>,
    hart: UserPtr<u32>,
    node: UserPtr<u32>,
    _cache: VirtAddr,
) -> SysResult {
    let HartId(here) = ctx.hart;
    ctx.write_optional(hart, here)?;
    ctx.write_optional(node, 0)?;
    Ok(0)
}
