//! Which accesses are reported as served by a stale entry, and which are not.

use crate::world::{ASID, CODE, DATA, World};
use tine_mmu::{
    Access, AdUpdate, Asid, Fence, MmuConfig, Ppn, Pte, PteFlags, Satp, StaleUse, StaleUses, View, VirtAddr,
};

const VA: VirtAddr = VirtAddr(0x1_2000);
const PC: VirtAddr = VirtAddr(0x40_0000);

fn world(ad_update: AdUpdate) -> World {
    let stale_uses = StaleUses::Reported;
    let mut world = World::new(MmuConfig { stale_uses, ad_update, ..MmuConfig::default() });
    world.map(PC, CODE);
    world
}

fn without(flags: PteFlags) -> PteFlags {
    DATA.difference(flags)
}

/// Accesses a page, and returns what was found.
fn accesses(world: &mut World, access: Access, va: VirtAddr) -> Vec<StaleUse> {
    world.fetch(PC).unwrap();
    // A fault is no use of an entry.
    match access {
        Access::Fetch => _ = world.fetch(va),
        Access::Load => _ = world.load::<1>(va),
        Access::Store => _ = world.store(va, [1]),
    }
    let (found, total) = world.mmu.take_stale_uses();
    assert_eq!(found.len() as u64, total);
    found
}

/// Accesses a page of `flags` that was used by a load, behind a change of its PTE that no fence followed, and behind the fence.
fn finds(access: Access, flags: PteFlags, change: impl Fn(Ppn, Ppn) -> Pte) -> bool {
    let found = [AdUpdate::Svade, AdUpdate::Svadu].map(|ad_update| {
        let mut world = world(ad_update);
        let (frame, other) = (world.map(VA, flags), world.frame());
        let before = world.pte(VA, 0);
        assert_eq!(accesses(&mut world, Access::Load, VA), []);
        let pte = change(frame, other);
        world.set_pte(VA, 0, pte);
        let found = accesses(&mut world, access, VA);
        let asid = ASID;
        let whole = StaleUse {
            va: VA,
            access,
            asid,
            pc: if access == Access::Fetch { VA } else { PC },
            cached: before,
            current: pte,
        };
        assert!(found.is_empty() || found == [whole], "{found:?} is not {whole:?}");
        world.fence(Fence::PageAsid(VA, ASID));
        assert_eq!(accesses(&mut world, access, VA), [], "behind the fence");
        !found.is_empty()
    });
    assert_eq!(found[0], found[1], "it does not matter who sets A and D");
    found[0]
}

#[test]
fn an_access_is_reported_where_a_walk_would_have_ended_otherwise() {
    use Access::{Fetch, Load, Store};
    let all = DATA | PteFlags::X;
    // Another frame, or none.
    for access in [Fetch, Load, Store] {
        assert!(finds(access, all, |_, other| Pte::leaf(other, all)));
        assert!(finds(access, all, |_, _| Pte::EMPTY));
        assert!(!finds(access, all, |frame, _| Pte::leaf(frame, all)));
        // Reserved: bit 54, and W without R.
        assert!(finds(access, all, |frame, _| Pte(Pte::leaf(frame, all).0 | 1 << 54)));
        assert!(finds(access, all, |frame, _| Pte::leaf(frame, all.difference(PteFlags::R))));
        assert!(finds(access, all, |frame, _| Pte::leaf(frame, all.difference(PteFlags::U))));
        assert!(finds(access, all, |frame, _| Pte::leaf(frame, all.difference(PteFlags::A))));
        // No table is below the lowest.
        assert!(finds(access, all, |frame, _| Pte::table(frame)));
    }
    // What another kind of access would need makes no difference.
    for (bit, reported) in [(PteFlags::W, Store), (PteFlags::D, Store), (PteFlags::X, Fetch)] {
        for access in [Fetch, Load, Store] {
            let found = finds(access, all, |frame, _| Pte::leaf(frame, all.difference(bit)));
            assert_eq!(found, access == reported, "{access:?} without {bit:?}");
        }
    }
    // An entry that denies what the table allows by now is the fault handler's to find out.
    assert!(!finds(Store, without(PteFlags::W), |frame, _| Pte::leaf(frame, DATA)));
    assert!(!finds(Fetch, DATA, |frame, _| Pte::leaf(frame, all)));
}

#[test]
fn an_entry_of_another_size_is_stale_where_it_leads_elsewhere() {
    let mut world = world(AdUpdate::Svade);
    let big = VirtAddr(0x20_0000);
    let frames = Ppn(world.ram.first().0 + 512);
    world.set_pte(big, 1, Pte::leaf(frames, DATA));
    assert_eq!(accesses(&mut world, Access::Load, big), []);
    // Split: each base page to the frame that it had, but one.
    world.set_pte(big, 1, Pte::EMPTY);
    let other = world.frame();
    let table = world.frame();
    for page in 0..4 {
        let frame = if page == 3 { other } else { Ppn(frames.0 + page) };
        world.ram.write_u64(table.base() + 8 * page, Pte::leaf(frame, DATA).0).unwrap();
    }
    world.set_pte(big, 1, Pte::table(table));
    for page in 0..5 {
        let found = accesses(&mut world, Access::Load, big + 4096 * page);
        assert_eq!(found.len(), usize::from(page >= 3), "{page}");
    }
}

#[test]
fn an_address_space_that_takes_the_number_of_another_finds_its_entries() {
    let mut world = world(AdUpdate::Svade);
    world.map(VA, DATA);
    assert_eq!(accesses(&mut world, Access::Load, VA), []);
    // The same number, and an empty table but for the code.
    world.root = world.frame();
    world.map(PC, CODE);
    world.mmu.set_satp(Satp::sv39(world.root, ASID));
    world.fence(Fence::Page(PC));
    let found = accesses(&mut world, Access::Load, VA);
    assert_eq!(found.iter().map(|stale| stale.current).collect::<Vec<_>>(), [Pte::EMPTY]);
    // Its own number.
    world.mmu.set_satp(Satp::sv39(world.root, Asid(8)));
    assert_eq!(accesses(&mut world, Access::Load, VA), []);
}

#[test]
fn the_rights_that_count_are_those_of_the_access() {
    // A page of the supervisor's own by now: SUM makes no difference to it, and U-mode may not.
    for (view, reported) in [(View::USER, true), (crate::world::COPY, false)] {
        let mut world = world(AdUpdate::Svade);
        let frame = world.map(VA, DATA);
        world.load::<1>(VA).unwrap();
        world.set_pte(VA, 0, Pte::leaf(frame, without(PteFlags::U)));
        world.resume_as(view);
        world.load_as::<1>(VA, view).unwrap();
        assert_eq!(world.mmu.take_stale_uses().1, u64::from(reported), "{view:?}");
    }
}
