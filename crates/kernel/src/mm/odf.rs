//! On-demand fork: page tables themselves shared until they must differ (Zhao, Gong and Fonseca, "On-demand-fork", EuroSys
//! 2021).
//!
//! ```text
//!   parent's level 1 ── withheld (V=0) ──┐
//!                                        ├──▶ leaf table, two holders ──▶ frames, each counted once for the table's PTE
//!   child's level 1  ── withheld (V=0) ──┘
//! ```
//!
//! The paper takes the right to write away one level up. RISC-V has no rights in entries that point to tables, so fork makes
//! the entry invalid and keeps the frame number in it: the work of a fork is one entry for each leaf table, however many pages
//! there are. The first access through a withheld entry faults and then
//! - guards the table, once for all its holders: no PTE of it lets a store to private memory through any more;
//! - makes the entry valid, which is all that a load needs.
//!
//! A store to private memory, and everything that changes a slot, first needs a table of its own: a copy, which counts as one
//! more owner of each frame. The last holder takes the table itself. Stores to shared memory go through the shared table: they
//! mean the same to every holder.

use super::Work;
use super::frames::{FrameKind, Frames, OutOfMemory};
use super::page_size::PageSize;
use super::page_table::{self, Leaf, PageTable, SlotRef};
use super::sabotage::{Sabotage, is_broken};
use super::table_roles::TablePages;
use super::vma::OnFork;
use super::vma_tree::VmaTree;
use std::ops::Range;
use tine_mmu::{PhysAddr, Ppn, Pte, PteFlags, Vpn};

/// An entry that points to a leaf table, and the table.
#[derive(Clone, Copy)]
struct Branch {
    at: PhysAddr,
    entry: Pte,
    /// The first page that the table translates.
    first: Vpn,
}

impl Branch {
    fn table(self) -> Ppn {
        self.entry.ppn()
    }

    fn is_withheld(self) -> bool {
        !self.entry.is_valid()
    }
}

/// What had to be done before a fault could look at its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Nothing: the table was the process's own, or there is none.
    Already,
    /// A withheld table is reachable again; it is still shared, or nobody else has it any more.
    Again,
    /// The process has got a table of its own.
    Unshared,
}

impl PageTable {
    /// Returns the entry that points to a page's leaf table, if there is one.
    fn branch(&self, work: &Work<'_>, vpn: Vpn) -> Option<Branch> {
        let (at, entry) = self.leaf_entry(work.ram, vpn)?;
        Some(Branch { at, entry, first: page_table::first_of_leaf(vpn) })
    }

    /// Lets `child` have the leaf table of a page too. Both entries are withheld unless the table is guarded already; the
    /// fences owed are the parent's.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for the child's table above it.
    pub(super) fn share_leaf_table(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        child: &mut Self,
        vpn: Vpn,
    ) -> Result<(), OutOfMemory> {
        let Some(branch) = self.branch(work, vpn) else { return Ok(()) };
        let at = child.reserve_leaf_entry(work, frames, vpn)?;
        if page_table::read(work.ram, at) != Pte::EMPTY {
            // Another area of the same table was first.
            return Ok(());
        }
        let table = branch.table();
        if frames.references(table) == 1 {
            frames.set_guarded(table, false);
        }
        let mut entry = branch.entry;
        if !frames.table(table).guarded && !is_broken(Sabotage::TableNotWithheld) {
            entry = entry.without(PteFlags::V);
            if entry != branch.entry {
                page_table::store(work.ram, branch.at, entry);
                work.fences.owe_all();
            }
        }
        page_table::store(work.ram, at, entry);
        frames.count_slots(at.ppn(), 1);
        frames.hold(table);
        child.adopt(frames.table(table).pages);
        work.count(|counters| counters.pt_frames_shared += 1);
        Ok(())
    }

    /// Makes the leaf table of a page reachable, and the process's own if `must_own`.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a copy of it.
    pub(super) fn reach(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        vpn: Vpn,
        must_own: impl FnOnce(Pte) -> bool,
    ) -> Result<Reached, OutOfMemory> {
        let Some(branch) = self.branch(work, vpn) else { return Ok(Reached::Already) };
        let is_shared = frames.references(branch.table()) > 1;
        let pte = page_table::read(work.ram, page_table::slot_address(branch.table(), vpn, 0));
        if is_shared && must_own(pte) && !is_broken(Sabotage::UnshareSkipped) {
            self.copy_leaf_table(work, frames, branch)?;
            return Ok(Reached::Unshared);
        }
        if !branch.is_withheld() {
            return Ok(Reached::Already);
        }
        if is_shared {
            guard(work, frames, branch);
        }
        page_table::store(work.ram, branch.at, branch.entry.with(PteFlags::V));
        Ok(Reached::Again)
    }

    /// Makes every leaf table that reaches into `range` the process's own, so that its slots may be changed.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a copy; the tables before it are copied.
    pub(super) fn unshare(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        range: Range<Vpn>,
    ) -> Result<(), OutOfMemory> {
        for vpn in self.leaf_tables(work.ram, range) {
            self.reach(work, frames, vpn, |_| true)?;
        }
        Ok(())
    }

    /// Makes the leaf tables that reach into `range` and beyond it the process's own, so that the range can be cleared.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for a copy: nothing is lost.
    pub(super) fn unshare_edges(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        range: &Range<Vpn>,
    ) -> Result<(), OutOfMemory> {
        for edge in [range.start, range.end] {
            if page_table::first_of_leaf(edge) != edge {
                self.reach(work, frames, edge, |_| true)?;
            }
        }
        Ok(())
    }

    /// Lets go of the shared leaf tables that lie in `range` as a whole: what they map stays with their other holders.
    pub(super) fn drop_shared_tables(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        range: &Range<Vpn>,
    ) {
        for leaf in self.leaves(work.ram, range.clone()).iter().filter(|leaf| leaf.is_table()) {
            self.drop_if_shared(work, frames, leaf);
        }
    }

    /// Lets go of a leaf table if it is shared and all its pages were asked for, and tells whether it did.
    pub(super) fn drop_if_shared(&mut self, work: &mut Work<'_>, frames: &mut Frames, leaf: &Leaf) -> bool {
        if frames.references(leaf.table()) == 1 || leaf.slots().len() < page_table::SLOTS as usize {
            return false;
        }
        let branch = self.branch(work, leaf.start()).expect("the table of a leaf that exists");
        page_table::store(work.ram, branch.at, Pte::EMPTY);
        frames.count_slots(branch.at.ppn(), -1);
        self.disown(frames.table(branch.table()).pages);
        frames.release(work.ram, branch.table());
        if !branch.is_withheld() {
            work.fences.owe_all();
        }
        true
    }

    /// Tells whether a leaf table that reaches into `range` is shared, so that its slots must stay as they are.
    pub(super) fn shares_a_table(&self, work: &Work<'_>, frames: &Frames, range: Range<Vpn>) -> bool {
        let tables = self.leaf_tables(work.ram, range).into_iter();
        tables.filter_map(|vpn| self.branch(work, vpn)).any(|branch| frames.references(branch.table()) > 1)
    }

    /// Takes over a leaf table that another address space has too.
    fn adopt(&mut self, pages: TablePages) {
        self.frames += 1;
        self.resident.anon += u64::from(pages.anon);
        self.resident.file += u64::from(pages.file);
        self.resident.shared_memory += u64::from(pages.shared_memory);
        self.resident.peak = self.resident.peak.max(self.resident.total());
    }

    /// Lets go of a leaf table that another address space has too.
    fn disown(&mut self, pages: TablePages) {
        self.frames -= 1;
        self.resident.anon -= u64::from(pages.anon);
        self.resident.file -= u64::from(pages.file);
        self.resident.shared_memory -= u64::from(pages.shared_memory);
    }

    /// Copies a shared leaf table. The copy is one more owner of everything that the table maps.
    fn copy_leaf_table(
        &mut self,
        work: &mut Work<'_>,
        frames: &mut Frames,
        branch: Branch,
    ) -> Result<(), OutOfMemory> {
        let own = frames.allocate_table(work.ram, self.space(), branch.first)?;
        guard(work, frames, branch);
        for (slot, pte) in page_table::slots_of(work.ram, branch.table(), branch.first) {
            if !is_broken(Sabotage::UnshareUncounted) {
                frames.share(pte.ppn(), PageSize::Base);
            }
            let copy = SlotRef::new(own, slot.vpn, PageSize::Base);
            frames.attach(pte.ppn(), copy.at, PageSize::Base);
            frames.count_slots(own, 1);
            page_table::store(work.ram, copy.at, pte);
            work.count(|counters| counters.ptes_unshared += 1);
        }
        let pages = frames.table(branch.table()).pages;
        frames.set_pages(own, pages);
        page_table::store(work.ram, branch.at, Pte::table(own));
        frames.release(work.ram, branch.table());
        if !branch.is_withheld() {
            // The hart may have kept the entry itself.
            work.fences.owe_all();
        }
        Ok(())
    }
}

/// Takes the right to store to private memory from every PTE of a shared table, once. Nobody has a translation from it yet.
fn guard(work: &mut Work<'_>, frames: &mut Frames, branch: Branch) {
    if frames.table(branch.table()).guarded || is_broken(Sabotage::TableNotGuarded) {
        return;
    }
    for (slot, pte) in page_table::slots_of(work.ram, branch.table(), branch.first) {
        if pte.has(PteFlags::W) && frames.kind(pte.ppn()) == FrameKind::Anon {
            page_table::store(work.ram, slot.at, pte.without(PteFlags::W));
            work.count(|counters| counters.pages_write_protected += 1);
        }
    }
    frames.set_guarded(branch.table(), true);
}

/// Tells whether the whole leaf table of a page may be shared: fork passes on every area that it reaches into.
pub(super) fn may_share(areas: &VmaTree, vpn: Vpn) -> bool {
    let first = page_table::first_of_leaf(vpn);
    areas.overlapping(first..first + page_table::SLOTS).all(|vma| vma.on_fork == OnFork::Inherit)
}
