//! What counts as promised memory, and what is refused when all of it must be there.

use super::world::{RW, World};
use crate::mm::{Advice, CommitParameter, MapRequest, OnFork, Placement, Prot, Reserve, Sharing};
use crate::{Errno, MemoryPolicy, MmId, Overcommit};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr};

/// Frames of the machine; half of them may be promised.
const FRAMES: u64 = 4096;

fn strict() -> World {
    World::new(FRAMES, MemoryPolicy { overcommit: Overcommit::Never, ..MemoryPolicy::LINUX })
}

fn try_map(world: &mut World, mm: MmId, request: MapRequest) -> Result<VirtAddr, Errno> {
    world.work(mm, |memory, work| memory.map(work, mm, request))
}

fn protect(world: &mut World, mm: MmId, at: VirtAddr, pages: u64, prot: Prot) -> Result<(), Errno> {
    world.work(mm, |memory, work| memory.protect(work, mm, at, pages * PAGE_SIZE, prot))
}

fn anonymous(pages: u64, prot: Prot) -> MapRequest {
    MapRequest::anonymous(pages * PAGE_SIZE, prot)
}

#[test]
fn private_memory_counts_from_when_it_may_be_written() {
    let mut world = World::new(FRAMES, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let at = world.map(mm, anonymous(8, Prot::READ));
    assert_eq!(world.memory.promised_pages(), 0);
    protect(&mut world, mm, at, 8, RW).unwrap();
    assert_eq!(world.memory.promised_pages(), 8);
    // Nobody has stored to it: it need not be kept.
    protect(&mut world, mm, at, 4, Prot::READ).unwrap();
    assert_eq!(world.memory.promised_pages(), 4);
    world.write_all(mm, at + 4 * PAGE_SIZE, 1, b'x');
    protect(&mut world, mm, at, 8, Prot::empty()).unwrap();
    assert_eq!(world.memory.promised_pages(), 4);
    let child = world.fork(mm);
    assert_eq!(world.memory.promised_pages(), 8);
    world.exit(child);
    world.exit(mm);
    assert_eq!(world.memory.promised_pages(), 0);
}

#[test]
fn shared_memory_counts_once_and_as_a_whole() {
    let mut world = World::new(FRAMES, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let shared = MapRequest { sharing: Sharing::Shared, ..anonymous(8, RW) };
    let at = world.map(mm, shared.clone());
    world.write_all(mm, at, 3, b'x');
    let child = world.fork(mm);
    assert_eq!(world.memory.promised_pages(), 8);
    let waived = world.map(mm, MapRequest { no_reserve: true, ..shared });
    world.write_all(mm, waived, 3, b'x');
    assert_eq!(world.memory.promised_pages(), 8 + 3);
    world.exit(mm);
    assert_eq!(world.memory.promised_pages(), 8);
    world.exit(child);
    assert_eq!(world.memory.promised_pages(), 0);
}

#[test]
fn strict_machines_refuse_what_they_might_not_have() {
    let mut world = strict();
    let mm = world.spawn();
    let at = world.map(mm, anonymous(FRAMES / 3, RW));
    assert_eq!(try_map(&mut world, mm, anonymous(FRAMES / 3, RW)), Err(Errno::ENOMEM));
    let read_only = world.map(mm, anonymous(FRAMES / 3, Prot::READ));
    assert_eq!(protect(&mut world, mm, read_only, FRAMES / 3, RW), Err(Errno::ENOMEM));
    // What is given back at once is no new promise.
    let in_place = MapRequest { placement: Placement::Fixed(at), ..anonymous(FRAMES / 3, RW) };
    assert_eq!(try_map(&mut world, mm, in_place), Ok(at));
    let fork = |world: &mut World| world.work(mm, |memory, work| memory.fork(work, mm));
    assert!(fork(&mut world).is_err());
    let len_bytes = FRAMES / 3 * PAGE_SIZE;
    let omit = |memory: &mut crate::mm::Memory, work: &mut crate::mm::Work<'_>| {
        memory.advise(work, mm, at, len_bytes, Advice::OnFork(OnFork::Omit))
    };
    world.work(mm, omit).unwrap();
    let child = fork(&mut world).unwrap();
    world.exit(child);
    world.exit(mm);
}

#[test]
fn the_last_part_is_for_the_superuser() {
    let mut world = strict();
    let mm = world.spawn();
    let limit = world.memory.promise_limit_pages();
    world.memory.space_mut(mm).limits.reserve = Reserve::Kept;
    assert!(world.memory.set_commit_parameter(CommitParameter::AdminReserve, 64 * 4));
    assert_eq!(try_map(&mut world, mm, anonymous(limit - 64, RW)), Err(Errno::ENOMEM));
    world.memory.space_mut(mm).limits.reserve = Reserve::Usable;
    assert!(try_map(&mut world, mm, anonymous(limit - 64, RW)).is_ok());
    // A process that is large already leaves something for the others.
    assert_eq!(try_map(&mut world, mm, anonymous(32, RW)), Err(Errno::ENOMEM));
    assert!(world.memory.set_commit_parameter(CommitParameter::UserReserve, 0));
    assert!(try_map(&mut world, mm, anonymous(32, RW)).is_ok());
    assert!(!world.memory.set_commit_parameter(CommitParameter::Mode, 3));
}

#[test]
fn stacks_grow_only_into_what_may_be_promised() {
    let mut world = strict();
    let mm = world.spawn();
    let bottom = VirtAddr(1 << 36);
    let stack = MapRequest { grows_down: true, placement: Placement::Fixed(bottom), ..anonymous(2, RW) };
    world.map(mm, stack);
    assert_eq!(world.store(mm, VirtAddr(bottom.0 - PAGE_SIZE), b'x'), Ok(()));
    let room = world.memory.promise_limit_pages() - world.memory.promised_pages();
    world.map(mm, anonymous(room - room / 16, RW));
    let below = VirtAddr(bottom.0 - 200 * PAGE_SIZE);
    let fault = world.work(mm, |memory, work| memory.fault(work, mm, below, Access::Store));
    assert_eq!(fault, Err(crate::mm::Fault::MapErr));
}

#[test]
fn advice_about_fork_is_taken_back_one_by_one() {
    let mut world = World::new(FRAMES, MemoryPolicy::LINUX);
    let mm = world.spawn();
    let at = world.map(mm, anonymous(1, RW));
    let mut advise = |advice| world.work(mm, |memory, work| memory.advise(work, mm, at, PAGE_SIZE, advice));
    advise(Advice::OnFork(OnFork::Omit)).unwrap();
    advise(Advice::TakeBack(OnFork::Wipe)).unwrap();
    assert_eq!(world.memory.space(mm).areas().find(at.vpn()).map(|vma| vma.on_fork), Some(OnFork::Omit));
}
