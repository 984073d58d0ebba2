//! Copies that the supervisor makes for a process.

use crate::world::{COPY, DATA, World};
use tine_mmu::{
    Access, CopyFault, Fence, MemoryFault, MemoryFaultKind, MmuCounters, PAGE_SIZE, Pte, PteFlags, View,
    VirtAddr,
};

const BASE: VirtAddr = VirtAddr(0x10_0000);

fn fault(access: Access, at: VirtAddr) -> MemoryFault {
    MemoryFault { kind: MemoryFaultKind::Page, access, at }
}

#[test]
fn a_copy_makes_one_look_up_for_each_page() {
    let mut world = World::with_tlb("u74");
    world.map_run(BASE, 3, DATA);
    let bytes: Vec<u8> = (0..8200u32).map(|byte| byte as u8).collect();
    world.copy_out(BASE + 4000, &bytes, COPY).unwrap();
    let mut back = vec![0; bytes.len()];
    world.copy_in(BASE + 4000, &mut back, COPY).unwrap();
    assert_eq!(back, bytes);
    let MmuCounters { supervisor, dtlb, .. } = world.counters();
    assert_eq!((supervisor.stores, supervisor.store_misses), (3, 3));
    assert_eq!((supervisor.loads, supervisor.load_misses), (3, 0));
    assert_eq!(dtlb, Default::default(), "the program did nothing");
    // The program hits what the supervisor brought in.
    assert_eq!(world.load(BASE + 4000), Ok([0]));
    assert_eq!(world.counters().dtlb.load_misses, 0);
}

#[test]
fn an_empty_copy_touches_nothing() {
    let mut world = World::with_tlb("u74");
    world.copy_in(BASE, &mut [], COPY).unwrap();
    world.copy_out(BASE, &[], COPY).unwrap();
    assert_eq!(world.counters(), MmuCounters::default());
}

#[test]
fn a_fault_says_what_was_done_before_it_and_nothing_more_was() {
    let mut world = World::with_tlb("u74");
    let first = world.map(BASE, DATA);
    let second = world.map(BASE + PAGE_SIZE, DATA.difference(PteFlags::W));
    let at = BASE + PAGE_SIZE;
    let done = 96;
    let stopped = CopyFault { done, fault: fault(Access::Store, at) };
    assert_eq!(world.copy_out(BASE + 4000, &[1; 200], COPY), Err(stopped));
    assert_eq!(world.ram.frame(first)[4000..], [1; 96]);
    assert_eq!(world.ram.frame(second)[..104], [0; 104]);

    world.set_pte(at, 0, Pte::EMPTY);
    world.fence(Fence::All);
    let mut back = [7; 200];
    let stopped = CopyFault { done, fault: fault(Access::Load, at) };
    assert_eq!(world.copy_in(BASE + 4000, &mut back, COPY), Err(stopped));
    assert_eq!((&back[..96], &back[96..]), (&[1; 96][..], &[7; 104][..]));
}

#[test]
fn without_sum_user_memory_is_out_of_reach() {
    let mut world = World::with_tlb("u74");
    world.map(BASE, DATA);
    let blind = View { sum: false, ..COPY };
    let at = BASE + 8;
    assert_eq!(
        world.copy_in(at, &mut [0; 4], blind),
        Err(CopyFault { done: 0, fault: fault(Access::Load, at) })
    );
    assert_eq!(
        world.copy_out(at, &[0; 4], blind),
        Err(CopyFault { done: 0, fault: fault(Access::Store, at) })
    );
    assert_eq!(world.compare_exchange(at, 0, 1, blind), Err(fault(Access::Store, at)));
    // Nor does an entry that the program brought in help.
    world.store(at, [1]).unwrap();
    assert!(world.copy_in(at, &mut [0; 4], blind).is_err());
}

#[test]
fn compare_exchange_stores_only_over_what_was_expected() {
    let mut world = World::with_tlb("u74");
    world.map(BASE, DATA);
    assert_eq!(world.compare_exchange(BASE + 4, 0, 5, COPY), Ok(0));
    assert_eq!(world.compare_exchange(BASE + 4, 0, 6, COPY), Ok(5));
    assert_eq!(world.load(BASE + 4), Ok(5u32.to_le_bytes()));
    assert_eq!(world.counters().supervisor.stores, 2);

    let read_only = BASE + PAGE_SIZE;
    world.map(read_only, DATA.difference(PteFlags::W));
    assert_eq!(world.compare_exchange(read_only, 0, 1, COPY), Err(fault(Access::Store, read_only)));
    let across = BASE + (PAGE_SIZE - 2);
    assert!(world.compare_exchange(across, 0, 1, COPY).is_err());
}
