//! Address-space identifiers: one per address space, so that a switch flushes nothing.
//!
//! When all are used up, a new generation begins (Linux 6.12 arch/riscv/mm/context.c): each hart flushes its TLBs before it
//! next enters an address space, and every address space gets a new identifier when it next runs. Those that are on a
//! hart at that moment keep theirs, because the hart goes on using it.

use crate::{HartId, MmId};
use std::collections::{BTreeMap, BTreeSet};
use tine_mmu::{Asid, Fence, Ppn};

/// An identifier, and the generation in which it is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AsidTag {
    pub(super) asid: Asid,
    pub(super) generation: u64,
}

/// What a hart needs to run in an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the hart runs in its old address space until satp is written"]
pub struct Activation {
    /// The root table, for `satp.PPN`.
    pub root: Ppn,
    /// The identifier, for `satp.ASID`.
    pub asid: Asid,
    /// A fence to execute first: the identifiers have begun anew.
    pub fence: Option<Fence>,
}

/// Hands out identifiers. Number 0 is the kernel's own.
#[derive(Clone, Debug)]
pub(super) struct Asids {
    last: u16,
    next: u32,
    generation: u64,
    /// Identifiers that were in use on a hart when this generation began.
    reserved: BTreeSet<Asid>,
    /// The address space that each hart is in.
    active: BTreeMap<HartId, MmId>,
    /// Harts that have flushed since this generation began.
    flushed: BTreeSet<HartId>,
}

impl Asids {
    /// Makes the identifiers 1 to `last`.
    pub(super) fn new(last: u16) -> Self {
        Self {
            last,
            next: 1,
            generation: 1,
            reserved: BTreeSet::new(),
            active: BTreeMap::new(),
            flushed: BTreeSet::new(),
        }
    }

    /// Tells whether `tag` is still valid.
    pub(super) fn is_current(&self, tag: Option<AsidTag>) -> bool {
        tag.is_some_and(|tag| tag.generation == self.generation)
    }

    /// Hands out a fresh identifier; `None` when they are used up and [`Self::roll_over`] is due.
    pub(super) fn allocate(&mut self) -> Option<AsidTag> {
        while self.next <= u32::from(self.last) {
            let asid = Asid(self.next as u16);
            self.next += 1;
            if !self.reserved.contains(&asid) {
                return Some(AsidTag { asid, generation: self.generation });
            }
        }
        None
    }

    /// Begins a new generation, in which the identifiers `kept` stay where they are.
    pub(super) fn roll_over(&mut self, kept: BTreeSet<Asid>) -> u64 {
        self.generation += 1;
        self.next = 1;
        self.reserved = kept;
        self.flushed.clear();
        self.generation
    }

    /// Returns the address spaces that harts are in.
    pub(super) fn active(&self) -> BTreeSet<MmId> {
        self.active.values().copied().collect()
    }

    /// Notes that `hart` enters `mm`, and tells whether it must flush first.
    pub(super) fn enter(&mut self, hart: HartId, mm: MmId) -> bool {
        self.active.insert(hart, mm);
        // In the first generation no identifier was ever used before.
        self.flushed.insert(hart) && self.generation > 1
    }

    /// Forgets an address space that is gone: no hart enters user mode in it again.
    pub(super) fn forget(&mut self, mm: MmId) {
        self.active.retain(|_, active| *active != mm);
    }
}
