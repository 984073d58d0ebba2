//! Record locks and locks of whole files (fcntl(2), flock(2)).

use super::*;

const A: LockOwner = LockOwner::Table(FdTableId(1));
const B: LockOwner = LockOwner::Table(FdTableId(2));

fn lock(owner: LockOwner, kind: LockKind, first: u64, last: u64) -> RecordLock {
    RecordLock { owner, pid: SELF, kind, range: ByteRange { first, last } }
}

impl World {
    fn lock(&mut self, open: OpenId, wanted: RecordLock) -> Result<(), Stop> {
        let node = self.fs.node(open);
        self.fs.lock_records(node, wanted, LockWait::Fail)
    }

    fn lock_or_sleep(&mut self, open: OpenId, wanted: RecordLock, task: i32) -> Result<(), Stop> {
        let node = self.fs.node(open);
        self.fs.lock_records(node, wanted, LockWait::Sleep(Pid(task)))
    }

    fn unlock(&mut self, open: OpenId, owner: LockOwner, first: u64, last: u64) {
        let node = self.fs.node(open);
        self.fs.unlock_records(node, owner, ByteRange { first, last });
    }

    /// Returns what others see locked by A.
    fn ranges(&self, open: OpenId) -> Vec<(u64, u64)> {
        let node = self.fs.node(open);
        let mut ranges = Vec::new();
        let mut first = 0;
        while let Some(found) = self.fs.conflicting_lock(node, &lock(B, LockKind::Exclusive, first, 1000)) {
            ranges.push((found.range.first, found.range.last));
            first = found.range.last + 1;
        }
        ranges
    }
}

fn world_with_file() -> (World, OpenId) {
    let mut world = World::new();
    let open = world.open("/tmp/file", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    (world, open)
}

#[test]
fn locks_split_and_merge() {
    let (mut world, open) = world_with_file();
    world.lock(open, lock(A, LockKind::Exclusive, 0, 99)).unwrap();
    world.unlock(open, A, 40, 59);
    assert_eq!(world.ranges(open), [(0, 39), (60, 99)]);
    world.lock(open, lock(A, LockKind::Shared, 70, 79)).unwrap();
    assert_eq!(world.ranges(open), [(0, 39), (60, 69), (70, 79), (80, 99)]);
    world.lock(open, lock(A, LockKind::Exclusive, 40, 79)).unwrap();
    assert_eq!(world.ranges(open), [(0, 99)]);
    world.lock(open, lock(B, LockKind::Exclusive, 100, ByteRange::LAST)).unwrap();
    assert_eq!(world.lock(open, lock(A, LockKind::Shared, 50, 100)), Err(Errno::EAGAIN.into()));
}

#[test]
fn closing_any_descriptor_of_a_file_ends_a_process_s_locks() {
    let (mut world, open) = world_with_file();
    let table = world.table();
    world.fs.put_fd(table, Fd(3), open, OnExec::Keep);
    world.fs.hold_open(open);
    world.fs.put_fd(table, Fd(4), open, OnExec::Keep);
    world.lock(open, lock(LockOwner::Table(table), LockKind::Exclusive, 0, 9)).unwrap();
    world.lock(open, lock(LockOwner::Open(open), LockKind::Exclusive, 20, 29)).unwrap();
    let _ = world.fs.take_wakes(|_| false);
    world.with(|fs, env| fs.close_fd(env, table, Fd(3))).unwrap();
    assert_eq!(world.fs.take_wakes(|_| false), [Wait::FileLock(world.fs.node(open))]);
    assert_eq!(world.ranges(open), [(20, 29)], "the description's own is still there");
    world.with(|fs, env| fs.close_fd(env, table, Fd(4))).unwrap();
    assert_eq!(world.fs.census().locks, 0);
}

#[test]
fn who_would_wait_for_itself_is_refused() {
    let (mut world, open) = world_with_file();
    let node = world.fs.node(open);
    world.lock(open, lock(A, LockKind::Exclusive, 0, 0)).unwrap();
    world.lock(open, lock(B, LockKind::Exclusive, 1, 1)).unwrap();
    let sleeps = Err(Wait::FileLock(node).into());
    assert_eq!(world.lock_or_sleep(open, lock(A, LockKind::Shared, 1, 1), 1), sleeps);
    assert_eq!(world.lock_or_sleep(open, lock(B, LockKind::Shared, 0, 0), 2), Err(Errno::EDEADLK.into()));
    // Whoever has given up waiting is in nobody's way.
    world.fs.stop_waiting_for_lock(Pid(1));
    assert_eq!(world.lock_or_sleep(open, lock(B, LockKind::Shared, 0, 0), 2), sleeps);
    world.unlock(open, A, 0, 0);
    assert_eq!(world.lock_or_sleep(open, lock(B, LockKind::Shared, 0, 0), 2), Ok(()));
}

#[test]
fn a_whole_file_lock_is_the_description_s() {
    let (mut world, one) = world_with_file();
    let other = world.open("/tmp/file", OpenFlags::empty()).unwrap();
    world.fs.lock_whole(one, LockKind::Exclusive, SELF, LockWait::Fail).unwrap();
    world.lock(other, lock(B, LockKind::Exclusive, 0, 9)).unwrap();
    assert_eq!(world.fs.lock_whole(other, LockKind::Shared, SELF, LockWait::Fail), Err(Errno::EAGAIN.into()));
    world.fs.lock_whole(one, LockKind::Shared, SELF, LockWait::Fail).unwrap();
    world.fs.lock_whole(other, LockKind::Shared, SELF, LockWait::Fail).unwrap();
    // A change that fails has given up what was held.
    assert_eq!(
        world.fs.lock_whole(one, LockKind::Exclusive, SELF, LockWait::Fail),
        Err(Errno::EAGAIN.into())
    );
    world.fs.lock_whole(other, LockKind::Exclusive, SELF, LockWait::Fail).unwrap();
    world.close(other);
    world.fs.lock_whole(one, LockKind::Exclusive, SELF, LockWait::Fail).unwrap();
}

#[test]
fn there_is_an_end_to_locks() {
    let (mut world, open) = world_with_file();
    for byte in 0..1 << 14 {
        let owner = LockOwner::Table(FdTableId(byte));
        let node = world.fs.node(open);
        let at = u64::from(byte) * 2;
        world.fs.lock_records(node, lock(owner, LockKind::Shared, at, at), LockWait::Fail).unwrap();
    }
    assert_eq!(world.lock(open, lock(A, LockKind::Shared, 1 << 20, 1 << 20)), Err(Errno::ENOLCK.into()));
}
