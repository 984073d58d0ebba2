//! What happens when frames, areas or limits run out: an error, and nothing is lost or leaked.

use super::world::{RW, World};
use crate::mm::{Advice, Fault, MapRequest, OnFork, OutOfMemory, Placement, Prot, Remains, RemapRequest};
use crate::{Errno, ForkMode, MemoryPolicy};
use tine_mmu::{PAGE_SIZE, VirtAddr};

#[test]
fn a_fork_that_fails_half_way_leaves_the_parent_as_it_was() {
    // The parent has 23 frames: the zero page, 5 tables and 17 pages. The child wants its own tables, and pages if copied.
    for (fork, wanted) in [(ForkMode::Cow, 5), (ForkMode::Eager, 22)] {
        let mut failures = 0;
        for frames in 23..60 {
            let mut world = World::new(frames, MemoryPolicy { fork, ..MemoryPolicy::LINUX });
            let parent = world.spawn();
            let at = world.map(parent, MapRequest::anonymous(16 * PAGE_SIZE, RW));
            let far = MapRequest {
                placement: Placement::Fixed(VirtAddr(1 << 32)),
                ..MapRequest::anonymous(PAGE_SIZE, RW)
            };
            let far = world.map(parent, far);
            world.write_all(parent, at, 16, b'P');
            world.write_all(parent, far, 1, b'P');
            let before = world.memory.frames().gauges().in_use;
            match world.work(parent, |memory, work| memory.fork(work, parent)) {
                Err(OutOfMemory) => {
                    failures += 1;
                    assert_eq!(world.memory.frames().gauges().in_use, before);
                }
                Ok(child) => {
                    assert!(world.all_are(child, at, 16, b'P'));
                    world.exit(child);
                }
            }
            assert!(world.all_are(parent, at, 16, b'P'));
            // Whatever was write-protected on the way is the parent's own again.
            world.write_all(parent, at, 16, b'Q');
            assert_eq!(world.counters(parent).cow_copy, 0);
            world.exit(parent);
            assert_eq!(world.memory.frames().gauges().in_use, 1);
        }
        assert_eq!(failures, wanted, "{fork:?}");
    }
}

#[test]
fn a_copy_without_a_frame_fails_and_may_be_tried_again() {
    // The zero page, two processes with three tables each, and four pages.
    let mut world = World::new(11, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(4 * PAGE_SIZE, RW));
    world.write_all(parent, at, 4, b'P');
    let child = world.fork(parent);
    assert_eq!(world.store(child, at, b'C'), Err(Fault::Oom));
    assert_eq!((world.counters(child).oom, world.counters(child).faults), (1, 0));
    world.check();
    assert!(world.all_are(parent, at, 4, b'P') && world.all_are(child, at, 4, b'P'));
    world.exit(parent);
    assert_eq!(world.write_all(child, at, 4, b'C'), 4);
}

#[test]
fn no_more_areas_than_linux_allows() {
    const MOST: u64 = 65530;
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let start = VirtAddr(1 << 30);
    let map = |world: &mut World, index: u64| {
        // Neighbours differ in their rights, so that no two become one.
        let prot = if index.is_multiple_of(2) { Prot::READ } else { Prot::EXEC };
        let placement = Placement::Fixed(start + index * 4 * PAGE_SIZE);
        let request = MapRequest { placement, ..MapRequest::anonymous(4 * PAGE_SIZE, prot) };
        world.unchecked(mm, |memory, work| memory.map(work, mm, request))
    };
    for index in 0..=MOST {
        assert!(map(&mut world, index).is_ok(), "{index}");
    }
    assert_eq!(map(&mut world, MOST + 1), Err(Errno::ENOMEM));
    let middle = start + PAGE_SIZE;
    assert_eq!(world.work(mm, |memory, work| memory.unmap(work, mm, middle, PAGE_SIZE)), Err(Errno::ENOMEM));
    let protect =
        |world: &mut World| world.work(mm, |memory, work| memory.protect(work, mm, middle, PAGE_SIZE, RW));
    assert_eq!(protect(&mut world), Err(Errno::ENOMEM));
    assert_eq!(world.work(mm, |memory, work| memory.unmap(work, mm, start, 16 * PAGE_SIZE)), Ok(()));
    assert_eq!(world.memory.space(mm).areas().find(start.vpn()), None);
    let advice = Advice::OnFork(OnFork::Omit);
    let last = start + (MOST * 4 + 1) * PAGE_SIZE;
    assert_eq!(world.work(mm, |memory, work| memory.advise(work, mm, last, PAGE_SIZE, advice)), Ok(()));
}

#[test]
fn limits_count_what_linux_counts() {
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let mm = world.spawn();
    world.memory.space_mut(mm).limits.data_bytes = 8 * PAGE_SIZE;
    world.memory.space_mut(mm).limits.address_space_bytes = 20 * PAGE_SIZE;
    let start_brk = VirtAddr(0x2000_0000);
    world.memory.space_mut(mm).layout.start_brk = start_brk;
    world.memory.space_mut(mm).layout.brk = start_brk;
    let map = |world: &mut World, pages: u64, prot| {
        world.work(mm, |memory, work| memory.map(work, mm, MapRequest::anonymous(pages * PAGE_SIZE, prot)))
    };
    assert!(map(&mut world, 6, RW).is_ok());
    assert_eq!(map(&mut world, 3, RW), Err(Errno::ENOMEM));
    let brk = |world: &mut World, to| world.work(mm, |memory, work| memory.set_brk(work, mm, to));
    assert_eq!(brk(&mut world, start_brk + 3 * PAGE_SIZE), start_brk);
    assert_eq!(brk(&mut world, start_brk + 2 * PAGE_SIZE), start_brk + 2 * PAGE_SIZE);
    let read_only = map(&mut world, 10, Prot::READ).unwrap();
    let writable = world.work(mm, |memory, work| memory.protect(work, mm, read_only, PAGE_SIZE, RW));
    assert_eq!(writable, Err(Errno::ENOMEM));
    assert_eq!(map(&mut world, 3, Prot::READ), Err(Errno::ENOMEM));
    let grow = RemapRequest {
        at: read_only,
        old_len_bytes: 10 * PAGE_SIZE,
        new_len_bytes: 13 * PAGE_SIZE,
        may_move: true,
        placement: Placement::Anywhere,
        remains: Remains::Nothing,
    };
    assert_eq!(world.work(mm, |memory, work| memory.remap(work, mm, grow)), Err(Errno::ENOMEM));
    assert_eq!(world.memory.usage(mm).size, 18);
}
