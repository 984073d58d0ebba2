//! The words in user memory that a task's end changes: the one that set_tid_address(2) named, and the mutexes on its robust
//! list (Linux 6.12 kernel/fork.c mm_release, kernel/futex/core.c exit_robust_list).

use crate::ctx::Ctx;
use crate::syscall::UserPtr;
use crate::task::futex::{ANY_BIT, KeyScope};
use crate::{Errno, Pid};
use tine_mmu::VirtAddr;

/// `FUTEX_WAITERS`: somebody waits in the kernel.
pub(crate) const WAITERS: u32 = 0x8000_0000;
/// `FUTEX_OWNER_DIED`.
pub(crate) const OWNER_DIED: u32 = 0x4000_0000;
/// `FUTEX_TID_MASK`: the bits that hold the owner's number.
pub(crate) const TID_MASK: u32 = 0x3fff_ffff;
/// `ROBUST_LIST_LIMIT`: a list that never ends is left after so many entries.
const LIMIT: usize = 2048;

/// An entry of the list: where its `next` is, and whether its mutex inherits priorities (the low bit of the pointer).
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: u64,
    inherits_priority: bool,
}

/// Whether a mutex is on the list, or was about to be put there or taken off.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    Listed,
    Pending,
}

impl Ctx<'_> {
    /// Does what a task owes to user memory when it leaves its address space, by its end or by exec.
    ///
    /// Bad addresses are nobody's concern any more.
    pub(crate) fn leave_user_words(&mut self, tid: Pid) {
        let Some(task) = self.kernel.tasks.task_mut(tid) else { return };
        let (list, word) = (std::mem::take(&mut task.robust_list), std::mem::take(&mut task.clear_child_tid));
        task.set_child_tid = 0;
        task.rseq = None;
        let Some(mm) = self.process().mm else { return };
        if list != 0 {
            let _: Result<(), Errno> = self.leave_robust_list(tid, VirtAddr(list));
        }
        self.give_up_locks(tid);
        // Where nobody else can see the word, Linux leaves it alone.
        if word != 0 && self.kernel.memory.users(mm) > 1 {
            let _: Result<(), Errno> = self.write(UserPtr::new(VirtAddr(word)), 0_u32);
            let _: Result<u64, Errno> = self.wake_futex(VirtAddr(word), KeyScope::Shared, 1, ANY_BIT);
        }
    }

    /// Marks every mutex on the list as left behind by its owner.
    ///
    /// # Errors
    /// `EFAULT` where the list cannot be followed.
    fn leave_robust_list(&mut self, tid: Pid, head: VirtAddr) -> Result<(), Errno> {
        let mut entry = self.robust_entry(head)?;
        let offset: u64 = self.read(UserPtr::new(head + 8))?;
        let pending = self.robust_entry(head + 16)?;
        for _ in 0..LIMIT {
            if entry.at == head.0 {
                break;
            }
            // Before the mutex is given up: its next owner may take the entry off.
            let next = self.robust_entry(VirtAddr(entry.at));
            if entry.at != pending.at {
                self.leave_mutex(tid, entry, offset, Membership::Listed)?;
            }
            entry = next?;
        }
        if pending.at != 0 {
            self.leave_mutex(tid, pending, offset, Membership::Pending)?;
        }
        Ok(())
    }

    fn robust_entry(&mut self, pointer: VirtAddr) -> Result<Entry, Errno> {
        let word: u64 = self.read(UserPtr::new(pointer))?;
        Ok(Entry { at: word & !1, inherits_priority: word & 1 != 0 })
    }

    /// Gives up one mutex if the task owns it, and wakes one that waits for it (handle_futex_death).
    fn leave_mutex(
        &mut self,
        tid: Pid,
        entry: Entry,
        offset: u64,
        membership: Membership,
    ) -> Result<(), Errno> {
        let at = VirtAddr(entry.at.wrapping_add(offset));
        if !at.0.is_multiple_of(4) {
            return Err(Errno::EFAULT);
        }
        loop {
            let value: u32 = self.read(UserPtr::new(at))?;
            // It was unlocked, and its owner died before it could wake the next.
            let unlocked = membership == Membership::Pending && !entry.inherits_priority && value == 0;
            if unlocked {
                break;
            }
            if value & TID_MASK != tid.0 as u32 {
                return Ok(());
            }
            if self.compare_exchange(at, value, value & WAITERS | OWNER_DIED)? != value {
                continue;
            }
            if entry.inherits_priority || value & WAITERS == 0 {
                return Ok(());
            }
            break;
        }
        let _: Result<u64, Errno> = self.wake_futex(at, KeyScope::Shared, 1, ANY_BIT);
        Ok(())
    }
}
