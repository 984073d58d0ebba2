//! Rules of the calls that make, remove and move names.

use super::*;

#[test]
fn a_directory_is_made_once() {
    let mut world = World::new();
    assert_eq!(world.mkdir("/d/"), Ok(()), "a slash may follow");
    assert_eq!(world.mkdir("/d"), Err(Errno::EEXIST));
    assert_eq!(world.mkdir("/"), Err(Errno::EEXIST));
    assert_eq!(world.mkdir("/d/."), Err(Errno::EEXIST));
    assert_eq!(world.mkdir("/missing/d"), Err(Errno::ENOENT));
    world.symlink("missing", "/dangling").unwrap();
    assert_eq!(world.mkdir("/dangling"), Err(Errno::EEXIST), "links are not followed");
}

#[test]
fn directories_count_their_subdirectories_and_names() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    assert_eq!(world.stat("/d").unwrap().nlink, 2);
    world.mkdir("/d/one").unwrap();
    world.mkdir("/d/two").unwrap();
    world.file("/d/file", "");
    let stat = world.stat("/d").unwrap();
    assert_eq!((stat.nlink, stat.size), (4, 100));
    world.rmdir("/d/one").unwrap();
    world.rename("/d/two", "/two", RenameFlags::empty()).unwrap();
    assert_eq!(world.stat("/d").unwrap().nlink, 2);
}

#[test]
fn rmdir_removes_empty_directories_only() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    world.file("/d/f", "");
    assert_eq!(world.rmdir("/d"), Err(Errno::ENOTEMPTY));
    assert_eq!(world.rmdir("/d/f"), Err(Errno::ENOTDIR));
    assert_eq!(world.rmdir("/d/."), Err(Errno::EINVAL));
    assert_eq!(world.rmdir("/d/.."), Err(Errno::ENOTEMPTY));
    assert_eq!(world.rmdir("/"), Err(Errno::EBUSY));
    assert_eq!(world.rmdir("/proc"), Err(Errno::EBUSY));
    assert_eq!(world.rmdir("/missing"), Err(Errno::ENOENT));
    world.unlink("/d/f").unwrap();
    assert_eq!(world.rmdir("/d/"), Ok(()));
}

#[test]
fn unlink_removes_everything_else() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    world.file("/f", "");
    assert_eq!(world.unlink("/d"), Err(Errno::EISDIR));
    assert_eq!(world.unlink("/d/"), Err(Errno::EISDIR));
    assert_eq!(world.unlink("/d/."), Err(Errno::EISDIR));
    assert_eq!(world.unlink("/f/"), Err(Errno::ENOTDIR));
    assert_eq!(world.unlink("/missing"), Err(Errno::ENOENT));
    assert_eq!(world.unlink("/f"), Ok(()));
    assert_eq!(world.find("/f"), Err(Errno::ENOENT));
}

#[test]
fn an_unlinked_file_lives_until_it_is_closed() {
    let mut world = World::new();
    let before = world.weight();
    world.file("/tmp/f", "contents");
    let open = world.open("/tmp/f", OpenFlags::empty()).unwrap();
    world.unlink("/tmp/f").unwrap();
    let node = world.fs.node(open);
    assert_eq!(world.with(|fs, env| fs.stat(env, node)).nlink, 0);
    assert_eq!(world.fs.path_of(node), b"/tmp/f (deleted)");
    assert_eq!(world.read(open, 100).unwrap(), b"contents");
    world.close(open);
    assert_eq!(world.weight(), before);
}

#[test]
fn a_second_name_is_as_good_as_the_first() {
    let mut world = World::new();
    let before = world.weight();
    world.file("/one", "shared");
    assert_eq!(world.link("/one", "/two"), Ok(()));
    let (one, two) = (world.stat("/one").unwrap(), world.stat("/two").unwrap());
    assert_eq!(one, two);
    assert_eq!(one.nlink, 2);
    world.unlink("/one").unwrap();
    assert_eq!(world.contents("/two"), "shared");
    world.unlink("/two").unwrap();
    assert_eq!(world.weight(), before);
}

#[test]
fn link_refuses_what_cannot_have_two_names() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    world.file("/f", "");
    world.symlink("f", "/s").unwrap();
    assert_eq!(world.link("/d", "/e"), Err(Errno::EPERM));
    assert_eq!(world.link("/f", "/s"), Err(Errno::EEXIST));
    assert_eq!(world.link("/f", "/new/"), Err(Errno::ENOENT));
    assert_eq!(world.link("/proc/stat", "/stat"), Err(Errno::EXDEV));
    assert_eq!(world.link("/s", "/t"), Ok(()), "a link's own second name");
    assert_eq!(world.stat("/t").unwrap().ino, world.stat("/f").unwrap().ino);
    let open = world.open("/f", OpenFlags::empty()).unwrap();
    let node = world.fs.node(open);
    world.unlink("/f").unwrap();
    let at = world.at("/again");
    assert_eq!(world.with(|fs, env| fs.link(env, node, at)), Err(Errno::ENOENT));
}

#[test]
fn symlink_keeps_its_text() {
    let mut world = World::new();
    assert_eq!(world.symlink("../any/where", "/s"), Ok(()));
    let node = world.look_up("/s", LookupFlags::NOFOLLOW).unwrap();
    assert_eq!(world.fs.readlink(&world.processes, node), Ok(b"../any/where".to_vec()));
    assert_eq!(world.with(|fs, env| fs.stat(env, node)).size, 12);
    assert_eq!(world.symlink("x", "/s"), Err(Errno::EEXIST));
    assert_eq!(world.symlink("", "/t"), Err(Errno::ENOENT));
    assert_eq!(world.symlink("x", "/t/"), Err(Errno::ENOENT));
    assert_eq!(world.symlink(&"x".repeat(PATH_MAX), "/t"), Err(Errno::ENAMETOOLONG));
    let root = world.fs.root();
    assert_eq!(world.fs.readlink(&world.processes, root), Err(Errno::EINVAL));
}

#[test]
fn rename_replaces_like_by_like() {
    let mut world = World::new();
    let before = world.weight();
    world.file("/one", "1");
    world.file("/two", "2");
    world.mkdir("/d").unwrap();
    world.mkdir("/e").unwrap();
    assert_eq!(world.rename("/one", "/d", RenameFlags::empty()), Err(Errno::EISDIR));
    assert_eq!(world.rename("/d", "/one", RenameFlags::empty()), Err(Errno::ENOTDIR));
    assert_eq!(world.rename("/one", "/two", RenameFlags::NOREPLACE), Err(Errno::EEXIST));
    assert_eq!(world.rename("/one", "/two", RenameFlags::empty()), Ok(()));
    assert_eq!(world.contents("/two"), "1");
    assert_eq!(world.find("/one"), Err(Errno::ENOENT));
    world.rename("/two", "/e/two", RenameFlags::NOREPLACE).unwrap();
    assert_eq!(world.rename("/d", "/e", RenameFlags::empty()), Err(Errno::ENOTEMPTY));
    assert_eq!(world.rename("/e", "/d", RenameFlags::empty()), Ok(()));
    assert_eq!(world.contents("/d/two"), "1");
    world.unlink("/d/two").unwrap();
    world.rmdir("/d").unwrap();
    assert_eq!(world.weight(), before);
}

#[test]
fn rename_of_two_names_of_one_file_does_nothing() {
    let mut world = World::new();
    world.file("/one", "");
    world.link("/one", "/two").unwrap();
    assert_eq!(world.rename("/one", "/two", RenameFlags::empty()), Ok(()));
    assert_eq!(world.stat("/one").unwrap().nlink, 2);
}

#[test]
fn rename_refuses_what_would_tear_the_tree() {
    let mut world = World::new();
    world.mkdir("/a").unwrap();
    world.mkdir("/a/b").unwrap();
    world.file("/f", "");
    let plain = RenameFlags::empty();
    assert_eq!(world.rename("/a", "/a/b/c", plain), Err(Errno::EINVAL));
    assert_eq!(world.rename("/a", "/a/b", plain), Err(Errno::EINVAL));
    assert_eq!(world.rename("/a/b", "/a", plain), Err(Errno::ENOTEMPTY));
    assert_eq!(world.rename("/a/b", "/a", RenameFlags::EXCHANGE), Err(Errno::EINVAL));
    assert_eq!(world.rename("/a/.", "/c", plain), Err(Errno::EBUSY));
    assert_eq!(world.rename("/a", "/a/..", plain), Err(Errno::EBUSY));
    assert_eq!(world.rename("/proc", "/c", plain), Err(Errno::EBUSY));
    assert_eq!(world.rename("/f", "/proc/f", plain), Err(Errno::EXDEV));
    assert_eq!(world.rename("/f/", "/g", plain), Err(Errno::ENOTDIR));
    assert_eq!(world.rename("/f", "/g/", plain), Err(Errno::ENOTDIR));
    assert_eq!(world.rename("/missing", "/g", plain), Err(Errno::ENOENT));
    let both = RenameFlags::NOREPLACE | RenameFlags::EXCHANGE;
    assert_eq!(world.rename("/a", "/f", both), Err(Errno::EINVAL));
}

#[test]
fn exchange_swaps_a_file_and_a_directory() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    world.mkdir("/d/sub").unwrap();
    world.file("/f", "f");
    assert_eq!(world.rename("/d/sub", "/f", RenameFlags::EXCHANGE), Ok(()));
    assert_eq!(world.contents("/d/sub"), "f");
    assert_eq!(world.find("/f/.."), world.find("/"));
    assert_eq!(world.stat("/d").unwrap().nlink, 2);
    assert_eq!(world.rename("/d", "/missing", RenameFlags::EXCHANGE), Err(Errno::ENOENT));
}

#[test]
fn proc_takes_no_names() {
    let mut world = World::new();
    assert_eq!(world.mkdir("/proc/d"), Err(Errno::ENOENT));
    assert_eq!(world.unlink("/proc/stat"), Err(Errno::EPERM));
    assert_eq!(world.rmdir("/proc/10"), Err(Errno::EPERM));
    let creating = OpenFlags::CREAT | OpenFlags::WRONLY;
    assert_eq!(world.open("/proc/f", creating), Err(Errno::ENOENT));
}

#[test]
fn names_are_limited_by_memory() {
    let mut world = World::new();
    let root = world.fs.root();
    let free = world.with(|fs, env| fs.statfs(env, root)).free_files;
    let made = (0..).take_while(|number| world.mkdir(&format!("/d{number}")) == Ok(())).count();
    assert_eq!(made as u64, free);
    let creating = OpenFlags::CREAT | OpenFlags::WRONLY;
    assert_eq!(world.open("/f", creating), Err(Errno::ENOSPC));
    assert_eq!(world.symlink("x", "/s"), Err(Errno::ENOSPC));
    assert_eq!(world.link("/dev/null", "/dev/zilch"), Err(Errno::ENOSPC));
    assert_eq!(world.rename("/d0", "/e", RenameFlags::empty()), Ok(()), "a move needs no more room");
    world.rmdir("/d1").unwrap();
    assert_eq!(world.symlink("x", "/s"), Ok(()));
}

#[test]
fn inode_numbers_are_handed_out_once_and_in_order() {
    let mut world = World::new();
    world.file("/one", "");
    let one = world.stat("/one").unwrap().ino;
    world.unlink("/one").unwrap();
    world.file("/two", "");
    assert_eq!(world.stat("/two").unwrap().ino, one + 1);
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    for name in ["c", "a", "b"] {
        world.file(&format!("/d/{name}"), "");
    }
    assert_eq!(world.list("/d"), [".", "..", "c", "a", "b"]);
    let open = world.open("/d", OpenFlags::empty()).unwrap();
    let step = |world: &mut World| {
        let listing = world.with(|fs, env| fs.list_begin(env, open, 24)).unwrap();
        world.fs.list_commit(open, &listing);
        records(&listing.bytes).into_iter().map(|record| record.name).collect::<Vec<_>>()
    };
    assert_eq!([step(&mut world), step(&mut world), step(&mut world)], [["."], [".."], ["c"]]);
    world.unlink("/d/a").unwrap();
    world.unlink("/d/c").unwrap();
    world.file("/d/z", "");
    assert_eq!([step(&mut world), step(&mut world)], [["b"], ["z"]]);
    assert!(step(&mut world).is_empty());
    assert_eq!(
        world.with(|fs, env| fs.list_begin(env, open, 8)).unwrap().bytes,
        b"",
        "at the end nothing must fit"
    );
    world.seek(open, Seek::Start(0)).unwrap();
    assert_eq!(world.with(|fs, env| fs.list_begin(env, open, 8)), Err(Errno::EINVAL));
    assert_eq!(step(&mut world), ["."]);
}

#[test]
fn listings_name_inodes_types_and_positions() {
    let mut world = World::new();
    let open = world.open("/", OpenFlags::DIRECTORY).unwrap();
    let listing = world.with(|fs, env| fs.list_begin(env, open, 4096)).unwrap();
    let records = records(&listing.bytes);
    assert!(records.is_sorted_by_key(|record| record.next));
    for record in &records {
        let path = format!("/{}", record.name);
        let stat = world.stat(&path).unwrap();
        assert_eq!((record.ino, record.file_type), (stat.ino, stat.file_type as u8), "{path}");
    }
    assert_eq!(records.last().unwrap().next, listing.next);
    world.file("/f", "");
    let file = world.open("/f", OpenFlags::empty()).unwrap();
    assert_eq!(world.with(|fs, env| fs.list_begin(env, file, 4096)), Err(Errno::ENOTDIR));
}

#[test]
fn a_removed_directory_lists_nothing() {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    let open = world.open("/d", OpenFlags::DIRECTORY).unwrap();
    world.rmdir("/d").unwrap();
    assert_eq!(world.with(|fs, env| fs.list_begin(env, open, 4096)), Err(Errno::ENOENT));
    let node = world.fs.node(open);
    assert_eq!(world.with(|fs, env| fs.stat(env, node)).nlink, 0);
}
