//! Mappings of files and of shared memory: the oracle's scenarios, and what truncation does.

use super::world::{RW, World};
use crate::mm::{Fault, MapRequest, Prot, Sharing};
use crate::{FileId, MemoryPolicy, MmId};
use tine_mmu::{PAGE_SIZE, VirtAddr};

const PAGES: u64 = 64;

fn file_byte(world: &World, file: FileId, page: u64) -> u8 {
    world.memory.cache().read(&world.ram, file, page * PAGE_SIZE, 1)[0]
}

fn shows_file(world: &mut World, mm: MmId, at: VirtAddr, pages: std::ops::Range<u64>) -> bool {
    pages.into_iter().all(|page| world.load(mm, at + page * PAGE_SIZE) == Ok(b'a' + (page % 26) as u8))
}

#[test]
fn file_private() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let file = world.file(PAGES);
    let remap = |world: &mut World| world.map_file(parent, file, Sharing::Private);
    let at = remap(&mut world);
    assert_eq!(world.read_all(parent, at, 1), 1);
    assert_eq!(world.counters(parent).fault_around_pages, 15);
    assert_eq!(world.memory.usage(parent).resident.file, 16);
    remap(&mut world);
    assert_eq!(world.read_all(parent, at, PAGES), 4);
    assert_eq!(world.read_all(parent, at, PAGES), 0);
    assert!(shows_file(&mut world, parent, at, 0..PAGES));
    assert_eq!(world.write_all(parent, at, PAGES, b'W'), 64);
    assert_eq!(world.write_all(parent, at, PAGES, b'X'), 0);
    assert_eq!(world.load(parent, at + 3 * PAGE_SIZE + 1), Ok(b'd'));
    assert!((0..PAGES).all(|page| file_byte(&world, file, page) == b'a' + (page % 26) as u8));
    assert_eq!(world.counters(parent).cow_copy, 64);
    remap(&mut world);
    assert_eq!(world.write_all(parent, at, PAGES, b'Y'), 64);
    assert_eq!(world.counters(parent).file_write_private, 64);

    // write(2) shows in pages that were not copied.
    remap(&mut world);
    world.read_all(parent, at, PAGES);
    world.store(parent, at, b'Z').unwrap();
    let (cache, frames) = world.memory.cache_mut();
    for page in [0, 1] {
        cache.write(&mut world.ram, frames, file, page * PAGE_SIZE, b"!").unwrap();
    }
    assert_eq!((world.load(parent, at), world.load(parent, at + PAGE_SIZE)), (Ok(b'Z'), Ok(b'!')));
    let (cache, frames) = world.memory.cache_mut();
    for (page, byte) in [(0, b"a"), (1, b"b")] {
        cache.write(&mut world.ram, frames, file, page * PAGE_SIZE, byte).unwrap();
    }

    // Half of it is private when it is forked.
    let half = PAGES / 2;
    let clean = at + half * PAGE_SIZE;
    remap(&mut world);
    world.read_all(parent, at, PAGES);
    world.write_all(parent, at, half, b'P');
    let child = world.fork(parent);
    assert_eq!((world.read_all(child, at, half), world.read_all(child, clean, half)), (0, 0));
    assert_eq!(world.write_all(child, at, half, b'C'), 32);
    assert_eq!(world.write_all(child, clean, half, b'C'), 32);
    assert!(world.all_are(child, at, PAGES, b'C'));
    world.exit(child);
    assert!(world.all_are(parent, at, half, b'P') && shows_file(&mut world, parent, at, half..PAGES));
    assert_eq!(world.write_all(parent, at, half, b'Q'), 32);

    // Never written: a fault can rebuild it, so fork copies no PTE.
    remap(&mut world);
    world.read_all(parent, at, PAGES);
    let copied = world.counters(parent).ptes_copied;
    let child = world.fork(parent);
    assert_eq!(world.counters(parent).ptes_copied, copied);
    assert_eq!(world.read_all(child, at, PAGES), 4);
    assert_eq!(world.write_all(child, at, PAGES, b'C'), 64);
}

#[test]
fn shared_fork() {
    let mut world = World::new(2048, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let file = world.file(PAGES);
    let shared = MapRequest { sharing: Sharing::Shared, ..MapRequest::anonymous(PAGES * PAGE_SIZE, RW) };
    let anonymous = world.map(parent, shared);
    // The window of fault-around is aligned, and so is the oracle's mapping.
    assert_eq!(anonymous.vpn().0 % 16, 0);
    let mapped = world.map_file(parent, file, Sharing::Shared);
    for (at, first_read) in [(anonymous, 64), (mapped, 4)] {
        assert_eq!(world.read_all(parent, at, PAGES), first_read);
        assert_eq!(world.write_all(parent, at, PAGES, b'P'), 0);
        assert_eq!(world.write_all(parent, at, PAGES, b'Q'), 0);
        let child = world.fork(parent);
        assert_eq!(world.read_all(child, at, PAGES), 4);
        assert!(world.all_are(child, at, PAGES, b'Q'));
        assert_eq!(world.write_all(child, at, PAGES, b'C'), 0);
        assert!(world.all_are(parent, at, PAGES, b'C'));
        assert_eq!(world.write_all(parent, at, PAGES, b'R'), 0);
        assert!(world.all_are(child, at, PAGES, b'R'));
        world.exit(child);
        let child = world.fork(parent);
        assert_eq!(world.write_all(child, at, PAGES, b'W'), 64);
        world.exit(child);
        assert!(world.all_are(parent, at, PAGES, b'W'));
    }
    assert!((0..PAGES).all(|page| file_byte(&world, file, page) == b'W'));
    let counters = world.counters(parent);
    assert_eq!((counters.shared, counters.cow_faults), (68, 0));
    let resident = world.memory.usage(parent).resident;
    assert_eq!((resident.anon, resident.file, resident.shared_memory), (0, 64, 64));
}

#[test]
fn a_window_of_fault_around_ends_with_its_area_and_its_file() {
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = world.file(10);
    let at = world.map_file(mm, file, Sharing::Private);
    world.work(mm, |memory, work| memory.unmap(work, mm, at, 4 * PAGE_SIZE)).unwrap();
    world.truncate(file, 7 * PAGE_SIZE + 1);
    assert_eq!(world.read_all(mm, at + 5 * PAGE_SIZE, 1), 1);
    assert_eq!(world.memory.usage(mm).resident.file, 4);
    assert_eq!(world.load(mm, at + 8 * PAGE_SIZE), Err(Fault::Bus));
}

#[test]
fn textbook_policy_maps_one_page_per_fault_and_forks_everything() {
    let mut world = World::new(2048, MemoryPolicy::TEXTBOOK);
    let parent = world.spawn();
    let file = world.file(PAGES);
    let at = world.map_file(parent, file, Sharing::Private);
    assert_eq!(world.read_all(parent, at, PAGES), 64);
    let child = world.fork(parent);
    assert_eq!(world.counters(parent).ptes_copied, 64);
    assert_eq!(world.read_all(child, at, PAGES), 0);
    assert_eq!(world.write_all(child, at, PAGES, b'C'), 64);
}

#[test]
fn truncation_takes_pages_out_of_every_mapping() {
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let parent = world.spawn();
    let file = world.file(8);
    let private = world.map_file(parent, file, Sharing::Private);
    world.write_all(parent, private, 2, b'P');
    let child = world.fork(parent);
    let shared = world.map_file(child, file, Sharing::Shared);
    world.read_all(child, shared, 8);
    world.write_all(parent, private + 6 * PAGE_SIZE, 1, b'P');
    world.truncate(file, PAGE_SIZE + 100);
    assert_eq!(world.load(parent, private + PAGE_SIZE), Ok(b'P'));
    // A private copy goes too.
    assert_eq!(world.load(parent, private + 6 * PAGE_SIZE), Err(Fault::Bus));
    assert_eq!(world.load(child, shared + 2 * PAGE_SIZE), Err(Fault::Bus));
    assert_eq!(world.counters(child).bus, 1);
    assert_eq!(
        (world.load(child, shared + PAGE_SIZE + 99), world.load(child, shared + PAGE_SIZE + 100)),
        (Ok(b'b'), Ok(0))
    );
    world.truncate(file, 3 * PAGE_SIZE);
    assert_eq!(world.load(child, shared + 2 * PAGE_SIZE), Ok(0));
    world.truncate(file, 0);
    assert_eq!(world.load(child, shared), Err(Fault::Bus));
    let (cache, _) = world.memory.cache_mut();
    assert_eq!(cache.resident_pages(file), 0);
}

#[test]
fn contents_live_while_somebody_holds_them() {
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = world.file(4);
    let at = world.map_file(mm, file, Sharing::Shared);
    // Unlinked and closed, but mapped.
    let (cache, frames) = world.memory.cache_mut();
    cache.release(&world.ram, frames, file);
    assert!(shows_file(&mut world, mm, at, 0..4));
    assert_eq!(world.memory.frames().gauges().page_cache, 4);
    world.exit(mm);
    let gauges = world.memory.frames().gauges();
    assert_eq!((gauges.page_cache, gauges.in_use), (0, 1), "nothing is held but the zero page");
}

#[test]
fn reads_and_writes_cross_pages_holes_and_the_end() {
    let mut world = World::new(4, MemoryPolicy::LINUX);
    let (cache, frames) = world.memory.cache_mut();
    let file = cache.create();
    let at = 2 * PAGE_SIZE - 3;
    assert_eq!(cache.write(&mut world.ram, frames, file, at, b"abcdef"), Ok(6));
    assert_eq!((cache.size(file), cache.resident_pages(file)), (at + 6, 2));
    assert_eq!(cache.read(&world.ram, file, at - 2, 100), b"\0\0abcdef");
    assert_eq!(cache.read(&world.ram, file, 0, 2), b"\0\0");
    assert_eq!(cache.read(&world.ram, file, at + 6, 1), b"");
    // One frame is left: the write stops where it ends, and the next one finds none.
    let bytes = [1; 2 * PAGE_SIZE as usize];
    assert_eq!(cache.write(&mut world.ram, frames, file, 3 * PAGE_SIZE, &bytes), Ok(PAGE_SIZE as usize));
    assert_eq!(cache.size(file), 4 * PAGE_SIZE);
    assert!(cache.write(&mut world.ram, frames, file, 4 * PAGE_SIZE, &bytes).is_err());
}

#[test]
fn a_store_is_known_of_when_nobody_may_access_the_page_any_more() {
    let mut world = World::new(64, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = world.file(1);
    let at = world.map_file(mm, file, Sharing::Shared);
    world.store(mm, at, 7).unwrap();
    world.work(mm, |memory, work| memory.protect(work, mm, at, PAGE_SIZE, Prot::empty())).unwrap();
    let (cache, frames) = world.memory.cache_mut();
    let page = cache.page(file, 0).unwrap();
    assert!(frames.take_dirty(&world.ram, page));
}
