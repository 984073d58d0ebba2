//! Futexes: who waits for which word (futex(2); Linux 6.12 kernel/futex).

use crate::ctx::Ctx;
use crate::mm::{Backing, Sharing};
use crate::{Errno, FileId, MmId, Pid};
use std::collections::{BTreeMap, VecDeque};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr, Vpn};

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

/// What a task waits for at a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be woken.
    Wake,
    /// To be given the lock that the word is (`FUTEX_LOCK_PI`).
    Lock,
    /// To be moved to this lock (`FUTEX_WAIT_REQUEUE_PI`).
    Move(FutexKey),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiter {
    task: Pid,
    /// Its real-time priority; 0 is none.
    rank: u32,
    /// Which of the words that the task waits for this is.
    index: usize,
    /// The wake-ups that it listens to.
    bitset: u32,
    purpose: Purpose,
}

/// Who waits for which futex: the most urgent first, of those the longest.
#[derive(Clone, Debug, Default)]
pub struct Futexes {
    queues: BTreeMap<FutexKey, VecDeque<Waiter>>,
    /// The words that each task waits for; `None` is one that has woken it.
    waiting: BTreeMap<Pid, Vec<Option<FutexKey>>>,
    /// Who holds the locks that others wait for.
    owners: BTreeMap<FutexKey, Pid>,
}

impl Futexes {
    /// Puts a task into a queue, behind its equals.
    pub fn wait(&mut self, key: FutexKey, (task, rank): (Pid, u32), bitset: u32) {
        self.enqueue(key, Waiter { task, rank, index: 0, bitset, purpose: Purpose::Wake });
        self.waiting.insert(task, vec![Some(key)]);
    }

    /// Puts a task into several queues; one that wakes it does.
    pub fn wait_for_any(&mut self, keys: &[FutexKey], (task, rank): (Pid, u32)) {
        for (index, key) in keys.iter().enumerate() {
            self.enqueue(*key, Waiter { task, rank, index, bitset: ANY_BIT, purpose: Purpose::Wake });
        }
        self.waiting.insert(task, keys.iter().copied().map(Some).collect());
    }

    /// Puts a task into the queue for a lock that `owner` holds.
    pub fn wait_for_lock(&mut self, key: FutexKey, (task, rank): (Pid, u32), owner: Pid) {
        self.enqueue(key, Waiter { task, rank, index: 0, bitset: ANY_BIT, purpose: Purpose::Lock });
        self.waiting.insert(task, vec![Some(key)]);
        self.owners.insert(key, owner);
    }

    /// Puts a task into a queue that it leaves for that of a lock.
    pub fn wait_for_move(&mut self, key: FutexKey, to: FutexKey, (task, rank): (Pid, u32), bitset: u32) {
        self.enqueue(key, Waiter { task, rank, index: 0, bitset, purpose: Purpose::Move(to) });
        self.waiting.insert(task, vec![Some(key)]);
    }

    /// Returns the first in a queue, if he is to be moved to the lock `to`.
    ///
    /// # Errors
    /// `EINVAL` for one who waits for something else.
    pub fn first_to_move(&self, key: FutexKey, to: FutexKey) -> Result<Option<Pid>, Errno> {
        match self.queues.get(&key).and_then(VecDeque::front) {
            None => Ok(None),
            Some(first) if first.purpose == Purpose::Move(to) => Ok(Some(first.task)),
            Some(_) => Err(Errno::EINVAL),
        }
    }

    /// Takes the first out of a queue: he has been given what he waits for.
    pub fn release_first(&mut self, key: FutexKey) {
        for first in self.take(key, 1, |_| true) {
            self.move_waiter(&first, None);
        }
    }

    /// Moves the first in a queue to that of a lock that `owner` holds.
    pub fn move_to_lock(&mut self, key: FutexKey, lock: FutexKey, owner: Pid) {
        for first in self.take(key, 1, |_| true) {
            self.enqueue(lock, Waiter { purpose: Purpose::Lock, bitset: ANY_BIT, ..first });
            self.move_waiter(&first, Some(lock));
            self.owners.insert(lock, owner);
        }
    }

    fn enqueue(&mut self, key: FutexKey, waiter: Waiter) {
        let queue = self.queues.entry(key).or_default();
        let place = queue.iter().rposition(|other| other.rank >= waiter.rank).map_or(0, |at| at + 1);
        queue.insert(place, waiter);
    }

    /// Tells whether a task is in all of its queues: once it is not, it has been woken.
    pub fn is_waiting(&self, task: Pid) -> bool {
        self.waiting.get(&task).is_some_and(|keys| keys.iter().all(Option::is_some))
    }

    /// Returns which of its words has woken a task, the last if there are several.
    pub fn woken_by(&self, task: Pid) -> Option<usize> {
        self.waiting.get(&task)?.iter().rposition(Option::is_none)
    }

    /// Returns what those wait for who are in a queue: all for the same.
    pub fn purpose(&self, key: FutexKey) -> Option<Purpose> {
        self.queues.get(&key)?.front().map(|waiter| waiter.purpose)
    }

    /// Takes a task out of its queues.
    pub fn remove(&mut self, task: Pid) {
        for key in self.waiting.remove(&task).into_iter().flatten().flatten() {
            self.take(key, u64::MAX, |waiter| waiter.task == task);
        }
    }

    /// Takes up to `count` waiters that listen to one of `bitset` out of a queue, and returns them.
    pub fn wake(&mut self, key: FutexKey, count: u64, bitset: u32) -> Vec<Pid> {
        let woken = self.take(key, count, |waiter| waiter.bitset & bitset != 0);
        for waiter in &woken {
            self.move_waiter(waiter, None);
        }
        woken.into_iter().map(|waiter| waiter.task).collect()
    }

    /// Moves up to `count` waiters from one queue to another, and returns how many there were.
    pub fn requeue(&mut self, from: FutexKey, to: FutexKey, count: u64) -> u64 {
        if from == to {
            let here = self.queues.get(&from).map_or(0, VecDeque::len) as u64;
            return here.min(count);
        }
        let moved = self.take(from, count, |_| true);
        for waiter in &moved {
            self.enqueue(to, *waiter);
            self.move_waiter(waiter, Some(to));
        }
        moved.len() as u64
    }

    /// Gives a lock to the first who waits for it, and returns who that is.
    pub fn hand_over(&mut self, key: FutexKey) -> Option<Pid> {
        let next = self.take(key, 1, |_| true).pop()?;
        self.move_waiter(&next, None);
        if self.queues.contains_key(&key) {
            self.owners.insert(key, next.task);
        }
        Some(next.task)
    }

    /// Returns the locks for which others wait and that a task holds.
    pub fn held_by(&self, task: Pid) -> Vec<FutexKey> {
        self.owners.iter().filter(|(_, owner)| **owner == task).map(|(key, _)| *key).collect()
    }

    fn move_waiter(&mut self, waiter: &Waiter, to: Option<FutexKey>) {
        if let Some(place) = self.waiting.get_mut(&waiter.task).and_then(|keys| keys.get_mut(waiter.index)) {
            *place = to;
        }
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
            self.owners.remove(&key);
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

    /// Returns the task with its real-time priority, as it stands in queues.
    pub(crate) fn ranked(&self) -> (Pid, u32) {
        (self.tid, self.kernel.sched.rank(self.tid))
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
        self.bring_in(mm, vpn.base(), PAGE_SIZE);
        self.memory(mm, |memory, work| memory.populate(work, mm, pages, access)).map_err(|_| Errno::EFAULT)
    }

    /// Wakes up to `count` tasks that wait for a word, and returns how many there were.
    ///
    /// # Errors
    /// As [`Self::futex_key`]; `EINVAL` where they wait for a lock.
    pub(crate) fn wake_futex(
        &mut self,
        at: VirtAddr,
        scope: KeyScope,
        count: u64,
        bitset: u32,
    ) -> Result<u64, Errno> {
        let key = self.futex_key(at, scope, Access::Load)?;
        self.check_no_lock(key)?;
        Ok(self.wake_key(key, count, bitset))
    }

    /// Refuses to wake who waits for a lock, or to be moved to one: only its holder gives it away.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(crate) fn check_no_lock(&self, key: FutexKey) -> Result<(), Errno> {
        match self.kernel.futexes.purpose(key) {
            Some(Purpose::Lock | Purpose::Move(_)) => Err(Errno::EINVAL),
            Some(Purpose::Wake) | None => Ok(()),
        }
    }

    /// Gives away the locks of a task that ends, for which others wait (exit_pi_state_list). Each learns by its word's
    /// `FUTEX_OWNER_DIED`, which it sets itself, how it came by it.
    pub(crate) fn give_up_locks(&mut self, tid: Pid) {
        for key in self.kernel.futexes.held_by(tid) {
            if let Some(next) = self.kernel.futexes.hand_over(key) {
                self.kernel.wake_task(next);
            }
        }
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
