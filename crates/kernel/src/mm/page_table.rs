//! Sv39 page tables in guest RAM. Nothing else writes a PTE.
//!
//! Every change of a leaf keeps three things true at once: the frame's reverse map and counts, the address space's
//! resident figures, and the fences owed for translations that harts may hold. A leaf is 4 KiB or 2 MiB large, and its
//! slot knows it.

use super::entries::{decode, entries_of, first_used};
use super::frames::{Frames, OutOfMemory};
use super::page_size::PageSize;
use super::resident::Resident;
use super::sabotage::{Sabotage, is_broken};
use super::{Fences, Work};
use crate::MmId;
use std::ops::Range;
use tine_mmu::{PAGE_SIZE, PhysAddr, Ppn, Pte, PteFlags, Ram, Vpn};

/// log2 of the slots in a table.
const INDEX_BITS: u32 = 9;
/// Slots in a table.
pub(super) const SLOTS: u64 = 1 << INDEX_BITS;
/// The level of the root (Privileged ISA, "Sv39: Page-Based 39-bit Virtual-Memory System").
const ROOT_LEVEL: u32 = 2;

/// The level whose slots may hold huge leaves.
const HUGE_LEVEL: u32 = PageSize::Huge.level();

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
    /// The first page that it translates.
    pub(super) vpn: Vpn,
    /// The physical address of the PTE.
    pub(super) at: PhysAddr,
    /// How much it translates.
    pub(super) size: PageSize,
}

impl SlotRef {
    /// Returns the slot of `vpn` in a table.
    pub(super) fn new(table: Ppn, vpn: Vpn, size: PageSize) -> Self {
        let vpn = size.floor(vpn);
        Self { vpn, at: slot_address(table, vpn, size.level()), size }
    }

    /// Returns the slot of another page that the same table translates.
    pub(super) fn beside(self, vpn: Vpn) -> Self {
        Self::new(self.at.ppn(), vpn, self.size)
    }

    /// Returns the pages that it translates.
    pub(super) fn pages(self) -> Range<Vpn> {
        self.vpn..self.vpn + self.size.pages()
    }
}

/// What a slot above the lowest level holds.
enum Branch {
    /// Nothing.
    Empty,
    /// The next-level table, which on-demand fork may withhold.
    Table(Ppn),
    /// A leaf, valid or not.
    Leaf,
}

impl Branch {
    fn decode(pte: Pte) -> Self {
        match pte {
            Pte::EMPTY => Self::Empty,
            // Valid or not: on-demand fork withholds tables.
            pte if !pte.flags().intersects(PteFlags::R | PteFlags::W | PteFlags::X) => Self::Table(pte.ppn()),
            _ => Self::Leaf,
        }
    }
}

/// One address space's page table.
#[derive(Clone, Debug)]
pub(super) struct PageTable {
    pub(super) root: Ppn,
    pub(super) space: MmId,
    pub(super) resident: Resident,
    pub(super) frames: u64,
    /// One empty table for each huge leaf, so that it can always be split (Linux: `pgtable_trans_huge_deposit`).
    pub(super) deposits: Vec<Ppn>,
}

/// A lowest-level table that exists, and the pages of it that a walk asked for; or the slot of a huge leaf.
pub(super) struct Leaf {
    table: Ppn,
    size: PageSize,
    pages: Range<Vpn>,
}

impl Leaf {
    /// Tells whether it is a table, and not a huge leaf.
    pub(super) fn is_table(&self) -> bool {
        self.size == PageSize::Base
    }

    /// Returns the table.
    pub(super) fn table(&self) -> Ppn {
        self.table
    }

    /// Returns the first page that was asked for.
    pub(super) fn start(&self) -> Vpn {
        self.pages.start
    }

    /// Returns the page that a slot translates, in a table of base pages.
    pub(super) fn page(&self, slot: usize) -> Vpn {
        first_of_leaf(self.pages.start) + slot as u64
    }

    /// Returns the indices of the slots of the pages that were asked for, in a table of base pages.
    pub(super) fn slots(&self) -> Range<usize> {
        let first = index(self.pages.start, 0) as usize;
        first..first + (self.pages.end.0 - self.pages.start.0) as usize
    }

    /// Returns what its slots hold, empty ones too.
    pub(super) fn entries<'r>(&self, ram: &'r Ram) -> impl Iterator<Item = Pte> + use<'r> {
        let start = self.size.floor(self.pages.start);
        let slots = (self.pages.end.0 - start.0).div_ceil(self.size.pages());
        let first = index(start, self.size.level()) as usize;
        entries_of(ram.frame(self.table))[first..][..slots as usize].iter().map(|entry| decode(*entry))
    }

    /// Returns the slots that are not empty, with what they hold.
    pub(super) fn populated(&self, ram: &Ram) -> Vec<(SlotRef, Pte)> {
        let start = self.size.floor(self.pages.start);
        let vpns = (start.0..).step_by(self.size.pages() as usize).map(Vpn);
        vpns.zip(self.entries(ram))
            .filter(|&(_, pte)| pte != Pte::EMPTY)
            .map(|(vpn, pte)| (SlotRef::new(self.table, vpn, self.size), pte))
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
    Leaf { table, size: PageSize::Base, pages: first..first + SLOTS }.populated(ram)
}

pub(super) fn slot_address(table: Ppn, vpn: Vpn, level: u32) -> PhysAddr {
    table.base() + index(vpn, level) * 8
}

/// Returns how many pages a slot of `level` translates.
fn span(level: u32) -> u64 {
    1 << (level * INDEX_BITS)
}

/// Finds the first slot of a table that translates pages of `range` and is not empty. Returns which of them it translates,
/// and what it holds.
fn next_occupied(ram: &Ram, table: Ppn, level: u32, range: Range<Vpn>) -> Option<(Range<Vpn>, Pte)> {
    let last = Vpn(range.end.0.checked_sub(1).filter(|&last| last >= range.start.0)?);
    let slots = index(range.start, level) as usize..=index(last, level) as usize;
    let entries = &entries_of(ram.frame(table))[slots];
    let skipped = first_used(entries)?;
    // The first slot's pages may have begun before the range.
    let begin = (range.start.0 & !(span(level) - 1)) + skipped as u64 * span(level);
    let pages = Vpn(begin).max(range.start)..Vpn(begin + span(level)).min(range.end);
    Some((pages, decode(entries[skipped])))
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
        Ok(Self { root, space, resident: Resident::default(), frames: 1, deposits: Vec::new() })
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

    /// Returns how many tables are put by for huge leaves.
    pub(super) fn deposits(&self) -> u64 {
        self.deposits.len() as u64
    }

    /// Returns how many frames the tables take.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Returns the frames of the tables, the root and those that wait for a split among them.
    pub(super) fn tables(&self, ram: &Ram) -> Vec<Ppn> {
        let mut tables = vec![self.root];
        let mut level_start = 0;
        for _ in 0..ROOT_LEVEL {
            let level_end = tables.len();
            for index in level_start..level_end {
                let entries = ram.frame(tables[index]).chunks_exact(8);
                let entries =
                    entries.map(|entry| Pte(u64::from_le_bytes(entry.try_into().expect("8 bytes"))));
                tables.extend(entries.filter_map(|pte| match Branch::decode(pte) {
                    Branch::Table(next) => Some(next),
                    Branch::Empty | Branch::Leaf => None,
                }));
            }
            level_start = level_end;
        }
        tables.extend(&self.deposits);
        tables
    }

    /// Returns the slot that translates a page; `None` when no table reaches it.
    pub(super) fn find(&self, ram: &Ram, vpn: Vpn) -> Option<SlotRef> {
        let mut table = self.root;
        for level in (1..=ROOT_LEVEL).rev() {
            match Branch::decode(read(ram, slot_address(table, vpn, level))) {
                Branch::Empty => return None,
                Branch::Table(next) => table = next,
                Branch::Leaf => return Some(SlotRef::new(table, vpn, PageSize::Huge)),
            }
        }
        Some(SlotRef::new(table, vpn, PageSize::Base))
    }

    /// Returns the entry that points to the leaf table of a page, and where it is; `None` when no table reaches the page. The
    /// entry is not valid where on-demand fork withholds the table.
    pub(super) fn leaf_entry(&self, ram: &Ram, vpn: Vpn) -> Option<(PhysAddr, Pte)> {
        let mut at = slot_address(self.root, vpn, ROOT_LEVEL);
        for level in (1..ROOT_LEVEL).rev() {
            let Branch::Table(table) = Branch::decode(read(ram, at)) else { return None };
            at = slot_address(table, vpn, level);
        }
        let entry = read(ram, at);
        matches!(Branch::decode(entry), Branch::Table(_)).then_some((at, entry))
    }

    /// Tells whether a page has a leaf table that on-demand fork withholds.
    pub(super) fn is_withheld(&self, ram: &Ram, vpn: Vpn) -> bool {
        self.leaf_entry(ram, vpn).is_some_and(|(_, entry)| !entry.is_valid())
    }

    /// Returns a page of each leaf table that reaches into `range`.
    pub(super) fn leaf_tables(&self, ram: &Ram, range: Range<Vpn>) -> Vec<Vpn> {
        self.leaves(ram, range).into_iter().filter(Leaf::is_table).map(|leaf| leaf.pages.start).collect()
    }

    /// Returns the slot that a huge page around `vpn` would have, whatever it holds; `None` when no table reaches it.
    pub(super) fn find_huge(&self, ram: &Ram, vpn: Vpn) -> Option<SlotRef> {
        match Branch::decode(read(ram, slot_address(self.root, vpn, ROOT_LEVEL))) {
            Branch::Table(table) => Some(SlotRef::new(table, vpn, PageSize::Huge)),
            Branch::Empty | Branch::Leaf => None,
        }
    }

    /// Returns what a page finds in its slot: a huge leaf names the frame of this page.
    pub(super) fn look_up(&self, ram: &Ram, vpn: Vpn) -> Slot {
        let Some(slot) = self.find(ram, vpn) else { return Slot::Empty };
        let of_page = |pte| piece(pte, vpn.0 - slot.vpn.0);
        match self.get(ram, slot) {
            Slot::Empty => Slot::Empty,
            Slot::Protected(pte) => Slot::Protected(of_page(pte)),
            Slot::Present(pte) => Slot::Present(of_page(pte)),
        }
    }

    /// Returns what a slot holds.
    pub(super) fn get(&self, ram: &Ram, slot: SlotRef) -> Slot {
        Slot::decode(read(ram, slot.at))
    }

    /// Returns the slot of a page, with the tables that lead to it: the one that the page has, or where it has none yet one
    /// of `size`.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a table. Those made on the way stay; [`Self::prune`] finds them.
    pub(super) fn reserve(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        vpn: Vpn,
        size: PageSize,
    ) -> Result<SlotRef, OutOfMemory> {
        if let Some(slot) = self.find(work.ram, vpn) {
            return Ok(slot);
        }
        let at = self.reserve_leaf_entry(work, frames, vpn)?;
        if size == PageSize::Huge {
            return Ok(SlotRef::new(at.ppn(), vpn, PageSize::Huge));
        }
        let table = self.next_table(work, frames, at, vpn, HUGE_LEVEL)?;
        Ok(SlotRef::new(table, vpn, PageSize::Base))
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
        if let Branch::Table(table) = Branch::decode(read(work.ram, at)) {
            return Ok(table);
        }
        let first = Vpn(vpn.0 & !(span(level) - 1));
        let next = frames.allocate_table(work.ram, self.space, first)?;
        self.frames += 1;
        store(work.ram, at, Pte::table(next));
        frames.count_slots(at.ppn(), 1);
        Ok(next)
    }

    /// Returns the lowest-level tables and huge leaves that exist in `range`, each with its part of it.
    pub(super) fn leaves(&self, ram: &Ram, range: Range<Vpn>) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        self.collect_leaves(ram, self.root, ROOT_LEVEL, range, &mut leaves);
        leaves
    }

    fn collect_leaves(&self, ram: &Ram, table: Ppn, level: u32, range: Range<Vpn>, leaves: &mut Vec<Leaf>) {
        if level == 0 {
            return leaves.push(Leaf { table, size: PageSize::Base, pages: range });
        }
        let mut rest = range;
        while let Some((pages, pte)) = next_occupied(ram, table, level, rest.clone()) {
            rest.start = pages.end;
            match Branch::decode(pte) {
                Branch::Empty => {}
                Branch::Table(next) => self.collect_leaves(ram, next, level - 1, pages, leaves),
                Branch::Leaf => leaves.push(Leaf { table, size: PageSize::Huge, pages }),
            }
        }
    }

    /// Maps `pte`'s page at an empty slot. The caller's reference to the page passes to the slot; for a huge one the caller
    /// has made a deposit.
    pub(super) fn fill(&mut self, work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, pte: Pte) {
        frames.count_slots(slot.at.ppn(), 1);
        frames.attach(pte.ppn(), slot.at, slot.size);
        self.count(frames, slot, pte);
        store(work.ram, slot.at, pte);
    }

    /// Changes the flags of a slot that maps a frame, and keeps the frame.
    pub(super) fn change(&mut self, work: &mut Work<'_>, slot: SlotRef, old: Pte, new: Pte) {
        if old != new {
            store(work.ram, slot.at, new);
            owe(&mut work.fences, slot.vpn, old);
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
        let (lost, gained) = (frames.kind(old.ppn()), frames.kind(new.ppn()));
        // A copy is nearly always a private page for a private page, so that no count changes.
        if lost != gained {
            self.uncount(frames, slot, old);
            frames.count_pages(slot.at.ppn(), lost, -1);
            self.count(frames, slot, new);
        }
        owe(&mut work.fences, slot.vpn, old);
        release(work, frames, slot, old);
        frames.attach(new.ppn(), slot.at, slot.size);
        store(work.ram, slot.at, new);
    }

    /// Moves what `from` maps to the empty slot `to` of the same size, with the page's reference.
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
        frames.reattach(pte.ppn(), from.at, to.at, from.size);
        let kind = frames.kind(pte.ppn());
        frames.count_pages(from.at.ppn(), kind, -1);
        frames.count_pages(to.at.ppn(), kind, 1);
        if !is_broken(Sabotage::MoveNotFenced) {
            owe(&mut work.fences, from.vpn, pte);
        }
    }

    /// Empties a slot, and releases its reference to the frame.
    pub(super) fn clear(&mut self, work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, old: Pte) {
        self.uncount(frames, slot, old);
        owe(&mut work.fences, slot.vpn, old);
        vacate(work, frames, slot, old);
        if slot.size == PageSize::Huge {
            self.withdraw(work, frames);
        }
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
        let mut rest = range;
        while let Some((pages, pte)) = next_occupied(work.ram, table, level, rest.clone()) {
            rest.start = pages.end;
            if let Branch::Table(next) = Branch::decode(pte) {
                let at = slot_address(table, pages.start, level);
                if level > 1 {
                    self.prune_table(work, frames, next, level - 1, pages);
                }
                if frames.table(next).populated == 0 && !is_broken(Sabotage::TablesLeak) {
                    store(work.ram, at, Pte::EMPTY);
                    frames.count_slots(table, -1);
                    frames.release(work.ram, next);
                    self.frames -= 1;
                }
            }
        }
    }

    /// Frees the root, after everything under it was cleared and pruned.
    pub(super) fn free(mut self, work: &mut Work<'_>, frames: &mut Frames) {
        while !self.deposits.is_empty() {
            self.withdraw(work, frames);
        }
        frames.release(work.ram, self.root);
    }

    /// Notes that a slot maps a page.
    fn count(&mut self, frames: &mut Frames, slot: SlotRef, pte: Pte) {
        frames.count_pages(slot.at.ppn(), frames.kind(pte.ppn()), 1);
        if let Some(pages) = self.resident.of(frames.kind(pte.ppn())) {
            *pages += slot.size.pages();
        }
        self.resident.peak = self.resident.peak.max(self.resident.total());
    }

    /// Notes that the address space has what a slot maps no more.
    pub(super) fn uncount(&mut self, frames: &Frames, slot: SlotRef, old: Pte) {
        if let Some(pages) = self.resident.of(frames.kind(old.ppn())) {
            *pages -= slot.size.pages();
        }
    }
}

/// Empties a slot that no address space counts any more, and releases its reference to the frame.
pub(super) fn vacate(work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, old: Pte) {
    store(work.ram, slot.at, Pte::EMPTY);
    frames.count_slots(slot.at.ppn(), -1);
    frames.count_pages(slot.at.ppn(), frames.kind(old.ppn()), -1);
    release(work, frames, slot, old);
}

/// Releases a slot's reference to a frame.
fn release(work: &mut Work<'_>, frames: &mut Frames, slot: SlotRef, old: Pte) {
    // What the D bit says of the page outlives the PTE.
    let is_dirty = old.has(PteFlags::D) && !is_broken(Sabotage::LostDirtyBit);
    // The page of a parent and a child, as one of them gets a copy.
    if slot.size == PageSize::Base && frames.unshare_private(old.ppn(), slot.at, is_dirty) {
        return frames.count_shared(-1);
    }
    if is_dirty {
        frames.mark_dirty(old.ppn());
    }
    frames.detach(work.ram, old.ppn(), slot.at, slot.size);
    let in_vain = frames.take_copied_in_vain();
    work.count(|counters| counters.copied_in_vain += in_vain);
}

pub(super) fn store(ram: &mut Ram, at: PhysAddr, pte: Pte) {
    ram.write_u64(at, pte.0).expect("page tables lie in RAM");
}

/// Returns the PTE that maps another frame with the same flags.
pub(super) fn renamed(pte: Pte, ppn: Ppn) -> Pte {
    let renamed = Pte::leaf(ppn, pte.flags());
    if pte.is_valid() { renamed } else { renamed.without(PteFlags::V) }
}

/// Returns the PTE that maps one of the pieces of what a huge leaf maps.
pub(super) fn piece(huge: Pte, index: u64) -> Pte {
    renamed(huge, huge.ppn() + index)
}

/// Owes a fence for a translation that harts may hold. One is enough for a huge page: a hart has one entry for all of it.
pub(super) fn owe(fences: &mut Fences, vpn: Vpn, old: Pte) {
    if old.is_valid() && !is_broken(Sabotage::NoFence) {
        fences.owe(vpn);
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
