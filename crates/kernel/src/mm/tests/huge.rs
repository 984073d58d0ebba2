//! Transparent huge pages. The figures are those of real Linux 6.12 (`shared/oracle/thp_cow`, and probes like it).

use super::world::{RW, World};
use crate::mm::{Advice, HugeAdvice, MapRequest, PageSize, Placement, Prot, Remains, RemapRequest, Work};
use crate::{Errno, FaultKind, ForkMode, HartId, MemoryCounters, MemoryPolicy, MmId, Thp, ThpCow};
use tine_mmu::{Access, Asid, Fence, PAGE_SIZE, VirtAddr};

/// Base pages of a huge one.
const HUGE: u64 = PageSize::Huge.pages();
/// Bytes of a huge page.
const HUGE_BYTES: u64 = HUGE * PAGE_SIZE;

fn world(policy: MemoryPolicy) -> (World, MmId) {
    let mut world = World::new(16 * HUGE, policy);
    let mm = world.spawn();
    (world, mm)
}

fn linux() -> (World, MmId) {
    world(MemoryPolicy::LINUX)
}

/// Maps `count` huge pages' worth of memory.
fn map(world: &mut World, mm: MmId, count: u64) -> VirtAddr {
    world.map(mm, MapRequest::anonymous(count * HUGE_BYTES, RW))
}

fn huge_pages(world: &World) -> u64 {
    world.memory.frames().gauges().anon_huge
}

fn advise(world: &mut World, mm: MmId, at: VirtAddr, pages: u64, advice: Advice) -> Result<(), Errno> {
    world.work(mm, |memory, work| memory.advise(work, mm, at, pages * PAGE_SIZE, advice))
}

fn protect(world: &mut World, mm: MmId, at: VirtAddr, pages: u64, prot: Prot) {
    world.work(mm, |memory, work| memory.protect(work, mm, at, pages * PAGE_SIZE, prot)).unwrap();
}

#[test]
fn one_fault_fills_two_mebibytes_and_a_child_splits_what_it_writes() {
    let (mut world, parent) = linux();
    let at = map(&mut world, parent, 1);
    assert_eq!(at.0 % HUGE_BYTES, 0);
    assert_eq!(world.write_all(parent, at, HUGE, b'P'), 1);
    assert_eq!((world.memory.usage(parent).resident.anon, huge_pages(&world)), (HUGE, 1));
    let child = world.fork(parent);
    let forked = world.counters(parent);
    assert_eq!((forked.ptes_copied, forked.pages_write_protected), (1, 1));
    assert_eq!(world.memory.frames().gauges().mapped_by_several, HUGE);
    assert_eq!(world.read_all(child, at, HUGE), 0);
    assert_eq!(world.write_all(child, at, HUGE, b'C'), HUGE);
    let counters = world.counters(child);
    assert_eq!((counters.huge_split, counters.cow_copy), (1, HUGE - 1));
    assert_eq!((counters.pages_copied, counters.cow_faults, counters.thp_split_pmd), (HUGE, HUGE, 1));
    assert!(world.all_are(parent, at, HUGE, b'P'));
    // The parent is the only owner again, and keeps the whole.
    assert_eq!(world.write_all(parent, at, HUGE, b'R'), 1);
    let counters = world.counters(parent);
    assert_eq!((counters.huge_reuse, counters.pages_reused, counters.thp_split_pmd), (1, HUGE, 0));
    assert_eq!(huge_pages(&world), 1);
    world.exit(child);
    world.exit(parent);
    assert_eq!(world.memory.frames().gauges().in_use, 1);
}

#[test]
fn pieces_of_a_split_page_are_not_reused_but_the_whole_is() {
    let (mut world, parent) = linux();
    let at = map(&mut world, parent, 1);
    world.write_all(parent, at, 1, b'P');
    let child = world.fork(parent);
    // The parent splits; the child goes on mapping the whole, and is its only owner in the end.
    assert_eq!(world.write_all(parent, at, HUGE, b'Q'), HUGE);
    assert_eq!(world.write_all(child, at, HUGE, b'C'), 1);
    assert_eq!(world.counters(child).huge_reuse, 1);
    let grandchild = world.fork(child);
    world.write_all(child, at, 1, b'c');
    world.exit(grandchild);
    // The rest are pieces with one owner: Linux copies them all the same.
    assert_eq!(world.write_all(child, at, HUGE, b'd'), HUGE - 1);
    assert_eq!(world.counters(child).cow_reuse, 0);
}

#[test]
fn a_read_maps_the_huge_page_of_zeros() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 2);
    assert_eq!(world.read_all(mm, at, 2 * HUGE), 2);
    let counters = world.counters(mm);
    assert_eq!((counters.huge_zero, counters.thp_zero_page_alloc, counters.thp_fault_alloc), (2, 1, 0));
    assert_eq!(world.memory.usage(mm).resident.total(), 0);
    assert_eq!(world.memory.frames().gauges().zero_shared, 2 * HUGE);
    assert_eq!(world.write_all(mm, at, HUGE, 1), HUGE);
    let counters = world.counters(mm);
    assert_eq!((counters.huge_split, counters.zero_page_write, counters.pages_copied), (1, HUGE - 1, 0));
    let child = world.fork(mm);
    assert_eq!(world.read_all(child, at + HUGE_BYTES, HUGE), 0);
}

#[test]
fn a_whole_copy_where_the_policy_says_so() {
    let (mut world, parent) = world(MemoryPolicy { thp_cow: ThpCow::Copy, ..MemoryPolicy::LINUX });
    let at = map(&mut world, parent, 2);
    world.write_all(parent, at, HUGE, b'P');
    world.read_all(parent, at + HUGE_BYTES, 1);
    let child = world.fork(parent);
    assert_eq!(world.write_all(child, at, 2 * HUGE, b'C'), 2);
    let counters = world.counters(child);
    assert_eq!((counters.huge_copy, counters.huge_demand_zero, counters.pages_copied), (1, 1, HUGE));
    assert!(world.all_are(parent, at, HUGE, b'P') && world.all_are(parent, at + HUGE_BYTES, HUGE, 0));
    assert_eq!(huge_pages(&world), 3);
}

#[test]
fn without_room_for_a_whole_page_a_base_page_does() {
    let (mut world, mm) = linux();
    let request = MapRequest::anonymous(20 * HUGE_BYTES, RW);
    let at = world.map(mm, MapRequest { no_reserve: true, ..request });
    for index in 0..15 {
        assert_eq!(world.write_all(mm, at + index * HUGE_BYTES, HUGE, 1), 1, "{index}");
    }
    assert_eq!(world.write_all(mm, at + 15 * HUGE_BYTES, 3, 1), 3);
    let counters = world.counters(mm);
    assert_eq!((counters.thp_fault_alloc, counters.thp_fault_fallback, counters.demand_zero), (15, 1, 3));
    // What one process gives back in single frames is one block again.
    advise(&mut world, mm, at + PAGE_SIZE, HUGE - 2, Advice::DontNeed).unwrap();
    advise(&mut world, mm, at, HUGE, Advice::DontNeed).unwrap();
    assert_eq!(world.write_all(mm, at + 16 * HUGE_BYTES, HUGE, 2), 1);
    assert!(world.all_are(mm, at + 16 * HUGE_BYTES, HUGE, 2));
}

#[test]
fn a_part_that_leaves_splits_the_rest() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 5);
    assert_eq!(world.write_all(mm, at, 5 * HUGE, b'S'), 5);
    let splits = |world: &World| world.counters(mm).thp_split_pmd;
    world.work(mm, |memory, work| memory.unmap(work, mm, at + 100 * PAGE_SIZE, PAGE_SIZE)).unwrap();
    assert_eq!((splits(&world), huge_pages(&world)), (1, 4));
    let second = at + HUGE_BYTES;
    advise(&mut world, mm, second + 2 * PAGE_SIZE, 2, Advice::DontNeed).unwrap();
    assert_eq!((splits(&world), world.read_all(mm, second, HUGE)), (2, 2));
    let third = second + HUGE_BYTES;
    protect(&mut world, mm, third + PAGE_SIZE, 1, Prot::READ);
    assert_eq!((splits(&world), world.write_all(mm, third + 2 * PAGE_SIZE, HUGE - 2, b'T')), (3, 0));
    // Its owner had claimed the whole, so the piece is writable at once.
    protect(&mut world, mm, third + PAGE_SIZE, 1, RW);
    assert_eq!(world.write_all(mm, third, HUGE, b'U'), 0);
    let fourth = third + HUGE_BYTES;
    advise(&mut world, mm, fourth, 1, Advice::OnFork(crate::mm::OnFork::Omit)).unwrap();
    assert_eq!((splits(&world), huge_pages(&world)), (4, 1));
    assert!(world.all_are(mm, fourth, HUGE, b'S'));
}

#[test]
fn rights_of_a_whole_page_change_without_a_split() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 1);
    world.write_all(mm, at, HUGE, 7);
    protect(&mut world, mm, at, HUGE, Prot::empty());
    assert_eq!(world.load(mm, at), Err(crate::mm::Fault::AccErr));
    assert_eq!((huge_pages(&world), world.memory.usage(mm).resident.anon), (1, HUGE));
    protect(&mut world, mm, at, HUGE, RW);
    assert_eq!(world.write_all(mm, at, HUGE, 8), 0);
    assert_eq!(world.counters(mm).thp_split_pmd, 0);
}

#[test]
fn a_huge_page_moves_whole_to_where_it_can_be_one() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 1);
    world.write_all(mm, at, HUGE, b'M');
    let mut move_to = |from: VirtAddr, to: u64| {
        let request = RemapRequest {
            at: from,
            old_len_bytes: HUGE_BYTES,
            new_len_bytes: HUGE_BYTES,
            may_move: true,
            placement: Placement::Fixed(VirtAddr(to)),
            remains: Remains::Nothing,
        };
        let moved = world.work(mm, |memory, work| memory.remap(work, mm, request)).unwrap();
        assert!(world.all_are(mm, moved, HUGE, b'M'));
        (moved, huge_pages(&world))
    };
    let (moved, huge) = move_to(at, 0x20_0000_0000);
    assert_eq!(huge, 1);
    assert_eq!(move_to(moved, 0x21_0000_1000).1, 0);
    assert_eq!(world.counters(mm).thp_split_pmd, 1);
}

#[test]
fn policy_process_and_advice_decide() {
    for (thp, advice, faults) in [
        (Thp::Never, HugeAdvice::Wanted, HUGE),
        (Thp::Madvise, HugeAdvice::Wanted, 1),
        (Thp::Madvise, HugeAdvice::None, HUGE),
        (Thp::Always, HugeAdvice::None, 1),
        (Thp::Always, HugeAdvice::Refused, HUGE),
    ] {
        let (mut world, mm) = world(MemoryPolicy { thp, ..MemoryPolicy::LINUX });
        let at = map(&mut world, mm, 1);
        advise(&mut world, mm, at, HUGE, Advice::Huge(advice)).unwrap();
        let eligible = world.memory.maps(mm).any(|vma| world.memory.is_huge_eligible(mm, vma));
        assert_eq!(eligible, faults == 1, "{thp:?} {advice:?}");
        assert_eq!(world.write_all(mm, at, HUGE, 1), faults, "{thp:?} {advice:?}");
    }
    let (mut world, mm) = linux();
    world.memory.space_mut(mm).thp_disabled = true;
    let at = map(&mut world, mm, 1);
    let child = world.fork(mm);
    assert_eq!(world.write_all(child, at, HUGE, 1), HUGE);
    world.memory.space_mut(mm).thp_disabled = false;
    world.memory.set_thp(Thp::Never);
    assert_eq!(world.write_all(mm, at, HUGE, 1), HUGE);
}

#[test]
fn only_whole_multiples_are_placed_where_huge_pages_begin() {
    let (mut world, mm) = linux();
    let mut place = |pages: u64| world.map(mm, MapRequest::anonymous(pages * PAGE_SIZE, Prot::empty())).0;
    let first = place(1);
    assert_eq!(place(HUGE - 1), first - (HUGE - 1) * PAGE_SIZE);
    let aligned = place(HUGE);
    assert_eq!((aligned % HUGE_BYTES, place(HUGE + 1)), (0, aligned - (HUGE + 1) * PAGE_SIZE));
}

#[test]
fn advice_collapses_what_is_there() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 2);
    assert_eq!(advise(&mut world, mm, at, HUGE, Advice::Collapse), Err(Errno::EINVAL));
    advise(&mut world, mm, at, 2 * HUGE, Advice::Huge(HugeAdvice::Refused)).unwrap();
    assert_eq!(world.write_all(mm, at, 10, b'x'), 10);
    world.read_all(mm, at + 10 * PAGE_SIZE, 5);
    assert_eq!(advise(&mut world, mm, at, HUGE, Advice::Collapse), Err(Errno::EINVAL));
    advise(&mut world, mm, at, 2 * HUGE, Advice::Huge(HugeAdvice::Wanted)).unwrap();
    for _ in 0..2 {
        assert_eq!(advise(&mut world, mm, at, HUGE + 7, Advice::Collapse), Ok(()));
        assert_eq!((huge_pages(&world), world.counters(mm).thp_collapse_alloc), (1, 1));
    }
    assert_eq!(world.write_all(mm, at + 10 * PAGE_SIZE, HUGE - 10, b'y'), 0);
    assert!(world.all_are(mm, at, 10, b'x'));
    assert_eq!(advise(&mut world, mm, at + PAGE_SIZE, 7, Advice::Collapse), Err(Errno::EINVAL));
    // Nothing is mapped in the second: what can be done is done.
    assert_eq!(advise(&mut world, mm, at, 2 * HUGE, Advice::Collapse), Err(Errno::EINVAL));
}

#[test]
fn an_eager_fork_copies_whole_pages_while_there_is_room_for_them() {
    let mut world = World::new(6 * HUGE, MemoryPolicy { fork: ForkMode::Eager, ..MemoryPolicy::LINUX });
    let parent = world.spawn();
    let at = map(&mut world, parent, 2);
    world.write_all(parent, at, 2 * HUGE, b'P');
    // Leaves room for one whole page, and single frames for another.
    let rest = world.map(parent, MapRequest::anonymous(300 * PAGE_SIZE, RW));
    world.write_all(parent, rest, 300, 1);
    advise(&mut world, parent, rest, 300, Advice::DontNeed).unwrap();
    let child = world.fork(parent);
    assert_eq!(world.counters(parent).pages_copied, 2 * HUGE);
    assert_eq!(world.write_all(child, at, 2 * HUGE, b'C'), 0);
    assert!(world.all_are(parent, at, 2 * HUGE, b'P'));
    world.exit(child);
    world.exit(parent);
    assert_eq!(world.memory.frames().gauges().in_use, 1);
}

#[test]
fn a_split_owes_one_fence_and_a_collapse_a_fence_of_everything() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 1);
    world.write_all(mm, at, 1, 1);
    let _ = world.memory.activate(mm, HartId(0));
    let fences = |world: &mut World, advice: Advice, pages: u64| {
        let mut counters = MemoryCounters::default();
        let mut work = Work::new(&mut world.ram, &mut counters);
        world.memory.advise(&mut work, mm, at + 9 * PAGE_SIZE, pages * PAGE_SIZE, advice).unwrap();
        let owed = work.finish();
        let targets = world.memory.fence_targets(mm, &owed).unwrap();
        owed.for_asid(targets.asid).collect::<Vec<_>>()
    };
    let asid = Asid(1);
    let split = fences(&mut world, Advice::DontNeed, 1);
    assert_eq!(split, [Fence::PageAsid(at, asid), Fence::PageAsid(at + 9 * PAGE_SIZE, asid)]);
    let mut counters = MemoryCounters::default();
    let mut work = Work::new(&mut world.ram, &mut counters);
    world.memory.advise(&mut work, mm, at, HUGE_BYTES, Advice::Collapse).unwrap();
    let owed = work.finish();
    let targets = world.memory.fence_targets(mm, &owed).unwrap();
    assert!(owed.for_asid(targets.asid).eq([Fence::Asid(asid)]));
}

#[test]
fn a_fault_names_the_frame_of_its_own_page() {
    let (mut world, mm) = linux();
    let at = map(&mut world, mm, 1) + 5 * PAGE_SIZE;
    let resolved = world.fault(mm, at, Access::Store).unwrap();
    assert_eq!((resolved.kind, resolved.new.0 % HUGE), (FaultKind::HugeDemandZero, 5));
    let mapped = world.memory.translate(&world.ram, mm, at, Access::Store);
    assert_eq!(mapped, Some(resolved.new));
    let pages = world.memory.mapped_pages(&world.ram, mm, at.vpn()..at.vpn() + 2);
    assert_eq!(pages.iter().map(|page| page.ppn).collect::<Vec<_>>(), [resolved.new, resolved.new + 1]);
}
