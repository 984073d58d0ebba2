//! futex(2): waiting for a word of memory to change (Linux 6.12 kernel/futex).

pub(super) mod lock;
pub(super) mod vector;

use super::args::{Timespec, UserPtr};
use super::task_types::{FutexArg, FutexOp};
use super::{Continuation, Flow, SysResult};
use crate::Errno;
use crate::ctx::Ctx;
use crate::task::futex::{ANY_BIT, KeyScope};
use tine_mmu::{Access, VirtAddr};

/// A task that waits for a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    word: VirtAddr,
    deadline_ns: Option<u64>,
}

impl Wait {
    /// Returns when the wait is given up, in virtual nanoseconds.
    pub(super) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Says what the wait is for.
    pub(super) fn describe(&self) -> String {
        format!("the futex at {}", self.word)
    }

    /// Returns once another task has taken this one out of the queue, or the time is over.
    pub(super) fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        if !ctx.kernel.futexes.is_waiting(ctx.tid) {
            ctx.kernel.futexes.remove(ctx.tid);
            return Ok(0);
        }
        if self.deadline_ns.is_some_and(|deadline_ns| ctx.now_ns() >= deadline_ns) {
            ctx.kernel.futexes.remove(ctx.tid);
            return Err(Errno::ETIMEDOUT.into());
        }
        Err(Flow::Block(Continuation::Futex(self)))
    }
}

/// `futex(2)`: every operation but `FUTEX_FD`, which Linux has given up.
///
/// # Errors
/// `EAGAIN` when the word does not hold what was expected, `ETIMEDOUT`, `EINTR`; `EINVAL` for a misaligned word, an empty
/// bit set, a negative count or a time that is none; `EFAULT`; `ENOSYS` for other operations. Those of locks: see [`lock`].
pub(super) fn futex(
    ctx: &mut Ctx<'_>,
    word: VirtAddr,
    operation: FutexOp,
    value: u32,
    timeout: FutexArg,
    second: FutexArg,
    value3: FutexArg,
) -> SysResult {
    let deadline_ns = deadline(ctx, operation, UserPtr::new(VirtAddr(timeout.0)))?;
    let may_be_realtime =
        matches!(operation.command(), FutexOp::WAIT_BITSET | FutexOp::LOCK_PI2 | FutexOp::WAIT_REQUEUE_PI);
    if operation.is_realtime() && !may_be_realtime {
        return Err(Errno::ENOSYS.into());
    }
    let scope = if operation.is_private() { KeyScope::Private } else { KeyScope::Shared };
    let (value2, second, value3) = (timeout.0 as u32, VirtAddr(second.0), value3.0 as u32);
    match operation.command() {
        FutexOp::WAIT => wait(ctx, word, scope, value, deadline_ns, ANY_BIT),
        FutexOp::WAIT_BITSET => wait(ctx, word, scope, value, deadline_ns, value3),
        FutexOp::WAKE => wake(ctx, word, scope, value, ANY_BIT),
        FutexOp::WAKE_BITSET => wake(ctx, word, scope, value, value3),
        FutexOp::REQUEUE => requeue(ctx, [word, second], scope, [value, value2], None),
        FutexOp::CMP_REQUEUE => requeue(ctx, [word, second], scope, [value, value2], Some(value3)),
        FutexOp::LOCK_PI | FutexOp::LOCK_PI2 => lock::lock(ctx, word, scope, deadline_ns),
        FutexOp::TRYLOCK_PI => lock::try_lock(ctx, word, scope),
        FutexOp::UNLOCK_PI => lock::unlock(ctx, word, scope),
        FutexOp::WAIT_REQUEUE_PI => {
            lock::wait_for_move(ctx, [word, second], scope, value, deadline_ns, ANY_BIT)
        }
        FutexOp::CMP_REQUEUE_PI => lock::move_waiters(ctx, [word, second], scope, [value, value2], value3),
        FutexOp::WAKE_OP => wake_op(ctx, [word, second], scope, [value, value2], value3),
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// Reads the timeout of an operation that has one: relative for `FUTEX_WAIT`, else a moment on its clock.
fn deadline(ctx: &mut Ctx<'_>, operation: FutexOp, timeout: UserPtr<Timespec>) -> Result<Option<u64>, Errno> {
    if timeout.is_null() || !operation.has_timeout() {
        return Ok(None);
    }
    let time_ns = ctx.read(timeout)?.to_ns()?;
    let epoch_ns = ctx.wall_clock_ns() - ctx.now_ns();
    Ok(Some(match operation.command() {
        FutexOp::WAIT => ctx.now_ns().saturating_add(time_ns),
        // This lock's time has always been one of day.
        FutexOp::LOCK_PI => time_ns.saturating_sub(epoch_ns),
        _ if operation.is_realtime() => time_ns.saturating_sub(epoch_ns),
        _ => time_ns,
    }))
}

/// `FUTEX_WAIT`, `FUTEX_WAIT_BITSET`: sleeps if the word still holds `expected`.
fn wait(
    ctx: &mut Ctx<'_>,
    word: VirtAddr,
    scope: KeyScope,
    expected: u32,
    deadline_ns: Option<u64>,
    bitset: u32,
) -> SysResult {
    if bitset == 0 {
        return Err(Errno::EINVAL.into());
    }
    let key = ctx.futex_key(word, scope, Access::Load)?;
    if ctx.read(UserPtr::<u32>::new(word))? != expected {
        return Err(Errno::EAGAIN.into());
    }
    ctx.kernel.futexes.wait(key, ctx.ranked(), bitset);
    Wait { word, deadline_ns }.resume(ctx)
}

/// `FUTEX_WAKE`, `FUTEX_WAKE_BITSET`.
fn wake(ctx: &mut Ctx<'_>, word: VirtAddr, scope: KeyScope, count: u32, bitset: u32) -> SysResult {
    if bitset == 0 {
        return Err(Errno::EINVAL.into());
    }
    Ok(ctx.wake_futex(word, scope, at_least_one(count), bitset)?)
}

/// Returns how many a count wakes: Linux looks at it after the first.
fn at_least_one(count: u32) -> u64 {
    (count as i32).max(1) as u64
}

/// `FUTEX_REQUEUE`, `FUTEX_CMP_REQUEUE`: wakes some and has others wait for another word, without waking them.
fn requeue(
    ctx: &mut Ctx<'_>,
    words: [VirtAddr; 2],
    scope: KeyScope,
    counts: [u32; 2],
    expected: Option<u32>,
) -> SysResult {
    let [wakes, moves] = counts.map(|count| u64::try_from(count as i32));
    let (Ok(wakes), Ok(moves)) = (wakes, moves) else { return Err(Errno::EINVAL.into()) };
    let from = ctx.futex_key(words[0], scope, Access::Load)?;
    let to = ctx.futex_key(words[1], scope, Access::Load)?;
    if let Some(expected) = expected
        && ctx.read(UserPtr::<u32>::new(words[0]))? != expected
    {
        return Err(Errno::EAGAIN.into());
    }
    ctx.check_no_lock(from)?;
    let woken = ctx.wake_key(from, wakes, ANY_BIT);
    Ok(woken + ctx.kernel.futexes.requeue(from, to, moves))
}

/// `FUTEX_WAKE_OP`: changes the second word, wakes who waits for the first, and, if the second held what `encoded` asks, who
/// waits for that.
fn wake_op(
    ctx: &mut Ctx<'_>,
    words: [VirtAddr; 2],
    scope: KeyScope,
    counts: [u32; 2],
    encoded: u32,
) -> SysResult {
    let first = ctx.futex_key(words[0], scope, Access::Load)?;
    let second = ctx.futex_key(words[1], scope, Access::Store)?;
    let fulfilled = change_word(ctx, words[1], encoded)?;
    let woken = ctx.wake_key(first, at_least_one(counts[0]), ANY_BIT);
    let also = if fulfilled { ctx.wake_key(second, at_least_one(counts[1]), ANY_BIT) } else { 0 };
    Ok(woken + also)
}

/// Does what `FUTEX_OP(op, oparg, cmp, cmparg)` encodes, and returns how the comparison came out (futex_atomic_op_inuser).
///
/// # Errors
/// `ENOSYS` for an operation that there is not; for a comparison that there is not, once the word has been changed.
fn change_word(ctx: &mut Ctx<'_>, word: VirtAddr, encoded: u32) -> Result<bool, Errno> {
    /// `FUTEX_OP_OPARG_SHIFT`: the argument is the number of a bit.
    const SHIFT: u32 = 8;
    let signed = |shift: u32| (encoded << (20 - shift)) as i32 >> 20;
    let (operation, comparison) = (encoded >> 28, encoded >> 24 & 0xf);
    let (mut argument, compared) = (signed(12), signed(0));
    if operation & SHIFT != 0 {
        argument = 1 << (argument & 31);
    }
    let argument = argument as u32;
    let before = loop {
        let old: u32 = ctx.read(UserPtr::new(word))?;
        let new = match operation & !SHIFT {
            0 => argument,
            1 => old.wrapping_add(argument),
            2 => old | argument,
            3 => old & !argument,
            4 => old ^ argument,
            _ => return Err(Errno::ENOSYS),
        };
        if ctx.compare_exchange(word, old, new)? == old {
            break old as i32;
        }
    };
    match comparison {
        0 => Ok(before == compared),
        1 => Ok(before != compared),
        2 => Ok(before < compared),
        3 => Ok(before <= compared),
        4 => Ok(before > compared),
        5 => Ok(before >= compared),
        _ => Err(Errno::ENOSYS),
    }
}
