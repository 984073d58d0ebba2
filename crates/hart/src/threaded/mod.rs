//! The threaded engine: decodes each block of a physical page once, and goes from instruction to instruction by jumps.
//!
//! ```text
//!   run_threaded ──▶ translate pc ──▶ block of the frame at that offset ──▶ handler ──▶ handler ──▶ …
//!        ▲                                                                                          │
//!        └─── left: budget too small for the block, no block can be decoded, code rewritten, trap ◀───┘
//! ```
//!
//! Invariants:
//! - Wherever it leaves, state and counts are those of the plain engine. Nothing is counted per instruction but the clock that
//!   uses of pages are noted by, which tells how many instructions, loads and stores there were when [`Books`] closes.
//! - The instruction TLB is asked, and the use of its entry noted, when a page is entered and by indirect jumps. Pages are
//!   executed one after the other, so the order in which they were entered is the order in which they were used last.
//! - What it cannot do simply is done by [`Hart::perform`] and [`Hart::step`], which the plain engine is made of:
//!   instructions across two pages and illegal ones, the last instructions of a budget, every slow path but those of loads,
//!   stores and jumps that only miss the TLB.
//! - Blocks die, and are freed, only here in the loop, where no slot is being executed.
//! - A store into decoded code, even into the running block, takes effect on the next instruction.

mod block;
mod blocks;
mod books;
mod dispatch;
mod slot;
mod weave;

pub(crate) use blocks::Blocks;

use crate::trap::Trap;
use crate::{Hart, Shared, Stop};
use books::Books;
use dispatch::Entered;
use tine_mmu::{Access, Instant, PhysAddr, Ppn, Ram, VirtAddr};

/// What the fetch of a block asks for: instructions are read in units of two bytes.
const PARCEL_BYTES: u64 = 2;

/// What one dispatch through blocks works with, beside the hart.
struct Run<'a> {
    ram: &'a mut Ram,
    shared: &'a mut Shared,
    /// The frame whose code is being executed.
    frame: Ppn,
    /// The virtual address at which it is mapped now.
    page: VirtAddr,
    books: Books,
    /// The trap that ended the dispatch.
    trap: Option<Trap>,
}

impl Hart {
    pub(crate) fn run_threaded(&mut self, ram: &mut Ram, shared: &mut Shared, budget: u64) -> Stop {
        let mut limit = self.retired() + budget;
        while self.retired() < limit {
            // The supervisor's timer interrupts exactly when it expires, and only here is that looked for.
            let limit_here = self.timer_position().map_or(limit, |position| limit.min(position));
            let result = self.run_blocks(ram, shared, limit_here);
            if let Some(access) = self.asked.take() {
                return Stop::Device(access);
            }
            let trapped = result.map_err(|trap| self.enter_trap(trap)).is_err();
            if let Some(stop) = self.must_stop(ram, trapped) {
                return stop;
            }
            limit -= u64::from(trapped);
        }
        Stop::Budget
    }

    /// Takes a pending interrupt, or executes at least one instruction and none beyond `limit`.
    fn run_blocks(&mut self, ram: &mut Ram, shared: &mut Shared, limit: u64) -> Result<(), Trap> {
        shared.blocks.drop_outdated(ram, self.isa);
        self.check_interrupts()?;
        self.resume_mmu(ram);
        let at = self.locate_pc(ram, self.mmu.instant(self.stamp()))?;
        if !self.mmu.may_fetch_frame(at.ppn()) {
            return self.step(ram, shared);
        }
        let code = shared.blocks.page(ram, at.ppn());
        // The frame may have become code just now.
        self.mmu.notice_code(ram);
        let first = shared.blocks.block(ram, code, at.offset());
        let (books, clock) = Books::open(self, limit);
        let run = Run { ram, shared, frame: at.ppn(), page: self.pc.page_floor(), books, trap: None };
        match dispatch::enter(self, run, first, clock) {
            Entered::Executed(result) => result,
            Entered::Nothing => self.step(ram, shared),
        }
    }

    /// Translates `pc` for the instruction that is fetched now; where it traps, its look-up is counted.
    fn locate_pc(&mut self, ram: &mut Ram, now: Instant) -> Result<PhysAddr, Trap> {
        if let Some(at) = self.mmu.fetch_fast(self.pc, now) {
            return Ok(at);
        }
        let stamp = self.mmu.stamp_of(now);
        self.mmu.translate(ram, self.pc, PARCEL_BYTES, Access::Fetch, stamp).map_err(|fault| {
            self.mmu.add_lookups(1, 0, 0);
            fault.into()
        })
    }
}
