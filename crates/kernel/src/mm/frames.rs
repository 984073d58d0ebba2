//! The frame table: who owns each frame of guest RAM, and which PTEs map it.
//!
//! ```text
//!   references = PTEs that map the frame + other holders (the page cache, a caller that has just allocated it)
//!   maps       = PTEs that map the frame, each findable by its physical address
//! ```
//!
//! Copy or reuse is decided by [`Frames::is_exclusive`] and nowhere else. Which frames are free is [`Buddy`]'s to say.

use super::buddy::{Buddy, ORDERS};
use super::ledger::Ledger;
use super::pool::Pool;
use super::reverse_map::{MappedBy, ReverseMap};
use super::twins::Twins;
use crate::MmId;
use crate::inject::{Injections, Target};
use tine_mmu::{PhysAddr, Ppn, Pte, PteFlags, Ram, Vpn};

/// No frame is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// What a frame is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameKind {
    /// Nothing.
    #[default]
    Free,
    /// A private page of processes.
    Anon,
    /// A page of a file.
    PageCache,
    /// A page of shared anonymous memory.
    SharedMemory,
    /// A page of page-table entries.
    PageTable,
    /// The page of zeros that reads of fresh anonymous memory share.
    Zero,
    /// Set aside for copies.
    Pool,
}

impl FrameKind {
    const COUNT: usize = 7;
}

/// What a frame of page-table entries knows of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableRole {
    /// The address space that it belongs to.
    pub(super) space: MmId,
    /// The page that its first slot translates.
    pub(super) first: Vpn,
    /// How many of its slots are not empty.
    pub(super) populated: u16,
    /// What they map.
    pub(super) pages: TablePages,
    /// Whether no slot lets a store to private memory through, since on-demand fork has shared the table.
    pub(super) guarded: bool,
}

/// Resident pages that a leaf table maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TablePages {
    /// Private pages.
    pub(super) anon: u32,
    /// Pages of files.
    pub(super) file: u32,
    /// Pages of shared anonymous memory.
    pub(super) shared_memory: u32,
}

/// One row of the frame table.
#[derive(Clone, Copy, Debug, Default)]
struct Frame {
    references: u32,
    maps: u32,
    kind: FrameKind,
    /// Whether its only owner has claimed it by a store since it was last shared (Linux: `PG_anon_exclusive`).
    claimed: bool,
    /// Whether a store changed it through a PTE that is gone (Linux: `PG_dirty`).
    dirty: bool,
    /// Empty for the zero page, whose mappings nobody ever needs to find.
    mapped_by: MappedBy,
    /// What a page-table frame knows of itself.
    table: Option<TableRole>,
    /// Whether it was ever in use. Until then it holds the zeros that RAM began with.
    stale: bool,
}

/// Where the frame of a copy came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CopyFrom {
    /// The pool.
    Pool,
    /// The free frames, because the pool had none left.
    EmptyPool,
    /// The free frames: there is no pool.
    FreeFrames,
}

/// Frames of guest RAM by use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameGauges {
    /// Frames that there are.
    pub total: u64,
    /// Frames that are not free.
    pub in_use: u64,
    /// The most that were in use at once.
    pub peak: u64,
    /// Mappings of the zero page.
    pub zero_shared: u64,
    /// Frames that hold file pages and shared memory.
    pub page_cache: u64,
    /// Of these, the frames of files that are nowhere but in memory, and of shared memory.
    pub shared_memory: u64,
    /// Frames that hold page tables.
    pub page_table: u64,
    /// Frames that hold private pages.
    pub anon: u64,
    /// Private frames with more than one owner.
    pub shared: u64,
    /// Frames set aside for copies.
    pub pool: u64,
}

/// The frame table.
#[derive(Clone, Debug)]
pub struct Frames {
    first: Ppn,
    total: u64,
    /// Rows up to the highest frame that was ever in use: untouched RAM costs nothing.
    rows: Vec<Frame>,
    free: Buddy,
    peak: u64,
    by_kind: [u64; FrameKind::COUNT],
    shared: u64,
    reverse_map: ReverseMap,
    twins: Twins,
    /// Allocations and copies that are made to fail.
    pub(super) injections: Injections,
    /// The copies made, where somebody asked for them.
    ledger: Option<Box<Ledger>>,
    pool: Pool,
}

impl Frames {
    /// Makes the table for `ram`, all of it free.
    pub fn new(ram: &Ram) -> Self {
        Self {
            first: ram.first(),
            total: ram.frames(),
            rows: Vec::new(),
            free: Buddy::new(ram.first(), ram.frames()),
            peak: 0,
            by_kind: [0; FrameKind::COUNT],
            shared: 0,
            reverse_map: ReverseMap::default(),
            twins: Twins::default(),
            injections: Injections::default(),
            ledger: None,
            pool: Pool::default(),
        }
    }

    /// Sets `frames` frames aside for copies.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there are not so many.
    pub(super) fn set_aside(&mut self, frames: u64) -> Result<(), OutOfMemory> {
        self.pool = Pool::new(frames);
        while self.pool.has_room() {
            let ppn = self.allocate(FrameKind::Pool)?;
            self.pool.put(ppn);
        }
        Ok(())
    }

    /// Takes a frame for a copy of a private page, from the pool if it has one; the caller holds its one reference.
    ///
    /// # Errors
    /// [`OutOfMemory`] when every frame is in use.
    pub(super) fn allocate_copy(&mut self) -> Result<(Ppn, CopyFrom), OutOfMemory> {
        self.injections.strike_memory(Target::Copy)?;
        if let Some(ppn) = self.pool.take() {
            self.row_mut(ppn).kind = FrameKind::Anon;
            self.by_kind[FrameKind::Pool as usize] -= 1;
            self.by_kind[FrameKind::Anon as usize] += 1;
            return Ok((ppn, CopyFrom::Pool));
        }
        let from = if self.pool.exists() { CopyFrom::EmptyPool } else { CopyFrom::FreeFrames };
        self.allocate(FrameKind::Anon).map(|ppn| (ppn, from))
    }

    /// Returns the frames set aside, for the checker.
    pub(super) fn set_aside_now(&self) -> impl Iterator<Item = Ppn> + '_ {
        self.pool.frames()
    }

    /// Notes that a frame was stored to.
    pub fn mark_dirty(&mut self, ppn: Ppn) {
        self.row_mut(ppn).dirty = true;
    }

    /// Tells whether a frame was stored to through a mapping since this was asked last, or may have been: a PTE that is
    /// still there keeps its D bit.
    pub fn take_dirty(&mut self, ram: &Ram, ppn: Ppn) -> bool {
        let is_dirty = self.is_dirty(ram, ppn);
        self.row_mut(ppn).dirty = false;
        is_dirty
    }

    /// Tells whether a frame was stored to, or may have been, since [`Self::take_dirty`].
    pub(super) fn is_dirty(&self, ram: &Ram, ppn: Ppn) -> bool {
        let is_stored_to =
            |at: PhysAddr| ram.read_u64(at).is_some_and(|pte| Pte(pte).has(PteFlags::D | PteFlags::V));
        let row = self.row(ppn);
        row.dirty || self.reverse_map.list(ppn, row.mapped_by).into_iter().any(is_stored_to)
    }

    /// Takes a frame whose contents do not matter; the caller holds its one reference.
    ///
    /// # Errors
    /// [`OutOfMemory`] when every frame is in use.
    pub fn allocate(&mut self, kind: FrameKind) -> Result<Ppn, OutOfMemory> {
        self.take_free(kind).map(|(ppn, _)| ppn)
    }

    /// Takes a frame full of zeros; the caller holds its one reference.
    ///
    /// # Errors
    /// [`OutOfMemory`] when every frame is in use.
    pub fn allocate_zeroed(&mut self, ram: &mut Ram, kind: FrameKind) -> Result<Ppn, OutOfMemory> {
        let (ppn, fresh) = self.take_free(kind)?;
        if !fresh {
            ram.zero_frame(ppn);
        }
        Ok(ppn)
    }

    /// Returns a frame, and whether it is fresh: never used, so that it still holds the zeros that RAM began with.
    fn take_free(&mut self, kind: FrameKind) -> Result<(Ppn, bool), OutOfMemory> {
        self.injections.strike_memory(Target::Frame)?;
        let ppn = self.free.take().ok_or(OutOfMemory)?;
        let index = (ppn.0 - self.first.0) as usize;
        if index >= self.rows.len() {
            self.rows.resize(index + 1, Frame::default());
        }
        let row = &mut self.rows[index];
        let fresh = !row.stale;
        *row = Frame { references: 1, kind, claimed: true, stale: true, ..Frame::default() };
        self.by_kind[kind as usize] += 1;
        self.peak = self.peak.max(self.in_use());
        Ok((ppn, fresh))
    }

    /// Adds a holder.
    pub fn hold(&mut self, ppn: Ppn) {
        let row = self.row_mut(ppn);
        row.references += 1;
        let newly_shared = row.kind == FrameKind::Anon && row.references == 2;
        self.shared += u64::from(newly_shared);
    }

    /// Removes a holder; the last one frees the frame.
    pub fn release(&mut self, ram: &Ram, ppn: Ppn) {
        let row = self.row_mut(ppn);
        row.references -= 1;
        let kind = row.kind;
        match row.references {
            0 => {
                *row = Frame { stale: true, ..Frame::default() };
                self.twins.part(ram, ppn);
                if let Some(ledger) = &mut self.ledger {
                    ledger.close(ram, ppn);
                }
                self.by_kind[kind as usize] -= 1;
                if self.pool.has_room() {
                    let set_aside = Frame {
                        references: 1,
                        kind: FrameKind::Pool,
                        claimed: true,
                        stale: true,
                        ..Frame::default()
                    };
                    *self.row_mut(ppn) = set_aside;
                    self.by_kind[FrameKind::Pool as usize] += 1;
                    self.pool.put(ppn);
                } else {
                    self.free.give(ppn);
                }
            }
            1 if kind == FrameKind::Anon => self.shared -= 1,
            _ => {}
        }
    }

    /// Records that the PTE at `pte` maps the frame; the caller's reference passes to the PTE.
    pub(super) fn attach(&mut self, ppn: Ppn, pte: PhysAddr) {
        let Frame { kind, maps, mapped_by, .. } = *self.row(ppn);
        let mapped_by =
            if kind == FrameKind::Zero { mapped_by } else { self.reverse_map.add(ppn, mapped_by, pte) };
        let row = self.row_mut(ppn);
        row.maps = maps + 1;
        row.mapped_by = mapped_by;
    }

    /// Forgets that the PTE at `pte` maps the frame, and releases the reference that the PTE held.
    pub(super) fn detach(&mut self, ram: &Ram, ppn: Ppn, pte: PhysAddr) {
        self.lose(ppn, pte);
        self.release(ram, ppn);
    }

    /// Records that the PTE at `from`, which maps the frame, has moved to `to`.
    pub(super) fn reattach(&mut self, ppn: Ppn, from: PhysAddr, to: PhysAddr) {
        self.lose(ppn, from);
        self.attach(ppn, to);
    }

    fn lose(&mut self, ppn: Ppn, pte: PhysAddr) {
        let Frame { maps, mapped_by, .. } = *self.row(ppn);
        let mapped_by = self.reverse_map.remove(ppn, mapped_by, pte, maps - 1);
        let row = self.row_mut(ppn);
        row.maps = maps - 1;
        row.mapped_by = mapped_by;
    }

    /// Returns the physical addresses of the PTEs that map a frame, in rising order. The zero page's are not known.
    pub fn mapped_by(&self, ppn: Ppn) -> Vec<PhysAddr> {
        self.reverse_map.list(ppn, self.row(ppn).mapped_by)
    }

    /// Tells whether a store may go to the frame itself: it is private memory and has one owner.
    pub fn is_exclusive(&self, ppn: Ppn) -> bool {
        let row = self.row(ppn);
        row.kind == FrameKind::Anon && row.references == 1
    }

    /// Tells whether the only owner of a private frame has stored to it since it was last shared.
    ///
    /// A frame whose other owners are gone is exclusive but not claimed: its next store still faults, once, and claims it
    /// (Linux 6.12 include/linux/page-flags.h, `PG_anon_exclusive`).
    pub fn is_claimed(&self, ppn: Ppn) -> bool {
        self.row(ppn).claimed && self.is_exclusive(ppn)
    }

    /// Notes that the only owner of a frame may write it.
    pub(super) fn claim(&mut self, ppn: Ppn) {
        self.row_mut(ppn).claimed = true;
    }

    /// Adds an owner to a private frame: nobody may write it before a fault decides.
    pub(super) fn share(&mut self, ppn: Ppn) {
        self.hold(ppn);
        self.row_mut(ppn).claimed = false;
    }

    /// Returns how many holders a frame has.
    pub fn references(&self, ppn: Ppn) -> u32 {
        self.row(ppn).references
    }

    /// Returns how many PTEs map a frame.
    pub fn maps(&self, ppn: Ppn) -> u32 {
        self.row(ppn).maps
    }

    /// Returns what a frame is used for.
    pub fn kind(&self, ppn: Ppn) -> FrameKind {
        self.row(ppn).kind
    }

    /// Takes a frame of empty slots for the address space `space`; its first slot translates `first`.
    ///
    /// # Errors
    /// [`OutOfMemory`] when every frame is in use.
    pub(super) fn allocate_table(
        &mut self,
        ram: &mut Ram,
        space: MmId,
        first: Vpn,
    ) -> Result<Ppn, OutOfMemory> {
        let ppn = self.allocate_zeroed(ram, FrameKind::PageTable)?;
        self.row_mut(ppn).table =
            Some(TableRole { space, first, populated: 0, pages: TablePages::default(), guarded: false });
        Ok(ppn)
    }

    /// Returns what a page-table frame knows of itself.
    pub(super) fn table(&self, ppn: Ppn) -> TableRole {
        self.row(ppn).table.expect("a page-table frame knows its space")
    }

    fn table_mut(&mut self, ppn: Ppn) -> &mut TableRole {
        self.row_mut(ppn).table.as_mut().expect("a page-table frame knows its space")
    }

    /// Notes whether the slots of a shared page-table frame let stores to private memory through.
    pub(super) fn set_guarded(&mut self, table: Ppn, guarded: bool) {
        self.table_mut(table).guarded = guarded;
    }

    /// Notes what a page-table frame maps.
    pub(super) fn set_pages(&mut self, table: Ppn, pages: TablePages) {
        self.table_mut(table).pages = pages;
    }

    /// Notes that a page-table frame maps `change` pages more of a kind.
    pub(super) fn count_pages(&mut self, table: Ppn, kind: FrameKind, change: i32) {
        let pages = &mut self.table_mut(table).pages;
        let count = match kind {
            FrameKind::Anon => &mut pages.anon,
            FrameKind::PageCache => &mut pages.file,
            FrameKind::SharedMemory => &mut pages.shared_memory,
            FrameKind::Free | FrameKind::PageTable | FrameKind::Zero | FrameKind::Pool => return,
        };
        *count = count.wrapping_add_signed(change);
    }

    /// Returns how many address spaces map a frame, or how often one does: each PTE counts for every holder of its table.
    pub(super) fn mappings(&self, ppn: Ppn) -> u32 {
        match self.kind(ppn) {
            FrameKind::Zero => self.maps(ppn),
            _ => self.mapped_by(ppn).into_iter().map(|pte| self.references(pte.ppn())).sum(),
        }
    }

    /// Notes that a slot of a page-table frame was filled (`+1`) or emptied (`-1`).
    pub(super) fn count_slots(&mut self, ppn: Ppn, change: i16) {
        let table = self.table_mut(ppn);
        table.populated = table.populated.wrapping_add_signed(change);
    }

    /// Remembers that `copy` was made from `original` before anyone wrote to either.
    pub(super) fn pair(&mut self, original: Ppn, copy: Ppn) {
        self.twins.pair(original, copy);
    }

    /// Begins to list every copy.
    pub fn keep_ledger(&mut self) {
        self.ledger = Some(Box::default());
    }

    /// Returns the list of copies, if one is kept.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_deref()
    }

    /// Returns the list of copies to add to, if one is kept.
    pub(super) fn ledger_mut(&mut self) -> Option<&mut Ledger> {
        self.ledger.as_deref_mut()
    }

    /// Takes the number of eager copies that turned out to have been made in vain since the last call.
    pub(super) fn take_copied_in_vain(&mut self) -> u64 {
        self.twins.take_in_vain()
    }

    /// Returns every frame that is in use.
    pub fn used(&self) -> impl Iterator<Item = Ppn> + '_ {
        let rows = self.rows.iter().enumerate();
        rows.filter(|(_, row)| row.kind != FrameKind::Free).map(|(index, _)| self.first + index as u64)
    }

    fn in_use(&self) -> u64 {
        self.total - self.free.frames()
    }

    /// Returns how many free blocks of 1, 2, 4, … frames there are (`/proc/buddyinfo`).
    pub fn free_blocks(&self) -> [u64; ORDERS] {
        self.free.counts()
    }

    /// Returns how many frames are free.
    pub fn free(&self) -> u64 {
        self.total - self.in_use()
    }

    /// Returns how many frames are used for something.
    pub(super) fn count(&self, kind: FrameKind) -> u64 {
        self.by_kind[kind as usize]
    }

    /// Returns the frames by use.
    pub fn gauges(&self) -> FrameGauges {
        let count = |kind| self.count(kind);
        let zero_pages = self.rows.iter().take(1).filter(|row| row.kind == FrameKind::Zero);
        FrameGauges {
            total: self.total,
            in_use: self.in_use(),
            peak: self.peak,
            zero_shared: zero_pages.map(|row| u64::from(row.maps)).sum(),
            page_cache: count(FrameKind::PageCache) + count(FrameKind::SharedMemory),
            shared_memory: count(FrameKind::SharedMemory),
            page_table: count(FrameKind::PageTable),
            anon: count(FrameKind::Anon),
            shared: self.shared,
            pool: count(FrameKind::Pool),
        }
    }

    fn row(&self, ppn: Ppn) -> &Frame {
        &self.rows[(ppn.0 - self.first.0) as usize]
    }

    fn row_mut(&mut self, ppn: Ppn) -> &mut Frame {
        &mut self.rows[(ppn.0 - self.first.0) as usize]
    }
}
