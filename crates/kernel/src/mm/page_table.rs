//! Sv39 page tables in guest RAM. Nothing else writes a PTE.
//!
//! Every change of a leaf keeps three things true at once: the frame's reverse map and counts, the address space's
//! resident figures, and the fences owed for translations that harts may hold.

use super::Work;
use super::frames::TablePages;
use super::frames::{FrameKind, Frames, OutOfMemory};
use super::sabotage::{Sabotage, is_broken};
use crate::MmId;
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, PhysAddr, Ppn, Pte, PteFlags, Ram, Vpn};

/// log2 of the slots in a table.
const INDEX_BITS: u32 = 9;
/// Slots in a table.
pub(super) const SLOTS: u64 = 1 << INDEX_BITS;
/// The level of the root (Privileged ISA, "Sv39: Page-Based 39-bit Virtual-Memory System").
const ROOT_LEVEL: u32 = 2;

/// What a leaf slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Nothing.
    Empty,
    /// A frame that nobody may access (`PROT_NONE`): the PTE is not valid, but still names it.
    Protected(Pte),
    /// A valid PTE.
    Present(Pte),
}

impl Slot {
    /// Reads the bits of a slot.
    fn decode(pte: Pte) -> Self {
        match pte {
            Pte::EMPTY => Self::Empty,
            pte if pte.is_valid() => Self::Present(pte),
            pte => Self::Protected(pte),
        }
    }

    /// Returns the PTE unless the slot is empty.
    pub(super) fn pte(self) -> Option<Pte> {
        match self {
            Self::Empty => None,
            Self::Protected(pte) | Self::Present(pte) => Some(pte),
        }
    }
}

/// Where the leaf PTE of a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotRef {
    /// The page that it translates.
    pub(super) vpn: Vpn,
    /// The physical address of the PTE.
    pub(super) at: PhysAddr,
}

impl SlotRef {
    /// Returns the slot of another page that the same table translates.
    pub(super) fn beside(self, vpn: Vpn) -> Self {
        Self { vpn, at: slot_address(self.at.ppn(), vpn, 0) }
    }
}

/// Resident pages by what holds them, as `/proc/<pid>/status` splits them (`RssAnon`, `RssFile`, `RssShmem`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Private pages.
    pub anon: u64,
    /// Pages of files.
    pub file: u64,
    /// Pages of shared anonymous memory.
    pub shared_memory: u64,
    /// The most pages that were resident at once (`VmHWM`).
    pub peak: u64,
}

impl Resident {
    /// Returns the pages of all kinds.
    pub fn total(&self) -> u64 {
        self.anon + self.file + self.shared_memory
    }

    fn of(&mut self, kind: FrameKind) -> Option<&mut u64> {
        match kind {
            FrameKind::Anon => Some(&mut self.anon),
            FrameKind::PageCache => Some(&mut self.file),
            FrameKind::SharedMemory => Some(&mut self.shared_memory),
            FrameKind::Free | FrameKind::PageTable | FrameKind::Zero | FrameKind::Pool => None,
        }
    }
}

/// One address space's page table.
#[derive(Clone, Debug)]
pub(super) struct PageTable {
    root: Ppn,
    space: MmId,
    resident: Resident,
    frames: u64,
}

/// A lowest-level table that exists, and the pages of it that a walk asked for.
pub(super) struct Leaf {
    table: Ppn,
    pages: Range<Vpn>,
}

impl Leaf {
    /// Returns the first page that was asked for.
    pub(super) fn start(&self) -> Vpn {
        self.pages.start
    }

    /// Returns the slots that are not empty, with what they hold.
    pub(super) fn populated(&self, ram: &Ram) -> Vec<(SlotRef, Pte)> {
        let first = index(self.pages.start, 0) as usize * 8;
        let bytes = &ram.frame(self.table)[first..][..(self.pages.end.0 - self.pages.start.0) as usize * 8];
        let entries =
            bytes.chunks_exact(8).map(|entry| Pte(u64::from_le_bytes(entry.try_into().expect("8 bytes"))));
        (self.pages.start.0..)
            .map(Vpn)
            .zip(entries)
            .filter(|&(_, pte)| pte != Pte::EMPTY)
            .map(|(vpn, pte)| (SlotRef { vpn, at: slot_address(self.table, vpn, 0) }, pte))
            .collect()
    }
}

/// Returns the index of a page's slot in its table of `level`.
fn index(vpn: Vpn, level: u32) -> u64 {
    vpn.0 >> (level * INDEX_BITS) & (SLOTS - 1)
}

/// Returns the first page that the leaf table of `vpn` translates.
pub(super) fn first_of_leaf(vpn: Vpn) -> Vpn {
    Vpn(vpn.0 & !(SLOTS - 1))
}

/// Returns the slots of a leaf table that are not empty, with what they hold.
pub(super) fn slots_of(ram: &Ram, table: Ppn, first: Vpn) -> Vec<(SlotRef, Pte)> {
    Leaf { table, pages: first..first + SLOTS }.populated(ram)
}

pub(super) fn slot_address(table: Ppn, vpn: Vpn, level: u32) -> PhysAddr {
    table.base() + index(vpn, level) * 8
}

/// Returns how many pages a slot of `level` translates.
fn span(level: u32) -> u64 {
    1 << (level * INDEX_BITS)
}

pub(super) fn read(ram: &Ram, at: PhysAddr) -> Pte {
    Pte(ram.read_u64(at).expect("page tables lie in RAM"))
}

impl PageTable {
    /// Makes a table that maps nothing.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for its root.
    pub(super) fn new(work: &mut Work<'_>, frames: &mut Frames, space: MmId) -> Result<Self, OutOfMemory> {
        let root = frames.allocate_table(work.ram, space, Vpn(0))?;
        Ok(Self { root, space, resident: Resident::default(), frames: 1 })
    }

    /// Returns the frame of the root table.
    pub(super) fn root(&self) -> Ppn {
        self.root
    }

    /// Returns the address space that it belongs to.
    pub(super) fn space(&self) -> MmId {
        self.space
    }

    /// Returns the resident pages.
    pub(super) fn resident(&self) -> Resident {
        self.resident
    }

    /// Returns how many frames the tables take.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Returns the frames of the tables, the root among them.
    pub(super) fn tables(&self, ram: &Ram) -> Vec<Ppn> {
        let mut tables = vec![self.root];
        let mut level_start = 0;
        for _ in 0..ROOT_LEVEL {
            let level_end = tables.len();
            for index in level_start..level_end {
                let entries = ram.frame(tables[index]).chunks_exact(8);
                let entries =
                    entries.map(|entry| Pte(u64::from_le_bytes(entry.try_into().expect("8 bytes"))));
                tables.extend(entries.filter(|&pte| pte != Pte::EMPTY).map(Pte::ppn));
            }
            level_start = level_end;
        }
        tables
    }

    /// Returns the slot of a page; `None` when no table reaches it.
    pub(super) fn find(&self, ram: &Ram, vpn: Vpn) -> Option<SlotRef> {
        let (_, entry) = self.leaf_entry(ram, vpn)?;
        Some(SlotRef { vpn, at: slot_address(entry.ppn(), vpn, 0) })
    }

    /// Returns the entry that points to the leaf table of a page, and where it is; `None` when no table reaches the page. The
    /// entry is not valid where on-demand fork withholds the table.
    pub(super) fn leaf_entry(&self, ram: &Ram, vpn: Vpn) -> Option<(PhysAddr, Pte)> {
        let mut at = slot_address(self.root, vpn, ROOT_LEVEL);
        for level in (1..ROOT_LEVEL).rev() {
            let entry = read(ram, at);
            if entry == Pte::EMPTY {
                return None;
            }
            at = slot_address(entry.ppn(), vpn, level);
        }
        Some((at, read(ram, at))).filter(|&(_, entry)| entry != Pte::EMPTY)
    }

    /// Tells whether a page has a leaf table that on-demand fork withholds.
    pub(super) fn is_withheld(&self, ram: &Ram, vpn: Vpn) -> bool {
        self.leaf_entry(ram, vpn).is_some_and(|(_, entry)| !entry.is_valid())
    }

    /// Returns a page of each leaf table that reaches into `range`.
    pub(super) fn leaf_tables(&self, ram: &Ram, range: Range<Vpn>) -> Vec<Vpn> {
        self.leaves(ram, range).into_iter().map(|leaf| leaf.pages.start).collect()
    }

    /// Takes over a leaf table that another address space has too.
    pub(super) fn adopt(&mut self, pages: TablePages) {
        self.frames += 1;
        self.resident.anon += u64::from(pages.anon);
        self.resident.file += u64::from(pages.file);
        self.resident.shared_memory += u64::from(pages.shared_memory);
        self.resident.peak = self.resident.peak.max(self.resident.total());
    }

    /// Lets go of a leaf table that another address space has too.
    pub(super) fn disown(&mut self, pages: TablePages) {
        self.frames -= 1;
        self.resident.anon -= u64::from(pages.anon);
        self.resident.file -= u64::from(pages.file);
        self.resident.shared_memory -= u64::from(pages.shared_memory);
    }

    /// Returns what the slot of a page holds.
    pub(super) fn look_up(&self, ram: &Ram, vpn: Vpn) -> Slot {
        self.find(ram, vpn).map_or(Slot::Empty, |slot| self.get(ram, slot))
    }

    /// Returns what a slot holds.
    pub(super) fn get(&self, ram: &Ram, slot: SlotRef) -> Slot {
        Slot::decode(read(ram, slot.at))
    }

    /// Returns the slot of a page, with the tables that lead to it.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a table. Those made on the way stay; [`Self::prune`] finds them.
    pub(super) fn reserve(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        vpn: Vpn,
    ) -> Result<SlotRef, OutOfMemory> {
        let at = self.reserve_leaf_entry(work, frames, vpn)?;
        let table = self.next_table(work, frames, at, vpn, 1)?;
        Ok(SlotRef { vpn, at: slot_address(table, vpn, 0) })
    }

    /// Returns where the entry is that points to the leaf table of a page, or will, with the tables that lead to it.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a table.
    pub(super) fn reserve_leaf_entry(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        vpn: Vpn,
    ) -> Result<PhysAddr, OutOfMemory> {
        let mut at = slot_address(self.root, vpn, ROOT_LEVEL);
        for level in (1..ROOT_LEVEL).rev() {
            let table = self.next_table(work, frames, at, vpn, level + 1)?;
            at = slot_address(table, vpn, level);
        }
        Ok(at)
    }

    /// Returns the table to which the entry of `level` at `at` points, which is made where there is none.
    fn next_table(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        at: PhysAddr,
        vpn: Vpn,
        level: u32,
    ) -> Result<Ppn, OutOfMemory> {
        let entry = read(work.ram, at);
        if entry != Pte::EMPTY {
            return Ok(entry.ppn());
        }
        let first = Vpn(vpn.0 & !(span(level) - 1));
        let next = frames.allocate_table(work.ram, self.space, first)?;
        self.frames += 1;
        store(work.ram, at, Pte::table(next));
        frames.count_slots(at.ppn(), 1);
        Ok(next)
    }

    /// Returns the lowest-level tables that exist in `range`, each with its part of it.
    pub(super) fn leaves(&self, ram: &Ram, range: Range<Vpn>) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.collect_leaves(ram, self.root, ROOT_LEVEL, range, &mut leaves);
        leaves
    }

    fn collect_leaves(&self, ram: &Ram, table: Ppn, level: u32, range: Range<Vpn>, leaves: &mut Vec<Leaf>) {
        if level == 0 {
            return leaves.push(Leaf { table, pages: range });
        }
        let mut from = range.start;
        while from < range.end {
            let to = Vpn((from.0 | (span(level) - 1)) + 1).min(range.end);
            let pte = read(ram, slot_address(table, from, level));
            if pte != Pte::EMPTY {
                self.collect_leaves(ram, pte.ppn(), level - 1, from..to, leaves);
            }
            from = to;
        }
    }

    /// Maps `pte`'s frame at an empty slot. The caller's reference to the frame passes to the slot.
    pub(super) fn fill(&mut self, work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, pte: Pte) {
        frames.count_slots(slot.at.ppn(), 1);
        self.attach(frames, slot, pte);
        store(work.ram, slot.at, pte);
    }

    /// Changes the flags of a slot that maps a frame, and keeps the frame.
    pub(super) fn change(&mut self, work: &mut Work<'_>, slot: SlotRef, old: Pte, new: Pte) {
        if old != new {
            store(work.ram, slot.at, new);
            owe(work, slot, old);
        }
    }

    /// Maps another frame at a slot that maps one. The caller's reference to the new frame passes to the slot; the slot's
    /// reference to the old one is released.
    pub(super) fn replace(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        slot: SlotRef,
        old: Pte,
        new: Pte,
    ) {
        self.detach(work, frames, slot, old);
        self.attach(frames, slot, new);
        store(work.ram, slot.at, new);
    }

    /// Moves what `from` maps to the empty slot `to`, with the frame's reference.
    pub(super) fn relocate(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        from: SlotRef,
        to: SlotRef,
        pte: Pte,
    ) {
        store(work.ram, from.at, Pte::EMPTY);
        frames.count_slots(from.at.ppn(), -1);
        store(work.ram, to.at, pte);
        frames.count_slots(to.at.ppn(), 1);
        frames.reattach(pte.ppn(), from.at, to.at);
        let kind = frames.kind(pte.ppn());
        frames.count_pages(from.at.ppn(), kind, -1);
        frames.count_pages(to.at.ppn(), kind, 1);
        if !is_broken(Sabotage::MoveNotFenced) {
            owe(work, from, pte);
        }
    }

    /// Empties a slot, and releases its reference to the frame.
    pub(super) fn clear(&mut self, work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, old: Pte) {
        store(work.ram, slot.at, Pte::EMPTY);
        frames.count_slots(slot.at.ppn(), -1);
        self.detach(work, frames, slot, old);
    }

    /// Empties every slot of `range`. Leaf tables at its ends are the address space's own.
    pub(super) fn clear_range(&mut self, work: &mut Work<'_>, frames: &mut Frames, range: Range<Vpn>) {
        self.drop_shared_tables(work, frames, &range);
        for leaf in self.leaves(work.ram, range) {
            for (slot, old) in leaf.populated(work.ram) {
                self.clear(work, frames, slot, old);
            }
        }
    }

    /// Empties those slots of `range` that map frames of the page cache.
    pub(super) fn clear_cached(&mut self, work: &mut Work<'_>, frames: &mut Frames, range: Range<Vpn>) {
        for leaf in self.leaves(work.ram, range) {
            for (slot, old) in leaf.populated(work.ram) {
                if matches!(frames.kind(old.ppn()), FrameKind::PageCache | FrameKind::SharedMemory) {
                    self.clear(work, frames, slot, old);
                }
            }
        }
    }

    /// Clears the accessed bits of a range, and tells whether any was set: whether somebody used a page since they were
    /// cleared last.
    pub(super) fn take_accessed(&mut self, work: &mut Work<'_>, range: Range<Vpn>) -> bool {
        let mut accessed = false;
        for leaf in self.leaves(work.ram, range) {
            for (slot, pte) in leaf.populated(work.ram).into_iter().filter(|(_, pte)| pte.has(PteFlags::A)) {
                self.change(work, slot, pte, pte.without(PteFlags::A));
                accessed = true;
            }
        }
        accessed
    }

    /// Frees the tables that reach into `range` and hold nothing.
    pub(super) fn prune(&mut self, work: &mut Work<'_>, frames: &mut Frames, range: Range<Vpn>) {
        self.prune_table(work, frames, self.root, ROOT_LEVEL, range);
    }

    fn prune_table(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        table: Ppn,
        level: u32,
        range: Range<Vpn>,
    ) {
        let mut from = range.start;
        while from < range.end {
            let to = Vpn((from.0 | (span(level) - 1)) + 1).min(range.end);
            let at = slot_address(table, from, level);
            let pte = read(work.ram, at);
            if pte != Pte::EMPTY {
                if level > 1 {
                    self.prune_table(work, frames, pte.ppn(), level - 1, from..to);
                }
                if frames.table(pte.ppn()).populated == 0 && !is_broken(Sabotage::TablesLeak) {
                    store(work.ram, at, Pte::EMPTY);
                    frames.count_slots(table, -1);
                    frames.release(work.ram, pte.ppn());
                    self.frames -= 1;
                }
            }
            from = to;
        }
    }

    /// Frees the root, after everything under it was cleared and pruned.
    pub(super) fn free(self, work: &mut Work<'_>, frames: &mut Frames) {
        frames.release(work.ram, self.root);
    }

    fn attach(&mut self, frames: &mut Frames, slot: SlotRef, pte: Pte) {
        frames.attach(pte.ppn(), slot.at);
        frames.count_pages(slot.at.ppn(), frames.kind(pte.ppn()), 1);
        if let Some(pages) = self.resident.of(frames.kind(pte.ppn())) {
            *pages += 1;
        }
        self.resident.peak = self.resident.peak.max(self.resident.total());
    }

    fn detach(&mut self, work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, old: Pte) {
        frames.count_pages(slot.at.ppn(), frames.kind(old.ppn()), -1);
        if let Some(pages) = self.resident.of(frames.kind(old.ppn())) {
            *pages -= 1;
        }
        if old.has(PteFlags::D) && !is_broken(Sabotage::LostDirtyBit) {
            frames.mark_dirty(old.ppn());
        }
        frames.detach(work.ram, old.ppn(), slot.at);
        work.counters.copied_in_vain += frames.take_copied_in_vain();
        owe(work, slot, old);
    }
}

pub(super) fn store(ram: &mut Ram, at: PhysAddr, pte: Pte) {
    ram.write_u64(at, pte.0).expect("page tables lie in RAM");
}

/// Owes a fence for a translation that harts may hold.
fn owe(work: &mut Work<'_>, slot: SlotRef, old: Pte) {
    if old.is_valid() && !is_broken(Sabotage::NoFence) {
        work.fences.owe(slot.vpn);
    }
}

/// Makes the PTE of a page: `flags` as the area gives them, or an invalid one that keeps the frame when it gives none.
pub(super) fn leaf(ppn: Ppn, flags: Option<PteFlags>) -> Pte {
    match flags {
        Some(flags) => Pte::leaf(ppn, flags),
        None => Pte::leaf(ppn, PteFlags::R).without(PteFlags::V),
    }
}

const _: () = assert!(SLOTS * 8 == PAGE_SIZE);
