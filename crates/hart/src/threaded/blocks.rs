//! All decoded blocks, by frame.

use super::block::{Slot, decode_block};
use std::collections::BTreeMap;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use tine_isa::Isa;
use tine_mmu::{PAGE_SIZE, Ppn, Ram};

/// An instruction begins at an even offset.
const ENTRIES: usize = PAGE_SIZE as usize / 2;

/// Decoded slots after which everything is dropped, some hundred megabytes: a guest that jumps to every offset of its code
/// must not take the host's memory.
const MOST_SLOTS: usize = 1 << 21;

/// Decoded pages after which everything is dropped, whose tables of entries take some hundred megabytes more.
const MOST_PAGES: usize = 1 << 13;

/// Frames that are found without a search.
const RECENT: usize = 256;

/// A page of decoded code, until it is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageId(usize);

/// The blocks of one frame. They are freed together, so links between them never dangle.
struct CodePage {
    frame: Ppn,
    /// For each even offset, the first slot of the block that begins there, or null. Atomic for the same reason as a link.
    entries: Box<[AtomicPtr<Slot>; ENTRIES]>,
    // A Vec of Vecs: slots stay where they are when a block is added.
    blocks: Vec<Vec<Slot>>,
}

/// The block cache that all harts share.
#[derive(Default)]
pub(crate) struct Blocks {
    pages: Vec<Option<CodePage>>,
    by_frame: BTreeMap<Ppn, PageId>,
    free: Vec<PageId>,
    /// A direct-mapped excerpt of `by_frame`.
    recent: Vec<Option<(Ppn, PageId)>>,
    slots: usize,
    /// What instructions are decoded by.
    isa: Isa,
}

impl Blocks {
    /// Drops the blocks of frames that were written since, and everything when there is too much or the hart that is
    /// about to run has other instructions.
    pub(super) fn drop_outdated(&mut self, ram: &mut Ram, isa: Isa) {
        if ram.has_rewritten() {
            for frame in ram.take_rewritten() {
                self.drop_page(frame);
            }
        }
        if self.slots > MOST_SLOTS || self.by_frame.len() > MOST_PAGES || self.isa != isa {
            *self = Self { isa, ..Self::default() };
        }
    }

    fn drop_page(&mut self, frame: Ppn) {
        let Some(id) = self.by_frame.remove(&frame) else { return };
        if let Some(page) = self.pages[id.0].take() {
            self.slots -= page.blocks.iter().map(Vec::len).sum::<usize>();
        }
        self.recent[recent_index(frame)] = None;
        self.free.push(id);
    }

    /// Returns the page for a frame of RAM, new and marked as code where there was none.
    pub(super) fn page(&mut self, ram: &mut Ram, frame: Ppn) -> PageId {
        if let Some(id) = self.recent_page(frame) {
            return id;
        }
        let id = self.by_frame.get(&frame).copied().unwrap_or_else(|| self.add_page(ram, frame));
        self.recent.resize(RECENT, None);
        self.recent[recent_index(frame)] = Some((frame, id));
        id
    }

    fn add_page(&mut self, ram: &mut Ram, frame: Ppn) -> PageId {
        ram.mark_code(frame);
        let page = CodePage {
            frame,
            entries: Box::new([const { AtomicPtr::new(null_mut()) }; ENTRIES]),
            blocks: Vec::new(),
        };
        let id = self.free.pop().unwrap_or_else(|| {
            self.pages.push(None);
            PageId(self.pages.len() - 1)
        });
        self.pages[id.0] = Some(page);
        self.by_frame.insert(frame, id);
        id
    }

    /// Finds the page for a frame without a search.
    #[inline(always)]
    pub(super) fn recent_page(&self, frame: Ppn) -> Option<PageId> {
        match self.recent.get(recent_index(frame)) {
            Some(Some((known, id))) if *known == frame => Some(*id),
            _ => None,
        }
    }

    /// Finds the first slot of the block that begins at `offset`; null where there is none.
    ///
    /// It stays where it is until [`Blocks::drop_outdated`] is called.
    #[inline(always)]
    pub(super) fn known_block(&self, id: PageId, offset: u64) -> *const Slot {
        let page = self.pages.get(id.0).and_then(Option::as_ref);
        let entry = page.and_then(|page| page.entries.get(offset as usize / 2));
        entry.map_or(null(), |entry| entry.load(Ordering::Relaxed).cast_const())
    }

    /// Returns the first slot of the block that begins at `offset`, decoding it where necessary; null where none can.
    pub(super) fn block(&mut self, ram: &Ram, id: PageId, offset: u64) -> *const Slot {
        let known = self.known_block(id, offset);
        if known.is_null() {
            return self.add_block(ram, id, offset).map_or(null(), std::ptr::from_ref);
        }
        known
    }

    fn add_block(&mut self, ram: &Ram, id: PageId, offset: u64) -> Option<&Slot> {
        let page = self.pages.get_mut(id.0)?.as_mut()?;
        let entry = page.entries.get_mut(offset as usize / 2)?;
        let block = decode_block(self.isa, ram.frame(page.frame), offset)?;
        self.slots += block.len();
        page.blocks.push(block);
        let first = page.blocks.last()?.first()?;
        *entry.get_mut() = std::ptr::from_ref(first).cast_mut();
        Some(first)
    }
}

const fn recent_index(frame: Ppn) -> usize {
    frame.0 as usize % RECENT
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOP: [u8; 2] = [1, 0];

    #[test]
    fn overlapping_blocks_do_not_pile_up_without_end() {
        const PAGES: u64 = 32;
        let mut ram = Ram::new(PAGES * PAGE_SIZE).unwrap();
        ram.write(Ram::BASE, &NOP.repeat(PAGES as usize * ENTRIES)).unwrap();
        let mut blocks = Blocks::default();
        let mut most = 0;
        for halfword in 0..PAGES * ENTRIES as u64 {
            let at = Ram::BASE + 2 * halfword;
            blocks.drop_outdated(&mut ram, Isa::default());
            let id = blocks.page(&mut ram, at.ppn());
            assert!(!blocks.block(&ram, id, at.offset()).is_null());
            most = most.max(blocks.slots);
        }
        assert!((MOST_SLOTS..MOST_SLOTS + 100).contains(&most), "{most} slots");
        assert!(blocks.slots < MOST_SLOTS, "they were dropped once");
    }

    #[test]
    fn pages_with_little_code_do_not_pile_up_without_end() {
        let mut ram = Ram::new((MOST_PAGES as u64 + 2) * PAGE_SIZE).unwrap();
        let mut blocks = Blocks::default();
        let mut most = 0;
        for index in 0..MOST_PAGES as u64 + 2 {
            let at = Ram::BASE + index * PAGE_SIZE;
            ram.write(at, &NOP).unwrap();
            blocks.drop_outdated(&mut ram, Isa::default());
            let id = blocks.page(&mut ram, at.ppn());
            assert!(!blocks.block(&ram, id, 0).is_null());
            most = most.max(blocks.by_frame.len());
        }
        assert_eq!((most, blocks.by_frame.len()), (MOST_PAGES + 1, 1));
    }

    #[test]
    fn a_dropped_page_is_found_by_nobody_and_its_number_used_again() {
        let mut ram = Ram::new(2 * PAGE_SIZE).unwrap();
        ram.write(Ram::BASE, &NOP).unwrap();
        let mut blocks = Blocks::default();
        let frame = ram.first();
        let first = blocks.page(&mut ram, frame);
        assert!(!blocks.block(&ram, first, 0).is_null());
        ram.write(Ram::BASE, &NOP).unwrap();
        blocks.drop_outdated(&mut ram, Isa::default());
        assert_eq!((blocks.recent_page(frame), blocks.slots), (None, 0));
        let second = Ppn(frame.0 + 1);
        assert_eq!(blocks.page(&mut ram, second), first);
        assert!(blocks.known_block(first, 0).is_null());
    }
}
