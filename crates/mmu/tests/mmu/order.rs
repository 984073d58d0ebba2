//! Which entry makes room: the order of uses must be exact however an access was served.

use crate::world::{CODE, COPY, DATA, World};
use tine_mmu::{PAGE_SIZE, Pte, PteFlags, VirtAddr};

const BASE: VirtAddr = VirtAddr(0x10_0000);

fn page(number: u64) -> VirtAddr {
    BASE + number * PAGE_SIZE
}

/// Tells whether a load of the page hits, by whether it misses.
#[track_caller]
fn assert_resident(world: &mut World, number: u64, resident: bool) {
    let before = world.counters().first_level_misses();
    world.load::<8>(page(number)).unwrap();
    let missed = world.counters().first_level_misses() - before;
    assert_eq!(missed, u64::from(!resident), "page {number}");
}

fn four_of_five() -> World {
    let mut world = World::with_tlb("tiny");
    world.map_run(BASE, 5, DATA);
    for number in 0..4 {
        world.load::<8>(page(number)).unwrap();
    }
    world
}

#[test]
fn the_least_recently_used_entry_makes_room() {
    let mut world = four_of_five();
    // Hits through the shortcut count as uses: loads, stores, and one that is misaligned.
    world.load::<8>(page(0)).unwrap();
    world.store(page(1), [1; 8]).unwrap();
    world.load::<8>(page(2) + 1).unwrap();
    world.load::<8>(page(4)).unwrap();
    assert_eq!(world.counters().evictions, 1);
    for resident in [4, 0, 1, 2] {
        assert_resident(&mut world, resident, true);
    }
    assert_resident(&mut world, 3, false);
}

#[test]
fn of_the_two_pages_of_one_access_the_second_was_used_later() {
    let mut world = World::with_tlb("tiny");
    world.map_run(BASE, 5, DATA);
    // The second page is in a lower way than the first, so that a tie would displace it.
    for number in [1, 0, 2, 3] {
        world.load::<8>(page(number)).unwrap();
    }
    world.load::<8>(page(1) + 4u64.wrapping_neg()).unwrap();
    // The order of uses is now 2, 3, 0, 1: each of these displaces the next.
    for number in [4, 2, 3] {
        assert_resident(&mut world, number, false);
    }
    assert_resident(&mut world, 1, true);
}

#[test]
fn the_supervisors_look_ups_are_uses_between_instructions() {
    let mut world = four_of_five();
    let mut bytes = [0; 2 * PAGE_SIZE as usize];
    world.copy_in(page(0), &mut bytes, COPY).unwrap();
    world.resume_as(tine_mmu::View::USER);
    // An instruction at the position at which the supervisor ran comes after it.
    world.load::<8>(page(2)).unwrap();
    assert_resident(&mut world, 4, false);
    for resident in [0, 1, 2] {
        assert_resident(&mut world, resident, true);
    }
}

#[test]
fn an_instruction_that_trapped_was_before_the_one_that_runs_next() {
    let mut world = World::with_tlb("tiny");
    world.map_run(BASE, 5, CODE);
    // Way 0 is used by an instruction that traps, at the same position as the next ones.
    for number in [1, 0, 2, 3] {
        world.fetch(page(number)).unwrap();
    }
    world.translate(page(2), tine_mmu::Access::Fetch).unwrap();
    world.resume_as(tine_mmu::View::USER);
    world.translate(page(1), tine_mmu::Access::Fetch).unwrap();
    world.resume_as(tine_mmu::View::USER);
    for number in [0, 3, 4] {
        world.fetch(page(number)).unwrap();
    }
    // The order of uses was 2, 1, 0, 3: page 2 made room for page 4.
    let before = world.counters().itlb.misses;
    for resident in [1, 0, 3, 4] {
        world.fetch(page(resident)).unwrap();
    }
    assert_eq!(world.counters().itlb.misses, before);
}

#[test]
fn a_hit_of_the_first_level_is_no_use_of_the_second() {
    let mut world = World::with_tlb("l1d=2,l2=2");
    world.map_run(BASE, 3, DATA);
    world.load::<8>(page(0)).unwrap();
    world.load::<8>(page(1)).unwrap();
    world.load::<8>(page(0)).unwrap();
    // Least recent: page 1 in the first level, page 0 in the second.
    world.load::<8>(page(2)).unwrap();
    let before = world.counters().l2;
    world.load::<8>(page(1)).unwrap();
    let after = world.counters().l2;
    assert_eq!((after.lookups - before.lookups, after.misses - before.misses), (1, 0));
}

#[test]
fn sets_are_chosen_by_the_low_bits_of_the_page_number() {
    let mut world = World::with_tlb("l1d=8x2,l2=none");
    world.map_run(BASE, 16, DATA);
    // Three pages of one set do not fit, four of two do.
    for number in [0, 4, 8] {
        world.load::<8>(page(number)).unwrap();
    }
    assert_eq!(world.counters().evictions, 1);
    for number in [1, 5, 2, 6] {
        world.load::<8>(page(number)).unwrap();
    }
    assert_eq!(world.counters().evictions, 1);
}

#[test]
fn a_superpage_takes_the_set_of_its_own_number() {
    let mut world = World::with_tlb("l1d=8x1,l2=none");
    for number in 0..4 {
        world.set_pte(VirtAddr(number << 21), 1, Pte::leaf(world.ram.first(), PteFlags::all()));
        world.load::<1>(VirtAddr(number << 21 | 0x3000)).unwrap();
    }
    // By base page numbers they would all share a set.
    assert_eq!(world.counters().evictions, 0);
    for number in 0..4 {
        world.load::<1>(VirtAddr(number << 21 | 0x5000)).unwrap();
    }
    assert_eq!(world.counters().dtlb.load_misses, 4);
}

#[test]
fn a_seed_fixes_random_replacement() {
    let misses = |seed| {
        let tlb = "l1d=4:random,l2=8x4:random".parse().unwrap();
        let mut world = World::new(tine_mmu::MmuConfig { tlb, seed, ..Default::default() });
        world.map_run(BASE, 12, DATA);
        for round in 0..200u64 {
            world.load::<8>(page(round * round % 11)).unwrap();
        }
        world.counters()
    };
    assert_eq!(misses(1), misses(1));
    assert_ne!(misses(1), misses(2));
}
