//! Futexes: who waits for which word (futex(2); Linux 6.12 kernel/futex).

use crate::ctx::Ctx;
use crate::mm::{Backing, Sharing};
use crate::{Errno, FileId, MmId, Pid};
use std::collections::{BTreeMap, VecDeque};
use tine_mmu::{Access, VirtAddr, Vpn};

/// `FUTEX_BITSET_MATCH_ANY`.
pub(crate) const ANY_BIT: u32 = u32::MAX;

/// Who may meet at a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyScope {
    /// The tasks of one address space (`FUTEX_PRIVATE_FLAG`).
    Private,
    /// Whoever has the memory mapped.
    Shared,
}

/// What makes two addresses the same futex (get_futex_key).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FutexKey {
    /// An address, for calls that say that nobody else is meant.
    Private(MmId, VirtAddr),
    /// An address of memory that belongs to one address space anyway.
    Anonymous(MmId, VirtAddr),
    /// A page of a file or of shared memory, and the offset in it.
    Page(FileId, u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiter {
    task: Pid,
    /// The wake-ups that it listens to.
    bitset: u32,
}

/// Who waits for which futex, the longest first.
#[derive(Clone, Debug, Default)]
pub struct Futexes {
    queues: BTreeMap<FutexKey, VecDeque<Waiter>>,
    waiting: BTreeMap<Pid, FutexKey>,
}

impl Futexes {
    /// Puts a task at the end of a queue.
    pub fn wait(&mut self, key: FutexKey, task: Pid, bitset: u32) {
        self.queues.entry(key).or_default().push_back(Waiter { task, bitset });
        self.waiting.insert(task, key);
    }

    /// Tells whether a task is in a queue: once it is not, it has been woken.
    pub fn is_waiting(&self, task: Pid) -> bool {
        self.waiting.contains_key(&task)
    }

    /// Takes a task out of its queue.
    pub fn remove(&mut self, task: Pid) {
        let Some(key) = self.waiting.remove(&task) else { return };
        self.take(key, 1, |waiter| waiter.task == task);
    }

    /// Takes up to `count` waiters that listen to one of `bitset` out of a queue, and returns them.
    pub fn wake(&mut self, key: FutexKey, count: u64, bitset: u32) -> Vec<Pid> {
        let woken = self.take(key, count, |waiter| waiter.bitset & bitset != 0);
        for waiter in &woken {
            self.waiting.remove(&waiter.task);
        }
        woken.into_iter().map(|waiter| waiter.task).collect()
    }

    /// Moves up to `count` waiters from one queue to the end of another, and returns how many there were.
    pub fn requeue(&mut self, from: FutexKey, to: FutexKey, count: u64) -> u64 {
        if from == to {
            let here = self.queues.get(&from).map_or(0, VecDeque::len) as u64;
            return here.min(count);
        }
        let moved = self.take(from, count, |_| true);
        for waiter in &moved {
            self.wait(to, waiter.task, waiter.bitset);
        }
        moved.len() as u64
    }

    fn take(&mut self, key: FutexKey, count: u64, wanted: impl Fn(&Waiter) -> bool) -> Vec<Waiter> {
        let mut taken = Vec::new();
        let Some(queue) = self.queues.get_mut(&key) else { return taken };
        queue.retain(|waiter| {
            let takes = (taken.len() as u64) < count && wanted(waiter);
            if takes {
                taken.push(*waiter);
            }
            !takes
        });
        if queue.is_empty() {
            self.queues.remove(&key);
        }
        taken
    }
}

impl Ctx<'_> {
    /// Finds out which futex a word is. For a shared one its page is made present, for writing where that may be.
    ///
    /// # Errors
    /// `EINVAL` for a word that is not aligned, `EFAULT` where there is none, or none that could ever change.
    pub(crate) fn futex_key(
        &mut self,
        at: VirtAddr,
        scope: KeyScope,
        access: Access,
    ) -> Result<FutexKey, Errno> {
        if !at.0.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        if at.0 >= crate::mm::TASK_SIZE {
            return Err(Errno::EFAULT);
        }
        let mm = self.mm();
        match scope {
            KeyScope::Private => Ok(FutexKey::Private(mm, at)),
            KeyScope::Shared => self.shared_key(mm, at, access),
        }
    }

    fn shared_key(&mut self, mm: MmId, at: VirtAddr, access: Access) -> Result<FutexKey, Errno> {
        let vpn = at.vpn();
        let writable = self.make_present(mm, vpn, Access::Store);
        if writable.is_err() && access == Access::Load {
            self.make_present(mm, vpn, Access::Load)?;
        } else {
            writable?;
        }
        let vma = self.kernel.memory.space(mm).areas().find(vpn).ok_or(Errno::EFAULT)?;
        match (vma.sharing, &vma.backing, vma.file_page(vpn)) {
            (Sharing::Shared, _, Some((file, page))) => Ok(FutexKey::Page(file, page, at.offset())),
            (Sharing::Private, Backing::File(_), Some((file, page))) if writable.is_err() => {
                Ok(FutexKey::Page(file, page, at.offset()))
            }
            // Private memory that nobody can write will never change.
            _ if writable.is_err() => Err(Errno::EFAULT),
            _ => Ok(FutexKey::Anonymous(mm, at)),
        }
    }

    fn make_present(&mut self, mm: MmId, vpn: Vpn, access: Access) -> Result<(), Errno> {
        let pages = vpn..Vpn(vpn.0 + 1);
        self.memory(mm, |memory, work| memory.populate(work, mm, pages, access)).map_err(|_| Errno::EFAULT)
    }

    /// Wakes up to `count` tasks that wait for a word, and returns how many there were.
    ///
    /// # Errors
    /// As [`Self::futex_key`].
    pub(crate) fn wake_futex(
        &mut self,
        at: VirtAddr,
        scope: KeyScope,
        count: u64,
        bitset: u32,
    ) -> Result<u64, Errno> {
        let key = self.futex_key(at, scope, Access::Load)?;
        Ok(self.wake_key(key, count, bitset))
    }

    /// Wakes up to `count` tasks that wait for a futex, and returns how many there were.
    pub(crate) fn wake_key(&mut self, key: FutexKey, count: u64, bitset: u32) -> u64 {
        let woken = self.kernel.futexes.wake(key, count, bitset);
        for task in &woken {
            self.kernel.wake_task(*task);
        }
        woken.len() as u64
    }
}
