//! fork: a second address space with the same contents.

use super::commit::Promise;
use super::frames::FrameKind;
use super::ledger::{Copied, CopyReason};
use super::odf;
use super::page_size::PageSize;
use super::page_table::{self, PageTable, SlotRef};
use super::sabotage::{Sabotage, is_broken};
use super::vma::{OnFork, Sharing, Vma};
use super::{Fences, Frames, Memory, OutOfMemory, Work};
use crate::inject::Target;
use crate::{ForkMode, MmId};
use tine_mmu::{Pte, PteFlags};

impl Memory {
    /// Makes a copy of `parent`'s address space, as the policy says: sharing private pages until they are written, or
    /// copying them at once, or sharing the page tables themselves. The fences owed are the parent's, whose translations may be stale and writable.
    ///
    /// # Errors
    /// [`OutOfMemory`] when so much may not be promised again, or a table or a page finds no frame: then the parent is as it was, save that some of its pages are write-protected and take one more fault each, and nothing is leaked.
    pub fn fork(&mut self, work: &mut Work<'_>, parent: MmId) -> Result<MmId, OutOfMemory> {
        let promised = |vma: &Vma| vma.promise == Promise::Counted && vma.on_fork != OnFork::Omit;
        let areas = self.spaces.get(parent).vmas.iter().filter(|vma| promised(vma));
        if !self.may_promise_all(parent, areas.map(Vma::pages)) {
            return Err(OutOfMemory);
        }
        let tables_before = self.frames.count(FrameKind::PageTable);
        let child = self.create(work)?;
        if let Err(OutOfMemory) = self.copy_into(work, parent, child) {
            let in_vain = self.release(work.ram, child);
            work.count(|counters| *counters += &in_vain);
            return Err(OutOfMemory);
        }
        if is_broken(Sabotage::ChildFenced) {
            work.fences = Fences::default();
        }
        let tables = self.frames.count(FrameKind::PageTable) - tables_before;
        work.count(|counters| counters.pt_frames_allocated += tables);
        Ok(child)
    }

    fn copy_into(&mut self, work: &mut Work<'_>, parent: MmId, child: MmId) -> Result<(), OutOfMemory> {
        let (from, to) = self.spaces.pair_mut(parent, child);
        to.inherit(from, &mut self.cache);
        let mode = self.policy.fork;
        for vma in from.vmas.iter() {
            let private = vma.sharing == Sharing::Private;
            let copies_all = mode == ForkMode::Eager && private;
            let refillable = self.policy.fork_skips_refillable && !vma.is_copied_by_fork() && !copies_all;
            if refillable || vma.on_fork != OnFork::Inherit && !is_broken(Sabotage::AdviceIgnored) {
                continue;
            }
            if copies_all {
                to.vmas.change(vma.start, |copy| copy.had_private_write = true);
            }
            if copies_all {
                from.table.split_what_cannot_be_copied(work, &mut self.frames, vma.start..vma.end);
            }
            if mode == ForkMode::Odf {
                for vpn in from.table.leaf_tables(work.ram, vma.start..vma.end) {
                    if !odf::may_share(&from.vmas, vpn) {
                        from.table.reach(work, &mut self.frames, vpn, |_| true)?;
                    }
                }
            }
            for leaf in from.table.leaves(work.ram, vma.start..vma.end) {
                if mode == ForkMode::Odf && leaf.is_table() && odf::may_share(&from.vmas, leaf.start()) {
                    from.table.share_leaf_table(work, &mut self.frames, &mut to.table, leaf.start())?;
                    continue;
                }
                if leaf.is_table() && !copies_all {
                    from.table.share_pages(work, &mut self.frames, &mut to.table, &leaf, private)?;
                    continue;
                }
                let pages = leaf.populated(work.ram);
                let Some(&(first, _)) = pages.first() else { continue };
                let target = to.table.reserve(work, &mut self.frames, first.vpn, first.size)?;
                for (slot, pte) in pages {
                    let mut page = ForkedPage {
                        work,
                        frames: &mut self.frames,
                        from: &mut from.table,
                        to: &mut to.table,
                        slot,
                        target: target.beside(slot.vpn),
                        pte,
                    };
                    match mode {
                        ForkMode::Eager if private => page.copy(vma.is_private_writable())?,
                        ForkMode::Cow | ForkMode::Eager | ForkMode::Odf => page.share(private)?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// One page on its way into the child: a huge one, or one that is copied at once.
struct ForkedPage<'a, 'w> {
    work: &'a mut Work<'w>,
    frames: &'a mut Frames,
    from: &'a mut PageTable,
    to: &'a mut PageTable,
    slot: SlotRef,
    target: SlotRef,
    pte: Pte,
}

impl ForkedPage<'_, '_> {
    /// Maps the page in both; a private one may then be written by neither (Linux 6.12 mm/memory.c
    /// `copy_present_ptes`, mm/huge_memory.c `copy_huge_pmd`).
    fn share(&mut self, private: bool) -> Result<(), OutOfMemory> {
        self.make_deposit()?;
        if !is_broken(Sabotage::WrongCount) {
            self.frames.share(self.pte.ppn(), self.slot.size);
        }
        let shared = if private && !is_broken(Sabotage::MissingWriteProtect) {
            self.pte.without(PteFlags::W)
        } else {
            self.pte
        };
        if shared != self.pte {
            self.from.change(self.work, self.slot, self.pte, shared);
            self.work.count(|counters| counters.pages_write_protected += 1);
        }
        // The child has not used the page yet.
        self.fill(shared.without(PteFlags::A));
        Ok(())
    }

    /// Gives the child a page of its own. The zero page is nobody's to copy.
    fn copy(&mut self, writable: bool) -> Result<(), OutOfMemory> {
        let original = self.pte.ppn();
        if self.frames.kind(original) == FrameKind::Zero {
            return self.share(true);
        }
        self.frames.injections.strike_memory(Target::Copy)?;
        self.make_deposit()?;
        let copy = match self.slot.size {
            PageSize::Base => self.frames.allocate(FrameKind::Anon)?,
            PageSize::Huge => self.frames.allocate_huge(FrameKind::Anon)?,
        };
        let (mm, vpn) = (self.to.space(), self.target.vpn);
        let copied = Copied { mm, vpn, from: original, to: copy, reason: CopyReason::Fork };
        self.work.copy_page(self.frames, copied, self.slot.size);
        if is_broken(Sabotage::EagerCopiesNothing) {
            self.work.ram.zero_frame(copy);
        }
        for index in 0..self.slot.size.pages() {
            self.frames.pair(original + index, copy + index);
        }
        let mut flags = self.pte.flags().difference(PteFlags::A);
        flags.set(PteFlags::W, writable && self.pte.is_valid());
        self.fill(page_table::leaf(copy, self.pte.is_valid().then_some(flags)));
        Ok(())
    }

    /// Puts a table by for the child's huge leaf.
    fn make_deposit(&mut self) -> Result<(), OutOfMemory> {
        match self.slot.size {
            PageSize::Base => Ok(()),
            PageSize::Huge => self.to.deposit(self.work, self.frames),
        }
    }

    fn fill(&mut self, pte: Pte) {
        self.to.fill(self.work, self.frames, self.target, pte);
        self.work.count(|counters| counters.ptes_copied += 1);
    }
}
