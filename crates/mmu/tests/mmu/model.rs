//! Random histories: accesses, supervisor copies, fences, `satp` writes, changes of view, page-table edits with and
//! without the fence that they would need, and code marks. After each step the `Mmu` has answered as the naive model
//! did; at the end it has counted the same, left the same memory, and kept the invariants of the counters.

use crate::reference::Reference;
use crate::world::{COPY, World, entry_address};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tine_mmu::{
    AdUpdate, Asid, Fence, HostShortcut, MemoryFault, MmuConfig, MmuCounters, PAGE_SIZE, PhysAddr, Ppn,
    Privilege, Pte, PteFlags, Ram, Satp, SatpMode, View, VirtAddr,
};

/// Small enough that everything collides: 2 gigapages of 2 megapages of 6 pages.
pub(crate) const PAGES: usize = 24;
/// Where the data frames begin; the tables of both address spaces lie below.
const DATA_FRAMES: u64 = 20;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Load {
        at: VirtAddr,
        len: usize,
    },
    Store {
        at: VirtAddr,
        len: usize,
        seed: u8,
    },
    Fetch {
        at: VirtAddr,
    },
    CopyIn {
        from: VirtAddr,
        len: usize,
        view: View,
    },
    CopyOut {
        to: VirtAddr,
        len: usize,
        seed: u8,
        view: View,
    },
    Fence(Fence),
    Satp(Satp),
    View(View),
    /// Writes a PTE, and what an unfenced supervisor forgets: nothing.
    Edit {
        slot: PhysAddr,
        pte: Pte,
    },
    MarkCode(Ppn),
    /// So much is executed that a clock which counts every instruction since the beginning does not go far.
    Pass,
}

fn frame(number: u64) -> Ppn {
    Ppn(Ram::BASE.ppn().0 + number)
}

/// The address of a page of the universe.
pub(crate) fn page_address(number: usize) -> VirtAddr {
    let (giga, mega, base) = (number / 12 + 1, number / 6 % 2, number % 6);
    VirtAddr((giga as u64) << 30 | (mega as u64) << 21 | (base as u64) << 12)
}

/// The tables of an address space: the root, one table for each gigapage, one for each megapage.
struct Tables {
    root: Ppn,
}

impl Tables {
    fn of(space: u64) -> Self {
        Self { root: frame(space * 7) }
    }

    fn table(&self, level: u32, page: usize) -> Ppn {
        let number = match level {
            2 => 0,
            1 => 1 + page / 12,
            _ => 3 + page / 6,
        };
        Ppn(self.root.0 + number as u64)
    }

    /// The tables of the fourth and fifth level, whose first entry is all that is used.
    fn above(space: u64) -> [Ppn; 2] {
        [frame(14 + 2 * space), frame(15 + 2 * space)]
    }

    fn slot(&self, level: u32, page: usize) -> PhysAddr {
        entry_address(self.table(level, page), page_address(page), level)
    }
}

fn address() -> impl Strategy<Value = VirtAddr> {
    let offset =
        prop_oneof![select(vec![0u64, 8, 64, 4080, 4088, 4092, 4093, 4094, 4095, 2047]), 0..PAGE_SIZE];
    let va = (0..PAGES, offset).prop_map(|(page, offset)| page_address(page) + offset);
    prop_oneof![
        19 => va.clone(),
        1 => (va, 39..64u32).prop_map(|(va, bit)| VirtAddr(va.0 ^ 1 << bit)),
    ]
}

fn size() -> impl Strategy<Value = usize> {
    select(vec![1usize, 2, 4, 8])
}

fn asid() -> impl Strategy<Value = Asid> {
    (1..3u16).prop_map(Asid)
}

fn fence() -> impl Strategy<Value = Fence> {
    prop_oneof![
        1 => Just(Fence::All),
        1 => asid().prop_map(Fence::Asid),
        4 => address().prop_map(Fence::Page),
        4 => (address(), asid()).prop_map(|(va, asid)| Fence::PageAsid(va, asid)),
    ]
}

fn satp() -> impl Strategy<Value = Satp> {
    prop_oneof![
        12 => (0..2u64, asid()).prop_map(|(space, asid)| Satp::sv39(Tables::of(space).root, asid)),
        2 => (0..2u64, asid()).prop_map(|(space, asid)| {
            Satp { mode: SatpMode::Sv48, asid, root: Tables::above(space)[0] }
        }),
        2 => (0..2u64, asid()).prop_map(|(space, asid)| {
            Satp { mode: SatpMode::Sv57, asid, root: Tables::above(space)[1] }
        }),
        1 => Just(Satp::default()),
    ]
}

fn view() -> impl Strategy<Value = View> {
    let privilege = prop_oneof![
        6 => Just(Privilege::User),
        3 => Just(Privilege::Supervisor),
        1 => Just(Privilege::Machine),
    ];
    (privilege, any::<bool>(), any::<bool>()).prop_map(|(privilege, sum, mxr)| View { privilege, sum, mxr })
}

fn flags() -> impl Strategy<Value = PteFlags> {
    prop_oneof![
        // Mostly what programs have, so that accesses succeed; now and then anything.
        6 => (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(write, dirty, execute)| {
            let mut flags = PteFlags::R | PteFlags::U | PteFlags::A;
            flags.set(PteFlags::W, write);
            flags.set(PteFlags::D, dirty);
            flags.set(PteFlags::X, execute);
            flags
        }),
        1 => any::<u8>().prop_map(|bits| PteFlags::from_bits_truncate(u64::from(bits))),
    ]
}

/// An edit of a slot at any level: a leaf, usually aligned as its size needs, or a pointer to the table that belongs there.
fn edit() -> impl Strategy<Value = Op> {
    let data = DATA_FRAMES..DATA_FRAMES + 24;
    let leaf = (0..2u64, 0..PAGES, data, flags()).prop_map(|(space, page, number, flags)| Op::Edit {
        slot: Tables::of(space).slot(0, page),
        pte: Pte::leaf(frame(number), flags),
    });
    let superpage =
        (0..2u64, 0..PAGES, 1..3u32, 0..2u64, flags()).prop_map(|(space, page, level, half, flags)| {
            Op::Edit { slot: Tables::of(space).slot(level, page), pte: Pte::leaf(frame(half * 512), flags) }
        });
    let pointer = (0..2u64, 0..PAGES, 1..3u32, any::<bool>()).prop_map(|(space, page, level, global)| {
        let tables = Tables::of(space);
        let pte = Pte::table(tables.table(level - 1, page));
        Op::Edit { slot: tables.slot(level, page), pte: if global { pte.with(PteFlags::G) } else { pte } }
    });
    let junk = (0..2u64, 0..PAGES, 0..3u32, any::<u64>()).prop_map(|(space, page, level, bits)| Op::Edit {
        slot: Tables::of(space).slot(level, page),
        pte: Pte(bits),
    });
    let ranges = DATA_FRAMES / 16 + 1..DATA_FRAMES / 16 + 3;
    let range = (0..2u64, 0..PAGES, ranges, select(vec![8u64, 8, 8, 4]), flags()).prop_map(
        |(space, page, range, low, flags)| Op::Edit {
            slot: Tables::of(space).slot(0, page),
            pte: Pte(Pte::leaf(frame(16 * range + low), flags).0 | 1 << 63),
        },
    );
    prop_oneof![12 => leaf, 1 => range, 1 => superpage, 6 => pointer, 1 => junk]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        16 => (address(), size()).prop_map(|(at, len)| Op::Load { at, len }),
        16 => (address(), size(), any::<u8>()).prop_map(|(at, len, seed)| Op::Store { at, len, seed }),
        12 => address().prop_map(|at| Op::Fetch { at: VirtAddr(at.0 & !1) }),
        3 => (address(), 0..9000usize, prop_oneof![3 => Just(COPY), 1 => view()])
            .prop_map(|(from, len, view)| Op::CopyIn { from, len, view }),
        3 => (address(), 0..9000usize, any::<u8>(), prop_oneof![3 => Just(COPY), 1 => view()])
            .prop_map(|(to, len, seed, view)| Op::CopyOut { to, len, seed, view }),
        3 => fence().prop_map(Op::Fence),
        2 => satp().prop_map(Op::Satp),
        2 => view().prop_map(Op::View),
        8 => edit(),
        2 => (DATA_FRAMES..DATA_FRAMES + 24).prop_map(|number| Op::MarkCode(frame(number))),
        1 => Just(Op::Pass),
    ]
}

/// A history over two address spaces in which every page is mapped somewhere at first.
pub(crate) fn history() -> impl Strategy<Value = Vec<Op>> {
    let mapping = vec((DATA_FRAMES..DATA_FRAMES + 24, flags()), 2 * PAGES).prop_map(|leaves| {
        let mut ops = Vec::new();
        for (number, (data, flags)) in leaves.into_iter().enumerate() {
            let (tables, page) = (Tables::of((number / PAGES) as u64), number % PAGES);
            for level in 1..3 {
                let pte = Pte::table(tables.table(level - 1, page));
                ops.push(Op::Edit { slot: tables.slot(level, page), pte });
            }
            ops.push(Op::Edit { slot: tables.slot(0, page), pte: Pte::leaf(frame(data), flags) });
        }
        for space in 0..2 {
            let [fourth, fifth] = Tables::above(space);
            ops.push(Op::Edit { slot: fourth.base(), pte: Pte::table(Tables::of(space).root) });
            ops.push(Op::Edit { slot: fifth.base(), pte: Pte::table(fourth) });
        }
        ops.push(Op::Satp(Satp::sv39(Tables::of(0).root, Asid(1))));
        ops.push(Op::View(View::USER));
        ops
    });
    (mapping, vec(op(), 1..300)).prop_map(|(mut mapping, ops)| {
        mapping.extend(ops);
        mapping
    })
}

/// What a step gave back, in a form in which both sides can be compared.
pub(crate) type Answer = Result<Vec<u8>, (usize, MemoryFault)>;

fn value(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|index| seed.wrapping_mul(31).wrapping_add(index as u8)).collect()
}

/// Does one step on the MMU under test, as an engine and a supervisor do it.
pub(crate) fn step(world: &mut World, view: &mut View, op: &Op) -> Answer {
    let plain = |fault| (0, fault);
    match *op {
        Op::Load { at, len } => match len {
            1 => world.load_as::<1>(at, *view).map(|bytes| bytes.to_vec()),
            2 => world.load_as::<2>(at, *view).map(|bytes| bytes.to_vec()),
            4 => world.load_as::<4>(at, *view).map(|bytes| bytes.to_vec()),
            _ => world.load_as::<8>(at, *view).map(|bytes| bytes.to_vec()),
        }
        .map_err(plain),
        Op::Store { at, len, seed } => {
            let bytes = value(seed, 8);
            match len {
                1 => world.store_as::<1>(at, *bytes.first_chunk().unwrap(), *view),
                2 => world.store_as::<2>(at, *bytes.first_chunk().unwrap(), *view),
                4 => world.store_as::<4>(at, *bytes.first_chunk().unwrap(), *view),
                _ => world.store_as::<8>(at, *bytes.first_chunk().unwrap(), *view),
            }
            .map(|()| Vec::new())
            .map_err(plain)
        }
        Op::Fetch { at } => world.fetch_as(at, *view).map(|word| word.to_le_bytes().to_vec()).map_err(plain),
        Op::CopyIn { from, len, view: with } => {
            let mut bytes = vec![0; len];
            let done = world.copy_in(from, &mut bytes, with);
            world.resume_as(*view);
            done.map(|()| bytes).map_err(|stopped| (stopped.done, stopped.fault))
        }
        Op::CopyOut { to, len, seed, view: with } => {
            let done = world.copy_out(to, &value(seed, len), with);
            world.resume_as(*view);
            done.map(|()| Vec::new()).map_err(|stopped| (stopped.done, stopped.fault))
        }
        Op::Fence(fence) => {
            world.fence(fence);
            Ok(Vec::new())
        }
        Op::Satp(satp) => {
            world.mmu.set_satp(satp);
            Ok(Vec::new())
        }
        Op::View(new) => {
            *view = new;
            world.resume_as(new);
            Ok(Vec::new())
        }
        Op::Edit { slot, pte } => {
            world.ram.write_u64(slot, pte.0).unwrap();
            Ok(Vec::new())
        }
        Op::MarkCode(frame) => {
            world.ram.mark_code(frame);
            world.resume_as(*view);
            Ok(Vec::new())
        }
        Op::Pass => {
            world.pass(1 << 37, *view);
            Ok(Vec::new())
        }
    }
}

/// Does one step on the naive model.
fn expect(reference: &mut Reference, op: &Op) -> Answer {
    let plain = |fault| (0, fault);
    match *op {
        Op::Load { at, len } => reference.load(at, len as u64).map_err(plain),
        Op::Store { at, len, seed } => {
            reference.store(at, &value(seed, 8)[..len]).map(|()| Vec::new()).map_err(plain)
        }
        Op::Fetch { at } => reference.fetch(at).map(|word| word.to_le_bytes().to_vec()).map_err(plain),
        Op::CopyIn { from, len, view } => {
            let mut bytes = vec![0; len];
            reference.copy_in(from, &mut bytes, view).map(|()| bytes)
        }
        Op::CopyOut { to, len, seed, view } => {
            reference.copy_out(to, &value(seed, len), view).map(|()| Vec::new())
        }
        Op::Fence(fence) => {
            reference.fence(fence);
            Ok(Vec::new())
        }
        Op::Satp(satp) => {
            reference.set_satp(satp);
            Ok(Vec::new())
        }
        Op::View(view) => {
            reference.resume_as(view);
            Ok(Vec::new())
        }
        Op::Edit { slot, pte } => {
            reference.ram.write_u64(slot, pte.0).unwrap();
            Ok(Vec::new())
        }
        Op::MarkCode(_) | Op::Pass => Ok(Vec::new()),
    }
}

/// Compares what the tables, the data and everything else hold.
fn assert_same_memory(left: &Ram, right: &Ram) {
    for number in 0..left.frames() {
        assert_eq!(left.frame(frame(number)), right.frame(frame(number)), "frame {number}");
    }
}

fn assert_invariants(counters: &MmuCounters, config: MmuConfig, dirty_walks: u64) {
    let MmuCounters { itlb, dtlb, supervisor, l2, .. } = counters;
    assert!(itlb.misses <= itlb.lookups && l2.misses <= l2.lookups);
    for data in [dtlb, supervisor] {
        assert!(data.load_misses <= data.loads && data.store_misses <= data.stores);
    }
    let last_level_misses = if config.tlb.l2.is_some() {
        assert_eq!(l2.lookups, counters.first_level_misses());
        l2.misses
    } else {
        counters.first_level_misses()
    };
    assert_eq!(counters.walks, last_level_misses + dirty_walks);
    assert!(counters.walk_reads <= 5 * counters.walks);
    assert!(counters.ad_updates <= counters.walks);
}

fn config(tlb: &str, ad_update: AdUpdate, shortcut: HostShortcut) -> MmuConfig {
    MmuConfig { tlb: tlb.parse().unwrap(), ad_update, shortcut, ..MmuConfig::default() }
}

proptest! {
    #[test]
    fn the_mmu_is_indistinguishable_from_a_naive_one(
        history in history(),
        tlb in select(vec!["tiny", "l1i=1,l1d=1,l2=none", "l1i=1,l1d=2,l2=4x1", "l1i=4x2,l1d=8x2,l2=16x4", "u74",
            "l1i=4:plru,l1d=8x4:plru,l2=16x8:plru", "l1i=3:fifo,l1d=4x2:fifo,l2=16x4:fifo"]),
        ad_update in select(vec![AdUpdate::Svadu, AdUpdate::Svade]),
        shortcut in select(vec![HostShortcut::On, HostShortcut::Off]),
    ) {
        let config = config(tlb, ad_update, shortcut);
        let mut world = World::new(config);
        let mut reference = Reference::new(config, Ram::new(world.ram.frames() * PAGE_SIZE).unwrap());
        let mut view = View::USER;
        for (number, op) in history.iter().enumerate() {
            let answer = step(&mut world, &mut view, op);
            prop_assert_eq!(answer, expect(&mut reference, op), "step {}: {:?}", number, op);
            prop_assert_eq!(world.counters(), reference.counters, "after step {}: {:?}", number, op);
        }
        assert_same_memory(&world.ram, &reference.ram);
        assert_invariants(&world.counters(), config, reference.dirty_walks);
    }

    #[test]
    fn the_shortcut_changes_nothing_under_random_replacement(history in history(), seed: u64) {
        let tlb = "l1i=4:random,l1d=8x4:random,l2=16x4:random".parse().unwrap();
        let with = |shortcut| World::new(MmuConfig { tlb, seed, shortcut, ..MmuConfig::default() });
        let (mut fast, mut slow) = (with(HostShortcut::On), with(HostShortcut::Off));
        let (mut fast_view, mut slow_view) = (View::USER, View::USER);
        for (number, op) in history.iter().enumerate() {
            let answers = (step(&mut fast, &mut fast_view, op), step(&mut slow, &mut slow_view, op));
            prop_assert_eq!(answers.0, answers.1, "step {}: {:?}", number, op);
            prop_assert_eq!(fast.counters(), slow.counters(), "after step {}: {:?}", number, op);
            // A store to marked code is noticed at the same moment.
            prop_assert_eq!(fast.ram.take_rewritten(), slow.ram.take_rewritten());
        }
        assert_same_memory(&fast.ram, &slow.ram);
    }

    #[test]
    fn counts_taken_at_any_moment_add_up(history in history(), every in 1..50usize) {
        let mut whole = World::with_tlb("u74");
        let mut parts = World::with_tlb("u74");
        let (mut whole_view, mut parts_view) = (View::USER, View::USER);
        let mut sum = MmuCounters::default();
        for (number, op) in history.iter().enumerate() {
            let _ = step(&mut whole, &mut whole_view, op);
            let _ = step(&mut parts, &mut parts_view, op);
            if number % every == 0 {
                sum += parts.mmu.take_counters();
            }
        }
        sum += parts.mmu.take_counters();
        prop_assert_eq!(sum, whole.counters());
        prop_assert_eq!(parts.counters(), MmuCounters::default());
    }
}
