//! FIFOs and other nodes (mknod(2), fifo(7)), packets (pipe(7)).

use super::*;

impl World {
    fn mknod(&mut self, path: &str, what: NewFile) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.mknod(env, at, what, 0o644))
    }
}

fn world_with_fifo() -> World {
    let mut world = World::new();
    world.mknod("/tmp/fifo", NewFile::Fifo).unwrap();
    world
}

#[test]
fn each_end_waits_for_the_other() {
    let mut world = world_with_fifo();
    let reader = world.open("/tmp/fifo", OpenFlags::empty()).unwrap();
    let wait = world.fs.partner_wait(reader).unwrap();
    assert!(!world.fs.has_partner_come(reader, wait));
    let _ = world.fs.take_wakes(|_| false);
    let writer = world.open("/tmp/fifo", OpenFlags::WRONLY).unwrap();
    assert!(world.fs.take_wakes(|_| false).contains(&wait.wait));
    assert_eq!(world.fs.partner_wait(writer), None, "the reader is there already");
    world.close(writer);
    assert!(world.fs.has_partner_come(reader, wait), "it was there, and left");
    world.close(reader);
}

#[test]
fn who_does_not_wait_reads_nothing_and_cannot_write() {
    let mut world = world_with_fifo();
    let nonblocking = OpenFlags::NONBLOCK;
    assert_eq!(world.open("/tmp/fifo", OpenFlags::WRONLY | nonblocking), Err(Errno::ENXIO));
    let reader = world.open("/tmp/fifo", nonblocking).unwrap();
    assert_eq!(world.fs.partner_wait(reader), None);
    assert!(!world.with(|fs, env| fs.poll(env.processes, reader)).contains(PollEvents::HUP));
    let writer = world.open("/tmp/fifo", OpenFlags::WRONLY | nonblocking).unwrap();
    world.close(writer);
    assert!(world.with(|fs, env| fs.poll(env.processes, reader)).contains(PollEvents::HUP));
    world.close(reader);
}

#[test]
fn what_nobody_has_open_is_empty() {
    let mut world = world_with_fifo();
    let both = world.open("/tmp/fifo", OpenFlags::RDWR).unwrap();
    assert_eq!(world.write(both, b"left"), Ok(4));
    world.close(both);
    let again = world.open("/tmp/fifo", OpenFlags::RDWR | OpenFlags::NONBLOCK).unwrap();
    assert_eq!(world.with(|fs, env| fs.readable_bytes(env, again)), Some(0));
    world.close(again);
    let at = world.at("/tmp/fifo");
    world.with(|fs, env| fs.unlink(env, at)).unwrap();
    assert_eq!(world.fs.census().pipes, 0);
}

#[test]
fn devices_are_known_by_their_numbers() {
    let mut world = World::new();
    world.mknod("/tmp/null", NewFile::CharDevice(makedev(1, 3))).unwrap();
    world.mknod("/tmp/other", NewFile::CharDevice(makedev(240, 300))).unwrap();
    world.mknod("/tmp/disk", NewFile::BlockDevice(makedev(8, 0))).unwrap();
    let null = world.open("/tmp/null", OpenFlags::RDWR).unwrap();
    assert_eq!(world.write(null, b"gone"), Ok(4));
    for path in ["/tmp/other", "/tmp/disk"] {
        assert_eq!(world.open(path, OpenFlags::empty()), Err(Errno::ENXIO));
    }
    assert_eq!(world.stat("/tmp/other").unwrap().rdev, makedev(240, 300));
    assert_eq!(world.stat("/tmp/disk").unwrap().file_type, FileType::BlockDevice);
    assert_eq!(world.mknod("/tmp/null", NewFile::Regular), Err(Errno::EEXIST));
    assert_eq!(world.mknod("/tmp/new/", NewFile::Regular), Err(Errno::ENOENT));
}
