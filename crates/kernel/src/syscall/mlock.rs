//! Calls that lock memory (mlock(2)).

use super::SysResult;
use super::types::{LockAllFlags, LockFlags};
use crate::Errno;
use crate::ctx::Ctx;
use crate::mm::{Lock, TASK_SIZE};
use tine_mmu::VirtAddr;

const MCL_CURRENT: u32 = 1;
const MCL_FUTURE: u32 = 2;
const MCL_ONFAULT: u32 = 4;

/// `mlock(2)`.
pub(super) fn mlock(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64) -> SysResult {
    lock(ctx, at, len, Lock::Locked)
}

/// `mlock2(2)`.
pub(super) fn mlock2(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, flags: LockFlags) -> SysResult {
    const MLOCK_ONFAULT: u32 = 1;
    match flags.0 {
        0 => lock(ctx, at, len, Lock::Locked),
        MLOCK_ONFAULT => lock(ctx, at, len, Lock::OnFault),
        _ => Err(Errno::EINVAL.into()),
    }
}

fn lock(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64, lock: Lock) -> SysResult {
    check_may_lock(ctx)?;
    let mm = ctx.mm();
    ctx.bring_in(mm, at, len);
    ctx.memory(mm, |memory, work| memory.lock(work, mm, at, len, lock))?;
    Ok(0)
}

/// `munlock(2)`.
pub(super) fn munlock(ctx: &mut Ctx<'_>, at: VirtAddr, len: u64) -> SysResult {
    let mm = ctx.mm();
    ctx.memory(mm, |memory, work| memory.lock(work, mm, at, len, Lock::Unlocked))?;
    Ok(0)
}

/// `mlockall(2)`.
pub(super) fn mlockall(ctx: &mut Ctx<'_>, flags: LockAllFlags) -> SysResult {
    let has = |flag| flags.0 & flag != 0;
    if flags.0 & !(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0 || !has(MCL_CURRENT | MCL_FUTURE) {
        return Err(Errno::EINVAL.into());
    }
    check_may_lock(ctx)?;
    let lock = if has(MCL_ONFAULT) { Lock::OnFault } else { Lock::Locked };
    let future = if has(MCL_FUTURE) { lock } else { Lock::Unlocked };
    let mm = ctx.mm();
    if has(MCL_CURRENT) {
        ctx.bring_in(mm, VirtAddr(0), TASK_SIZE);
    }
    ctx.memory(mm, |memory, work| memory.lock_all(work, mm, has(MCL_CURRENT).then_some(lock), future))?;
    Ok(0)
}

/// `munlockall(2)`.
pub(super) fn munlockall(ctx: &mut Ctx<'_>) -> SysResult {
    let mm = ctx.mm();
    ctx.memory(mm, |memory, work| memory.lock_all(work, mm, Some(Lock::Unlocked), Lock::Unlocked))?;
    Ok(0)
}

/// Refuses to lock anything where nothing may be locked (Linux 6.12 mm/mlock.c `can_do_mlock`).
///
/// # Errors
/// `EPERM`.
pub(super) fn check_may_lock(ctx: &Ctx<'_>) -> Result<(), Errno> {
    let limit = ctx.kernel.memory.space(ctx.mm()).limits.locked_bytes;
    if limit == 0 { Err(Errno::EPERM) } else { Ok(()) }
}
