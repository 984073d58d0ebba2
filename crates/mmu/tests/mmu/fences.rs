//! Stale entries, and what each scope of SFENCE.VMA removes.

use crate::world::{ASID, DATA, World};
use tine_mmu::{
    Access, AdUpdate, Asid, Fence, HostShortcut, MemoryFault, MemoryFaultKind, MmuConfig, Ppn, Pte, PteFlags,
    Satp, VirtAddr,
};

const VA: VirtAddr = VirtAddr(0x1_2000);
const OTHER: VirtAddr = VirtAddr(0x7_f000);
const READ_ONLY: PteFlags = PteFlags::R.union(PteFlags::U).union(PteFlags::A);

fn store_fault(at: VirtAddr) -> Result<(), MemoryFault> {
    Err(MemoryFault { kind: MemoryFaultKind::Page, access: Access::Store, at })
}

#[test]
fn a_store_through_a_stale_entry_reaches_the_old_frame_until_the_fence() {
    for shortcut in [HostShortcut::On, HostShortcut::Off] {
        let mut world = World::new(MmuConfig { shortcut, ..MmuConfig::default() });
        let old = world.map(VA, DATA);
        world.store(VA, *b"one.").unwrap();
        // What fork does to the parent's page, with the fence forgotten.
        world.set_pte(VA, 0, Pte::leaf(old, READ_ONLY));
        assert_eq!(world.store(VA, *b"two."), Ok(()));
        assert_eq!(&world.ram.frame(old)[..4], b"two.");

        world.fence(Fence::PageAsid(VA, ASID));
        assert_eq!(world.store(VA, *b"six."), store_fault(VA));
        assert_eq!(&world.ram.frame(old)[..4], b"two.");
    }
}

#[test]
fn an_unmapped_page_stays_readable_until_the_fence() {
    let mut world = World::with_tlb("u74");
    world.map(VA, DATA);
    world.store(VA, [9]).unwrap();
    world.set_pte(VA, 0, Pte::EMPTY);
    assert_eq!(world.load(VA), Ok([9]));
    world.fence(Fence::All);
    assert!(world.load::<1>(VA).is_err());
}

#[test]
fn an_entry_that_forbids_the_store_is_a_hit_that_faults_until_the_fence() {
    let mut world = World::with_tlb("u74");
    let frame = world.map(VA, READ_ONLY);
    world.load::<1>(VA).unwrap();
    // The supervisor allows the store, but the entry does not know.
    world.set_pte(VA, 0, Pte::leaf(frame, DATA));
    assert_eq!(world.store(VA, [1]), store_fault(VA));
    let counters = world.counters();
    assert_eq!((counters.dtlb.stores, counters.dtlb.store_misses, counters.walks), (1, 0, 1));
    world.fence(Fence::Page(VA));
    assert_eq!(world.store(VA, [1]), Ok(()));
}

#[test]
fn an_invalid_pte_is_never_cached() {
    let mut world = World::with_tlb("u74");
    assert!(world.load::<1>(VA).is_err());
    world.map(VA, DATA);
    // No fence is needed to see a new mapping.
    assert_eq!(world.load(VA), Ok([0]));
    let counters = world.counters();
    assert_eq!((counters.dtlb.load_misses, counters.l2.misses, counters.walks), (2, 2, 2));
}

#[test]
fn the_first_store_to_a_clean_page_is_a_hit_and_a_walk() {
    let mut world = World::with_tlb("u74");
    let frame = world.map(VA, DATA.difference(PteFlags::D));
    world.load::<1>(VA).unwrap();
    world.store(VA, [1]).unwrap();
    world.store(VA, [2]).unwrap();
    assert_eq!(world.pte(VA, 0), Pte::leaf(frame, DATA));
    let counters = world.counters();
    assert_eq!((counters.dtlb.stores, counters.dtlb.store_misses), (2, 0));
    assert_eq!((counters.walks, counters.ad_updates, counters.evictions), (2, 1, 0));
    assert_eq!(counters.l2.lookups, 1);
}

#[test]
fn the_walk_for_the_dirty_bit_sees_the_page_table_as_it_is_now() {
    let mut world = World::with_tlb("u74");
    let old = world.map(VA, DATA.difference(PteFlags::D));
    world.load::<1>(VA).unwrap();
    let new = world.frame();
    world.set_pte(VA, 0, Pte::leaf(new, DATA));
    world.store(VA, [5]).unwrap();
    assert_eq!((world.ram.frame(old)[0], world.ram.frame(new)[0]), (0, 5));
    // The old frame is not found again, in either level.
    assert_eq!(world.load(VA), Ok([5]));
    assert_eq!(world.counters().walks, 2);
}

#[test]
fn under_svade_a_clean_entry_forbids_the_store_until_the_fence() {
    let mut world = World::new(MmuConfig { ad_update: AdUpdate::Svade, ..MmuConfig::default() });
    let frame = world.map(VA, DATA.difference(PteFlags::D));
    world.load::<1>(VA).unwrap();
    world.set_pte(VA, 0, Pte::leaf(frame, DATA));
    assert_eq!(world.store(VA, [1]), store_fault(VA));
    assert_eq!(world.counters().walks, 1);
    world.fence(Fence::PageAsid(VA, ASID));
    assert_eq!(world.store(VA, [1]), Ok(()));
}

#[test]
fn writing_satp_removes_nothing_and_the_asid_keeps_spaces_apart() {
    let mut world = World::with_tlb("u74");
    let frame = world.map(VA, DATA);
    world.store(VA, [1]).unwrap();
    let here = world.mmu.satp();
    let empty = world.frame();
    world.mmu.set_satp(Satp::sv39(empty, Asid(8)));
    assert!(world.load::<1>(VA).is_err(), "another space's entry was used");
    world.mmu.set_satp(here);
    world.ram.frame_mut(frame)[0] = 2;
    world.set_pte(VA, 0, Pte::EMPTY);
    assert_eq!(world.load(VA), Ok([2]), "the entry was lost");
}

/// Executes `fence` with four pages in the TLBs and tells which of them are still there: a base page, another base page,
/// a global one, and a base page of another address space at the address of the first.
fn survivors(fence: Fence) -> [bool; 4] {
    const GLOBAL: VirtAddr = VirtAddr(0x20_0000);
    let mut world = World::with_tlb("l1d=8,l2=16");
    world.map(VA, DATA);
    world.map(OTHER, DATA);
    world.map(GLOBAL, DATA | PteFlags::G);
    for va in [VA, OTHER, GLOBAL] {
        world.load::<1>(va).unwrap();
    }
    // The other space uses the same table, so only the ASID tells them apart.
    let here = world.mmu.satp();
    let there = Satp { asid: Asid(8), ..here };
    world.mmu.set_satp(there);
    world.load::<1>(VA).unwrap();

    let before = world.counters();
    world.fence(fence);
    let flushed = world.counters().flushed_entries - before.flushed_entries;

    // With the table gone, only what is still in a TLB can be loaded.
    world.ram.zero_frame(here.root);
    let theirs = world.load::<1>(VA).is_ok();
    world.mmu.set_satp(here);
    let left = [VA, OTHER, GLOBAL].map(|va| world.load::<1>(va).is_ok());
    let left = [left[0], left[1], left[2], theirs];
    // Each was in the first and in the second level.
    assert_eq!(flushed, 2 * left.iter().filter(|&&survived| !survived).count() as u64);
    left
}

#[test]
fn each_scope_removes_what_the_manual_says() {
    const GLOBAL: VirtAddr = VirtAddr(0x20_0abc);
    assert_eq!(survivors(Fence::All), [false, false, false, false]);
    assert_eq!(survivors(Fence::Asid(ASID)), [false, false, true, true]);
    assert_eq!(survivors(Fence::Asid(Asid(8))), [true, true, true, false]);
    assert_eq!(survivors(Fence::Page(VA + 0xfff)), [false, true, true, false]);
    assert_eq!(survivors(Fence::Page(GLOBAL)), [true, true, false, true]);
    assert_eq!(survivors(Fence::PageAsid(VA, ASID)), [false, true, true, true]);
    assert_eq!(survivors(Fence::PageAsid(GLOBAL, ASID)), [true, true, true, true]);
    // No valid address: no effect, though its low 39 bits name a page.
    assert_eq!(survivors(Fence::Page(VirtAddr(VA.0 | 1 << 50))), [true, true, true, true]);
}

#[test]
fn any_address_within_removes_a_superpage() {
    for (level, inside) in [(1, 0x1f_f000), (2, 0x3fff_f000)] {
        let mut world = World::with_tlb("l1d=4,l2=16x4");
        world.set_pte(VirtAddr(0x4000_0000), level, Pte::leaf(Ppn(0x8_0000), PteFlags::all()));
        world.load::<1>(VirtAddr(0x4000_0008)).unwrap();
        world.load::<1>(VirtAddr(0x4012_3000)).unwrap();
        assert_eq!(world.counters().walks, 1, "one entry for all of it");
        world.fence(Fence::Page(VirtAddr(0x4000_0000 + inside)));
        assert_eq!(world.counters().flushed_entries, 2);
        world.set_pte(VirtAddr(0x4000_0000), level, Pte::EMPTY);
        assert!(world.load::<1>(VirtAddr(0x4000_0008)).is_err());
        assert!(world.load::<1>(VirtAddr(0x4012_3000)).is_err());
    }
}

#[test]
fn fences_are_counted_by_scope_and_shootdowns_where_they_begin() {
    let mut world = World::with_tlb("u74");
    world.map(VA, DATA);
    world.load::<1>(VA).unwrap();
    world.fence(Fence::All);
    world.fence(Fence::Asid(ASID));
    world.fence(Fence::Page(VA));
    world.fence(Fence::PageAsid(VA, ASID));
    world.mmu.count_remote_fences(3);
    world.load::<1>(VA).unwrap();
    world.mmu.shoot_down(Fence::All);
    let counters = world.counters();
    let sfence = counters.sfence;
    assert_eq!((sfence.all, sfence.asid, sfence.page, sfence.remote), (1, 1, 2, 3));
    assert_eq!(counters.flushed_entries, 4);
}
