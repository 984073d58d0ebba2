//! All decoded blocks, by frame.

use super::block::{LONGEST, Placed, Scratch, decode_block};
use super::slot::Slot;
use std::num::NonZeroU32;
use std::ptr::null;
use std::sync::atomic::{AtomicPtr, Ordering};
use tine_isa::Isa;
use tine_mmu::{PAGE_SIZE, PhysAddr, Ppn, Ram};

/// An instruction begins at an even offset.
const ENTRIES: usize = PAGE_SIZE as usize / 2;

/// Slots after which everything is dropped, those of dropped pages among them: 64 MiB with their places. A guest that jumps to
/// every offset of its code must not take the host's memory.
const MOST_SLOTS: usize = 1 << 21;

/// The slots that a block may need.
const SPARE: usize = LONGEST as usize + 1;

/// Decoded pages after which everything is dropped, whose tables of entries take some tens of megabytes more.
const MOST_PAGES: usize = 1 << 13;

/// Targets of jumps that are found without a search. A power of two.
const TARGETS: usize = 1 << 13;

/// A page of decoded code, until it is dropped: its number among the pages, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageId(NonZeroU32);

impl PageId {
    #[inline(always)]
    const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// The blocks of one frame. They are dropped together, so that links between them lead nowhere else.
struct CodePage {
    frame: Ppn,
    /// For each even offset, the number of the block that begins there, from 1, or 0. A page has no more blocks than offsets.
    entries: Box<[u16; ENTRIES]>,
    /// The first slot of each block.
    blocks: Vec<u32>,
}

/// Where a jump went: the block that begins at an address. Atomic only so that blocks may move between host threads; one hart
/// runs at a time.
#[derive(Default)]
struct Target {
    /// The address, or 0, which is not RAM.
    at: u64,
    first: AtomicPtr<Slot>,
}

/// The block cache that all harts share.
#[derive(Default)]
pub(crate) struct Blocks {
    pages: Vec<Option<CodePage>>,
    /// For each frame of RAM, the number of the page that was decoded from it, or 0. Made with the first one; the host spends
    /// no memory on those that are 0 from the beginning.
    by_frame: Vec<u32>,
    /// A direct-mapped excerpt of all blocks. Made with the first one.
    targets: Vec<Target>,
    free: Vec<PageId>,
    /// The slots of all blocks, one block after the other. There is room for all from the beginning, on which the host spends no
    /// memory, so that they stay where they are.
    slots: Vec<Slot>,
    /// What else is known of each slot.
    places: Vec<Placed>,
    /// What instructions are decoded by.
    isa: Isa,
    scratch: Scratch,
}

impl Blocks {
    /// Drops the blocks of frames that were written since, and everything when there is too much or the hart that is
    /// about to run has other instructions.
    pub(super) fn drop_outdated(&mut self, ram: &mut Ram, isa: Isa) {
        if ram.has_rewritten() {
            for frame in ram.take_rewritten() {
                self.drop_page(ram, frame);
            }
        }
        if self.is_too_much() || self.isa != isa {
            *self = Self { isa, ..Self::default() };
        }
    }

    /// Tells whether [`Blocks::drop_outdated`] should be called before more is decoded.
    pub(super) fn is_too_much(&self) -> bool {
        self.slots.len() + SPARE > MOST_SLOTS || self.page_count() > MOST_PAGES
    }

    fn page_count(&self) -> usize {
        self.pages.len() - self.free.len()
    }

    fn drop_page(&mut self, ram: &Ram, frame: Ppn) {
        let Some(id) = self.known_page(ram, frame) else { return };
        self.by_frame[ram.number(frame)] = 0;
        if let Some(page) = self.pages[id.index()].take() {
            // Not by the first slots: what is executed first need not be what stands first.
            for halfword in (0..).zip(&page.entries[..]).filter_map(|(at, block)| (*block != 0).then_some(at))
            {
                let at = frame.base() + 2 * halfword;
                let target = &mut self.targets[target_index(at)];
                if target.at == at.0 {
                    *target = Target::default();
                }
            }
        }
        self.free.push(id);
    }

    /// Returns the page for a frame of RAM, new and marked as code where there was none.
    pub(super) fn page(&mut self, ram: &mut Ram, frame: Ppn) -> PageId {
        self.known_page(ram, frame).unwrap_or_else(|| self.add_page(ram, frame))
    }

    fn add_page(&mut self, ram: &mut Ram, frame: Ppn) -> PageId {
        ram.mark_code(frame);
        let page = CodePage { frame, entries: Box::new([0; ENTRIES]), blocks: Vec::new() };
        let id = self.free.pop().unwrap_or_else(|| {
            self.pages.push(None);
            // There are at most one more than so many that everything is dropped.
            PageId(u32::try_from(self.pages.len()).ok().and_then(NonZeroU32::new).expect("one or more"))
        });
        self.pages[id.index()] = Some(page);
        if self.by_frame.is_empty() {
            self.by_frame = vec![0; ram.frames() as usize];
            self.targets.resize_with(TARGETS, Target::default);
        }
        self.by_frame[ram.number(frame)] = id.0.get();
        id
    }

    /// Finds the page for a frame that was decoded.
    pub(super) fn known_page(&self, ram: &Ram, frame: Ppn) -> Option<PageId> {
        self.by_frame.get(ram.number(frame)).copied().and_then(NonZeroU32::new).map(PageId)
    }

    /// Finds the first slot of the block that begins at `offset`; null where there is none.
    ///
    /// It stays where it is until [`Blocks::drop_outdated`] is called.
    fn known_block(&self, id: PageId, offset: u64) -> *const Slot {
        let Some(Some(page)) = self.pages.get(id.index()) else { return null() };
        let number = page.entries[offset as usize / 2 % ENTRIES];
        page.blocks
            .get(usize::from(number).wrapping_sub(1))
            .map_or(null(), |&first| self.slot(first as usize))
    }

    fn slot(&self, index: usize) -> *const Slot {
        self.slots.as_ptr().wrapping_add(index)
    }

    /// Returns what else is known of a slot.
    pub(super) fn place(&self, slot: *const Slot) -> Placed {
        self.places[(slot.addr() - self.slots.as_ptr().addr()) / size_of::<Slot>()]
    }

    /// Returns the first slot of the block that begins at `offset`, decoding it where necessary; null where none can.
    pub(super) fn block(&mut self, ram: &Ram, id: PageId, offset: u64) -> *const Slot {
        let known = self.known_block(id, offset);
        if known.is_null() {
            return self.add_block(ram, id, offset).map_or(null(), |first| self.slot(first));
        }
        known
    }

    /// Finds the first slot of the block that begins at an address, where a jump went there lately; null elsewhere.
    #[inline(always)]
    pub(super) fn target(&self, at: PhysAddr) -> *const Slot {
        match self.targets.get(target_index(at)) {
            Some(target) if target.at == at.0 => target.first.load(Ordering::Relaxed).cast_const(),
            _ => null(),
        }
    }

    /// Has [`Blocks::target`] find a block at an address.
    pub(super) fn add_target(&mut self, at: PhysAddr, first: *const Slot) {
        self.targets[target_index(at)] = Target { at: at.0, first: AtomicPtr::new(first.cast_mut()) };
    }

    /// Decodes a block; returns the index of its first slot.
    #[cold]
    fn add_block(&mut self, ram: &Ram, id: PageId, offset: u64) -> Option<usize> {
        if self.slots.capacity() == 0 {
            self.slots.reserve_exact(MOST_SLOTS);
            self.places.reserve_exact(MOST_SLOTS);
        }
        let first = self.slots.len();
        if first + SPARE > MOST_SLOTS {
            return None;
        }
        let page = self.pages.get_mut(id.index())?.as_mut()?;
        let entry = page.entries.get_mut(offset as usize / 2)?;
        let Self { scratch, slots, places, isa, .. } = self;
        decode_block(scratch, *isa, ram.frame(page.frame), offset, slots, places);
        if slots.len() == first {
            return None;
        }
        page.blocks.push(first as u32);
        *entry = page.blocks.len() as u16;
        Some(first)
    }
}

#[inline(always)]
const fn target_index(at: PhysAddr) -> usize {
    at.0 as usize / 2 % TARGETS
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
            most = most.max(blocks.slots.len());
        }
        assert!((MOST_SLOTS - SPARE..=MOST_SLOTS).contains(&most), "{most} slots");
        assert!(blocks.slots.len() < MOST_SLOTS / 2, "they were dropped once");
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
            most = most.max(blocks.page_count());
        }
        assert_eq!((most, blocks.page_count()), (MOST_PAGES + 1, 1));
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
        assert_eq!(blocks.known_page(&ram, frame), None);
        let second = Ppn(frame.0 + 1);
        assert_eq!(blocks.page(&mut ram, second), first);
        assert!(blocks.known_block(first, 0).is_null());
    }

    #[test]
    fn no_jump_finds_what_a_dropped_page_had() {
        // addi a0,a1,1; addi a2,a3,1; add a4,a2,a2; add a5,a0,a0: the second is executed first.
        let code = [0x0015_8513_u32, 0x0016_8613, 0x00c6_0733, 0x00a5_07b3];
        let code = code.map(u32::to_le_bytes).concat();
        let mut ram = Ram::new(PAGE_SIZE).unwrap();
        let mut blocks = Blocks::default();
        ram.write(Ram::BASE, &code).unwrap();
        let id = blocks.page(&mut ram, Ram::BASE.ppn());
        for at in [Ram::BASE, Ram::BASE + 8] {
            let first = blocks.block(&ram, id, at.offset());
            blocks.add_target(at, first);
            assert_eq!(blocks.target(at), first);
        }
        ram.write(Ram::BASE, &code).unwrap();
        blocks.drop_outdated(&mut ram, Isa::default());
        for at in [Ram::BASE, Ram::BASE + 8] {
            assert!(blocks.target(at).is_null(), "a block that is freed");
        }
    }
}
