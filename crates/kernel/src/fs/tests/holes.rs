//! Which pages of a file have frames: fallocate(2), SEEK_DATA, SEEK_HOLE; seals (memfd_create(2)); extended attributes.

use super::*;

const PAGE: u64 = tine_mmu::PAGE_SIZE;

impl World {
    fn allocate(&mut self, open: OpenId, what: Allocation, range: std::ops::Range<u64>) -> Result<(), Errno> {
        let node = self.fs.node(open);
        let cut = self.with(|fs, env| fs.allocate(env, node, what, range))?;
        assert_eq!(cut, Truncated::default(), "nothing is mapped here");
        Ok(())
    }
}

#[test]
fn a_hole_has_no_frames_and_reads_as_zeros() {
    let mut world = World::new();
    world.file("/tmp/file", &"x".repeat(4 * PAGE as usize));
    let open = world.open("/tmp/file", OpenFlags::RDWR).unwrap();
    world.allocate(open, Allocation::Hole, 100..2 * PAGE + 50).unwrap();
    assert_eq!(world.stat("/tmp/file").unwrap().blocks, 3 * 8);
    let text = world.contents("/tmp/file");
    let expected = [vec![b'x'; 100], vec![0; 2 * PAGE as usize - 50], vec![b'x'; 2 * PAGE as usize - 50]];
    assert!(text.as_bytes() == expected.concat());
    assert_eq!(world.seek(open, Seek::Hole(0)), Ok(PAGE));
    assert_eq!(world.seek(open, Seek::Data(PAGE as i64 + 1)), Ok(2 * PAGE));
    assert_eq!(world.seek(open, Seek::Hole(2 * PAGE as i64)), Ok(4 * PAGE));
    // Within one page.
    world.allocate(open, Allocation::Hole, 3 * PAGE + 1..3 * PAGE + 3).unwrap();
    assert_eq!(world.stat("/tmp/file").unwrap().blocks, 3 * 8);
    assert_eq!(&world.contents("/tmp/file").as_bytes()[3 * PAGE as usize..][..4], b"x\0\0x");
    world.close(open);
}

#[test]
fn what_does_not_fit_is_not_allocated_at_all() {
    let mut world = World::new();
    world.file("/tmp/other", "takes a frame");
    let open = world.open("/tmp/file", OpenFlags::CREAT | OpenFlags::RDWR).unwrap();
    world.allocate(open, Allocation::KeepSize, 0..PAGE + 1).unwrap();
    let before = world.frames.gauges().in_use;
    assert_eq!(world.stat("/tmp/file").unwrap().blocks, 16);
    assert_eq!(world.stat("/tmp/file").unwrap().size, 0);
    for end in [FRAMES * PAGE, u64::MAX / 2] {
        assert_eq!(world.allocate(open, Allocation::Extend, 0..end), Err(Errno::ENOSPC));
        assert_eq!(world.frames.gauges().in_use, before);
    }
    world.close(open);
}

#[test]
fn seals_hold_for_every_description() {
    let mut world = World::new();
    let open = world.with(|fs, env| fs.memfd(env, b"memfd:it", Memfd::Sealable));
    assert_eq!(world.fs.path_of(world.fs.node(open)), b"/memfd:it (deleted)");
    world.write(open, b"1234").unwrap();
    world.fs.add_seals(open, (Seals::GROW | Seals::SHRINK).bits(), false).unwrap();
    assert_eq!(world.write(open, b"5"), Err(Errno::EPERM.into()));
    let node = world.fs.node(open);
    for size in [3, 5] {
        assert_eq!(world.with(|fs, env| fs.truncate(env, node, size)), Err(Errno::EPERM));
    }
    assert_eq!(world.fs.add_seals(open, Seals::WRITE.bits(), true), Err(Errno::EBUSY));
    world.fs.add_seals(open, (Seals::WRITE | Seals::SEAL).bits(), false).unwrap();
    assert_eq!(world.allocate(open, Allocation::Hole, 0..4), Err(Errno::EPERM));
    assert_eq!(world.fs.add_seals(open, 0, false), Err(Errno::EPERM));
    world.close(open);
}

#[test]
fn attributes_are_bytes_of_the_host_and_limited() {
    let mut world = World::new();
    world.file("/tmp/file", "");
    let node = world.find("/tmp/file").unwrap();
    let value = vec![0; XATTR_SIZE_MAX];
    let mut set = |name: String| {
        let any = SetXattr::empty();
        world.with(|fs, env| fs.set_xattr(env, node, name.as_bytes(), &value, any))
    };
    let kept = (0..).take_while(|index| set(format!("user.{index}")).is_ok()).count();
    assert_eq!(kept, 255);
    assert_eq!(set("user.more".into()), Err(Errno::ENOSPC));
    world.with(|fs, env| fs.remove_xattr(env, node, b"user.0")).unwrap();
    let mut len = |name: &[u8]| world.with(|fs, env| fs.xattr(env, node, name).map(<[u8]>::len));
    assert_eq!(len(b"user.0"), Err(Errno::ENODATA));
    assert_eq!(len(b"user.1"), Ok(XATTR_SIZE_MAX));
}
