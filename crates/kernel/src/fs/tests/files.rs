//! Rules of open(2), read(2), write(2), lseek(2), truncate(2), and of devices.

use super::*;

const RDWR: OpenFlags = OpenFlags::RDWR;

#[test]
fn open_makes_files_when_asked() {
    let mut world = World::new();
    assert_eq!(world.open("/f", RDWR), Err(Errno::ENOENT));
    assert!(world.open("/f", RDWR | OpenFlags::CREAT).is_ok());
    assert!(world.open("/f", RDWR | OpenFlags::CREAT).is_ok(), "an existing one is as good");
    assert_eq!(world.open("/f", RDWR | OpenFlags::CREAT | OpenFlags::EXCL), Err(Errno::EEXIST));
    assert_eq!(world.open("/g/", RDWR | OpenFlags::CREAT), Err(Errno::EISDIR));
    assert_eq!(world.open("/f/", RDWR | OpenFlags::CREAT), Err(Errno::EISDIR));
    assert_eq!(world.open("/f/", RDWR), Err(Errno::ENOTDIR));
    assert_eq!(world.open("/d", RDWR | OpenFlags::CREAT | OpenFlags::DIRECTORY), Err(Errno::EINVAL));
    assert_eq!(world.stat("/f").unwrap().mode(), 0o100_644);
}

#[test]
fn open_makes_what_a_dangling_link_names() {
    let mut world = World::new();
    world.symlink("target", "/tmp/s").unwrap();
    assert_eq!(world.open("/tmp/s", RDWR | OpenFlags::CREAT | OpenFlags::EXCL), Err(Errno::EEXIST));
    assert_eq!(world.open("/tmp/s", RDWR | OpenFlags::CREAT | OpenFlags::NOFOLLOW), Err(Errno::ELOOP));
    assert!(world.open("/tmp/s", RDWR | OpenFlags::CREAT).is_ok());
    assert!(world.find("/tmp/target").is_ok());
}

#[test]
fn directories_open_for_reading_only() {
    let mut world = World::new();
    assert_eq!(world.open("/tmp", OpenFlags::WRONLY), Err(Errno::EISDIR));
    assert_eq!(world.open("/tmp", OpenFlags::TRUNC), Err(Errno::EISDIR));
    assert_eq!(world.open("/tmp", RDWR | OpenFlags::CREAT), Err(Errno::EISDIR));
    let open = world.open("/tmp", OpenFlags::empty()).unwrap();
    assert_eq!(world.read(open, 1), Err(stop(Errno::EISDIR)));
    world.file("/f", "");
    assert_eq!(world.open("/f", OpenFlags::DIRECTORY), Err(Errno::ENOTDIR));
}

#[test]
fn a_link_opens_only_as_a_path() {
    let mut world = World::new();
    world.symlink("/tmp", "/s").unwrap();
    assert_eq!(world.open("/s", OpenFlags::NOFOLLOW), Err(Errno::ELOOP));
    assert_eq!(world.open("/s", OpenFlags::NOFOLLOW | OpenFlags::DIRECTORY), Err(Errno::ENOTDIR));
    let open = world.open("/s", OpenFlags::NOFOLLOW | OpenFlags::PATH).unwrap();
    assert_eq!(world.fs.readlink(&world.processes, world.fs.node(open)), Ok(b"/tmp".to_vec()));
}

#[test]
fn a_path_descriptor_does_nothing_but_name() {
    let mut world = World::new();
    world.file("/f", "f");
    let open = world.open("/f", OpenFlags::PATH | RDWR | OpenFlags::TRUNC).unwrap();
    assert_eq!(world.fs.status_flags(open), OpenFlags::PATH);
    assert_eq!(world.read(open, 1), Err(stop(Errno::EBADF)));
    assert_eq!(world.write(open, b"x"), Err(stop(Errno::EBADF)));
    assert_eq!(world.seek(open, Seek::Start(0)), Err(Errno::EBADF));
    assert_eq!(world.fs.mappable(open), Err(Errno::EBADF));
    assert_eq!(world.poll(open), PollEvents::NVAL);
    assert_eq!(world.contents("/f"), "f", "O_TRUNC was ignored");
}

#[test]
fn the_access_mode_is_kept() {
    let mut world = World::new();
    world.file("/f", "f");
    let reader = world.open("/f", OpenFlags::empty()).unwrap();
    let writer = world.open("/f", OpenFlags::WRONLY).unwrap();
    assert_eq!(world.write(reader, b"x"), Err(stop(Errno::EBADF)));
    assert_eq!(world.read(writer, 1), Err(stop(Errno::EBADF)));
}

#[test]
fn status_flags_can_change_and_access_modes_cannot() {
    let mut world = World::new();
    let flags = RDWR | OpenFlags::CREAT | OpenFlags::CLOEXEC;
    let open = world.open("/f", flags).unwrap();
    assert_eq!(world.fs.status_flags(open).bits(), 0o10_0002, "O_RDWR|O_LARGEFILE, as a 64-bit kernel says");
    world.fs.set_status_flags(open, OpenFlags::APPEND | OpenFlags::WRONLY | OpenFlags::TRUNC);
    assert_eq!(world.fs.status_flags(open), RDWR | OpenFlags::LARGEFILE | OpenFlags::APPEND);
}

#[test]
fn trunc_empties_and_frees() {
    let mut world = World::new();
    let before = world.weight().2;
    world.file("/f", &"x".repeat(5000));
    assert_eq!(world.stat("/f").unwrap().blocks, 16);
    // Even for reading.
    let open = world.open("/f", OpenFlags::TRUNC).unwrap();
    assert_eq!(world.stat("/f").unwrap().size, 0);
    assert_eq!(world.weight().2, before);
    world.close(open);
}

#[test]
fn reading_and_writing_move_the_offset() {
    let mut world = World::new();
    let open = world.open("/f", RDWR | OpenFlags::CREAT).unwrap();
    assert_eq!(world.write(open, b"0123456789"), Ok(10));
    assert_eq!(world.seek(open, Seek::Current(-4)), Ok(6));
    assert_eq!(world.read(open, 2).unwrap(), b"67");
    assert_eq!(world.read_at(open, Position::At(1), 3).unwrap(), b"123");
    assert_eq!(world.write_at(open, Position::At(0), b"ab"), Ok(2));
    assert_eq!(world.read(open, 100).unwrap(), b"89", "pread and pwrite left the offset alone");
    assert_eq!(world.read(open, 100).unwrap(), b"");
    assert_eq!(world.contents("/f"), "ab23456789");
}

#[test]
fn a_read_that_is_not_committed_consumes_nothing() {
    let mut world = World::new();
    world.file("/f", "abc");
    let open = world.open("/f", OpenFlags::empty()).unwrap();
    let bytes = world.with(|fs, env| fs.read_begin(env, open, Position::Current, 3)).unwrap();
    assert_eq!(bytes, ReadSource::Bytes(b"abc".to_vec()));
    world.fs.read_commit(open, Position::Current, 1);
    assert_eq!(world.read(open, 3).unwrap(), b"bc");
}

#[test]
fn append_writes_at_the_end_wherever_the_offset_is() {
    let mut world = World::new();
    world.file("/f", "abc");
    let open = world.open("/f", RDWR | OpenFlags::APPEND).unwrap();
    assert_eq!(world.write(open, b"d"), Ok(1));
    assert_eq!(world.seek(open, Seek::Current(0)), Ok(4));
    assert_eq!(world.write_at(open, Position::At(0), b"e"), Ok(1));
    assert_eq!(world.contents("/f"), "abcde");
}

#[test]
fn writing_beyond_the_end_leaves_a_hole() {
    let mut world = World::new();
    let open = world.open("/f", RDWR | OpenFlags::CREAT).unwrap();
    world.seek(open, Seek::Start(10_000)).unwrap();
    world.write(open, b"x").unwrap();
    assert_eq!(world.read_at(open, Position::At(9_998), 10).unwrap(), b"\0\0x");
    let stat = world.stat("/f").unwrap();
    assert_eq!((stat.size, stat.blocks), (10_001, 8), "one page holds it");
}

#[test]
fn seeks_stay_between_zero_and_the_largest_offset() {
    let mut world = World::new();
    world.file("/f", "abc");
    let open = world.open("/f", RDWR).unwrap();
    assert_eq!(world.seek(open, Seek::End(2)), Ok(5));
    assert_eq!(world.seek(open, Seek::Start(-1)), Err(Errno::EINVAL));
    assert_eq!(world.seek(open, Seek::Current(-6)), Err(Errno::EINVAL));
    assert_eq!(world.seek(open, Seek::Current(i64::MAX)), Err(Errno::EINVAL));
    assert_eq!(world.seek(open, Seek::Data(1)), Ok(1));
    assert_eq!(world.seek(open, Seek::Hole(1)), Ok(3));
    assert_eq!(world.seek(open, Seek::Data(3)), Err(Errno::ENXIO));
    assert_eq!(world.seek(open, Seek::Start(i64::MAX)), Ok(i64::MAX as u64));
    assert_eq!(world.read(open, 1).unwrap(), b"");
    assert_eq!(world.write(open, b"x"), Err(stop(Errno::EFBIG)));
}

#[test]
fn a_full_memory_is_a_full_file_system() {
    let mut world = World::new();
    let before = world.weight();
    let open = world.open("/f", RDWR | OpenFlags::CREAT).unwrap();
    let page = [1; 4096];
    let written = (0..).take_while(|_| world.write(open, &page) == Ok(4096)).count() as u64;
    assert_eq!(written, FRAMES - before.2);
    assert_eq!(world.write(open, b"x"), Err(stop(Errno::ENOSPC)));
    let at = world.at("/bin/program");
    let installed = world.with(|fs, env| fs.install(env, at.path, b"ELF", 0o755));
    assert_eq!(installed, Err(Errno::ENOSPC));
    world.close(open);
    world.unlink("/f").unwrap();
    assert_eq!(world.weight(), before);
}

#[test]
fn truncate_sets_the_size_of_regular_files() {
    let mut world = World::new();
    world.file("/f", "abcdef");
    let f = world.find("/f").unwrap();
    let set = |world: &mut World, node, size| world.with(|fs, env| fs.truncate(env, node, size)).map(drop);
    set(&mut world, f, 3).unwrap();
    set(&mut world, f, 5).unwrap();
    assert_eq!(world.contents("/f"), "abc\0\0");
    let root = world.fs.root();
    assert_eq!(set(&mut world, root, 0), Err(Errno::EISDIR));
    let null = world.find("/dev/null").unwrap();
    assert_eq!(set(&mut world, null, 0), Err(Errno::EINVAL));
}

#[test]
fn unnamed_files_vanish_when_closed() {
    let mut world = World::new();
    let before = world.weight();
    let unnamed = OpenFlags::TMPFILE | OpenFlags::DIRECTORY;
    assert_eq!(world.open("/tmp", unnamed), Err(Errno::EINVAL), "it must be writable");
    let open = world.open("/tmp", unnamed | RDWR).unwrap();
    world.write(open, b"x").unwrap();
    let path = world.fs.path_of(world.fs.node(open));
    assert!(path.starts_with(b"/tmp/#") && path.ends_with(b" (deleted)"));
    assert_eq!(world.list("/tmp").len(), 2);
    world.close(open);
    assert_eq!(world.weight(), before);
}

#[test]
fn an_unnamed_file_may_get_one_first_name() {
    let mut world = World::new();
    let before = world.weight();
    let unnamed = OpenFlags::TMPFILE | OpenFlags::DIRECTORY | RDWR;
    let link = |world: &mut World, flags| {
        let open = world.open("/tmp", flags).unwrap();
        let (node, at) = (world.fs.node(open), world.at("/tmp/name"));
        let result = world.with(|fs, env| fs.link(env, node, at));
        let path = world.fs.path_of(node);
        if result.is_ok() {
            world.unlink("/tmp/name").unwrap();
            assert_eq!(world.with(|fs, env| fs.link(env, node, at)), Err(Errno::ENOENT));
        }
        world.close(open);
        (result, path)
    };
    assert_eq!(link(&mut world, unnamed), (Ok(()), b"/tmp/name".to_vec()));
    assert_eq!(link(&mut world, unnamed | OpenFlags::EXCL).0, Err(Errno::ENOENT));
    assert_eq!(world.weight(), before);
}

#[test]
fn devices_say_what_their_manual_pages_say() {
    let mut world = World::new();
    let mut device = |name: &str| world.open(&format!("/dev/{name}"), RDWR);
    let (null, zero, full, tty) = (device("null"), device("zero"), device("full"), device("tty"));
    let (null, zero, full) = (null.unwrap(), zero.unwrap(), full.unwrap());
    assert_eq!(tty, Err(Errno::ENXIO));
    assert_eq!(world.read(null, 10).unwrap(), b"");
    assert_eq!(world.write(null, b"gone"), Ok(4));
    assert_eq!(world.read(zero, 3).unwrap(), [0; 3]);
    assert_eq!(world.read(full, 3).unwrap(), [0; 3]);
    assert_eq!(world.write(full, b"x"), Err(stop(Errno::ENOSPC)));
    assert_eq!(world.seek(zero, Seek::Start(99)), Ok(0));
    assert_eq!(world.fs.mappable(zero), Ok(Mappable::Zeros));
    assert_eq!(world.fs.mappable(null), Err(Errno::ENODEV));
    assert_eq!(world.stat("/dev/urandom").unwrap().rdev, makedev(1, 9));
}

#[test]
fn the_seed_decides_the_random_bytes() {
    // The first numbers after seed 0 and after 1234567, as the generator's authors print them.
    let mut random = Random::new(0);
    assert_eq!(random.next_u64(), 0xe220_a839_7b1d_cdaf);
    let mut random = Random::new(1_234_567);
    assert_eq!(
        [random.next_u64(), random.next_u64()],
        [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
    );
    let mut world = World::new();
    let open = world.open("/dev/urandom", OpenFlags::empty()).unwrap();
    assert_eq!(world.read(open, 3).unwrap(), [0xaf, 0xcd, 0x1d]);
    assert_ne!(world.read(open, 8).unwrap(), world.read(open, 8).unwrap());
}

#[test]
fn the_console_is_the_callers_business() {
    let mut world = World::new();
    let before = world.weight();
    let table = world.fs.console_table(0);
    let stdin = world.fs.fd(table, Fd(0)).unwrap();
    let stderr = world.fs.fd(table, Fd(2)).unwrap();
    let source = world.with(|fs, env| fs.read_begin(env, stdin, Position::Current, 1));
    assert_eq!(source, Ok(ReadSource::Console));
    let target = world.with(|fs, env| fs.write(env, stderr, Position::Current, b"x"));
    assert_eq!(target, Ok(WriteTarget::Console(Console::Stderr)));
    assert_eq!(world.write(stdin, b"x"), Err(stop(Errno::EBADF)));
    assert_eq!(world.seek(stderr, Seek::Current(0)), Err(Errno::ESPIPE));
    world.with(|fs, env| fs.release_table(env, table));
    assert_eq!(world.weight(), before);
}

#[test]
fn a_program_is_installed_where_it_was_named() {
    let mut world = World::new();
    let node = world.with(|fs, env| fs.install(env, b"/opt/deep/prog", b"\x7fELF", 0o755)).unwrap();
    assert_eq!(world.find("/opt/deep/prog"), Ok(node));
    assert_eq!(world.contents("/opt/deep/prog"), "\x7fELF");
    assert!(world.program(node).is_ok());
    let again = world.with(|fs, env| fs.install(env, b"/opt/deep/prog", b"", 0o755));
    assert_eq!(again, Err(Errno::EEXIST));
}

#[test]
fn only_executable_files_run() {
    let mut world = World::new();
    world.file("/f", "");
    let f = world.find("/f").unwrap();
    let root = world.fs.root();
    assert_eq!(world.program(f), Err(Errno::EACCES));
    assert_eq!(world.access(f, AccessMode::READ | AccessMode::WRITE), Ok(()));
    assert_eq!(world.access(f, AccessMode::EXECUTE), Err(Errno::EACCES));
    world.with(|fs, env| fs.chmod(env, f, 0o010)).unwrap();
    assert!(world.program(f).is_ok(), "root may when anybody may");
    assert_eq!(world.access(root, AccessMode::EXECUTE), Ok(()));
    assert_eq!(world.program(root), Err(Errno::EACCES));
}

#[test]
fn times_tell_what_was_done() {
    let mut world = World::new();
    world.file("/f", "");
    let made = world.stat("/f").unwrap().times;
    let open = world.open("/f", RDWR).unwrap();
    world.write(open, b"x").unwrap();
    let written = world.stat("/f").unwrap().times;
    assert!(written.modified_ns > made.modified_ns && written.born_ns == made.born_ns);
    let f = world.find("/f").unwrap();
    world.with(|fs, env| fs.chmod(env, f, 0o600)).unwrap();
    let now_ns = world.now_ns;
    let changed = world.stat("/f").unwrap();
    assert_eq!((changed.times.changed_ns, changed.times.modified_ns), (now_ns, written.modified_ns));
    assert_eq!(changed.permissions, 0o600);
    let times = NewTimes::Chosen { accessed_ns: None, modified_ns: Some(7) };
    world.with(|fs, env| fs.set_times(env, f, times)).unwrap();
    world.with(|fs, env| fs.chown(env, f, Some(5), None)).unwrap();
    let set = world.stat("/f").unwrap();
    assert_eq!((set.times.modified_ns, set.uid, set.gid), (7, 5, 0));
}
