//! Calls that make objects which only descriptors name.

use super::SysResult;
use super::event_types::EventfdFlags;
use super::file::new_fd;
use crate::Errno;
use crate::ctx::Ctx;
use crate::fs::{EventfdKind, OpenFlags};

/// Returns the status flags among `flags`, which have the numbers of open(2)'s.
///
/// # Errors
/// `EINVAL` for any other than `O_CLOEXEC` and `O_NONBLOCK`.
fn status_flags(flags: u32) -> Result<OpenFlags, Errno> {
    let known = OpenFlags::CLOEXEC | OpenFlags::NONBLOCK;
    OpenFlags::from_bits(flags).filter(|flags| known.contains(*flags)).ok_or(Errno::EINVAL)
}

/// `eventfd2(2)`.
pub(super) fn eventfd2(ctx: &mut Ctx<'_>, count: u32, flags: EventfdFlags) -> SysResult {
    const EFD_SEMAPHORE: u32 = 1;
    let kind = if flags.0 & EFD_SEMAPHORE == 0 { EventfdKind::Counter } else { EventfdKind::Semaphore };
    let flags = status_flags(flags.0 & !EFD_SEMAPHORE)?;
    new_fd(ctx, flags, |fs, env| fs.eventfd(count, kind, flags, env.now_ns))
}
