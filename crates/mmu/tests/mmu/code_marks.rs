//! Frames that hold decoded code: no write to them goes unnoticed.

use crate::world::{COPY, DATA, World};
use tine_mmu::{Access, PhysAddr, Ppn, PteFlags, Ram, RamError, View, VirtAddr};

const VA: VirtAddr = VirtAddr(0x10_0000);

fn world_with_code() -> (World, Ppn) {
    let mut world = World::with_tlb("u74");
    let frame = world.map(VA, DATA | PteFlags::X);
    (world, frame)
}

#[test]
fn a_store_through_an_older_shortcut_is_noticed() {
    let (mut world, frame) = world_with_code();
    world.store(VA, [1; 8]).unwrap();
    world.store(VA, [2; 8]).unwrap();
    world.ram.mark_code(frame);
    world.resume_as(View::USER);
    world.store(VA, [3; 8]).unwrap();
    assert_eq!(world.ram.take_rewritten(), [frame]);
    assert!(!world.ram.is_code(frame));
    // Decoded again, and written again, by another size.
    world.ram.mark_code(frame);
    world.resume_as(View::USER);
    world.store(VA + 16, [4; 1]).unwrap();
    assert_eq!(world.ram.take_rewritten(), [frame]);
    assert_eq!(world.counters().dtlb.store_misses, 1, "a mark changed a count");
}

#[test]
fn one_harts_mark_stops_another_harts_shortcut() {
    let (mut world, frame) = world_with_code();
    world.store(VA, [1; 8]).unwrap();
    let mut other = world.mmu.clone();
    world.ram.mark_code(frame);
    let now = tine_mmu::Stamp::at(9);
    other.resume(&world.ram, tine_mmu::Privilege::User, View::USER, now);
    let instant = other.instant(now);
    assert_eq!(other.store_fast::<8>(VA, instant), None);
    other.store(&mut world.ram, VA, [2; 8], now).unwrap();
    assert_eq!(world.ram.take_rewritten(), [frame]);
}

#[test]
fn every_other_way_to_write_is_noticed_too() {
    let (mut world, frame) = world_with_code();
    let spare = world.frame();
    type Write = fn(&mut World, Ppn, Ppn);
    let ways: [Write; 11] = [
        |world, frame, _| world.ram.write(frame.base() + 5, &[1]).unwrap(),
        |world, frame, _| world.ram.write_u64(frame.base() + 8, 1).unwrap(),
        |world, frame, _| world.ram.write_u64(PhysAddr(frame.base().0 - 4), 1 << 40).unwrap(),
        |world, frame, _| world.ram.frame_mut(frame)[0] = 1,
        |world, frame, spare| world.ram.two_frames_mut(spare, frame)[1][0] = 1,
        |world, frame, spare| world.ram.two_frames_mut(frame, spare)[0][0] = 1,
        |world, frame, _| world.ram.zero_frame(frame),
        |world, frame, spare| world.ram.copy_frame(spare, frame),
        |world, _, _| world.copy_out(VA, &[1], COPY).unwrap(),
        |world, _, _| assert!(world.compare_exchange(VA, 0, 0, COPY).is_ok()),
        // A write that begins before and ends behind the frame.
        |world, frame, _| world.ram.write(Ppn(frame.0 - 1).base(), &[0; 3 * 4096]).unwrap(),
    ];
    for (number, way) in ways.iter().enumerate() {
        world.ram.zero_frame(frame);
        world.ram.mark_code(frame);
        way(&mut world, frame, spare);
        assert_eq!(world.ram.take_rewritten(), [frame], "way {number}");
        assert!(!world.ram.has_rewritten());
    }
}

#[test]
fn reading_a_marked_frame_or_writing_its_neighbour_is_nothing() {
    let (mut world, frame) = world_with_code();
    world.ram.mark_code(frame);
    let neighbour = world.frame();
    world.ram.zero_frame(neighbour);
    world.ram.copy_frame(frame, neighbour);
    world.load::<8>(VA).unwrap();
    world.translate(VA, Access::Fetch).unwrap();
    assert!(world.ram.is_code(frame));
    assert!(!world.ram.has_rewritten());
}

#[test]
fn only_a_new_mark_begins_an_epoch() {
    let (mut world, frame) = world_with_code();
    let before = world.ram.code_epoch();
    world.ram.mark_code(frame);
    let marked = world.ram.code_epoch();
    assert_ne!(before, marked);
    world.ram.mark_code(frame);
    world.ram.write_u64(frame.base(), 1).unwrap();
    assert_eq!(world.ram.code_epoch(), marked);
}

#[test]
fn large_ram_costs_nothing_until_it_is_touched() {
    // More than this machine may have: it is promised, not reserved.
    let mut ram = Ram::new(16 << 30).unwrap();
    let last = Ppn(ram.first().0 + ram.frames() - 1);
    ram.write_u64(last.base(), 7).unwrap();
    assert_eq!(ram.read_u64(last.base()), Some(7));
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let resident_pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(resident_pages < 1 << 18, "{resident_pages} pages of the host are in use");
}

#[test]
fn a_size_that_cannot_be_had_is_refused() {
    for size in [0, 1, 4095, 4097, 1 << 47, u64::MAX, !4095] {
        assert_eq!(Ram::new(size).err(), Some(RamError::Size(size)));
    }
}

#[test]
fn addresses_outside_ram_are_refused_without_a_write() {
    let mut ram = Ram::new(8192).unwrap();
    let end = Ram::BASE + 8192;
    for at in [
        tine_mmu::PhysAddr(0),
        Ram::BASE + 1u64.wrapping_neg(),
        end + 7u64.wrapping_neg(),
        end,
        tine_mmu::PhysAddr(u64::MAX),
    ] {
        assert_eq!(ram.read_u64(at), None);
        assert_eq!(ram.write_u64(at, 1), None);
    }
    assert_eq!(ram.frame(ram.first()), &[0; 4096]);
    assert_eq!(ram.write_u64(end + 8u64.wrapping_neg(), 1), Some(()));
}
