//! Who hears of what happens to files, and what holds what while they do.

use super::*;
use crate::fs::NotifyMask;

fn watching(world: &mut World, path: &str, mask: NotifyMask) -> OpenId {
    let open = world.with(|fs, env| fs.inotify(OpenFlags::NONBLOCK, env.now_ns)).unwrap();
    let node = world.find(path).unwrap();
    assert_eq!(world.with(|fs, env| fs.add_watch(env, open, node, mask)), Ok(1));
    open
}

/// Reads the masks that wait in an instance.
fn masks(world: &mut World, open: OpenId) -> Vec<NotifyMask> {
    let bytes = world.read(open, 1 << 16).unwrap_or_default();
    let mut masks = Vec::new();
    let mut rest = bytes.as_slice();
    while let [_, _, _, _, a, b, c, d, _, _, _, _, len, more @ ..] = rest {
        masks.push(NotifyMask::from_bits_retain(u32::from_le_bytes([*a, *b, *c, *d])));
        rest = &more[3 + usize::from(*len)..];
    }
    masks
}

#[test]
fn open_files_follow_their_name_and_hold_its_directory() {
    let mut world = World::new();
    let before = world.weight();
    world.mkdir("/a").unwrap();
    world.mkdir("/b").unwrap();
    world.file("/a/file", "x");
    let open = world.open("/a/file", OpenFlags::empty()).unwrap();
    let watch = watching(&mut world, "/b", NotifyMask::CLOSE_NOWRITE);
    world.rename("/a/file", "/b/file", RenameFlags::empty()).unwrap();
    world.rmdir("/a").unwrap();
    world.unlink("/b/file").unwrap();
    world.close(open);
    assert_eq!(masks(&mut world, watch), [NotifyMask::CLOSE_NOWRITE], "told by its new name's directory");
    world.rmdir("/b").unwrap();
    world.close(watch);
    assert_eq!(world.weight(), before);
}

#[test]
fn a_removed_directory_lives_as_long_as_a_file_that_was_opened_in_it() {
    let mut world = World::new();
    let before = world.weight();
    world.mkdir("/a").unwrap();
    world.file("/a/file", "x");
    let watch = watching(&mut world, "/a", NotifyMask::DELETE_SELF);
    let open = world.open("/a/file", OpenFlags::empty()).unwrap();
    world.unlink("/a/file").unwrap();
    world.rmdir("/a").unwrap();
    assert_eq!(masks(&mut world, watch), []);
    world.close(open);
    assert_eq!(masks(&mut world, watch), [NotifyMask::DELETE_SELF, NotifyMask::IGNORED]);
    world.close(watch);
    assert_eq!(world.weight(), before);
}

#[test]
fn too_many_events_are_noticed_once() {
    let mut world = World::new();
    world.file("/file", "x");
    let watch = watching(&mut world, "/file", NotifyMask::OPEN | NotifyMask::CLOSE_NOWRITE);
    world.fs.set_tunable(Tunable::InotifyEvents, 3).unwrap();
    for _ in 0..5 {
        let open = world.open("/file", OpenFlags::empty()).unwrap();
        world.close(open);
    }
    let (opened, closed) = (NotifyMask::OPEN, NotifyMask::CLOSE_NOWRITE);
    assert_eq!(masks(&mut world, watch), [opened, closed, opened, NotifyMask::Q_OVERFLOW]);
}

#[test]
fn a_lease_is_taken_away_in_the_end() {
    let mut world = World::new();
    world.file("/file", "x");
    let holder = world.open("/file", OpenFlags::RDWR).unwrap();
    world.with(|fs, env| fs.set_lease(env, holder, Fd(3), Some(LockKind::Exclusive))).unwrap();
    world.fs.set_tunable(Tunable::LeaseBreakTime, 1).unwrap();
    let at = world.at("/file");
    let wait = world.with(|fs, env| fs.break_leases_at(env, at, OpenFlags::empty())).unwrap().unwrap();
    assert_eq!(world.fs.take_io_signals().len(), 1);
    assert_eq!(world.fs.lease(holder), Some(LockKind::Shared), "what will be left of it");
    world.now_ns = wait.deadline_ns.unwrap();
    assert_eq!(
        world.with(|fs, env| fs.break_leases_at(env, at, OpenFlags::empty())),
        Ok(None),
        "readers may"
    );
    let wait = world.with(|fs, env| fs.break_leases_at(env, at, OpenFlags::WRONLY)).unwrap().unwrap();
    world.now_ns = wait.deadline_ns.unwrap();
    assert_eq!(world.with(|fs, env| fs.break_leases_at(env, at, OpenFlags::WRONLY)), Ok(None));
    assert_eq!(world.fs.lease(holder), None);
}
