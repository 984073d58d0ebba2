//! File systems that programs mount and unmount: nothing of them is left behind, whoever used them last.

use super::*;
use crate::fs::MountFlags;

impl World {
    fn mount(&mut self, path: &str, flags: MountFlags, options: &str) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.mount_new(env, at, b"none", flags, options.as_bytes()))
    }

    fn unmount(&mut self, path: &str, how: Unmount) -> Result<(), Errno> {
        let at = self.at(path);
        self.with(|fs, env| fs.unmount(env, at, LookupFlags::empty(), how))
    }
}

/// Makes a directory `/m` and mounts over it.
fn mounted() -> (World, (Census, usize, u64)) {
    let mut world = World::new();
    world.mkdir("/m").unwrap();
    let before = world.weight();
    world.mount("/m", MountFlags::empty(), "").unwrap();
    (world, before)
}

fn fill(world: &mut World) {
    for directory in ["/m/a", "/m/a/b", "/m/a/b/c", "/m/d"] {
        world.mkdir(directory).unwrap();
    }
    world.file("/m/a/b/file", "contents");
    world.link("/m/a/b/file", "/m/d/other").unwrap();
    world.symlink("a", "/m/link").unwrap();
    let at = world.at("/m/fifo");
    world.with(|fs, env| fs.mknod(env, at, NewFile::Fifo, 0o600)).unwrap();
}

#[test]
fn unmounting_frees_everything() {
    let (mut world, before) = mounted();
    fill(&mut world);
    assert_eq!(world.unmount("/m", Unmount::Idle), Ok(()));
    assert_eq!(world.weight(), before);
    assert_eq!(world.unmount("/m", Unmount::Idle), Err(Errno::EINVAL), "no mount any more");
    assert_eq!(world.rmdir("/m"), Ok(()));
}

#[test]
fn what_is_used_stays_until_it_is_not() {
    let (mut world, before) = mounted();
    fill(&mut world);
    let open = world.open("/m/a/b/file", OpenFlags::RDWR).unwrap();
    assert_eq!(world.unmount("/m", Unmount::Idle), Err(Errno::EBUSY));
    assert_eq!(world.unmount("/m", Unmount::Detach), Ok(()));
    assert_eq!(world.find("/m/a"), Err(Errno::ENOENT), "it is out of sight");
    assert_eq!(world.read(open, 100), Ok(b"contents".to_vec()), "and still there");
    world.close(open);
    assert_eq!(world.weight(), before);
}

#[test]
fn a_working_directory_keeps_a_detached_mount() {
    let (mut world, before) = mounted();
    fill(&mut world);
    let (directory, root) = (world.find("/m/a/b").unwrap(), world.fs.root());
    let work_dir = world.processes.work_dir;
    world.with(|fs, env| fs.chdir(env, work_dir, directory)).unwrap();
    world.unmount("/m", Unmount::Detach).unwrap();
    world.with(|fs, env| fs.chdir(env, work_dir, root)).unwrap();
    assert_eq!(world.weight(), before);
}

#[test]
fn a_mount_in_a_mount_is_in_use() {
    let (mut world, before) = mounted();
    world.mkdir("/m/inner").unwrap();
    world.mount("/m/inner", MountFlags::empty(), "").unwrap();
    world.mount("/m/inner", MountFlags::empty(), "").unwrap();
    assert_eq!(world.unmount("/m", Unmount::Idle), Err(Errno::EBUSY));
    assert_eq!(world.unmount("/m/inner", Unmount::Idle), Ok(()), "the upper one");
    assert_eq!(world.unmount("/m/inner", Unmount::Idle), Ok(()));
    assert_eq!(world.unmount("/m", Unmount::Idle), Ok(()));
    assert_eq!(world.weight(), before);
}

#[test]
fn the_machines_own_mounts_stay() {
    let mut world = World::new();
    for path in ["/", "/proc", "/dev", "/tmp"] {
        assert_eq!(world.unmount(path, Unmount::Detach), Err(Errno::EBUSY), "{path}");
    }
    assert_eq!(world.mount("/proc", MountFlags::empty(), ""), Err(Errno::ENOSYS));
    assert_eq!(world.mount("/tmp", MountFlags::empty(), "colour=red"), Err(Errno::EINVAL));
    world.processes.credentials.capabilities.effective = Capabilities::empty();
    assert_eq!(world.mount("/tmp", MountFlags::empty(), ""), Err(Errno::EPERM));
}
