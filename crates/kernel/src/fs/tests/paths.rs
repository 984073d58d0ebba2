//! Rules of path_resolution(7).

use super::*;

fn tree() -> World {
    let mut world = World::new();
    world.mkdir("/d").unwrap();
    world.mkdir("/d/e").unwrap();
    world.file("/d/f", "f");
    world.symlink("/d", "/abs").unwrap();
    world.symlink("e", "/d/rel").unwrap();
    world.symlink("missing", "/d/dangling").unwrap();
    world.symlink("loop", "/loop").unwrap();
    world
}

#[track_caller]
fn same(one: &str, other: &str) {
    let mut world = tree();
    assert_eq!(world.find(one), world.find(other), "{one} and {other}");
    assert!(world.find(one).is_ok(), "{one}");
}

#[track_caller]
fn fails(path: &str, errno: Errno) {
    assert_eq!(tree().find(path), Err(errno), "{path}");
}

#[test]
fn dots_and_slashes_change_nothing() {
    same("/d/./e/", "//d///e");
    same("/d/e/..", "/d");
    same("/..", "/");
    same("/d/e/../../d/f", "/d/f");
}

#[test]
fn links_are_followed_in_the_middle_and_at_the_end() {
    same("/abs/rel", "/d/e");
    same("/d/rel/..", "/d");
    same("/abs/", "/d");
}

#[test]
fn a_link_at_the_end_can_be_the_answer() {
    let mut world = tree();
    let mut type_of = |path| {
        let node = world.look_up(path, LookupFlags::NOFOLLOW).unwrap();
        world.fs.file_type(node)
    };
    assert_eq!(type_of("/abs"), FileType::Symlink);
    // A slash asks for what the link leads to.
    assert_eq!(type_of("/abs/"), FileType::Directory);
    assert_eq!(type_of("/abs/rel"), FileType::Symlink);
}

#[test]
fn each_error_has_its_cause() {
    fails("", Errno::ENOENT);
    fails("/missing", Errno::ENOENT);
    fails("/missing/f", Errno::ENOENT);
    fails("/d/dangling", Errno::ENOENT);
    fails("/d/f/", Errno::ENOTDIR);
    fails("/d/f/.", Errno::ENOTDIR);
    fails("/d/f/x", Errno::ENOTDIR);
    fails("/loop", Errno::ELOOP);
    fails("/loop/x", Errno::ELOOP);
    fails(&format!("/{}", "n".repeat(NAME_MAX + 1)), Errno::ENAMETOOLONG);
    fails(&"/".repeat(PATH_MAX), Errno::ENAMETOOLONG);
}

#[test]
fn names_and_paths_may_have_their_greatest_length() {
    let mut world = tree();
    let name = format!("/{}", "n".repeat(NAME_MAX));
    assert_eq!(world.mkdir(&name), Ok(()));
    assert!(world.find(&name).is_ok());
    assert!(world.find(&"/".repeat(PATH_MAX - 1)).is_ok());
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let mut world = tree();
    world.symlink("/d", "/l1").unwrap();
    for next in 2..=41 {
        world.symlink(&format!("l{}", next - 1), &format!("/l{next}")).unwrap();
    }
    assert_eq!(world.find("/l40"), world.find("/d"));
    assert_eq!(world.find("/l41"), Err(Errno::ELOOP));
}

#[test]
fn an_empty_path_is_the_start_only_when_asked() {
    let mut world = tree();
    let base = world.find("/d/f").unwrap();
    let at = At { base, path: b"" };
    assert_eq!(world.look_up_at(at, LookupFlags::EMPTY_PATH), Ok(base));
    assert_eq!(world.look_up_at(at, LookupFlags::empty()), Err(Errno::ENOENT));
}

#[test]
fn a_path_starts_at_the_root_the_working_directory_or_a_descriptor() {
    let mut world = tree();
    let table = world.table();
    let work_dir = world.fs.new_work_dir();
    let d = world.find("/d").unwrap();
    world.with(|fs, env| fs.chdir(env, work_dir, d)).unwrap();
    let open = world.open("/d/e", OpenFlags::DIRECTORY).unwrap();
    world.fs.put_fd(table, Fd(3), open, OnExec::Keep);
    let start = |world: &mut World, fd, path| {
        let at = world.fs.start(table, work_dir, Fd(fd), path)?;
        world.look_up_at(at, LookupFlags::empty())
    };
    let f = world.find("/d/f");
    assert_eq!(start(&mut world, -100, b"f"), f);
    assert_eq!(start(&mut world, 3, b"../f"), f);
    assert_eq!(start(&mut world, 3, b"/d/f"), f);
    assert_eq!(start(&mut world, 99, b"/d/f"), f, "an absolute path needs no descriptor");
    assert_eq!(start(&mut world, 99, b"f"), Err(Errno::EBADF));
}

#[test]
fn a_working_directory_outlives_its_name() {
    let mut world = World::new();
    let before = world.weight();
    world.mkdir("/a").unwrap();
    world.mkdir("/a/b").unwrap();
    let b = world.find("/a/b").unwrap();
    let work_dir = world.fs.new_work_dir();
    world.with(|fs, env| fs.chdir(env, work_dir, b)).unwrap();
    assert_eq!(world.with(|fs, env| fs.directory_path(env.processes, b)), Ok(b"/a/b".to_vec()));
    world.rmdir("/a/b").unwrap();
    world.rmdir("/a").unwrap();
    assert_eq!(world.with(|fs, env| fs.directory_path(env.processes, b)), Err(Errno::ENOENT));
    assert_eq!(world.fs.path_of(b), b"/a/b (deleted)");
    let at = |path| At { base: b, path };
    assert_eq!(world.with(|fs, env| fs.mkdir(env, at(b"x"), 0o755)), Err(Errno::ENOENT));
    assert!(world.look_up_at(at(b".."), LookupFlags::empty()).is_ok());
    world.with(|fs, env| fs.release_work_dir(env, work_dir));
    assert_eq!(world.weight(), before, "the chain of removed directories goes with its last user");
}

#[test]
fn paths_follow_what_is_moved() {
    let mut world = tree();
    let f = world.find("/d/f").unwrap();
    world.rename("/d", "/moved", RenameFlags::empty()).unwrap();
    assert_eq!(world.fs.path_of(f), b"/moved/f");
    assert_eq!(world.find("/moved/.."), world.find("/"));
    let root = world.fs.root();
    assert_eq!(world.fs.path_of(root), b"/");
}
