//! From a frame to the PTEs that map it.

use std::collections::BTreeSet;
use tine_mmu::{PhysAddr, Ppn};

/// The PTEs that map one frame, as its row of the frame table holds them. Two, as a fork makes, cost no more than one.
///
/// An empty place holds [`NO_PTE`]; where three or more map the frame, both places hold [`IN_MAP`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MappedBy([PhysAddr; 2]);

/// No PTE lies there: RAM begins higher.
const NO_PTE: PhysAddr = PhysAddr(0);
/// Nor there, at an odd address: the PTEs are in [`ReverseMap`].
const IN_MAP: PhysAddr = PhysAddr(u64::MAX);

impl MappedBy {
    /// No PTE maps the frame.
    pub(super) const NOBODY: Self = Self([NO_PTE; 2]);
    const MANY: Self = Self([IN_MAP; 2]);

    /// Adds a second PTE to the one there is.
    #[inline]
    pub(super) fn add_second(&mut self, pte: PhysAddr) {
        self.0[1] = pte;
    }

    /// Removes one of the two PTEs that there are.
    #[inline]
    pub(super) fn remove_one_of_two(&mut self, pte: PhysAddr) {
        let [first, second] = self.0;
        self.0 = [if first == pte { second } else { first }, NO_PTE];
    }
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
        match mapped_by.0 {
            [NO_PTE, _] => MappedBy([pte, NO_PTE]),
            [first, NO_PTE] => MappedBy([first, pte]),
            [IN_MAP, _] => self.add_to_many(ppn, &[pte]),
            [first, second] => self.add_to_many(ppn, &[first, second, pte]),
        }
    }

    #[inline(never)]
    fn add_to_many(&mut self, ppn: Ppn, ptes: &[PhysAddr]) -> MappedBy {
        self.many.extend(ptes.iter().map(|&pte| (ppn, pte)));
        MappedBy::MANY
    }

    /// Removes a PTE from those that map a frame, of which `left` stay.
    #[inline]
    pub(super) fn remove(&mut self, ppn: Ppn, mapped_by: MappedBy, pte: PhysAddr, left: u32) -> MappedBy {
        match mapped_by.0 {
            [_, NO_PTE] => MappedBy::NOBODY,
            [IN_MAP, _] => self.remove_from_many(ppn, pte, left),
            [first, second] => MappedBy([if first == pte { second } else { first }, NO_PTE]),
        }
    }

    #[inline(never)]
    fn remove_from_many(&mut self, ppn: Ppn, pte: PhysAddr, left: u32) -> MappedBy {
        self.many.remove(&(ppn, pte));
        if left > 2 {
            return MappedBy::MANY;
        }
        let last = self.list(ppn, MappedBy::MANY);
        last.iter().for_each(|&pte| {
            self.many.remove(&(ppn, pte));
        });
        last.into_iter().fold(MappedBy::NOBODY, |mapped_by, pte| self.add(ppn, mapped_by, pte))
    }

    /// Returns the PTEs that map a frame, in rising order.
    pub(super) fn list(&self, ppn: Ppn, mapped_by: MappedBy) -> Vec<PhysAddr> {
        match mapped_by.0 {
            [NO_PTE, _] => Vec::new(),
            [pte, NO_PTE] => vec![pte],
            [IN_MAP, _] => {
                self.many.range((ppn, PhysAddr(0))..=(ppn, PhysAddr(u64::MAX))).map(|&(_, pte)| pte).collect()
            }
            [first, second] => vec![first.min(second), first.max(second)],
        }
    }
}
