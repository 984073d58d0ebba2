//! From a frame to the PTEs that map it.

use std::collections::BTreeSet;
use tine_mmu::{PhysAddr, Ppn};

/// The PTEs that map one frame, as its row of the frame table holds them. Two, as a fork makes, cost no more than one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum MappedBy {
    /// None.
    #[default]
    Nobody,
    /// This one.
    One(PhysAddr),
    /// These.
    Two(PhysAddr, PhysAddr),
    /// Three or more, which are in [`ReverseMap`].
    Many,
}

/// The PTEs of the frames that three or more map.
#[derive(Clone, Debug, Default)]
pub(super) struct ReverseMap {
    many: BTreeSet<(Ppn, PhysAddr)>,
}

impl ReverseMap {
    /// Adds a PTE to those that map a frame.
    #[inline]
    pub(super) fn add(&mut self, ppn: Ppn, mapped_by: MappedBy, pte: PhysAddr) -> MappedBy {
        match mapped_by {
            MappedBy::Nobody => MappedBy::One(pte),
            MappedBy::One(first) => MappedBy::Two(first, pte),
            MappedBy::Two(first, second) => self.add_to_many(ppn, &[first, second, pte]),
            MappedBy::Many => self.add_to_many(ppn, &[pte]),
        }
    }

    #[inline(never)]
    fn add_to_many(&mut self, ppn: Ppn, ptes: &[PhysAddr]) -> MappedBy {
        self.many.extend(ptes.iter().map(|&pte| (ppn, pte)));
        MappedBy::Many
    }

    /// Removes a PTE from those that map a frame, of which `left` stay.
    #[inline]
    pub(super) fn remove(&mut self, ppn: Ppn, mapped_by: MappedBy, pte: PhysAddr, left: u32) -> MappedBy {
        match mapped_by {
            MappedBy::Nobody | MappedBy::One(_) => MappedBy::Nobody,
            MappedBy::Two(first, second) => MappedBy::One(if first == pte { second } else { first }),
            MappedBy::Many => self.remove_from_many(ppn, pte, left),
        }
    }

    #[inline(never)]
    fn remove_from_many(&mut self, ppn: Ppn, pte: PhysAddr, left: u32) -> MappedBy {
        self.many.remove(&(ppn, pte));
        if left > 2 {
            return MappedBy::Many;
        }
        let last = self.list(ppn, MappedBy::Many);
        last.iter().for_each(|&pte| {
            self.many.remove(&(ppn, pte));
        });
        last.into_iter().fold(MappedBy::Nobody, |mapped_by, pte| self.add(ppn, mapped_by, pte))
    }

    /// Returns the PTEs that map a frame, in rising order.
    pub(super) fn list(&self, ppn: Ppn, mapped_by: MappedBy) -> Vec<PhysAddr> {
        match mapped_by {
            MappedBy::Nobody => Vec::new(),
            MappedBy::One(pte) => vec![pte],
            MappedBy::Two(first, second) => vec![first.min(second), first.max(second)],
            MappedBy::Many => {
                self.many.range((ppn, PhysAddr(0))..=(ppn, PhysAddr(u64::MAX))).map(|&(_, pte)| pte).collect()
            }
        }
    }
}
