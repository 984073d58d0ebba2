//! rseq(2): an area in which a task finds where it runs. What is written there, and when, is in `task/rseq.rs`.

use super::SysResult;
use crate::Errno;
use crate::ctx::Ctx;
use crate::mm::TASK_SIZE;
use crate::task::Rseq;
use tine_mmu::VirtAddr;

/// Size and alignment of the first `struct rseq`.
const FIRST_BYTES: u32 = 32;
/// Size of the fields that are filled in (`AT_RSEQ_FEATURE_SIZE`).
pub(crate) const FEATURE_BYTES: u64 = 28;
/// Alignment of the area (`AT_RSEQ_ALIGN`).
pub(crate) const ALIGNMENT: u64 = 32;

/// `rseq(2)`.
///
/// # Errors
/// `EINVAL` for unknown flags, another area than the registered one, or one that is too small or misaligned; `EPERM` for
/// another signature, `EBUSY` when it is registered already, `EFAULT`.
pub(super) fn rseq(
    ctx: &mut Ctx<'_>,
    area: VirtAddr,
    len_bytes: u32,
    flags: u32,
    signature: u32,
) -> SysResult {
    const UNREGISTER: u32 = 1;
    if flags & !UNREGISTER != 0 {
        return Err(Errno::EINVAL.into());
    }
    let unregisters = flags == UNREGISTER;
    match ctx.task().rseq {
        Some(held) if held.area != area || held.len_bytes != len_bytes => Err(Errno::EINVAL.into()),
        Some(held) if held.signature != signature => Err(Errno::EPERM.into()),
        Some(_) if unregisters => {
            ctx.reset_rseq(area)?;
            ctx.task_mut().rseq = None;
            Ok(0)
        }
        Some(_) => Err(Errno::EBUSY.into()),
        None if unregisters || len_bytes < FIRST_BYTES || !area.0.is_multiple_of(ALIGNMENT) => {
            Err(Errno::EINVAL.into())
        }
        None if area.0.checked_add(u64::from(len_bytes)).is_none_or(|end| end > TASK_SIZE) => {
            Err(Errno::EFAULT.into())
        }
        None => {
            // A section that an earlier user of the memory was in is none of this task's.
            ctx.clear_section(area)?;
            ctx.task_mut().rseq = Some(Rseq { area, len_bytes, signature, is_stale: true });
            Ok(0)
        }
    }
}
