//! Transparent huge pages: which memory may have them, and the faults that make, share, reuse and split them (Linux 6.12
//! mm/huge_memory.c).
//!
//! There is no khugepaged: base pages become a huge one only where `MADV_COLLAPSE` asks for it (`collapse.rs`).

use super::fault::{FaultSite, Resolved};
use super::frames::FrameKind;
use super::ledger::{Copied, CopyReason};
use super::page_size::PageSize;
use super::page_table;
use super::sabotage::{Sabotage, is_broken};
use super::vma::{Backing, HugeAdvice, Vma};
use super::{Frames, Memory, OutOfMemory, Work};
use crate::inject::Target;
use crate::{FaultKind, MmId, Thp, ThpCow};
use tine_mmu::{Access, Ppn, Pte, PteFlags, Vpn};

impl Memory {
    /// Tells whether an area could have huge pages (`THPeligible` in `/proc/<pid>/smaps`): the last that fits in it.
    pub fn is_huge_eligible(&self, mm: MmId, vma: &Vma) -> bool {
        let last = vma.end.0.checked_sub(PageSize::Huge.pages());
        let disabled = self.space(mm).thp_disabled;
        !disabled && last.is_some_and(|last| vma.wants_huge(self.policy.thp, Vpn(last)))
    }

    /// Says from now on which memory gets huge pages, as root does by
    /// `/sys/kernel/mm/transparent_hugepage/enabled`. Those that there are stay.
    pub fn set_thp(&mut self, thp: Thp) {
        self.policy.thp = thp;
    }
}

impl Vma {
    /// Tells whether a fault at `vpn` should make a huge page: policy and advice want it, and it can be one
    /// (`thp_vma_allowable_order`).
    pub(super) fn wants_huge(&self, thp: Thp, vpn: Vpn) -> bool {
        let wanted = match thp {
            Thp::Never => false,
            Thp::Madvise => self.huge == HugeAdvice::Wanted,
            Thp::Always => true,
        };
        wanted && self.can_hold_huge(vpn)
    }

    /// Tells whether the huge page around `vpn` could be one: it is private anonymous memory of which the process did not say
    /// otherwise, and lies in the area as a whole (`thp_vma_suitable_order`).
    pub(super) fn can_hold_huge(&self, vpn: Vpn) -> bool {
        let first = PageSize::Huge.floor(vpn);
        self.huge != HugeAdvice::Refused
            && self.backing == Backing::Anonymous
            && self.start <= first
            && first + PageSize::Huge.pages() <= self.end
    }
}

impl FaultSite<'_, '_> {
    /// Fills an empty huge slot: a read shares the huge page of zeros, a store gets a huge page. Where none can be had, a
    /// base page does (`do_huge_pmd_anonymous_page`).
    pub(super) fn map_huge(&mut self) -> Result<Resolved, OutOfMemory> {
        // Linux gives the area its anon_vma before it looks what is tried.
        self.vma.had_private_write = true;
        if let Ok(resolved) = self.try_to_map_huge() {
            return Ok(resolved);
        }
        self.work.count(|counters| counters.thp_fault_fallback += 1);
        self.slot = self.table.reserve(self.work, self.frames, self.at.vpn(), PageSize::Base)?;
        self.map_anonymous()
    }

    fn try_to_map_huge(&mut self) -> Result<Resolved, OutOfMemory> {
        let (kind, head, made) = if self.access == Access::Store {
            let head = self.frames.allocate_huge_zeroed(self.work.ram, FrameKind::Anon)?;
            (FaultKind::HugeDemandZero, head, false)
        } else {
            let (head, made) = self.frames.hold_huge_zero_page(self.work.ram)?;
            (FaultKind::HugeZero, head, made)
        };
        self.work.count(|counters| counters.thp_zero_page_alloc += u64::from(made));
        if let Err(OutOfMemory) = self.table.deposit(self.work, self.frames) {
            self.frames.release_huge(self.work.ram, head);
            return Err(OutOfMemory);
        }
        let pte = match kind {
            FaultKind::HugeZero => page_table::leaf(head, self.vma.leaf_flags()),
            _ => {
                self.work.count(|counters| counters.thp_fault_alloc += 1);
                self.writable(head)
            }
        };
        self.fill(pte);
        Ok(self.resolved(kind, None, 0, self.piece_of(head)))
    }

    /// Returns the frame of the page that faulted.
    fn piece_of(&self, head: Ppn) -> Ppn {
        head + (self.at.vpn().0 - self.slot.vpn.0)
    }

    /// Lets a store go to a huge page that it may not be done to: the only owner has it as it is, others get copies
    /// (`do_huge_pmd_wp_page`).
    pub(super) fn break_huge_cow(&mut self, old: Pte) -> Result<Resolved, OutOfMemory> {
        let head = old.ppn();
        if self.frames.is_exclusive(head, PageSize::Huge) || is_broken(Sabotage::HugeReuseWhileShared) {
            self.frames.claim(head, PageSize::Huge);
            self.table.change(self.work, self.slot, old, old.with(PteFlags::W | PteFlags::D | PteFlags::A));
            let piece = self.piece_of(head);
            return Ok(self.resolved(FaultKind::HugeReuse, Some(page_table::renamed(old, piece)), 1, piece));
        }
        if self.policy.thp_cow == ThpCow::Copy
            && let Ok(resolved) = self.copy_huge(old)
        {
            return Ok(resolved);
        }
        self.table.split(self.work, self.frames, self.slot, old);
        self.slot = self.table.reserve(self.work, self.frames, self.at.vpn(), PageSize::Base)?;
        let piece = self.table.get(self.work.ram, self.slot).pte().expect("a split page is mapped");
        let resolved = self.break_cow(piece)?;
        // Counted as the copy that it is, under its own kind.
        self.work.count(|counters| counters.cow_faults += u64::from(resolved.kind == FaultKind::CowCopy));
        Ok(Resolved { kind: FaultKind::HugeSplit, ..resolved })
    }

    /// Gives the process a whole huge page of its own.
    fn copy_huge(&mut self, old: Pte) -> Result<Resolved, OutOfMemory> {
        let from = old.ppn();
        let (kind, head) = match self.frames.kind(from) {
            FrameKind::Zero => {
                let head = self.frames.allocate_huge_zeroed(self.work.ram, FrameKind::Anon)?;
                (FaultKind::HugeDemandZero, head)
            }
            _ => {
                self.frames.injections.strike_memory(Target::Copy)?;
                let head = self.frames.allocate_huge(FrameKind::Anon)?;
                let (mm, vpn) = (self.table.space(), self.slot.vpn);
                let copied = Copied { mm, vpn, from, to: head, reason: CopyReason::Store };
                self.work.copy_page(self.frames, copied, PageSize::Huge);
                (FaultKind::HugeCopy, head)
            }
        };
        let owners = self.frames.references(from);
        self.work.count(|counters| counters.thp_fault_alloc += 1);
        self.table.replace(self.work, self.frames, self.slot, old, self.writable(head));
        let (old, new) = (page_table::renamed(old, self.piece_of(from)), self.piece_of(head));
        Ok(self.resolved(kind, Some(old), owners, new))
    }
}

impl Work<'_> {
    /// Copies a page of either size, and counts and lists its frames.
    pub(super) fn copy_page(&mut self, frames: &mut Frames, copied: Copied, size: PageSize) {
        for index in 0..size.pages() {
            let Copied { vpn, from, to, .. } = copied;
            let piece = Copied { vpn: vpn + index, from: from + index, to: to + index, ..copied };
            if index >= PageSize::Huge.pages() / 2 && is_broken(Sabotage::HugeHalfCopied) {
                break;
            }
            self.ram.copy_frame(piece.from, piece.to);
            self.record_copy(frames, piece);
        }
    }
}
