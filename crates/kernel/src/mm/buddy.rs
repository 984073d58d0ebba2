//! The buddy allocator: free RAM in blocks of 1, 2, 4, … 1,024 frames, each aligned to its size (Linux 6.12
//! mm/page_alloc.c).
//!
//! A block that is too large is halved until it fits; a block that comes free joins its free other half, the *buddy*. Single
//! frames go through a short stack of those freed last, as Linux's per-CPU lists do: most allocations look no further.
//! The lowest of the smallest blocks that do is always taken, so that two runs take the same frames. RAM that nobody
//! touched is a few bits.

use super::free_blocks::FreeBlocks;
use std::collections::VecDeque;
use tine_mmu::Ppn;

/// How many sizes of blocks there are: orders 0 to 10 (Linux: `NR_PAGE_ORDERS`).
pub const ORDERS: usize = 11;
/// The order of the largest block (Linux: `MAX_PAGE_ORDER`).
const MAX_ORDER: u32 = ORDERS as u32 - 1;
/// The order of the largest block that goes to the stack of single frames at once.
const BATCH_ORDER: u32 = 6;
/// How many single frames go back to the blocks at once.
const BATCH: usize = 1 << BATCH_ORDER;
/// How many single frames the stack holds at most.
const HIGH: usize = 4 * BATCH;

/// All free frames.
#[derive(Clone, Debug)]
pub(super) struct Buddy {
    /// A multiple of the largest block, at or below the first frame: blocks are numbered from here.
    origin: Ppn,
    /// Free blocks of each order, by their number.
    blocks: [FreeBlocks; ORDERS],
    /// Single frames, the next one to be taken last.
    singles: VecDeque<Ppn>,
    frames: u64,
}

impl Buddy {
    /// Frees `frames` frames from `first` on.
    pub(super) fn new(first: Ppn, frames: u64) -> Self {
        let origin = Ppn(first.0 >> MAX_ORDER << MAX_ORDER);
        let spanned = first.0 - origin.0 + frames;
        let blocks = std::array::from_fn(|order| FreeBlocks::new(spanned.div_ceil(1 << order)));
        let mut buddy = Self { origin, blocks, singles: VecDeque::new(), frames };
        buddy.join_run(first, frames);
        buddy
    }

    /// Returns how many frames are free.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Returns how many free blocks of each order there are (`/proc/buddyinfo`). The stack's frames are not among them.
    pub(super) fn counts(&self) -> [u64; ORDERS] {
        std::array::from_fn(|order| self.blocks[order].count())
    }

    /// Takes one frame.
    pub(super) fn take(&mut self) -> Option<Ppn> {
        if self.singles.is_empty() {
            self.refill();
        }
        let ppn = self.singles.pop_back()?;
        self.frames -= 1;
        Some(ppn)
    }

    /// Gives one frame back.
    pub(super) fn give(&mut self, ppn: Ppn) {
        self.frames += 1;
        self.singles.push_back(ppn);
        if self.singles.len() > HIGH {
            self.drain(BATCH);
        }
    }

    /// Takes a block of `1 << order` frames; `None` when no free block is so large, nor any that the stack's frames complete.
    pub(super) fn take_block(&mut self, order: u32) -> Option<Ppn> {
        let found = self.split(order).or_else(|| {
            self.drain(self.singles.len());
            self.split(order)
        });
        self.frames -= if found.is_some() { 1 << order } else { 0 };
        found
    }

    /// Gives a block of `1 << order` frames back.
    pub(super) fn give_block(&mut self, ppn: Ppn, order: u32) {
        self.frames += 1 << order;
        self.join(ppn, order);
    }

    /// Moves a block to the empty stack: one of the smallest there are, so that large ones stay whole.
    fn refill(&mut self) {
        let Some(smallest) = (0..ORDERS).find(|&order| self.blocks[order].count() > 0) else { return };
        let order = (smallest as u32).min(BATCH_ORDER);
        if let Some(first) = self.split(order) {
            self.singles.extend((0..1 << order).rev().map(|index| first + index));
        }
    }

    /// Moves the `count` frames that were freed longest ago from the stack to the blocks. Neighbours, which are often freed
    /// one after the other, go together.
    fn drain(&mut self, count: usize) {
        let mut left = count;
        while left > 0 {
            let first = self.singles[0];
            let in_turn = self.singles.iter().zip(first.0..).take(left);
            let run = in_turn.take_while(|(ppn, next)| ppn.0 == *next).count();
            self.singles.drain(..run);
            self.join_run(first, run as u64);
            left -= run;
        }
    }

    /// Removes a block of `order`, halving a larger one where there is none.
    fn split(&mut self, order: u32) -> Option<Ppn> {
        let from = (order..ORDERS as u32).find(|&order| self.blocks[order as usize].count() > 0)?;
        let mut block = self.blocks[from as usize].take_first()?;
        for half in (order..from).rev() {
            block <<= 1;
            self.blocks[half as usize].insert(block + 1);
        }
        Some(self.origin + (block << order))
    }

    /// Adds frames as the largest blocks that are aligned and fit.
    fn join_run(&mut self, first: Ppn, frames: u64) {
        let mut at = first.0 - self.origin.0;
        let end = at + frames;
        while at < end {
            let order = at.trailing_zeros().min((end - at).ilog2()).min(MAX_ORDER);
            self.join(self.origin + at, order);
            at += 1 << order;
        }
    }

    /// Adds a block, and joins it with its buddy as long as that is free.
    fn join(&mut self, ppn: Ppn, mut order: u32) {
        let mut block = (ppn.0 - self.origin.0) >> order;
        while order < MAX_ORDER && self.blocks[order as usize].remove(block ^ 1) {
            block >>= 1;
            order += 1;
        }
        self.blocks[order as usize].insert(block);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The first frame of guest RAM.
    const FIRST: Ppn = Ppn(0x80000);

    #[test]
    fn fresh_frames_come_in_rising_order_and_freed_ones_first() {
        let mut buddy = Buddy::new(FIRST, 4096);
        let taken: Vec<Ppn> = (0..2000).map_while(|_| buddy.take()).collect();
        assert!(taken.iter().zip(0..).all(|(&ppn, index)| ppn == FIRST + index));
        buddy.give(FIRST + 7);
        buddy.give(FIRST + 900);
        assert_eq!(
            (buddy.take(), buddy.take(), buddy.take()),
            (Some(FIRST + 900), Some(FIRST + 7), Some(FIRST + 2000))
        );
    }

    #[test]
    fn ram_that_ends_anywhere_is_cut_into_aligned_blocks() {
        assert_eq!(Buddy::new(FIRST, 2048 + 5).counts(), [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]);
        // Frames 3, 4 and 5, of which two are a block.
        assert_eq!(Buddy::new(FIRST + 3, 3).counts(), [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn halves_join_again_even_from_the_stack() {
        let mut buddy = Buddy::new(FIRST, 1024);
        let taken: Vec<Ppn> = (0..1024).map_while(|_| buddy.take()).collect();
        assert_eq!((taken.len(), buddy.take(), buddy.take_block(9)), (1024, None, None));
        for ppn in taken.into_iter().rev() {
            buddy.give(ppn);
        }
        assert_eq!(buddy.take_block(10), Some(FIRST));
        buddy.give_block(FIRST, 10);
        assert_eq!(buddy.counts(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn one_frame_in_use_spoils_every_block_around_it() {
        let mut buddy = Buddy::new(FIRST, 1024);
        let taken: Vec<Ppn> = (0..1024).map_while(|_| buddy.take()).collect();
        for ppn in taken.into_iter().filter(|&ppn| ppn != FIRST + 512) {
            buddy.give(ppn);
        }
        assert_eq!(buddy.take_block(9), Some(FIRST));
        assert_eq!((buddy.take_block(9), buddy.take_block(8)), (None, Some(FIRST + 768)));
    }

    #[test]
    fn agrees_with_a_set_of_frames() {
        // A linear congruential generator: the same steps on every run.
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        let total = 3000;
        let mut buddy = Buddy::new(FIRST + 10, total);
        let mut free: BTreeSet<u64> = (10..10 + total).collect();
        let mut held: Vec<(Ppn, u32)> = Vec::new();
        for _ in 0..20_000 {
            let order = if random(3) == 0 { random(ORDERS as u64) as u32 } else { 0 };
            if random(2) == 0 {
                let block = if order == 0 { buddy.take() } else { buddy.take_block(order) };
                match block {
                    Some(first) => {
                        assert!(first.0.is_multiple_of(1 << order), "{first} is not aligned");
                        let frames = first.0 - FIRST.0..first.0 - FIRST.0 + (1 << order);
                        assert!(frames.into_iter().all(|frame| free.remove(&frame)), "taken twice");
                        held.push((first, order));
                    }
                    None => {
                        let whole = |&first: &u64| {
                            first.is_multiple_of(1 << order)
                                && free.range(first..first + (1 << order)).count() == 1 << order
                        };
                        assert_eq!(
                            free.iter().find(|first| whole(first)),
                            None,
                            "order {order} could be had"
                        );
                    }
                }
            } else if !held.is_empty() {
                let (first, order) = held.swap_remove(random(held.len() as u64) as usize);
                free.extend(first.0 - FIRST.0..first.0 - FIRST.0 + (1 << order));
                if order == 0 { buddy.give(first) } else { buddy.give_block(first, order) }
            }
            assert_eq!(buddy.frames(), free.len() as u64);
        }
    }
}
