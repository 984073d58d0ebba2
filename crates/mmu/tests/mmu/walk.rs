//! Each step of "Virtual Address Translation Process" and each reason to stop there.

use crate::world::{ASID, DATA, World, entry_address};
use tine_mmu::{
    Access, AdUpdate, MemoryFault, MemoryFaultKind, MmuConfig, PhysAddr, Ppn, Privilege, Pte, PteFlags, Ram,
    Satp, View, VirtAddr,
};

const VA: VirtAddr = VirtAddr(0x15_5765_4abc);
const FRAME: Ppn = Ppn(0x8_0400);
const USER: View = View::USER;
const SUPERVISOR: View = View { privilege: Privilege::Supervisor, sum: false, mxr: false };
const SUM: View = View { sum: true, ..SUPERVISOR };

use Access::{Fetch, Load, Store};
use MemoryFaultKind::{Access as AccessFault, Page as PageFault};

const R: u64 = PteFlags::R.bits();
const W: u64 = PteFlags::W.bits();
const X: u64 = PteFlags::X.bits();
const U: u64 = PteFlags::U.bits();
const A: u64 = PteFlags::A.bits();
const D: u64 = PteFlags::D.bits();

/// A leaf of frame `FRAME` with `flags`.
const fn leaf(flags: u64) -> Pte {
    Pte(Pte::leaf(FRAME, PteFlags::empty()).0 | flags)
}

/// Puts `pte` at `level` and translates `VA`: the outcome, and how many PTEs the walk read.
#[track_caller]
fn check(
    level: u32,
    pte: Pte,
    view: View,
    access: Access,
    expected: Result<u64, MemoryFaultKind>,
    reads: u64,
) {
    let mut world = World::with_tlb("tiny");
    world.set_pte(VA, level, pte);
    world.resume_as(view);
    let expected = expected.map(PhysAddr).map_err(|kind| MemoryFault { kind, access, at: VA });
    assert_eq!(world.translate(VA, access), expected);
    let counters = world.counters();
    assert_eq!((counters.walks, counters.walk_reads), (1, reads));
}

#[test]
fn before_step_1_bits_63_to_39_must_equal_bit_38() {
    for va in [1 << 38, 1 << 39, 1 << 63, u64::MAX ^ 1 << 38, u64::MAX ^ 1 << 39, VA.0 | 1 << 40] {
        let mut world = World::with_tlb("tiny");
        // The page that a truncated address would hit is there.
        world.map(VirtAddr(va & ((1 << 39) - 1)), DATA);
        let fault = MemoryFault { kind: PageFault, access: Load, at: VirtAddr(va) };
        assert_eq!(world.translate(VirtAddr(va), Load), Err(fault));
        assert_eq!((world.counters().walks, world.counters().walk_reads), (1, 0));
    }
}

#[test]
fn the_highest_and_lowest_canonical_addresses_are_translated() {
    for va in [0, (1 << 38) - 1, 0xffff_ffc0_0000_0000, u64::MAX] {
        let mut world = World::with_tlb("tiny");
        let frame = world.map(VirtAddr(va), DATA);
        assert_eq!(world.translate(VirtAddr(va), Load), Ok(frame.base() + VirtAddr(va).offset()));
    }
}

#[test]
fn step_2_a_pte_outside_ram_is_an_access_fault() {
    for access in [Fetch, Load, Store] {
        check(1, Pte::table(Ppn(0x7_ffff)), USER, access, Err(AccessFault), 2);
        check(2, Pte::table(Ppn((1 << 44) - 1)), USER, access, Err(AccessFault), 1);
    }
    let mut world = World::with_tlb("tiny");
    world.mmu.set_satp(Satp::sv39(Ppn(1), ASID));
    let fault = MemoryFault { kind: AccessFault, access: Load, at: VA };
    assert_eq!(world.translate(VA, Load), Err(fault));
}

#[test]
fn step_3_an_invalid_or_reserved_pte_is_a_page_fault() {
    let good = leaf(R | W | X | U | A | D);
    for level in 0..3 {
        let reads = 3 - u64::from(level);
        check(level, Pte(good.0 & !1), USER, Load, Err(PageFault), reads);
        check(level, Pte::EMPTY, USER, Load, Err(PageFault), reads);
        // Writable and not readable means nothing yet, executable or not.
        check(level, leaf(W | U | A | D), USER, Store, Err(PageFault), reads);
        check(level, leaf(W | X | U | A | D), USER, Fetch, Err(PageFault), reads);
        // Reserved, PBMT, N.
        for bit in 54..64 {
            check(level, Pte(good.0 | 1 << bit), USER, Load, Err(PageFault), reads);
        }
    }
    for flag in [A, D, U] {
        check(1, Pte(Pte::table(FRAME).0 | flag), USER, Load, Err(PageFault), 2);
    }
    // The two bits for software are free.
    check(0, Pte(good.0 | 3 << 8), USER, Load, Ok(0x8040_0abc), 3);
}

#[test]
fn step_4_a_pointer_in_the_last_table_is_a_page_fault() {
    check(0, Pte::table(FRAME), USER, Load, Err(PageFault), 3);
}

#[test]
fn step_5_a_misaligned_superpage_is_a_page_fault() {
    for bit in 0..9 {
        let pte = Pte::leaf(Ppn(0x8_0400 | 1 << bit), PteFlags::all());
        check(1, pte, USER, Load, Err(PageFault), 2);
    }
    for bit in 0..18 {
        let pte = Pte::leaf(Ppn(0x8_0000 | 1 << bit), PteFlags::all());
        check(2, pte, USER, Load, Err(PageFault), 1);
    }
}

#[test]
fn step_6_user_pages_are_for_the_user_and_for_the_supervisor_with_sum() {
    let allowed = Ok(0x8040_0abc);
    let user = leaf(R | W | X | U | A | D);
    let kernel = leaf(R | W | X | A | D);
    for access in [Fetch, Load, Store] {
        check(0, user, USER, access, allowed, 3);
        check(0, kernel, USER, access, Err(PageFault), 3);
        check(0, kernel, SUPERVISOR, access, allowed, 3);
        check(0, user, SUPERVISOR, access, Err(PageFault), 3);
        check(0, user, SUM, access, if access == Fetch { Err(PageFault) } else { allowed }, 3);
        // SUM takes nothing away, and is nothing to the user.
        check(0, kernel, SUM, access, allowed, 3);
        check(0, kernel, View { privilege: Privilege::User, ..SUM }, access, Err(PageFault), 3);
    }
}

#[test]
fn step_8_the_access_needs_its_permission() {
    let allowed = Ok(0x8040_0abc);
    // For each legal combination, what a fetch, a load and a store may do.
    for (rwx, may) in [
        (R, [false, true, false]),
        (X, [true, false, false]),
        (R | W, [false, true, true]),
        (R | X, [true, true, false]),
        (R | W | X, [true, true, true]),
    ] {
        for (access, may) in [Fetch, Load, Store].into_iter().zip(may) {
            let expected = if may { allowed } else { Err(PageFault) };
            check(0, leaf(rwx | U | A | D), USER, access, expected, 3);
        }
    }
    let mxr = View { mxr: true, ..USER };
    check(0, leaf(X | U | A | D), mxr, Load, allowed, 3);
    check(0, leaf(X | U | A | D), mxr, Store, Err(PageFault), 3);
    check(0, leaf(R | U | A | D), mxr, Fetch, Err(PageFault), 3);
}

#[test]
fn step_9_accessed_and_dirty_are_set_in_ram_or_fault() {
    // Flags before, access, flags after Svadu.
    for (before, access, after) in [
        (0, Fetch, A),
        (0, Load, A),
        (0, Store, A | D),
        (A, Store, A | D),
        (D, Load, A | D),
        (A, Load, A),
        (A | D, Store, A | D),
    ] {
        for ad_update in [AdUpdate::Svadu, AdUpdate::Svade] {
            let mut world = World::new(MmuConfig { ad_update, ..MmuConfig::default() });
            let pte = leaf(R | W | X | U | before);
            world.set_pte(VA, 0, pte);
            let changed = before != after;
            let outcome = world.translate(VA, access);
            if ad_update == AdUpdate::Svade && changed {
                assert_eq!(outcome, Err(MemoryFault { kind: PageFault, access, at: VA }));
                assert_eq!(world.pte(VA, 0), pte);
                assert_eq!(world.counters().ad_updates, 0);
            } else {
                assert_eq!(outcome, Ok(PhysAddr(0x8040_0abc)));
                assert_eq!(world.pte(VA, 0), leaf(R | W | X | U | after));
                assert_eq!(world.counters().ad_updates, u64::from(changed));
            }
        }
    }
}

#[test]
fn an_access_that_is_not_allowed_sets_no_bit() {
    let mut world = World::with_tlb("tiny");
    world.set_pte(VA, 0, leaf(R | U));
    assert!(world.translate(VA, Store).is_err());
    assert_eq!(world.pte(VA, 0), leaf(R | U));
}

#[test]
fn step_10_low_page_numbers_of_a_superpage_come_from_the_address() {
    let flags = PteFlags::all();
    check(0, Pte::leaf(Ppn(0x8_0123), flags), USER, Load, Ok(0x8012_3abc), 3);
    check(1, Pte::leaf(Ppn(0x8_0400), flags), USER, Load, Ok(0x8040_0000 | VA.0 & 0x1f_ffff), 2);
    // A gigapage reaches past the 8 MiB of RAM at most addresses, but not at its beginning.
    let mut world = World::with_tlb("tiny");
    world.set_pte(VA, 2, Pte::leaf(Ppn(0x8_0000), flags));
    let low = VirtAddr(VA.0 & !0x3fff_ffff | 0x12_3456);
    assert_eq!(world.translate(low, Load), Ok(PhysAddr(0x8012_3456)));
}

#[test]
fn a_leaf_outside_ram_is_an_access_fault_each_time() {
    let mut world = World::with_tlb("tiny");
    world.set_pte(VA, 0, Pte::leaf(Ppn(0x1_0000), PteFlags::all()));
    for access in [Fetch, Load, Store, Load] {
        let at = PhysAddr(0x1000_0000 | VA.offset());
        let fault = MemoryFault { kind: MemoryFaultKind::Outside(at), access, at: VA };
        assert_eq!(world.translate(VA, access), Err(fault));
    }
}

#[test]
fn machine_mode_and_bare_are_not_translated_nor_counted() {
    let machine = View { privilege: Privilege::Machine, sum: false, mxr: false };
    let at = Ram::BASE + 0x123;
    for bare in [false, true] {
        let mut world = World::with_tlb("tiny");
        world.resume_as(if bare { View::USER } else { machine });
        if bare {
            world.mmu.set_satp(Satp::default());
        }
        for access in [Fetch, Load, Store] {
            assert_eq!(world.translate(VirtAddr(at.0), access), Ok(at));
        }
        let outside = MemoryFaultKind::Outside(PhysAddr(0x1000));
        let fault = MemoryFault { kind: outside, access: Load, at: VirtAddr(0x1000) };
        assert_eq!(world.translate(VirtAddr(0x1000), Load), Err(fault));
        assert!(world.counters().rows().iter().all(|&(_, count)| count == 0));
    }
}

#[test]
fn a_global_pointer_makes_everything_below_it_global() {
    let mut world = World::with_tlb("tiny");
    let frame = world.map(VA, DATA);
    let root = entry_address(world.root, VA, 2);
    let pte = Pte(world.ram.read_u64(root).unwrap()).with(PteFlags::G);
    world.ram.write_u64(root, pte.0).unwrap();
    assert!(world.translate(VA, Load).is_ok());
    // Another address space, whose own table is empty, hits the entry.
    let empty = world.frame();
    world.mmu.set_satp(Satp::sv39(empty, tine_mmu::Asid(8)));
    assert_eq!(world.translate(VA, Load), Ok(frame.base() + VA.offset()));
    assert_eq!(world.counters().walks, 1);
}
