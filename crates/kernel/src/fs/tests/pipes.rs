//! Pipes: the oracle's pipe_sem.c line by line, wake-ups, and contents against a queue of bytes.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// A pipe of the process under test.
struct Ends {
    world: World,
    read: OpenId,
    write: OpenId,
}

impl Ends {
    fn new(flags: OpenFlags) -> Self {
        let mut world = World::new();
        let (read, write) = world.with(|fs, env| fs.pipe(env, flags)).unwrap();
        Self { world, read, write }
    }

    fn nonblocking() -> Self {
        Self::new(OpenFlags::NONBLOCK)
    }

    fn read(&mut self, len: usize) -> Result<Vec<u8>, Stop> {
        self.world.read(self.read, len)
    }

    fn write(&mut self, len: usize) -> Result<usize, Stop> {
        self.world.write(self.write, &vec![b'x'; len])
    }

    /// Writes until the pipe refuses, and returns how much it took.
    fn fill(&mut self, len: usize) -> usize {
        let mut total = 0;
        loop {
            match self.write(len) {
                Ok(done) => total += done,
                Err(error) => {
                    assert_eq!(error, stop(Errno::EAGAIN));
                    return total;
                }
            }
        }
    }

    fn drain(&mut self) {
        while self.read(70_000) != Err(stop(Errno::EAGAIN)) {}
    }

    fn wakes(&mut self) -> Vec<Wait> {
        self.world.fs.take_wakes(|_| false)
    }

    fn id(&self) -> PipeId {
        self.world.fs.open_pipe(self.read).unwrap()
    }
}

#[test]
fn a_nonblocking_pipe_fills_as_on_linux() {
    let mut ends = Ends::nonblocking();
    assert_eq!(ends.read(1), Err(stop(Errno::EAGAIN)));
    assert_eq!(ends.fill(1000), 64_000);
    ends.drain();
    assert_eq!(ends.fill(4096), 65_536);
    assert_eq!(ends.world.fs.pipe_capacity(ends.write), Ok(65_536));
    let read = ends.read;
    assert_eq!(ends.world.with(|fs, env| fs.readable_bytes(env, read)), Some(65_536));
    assert_eq!(ends.read(1).unwrap().len(), 1);
    assert_eq!(ends.write(1), Err(stop(Errno::EAGAIN)), "a page that was begun is not free");
    assert_eq!(ends.read(4095).unwrap().len(), 4095);
    assert_eq!(ends.write(4096), Ok(4096));
    assert_eq!(ends.write(4096), Err(stop(Errno::EAGAIN)));
    ends.drain();
    assert_eq!(ends.write(70_000), Ok(65_536));
}

#[test]
fn a_blocking_writer_waits_for_room_and_loses_nothing() {
    let mut ends = Ends::new(OpenFlags::empty());
    let id = ends.id();
    assert_eq!(ends.write(70_000), Ok(65_536));
    assert_eq!(ends.write(4_464), Err(Stop::Wait(Wait::PipeWritable(id))));
    assert_eq!(ends.wakes(), [Wait::PipeReadable(id)]);
    assert_eq!(ends.read(10_000).unwrap().len(), 10_000);
    assert_eq!(ends.wakes(), [Wait::PipeWritable(id)]);
    assert_eq!(ends.write(4_464), Ok(4_464));
    let rest: usize = (0..6).map(|_| ends.read(10_000).unwrap().len()).sum();
    assert_eq!(rest, 60_000);
    assert_eq!(ends.read(1), Err(Stop::Wait(Wait::PipeReadable(id))));
}

#[test]
fn small_writes_are_never_split() {
    let mut ends = Ends::nonblocking();
    ends.fill(1000);
    assert_eq!(ends.write(97), Err(stop(Errno::EAGAIN)), "96 bytes are left in the newest page");
    assert_eq!(ends.write(96), Ok(96));
}

#[test]
fn wake_ups_come_when_an_end_changes_its_mind() {
    let mut ends = Ends::nonblocking();
    let id = ends.id();
    ends.write(1).unwrap();
    assert_eq!(ends.wakes(), [Wait::PipeReadable(id)]);
    ends.write(1).unwrap();
    assert_eq!(ends.wakes(), [Wait::PipeReadable(id)], "at each arrival");
    ends.fill(4096);
    let _ = ends.wakes();
    ends.read(1).unwrap();
    assert_eq!(ends.wakes(), [], "no page is free yet");
    ends.read(1).unwrap();
    assert_eq!(ends.wakes(), [Wait::PipeWritable(id)]);
}

#[test]
fn the_last_writer_that_closes_ends_the_file() {
    let mut ends = Ends::new(OpenFlags::empty());
    let id = ends.id();
    let table = ends.world.table();
    ends.world.fs.put_fd(table, Fd(1), ends.write, OnExec::Keep);
    let child = ends.world.fs.fork_table(table);
    ends.write(3).unwrap();
    let _ = ends.wakes();
    ends.world.with(|fs, env| fs.close_fd(env, table, Fd(1))).unwrap();
    assert_eq!(ends.wakes(), [], "the child has it still");
    ends.world.with(|fs, env| fs.release_table(env, child));
    assert_eq!(ends.wakes(), [Wait::PipeReadable(id)]);
    assert_eq!(ends.read(10).unwrap(), b"xxx");
    assert_eq!(ends.read(10).unwrap(), b"");
}

#[test]
fn a_pipe_without_readers_breaks() {
    let mut ends = Ends::new(OpenFlags::empty());
    let id = ends.id();
    ends.world.close(ends.read);
    assert_eq!(ends.wakes(), [Wait::PipeWritable(id)]);
    assert_eq!(ends.write(1), Err(stop(Errno::EPIPE)));
    assert_eq!(ends.write(0), Ok(0), "writing nothing is no attempt");
}

#[test]
fn ends_cannot_be_confused_nor_seeked() {
    let mut ends = Ends::nonblocking();
    let (read, write) = (ends.read, ends.write);
    assert_eq!(ends.world.write(read, b"x"), Err(stop(Errno::EBADF)));
    assert_eq!(ends.world.read(write, 1), Err(stop(Errno::EBADF)));
    assert_eq!(ends.world.seek(read, Seek::Start(0)), Err(Errno::ESPIPE));
    assert_eq!(ends.world.read_at(read, Position::At(0), 1), Err(stop(Errno::ESPIPE)));
    assert_eq!(ends.world.write_at(write, Position::At(0), b"x"), Err(stop(Errno::ESPIPE)));
    assert_eq!(ends.world.fs.mappable(read), Err(Errno::ENODEV));
}

#[test]
fn nonblocking_belongs_to_the_description() {
    let mut ends = Ends::nonblocking();
    let id = ends.id();
    ends.world.fs.set_status_flags(ends.read, OpenFlags::empty());
    assert_eq!(ends.read(1), Err(Stop::Wait(Wait::PipeReadable(id))));
    assert_eq!(ends.fill(4096), 65_536, "the write end's own flag stays");
}

#[test]
fn poll_says_what_would_not_wait() {
    let mut ends = Ends::nonblocking();
    let id = ends.id();
    let poll = |ends: &Ends| (ends.world.poll(ends.read), ends.world.poll(ends.write));
    let (readable, writable) = (PollEvents::IN | PollEvents::RDNORM, PollEvents::OUT | PollEvents::WRNORM);
    assert_eq!(poll(&ends), (PollEvents::empty(), writable));
    ends.fill(4096);
    assert_eq!(poll(&ends), (readable, PollEvents::empty()));
    assert_eq!(ends.world.fs.poll_waits(&ends.world.processes, ends.read), [Wait::PipeReadable(id)]);
    ends.drain();
    ends.world.close(ends.write);
    assert_eq!(ends.world.poll(ends.read), PollEvents::HUP);
    let mut ends = Ends::nonblocking();
    ends.world.close(ends.read);
    assert_eq!(ends.world.poll(ends.write), writable | PollEvents::ERR);
}

#[test]
fn the_capacity_can_be_changed() {
    let mut ends = Ends::nonblocking();
    let (write, id) = (ends.write, ends.id());
    assert_eq!(ends.world.with(|fs, env| fs.set_pipe_capacity(env, write, 5000)), Ok(8192));
    assert_eq!(ends.fill(4096), 8192);
    let _ = ends.wakes();
    assert_eq!(ends.world.with(|fs, env| fs.set_pipe_capacity(env, write, 4096)), Err(Errno::EBUSY));
    assert_eq!(ends.world.with(|fs, env| fs.set_pipe_capacity(env, write, u32::MAX)), Err(Errno::EINVAL));
    assert_eq!(ends.world.with(|fs, env| fs.set_pipe_capacity(env, write, 1 << 20)), Ok(1 << 20));
    assert_eq!(ends.wakes(), [Wait::PipeWritable(id)]);
    assert_eq!(ends.fill(4096), (1 << 20) - 8192);
    let root = ends.world.open("/", OpenFlags::empty()).unwrap();
    assert_eq!(ends.world.fs.pipe_capacity(root), Err(Errno::EBADF));
}

#[test]
fn a_pipe_leaves_nothing_behind() {
    let mut world = World::new();
    let before = world.weight();
    let (read, write) = world.with(|fs, env| fs.pipe(env, OpenFlags::empty()).unwrap());
    world.write(write, b"never read").unwrap();
    let stat = world.with(|fs, env| fs.stat(env, fs.node(read)));
    assert_eq!((stat.mode(), stat.nlink), (0o1_0600, 1));
    world.close(write);
    world.close(read);
    assert_eq!(world.weight(), before);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What comes out is what went in, in order, whatever the sizes; writes up to `PIPE_BUF` go in whole or not at all.
    #[test]
    fn contents_are_a_queue(sizes in prop::collection::vec((any::<bool>(), 1_usize..9000), 1..200)) {
        let mut ends = Ends::nonblocking();
        let mut queue = VecDeque::new();
        let mut next = 0_u8;
        for (writes, size) in sizes {
            if writes {
                let bytes: Vec<u8> = (0..size).map(|_| { next = next.wrapping_add(1); next }).collect();
                let done = match ends.world.write(ends.write, &bytes) {
                    Ok(done) => done,
                    Err(error) => { prop_assert_eq!(error, stop(Errno::EAGAIN)); 0 }
                };
                prop_assert!(size > 4096 || done == 0 || done == size);
                queue.extend(&bytes[..done]);
            } else {
                let len = size.min(queue.len());
                let expected: Vec<u8> = queue.drain(..len).collect();
                let read = match ends.read(size) {
                    Err(Stop::Errno(Errno::EAGAIN)) => Vec::new(),
                    other => other.unwrap(),
                };
                prop_assert_eq!(read, expected);
            }
            let read = ends.read;
            let readable = ends.world.with(|fs, env| fs.readable_bytes(env, read));
            prop_assert_eq!(readable, Some(queue.len() as u64));
        }
    }
}
