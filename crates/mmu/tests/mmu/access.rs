//! Accesses that are misaligned or leave their page, and the fetch of both instruction lengths.

use crate::world::{CODE, DATA, World};
use tine_mmu::{Access, MemoryFault, MemoryFaultKind, PAGE_SIZE, PhysAddr, Pte, VirtAddr};

const PAGE: VirtAddr = VirtAddr(0x1_0000);
const NEXT: VirtAddr = VirtAddr(0x1_1000);

fn page_fault(access: Access, at: VirtAddr) -> MemoryFault {
    MemoryFault { kind: MemoryFaultKind::Page, access, at }
}

#[test]
fn a_misaligned_access_within_a_page_is_one_look_up() {
    let mut world = World::with_tlb("u74");
    world.map(PAGE, DATA);
    for _ in 0..2 {
        world.store(PAGE + 1, 0x1122_3344_5566_7788u64.to_le_bytes()).unwrap();
        assert_eq!(world.load(PAGE + 3), Ok(0x5566u16.to_le_bytes()));
    }
    let dtlb = world.counters().dtlb;
    assert_eq!((dtlb.loads, dtlb.load_misses, dtlb.stores, dtlb.store_misses), (2, 0, 2, 1));
}

#[test]
fn an_access_across_pages_is_two_look_ups_and_keeps_its_bytes_in_order() {
    let mut world = World::with_tlb("u74");
    // Frames that do not follow each other.
    let second = world.map(NEXT, DATA);
    let first = world.map(PAGE, DATA);
    for split in 1..8 {
        let va = NEXT + (split as u64).wrapping_neg();
        let value = (0x0102_0304_0506_0708 * split as u64).to_le_bytes();
        world.store(va, value).unwrap();
        assert_eq!(world.ram.frame(first)[4096 - split..], value[..split]);
        assert_eq!(world.ram.frame(second)[..8 - split], value[split..]);
        assert_eq!(world.load(va), Ok(value));
    }
    let dtlb = world.counters().dtlb;
    assert_eq!((dtlb.loads, dtlb.load_misses, dtlb.stores, dtlb.store_misses), (14, 0, 14, 2));
}

#[test]
fn a_store_across_pages_that_faults_in_either_writes_nothing() {
    for (mapped, missing) in [(PAGE, NEXT), (NEXT, PAGE)] {
        let mut world = World::with_tlb("u74");
        let frame = world.map(mapped, DATA);
        let va = NEXT + 4u64.wrapping_neg();
        // The fault is at the first byte of the access in the page that is missing.
        let at = VirtAddr(missing.0.max(va.0));
        assert_eq!(world.store(va, [0xff; 8]), Err(page_fault(Access::Store, at)));
        assert_eq!(world.load::<8>(va), Err(page_fault(Access::Load, at)));
        assert!(world.ram.frame(frame).iter().all(|&byte| byte == 0));
        // The second page is asked only when the first was there.
        let look_ups = if mapped == PAGE { 2 } else { 1 };
        assert_eq!(world.counters().dtlb.stores, look_ups);
        assert_eq!(world.counters().dtlb.loads, look_ups);
    }
}

#[test]
fn an_access_wraps_from_the_end_of_the_address_space_to_its_beginning() {
    let mut world = World::with_tlb("u74");
    world.map(VirtAddr(0), DATA);
    world.map(VirtAddr(u64::MAX), DATA);
    world.store(VirtAddr(u64::MAX), 0xabcdu16.to_le_bytes()).unwrap();
    assert_eq!(world.load(VirtAddr(0)), Ok([0xab]));
}

#[test]
fn a_page_that_ends_ram_is_not_left() {
    let mut world = World::with_tlb("u74");
    let last = tine_mmu::Ppn(world.ram.first().0 + world.ram.frames() - 1);
    world.set_pte(PAGE, 0, Pte::leaf(last, DATA));
    world.set_pte(NEXT, 0, Pte::leaf(tine_mmu::Ppn(last.0 + 1), DATA));
    world.store(NEXT + 8u64.wrapping_neg(), [1; 8]).unwrap();
    let outside = MemoryFaultKind::Outside(last.base() + PAGE_SIZE);
    let fault = MemoryFault { kind: outside, access: Access::Store, at: NEXT };
    assert_eq!(world.store(NEXT + 4u64.wrapping_neg(), [2; 8]), Err(fault));
    assert_eq!(world.ram.frame(last)[4088..], [1; 8]);
}

#[test]
fn an_instruction_is_two_or_four_bytes() {
    let mut world = World::with_tlb("u74");
    let frame = world.map(PAGE, CODE);
    world.ram.frame_mut(frame)[..6].copy_from_slice(&[0x13, 0x05, 0xa0, 0x02, 0x82, 0x80]);
    for _ in 0..2 {
        assert_eq!(world.fetch(PAGE), Ok(0x02a0_0513));
        assert_eq!(world.fetch(PAGE + 4), Ok(0x8082));
    }
    let itlb = world.counters().itlb;
    assert_eq!((itlb.lookups, itlb.misses), (4, 1));
}

#[test]
fn a_four_byte_instruction_across_pages_is_two_look_ups() {
    let mut world = World::with_tlb("u74");
    let first = world.map(PAGE, CODE);
    let at = NEXT + 2u64.wrapping_neg();
    world.ram.frame_mut(first)[4094..].copy_from_slice(&[0x13, 0x05]);
    assert_eq!(world.fetch(at), Err(page_fault(Access::Fetch, NEXT)));
    let second = world.map(NEXT, CODE);
    world.ram.frame_mut(second)[..2].copy_from_slice(&[0xa0, 0x02]);
    assert_eq!(world.fetch(at), Ok(0x02a0_0513));
    let itlb = world.counters().itlb;
    assert_eq!((itlb.lookups, itlb.misses), (4, 3));
    // Two bytes at the end of the page need no second page.
    world.ram.frame_mut(first)[4094..].copy_from_slice(&[0x82, 0x80]);
    assert_eq!(world.fetch(at), Ok(0x8082));
    assert_eq!(world.counters().itlb.lookups, 5);
}

#[test]
fn an_address_that_is_translated_for_an_amo_is_the_one_that_loads_see() {
    let mut world = World::with_tlb("u74");
    world.map(PAGE, DATA);
    let at: PhysAddr = world.translate(PAGE + 0x18, Access::Store).unwrap();
    world.ram.write(at, &[7]).unwrap();
    assert_eq!(world.load(PAGE + 0x18), Ok([7]));
}
