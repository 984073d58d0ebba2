//! On-demand fork: what is shared, what each access then costs, and what a table that cannot be copied means.

use super::world::{RW, World};
use crate::mm::{Advice, Fault, MapBacking, MapRequest, OnFork, Placement};
use crate::{Errno, FileId, ForkMode, MemoryPolicy, MmId, Thp};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr};

/// Three leaf tables: the second is full, and the others half.
const AT: VirtAddr = VirtAddr(0x4000_0000 + (1 << 20));
const PAGES: u64 = 1024;

/// Makes a process that has written every page.
fn parent(frames: u64) -> (World, MmId) {
    let policy = MemoryPolicy { fork: ForkMode::Odf, thp: Thp::Never, ..MemoryPolicy::LINUX };
    let mut world = World::new(frames, policy);
    let mm = world.spawn();
    let request =
        MapRequest { placement: Placement::Fixed(AT), ..MapRequest::anonymous(PAGES * PAGE_SIZE, RW) };
    world.map(mm, request);
    world.write_all(mm, AT, PAGES, b'P');
    (world, mm)
}

#[test]
fn fork_shares_tables_and_copies_no_entry() {
    let (mut world, parent) = parent(4096);
    let tables = world.memory.frames().gauges().page_table;
    let child = world.fork(parent);
    let counters = world.counters(parent);
    assert_eq!((counters.ptes_copied, counters.pt_frames_shared, counters.pages_write_protected), (0, 3, 0));
    // The root and one table below it.
    assert_eq!((counters.pt_frames_allocated, world.memory.frames().gauges().page_table - tables), (2, 2));
    assert_eq!(world.memory.usage(child).resident.anon, PAGES);
    assert_eq!(world.memory.usage(child).page_tables, world.memory.usage(parent).page_tables);
    let pages = world.memory.mapped_pages(&world.ram, child, AT.vpn()..AT.vpn() + PAGES);
    assert!(pages.len() as u64 == PAGES && pages.iter().all(|page| page.maps == 2));
}

#[test]
fn a_read_makes_the_table_reachable_and_a_store_makes_it_ones_own() {
    let (mut world, parent) = parent(4096);
    let child = world.fork(parent);
    // One fault for each table, whoever comes first; the first one guards it.
    assert_eq!(world.read_all(child, AT, PAGES), 3);
    assert_eq!(world.read_all(parent, AT, PAGES), 3);
    assert_eq!((world.counters(child).table_share, world.counters(child).pages_write_protected), (3, PAGES));
    assert_eq!((world.counters(parent).table_share, world.counters(parent).pages_write_protected), (3, 0));
    assert_eq!(world.write_all(child, AT, 10, b'c'), 10);
    let counters = world.counters(child);
    assert_eq!((counters.cow_copy, counters.table_unshared, counters.ptes_unshared), (10, 1, 256));
    assert!(world.all_are(parent, AT, PAGES, b'P') && world.all_are(child, AT, 10, b'c'));
    // The table is the parent's alone now: what the child has copied is reused, the rest still has two owners.
    assert_eq!(world.write_all(parent, AT, 20, b'p'), 20);
    let counters = world.counters(parent);
    assert_eq!((counters.cow_reuse, counters.cow_copy, counters.table_unshared), (10, 10, 0));
    assert!(world.all_are(child, AT + 10 * PAGE_SIZE, PAGES - 10, b'P'));
    world.exit(parent);
    world.exit(child);
    assert_eq!(world.memory.frames().gauges().in_use, 1);
}

/// The paper's reason: a child that ends, or executes, before anything is written costs the parent no copy-on-write fault at all.
#[test]
fn the_last_holder_takes_the_table_back_as_it_was() {
    let (mut world, parent) = parent(4096);
    let child = world.fork(parent);
    world.exit(child);
    assert_eq!(world.write_all(parent, AT, PAGES, b'q'), 3);
    let counters = world.counters(parent);
    assert_eq!((counters.table_share, counters.cow_faults, counters.pages_write_protected), (3, 0, 0));
    // Grandchildren share what their parents share.
    let child = world.fork(parent);
    world.read_all(child, AT, PAGES);
    let grandchild = world.fork(child);
    assert_eq!(world.read_all(grandchild, AT, PAGES), 0, "the tables are guarded already");
    assert_eq!(world.write_all(grandchild, AT + (PAGES - 1) * PAGE_SIZE, 1, b'g'), 1);
    assert!(world.all_are(parent, AT, PAGES, b'q') && world.all_are(child, AT, PAGES, b'q'));
}

#[test]
fn what_fork_must_keep_back_is_copied_page_by_page() {
    let (mut world, parent) = parent(4096);
    let advise = |world: &mut World, at, pages: u64, on_fork| {
        let advice = Advice::OnFork(on_fork);
        world
            .work(parent, |memory, work| memory.advise(work, parent, at, pages * PAGE_SIZE, advice))
            .unwrap();
    };
    advise(&mut world, AT, 4, OnFork::Omit);
    advise(&mut world, AT + 4 * PAGE_SIZE, 4, OnFork::Wipe);
    let child = world.fork(parent);
    let counters = world.counters(parent);
    assert_eq!((counters.ptes_copied, counters.pt_frames_shared), (256 - 8, 2));
    assert_eq!(world.load(child, AT), Err(Fault::MapErr));
    assert!(world.all_are(child, AT + 4 * PAGE_SIZE, 4, 0));
    assert!(world.all_are(child, AT + 8 * PAGE_SIZE, PAGES - 8, b'P'));
}

/// Where there is no frame to copy a shared table, a store and an munmap of a part fail and change nothing; an munmap of all of it
/// needs none.
#[test]
fn without_a_frame_shared_tables_stay_shared() {
    let (mut world, parent) = parent(1 + 5 + PAGES + 2);
    let child = world.fork(parent);
    assert_eq!(world.memory.frames().gauges().in_use, world.memory.frames().gauges().total);
    assert_eq!(world.store(child, AT, b'c'), Err(Fault::Oom));
    let unmap = |world: &mut World, at, pages: u64| {
        world.work(child, |memory, work| memory.unmap(work, child, at, pages * PAGE_SIZE))
    };
    assert_eq!(unmap(&mut world, AT + PAGE_SIZE, 1), Err(Errno::ENOMEM));
    assert!(world.all_are(child, AT, PAGES, b'P') && world.all_are(parent, AT, PAGES, b'P'));
    assert_eq!(unmap(&mut world, AT + 256 * PAGE_SIZE, 512), Ok(()));
    assert_eq!(world.fault(child, AT + 256 * PAGE_SIZE, Access::Load), Err(Fault::MapErr));
    assert!(world.all_are(parent, AT, PAGES, b'P'));
    assert_eq!(world.memory.usage(child).resident.anon, 512);
}

/// A parent that has read a file and written memory beside it, and a child that shares the tables; no frame is left.
fn with_file() -> (World, MmId, MmId, FileId, VirtAddr) {
    let (mut world, parent) = parent(1 + 5 + PAGES + 34);
    let file = world.file(32);
    world.memory.cache_mut().0.set_backed(file, 32 * PAGE_SIZE);
    let at = AT + PAGES * PAGE_SIZE;
    let request = MapRequest {
        placement: Placement::Fixed(at),
        backing: MapBacking::File(world.mapping(file, 0)),
        ..MapRequest::anonymous(32 * PAGE_SIZE, RW)
    };
    world.map(parent, request);
    world.read_all(parent, at, 32);
    let child = world.fork(parent);
    world.read_all(child, at, 32);
    assert_eq!(world.memory.frames().gauges().in_use, world.memory.frames().gauges().total);
    (world, parent, child, file, at)
}

#[test]
fn clean_pages_leave_shared_tables_for_all_holders_at_once() {
    let (mut world, parent, child, file, at) = with_file();
    assert_eq!(world.memory.usage(child).resident.file, 32);
    assert_eq!((world.reclaim(16), world.memory.cache().resident_pages(file)), (32, 0));
    for mm in [parent, child] {
        assert_eq!(world.memory.usage(mm).resident.file, 0);
    }
    assert_eq!(world.counters(parent).table_unshared + world.counters(child).table_unshared, 0);
    assert_eq!(world.load(child, at + 3 * PAGE_SIZE), Ok(b'd'));
    assert_eq!(world.load(parent, at + 4 * PAGE_SIZE), Ok(b'e'));
    assert!(world.all_are(parent, AT, PAGES, b'P') && world.all_are(child, AT, PAGES, b'P'));
}

/// truncate(2) has no error for want of a frame.
#[test]
fn a_file_is_cut_though_no_shared_table_can_be_copied() {
    let (mut world, parent, child, file, at) = with_file();
    world.truncate(file, 8 * PAGE_SIZE);
    for mm in [parent, child] {
        assert_eq!(world.memory.usage(mm).resident.file, 8);
        assert_eq!(world.load(mm, at + 7 * PAGE_SIZE), Ok(b'h'));
        assert_eq!(world.load(mm, at + 8 * PAGE_SIZE), Err(Fault::Bus));
    }
}
