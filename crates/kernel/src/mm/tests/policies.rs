//! Switches of the policy, and what the harts are told.

use super::world::{RW, World};
use crate::mm::{MapRequest, Placement, Remains, RemapRequest, Work};
use crate::{FaultKind, ForkMode, HartId, MemoryCounters, MemoryPolicy};
use tine_mmu::{Access, AdUpdate, Asid, Fence, PAGE_SIZE, VirtAddr};

#[test]
fn eager_fork_copies_at_once_and_knows_what_was_in_vain() {
    let mut world = World::new(512, MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(64 * PAGE_SIZE, RW));
    world.write_all(parent, at, 60, b'P');
    world.read_all(parent, at + 60 * PAGE_SIZE, 4);
    let child = world.fork(parent);
    let counters = world.counters(parent);
    assert_eq!((counters.pages_copied, counters.bytes_copied), (60, 60 * PAGE_SIZE));
    assert_eq!((counters.pages_write_protected, counters.ptes_copied), (0, 64));
    assert_eq!(world.write_all(parent, at, 10, b'p'), 0);
    assert_eq!(world.write_all(child, at + 10 * PAGE_SIZE, 20, b'c'), 0);
    // A store of what was there already makes no difference.
    assert_eq!(world.write_all(child, at + 30 * PAGE_SIZE, 5, b'P'), 0);
    world.exit(child);
    assert_eq!(world.counters(child).copied_in_vain, 30);
    world.exit(parent);
    assert_eq!(world.counters(parent).copied_in_vain, 0);
}

/// 40 pages from the fourth of a window on: batches of 16 end at the windows' and at the area's ends.
#[test]
fn a_batch_copies_the_shared_pages_of_its_window() {
    let mut world = World::new(512, MemoryPolicy { cow_batch_pages: 16, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let placement = Placement::Fixed(VirtAddr(0x40_0000 + 4 * PAGE_SIZE));
    let at = world.map(parent, MapRequest { placement, ..MapRequest::anonymous(40 * PAGE_SIZE, RW) });
    let above = Placement::Fixed(at + 40 * PAGE_SIZE);
    world.map(
        parent,
        MapRequest { placement: above, ..MapRequest::anonymous(4 * PAGE_SIZE, crate::mm::Prot::READ) },
    );
    world.write_all(parent, at, 40, b'P');
    let child = world.fork(parent);
    assert_eq!(world.write_all(child, at, 40, b'c'), 3);
    let counters = world.counters(child);
    assert_eq!((counters.cow_copy, counters.pages_copied, counters.cow_batch_pages), (3, 40, 11 + 15 + 11));
    // Nothing is shared any more, so nothing is copied for the parent.
    assert_eq!(world.write_all(parent, at, 40, b'p'), 40);
    assert_eq!(world.counters(parent).cow_reuse, 40);
    world.exit(child);
    assert_eq!(world.counters(child).copied_in_vain, 0);
}

#[test]
fn a_batch_that_nobody_writes_is_copied_in_vain() {
    let mut world = World::new(512, MemoryPolicy { cow_batch_pages: 8, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let placement = Placement::Fixed(VirtAddr(0x40_0000));
    let at = world.map(parent, MapRequest { placement, ..MapRequest::anonymous(32 * PAGE_SIZE, RW) });
    world.write_all(parent, at, 32, b'P');
    let child = world.fork(parent);
    assert_eq!(world.write_all(child, at, 1, b'c'), 1);
    assert_eq!(world.write_all(child, at + 9 * PAGE_SIZE, 1, b'c'), 1);
    // One copy made beside was needed after all: its original is written.
    assert_eq!(world.write_all(parent, at + 3 * PAGE_SIZE, 1, b'p'), 1);
    world.exit(child);
    assert_eq!(world.counters(child).copied_in_vain, 7 + 7 - 1);
}

#[test]
fn a_batch_ends_where_memory_does() {
    let mut world = World::new(64, MemoryPolicy { cow_batch_pages: 32, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let placement = Placement::Fixed(VirtAddr(0x40_0000));
    let at = world.map(parent, MapRequest { placement, ..MapRequest::anonymous(32 * PAGE_SIZE, RW) });
    world.write_all(parent, at, 32, b'P');
    let child = world.fork(parent);
    let free = world.memory.frames().gauges().total - world.memory.frames().gauges().in_use;
    assert_eq!(world.write_all(child, at, 1, b'c'), 1);
    assert_eq!(world.counters(child).cow_batch_pages, free - 1);
    assert_eq!(world.store(child, at + 31 * PAGE_SIZE, 1), Err(crate::mm::Fault::Oom));
}

#[test]
fn copies_take_their_frames_from_the_pool_which_freed_frames_refill() {
    let mut world = World::new(512, MemoryPolicy { cow_prealloc_frames: 24, ..MemoryPolicy::LINUX });
    let pool = |world: &World| world.memory.frames().gauges().pool;
    assert_eq!((pool(&world), world.memory.frames().gauges().in_use), (24, 25));
    let parent = world.spawn();
    let at = world.map(parent, MapRequest::anonymous(32 * PAGE_SIZE, RW));
    world.write_all(parent, at, 32, b'P');
    assert_eq!(pool(&world), 24, "nothing but copies takes from it");
    let child = world.fork(parent);
    world.write_all(child, at, 32, b'c');
    let counters = world.counters(child);
    assert_eq!((counters.pool_hits, counters.pool_misses, pool(&world)), (24, 8, 0));
    world.exit(child);
    assert_eq!(pool(&world), 24);
    world.exit(parent);
    assert_eq!(world.memory.frames().gauges().in_use, 25);
}

#[test]
fn svade_takes_a_fault_for_each_bit_that_the_walker_leaves_clear() {
    let mut world = World::new(512, MemoryPolicy { ad_update: AdUpdate::Svade, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let file = world.file(4);
    let shared = world.map_file(parent, file, crate::mm::Sharing::Shared);
    assert_eq!(world.read_all(parent, shared, 4), 1);
    assert_eq!(world.write_all(parent, shared, 4, 1), 4);
    assert_eq!(world.counters(parent).access_flag, 4);
    let private = world.map(parent, MapRequest::anonymous(4 * PAGE_SIZE, RW));
    world.write_all(parent, private, 4, 1);
    let child = world.fork(parent);
    // fork clears the accessed bits of the child.
    assert_eq!(world.read_all(child, private, 4), 4);
    assert_eq!(world.counters(child).access_flag, 4);
    assert_eq!(world.write_all(child, private, 4, 2), 4);
    assert_eq!(world.counters(child).cow_copy, 4);
}

#[test]
fn a_fault_that_was_resolved_already_owes_a_fence() {
    let mut world = World::new(64, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let at = world.map(mm, MapRequest::anonymous(PAGE_SIZE, RW));
    world.store(mm, at, 1).unwrap();
    let _ = world.memory.activate(mm, HartId(0));
    let mut counters = MemoryCounters::default();
    let mut work = Work::new(&mut world.ram, &mut counters);
    let resolved = world.memory.fault(&mut work, mm, at + 9, Access::Store).unwrap();
    assert_eq!((resolved.kind, resolved.old), (FaultKind::Spurious, Some(resolved.new)));
    let owed = work.finish();
    let targets = world.memory.fence_targets(mm, &owed).unwrap();
    assert_eq!(owed.for_asid(targets.asid).collect::<Vec<_>>(), [Fence::PageAsid(at, Asid(1))]);
    assert_eq!(targets.harts.iter().collect::<Vec<_>>(), [HartId(0)]);
}

#[test]
fn fences_are_owed_by_the_page_up_to_64_and_for_nothing_that_was_not_mapped() {
    for (pages, fences) in [(1, 1), (64, 64), (65, 1)] {
        let mut world = World::new(256, MemoryPolicy::LINUX);
        let mm = world.spawn();
        let at = world.map(mm, MapRequest::anonymous(pages * PAGE_SIZE, RW));
        let mut counters = MemoryCounters::default();
        let mut work = Work::new(&mut world.ram, &mut counters);
        let range = at.vpn()..at.vpn() + pages;
        world.memory.populate(&mut work, mm, range, Access::Store).unwrap();
        assert!(work.finish().is_empty());
        // It never ran, so no hart needs to be told.
        let fork = |world: &mut World| {
            let mut counters = MemoryCounters::default();
            let mut work = Work::new(&mut world.ram, &mut counters);
            let child = world.memory.fork(&mut work, mm).unwrap();
            let owed = work.finish();
            let targets = world.memory.fence_targets(mm, &owed);
            world.memory.release(&mut world.ram, child);
            targets
                .map(|to| (owed.for_asid(to.asid).collect::<Vec<_>>(), to.harts.iter().collect::<Vec<_>>()))
        };
        assert_eq!(fork(&mut world), None);
        world.write_all(mm, at, pages, 1);
        let _ = world.memory.activate(mm, HartId(3));
        let (executed, harts) = fork(&mut world).unwrap();
        assert_eq!((executed.len(), harts), (fences, vec![HartId(3)]));
        assert_eq!(executed.contains(&Fence::Asid(Asid(1))), pages > 64);
        // Nothing is writable any more, so nothing is protected again.
        assert_eq!(fork(&mut world), None);
    }
}

#[test]
fn identifiers_begin_anew_when_they_are_used_up() {
    let mut world = World::new(64, MemoryPolicy::LINUX);
    world.memory.limit_asids(3);
    let (first, second) = (HartId(0), HartId(1));
    let spaces: Vec<_> = (0..5).map(|_| world.spawn()).collect();
    let mut activate = |mm: usize, hart| {
        let activation = world.memory.activate(spaces[mm], hart);
        (activation.asid.0, activation.fence)
    };
    assert_eq!(activate(0, first), (1, None));
    assert_eq!(activate(1, second), (2, None));
    assert_eq!(activate(2, first), (3, None));
    assert_eq!(activate(0, first), (1, None));
    // 1 and 2 are in use on harts and stay; 3 goes to the newcomer, and each hart flushes before it goes on.
    assert_eq!(activate(3, first), (3, Some(Fence::All)));
    assert_eq!(activate(1, second), (2, Some(Fence::All)));
    assert_eq!(activate(0, first), (1, None));
    // The next generation: space 2 lost its identifier long ago.
    assert_eq!(activate(2, second), (3, Some(Fence::All)));
    assert_eq!(activate(4, first), (2, Some(Fence::All)));
}

#[test]
fn pages_move_with_their_contents_and_leave_nothing_behind() {
    let mut world = World::new(512, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let at = world.map(mm, MapRequest::anonymous(8 * PAGE_SIZE, RW));
    world.write_all(mm, at, 4, b'M');
    world.read_all(mm, at + 4 * PAGE_SIZE, 2);
    let child = world.fork(mm);
    let remap = |world: &mut World, at, old: u64, new: u64, to: Option<VirtAddr>| {
        let (old_len_bytes, new_len_bytes) = (old * PAGE_SIZE, new * PAGE_SIZE);
        let placement = to.map_or(Placement::Anywhere, Placement::Fixed);
        let remains = Remains::Nothing;
        let request = RemapRequest { at, old_len_bytes, new_len_bytes, may_move: true, placement, remains };
        world.work(mm, |memory, work| memory.remap(work, mm, request))
    };
    let there = VirtAddr(0x5000_0000);
    assert_eq!(remap(&mut world, at, 8, 8, Some(there)), Ok(there));
    assert!(world.load(mm, at).is_err());
    // The moved pages are still shared with the child, and cost no fault to read.
    assert_eq!(world.read_all(mm, there, 6), 0);
    assert_eq!(world.write_all(mm, there, 6, b'm'), 6);
    assert_eq!(world.counters(mm).cow_copy, 4);
    assert!(world.all_are(child, at, 4, b'M'));
    // In place where there is room above, elsewhere where there is not.
    assert_eq!(remap(&mut world, there, 8, 12, None), Ok(there));
    assert_eq!(world.memory.space(mm).areas().count(), 1);
    assert!(world.all_are(mm, there, 6, b'm') && world.all_are(mm, there + 8 * PAGE_SIZE, 4, 0));
    assert_eq!(remap(&mut world, there, 2, 3, None).map(|moved| moved != there), Ok(true));
    assert_eq!(remap(&mut world, there + 2 * PAGE_SIZE, 10, 1, None), Ok(there + 2 * PAGE_SIZE));
    assert_eq!(world.load(mm, there + 2 * PAGE_SIZE), Ok(b'm'));
    assert!(world.load(mm, there + 3 * PAGE_SIZE).is_err());
}
