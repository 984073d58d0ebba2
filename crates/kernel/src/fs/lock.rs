//! File locks: record locks of processes and of open file descriptions (fcntl(2), "Advisory record locking"), and flock(2)
//! (Linux 6.12 fs/locks.c).
//!
//! The two kinds do not see each other. A lock belongs to what a file is, whatever its names, and is found by [`Node`].

use super::{FdTableId, Fs, Node, OpenFlags, OpenId, Stop, Wait};
use crate::{Errno, Pid};
use std::collections::BTreeMap;

/// The most locks that there may be, so that a guest cannot fill the host with them.
const MAX_LOCKS: usize = 1 << 14;

/// Owners that a search for a deadlock follows, as in Linux (`MAX_DEADLK_ITERATIONS`).
const MAX_DEADLOCK_STEPS: usize = 10;

/// Whether others may hold such a lock too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// `F_RDLCK`, `LOCK_SH`.
    Shared,
    /// `F_WRLCK`, `LOCK_EX`.
    Exclusive,
}

/// The bytes that a lock covers, the last one included; [`ByteRange::LAST`] stands for the end of the file wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl ByteRange {
    /// The last byte that a file can have (`OFFSET_MAX`).
    pub const LAST: u64 = i64::MAX as u64;

    const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    const fn is_followed_by(self, other: Self) -> bool {
        self.last < Self::LAST && self.last + 1 == other.first
    }
}

/// Who holds a record lock. Two locks of one owner never conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOwner {
    /// The processes that share a descriptor table (`F_SETLK`).
    Table(FdTableId),
    /// An open file description (`F_OFD_SETLK`).
    Open(OpenId),
}

/// A record lock that is held, or asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordLock {
    /// Who holds it.
    pub owner: LockOwner,
    /// The process that asked for it.
    pub pid: Pid,
    /// Whether others may hold such a lock too.
    pub kind: LockKind,
    /// What it covers.
    pub range: ByteRange,
}

impl RecordLock {
    fn conflicts(&self, other: &Self) -> bool {
        self.owner != other.owner
            && self.range.overlaps(other.range)
            && (self.kind == LockKind::Exclusive || other.kind == LockKind::Exclusive)
    }
}

/// Whether a request waits for locks that are in its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockWait {
    /// It fails with `EAGAIN`.
    Fail,
    /// This task sleeps.
    Sleep(Pid),
}

/// A lock of a description on a whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WholeLock {
    open: OpenId,
    kind: LockKind,
    /// The process that asked for it.
    pid: Pid,
}

/// The locks on one file.
#[derive(Clone, Debug, Default)]
struct FileLocks {
    /// Record locks: those of one owner are together, in rising order, and do not overlap.
    records: Vec<RecordLock>,
    /// Locks of flock(2), the oldest first.
    whole: Vec<WholeLock>,
}

impl FileLocks {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && self.whole.is_empty()
    }

    fn len(&self) -> usize {
        self.records.len() + self.whole.len()
    }

    fn conflict(&self, wanted: &RecordLock) -> Option<RecordLock> {
        self.records.iter().find(|held| held.conflicts(wanted)).copied()
    }

    /// Makes `range` of an owner's locks what `new` says: locked so, or not at all (Linux 6.12 fs/locks.c posix_lock_inode).
    fn set_range(&mut self, owner: LockOwner, range: ByteRange, new: Option<RecordLock>) {
        let place = self.records.iter().position(|lock| lock.owner == owner).unwrap_or(self.records.len());
        let (own, others): (Vec<_>, Vec<_>) =
            self.records.iter().copied().partition(|lock: &RecordLock| lock.owner == owner);
        let mut kept: Vec<RecordLock> = Vec::new();
        for lock in own {
            if !lock.range.overlaps(range) {
                kept.push(lock);
                continue;
            }
            if lock.range.first < range.first {
                kept.push(RecordLock { range: ByteRange { last: range.first - 1, ..lock.range }, ..lock });
            }
            if lock.range.last > range.last {
                kept.push(RecordLock { range: ByteRange { first: range.last + 1, ..lock.range }, ..lock });
            }
        }
        kept.extend(new);
        kept.sort_by_key(|lock| lock.range.first);
        let mut merged: Vec<RecordLock> = Vec::new();
        for lock in kept {
            match merged.last_mut() {
                Some(before) if before.kind == lock.kind && before.range.is_followed_by(lock.range) => {
                    before.range.last = lock.range.last;
                }
                _ => merged.push(lock),
            }
        }
        self.records = others;
        self.records.splice(place..place, merged);
    }
}

/// Every lock on every file, and who waits for one.
#[derive(Clone, Debug, Default)]
pub(super) struct LockTable {
    files: BTreeMap<Node, FileLocks>,
    /// What each sleeping task asked for.
    waiting: BTreeMap<Pid, (Node, RecordLock)>,
}

impl LockTable {
    fn conflict(&self, node: Node, wanted: &RecordLock) -> Option<RecordLock> {
        self.files.get(&node)?.conflict(wanted)
    }

    /// Tells whether `owner` would wait for itself if it waited for `blocker`: each owner on the way waits for the next.
    fn is_deadlock(&self, owner: LockOwner, blocker: LockOwner) -> bool {
        let mut next = Some(blocker);
        for _ in 0..MAX_DEADLOCK_STEPS {
            match next {
                // Whoever has the description may unlock it: no process is what it waits for.
                None | Some(LockOwner::Open(_)) => return false,
                Some(here) if here == owner => return true,
                Some(here) => {
                    let waits = self.waiting.values().find(|(_, wanted)| wanted.owner == here);
                    next = waits.and_then(|(node, wanted)| Some(self.conflict(*node, wanted)?.owner));
                }
            }
        }
        false
    }

    /// Returns how many locks are held.
    pub(super) fn len(&self) -> usize {
        self.files.values().map(FileLocks::len).sum()
    }

    fn check_room(&self) -> Result<(), Errno> {
        if self.len() < MAX_LOCKS { Ok(()) } else { Err(Errno::ENOLCK) }
    }

    /// Changes the locks on a file.
    fn change(&mut self, node: Node, change: impl FnOnce(&mut FileLocks)) {
        let locks = self.files.entry(node).or_default();
        change(locks);
        if locks.is_empty() {
            self.files.remove(&node);
        }
    }
}

impl Fs {
    /// Takes a record lock (`F_SETLK`, `F_SETLKW` and their `F_OFD_` kin).
    ///
    /// # Errors
    /// `EAGAIN` when another owner's lock is in the way, `EDEADLK` when waiting for it could have no end, `ENOLCK`; a wait for
    /// an unlock.
    pub fn lock_records(&mut self, node: Node, wanted: RecordLock, wait: LockWait) -> Result<(), Stop> {
        if let LockWait::Sleep(task) = wait {
            self.locks.waiting.remove(&task);
        }
        if let Some(held) = self.locks.conflict(node, &wanted) {
            let LockWait::Sleep(task) = wait else { return Err(Errno::EAGAIN.into()) };
            if matches!(wanted.owner, LockOwner::Table(_)) && self.locks.is_deadlock(wanted.owner, held.owner)
            {
                return Err(Errno::EDEADLK.into());
            }
            self.locks.waiting.insert(task, (node, wanted));
            return Err(Wait::FileLock(node).into());
        }
        self.locks.check_room()?;
        self.locks.change(node, |locks| locks.set_range(wanted.owner, wanted.range, Some(wanted)));
        // A write lock that became a read lock is one, too.
        self.wakes.push(Wait::FileLock(node));
        Ok(())
    }

    /// Unlocks a range (`F_UNLCK`).
    pub fn unlock_records(&mut self, node: Node, owner: LockOwner, range: ByteRange) {
        let holds = |locks: &FileLocks| locks.records.iter().any(|lock| lock.owner == owner);
        if self.locks.files.get(&node).is_some_and(holds) {
            self.locks.change(node, |locks| locks.set_range(owner, range, None));
            self.wakes.push(Wait::FileLock(node));
        }
    }

    /// Forgets that a task waits for a lock: a signal woke it, or it ended.
    pub fn stop_waiting_for_lock(&mut self, task: Pid) {
        self.locks.waiting.remove(&task);
    }

    /// Returns the record lock for which a task waits, and the one that is in its way.
    pub fn awaited_lock(&self, task: Pid) -> Option<(RecordLock, RecordLock)> {
        let (node, wanted) = self.locks.waiting.get(&task)?;
        Some((*wanted, self.locks.conflict(*node, wanted)?))
    }

    /// Returns the processes whose descriptions, other than `open`, have a lock on the same file as a whole (flock(2)).
    pub fn whole_lock_holders(&self, open: OpenId) -> Vec<Pid> {
        let locks = self.locks.files.get(&self.node(open)).map_or(&[][..], |locks| &locks.whole);
        locks.iter().filter(|lock| lock.open != open).map(|lock| lock.pid).collect()
    }

    /// Returns the first lock that is in the way of another (`F_GETLK`).
    pub fn conflicting_lock(&self, node: Node, wanted: &RecordLock) -> Option<RecordLock> {
        self.locks.conflict(node, wanted)
    }

    /// Returns the first lock of an owner in a range (`F_OFD_GETLK` of `F_UNLCK`).
    pub fn own_lock(&self, node: Node, owner: LockOwner, range: ByteRange) -> Option<RecordLock> {
        let locks = self.locks.files.get(&node)?;
        locks.records.iter().find(|lock| lock.owner == owner && lock.range.overlaps(range)).copied()
    }

    /// Takes or changes the lock of a description on the whole file (flock(2)). To change it is to give it back first: others
    /// may come in between.
    ///
    /// # Errors
    /// `EAGAIN` when another description's lock is in the way, `ENOLCK`; a wait for an unlock.
    pub fn lock_whole(&mut self, open: OpenId, kind: LockKind, pid: Pid, wait: LockWait) -> Result<(), Stop> {
        let node = self.node(open);
        let locks = self.locks.files.get(&node).map_or(&[][..], |locks| &locks.whole);
        if locks.iter().any(|lock| lock.open == open && lock.kind == kind) {
            return Ok(());
        }
        self.unlock_whole(open);
        let locks = self.locks.files.get(&node).map_or(&[][..], |locks| &locks.whole);
        if locks.iter().any(|held| kind == LockKind::Exclusive || held.kind == LockKind::Exclusive) {
            return Err(match wait {
                LockWait::Fail => Errno::EAGAIN.into(),
                LockWait::Sleep(_) => Wait::FileLock(node).into(),
            });
        }
        self.locks.check_room()?;
        self.locks.change(node, |locks| locks.whole.push(WholeLock { open, kind, pid }));
        Ok(())
    }

    /// Gives the lock of a description on the whole file back, if it has one.
    pub fn unlock_whole(&mut self, open: OpenId) {
        let node = self.node(open);
        let holds = |locks: &FileLocks| locks.whole.iter().any(|lock| lock.open == open);
        if self.locks.files.get(&node).is_some_and(holds) {
            self.locks.change(node, |locks| locks.whole.retain(|lock| lock.open != open));
            self.wakes.push(Wait::FileLock(node));
        }
    }

    /// Gives back what a process has locked of a file of which it closes a descriptor, be it another one than it locked with.
    pub(super) fn close_locks(&mut self, table: FdTableId, open: OpenId) {
        let everything = ByteRange { first: 0, last: ByteRange::LAST };
        if !self.opens[open].flags.contains(OpenFlags::PATH) {
            self.unlock_records(self.node(open), LockOwner::Table(table), everything);
        }
    }

    /// Gives back what a description that is being closed for good has locked.
    pub(super) fn release_locks(&mut self, open: OpenId) {
        let everything = ByteRange { first: 0, last: ByteRange::LAST };
        self.unlock_records(self.node(open), LockOwner::Open(open), everything);
        self.unlock_whole(open);
    }

    /// Composes `/proc/locks` (proc_locks(5)): record locks, locks of whole files and leases of each file together.
    pub fn locks_text(&self) -> String {
        let mut rows = Vec::new();
        for (node, locks) in &self.locks.files {
            let place = self.lock_place(*node);
            for RecordLock { owner, pid, kind, range } in &locks.records {
                let last =
                    if range.last == ByteRange::LAST { "EOF".to_owned() } else { range.last.to_string() };
                let (class, pid) = match owner {
                    LockOwner::Table(_) => ("POSIX ", pid.0),
                    LockOwner::Open(_) => ("OFDLCK", -1),
                };
                let kind = kind_name(Some(*kind));
                rows.push(format!("{class} ADVISORY  {kind} {pid} {place} {} {last}\n", range.first));
            }
            for WholeLock { kind, pid, .. } in &locks.whole {
                rows.push(format!("FLOCK  ADVISORY  {} {} {place} 0 EOF\n", kind_name(Some(*kind)), pid.0));
            }
        }
        for lease in &self.leases {
            let state = if lease.is_breaking() { "BREAKING " } else { "ACTIVE   " };
            let owner = self.io_owner(lease.open).map_or(0, |owner| owner.id.pid().0);
            let place = self.lock_place(self.node(lease.open));
            rows.push(format!("LEASE  {state} {} {owner} {place} 0 EOF\n", kind_name(lease.target())));
        }
        (1..).zip(rows).map(|(number, row): (u32, String)| format!("{number}: {row}")).collect()
    }

    /// Returns device and inode number of a file as `/proc/locks` has them.
    fn lock_place(&self, node: Node) -> String {
        let device = self.mount_of(node).map_or(0, |mount| mount.number());
        format!("00:{device:02x}:{}", self.ino(node))
    }
}

const fn kind_name(kind: Option<LockKind>) -> &'static str {
    match kind {
        Some(LockKind::Shared) => "READ ",
        Some(LockKind::Exclusive) => "WRITE",
        None => "UNLCK",
    }
}
