//! The oracle's scenarios: what real Linux 6.12 counted (`tests/oracle`), replayed without a program.

use super::world::{RW, World};
use crate::mm::{Advice, Fault, MapRequest, Placement, Prot, Sharing, TASK_SIZE};
use crate::{Errno, MemoryPolicy, Thp};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr};

#[test]
fn cow_basic() {
    let mut world = World::new(1024, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(256 * PAGE_SIZE, RW));
    assert_eq!(world.write_all(parent, at, 256, b'P'), 256);
    assert_eq!(world.write_all(parent, at, 256, b'P'), 0);
    let child = world.fork(parent);
    assert_eq!(world.read_all(child, at, 256), 0);
    assert!(world.all_are(child, at, 256, b'P'));
    assert_eq!(world.write_all(child, at, 256, b'C'), 256);
    assert_eq!(world.write_all(child, at, 256, b'D'), 0);
    assert!(world.all_are(child, at, 256, b'D'));
    world.exit(child);
    assert!(world.all_are(parent, at, 256, b'P'));
    assert_eq!(world.write_all(parent, at, 256, b'Q'), 256);
    assert_eq!(world.write_all(parent, at, 256, b'R'), 0);
    assert_eq!(world.counters(parent).cow_reuse, 256);
}

#[test]
fn rights_decide_which_signal_an_access_becomes() {
    let mut world = World::new(64, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let map = |world: &mut World, prot| world.map(mm, MapRequest::anonymous(PAGE_SIZE, prot));
    let executable = map(&mut world, Prot::EXEC);
    assert_eq!(world.load(mm, executable), Err(Fault::AccErr));
    assert_eq!(world.fetch(mm, executable), Ok(()));
    let readable = map(&mut world, Prot::READ);
    assert_eq!(world.store(mm, readable, 1), Err(Fault::AccErr));
    assert_eq!(world.fetch(mm, readable), Err(Fault::AccErr));
    let writable = map(&mut world, Prot::WRITE);
    assert_eq!(world.load(mm, writable), Ok(0));
    let nothing = map(&mut world, Prot::empty());
    assert_eq!(world.load(mm, nothing), Err(Fault::AccErr));
    for hole in [VirtAddr(0), VirtAddr(0x10_0000), VirtAddr(1 << 38), VirtAddr(u64::MAX)] {
        assert_eq!(world.fault(mm, hole, Access::Load), Err(Fault::MapErr));
    }
    assert_eq!((world.counters(mm).segv_accerr, world.counters(mm).segv_maperr), (4, 4));
}

#[test]
fn fork_read_only() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(256 * PAGE_SIZE, RW));
    let second_half = at + 128 * PAGE_SIZE;
    world.write_all(parent, at, 128, b'P');
    for _ in 0..2 {
        let child = world.fork(parent);
        assert_eq!(world.read_all(child, at, 128), 0);
        assert_eq!(world.write_all(child, second_half, 128, b'C'), 128);
        assert_eq!(world.write_all(child, at, 128, b'C'), 128);
        assert!(world.all_are(child, at, 256, b'C'));
        world.exit(child);
        assert_eq!(world.read_all(parent, at, 128), 0);
        assert!(world.all_are(parent, at, 128, b'P'));
    }
    assert_eq!(world.read_all(parent, second_half, 128), 128);
    assert!(world.all_are(parent, second_half, 128, 0));
}

#[test]
fn zero_page() {
    let mut world = World::new(2048, MemoryPolicy { thp: Thp::Never, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let map = |world: &mut World| world.map(parent, MapRequest::anonymous(256 * PAGE_SIZE, RW));
    let (read_first, written_first) = (map(&mut world), map(&mut world));
    assert_eq!(world.read_all(parent, read_first, 256), 256);
    assert_eq!(world.read_all(parent, read_first, 256), 0);
    assert_eq!(world.memory.usage(parent).resident.total(), 0);
    assert_eq!(world.memory.frames().gauges().zero_shared, 256);
    assert_eq!(world.write_all(parent, read_first, 256, 1), 256);
    assert_eq!(world.write_all(parent, read_first, 256, 2), 0);
    assert_eq!(world.write_all(parent, written_first, 256, 1), 256);

    // It joins the area below which it lies, so fork copies its PTEs although it was only read.
    let shared = map(&mut world);
    world.read_all(parent, shared, 256);
    let child = world.fork(parent);
    assert_eq!(world.read_all(child, shared, 256), 0);
    assert_eq!(world.write_all(child, shared, 256, b'C'), 256);
    assert!(world.all_are(child, shared, 256, b'C'));
    assert_eq!(world.counters(child).zero_page_write, 256);
    world.exit(child);
    assert!(world.all_are(parent, shared, 256, 0));
    assert_eq!(world.write_all(parent, shared, 256, b'P'), 256);
    let counters = world.counters(parent);
    assert_eq!((counters.zero_page, counters.zero_page_write, counters.demand_zero), (512, 512, 256));
}

#[test]
fn fork_loop() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(48 * PAGE_SIZE, RW));
    world.write_all(parent, at, 48, 1);
    for round in 0..100 {
        let child = world.fork(parent);
        world.exit(child);
        assert_eq!(world.write_all(parent, at, 48, round), 48);
        assert_eq!(world.write_all(parent, at, 48, round), 0);
    }
    for round in 0..100 {
        world.memory.share(parent);
        assert_eq!(world.memory.users(parent), 2);
        world.exit(parent);
        assert_eq!(world.write_all(parent, at, 48, round), 0);
    }

    let write_every_third = |world: &mut World, mm, first: u64, byte| {
        world.faults(mm, |world| {
            for page in (first..48).step_by(3) {
                world.store(mm, at + page * PAGE_SIZE, byte).unwrap();
            }
        })
    };
    let child = world.fork(parent);
    assert_eq!(write_every_third(&mut world, child, 0, b'C'), 16);
    assert_eq!(write_every_third(&mut world, parent, 1, b'Q'), 16);
    assert_eq!(world.write_all(child, at, 48, b'D'), 32);
    assert_eq!(world.write_all(parent, at, 48, b'R'), 32);
    world.exit(child);
    assert_eq!(world.write_all(parent, at, 48, b'S'), 0);

    let children: Vec<_> = (0..8).map(|_| world.fork(parent)).collect();
    let faults: u64 =
        children.iter().zip(b'a'..).map(|(&child, byte)| world.write_all(child, at, 48, byte)).sum();
    assert_eq!(faults, 384);
    for (&child, byte) in children.iter().zip(b'a'..) {
        assert!(world.all_are(child, at, 48, byte));
        world.exit(child);
    }
    assert!(world.all_are(parent, at, 48, b'S'));
    assert_eq!(world.write_all(parent, at, 48, b'T'), 48);
}

#[test]
fn mprotect_cow() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let len = 128 * PAGE_SIZE;
    let at = world.map(parent, MapRequest::anonymous(len, RW));
    let protect = |world: &mut World, mm, prot| {
        world.work(mm, |memory, work| memory.protect(work, mm, at, len, prot)).unwrap();
    };
    world.write_all(parent, at, 128, b'P');
    protect(&mut world, parent, Prot::READ);
    assert_eq!(world.read_all(parent, at, 128), 0);
    assert_eq!(world.store(parent, at, 0), Err(Fault::AccErr));
    protect(&mut world, parent, RW);
    assert_eq!(world.write_all(parent, at, 128, b'P'), 0);
    protect(&mut world, parent, Prot::empty());
    assert_eq!(world.load(parent, at), Err(Fault::AccErr));
    protect(&mut world, parent, RW);
    assert_eq!(world.write_all(parent, at, 128, b'P'), 0);

    // Read-only before the fork, writable in the child.
    protect(&mut world, parent, Prot::READ);
    let child = world.fork(parent);
    protect(&mut world, child, RW);
    assert_eq!(world.write_all(child, at, 128, b'C'), 128);
    world.exit(child);
    assert!(world.all_are(parent, at, 128, b'P'));
    // The child is gone, but its parent has not claimed the frames yet.
    protect(&mut world, parent, RW);
    assert_eq!(world.write_all(parent, at, 128, b'Q'), 128);

    let child = world.fork(parent);
    protect(&mut world, child, Prot::READ);
    protect(&mut world, child, RW);
    assert_eq!(world.write_all(child, at, 128, b'C'), 128);
    world.exit(child);
    assert!(world.all_are(parent, at, 128, b'Q'));

    let child = world.fork(parent);
    protect(&mut world, parent, Prot::empty());
    protect(&mut world, parent, RW);
    assert_eq!(world.write_all(parent, at, 128, b'S'), 128);
    assert_eq!(world.write_all(child, at, 128, b'C'), 128);
    assert!(world.all_are(parent, at, 128, b'S'));
    world.exit(child);

    let protect_pages = |world: &mut World, first: u64, pages: u64, prot| {
        let at = at + first * PAGE_SIZE;
        world.work(parent, |memory, work| memory.protect(work, parent, at, pages * PAGE_SIZE, prot))
    };
    assert_eq!(protect_pages(&mut world, 10, 1, Prot::empty()), Ok(()));
    assert_eq!(world.memory.space(parent).areas().count(), 3);
    assert_eq!(world.load(parent, at + 10 * PAGE_SIZE), Err(Fault::AccErr));
    assert_eq!(world.load(parent, at + 9 * PAGE_SIZE), Ok(b'S'));
    assert_eq!(world.load(parent, at + 11 * PAGE_SIZE), Ok(b'S'));
    let misaligned =
        world.work(parent, |memory, work| memory.protect(work, parent, at + 1, PAGE_SIZE, Prot::READ));
    assert_eq!(misaligned, Err(Errno::EINVAL));
    world.work(parent, |memory, work| memory.unmap(work, parent, at + 20 * PAGE_SIZE, PAGE_SIZE)).unwrap();
    assert_eq!(protect_pages(&mut world, 19, 3, Prot::READ), Err(Errno::ENOMEM));
    // What precedes the hole was changed.
    assert_eq!(world.store(parent, at + 19 * PAGE_SIZE, 1), Err(Fault::AccErr));
    assert_eq!(world.store(parent, at + 21 * PAGE_SIZE, 1), Ok(()));
}

#[test]
fn munmap_touch() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(16 * PAGE_SIZE, RW));
    let page = |page: u64| at + page * PAGE_SIZE;
    let unmap =
        |world: &mut World, at, len| world.work(parent, |memory, work| memory.unmap(work, parent, at, len));
    world.write_all(parent, at, 16, 7);
    let child = world.fork(parent);
    assert_eq!(unmap(&mut world, page(4), 4 * PAGE_SIZE), Ok(()));
    assert_eq!(unmap(&mut world, page(4), 4 * PAGE_SIZE), Ok(()));
    assert!(world.all_are(child, at, 16, 7));
    world.exit(child);
    assert_eq!(
        (world.load(parent, page(4)), world.load(parent, page(7))),
        (Err(Fault::MapErr), Err(Fault::MapErr))
    );
    assert_eq!((world.load(parent, page(3)), world.load(parent, page(8))), (Ok(7), Ok(7)));

    let at_place =
        |placement, pages| MapRequest { placement, ..MapRequest::anonymous(pages * PAGE_SIZE, RW) };
    assert_eq!(world.map(parent, at_place(Placement::Fixed(page(4)), 4)), page(4));
    assert!(world.all_are(parent, page(4), 4, 0));
    assert_eq!(world.write_all(parent, page(4), 4, 1), 4);
    world.map(parent, at_place(Placement::Fixed(at), 2));
    assert_eq!((world.load(parent, at), world.load(parent, page(2))), (Ok(0), Ok(7)));

    let fails =
        |world: &mut World, request| world.work(parent, |memory, work| memory.map(work, parent, request));
    assert_eq!(fails(&mut world, at_place(Placement::FixedNoReplace(at), 2)), Err(Errno::EEXIST));
    assert_eq!(unmap(&mut world, at + 1, PAGE_SIZE), Err(Errno::EINVAL));
    assert_eq!(unmap(&mut world, at, 0), Err(Errno::EINVAL));
    assert_eq!(fails(&mut world, MapRequest::anonymous(0, RW)), Err(Errno::EINVAL));
    assert_eq!(fails(&mut world, MapRequest::anonymous(1 << 60, Prot::READ)), Err(Errno::ENOMEM));
    // More than the machine has, asked for at once.
    assert_eq!(fails(&mut world, MapRequest::anonymous(2049 * PAGE_SIZE, RW)), Err(Errno::ENOMEM));
    assert!(fails(&mut world, MapRequest::anonymous(2049 * PAGE_SIZE, Prot::READ)).is_ok());

    assert_eq!(world.map(parent, at_place(Placement::Fixed(VirtAddr(0)), 1)), VirtAddr(0));
    let hint = VirtAddr(0x1000_0000);
    assert_eq!(world.map(parent, at_place(Placement::Hint(hint), 1)), hint);
    assert_ne!(world.map(parent, at_place(Placement::Hint(hint), 1)), hint);
    let first = world.map(parent, MapRequest::anonymous(PAGE_SIZE, RW));
    let second = world.map(parent, MapRequest::anonymous(PAGE_SIZE, RW));
    assert_eq!(first.0 - second.0, PAGE_SIZE);

    let at = world.map(parent, MapRequest::anonymous(4 * PAGE_SIZE, RW));
    world.write_all(parent, at, 2, 1);
    assert_eq!(
        world.memory.resident(&world.ram, parent, at, 4 * PAGE_SIZE),
        Ok(vec![true, true, false, false])
    );
    unmap(&mut world, at, 4 * PAGE_SIZE).unwrap();
    assert_eq!(world.memory.resident(&world.ram, parent, at, PAGE_SIZE), Err(Errno::ENOMEM));

    let before = world.counters(parent);
    let at = world.map(parent, MapRequest { populate: true, ..MapRequest::anonymous(32 * PAGE_SIZE, RW) });
    let after = world.counters(parent);
    assert_eq!((after.faults - before.faults, after.by_supervisor - before.by_supervisor), (32, 32));
    assert_eq!(world.write_all(parent, at, 32, 1), 0);
}

#[test]
fn madvise_fork() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let len = 32 * PAGE_SIZE;
    let advise = |world: &mut World, mm, at, len, number| {
        let advice = Advice::from_number(number).unwrap();
        world.work(mm, |memory, work| memory.advise(work, mm, at, len, advice))
    };
    let (dont_need, free, dont_fork, do_fork, wipe, keep) = (4, 8, 10, 11, 18, 19);
    let at = world.map(parent, MapRequest::anonymous(len, RW));
    world.write_all(parent, at, 32, b'P');
    assert_eq!(advise(&mut world, parent, at, len, dont_need), Ok(()));
    assert_eq!(world.read_all(parent, at, 32), 32);
    assert!(world.all_are(parent, at, 32, 0));
    assert_eq!(world.write_all(parent, at, 32, b'P'), 32);
    let child = world.fork(parent);
    advise(&mut world, child, at, len, dont_need).unwrap();
    assert!(world.all_are(child, at, 32, 0));
    assert_eq!(world.write_all(child, at, 32, b'C'), 32);
    assert_eq!(world.write_all(parent, at, 32, b'P'), 32);
    assert_eq!(world.counters(parent).cow_reuse, 32);
    world.exit(child);

    let shared = world.map(parent, MapRequest { sharing: Sharing::Shared, ..MapRequest::anonymous(len, RW) });
    world.write_all(parent, shared, 32, b'S');
    advise(&mut world, parent, shared, len, dont_need).unwrap();
    assert!(world.all_are(parent, shared, 32, b'S'));
    assert_eq!(advise(&mut world, parent, shared, len, free), Err(Errno::EINVAL));
    assert_eq!(advise(&mut world, parent, shared, len, wipe), Err(Errno::EINVAL));
    assert_eq!(advise(&mut world, parent, at, len, free), Ok(()));
    assert_eq!(world.write_all(parent, at, 32, b'G'), 0);

    let omitted = at + 8 * PAGE_SIZE;
    advise(&mut world, parent, omitted, 8 * PAGE_SIZE, dont_fork).unwrap();
    let child = world.fork(parent);
    assert_eq!(world.load(child, omitted), Err(Fault::MapErr));
    assert_eq!(world.load(child, at + 7 * PAGE_SIZE), Ok(b'G'));
    world.exit(child);
    assert_eq!(world.write_all(parent, omitted, 8, b'G'), 0);
    advise(&mut world, parent, omitted, 8 * PAGE_SIZE, do_fork).unwrap();
    let child = world.fork(parent);
    assert_eq!(world.load(child, omitted), Ok(b'G'));
    world.exit(child);

    advise(&mut world, parent, at, len, wipe).unwrap();
    world.write_all(parent, at, 32, b'W');
    let child = world.fork(parent);
    assert!(world.all_are(child, at, 32, 0));
    assert_eq!(world.write_all(child, at, 32, b'c'), 32);
    let grandchild = world.fork(child);
    assert!(world.all_are(grandchild, at, 32, 0));
    world.exit(grandchild);
    world.exit(child);
    assert_eq!(world.write_all(parent, at, 32, b'W'), 0);
    advise(&mut world, parent, at, len, keep).unwrap();
    let child = world.fork(parent);
    assert!(world.all_are(child, at, 32, b'W'));

    for (number, read, write) in [(23, 0, 0), (22, 0, 32)] {
        let at = world.map(parent, MapRequest::anonymous(len, RW));
        let before = world.counters(parent).faults;
        assert_eq!(advise(&mut world, parent, at, len, number), Ok(()));
        assert_eq!(world.counters(parent).faults - before, 32);
        assert_eq!((world.read_all(parent, at, 32), world.write_all(parent, at, 32, 1)), (read, write));
    }

    assert_eq!(advise(&mut world, parent, at + 1, PAGE_SIZE, dont_need), Err(Errno::EINVAL));
    assert_eq!(Advice::from_number(12345), None);
    world.work(parent, |memory, work| memory.unmap(work, parent, at + 3 * PAGE_SIZE, PAGE_SIZE)).unwrap();
    assert_eq!(advise(&mut world, parent, at, 8 * PAGE_SIZE, dont_need), Err(Errno::ENOMEM));
    assert!(world.all_are(parent, at, 3, 0) && world.all_are(parent, at + 4 * PAGE_SIZE, 4, 0));
    assert_eq!(world.load(parent, at + 8 * PAGE_SIZE), Ok(b'W'));
}

#[test]
fn stack_growth() {
    let mut world = World::new(4096, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let top = VirtAddr(TASK_SIZE - PAGE_SIZE);
    let stack = MapRequest {
        placement: Placement::Fixed(VirtAddr(top.0 - 33 * PAGE_SIZE)),
        grows_down: true,
        ..MapRequest::anonymous(33 * PAGE_SIZE, RW)
    };
    world.map(parent, stack);
    let low = VirtAddr(top.0 - 300 * PAGE_SIZE);
    assert_eq!(world.write_all(parent, low, 1, 1), 1);
    assert_eq!(world.counters(parent).stack_growth, 1);
    assert_eq!(world.write_all(parent, low + PAGE_SIZE, 32, 1), 32);
    let lower = VirtAddr(low.0 - PAGE_SIZE);
    assert_eq!(world.read_all(parent, lower, 1), 1);
    assert_eq!(world.write_all(parent, lower, 1, 1), 1);
    assert_eq!(world.counters(parent).stack_growth, 2);
    world.memory.space_mut(parent).limits.stack_bytes = 400 * PAGE_SIZE;
    assert_eq!(world.store(parent, VirtAddr(top.0 - 400 * PAGE_SIZE), 1), Ok(()));
    assert_eq!(world.store(parent, VirtAddr(top.0 - 401 * PAGE_SIZE), 1), Err(Fault::MapErr));
    // It keeps its distance from what lies below.
    world.memory.space_mut(parent).limits.stack_bytes = 8 << 20;
    let below = Placement::Fixed(VirtAddr(top.0 - 1000 * PAGE_SIZE));
    world.map(parent, MapRequest { placement: below, ..MapRequest::anonymous(PAGE_SIZE, RW) });
    assert_eq!(world.store(parent, VirtAddr(top.0 - 743 * PAGE_SIZE), 1), Ok(()));
    assert_eq!(world.store(parent, VirtAddr(top.0 - 744 * PAGE_SIZE), 1), Err(Fault::MapErr));
}
