//! Files of the host: read when they are asked for and once, changed in memory only, in an order of Tine's own.

use super::*;
use crate::GrantId;
use crate::host::{HostKind, HostPath};

fn at(grant: u32, path: &str) -> HostPath {
    HostPath { grant: GrantId(grant), path: path.into() }
}

/// Adds a regular file to the host.
fn add_file(host: &mut FakeHost, grant: u32, path: &str, contents: &str) {
    let kind = HostKind::Regular(contents.len() as u64);
    host.add(at(grant, path), kind, 0o640, contents.as_bytes());
}

fn add_directory(host: &mut FakeHost, grant: u32, path: &str) {
    host.add(at(grant, path), HostKind::Directory, 0o750, b"");
}

/// Sees the grants that `fill` puts files in at these places.
fn seen_at(places: &[&str], fill: impl FnOnce(&mut FakeHost)) -> World {
    seen(places, Writes::InMemory, fill)
}

fn seen(places: &[&str], writes: Writes, fill: impl FnOnce(&mut FakeHost)) -> World {
    let mut world = World::bare();
    fill(&mut world.host);
    let grant = |place: &&str| Grant { at: place.as_bytes().to_vec(), writes };
    let grants: Vec<Grant> = places.iter().map(grant).collect();
    world.with(|fs, env| fs.mount_all(env, &grants)).unwrap();
    world.host.asked.clear();
    world
}

/// `/data` with `b`, `a/` and a link.
fn data() -> World {
    data_with(Writes::InMemory)
}

fn data_with(writes: Writes) -> World {
    seen(&["/data"], writes, |host| {
        add_directory(host, 0, "");
        add_directory(host, 0, "a");
        add_file(host, 0, "a/deep", "down here");
        add_file(host, 0, "b", "bytes");
        host.add(at(0, "link"), HostKind::Symlink(b"a/deep".to_vec()), 0o777, b"");
    })
}

#[test]
fn nothing_is_read_before_it_is_asked_for_and_nothing_twice() {
    let mut world = data();
    assert!(world.host.asked.is_empty());
    assert_eq!(world.list("/data"), [".", "..", "a", "b", "link"]);
    assert_eq!(world.host.asked, ["list "]);
    assert_eq!(world.stat("/data/b").unwrap().size, 5, "a size needs no bytes");
    for _ in 0..2 {
        assert_eq!(world.contents("/data/link"), "down here");
    }
    assert_eq!(world.host.asked, ["list ", "list a", "read a/deep from 0", "read a/deep from 9"]);
}

#[test]
fn attributes_are_the_hosts_and_the_owner_is_root() {
    let mut world = data();
    let stat = world.stat("/data/b").unwrap();
    assert_eq!((stat.mode(), stat.uid, stat.gid, stat.nlink), (0o10_0640, 0, 0, 1));
    assert_eq!((stat.times.modified_ns, stat.times.accessed_ns), (7, 7));
    assert_eq!(stat.blocks, 8);
    world.contents("/data/b");
    assert_eq!(world.stat("/data/b").unwrap(), stat, "reading it changes nothing");
    let directory = world.stat("/data").unwrap();
    assert_eq!((directory.mode(), directory.nlink, directory.times.modified_ns), (0o4_0750, 3, 7));
    assert_ne!(directory.dev, world.stat("/").unwrap().dev);
}

#[test]
fn changes_stay_in_memory_whatever_moves() {
    let mut world = data();
    world.rename("/data/a", "/data/moved", RenameFlags::empty()).unwrap();
    assert_eq!(world.contents("/data/moved/deep"), "down here", "its bytes are still where they were");
    let open = world.open("/data/b", OpenFlags::WRONLY).unwrap();
    world.write(open, b"B").unwrap();
    world.close(open);
    assert_eq!(world.contents("/data/b"), "Bytes");
    world.unlink("/data/b").unwrap();
    assert_eq!(world.find("/data/b"), Err(Errno::ENOENT));
    assert_eq!(world.rmdir("/data/moved"), Err(Errno::ENOTEMPTY));
}

#[test]
fn an_unread_directory_is_not_taken_for_an_empty_one() {
    let mut world = data();
    world.mkdir("/data/new").unwrap();
    assert_eq!(world.rename("/data/new", "/data/a", RenameFlags::empty()), Err(Errno::ENOTEMPTY));
    let mut world = data();
    assert_eq!(world.rmdir("/data/a"), Err(Errno::ENOTEMPTY));
}

#[test]
fn cutting_a_file_off_reads_what_is_kept() {
    let mut world = data();
    let b = world.find("/data/b").unwrap();
    let truncated = world.with(|fs, env| fs.truncate(env, b, 2)).unwrap();
    assert_eq!(truncated, Truncated::default());
    assert_eq!(world.contents("/data/b"), "by");
    let open = world.open("/data/a/deep", OpenFlags::WRONLY | OpenFlags::TRUNC).unwrap();
    world.close(open);
    assert_eq!(world.contents("/data/a/deep"), "");
    assert!(!world.host.asked.iter().any(|asked| asked.starts_with("read a/deep")), "nothing of it was kept");
}

#[test]
fn names_of_one_file_are_one_file() {
    let mut world = seen_at(&["/data"], |host| {
        add_directory(host, 0, "");
        add_directory(host, 0, "d");
        add_file(host, 0, "one", "same");
        host.link(&at(0, "one"), at(0, "d/two"));
    });
    let before = world.stat("/data/one").unwrap();
    assert_eq!(before.nlink, 2, "a name that nobody has seen yet counts");
    let two = world.stat("/data/d/two").unwrap();
    assert_eq!(two.ino, before.ino);
    world.unlink("/data/one").unwrap();
    assert_eq!(world.contents("/data/d/two"), "same");
}

#[test]
fn a_root_has_mounts_of_the_machines_own_over_it() {
    let mut world = seen_at(&["/"], |host| {
        add_directory(host, 0, "");
        add_directory(host, 0, "etc");
        add_file(host, 0, "etc/motd", "hello\n");
        add_directory(host, 0, "tmp");
        add_file(host, 0, "tmp/hidden", "");
    });
    assert_eq!(world.contents("/etc/motd"), "hello\n");
    assert_eq!(world.list("/"), [".", "..", "etc", "tmp", "dev", "proc", "sys"]);
    assert_eq!(world.list("/tmp"), [".", ".."]);
    assert!(world.find("/dev/null").is_ok() && world.find("/proc/self").is_ok());
    assert_eq!(world.rmdir("/tmp"), Err(Errno::EBUSY));
    assert_eq!(world.find("/dev/../etc"), world.find("/etc"));
    assert_eq!(world.find("/dev/shm/../.."), world.find("/"));
    let shm = world.find("/dev/shm").unwrap();
    assert_eq!(world.fs.path_of(shm), b"/dev/shm");
}

#[test]
fn a_grant_is_one_file_system() {
    let mut world = seen_at(&["/", "/mnt/data", "/etc/one"], |host| {
        add_directory(host, 0, "");
        add_file(host, 0, "f", "");
        add_directory(host, 1, "");
        add_file(host, 1, "g", "");
        add_file(host, 2, "", "a file");
    });
    let errors = [world.rename("/f", "/mnt/data/f", RenameFlags::empty()), world.link("/f", "/mnt/data/f")];
    assert_eq!(errors, [Err(Errno::EXDEV); 2]);
    assert_eq!(world.rename("/mnt/data/g", "/mnt/data/h", RenameFlags::empty()), Ok(()));
    assert_eq!(world.contents("/etc/one"), "a file");
    assert_eq!(world.stat("/etc/one").unwrap().nlink, 1);
    assert_eq!(world.unlink("/etc/one"), Err(Errno::EBUSY));
    assert_eq!(world.rename("/mnt/data", "/mnt/other", RenameFlags::empty()), Err(Errno::EBUSY));
    let rows = world.fs.mount_rows();
    let mounts: Vec<_> = rows.iter().map(|row| (row.kind.name(), String::from_utf8_lossy(&row.at))).collect();
    let expected = [
        ("overlay", "/"),
        ("devtmpfs", "/dev"),
        ("devpts", "/dev/pts"),
        ("tmpfs", "/dev/shm"),
        ("tmpfs", "/tmp"),
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("mqueue", "/dev/mqueue"),
        ("overlay", "/mnt/data"),
        ("overlay", "/etc/one"),
    ];
    assert_eq!(mounts, expected.map(|(kind, at)| (kind, at.into())));
}

#[test]
fn what_the_host_refuses_fails_and_can_be_tried_again() {
    let mut world = data();
    world.find("/data/b").unwrap();
    world.host.fails = Some(Errno::EACCES);
    assert_eq!(world.open("/data/b", OpenFlags::empty()), Err(Errno::EACCES));
    assert_eq!(world.find("/data/a/deep"), Err(Errno::EACCES));
    world.host.fails = None;
    assert_eq!(world.contents("/data/b"), "bytes");
    assert_eq!(world.contents("/data/a/deep"), "down here");
}

#[test]
fn a_file_that_does_not_fit_into_memory_is_read_as_far_as_there_is_room() {
    const PAGE: usize = 4096;
    let pages = FRAMES as usize + 8;
    let letter = |page: usize| char::from(b'a' + (page % 26) as u8).to_string().repeat(PAGE);
    let mut world = seen_at(&["/data"], |host| {
        add_directory(host, 0, "");
        add_file(host, 0, "huge", &(0..pages).map(letter).collect::<String>());
    });
    let open = world.open("/data/huge", OpenFlags::empty()).unwrap();
    let stat = world.stat("/data/huge").unwrap();
    assert_eq!((stat.size, stat.blocks), ((pages * PAGE) as u64, (pages * PAGE / 512) as u64));
    let read = |world: &mut World, page: usize, len| {
        world
            .read_at(open, Position::At((page * PAGE) as u64), len)
            .map(|bytes| String::from_utf8(bytes).unwrap())
    };
    assert_eq!(read(&mut world, 5, PAGE), Ok(letter(5)));
    // Nobody makes room here: what does not fit is not read, and is no hole.
    assert_eq!(read(&mut world, pages - 1, PAGE), Err(Errno::ENOMEM.into()));
    let file = world.find("/data/huge").ok().and_then(|node| world.fs.regular(node)).unwrap();
    let there = world.cache.resident_pages(file) as usize;
    assert_eq!(read(&mut world, there - 1, 2 * PAGE), Ok(letter(there - 1)));
    assert_eq!(world.with(|fs, env| fs.seek(env, open, crate::fs::Seek::Hole(0))), Ok(stat.size));
}

#[test]
fn what_was_written_to_a_file_of_the_host_is_not_read_again() {
    let mut world = data();
    let open = world.open("/data/b", OpenFlags::WRONLY).unwrap();
    world.write(open, b"B").unwrap();
    let file = world.find("/data/b").ok().and_then(|node| world.fs.regular(node)).unwrap();
    let page = world.cache.page(file, 0).unwrap();
    assert!(world.frames.take_dirty(&world.ram, page));
}

#[test]
fn names_of_the_host_leave_room_for_the_guests() {
    let names = FRAMES as usize;
    let mut world = seen_at(&["/data"], |host| {
        add_directory(host, 0, "");
        (0..names).for_each(|name| add_file(host, 0, &name.to_string(), ""));
    });
    assert_eq!(world.list("/data").len(), 2 + names);
    assert_eq!(world.mkdir("/data/new"), Ok(()));
}

#[test]
fn the_host_makes_every_change_where_it_may_be_changed() {
    let mut world = data_with(Writes::Through);
    world.mkdir("/data/new").unwrap();
    world.file("/data/new/file", "text");
    world.symlink("file", "/data/new/link").unwrap();
    world.link("/data/new/file", "/data/other").unwrap();
    world.rename("/data/a", "/data/new/a", RenameFlags::empty()).unwrap();
    assert_eq!(world.contents("/data/new/a/deep"), "down here", "it is read where it is now");
    world.rename("/data/b", "/data/other", RenameFlags::EXCHANGE).unwrap();
    let other = world.find("/data/other").unwrap();
    world.with(|fs, env| fs.chmod(env, other, 0o600)).unwrap();
    let _ = world.with(|fs, env| fs.truncate(env, other, 3)).unwrap();
    world.unlink("/data/b").unwrap();
    world.unlink("/data/new/a/deep").unwrap();
    world.rmdir("/data/new/a").unwrap();
    let expected = [
        "directory new 755",
        "file new/file 644",
        "write new/file at 0: text",
        "symlink new/link to file",
        "link new/file to other",
        "rename a to new/a",
        "exchange b and other",
        "mode other 600",
        "size other 3",
        "remove b",
        "remove new/a/deep",
        "remove directory new/a",
    ];
    assert_eq!(world.host.changed, expected);
}

#[test]
fn what_the_host_refuses_to_change_does_not_change() {
    let mut world = data_with(Writes::Through);
    let open = world.open("/data/b", OpenFlags::RDWR).unwrap();
    world.list("/data/a");
    let before = world.weight();
    world.host.fails = Some(Errno::EROFS);
    let refused = Err(Errno::EROFS);
    assert_eq!(world.write(open, b"B"), Err(stop(Errno::EROFS)));
    assert_eq!(world.mkdir("/data/new"), refused);
    assert_eq!(world.open("/data/new", OpenFlags::CREAT | OpenFlags::WRONLY).map(|_| ()), refused);
    assert_eq!(world.unlink("/data/b"), refused);
    assert_eq!(world.rename("/data/b", "/data/c", RenameFlags::empty()), refused);
    assert_eq!(world.link("/data/b", "/data/c"), refused);
    let b = world.find("/data/b").unwrap();
    assert_eq!(world.with(|fs, env| fs.chmod(env, b, 0)), refused);
    assert_eq!(world.with(|fs, env| fs.truncate(env, b, 0)).map(|_| ()), refused);
    assert_eq!(world.weight(), before);
    assert_eq!(world.read(open, 9).unwrap(), b"bytes");
    assert_eq!(world.list("/data"), [".", "..", "a", "b", "link"]);
}

#[test]
fn an_unlinked_file_of_the_host_can_still_be_read_and_written() {
    let mut world = data_with(Writes::Through);
    let open = world.open("/data/b", OpenFlags::RDWR).unwrap();
    world.unlink("/data/b").unwrap();
    world.write(open, b"B").unwrap();
    assert_eq!(world.read_at(open, Position::At(0), 9).unwrap(), b"Bytes");
    assert_eq!(world.host.changed, ["remove b"]);
}

#[test]
fn a_running_program_is_not_written_and_what_is_written_does_not_run() {
    let mut world = World::new();
    let node = world.with(|fs, env| fs.install(env, b"/prog", b"\x7fELF", 0o755)).unwrap();
    let open = world.open("/prog", OpenFlags::WRONLY).unwrap();
    assert_eq!(world.program(node), Err(Errno::ETXTBSY));
    world.close(open);
    assert!(world.program(node).is_ok());
    world.fs.hold_program(node);
    assert_eq!(world.open("/prog", OpenFlags::WRONLY), Err(Errno::ETXTBSY));
    assert_eq!(world.open("/prog", OpenFlags::TRUNC), Err(Errno::ETXTBSY));
    assert_eq!(world.with(|fs, env| fs.truncate(env, node, 0)).map(|_| ()), Err(Errno::ETXTBSY));
    world.with(|fs, env| fs.release_program(env, node));
    let open = world.open("/prog", OpenFlags::WRONLY).unwrap();
    world.close(open);
}
