//! Frames set aside for copies (`--cow-prealloc`).

use super::sabotage::{Sabotage, is_broken};
use tine_mmu::Ppn;

/// The pool that copies take their frames from first.
///
/// It is filled when the machine starts, serves nothing but copies, and takes every frame that is freed until it is full
/// again: in a storm nothing is freed and the pool drains; when a process ends, its frames refill it. The frames are not
/// zeroed, for a copy overwrites all of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Pool {
    size: u64,
    frames: Vec<Ppn>,
}

impl Pool {
    /// Makes a pool that wants `size` frames and has none.
    pub(super) fn new(size: u64) -> Self {
        Self { size, frames: Vec::new() }
    }

    /// Tells whether there is a pool at all.
    pub(super) fn exists(&self) -> bool {
        self.size > 0
    }

    /// Tells whether it has room for another frame.
    pub(super) fn has_room(&self) -> bool {
        (self.frames.len() as u64) < self.size
    }

    /// Adds a frame.
    pub(super) fn put(&mut self, ppn: Ppn) {
        self.frames.push(ppn);
    }

    /// Takes a frame, if there is one.
    pub(super) fn take(&mut self) -> Option<Ppn> {
        match self.frames.last() {
            Some(&last) if is_broken(Sabotage::PoolGivesTwice) => Some(last),
            _ => self.frames.pop(),
        }
    }

    /// Returns the frames that it holds, for the checker.
    pub(super) fn frames(&self) -> impl Iterator<Item = Ppn> + '_ {
        self.frames.iter().copied()
    }
}
