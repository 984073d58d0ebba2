//! futex_waitv(2) and the calls that do one futex operation each (Linux 6.12 kernel/futex/syscalls.c).

use crate::Errno;
use crate::ctx::Ctx;
use crate::syscall::args::{Timespec, UserPtr};
use crate::syscall::types::ClockId;
use crate::syscall::{Continuation, Flow, SysResult};
use crate::task::futex::KeyScope;
use tine_mmu::{Access, VirtAddr};

/// `FUTEX2_SIZE_U32`: the only size there is.
const SIZE_U32: u32 = 2;
/// `FUTEX2_PRIVATE`.
const PRIVATE: u32 = 128;
/// Size of `struct futex_waitv`: a value, an address, flags and a reserved word.
const WAITER_BYTES: u64 = 24;
/// The most words of one call (`FUTEX_WAITV_MAX`).
const MOST_WORDS: u32 = 128;

/// A task that waits for any of several words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    deadline_ns: Option<u64>,
}

impl Wait {
    /// Returns when the wait is given up, in virtual nanoseconds.
    pub(in crate::syscall) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Returns the number of the word that woke the task.
    pub(in crate::syscall) fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        if let Some(index) = ctx.kernel.futexes.woken_by(ctx.tid) {
            ctx.kernel.futexes.remove(ctx.tid);
            return Ok(index as u64);
        }
        if self.deadline_ns.is_some_and(|deadline_ns| ctx.now_ns() >= deadline_ns) {
            ctx.kernel.futexes.remove(ctx.tid);
            return Err(Errno::ETIMEDOUT.into());
        }
        Err(Flow::Block(Continuation::FutexVector(self)))
    }
}

/// Decodes the flags of one word.
///
/// # Errors
/// `EINVAL` for another size, and for flags that there are not.
fn scope(flags: u32) -> Result<KeyScope, Errno> {
    match flags {
        SIZE_U32 => Ok(KeyScope::Shared),
        flags if flags == SIZE_U32 | PRIVATE => Ok(KeyScope::Private),
        _ => Err(Errno::EINVAL),
    }
}

/// Reads the moment at which a wait is given up.
///
/// # Errors
/// `EINVAL` for another clock than `CLOCK_MONOTONIC` and `CLOCK_REALTIME` and for a time that is none; `EFAULT`.
fn deadline(ctx: &mut Ctx<'_>, timeout: UserPtr<Timespec>, clock: ClockId) -> Result<Option<u64>, Errno> {
    if timeout.is_null() {
        return Ok(None);
    }
    let epoch_ns = match clock.0 {
        0 => ctx.wall_clock_ns() - ctx.now_ns(),
        1 => 0,
        _ => return Err(Errno::EINVAL),
    };
    Ok(Some(ctx.read(timeout)?.to_ns()?.saturating_sub(epoch_ns)))
}

/// `futex_waitv(2)`.
///
/// # Errors
/// `EINVAL` for flags, no word or too many; `EAGAIN` when a word does not hold what was expected; as [`scope`], [`deadline`].
pub(in crate::syscall) fn futex_waitv(
    ctx: &mut Ctx<'_>,
    waiters: VirtAddr,
    count: u32,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: ClockId,
) -> SysResult {
    if flags != 0 || count == 0 || count > MOST_WORDS || waiters.0 == 0 {
        return Err(Errno::EINVAL.into());
    }
    let deadline_ns = deadline(ctx, timeout, clock)?;
    let mut words = Vec::new();
    for index in 0..u64::from(count) {
        let at = waiters + index * WAITER_BYTES;
        let [value, word, flags] = ctx.read(UserPtr::<[u64; 3]>::new(at))?;
        // The upper half is reserved.
        let flags = u32::try_from(flags).map_err(|_| Errno::EINVAL)?;
        let value = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
        words.push((VirtAddr(word), value, scope(flags)?));
    }
    let mut keys = Vec::new();
    for (word, _, scope) in &words {
        keys.push(ctx.futex_key(*word, *scope, Access::Load)?);
    }
    for (word, value, _) in words {
        if ctx.read(UserPtr::<u32>::new(word))? != value {
            return Err(Errno::EAGAIN.into());
        }
    }
    ctx.kernel.futexes.wait_for_any(&keys, ctx.ranked());
    Wait { deadline_ns }.resume(ctx)
}

/// `futex_wake(2)`: as `FUTEX_WAKE_BITSET`, but none is woken when none is asked for.
pub(in crate::syscall) fn futex_wake(
    ctx: &mut Ctx<'_>,
    word: VirtAddr,
    mask: u64,
    count: i32,
    flags: u32,
) -> SysResult {
    let scope = scope(flags)?;
    let mask = u32::try_from(mask).ok().filter(|mask| *mask != 0).ok_or(Errno::EINVAL)?;
    match u64::try_from(count) {
        Ok(0) => {
            ctx.futex_key(word, scope, Access::Load)?;
            Ok(0)
        }
        count => Ok(ctx.wake_futex(word, scope, count.unwrap_or(1), mask)?),
    }
}

/// `futex_wait(2)`: as `FUTEX_WAIT_BITSET`.
pub(in crate::syscall) fn futex_wait(
    ctx: &mut Ctx<'_>,
    word: VirtAddr,
    value: u64,
    mask: u64,
    flags: u32,
    timeout: UserPtr<Timespec>,
    clock: ClockId,
) -> SysResult {
    let scope = scope(flags)?;
    let [value, mask] = [value, mask].map(u32::try_from);
    let (Ok(value), Ok(mask)) = (value, mask) else { return Err(Errno::EINVAL.into()) };
    let deadline_ns = deadline(ctx, timeout, clock)?;
    super::wait(ctx, word, scope, value, deadline_ns, mask)
}
