//! Huge pages in the frame table: 512 frames that are held and mapped as one.
//!
//! ```text
//!   holders of a frame = holders of the huge page that it is a piece of + its own
//! ```
//!
//! A huge page counts at its first frame, its *head*. Where a process maps the pieces one by one, that process's hold on the
//! whole is exchanged for one on each piece ([`Frames::split_huge`]); others may go on mapping the whole. When nobody does
//! any more, pieces that nobody maps are free. The rest stay pieces: a store never reuses one, save where its owner had
//! claimed the whole (Linux 6.12 mm/memory.c `wp_can_reuse_anon_folio`, which refuses large folios).

use super::frame::{Frame, FrameFlags, FrameKind};
use super::frames::{Frames, OutOfMemory};
use super::page_size::PageSize;
use super::reverse_map::{MappedBy, ReverseMap};
use crate::inject::Target;
use std::collections::BTreeMap;
use tine_mmu::{PhysAddr, Ppn, Ram};

/// A huge page that somebody holds as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct HugePage {
    /// Holders of the whole.
    references: u32,
    /// Leaves that map the whole.
    maps: u32,
    mapped_by: MappedBy,
    /// Whether its only owner has claimed it (Linux: `PG_anon_exclusive`).
    claimed: bool,
    /// Holders that its pieces have of their own, all together.
    of_pieces: u32,
}

/// All huge pages.
#[derive(Clone, Debug, Default)]
pub(super) struct HugePages {
    by_head: BTreeMap<Ppn, HugePage>,
    /// How many of them are private memory and mapped as a whole.
    anon_mapped: u64,
    reverse_map: ReverseMap,
}

/// Returns the first frame of the huge page that a piece is part of.
fn head_of(piece: Ppn) -> Ppn {
    Ppn(piece.0 & !(PageSize::Huge.pages() - 1))
}

fn pieces(head: Ppn) -> impl Iterator<Item = Ppn> {
    (0..PageSize::Huge.pages()).map(move |index| head + index)
}

impl HugePages {
    /// Returns the holders and the leaves of the whole that `piece` is part of.
    pub(super) fn whole(&self, piece: Ppn) -> (u32, u32) {
        self.by_head.get(&head_of(piece)).map_or((0, 0), |huge| (huge.references, huge.maps))
    }

    /// Notes that a piece has a holder of its own more (`1`) or less (`-1`), and returns the holders of the whole.
    pub(super) fn count_piece(&mut self, piece: Ppn, change: i32) -> u32 {
        let Some(huge) = self.by_head.get_mut(&head_of(piece)) else { return 0 };
        huge.of_pieces = huge.of_pieces.wrapping_add_signed(change);
        huge.references
    }

    fn get(&self, head: Ppn) -> &HugePage {
        self.by_head.get(&head).expect("a huge page that is held")
    }

    fn get_mut(&mut self, head: Ppn) -> &mut HugePage {
        self.by_head.get_mut(&head).expect("a huge page that is held")
    }

    fn attach(&mut self, head: Ppn, leaf: PhysAddr) {
        let mapped_by = self.reverse_map.add(head, self.get(head).mapped_by, leaf);
        let huge = self.get_mut(head);
        huge.maps += 1;
        huge.mapped_by = mapped_by;
    }

    fn lose(&mut self, head: Ppn, leaf: PhysAddr) {
        let HugePage { maps, mapped_by, .. } = *self.get(head);
        let mapped_by = self.reverse_map.remove(head, mapped_by, leaf, maps - 1);
        let huge = self.get_mut(head);
        huge.maps = maps - 1;
        huge.mapped_by = mapped_by;
    }

    /// Returns the holders of the whole, the leaves that map it, and the holders of its pieces.
    pub(super) fn counts(&self, head: Ppn) -> (u32, u32, u32) {
        let huge = self.get(head);
        (huge.references, huge.maps, huge.of_pieces)
    }

    /// Returns the leaves that map the whole, in rising order.
    pub(super) fn mapped_by(&self, head: Ppn) -> Vec<PhysAddr> {
        self.by_head.get(&head).map_or_else(Vec::new, |huge| self.reverse_map.list(head, huge.mapped_by))
    }

    /// Returns the heads of the huge pages that somebody holds as a whole.
    pub(super) fn heads(&self) -> impl Iterator<Item = Ppn> + '_ {
        self.by_head.keys().copied()
    }
}

impl Frames {
    /// Takes the frames of a huge page, whose contents do not matter; the caller holds its one reference.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no free block is so large.
    pub(super) fn allocate_huge(&mut self, kind: FrameKind) -> Result<Ppn, OutOfMemory> {
        let head = self.take_huge(kind)?;
        pieces(head).for_each(|piece| self.row_mut(piece).flags.insert(FrameFlags::STALE));
        Ok(head)
    }

    /// Takes the frames of a huge page full of zeros; the caller holds its one reference.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no free block is so large.
    pub(super) fn allocate_huge_zeroed(
        &mut self,
        ram: &mut Ram,
        kind: FrameKind,
    ) -> Result<Ppn, OutOfMemory> {
        let head = self.take_huge(kind)?;
        for piece in pieces(head) {
            if self.row(piece).flags.contains(FrameFlags::STALE) {
                ram.zero_frame(piece);
            }
            self.row_mut(piece).flags.insert(FrameFlags::STALE);
        }
        Ok(head)
    }

    /// Returns how many huge pages could be had now.
    pub(super) fn huge_room(&self) -> u64 {
        let blocks = self.free.counts();
        let halves = |order: usize| blocks[order] << (order - PageSize::Huge.order() as usize);
        (PageSize::Huge.order() as usize..blocks.len()).map(halves).sum()
    }

    /// Takes the frames of a huge page, each of which still knows whether it is fresh.
    fn take_huge(&mut self, kind: FrameKind) -> Result<Ppn, OutOfMemory> {
        self.injections.strike_memory(Target::Frame)?;
        let head = self.free.take_block(PageSize::Huge.order()).ok_or(OutOfMemory)?;
        self.reach(head + (PageSize::Huge.pages() - 1));
        for piece in pieces(head) {
            let row = self.row_mut(piece);
            let flags = FrameFlags::PIECE | row.flags & FrameFlags::STALE;
            *row = Frame { kind, flags, ..Frame::default() };
        }
        self.huge.by_head.insert(head, HugePage { references: 1, claimed: true, ..HugePage::default() });
        self.by_kind[kind as usize] += PageSize::Huge.pages();
        self.allocated += PageSize::Huge.pages();
        self.note_peak();
        Ok(head)
    }

    /// Adds a holder of the whole.
    pub(super) fn hold_huge(&mut self, head: Ppn) {
        self.huge.get_mut(head).references += 1;
        if self.huge.get(head).references == 2 {
            self.shared += self.unshared_pieces(head);
        }
    }

    /// Removes a holder of the whole; the last one frees the pieces that have no holders of their own.
    pub(super) fn release_huge(&mut self, ram: &Ram, head: Ppn) {
        let huge = self.huge.get_mut(head);
        huge.references -= 1;
        match (huge.references, huge.of_pieces) {
            (0, 0) => {
                self.huge.by_head.remove(&head);
                pieces(head).for_each(|piece| self.retire(ram, piece));
                if self.pool_has_room() {
                    pieces(head).for_each(|piece| self.give_back(piece));
                } else {
                    self.free.give_block(head, PageSize::Huge.order());
                }
            }
            (0, _) => {
                self.huge.by_head.remove(&head);
                for piece in pieces(head) {
                    match self.row(piece).references {
                        0 => {
                            self.retire(ram, piece);
                            self.give_back(piece);
                        }
                        1 => self.shared -= 1,
                        _ => {}
                    }
                }
            }
            (1, _) => self.shared -= self.unshared_pieces(head),
            _ => {}
        }
    }

    /// Returns how many private pieces have no holders of their own.
    fn unshared_pieces(&self, head: Ppn) -> u64 {
        if self.kind(head) != FrameKind::Anon {
            return 0;
        }
        if self.huge.get(head).of_pieces == 0 {
            return PageSize::Huge.pages();
        }
        pieces(head).filter(|&piece| self.row(piece).references == 0).count() as u64
    }

    /// Returns how many pieces of a huge page, which a leaf maps as a whole, have other holders too.
    pub(super) fn shared_pieces(&self, head: Ppn) -> u64 {
        let HugePage { references, of_pieces, .. } = *self.huge.get(head);
        match (references, of_pieces) {
            (..=1, 0) => 0,
            // Others may map pieces of what this one maps as a whole.
            (..=1, _) => pieces(head).filter(|piece| self.row(*piece).references > 0).count() as u64,
            _ => PageSize::Huge.pages(),
        }
    }

    /// Exchanges the hold that the leaf at `whole` has on a huge page for one on each piece, by the PTEs from `first` on.
    pub(super) fn split_huge(&mut self, head: Ppn, whole: PhysAddr, first: PhysAddr) {
        self.lose_huge(head, whole);
        let huge = self.huge.get_mut(head);
        huge.references -= 1;
        huge.of_pieces += PageSize::Huge.pages() as u32;
        let claimed = huge.claimed && huge.references == 0;
        if huge.references == 0 {
            self.huge.by_head.remove(&head);
        }
        for (piece, index) in pieces(head).zip(0..) {
            let row = self.row_mut(piece);
            row.references += 1;
            row.flags.set(FrameFlags::CLAIMED, claimed);
            self.attach(piece, first + index * 8, PageSize::Base);
        }
    }

    /// Forgets that frames came as a huge page, which nobody holds as a whole any more: a store may reuse each by itself (Linux
    /// 6.12 mm/huge_memory.c `split_folio`).
    pub(super) fn dissolve(&mut self, head: Ppn) {
        pieces(head).for_each(|piece| self.row_mut(piece).flags.remove(FrameFlags::PIECE));
    }

    /// Returns the huge page of zeros with one more holder, and whether it had to be made.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no free block is so large.
    pub(super) fn hold_huge_zero_page(&mut self, ram: &mut Ram) -> Result<(Ppn, bool), OutOfMemory> {
        let made = self.huge_zero_page.is_none();
        let head = match self.huge_zero_page {
            Some(head) => head,
            // The kernel itself holds it from now on.
            None => self.allocate_huge_zeroed(ram, FrameKind::Zero)?,
        };
        self.huge_zero_page = Some(head);
        self.hold_huge(head);
        Ok((head, made))
    }

    /// Returns how many huge pages of private memory are mapped as a whole.
    pub(super) fn anon_huge(&self) -> u64 {
        self.huge.anon_mapped
    }

    pub(super) fn attach_huge(&mut self, head: Ppn, leaf: PhysAddr) {
        self.huge.attach(head, leaf);
        let first = self.huge.get(head).maps == 1 && self.kind(head) == FrameKind::Anon;
        self.huge.anon_mapped += u64::from(first);
    }

    pub(super) fn lose_huge(&mut self, head: Ppn, leaf: PhysAddr) {
        self.huge.lose(head, leaf);
        let last = self.huge.get(head).maps == 0 && self.kind(head) == FrameKind::Anon;
        self.huge.anon_mapped -= u64::from(last);
    }

    pub(super) fn is_exclusive_huge(&self, head: Ppn) -> bool {
        let huge = self.huge.get(head);
        self.kind(head) == FrameKind::Anon && huge.references == 1 && huge.of_pieces == 0
    }

    pub(super) fn is_claimed_huge(&self, head: Ppn) -> bool {
        self.huge.get(head).claimed && self.is_exclusive_huge(head)
    }

    pub(super) fn set_claimed_huge(&mut self, head: Ppn, claimed: bool) {
        self.huge.get_mut(head).claimed = claimed;
    }
}
