//! Pages that leave the first level and come back: what the shortcut remembers of them must not outlive what is true.

use crate::world::{CODE, DATA, World};
use tine_mmu::{Access, MemoryFaultKind, PAGE_SIZE, Ppn, Pte, PteFlags, View, VirtAddr};

const BASE: VirtAddr = VirtAddr(0x10_0000);

fn page(number: u64) -> VirtAddr {
    BASE + number * PAGE_SIZE
}

/// Makes a world whose page 0 was loaded and stored to, and left the first level for data since.
fn with_page_0_asleep() -> (World, Ppn) {
    let mut world = World::with_tlb("l1i=4,l1d=2,l2=4x1");
    let frame = world.map(page(0), CODE | DATA);
    world.map_run(page(1), 4, DATA);
    world.store(page(0), *b"original").unwrap();
    for number in [1, 2] {
        world.load::<8>(page(number)).unwrap();
    }
    (world, frame)
}

/// The same with a page that left the second level, too, and is there again with this entry, for code.
fn with_page_0_anew(pte: impl Fn(Ppn) -> Pte) -> World {
    let (mut world, frame) = with_page_0_asleep();
    world.load::<8>(page(4)).unwrap();
    world.set_pte(page(0), 0, pte(frame));
    world.fetch(page(0)).unwrap();
    world
}

#[test]
fn a_page_that_comes_back_misses_once_and_hits_the_second_level() {
    let (mut world, _) = with_page_0_asleep();
    let before = world.counters();
    for _ in 0..2 {
        assert_eq!(world.load(page(0)), Ok(*b"original"));
        world.store(page(0), *b"original").unwrap();
    }
    let mut expected = before;
    expected.dtlb.loads += 2;
    expected.dtlb.stores += 2;
    expected.dtlb.load_misses += 1;
    expected.l2.lookups += 1;
    expected.evictions += 1;
    assert_eq!(world.counters(), expected);
}

#[test]
fn another_frame_is_loaded_from() {
    let mut world = with_page_0_anew(|frame| Pte::leaf(Ppn(frame.0 + 100), CODE | DATA));
    for _ in 0..2 {
        assert_eq!(world.load(page(0)), Ok([0; 8]));
    }
}

#[test]
fn what_is_written_no_more_faults() {
    let mut world = with_page_0_anew(|frame| Pte::leaf(frame, CODE | PteFlags::D));
    let fault = world.store(page(0), [1; 8]).unwrap_err();
    assert_eq!((fault.kind, fault.access), (MemoryFaultKind::Page, Access::Store));
    assert_eq!(world.load(page(0)), Ok(*b"original"));
}

#[test]
fn a_frame_that_holds_code_by_now_has_its_stores_noticed() {
    let (mut world, frame) = with_page_0_asleep();
    world.ram.mark_code(frame);
    world.pass(1, View::USER);
    world.load::<8>(page(0)).unwrap();
    world.store(page(0), [1; 8]).unwrap();
    assert_eq!(world.ram.take_rewritten(), [frame]);
}
