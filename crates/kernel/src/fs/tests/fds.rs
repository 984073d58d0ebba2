//! Rules of descriptor tables, as the oracle's fd_inherit.c shows them.

use super::*;

const LIMIT: u64 = 1024;

/// Opens `/f` at descriptor `fd` of the process under test.
fn opened(world: &mut World, fd: i32) -> OpenId {
    let open = world.open("/f", OpenFlags::RDWR | OpenFlags::CREAT).unwrap();
    let table = world.table();
    world.fs.put_fd(table, Fd(fd), open, OnExec::Keep);
    open
}

fn fds(world: &World, table: FdTableId) -> Vec<i32> {
    world.fs.fds(table).into_iter().map(|fd| fd.0).collect()
}

#[test]
fn the_lowest_free_descriptor_is_taken() {
    let mut world = World::new();
    let table = world.table();
    for expected in 0..4 {
        assert_eq!(world.fs.lowest_fd(table, Fd(0), LIMIT), Ok(Fd(expected)));
        opened(&mut world, expected);
    }
    world.with(|fs, env| fs.close_fd(env, table, Fd(1))).unwrap();
    assert_eq!(world.fs.lowest_fd(table, Fd(0), LIMIT), Ok(Fd(1)));
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(2), LIMIT, OnExec::Keep), Ok(Fd(4)));
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(50), LIMIT, OnExec::Keep), Ok(Fd(50)));
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(0), LIMIT, OnExec::Keep), Ok(Fd(1)));
    assert_eq!(world.fs.lowest_fd(table, Fd(0), LIMIT), Ok(Fd(5)));
    assert_eq!(world.with(|fs, env| fs.close_fd(env, table, Fd(9))), Err(Errno::EBADF));
}

#[test]
fn the_limit_is_the_number_and_not_the_count() {
    let mut world = World::new();
    opened(&mut world, 0);
    let table = world.table();
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(9), 10, OnExec::Keep), Ok(Fd(9)));
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(9), 10, OnExec::Keep), Err(Errno::EMFILE));
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(10), 10, OnExec::Keep), Err(Errno::EINVAL));
    assert_eq!(world.fs.dup_fd(table, Fd(0), Fd(-1), 10, OnExec::Keep), Err(Errno::EINVAL));
    assert_eq!(world.fs.lowest_fd(table, Fd(0), 1), Err(Errno::EMFILE));
}

#[test]
fn dup_shares_the_description() {
    let mut world = World::new();
    let open = opened(&mut world, 3);
    let table = world.table();
    let copy = world.fs.dup_fd(table, Fd(3), Fd(0), LIMIT, OnExec::Keep).unwrap();
    assert_eq!(world.fs.fd(table, copy), Ok(open));
    world.seek(open, Seek::Start(10)).unwrap();
    world.with(|fs, env| fs.close_fd(env, table, Fd(3))).unwrap();
    assert_eq!(world.seek(open, Seek::Current(0)), Ok(10), "the copy keeps it open");
}

#[test]
fn dup3_replaces_what_was_there() {
    let mut world = World::new();
    opened(&mut world, 3);
    opened(&mut world, 4);
    let table = world.table();
    let opens = world.fs.census().opens;
    let mut dup3 =
        |from, to| world.with(|fs, env| fs.dup_fd_to(env, table, Fd(from), Fd(to), LIMIT, OnExec::Close));
    assert_eq!(dup3(3, 4), Ok(Fd(4)));
    assert_eq!(dup3(3, 70), Ok(Fd(70)));
    assert_eq!(dup3(3, 3), Err(Errno::EINVAL));
    assert_eq!(dup3(77, 78), Err(Errno::EBADF));
    assert_eq!(dup3(3, 1024), Err(Errno::EBADF));
    assert_eq!(dup3(3, -1), Err(Errno::EBADF));
    assert_eq!(world.fs.census().opens, opens - 1, "what 4 was is closed");
    assert_eq!(world.fs.on_exec(table, Fd(70)), Ok(OnExec::Close));
    assert_eq!(world.fs.on_exec(table, Fd(3)), Ok(OnExec::Keep));
}

#[test]
fn exec_closes_what_asked_for_it() {
    let mut world = World::new();
    for fd in 0..4 {
        opened(&mut world, fd);
    }
    let table = world.table();
    world.fs.set_on_exec(table, Fd(1), OnExec::Close).unwrap();
    world.fs.set_on_exec(table, Fd(3), OnExec::Close).unwrap();
    assert_eq!(world.fs.dup_fd(table, Fd(3), Fd(0), LIMIT, OnExec::Keep), Ok(Fd(4)));
    world.with(|fs, env| fs.close_on_exec(env, table));
    assert_eq!(fds(&world, table), [0, 2, 4], "a copy does not inherit the flag");
    assert_eq!(world.fs.set_on_exec(table, Fd(1), OnExec::Close), Err(Errno::EBADF));
    assert_eq!(world.fs.on_exec(table, Fd(1)), Err(Errno::EBADF));
}

#[test]
fn fork_copies_the_table_and_shares_the_descriptions() {
    let mut world = World::new();
    let open = opened(&mut world, 3);
    let (parent, child) = (world.table(), world.fs.fork_table(world.processes.table));
    world.fs.set_on_exec(child, Fd(3), OnExec::Close).unwrap();
    assert_eq!(world.fs.on_exec(parent, Fd(3)), Ok(OnExec::Keep), "descriptor flags are not shared");
    assert_eq!(world.fs.fd(child, Fd(3)), Ok(open));
    world.with(|fs, env| fs.close_fd(env, child, Fd(3))).unwrap();
    assert_eq!(fds(&world, parent), [3]);
    assert!(fds(&world, child).is_empty());
}

#[test]
fn a_shared_table_is_one_table_until_it_is_unshared() {
    let mut world = World::new();
    let before = world.weight();
    let table = world.table();
    world.fs.share_table(table);
    opened(&mut world, 3);
    let own = world.fs.unshare_table(table);
    assert_ne!(own, table);
    assert_eq!(world.fs.unshare_table(own), own, "nobody else uses it");
    world.with(|fs, env| fs.close_fd(env, own, Fd(3))).unwrap();
    assert_eq!(fds(&world, table), [3]);
    world.with(|fs, env| fs.release_table(env, own));
    world.with(|fs, env| fs.close_fd(env, table, Fd(3))).unwrap();
    world.unlink("/f").unwrap();
    assert_eq!(world.weight(), before);
}

#[test]
fn working_directories_are_copied_and_shared_too() {
    let mut world = World::new();
    let before = world.fs.census();
    let parent = world.fs.new_work_dir();
    world.fs.share_work_dir(parent);
    let child = world.fs.fork_work_dir(parent);
    let tmp = world.find("/tmp").unwrap();
    let null = world.find("/dev/null").unwrap();
    world.with(|fs, env| fs.chdir(env, child, tmp)).unwrap();
    assert_eq!(world.with(|fs, env| fs.chdir(env, child, null)), Err(Errno::ENOTDIR));
    assert_eq!((world.fs.cwd(parent), world.fs.cwd(child)), (world.fs.root(), tmp));
    assert_eq!(world.fs.set_umask(child, 0o7077), 0o022);
    assert_eq!((world.fs.mask(parent, 0o10_0666), world.fs.mask(child, 0o666)), (0o644, 0o600));
    for id in [child, parent, parent] {
        world.with(|fs, env| fs.release_work_dir(env, id));
    }
    assert_eq!(world.fs.census(), before);
}
