//! The oracle's scenarios: what real Linux 6.12 counted (`tests/oracle`), replayed without a program.

use super::world::{RW, World};
use crate::MemoryPolicy;
use crate::mm::{Fault, MapRequest, Prot};
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
