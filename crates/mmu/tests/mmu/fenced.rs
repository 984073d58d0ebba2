//! What an MMU with TLBs may answer, by the letter of the manual: what the page table says now, or what it has said at some
//! moment since the last fence that covers the access (Privileged ISA, "Supervisor Memory-Management Fence Instruction").
//!
//! The table is read directly and slowly, after each step of a random history, and every leaf that is read is remembered until
//! a fence covers it. So whoever forgets to fence is told by the test where an answer may differ from the table, and who
//! has fenced is promised that it does not.

use crate::model::{Op, PAGES, history, page_address, step};
use crate::world::{World, entry_address};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{HashMap, HashSet};
use tine_mmu::{
    Access, AdUpdate, Asid, Fence, HostShortcut, MemoryFaultKind, MmuConfig, PAGE_SIZE, PhysAddr, Ppn,
    Privilege, PteFlags, Ram, Satp, SatpMode, View, VirtAddr, Vpn,
};

/// What a walk ends at, for one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Leaf {
    frame: Ppn,
    /// With G inherited.
    flags: PteFlags,
    /// One of sixteen that map 64 KiB together.
    in_range: bool,
}

type Outcome = Result<PhysAddr, MemoryFaultKind>;

/// Reads the table as it is.
fn read(ram: &Ram, satp: Satp, va: VirtAddr) -> Result<Leaf, MemoryFaultKind> {
    let levels = satp.mode.levels();
    let sign_extended = (va.0 as i64) << (52 - 9 * levels) >> (52 - 9 * levels);
    if sign_extended != va.0 as i64 {
        return Err(MemoryFaultKind::Page);
    }
    let (mut table, mut global) = (satp.root, PteFlags::empty());
    for level in (0..levels).rev() {
        let bits = ram.read_u64(entry_address(table, va, level)).ok_or(MemoryFaultKind::Access)?;
        let flags = PteFlags::from_bits_truncate(bits);
        let (ppn, in_range) = (bits >> 10 & ((1 << 44) - 1), bits >> 63 == 1);
        let is_pointer = bits & 0b1110 == 0;
        let leaf_bits = PteFlags::A | PteFlags::D | PteFlags::U;
        let is_reserved = bits >> 54 & 0x1ff != 0
            || bits & 0b110 == 0b100
            || is_pointer && (in_range || flags.intersects(leaf_bits))
            || in_range && (level > 0 || ppn & 0xf != 8);
        if bits & 1 == 0 || is_reserved {
            return Err(MemoryFaultKind::Page);
        }
        global |= flags & PteFlags::G;
        if is_pointer {
            table = Ppn(ppn);
            continue;
        }
        let inside = if in_range { 0xf } else { (1 << (9 * level)) - 1 };
        let base = if in_range { ppn & !0xf } else { ppn };
        if base & inside != 0 {
            return Err(MemoryFaultKind::Page);
        }
        return Ok(Leaf { frame: Ppn(base | va.vpn().0 & inside), flags: flags | global, in_range });
    }
    Err(MemoryFaultKind::Page)
}

/// The table of "Virtual Address Translation Process", steps 6 and 8.
fn allows(flags: PteFlags, access: Access, view: View) -> bool {
    let has = |flag| flags.contains(flag);
    let is_mine = match (view.privilege, has(PteFlags::U)) {
        (Privilege::User, is_users) => is_users,
        (_, false) => true,
        (_, true) => view.sum && access != Access::Fetch,
    };
    is_mine
        && match access {
            Access::Fetch => has(PteFlags::X),
            Access::Load => has(PteFlags::R) || view.mxr && has(PteFlags::X),
            Access::Store => has(PteFlags::W),
        }
}

/// What an access through a leaf comes to.
fn through(leaf: Leaf, ram: &Ram, va: VirtAddr, access: Access, view: View, ad: AdUpdate) -> Outcome {
    let used = if access == Access::Store { PteFlags::A | PteFlags::D } else { PteFlags::A };
    if !allows(leaf.flags, access, view) || ad == AdUpdate::Svade && !leaf.flags.contains(used) {
        return Err(MemoryFaultKind::Page);
    }
    let at = PhysAddr(leaf.frame.base().0 | va.offset());
    if ram.contains(leaf.frame.base(), PAGE_SIZE) { Ok(at) } else { Err(MemoryFaultKind::Outside(at)) }
}

/// The leaves that a TLB may still hold.
#[derive(Default)]
struct Memory {
    /// By address space and page.
    own: HashMap<(u16, Vpn), HashSet<Leaf>>,
    /// Of every address space, by page.
    global: HashMap<Vpn, HashSet<Leaf>>,
}

impl Memory {
    /// Reads every page of the universe in the current address space.
    fn note(&mut self, ram: &Ram, satp: Satp, ad: AdUpdate) {
        if satp.mode == SatpMode::Bare {
            return;
        }
        for va in (0..PAGES).map(page_address) {
            // What is not valid is never cached, nor what is not accessed where software says so.
            let Ok(leaf) = read(ram, satp, va) else { continue };
            if ad == AdUpdate::Svade && !leaf.flags.contains(PteFlags::A) {
                continue;
            }
            let vpn = va.vpn();
            let held = if leaf.flags.contains(PteFlags::G) {
                self.global.entry(vpn).or_default()
            } else {
                self.own.entry((satp.asid.0, vpn)).or_default()
            };
            held.insert(leaf);
        }
    }

    fn fence(&mut self, fence: Fence) {
        match fence {
            Fence::All => *self = Self::default(),
            Fence::Asid(asid) => self.own.retain(|&(of, _), _| of != asid.0),
            Fence::Page(va) => {
                self.own.retain(|&(_, vpn), _| vpn != va.vpn());
                self.global.remove(&va.vpn());
            }
            Fence::PageAsid(va, asid) => {
                self.own.remove(&(asid.0, va.vpn()));
            }
        }
    }

    fn held(&self, asid: Asid, vpn: Vpn) -> impl Iterator<Item = Leaf> {
        let own = self.own.get(&(asid.0, vpn)).into_iter().flatten();
        own.chain(self.global.get(&vpn).into_iter().flatten()).copied()
    }
}

/// How often an answer was another than the table's, and through which leaves.
#[derive(Debug, Default)]
struct Differences {
    modes: HashSet<SatpMode>,
    global: u64,
    in_range: u64,
    total: u64,
}

/// Both sides of the comparison.
struct Check {
    world: World,
    view: View,
    memory: Memory,
    differences: Differences,
}

impl Check {
    fn new(config: MmuConfig) -> Self {
        Self {
            world: World::new(config),
            view: View::USER,
            memory: Memory::default(),
            differences: Differences::default(),
        }
    }

    fn access(&mut self, va: VirtAddr, access: Access) -> Result<(), TestCaseError> {
        let Self { world, view, memory, differences } = self;
        let (satp, ad) = (world.mmu.satp(), world.mmu.config().ad_update);
        let is_translated = satp.mode != SatpMode::Bare && view.privilege != Privilege::Machine;
        let through = |ram: &Ram, leaf| through(leaf, ram, va, access, *view, ad);
        let now = if is_translated {
            read(&world.ram, satp, va).and_then(|leaf| through(&world.ram, leaf))
        } else {
            let at = PhysAddr(va.0);
            if world.ram.contains(at.ppn().base(), PAGE_SIZE) {
                Ok(at)
            } else {
                Err(MemoryFaultKind::Outside(at))
            }
        };
        let answer = world.translate(va, access).map_err(|fault| fault.kind);
        world.resume_as(*view);
        if answer == now {
            return Ok(());
        }
        // Where hardware sets the dirty bit, a store that an entry allows and that has it clear asks the table.
        let is_current = |leaf: &Leaf| {
            let may_set = access == Access::Store && ad == AdUpdate::Svadu;
            may_set && !leaf.flags.contains(PteFlags::D) && allows(leaf.flags, access, *view)
        };
        let mut held = memory.held(satp.asid, va.vpn()).filter(|leaf| !is_current(leaf));
        let Some(leaf) = held.find(|&leaf| is_translated && through(&world.ram, leaf) == answer) else {
            prop_assert!(
                false,
                "{access:?} at {va} with {satp:?}: {answer:?}; the table says {now:?}, and said nothing else since the fence"
            );
            return Ok(());
        };
        differences.modes.insert(satp.mode);
        differences.global += u64::from(leaf.flags.contains(PteFlags::G));
        differences.in_range += u64::from(leaf.in_range);
        differences.total += 1;
        Ok(())
    }

    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match *op {
            Op::Load { at, .. } => self.access(at, Access::Load)?,
            Op::Store { at, .. } => self.access(at, Access::Store)?,
            Op::Fetch { at } => self.access(at, Access::Fetch)?,
            // They store what they copy, also where tables are; the model has them.
            Op::CopyIn { .. } | Op::CopyOut { .. } => {}
            Op::Fence(fence) => {
                let _ = step(&mut self.world, &mut self.view, op);
                self.memory.fence(fence);
            }
            Op::Satp(_) | Op::View(_) | Op::Edit { .. } | Op::MarkCode(_) | Op::Pass => {
                let _ = step(&mut self.world, &mut self.view, op);
            }
        }
        let ad = self.world.mmu.config().ad_update;
        self.memory.note(&self.world.ram, self.world.mmu.satp(), ad);
        Ok(())
    }
}

const TLBS: [&str; 7] = [
    "tiny",
    "l1i=1,l1d=2,l2=4x1",
    "l1i=4x2,l1d=8x2,l2=16x4",
    "u74",
    "l1i=4:plru,l1d=8x4:plru,l2=16x8:plru",
    "l1i=3:fifo,l1d=4x2:fifo,l2=16x4:fifo",
    "l1i=4:random,l1d=8x4:random,l2=16x4:random",
];

proptest! {
    #[test]
    fn an_answer_is_what_the_table_says_or_has_said_since_the_last_fence(
        history in history(),
        tlb in select(TLBS.to_vec()),
        ad_update in select(vec![AdUpdate::Svadu, AdUpdate::Svade]),
        shortcut in select(vec![HostShortcut::On, HostShortcut::Off]),
    ) {
        let config = MmuConfig { tlb: tlb.parse().unwrap(), ad_update, shortcut, ..MmuConfig::default() };
        let mut check = Check::new(config);
        for op in &history {
            check.step(op)?;
        }
    }

    #[test]
    fn who_fences_everything_after_each_edit_sees_the_table(
        history in history(),
        tlb in select(TLBS.to_vec()),
        ad_update in select(vec![AdUpdate::Svadu, AdUpdate::Svade]),
    ) {
        let config = MmuConfig { tlb: tlb.parse().unwrap(), ad_update, ..MmuConfig::default() };
        let mut check = Check::new(config);
        for op in &history {
            check.step(op)?;
            if matches!(op, Op::Edit { .. } | Op::Satp(_)) {
                check.step(&Op::Fence(Fence::All))?;
            }
        }
        prop_assert_eq!(check.differences.total, 0);
    }
}

/// The tests above would hold for an MMU without TLBs too, so that answers which are not the table's must really occur: in each
/// mode, through pages of every address space, and through ranges of 64 KiB.
#[test]
fn without_a_fence_answers_are_old_ones() {
    let mut seen = Differences::default();
    for tlb in TLBS {
        let before = seen.total;
        let mut runner = TestRunner::deterministic();
        for _ in 0..50 {
            let history = history().new_tree(&mut runner).unwrap().current();
            let config = MmuConfig { tlb: tlb.parse().unwrap(), ..MmuConfig::default() };
            let mut check = Check::new(config);
            history.iter().try_for_each(|op| check.step(op)).unwrap();
            let Differences { modes, global, in_range, total } = check.differences;
            seen.modes.extend(modes);
            seen.global += global;
            seen.in_range += in_range;
            seen.total += total;
        }
        assert!(seen.total > before, "{tlb}");
    }
    assert_eq!(seen.modes.len(), 3, "{seen:?}");
    assert!(seen.global > 0 && seen.in_range > 0, "{seen:?}");
}
