//! Locks that the kernel gives from hand to hand (`FUTEX_LOCK_PI` and its siblings; Linux 6.12 kernel/futex/pi.c).
//!
//! The word holds its owner's number. Priorities are not inherited: the most urgent is next, of those who has waited longest.

use crate::ctx::Ctx;
use crate::kernel::INIT;
use crate::syscall::{Continuation, Flow, SysResult, UserPtr};
use crate::task::futex::{FutexKey, KeyScope, Purpose};
use crate::task::robust::{OWNER_DIED, TID_MASK, WAITERS};
use crate::{Errno, Pid};
use tine_mmu::{Access, VirtAddr};

/// A task that waits for a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    word: VirtAddr,
    deadline_ns: Option<u64>,
}

impl Wait {
    /// Returns when the wait is given up, in virtual nanoseconds.
    pub(in crate::syscall) const fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Says what the wait is for.
    pub(in crate::syscall) fn describe(&self) -> String {
        format!("the lock at {}", self.word)
    }

    /// Returns once the task has been given the lock, or the time is over.
    pub(in crate::syscall) fn resume(self, ctx: &mut Ctx<'_>) -> SysResult {
        if !ctx.kernel.futexes.is_waiting(ctx.tid) {
            ctx.kernel.futexes.remove(ctx.tid);
            own_after_death(ctx, self.word)?;
            return Ok(0);
        }
        if self.deadline_ns.is_some_and(|deadline_ns| ctx.now_ns() >= deadline_ns) {
            ctx.kernel.futexes.remove(ctx.tid);
            return Err(Errno::ETIMEDOUT.into());
        }
        Err(Flow::Block(Continuation::FutexLock(self)))
    }
}

/// Writes the number of a new owner where the old one died and so could not.
fn own_after_death(ctx: &mut Ctx<'_>, word: VirtAddr) -> Result<(), Errno> {
    let own = ctx.tid.0 as u32;
    change(ctx, word, |value| Ok(if value & TID_MASK == own { value } else { own | WAITERS | OWNER_DIED }))?;
    Ok(())
}

/// Changes a word as `next` says, and returns what it held.
fn change(ctx: &mut Ctx<'_>, word: VirtAddr, next: impl Fn(u32) -> Result<u32, Errno>) -> Result<u32, Errno> {
    loop {
        let value = ctx.read(UserPtr::<u32>::new(word))?;
        if ctx.compare_exchange(word, value, next(value)?)? == value {
            return Ok(value);
        }
    }
}

/// What came of an attempt to take a lock.
enum Attempt {
    /// The caller has it now.
    Taken,
    /// This task has it, and the word says that somebody waits.
    HeldBy(Pid),
}

/// Takes a lock if nobody has it (futex_lock_pi_atomic).
///
/// # Errors
/// `EDEADLK` when the caller has it; `ESRCH` when nobody has the number in the word; `EINVAL` when who waits for the word
/// wants to be woken.
fn attempt(ctx: &mut Ctx<'_>, word: VirtAddr, key: FutexKey) -> Result<Attempt, Errno> {
    attempt_for(ctx, word, key, ctx.tid)
}

/// The same on behalf of another task, which waits to have it.
fn attempt_for(ctx: &mut Ctx<'_>, word: VirtAddr, key: FutexKey, taker: Pid) -> Result<Attempt, Errno> {
    let own = taker.0 as u32;
    let waited_for = ctx.kernel.futexes.purpose(key);
    let owner_of = |value: u32| Pid((value & TID_MASK) as i32);
    let value = ctx.read(UserPtr::<u32>::new(word))?;
    if value & TID_MASK == own {
        return Err(Errno::EDEADLK);
    }
    if matches!(waited_for, Some(Purpose::Wake | Purpose::Move(_))) {
        return Err(Errno::EINVAL);
    }
    let owner = owner_of(value);
    let lives = owner == INIT || ctx.kernel.tasks.task(owner).is_some();
    if value & TID_MASK != 0 && waited_for.is_none() && !lives {
        return Err(Errno::ESRCH);
    }
    let more_wait = if waited_for.is_some() { WAITERS } else { 0 };
    let before = change(ctx, word, |value| {
        Ok(if value & TID_MASK == 0 { value & OWNER_DIED | own | more_wait } else { value | WAITERS })
    })?;
    if before & TID_MASK == 0 { Ok(Attempt::Taken) } else { Ok(Attempt::HeldBy(owner_of(before))) }
}

/// `FUTEX_LOCK_PI`, `FUTEX_LOCK_PI2`: takes the lock, or waits until it is given.
///
/// # Errors
/// As [`attempt`]; `ETIMEDOUT`, `EFAULT`.
pub(super) fn lock(
    ctx: &mut Ctx<'_>,
    word: VirtAddr,
    scope: KeyScope,
    deadline_ns: Option<u64>,
) -> SysResult {
    let key = ctx.futex_key(word, scope, Access::Store)?;
    match attempt(ctx, word, key)? {
        Attempt::Taken => Ok(0),
        Attempt::HeldBy(owner) => {
            ctx.kernel.futexes.wait_for_lock(key, ctx.ranked(), owner);
            Wait { word, deadline_ns }.resume(ctx)
        }
    }
}

/// `FUTEX_TRYLOCK_PI`.
///
/// # Errors
/// As [`attempt`]; `EAGAIN` when another task has it.
pub(super) fn try_lock(ctx: &mut Ctx<'_>, word: VirtAddr, scope: KeyScope) -> SysResult {
    let key = ctx.futex_key(word, scope, Access::Store)?;
    match attempt(ctx, word, key)? {
        Attempt::Taken => Ok(0),
        Attempt::HeldBy(_) => Err(Errno::EAGAIN.into()),
    }
}

/// `FUTEX_UNLOCK_PI`: gives the lock to the first who waits.
///
/// # Errors
/// `EPERM` when the caller does not have it, `EINVAL` when who waits for the word wants to be woken; `EFAULT`.
pub(super) fn unlock(ctx: &mut Ctx<'_>, word: VirtAddr, scope: KeyScope) -> SysResult {
    if ctx.read(UserPtr::<u32>::new(word))? & TID_MASK != ctx.tid.0 as u32 {
        return Err(Errno::EPERM.into());
    }
    let key = ctx.futex_key(word, scope, Access::Store)?;
    if matches!(ctx.kernel.futexes.purpose(key), Some(Purpose::Wake | Purpose::Move(_))) {
        return Err(Errno::EINVAL.into());
    }
    let next = ctx.kernel.futexes.hand_over(key);
    change(ctx, word, |_| Ok(next.map_or(0, |tid| tid.0 as u32 | WAITERS)))?;
    if let Some(next) = next {
        ctx.kernel.wake_task(next);
    }
    Ok(0)
}

/// `FUTEX_WAIT_REQUEUE_PI`: sleeps if the word still holds `expected`, until it is moved to a lock and has been given that.
///
/// # Errors
/// `EAGAIN` when the word holds something else, or a signal came; `EINVAL` for one word that is both; `ETIMEDOUT`, `EFAULT`.
pub(super) fn wait_for_move(
    ctx: &mut Ctx<'_>,
    [word, lock]: [VirtAddr; 2],
    scope: KeyScope,
    expected: u32,
    deadline_ns: Option<u64>,
    bitset: u32,
) -> SysResult {
    if word == lock || bitset == 0 {
        return Err(Errno::EINVAL.into());
    }
    let to = ctx.futex_key(lock, scope, Access::Store)?;
    let key = ctx.futex_key(word, scope, Access::Load)?;
    if ctx.read(UserPtr::<u32>::new(word))? != expected {
        return Err(Errno::EAGAIN.into());
    }
    if key == to {
        return Err(Errno::EINVAL.into());
    }
    ctx.kernel.futexes.wait_for_move(key, to, ctx.ranked(), bitset);
    Wait { word: lock, deadline_ns }.resume(ctx)
}

/// `FUTEX_CMP_REQUEUE_PI`: gives a lock to the first who waits to be moved to it, if it is free, and moves up to `moves` others
/// there. Returns how many came so far.
///
/// # Errors
/// `EAGAIN` when the word does not hold `expected`; `EINVAL` for another count of who gets the lock than 1, one word that is
/// both, and who waits for something else; as [`attempt`].
pub(super) fn move_waiters(
    ctx: &mut Ctx<'_>,
    [word, lock]: [VirtAddr; 2],
    scope: KeyScope,
    [gives, moves]: [u32; 2],
    expected: u32,
) -> SysResult {
    let moves = u64::try_from(moves as i32).map_err(|_| Errno::EINVAL)?;
    if word == lock || gives != 1 {
        return Err(Errno::EINVAL.into());
    }
    let from = ctx.futex_key(word, scope, Access::Load)?;
    let to = ctx.futex_key(lock, scope, Access::Store)?;
    if from == to {
        return Err(Errno::EINVAL.into());
    }
    if ctx.read(UserPtr::<u32>::new(word))? != expected {
        return Err(Errno::EAGAIN.into());
    }
    let mut done = 0;
    while done <= moves {
        let first = match ctx.kernel.futexes.first_to_move(from, to) {
            Ok(first) => first,
            Err(errno) if done == 0 => return Err(errno.into()),
            Err(_) => break,
        };
        let Some(first) = first else { break };
        match attempt_for(ctx, lock, to, first) {
            Ok(Attempt::Taken) => {
                ctx.kernel.futexes.release_first(from);
                ctx.kernel.wake_task(first);
            }
            Ok(Attempt::HeldBy(owner)) => ctx.kernel.futexes.move_to_lock(from, to, owner),
            Err(errno) if done == 0 => return Err(errno.into()),
            Err(_) => break,
        }
        done += 1;
    }
    Ok(done)
}
