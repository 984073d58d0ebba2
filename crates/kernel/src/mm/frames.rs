//! The frame table: who owns each frame of guest RAM, and which PTEs map it.
//!
//! ```text
//!   references = PTEs that map the frame + other holders (the page cache, a caller that has just allocated it)
//!   maps       = PTEs that map the frame, each findable by its physical address
//! ```
//!
//! A frame that is a piece of a huge page has also those of the whole, which `huge_frames.rs` keeps.
//!
//! Copy or reuse is decided by [`Frames::is_exclusive`] and nowhere else. Which frames are free is [`Buddy`]'s to say.

use super::buddy::Buddy;
pub use super::frame::FrameKind;
use super::frame::{Frame, FrameFlags};
use super::huge_frames::HugePages;
use super::ledger::Ledger;
use super::page_size::PageSize;
use super::pool::Pool;
use super::reverse_map::ReverseMap;
use super::sabotage::{Sabotage, is_broken};
use super::table_roles::{TablePages, TableRole, TableRoles};
use super::twins::Twins;
use crate::MmId;
use crate::inject::{Injections, Target};
use tine_mmu::{PhysAddr, Ppn, Pte, PteFlags, Ram, Vpn};

/// No frame is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

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

/// The frame table.
#[derive(Clone, Debug)]
pub struct Frames {
    first: Ppn,
    pub(super) total: u64,
    /// Rows up to the highest frame that was ever in use: untouched RAM costs nothing.
    rows: Vec<Frame>,
    pub(super) free: Buddy,
    pub(super) peak: u64,
    /// Frames that were ever taken.
    pub(super) allocated: u64,
    /// How often a frame was wanted and none was left.
    shortages: u64,
    pub(super) by_kind: [u64; FrameKind::COUNT],
    pub(super) shared: u64,
    reverse_map: ReverseMap,
    tables: TableRoles,
    pub(super) huge: HugePages,
    pub(super) zero_page: Option<Ppn>,
    pub(super) huge_zero_page: Option<Ppn>,
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
            allocated: 0,
            shortages: 0,
            by_kind: [0; FrameKind::COUNT],
            shared: 0,
            reverse_map: ReverseMap::default(),
            tables: TableRoles::default(),
            huge: HugePages::default(),
            zero_page: None,
            huge_zero_page: None,
            twins: Twins::default(),
            injections: Injections::default(),
            ledger: None,
            pool: Pool::default(),
        }
    }

    /// Makes the page of zeros that reads of fresh anonymous memory share.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is not even one frame.
    pub(super) fn make_zero_page(&mut self, ram: &mut Ram) -> Result<(), OutOfMemory> {
        self.zero_page = Some(self.allocate_zeroed(ram, FrameKind::Zero)?);
        Ok(())
    }

    /// Returns the page of zeros.
    pub(super) fn zero_page(&self) -> Ppn {
        self.zero_page.expect("there is a page of zeros before there is an address space")
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
        self.row_mut(ppn).flags.insert(FrameFlags::DIRTY);
    }

    /// Tells whether a frame was stored to through a mapping since this was asked last, or may have been: a PTE that is
    /// still there keeps its D bit.
    pub fn take_dirty(&mut self, ram: &Ram, ppn: Ppn) -> bool {
        let is_dirty = self.is_dirty(ram, ppn);
        self.row_mut(ppn).flags.remove(FrameFlags::DIRTY);
        is_dirty
    }

    /// Tells whether a frame was stored to, or may have been, since [`Self::take_dirty`].
    pub(super) fn is_dirty(&self, ram: &Ram, ppn: Ppn) -> bool {
        // Valid or not: mprotect(2) to nothing keeps what is known of the use.
        let is_stored_to = |at: PhysAddr| ram.read_u64(at).is_some_and(|pte| Pte(pte).has(PteFlags::D));
        let row = self.row(ppn);
        row.flags.contains(FrameFlags::DIRTY)
            || self.reverse_map.list(ppn, row.mapped_by).into_iter().any(is_stored_to)
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

    /// Returns how often a frame was wanted and none was left, those that were made to fail not counted.
    pub const fn shortages(&self) -> u64 {
        self.shortages
    }

    /// Returns a frame, and whether it is fresh: full of zeros.
    fn take_free(&mut self, kind: FrameKind) -> Result<(Ppn, bool), OutOfMemory> {
        self.injections.strike_memory(Target::Frame)?;
        let Some(ppn) = self.free.take() else {
            self.shortages += 1;
            return Err(OutOfMemory);
        };
        self.reach(ppn);
        let row = self.row_mut(ppn);
        let fresh = !row.flags.contains(FrameFlags::STALE);
        *row = Frame::taken(kind);
        self.by_kind[kind as usize] += 1;
        self.allocated += 1;
        self.note_peak();
        Ok((ppn, fresh))
    }

    /// Makes rows up to that of `ppn`.
    pub(super) fn reach(&mut self, ppn: Ppn) {
        let rows = (ppn.0 - self.first.0) as usize + 1;
        if rows > self.rows.len() {
            self.rows.resize(rows, Frame::default());
        }
    }

    pub(super) fn note_peak(&mut self) {
        self.peak = self.peak.max(self.in_use());
    }

    /// Adds a holder.
    pub fn hold(&mut self, ppn: Ppn) {
        let row = self.row_mut(ppn);
        row.references += 1;
        let Frame { references, kind, .. } = *row;
        let of_whole = if row.is_piece() { self.huge.count_piece(ppn, 1) } else { 0 };
        self.shared += u64::from(kind == FrameKind::Anon && references + of_whole == 2);
    }

    /// Removes a holder; the last one frees the frame.
    #[inline]
    pub fn release(&mut self, ram: &Ram, ppn: Ppn) {
        let row = self.row_mut(ppn);
        row.references -= 1;
        let Frame { references, kind, .. } = *row;
        let of_whole = if row.is_piece() { self.huge.count_piece(ppn, -1) } else { 0 };
        match references + of_whole {
            0 => self.free_frame(ram, ppn),
            1 if kind == FrameKind::Anon => self.shared -= 1,
            _ => {}
        }
    }

    #[inline(never)]
    fn free_frame(&mut self, ram: &Ram, ppn: Ppn) {
        self.retire(ram, ppn);
        self.give_back(ppn);
    }

    /// Gives a frame to the pool if that has room, else to the free ones.
    pub(super) fn give_back(&mut self, ppn: Ppn) {
        if self.pool.has_room() {
            *self.row_mut(ppn) = Frame::taken(FrameKind::Pool);
            self.by_kind[FrameKind::Pool as usize] += 1;
            self.pool.put(ppn);
        } else {
            self.free.give(ppn);
        }
    }

    /// Tells whether the pool wants more frames.
    pub(super) fn pool_has_room(&self) -> bool {
        self.pool.has_room()
    }

    /// Clears the row of a frame that is about to be free.
    pub(super) fn retire(&mut self, ram: &Ram, ppn: Ppn) {
        let Frame { kind, table, .. } = std::mem::take(self.row_mut(ppn));
        let is_empty_table = table.is_some_and(|index| self.tables.remove(index).populated == 0);
        self.row_mut(ppn).flags.set(FrameFlags::STALE, !is_empty_table);
        self.twins.part(ram, ppn);
        if let Some(ledger) = &mut self.ledger {
            ledger.close(ram, ppn);
        }
        self.by_kind[kind as usize] -= 1;
    }

    /// Records that the leaf at `leaf` maps a page; the caller's reference passes to the leaf.
    pub(super) fn attach(&mut self, ppn: Ppn, leaf: PhysAddr, size: PageSize) {
        if size == PageSize::Huge {
            return self.attach_huge(ppn, leaf);
        }
        let row = &mut self.rows[(ppn.0 - self.first.0) as usize];
        row.maps += 1;
        if row.kind != FrameKind::Zero {
            row.mapped_by = self.reverse_map.add(ppn, row.mapped_by, leaf);
        }
    }

    /// Records that a second leaf maps a private base page, with a reference of its own, if one leaf and nobody else has the
    /// page, and tells whether it is so. The caller says with [`Self::count_shared`] how many pages there were.
    #[inline]
    pub(super) fn share_private(&mut self, ppn: Ppn, leaf: PhysAddr) -> bool {
        let row = &mut self.rows[(ppn.0 - self.first.0) as usize];
        if !row.is_private_of(1) || is_broken(Sabotage::WrongCount) {
            return false;
        }
        (row.references, row.maps) = (2, 2);
        row.mapped_by.add_second(leaf);
        row.flags.remove(FrameFlags::CLAIMED);
        true
    }

    /// Records that one more leaf maps a base page, with a reference of its own: nobody may write the page before a fault
    /// decides. Returns what the frame is used for.
    #[inline(never)]
    pub(super) fn share_mapping(&mut self, ppn: Ppn, leaf: PhysAddr) -> FrameKind {
        if !is_broken(Sabotage::WrongCount) {
            self.share(ppn, PageSize::Base);
        }
        self.attach(ppn, leaf, PageSize::Base);
        self.kind(ppn)
    }

    /// Forgets that one of two leaves maps a private base page, with the reference that it held, if the two and nobody else
    /// have the page, and tells whether it is so. The caller says with [`Self::count_shared`] how many pages there were.
    #[inline]
    pub(super) fn unshare_private(&mut self, ppn: Ppn, leaf: PhysAddr, is_dirty: bool) -> bool {
        let row = &mut self.rows[(ppn.0 - self.first.0) as usize];
        if !row.is_private_of(2) {
            return false;
        }
        (row.references, row.maps) = (1, 1);
        row.mapped_by.remove_one_of_two(leaf);
        if is_dirty {
            row.flags.insert(FrameFlags::DIRTY);
        }
        true
    }

    /// Counts private pages that have got or lost their second holder.
    pub(super) fn count_shared(&mut self, change: i64) {
        self.shared = self.shared.wrapping_add_signed(change);
    }

    /// Forgets that the leaf at `leaf` maps a page, and releases the reference that it held. Returns what the frame is used for,
    /// or was until now.
    pub(super) fn detach(&mut self, ram: &Ram, ppn: Ppn, leaf: PhysAddr, size: PageSize) -> FrameKind {
        let kind = self.kind(ppn);
        if size == PageSize::Base && self.row(ppn).is_private_of(1) {
            self.free_frame(ram, ppn);
            return kind;
        }
        self.lose(ppn, leaf, size);
        match size {
            PageSize::Base => self.release(ram, ppn),
            PageSize::Huge => self.release_huge(ram, ppn),
        }
        kind
    }

    /// Records that the leaf at `from`, which maps a page, has moved to `to`.
    pub(super) fn reattach(&mut self, ppn: Ppn, from: PhysAddr, to: PhysAddr, size: PageSize) {
        self.lose(ppn, from, size);
        self.attach(ppn, to, size);
    }

    fn lose(&mut self, ppn: Ppn, leaf: PhysAddr, size: PageSize) {
        if size == PageSize::Huge {
            return self.lose_huge(ppn, leaf);
        }
        let row = &mut self.rows[(ppn.0 - self.first.0) as usize];
        row.maps -= 1;
        row.mapped_by = self.reverse_map.remove(ppn, row.mapped_by, leaf, row.maps);
    }

    /// Returns the physical addresses of the PTEs that map a frame by itself, in rising order. The zero page's are not known.
    pub fn mapped_by(&self, ppn: Ppn) -> Vec<PhysAddr> {
        self.reverse_map.list(ppn, self.row(ppn).mapped_by)
    }

    /// Tells whether a store may go to the page itself: it is private memory and has one owner.
    pub(super) fn is_exclusive(&self, ppn: Ppn, size: PageSize) -> bool {
        if size == PageSize::Huge {
            return self.is_exclusive_huge(ppn);
        }
        let row = self.row(ppn);
        // A piece of a huge page is copied unless the whole was claimed: the whole is given up the sooner.
        row.kind == FrameKind::Anon
            && self.references(ppn) == 1
            && (!row.is_piece() || row.flags.contains(FrameFlags::CLAIMED))
    }

    /// Tells whether the only owner of a private page has stored to it since it was last shared.
    ///
    /// A page whose other owners are gone is exclusive but not claimed: its next store still faults, once, and claims it
    /// (Linux 6.12 include/linux/page-flags.h, `PG_anon_exclusive`).
    pub(super) fn is_claimed(&self, ppn: Ppn, size: PageSize) -> bool {
        match size {
            PageSize::Base => {
                self.row(ppn).flags.contains(FrameFlags::CLAIMED) && self.is_exclusive(ppn, size)
            }
            PageSize::Huge => self.is_claimed_huge(ppn),
        }
    }

    /// Notes that the only owner of a page may write it.
    pub(super) fn claim(&mut self, ppn: Ppn, size: PageSize) {
        match size {
            PageSize::Base => self.row_mut(ppn).flags.insert(FrameFlags::CLAIMED),
            PageSize::Huge => self.set_claimed_huge(ppn, true),
        }
    }

    /// Adds an owner to a private page: nobody may write it before a fault decides.
    pub(super) fn share(&mut self, ppn: Ppn, size: PageSize) {
        match size {
            PageSize::Base => {
                self.hold(ppn);
                self.row_mut(ppn).flags.remove(FrameFlags::CLAIMED);
            }
            PageSize::Huge => {
                self.hold_huge(ppn);
                self.set_claimed_huge(ppn, false);
            }
        }
    }

    /// Returns how many holders a frame has, those of a whole huge page among them.
    pub fn references(&self, ppn: Ppn) -> u32 {
        let row = self.row(ppn);
        row.references + if row.is_piece() { self.huge.whole(ppn).0 } else { 0 }
    }

    /// Tells whether a frame has more than one holder, those of a whole huge page among them.
    pub(super) fn has_other_owners(&self, ppn: Ppn) -> bool {
        let row = self.row(ppn);
        row.references > 1 || row.is_piece() && row.references + self.huge.whole(ppn).0 > 1
    }

    /// Returns the holders that a frame has of its own, and the PTEs that map it by itself.
    pub(super) fn own_counts(&self, ppn: Ppn) -> (u32, u32) {
        let row = self.row(ppn);
        (row.references, row.maps)
    }

    /// Returns how many leaves map a frame, those of a whole huge page among them.
    pub fn maps(&self, ppn: Ppn) -> u32 {
        let row = self.row(ppn);
        row.maps + if row.is_piece() { self.huge.whole(ppn).1 } else { 0 }
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
        self.assign_table(ppn, space, first);
        Ok(ppn)
    }

    /// Returns what a page-table frame knows of itself.
    pub(super) fn table(&self, ppn: Ppn) -> TableRole {
        *self.tables.get(self.row(ppn).table.expect("a page-table frame knows its space"))
    }

    fn table_mut(&mut self, ppn: Ppn) -> &mut TableRole {
        self.tables.get_mut(self.row(ppn).table.expect("a page-table frame knows its space"))
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
            FrameKind::Free
            | FrameKind::PageTable
            | FrameKind::Zero
            | FrameKind::Pool
            | FrameKind::KernelData => return,
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

    /// Says what a page-table frame that holds nothing is for.
    pub(super) fn assign_table(&mut self, ppn: Ppn, space: MmId, first: Vpn) {
        let role = TableRole { space, first, populated: 0, pages: TablePages::default(), guarded: false };
        match self.row(ppn).table {
            Some(index) => *self.tables.get_mut(index) = role,
            None => self.row_mut(ppn).table = Some(self.tables.insert(role)),
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

    /// Returns every free frame that is said to hold zeros alone, of those that were ever in use.
    pub(super) fn fresh(&self) -> impl Iterator<Item = Ppn> + '_ {
        let rows = self.rows.iter().enumerate();
        let fresh =
            rows.filter(|(_, row)| row.kind == FrameKind::Free && !row.flags.contains(FrameFlags::STALE));
        fresh.map(|(index, _)| self.first + index as u64)
    }

    pub(super) fn in_use(&self) -> u64 {
        self.total - self.free.frames()
    }

    /// Returns how many frames are used for something.
    pub(super) fn count(&self, kind: FrameKind) -> u64 {
        self.by_kind[kind as usize]
    }

    pub(super) fn row(&self, ppn: Ppn) -> &Frame {
        &self.rows[(ppn.0 - self.first.0) as usize]
    }

    pub(super) fn row_mut(&mut self, ppn: Ppn) -> &mut Frame {
        &mut self.rows[(ppn.0 - self.first.0) as usize]
    }
}
