//! Clean pages of files leave when frames run short, and nothing else does.

use super::world::{RW, World};
use crate::mm::{Advice, FrameKind, Lock, MapRequest, Sharing};
use crate::{FileId, MemoryPolicy};
use tine_mmu::{AdUpdate, PAGE_SIZE};

/// Makes a file whose pages can all be read again.
fn backed(world: &mut World, pages: u64) -> FileId {
    let file = world.file(pages);
    world.memory.cache_mut().0.set_backed(file, pages * PAGE_SIZE);
    file
}

fn resident(world: &World, file: FileId) -> u64 {
    world.memory.cache().resident_pages(file)
}

#[test]
fn a_file_larger_than_memory_is_mapped_and_read() {
    const PAGES: u64 = 300;
    let mut world = World::new(128, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = backed(&mut world, 64);
    world.memory.cache_mut().0.set_backed(file, PAGES * PAGE_SIZE);
    let truncated = {
        let (cache, frames) = world.memory.cache_mut();
        cache.set_size(&mut world.ram, frames, file, PAGES * PAGE_SIZE)
    };
    assert_eq!(truncated, Default::default());
    world.memory.cache_mut().0.set_backed(file, PAGES * PAGE_SIZE);
    let at = world.map_file(mm, file, Sharing::Shared);
    for round in 0..3 {
        for page in 0..PAGES {
            let byte = world.load(mm, at + page * PAGE_SIZE);
            assert_eq!(byte, Ok(b'a' + (page % 26) as u8), "page {page} in round {round}");
        }
    }
    assert!(world.memory.pages_reclaimed() > 2 * (PAGES - 128));
    world.exit(mm);
}

#[test]
fn what_was_stored_to_stays() {
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = backed(&mut world, 64);
    let at = world.map_file(mm, file, Sharing::Shared);
    world.store(mm, at + 3 * PAGE_SIZE, b'!').unwrap();
    world.memory.cache_mut().0.note_use(file, 32 * PAGE_SIZE..33 * PAGE_SIZE);
    assert_eq!(world.reclaim(1000), 63);
    assert_eq!(resident(&world, file), 1);
    assert_eq!(world.load(mm, at + 3 * PAGE_SIZE), Ok(b'!'));
    assert_eq!(world.load(mm, at + 4 * PAGE_SIZE), Ok(b'e'));
    world.exit(mm);
}

#[test]
fn private_copies_locked_pages_and_files_in_memory_stay() {
    let mut world = World::new(512, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = backed(&mut world, 32);
    let at = world.map_file(mm, file, Sharing::Private);
    world.store(mm, at, b'!').unwrap();
    let anonymous = world.map(mm, MapRequest::anonymous(8 * PAGE_SIZE, RW));
    world.write_all(mm, anonymous, 8, b'x');
    let anon_before = world.memory.frames().count(FrameKind::Anon);
    assert_eq!(world.reclaim(1000), 32);
    assert_eq!(world.memory.frames().count(FrameKind::Anon), anon_before);
    assert_eq!(world.load(mm, at), Ok(b'!'));
    assert_eq!(world.load(mm, at + PAGE_SIZE), Ok(b'b'));
    world.work(mm, |memory, work| memory.lock(work, mm, at + PAGE_SIZE, PAGE_SIZE, Lock::Locked)).unwrap();
    assert_eq!(world.reclaim(1000), 0);
    let in_memory = world.file(16);
    assert_eq!(world.reclaim(1000), 0);
    assert_eq!(resident(&world, in_memory), 16);
    world.exit(mm);
}

#[test]
fn dropping_caches_leaves_what_is_mapped() {
    let mut world = World::new(256, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let file = backed(&mut world, 40);
    let at = world.map_file(mm, file, Sharing::Private);
    assert_eq!(world.load(mm, at), Ok(b'a'));
    // The window of fault-around.
    world.memory.drop_all_unmapped(&world.ram);
    assert_eq!(resident(&world, file), 16);
    assert_eq!(world.memory.drop_unmapped(&world.ram, file, 0..16), 0);
    world.exit(mm);
    assert_eq!(world.memory.drop_unmapped(&world.ram, file, 0..8), 8);
    assert_eq!(resident(&world, file), 8);
}

/// Pages given up leave when frames run short, unless they were stored to since; those that others have stay.
#[test]
fn given_up_pages_leave_unless_they_are_stored_to() {
    for policy in [MemoryPolicy::LINUX, MemoryPolicy { ad_update: AdUpdate::Svade, ..MemoryPolicy::LINUX }] {
        let mut world = World::new(512, policy);
        let mm = world.spawn();
        let at = world.map(mm, MapRequest::anonymous(16 * PAGE_SIZE, RW));
        world.write_all(mm, at, 16, b'x');
        let give_up = |world: &mut World, page: u64, pages: u64| {
            let (at, len_bytes) = (at + page * PAGE_SIZE, pages * PAGE_SIZE);
            world.work(mm, |memory, work| memory.advise(work, mm, at, len_bytes, Advice::Free)).unwrap();
        };
        give_up(&mut world, 0, 12);
        // Until memory runs short nothing has happened.
        assert!(world.all_are(mm, at, 16, b'x'));
        world.store(mm, at + 3 * PAGE_SIZE, b'!').unwrap();
        assert_eq!(world.reclaim(4), 4);
        assert_eq!(world.reclaim(1000), 7);
        let bytes: Vec<_> = (0..16).map(|page| world.load(mm, at + page * PAGE_SIZE).unwrap()).collect();
        assert_eq!(bytes, [&[0; 3][..], b"!", &[0; 8], b"xxxx"].concat());
        let counts = world.memory.given_up();
        assert_eq!((counts.given_up, counts.freed), (12, 11));

        // What a child shares is not given up, and neither is what was locked meanwhile.
        give_up(&mut world, 12, 2);
        let locked = at + 12 * PAGE_SIZE;
        world.work(mm, |memory, work| memory.lock(work, mm, locked, PAGE_SIZE, Lock::Locked)).unwrap();
        let child = world.fork(mm);
        give_up(&mut world, 14, 2);
        assert_eq!(world.reclaim(1000), 0);
        assert!(
            world.all_are(mm, at + 12 * PAGE_SIZE, 4, b'x')
                && world.all_are(child, at + 12 * PAGE_SIZE, 4, b'x')
        );
        world.exit(child);
        // A page that is unmapped is not looked for.
        give_up(&mut world, 14, 2);
        world.work(mm, |memory, work| memory.unmap(work, mm, at + 15 * PAGE_SIZE, PAGE_SIZE)).unwrap();
        assert_eq!(world.reclaim(1000), 1);
        world.exit(mm);
    }
}
