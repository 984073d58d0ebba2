//! Frames copied eagerly, and whether the copy was ever needed.

use std::collections::{BTreeMap, BTreeSet};
use tine_mmu::{Ppn, Ram};

/// Pairs of frames, one copied from the other before anyone wrote to either.
///
/// A copy was made in vain when the two are still equal as the first of them is freed. Without eager copies this is empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Twins {
    pairs: BTreeMap<Ppn, BTreeSet<Ppn>>,
    in_vain: u64,
}

impl Twins {
    /// Remembers a pair.
    pub(super) fn pair(&mut self, original: Ppn, copy: Ppn) {
        self.pairs.entry(original).or_default().insert(copy);
        self.pairs.entry(copy).or_default().insert(original);
    }

    /// Dissolves the pairs of a frame that is about to be freed.
    pub(super) fn part(&mut self, ram: &Ram, freed: Ppn) {
        // As it is without eager copies, and each freed frame asks.
        if self.pairs.is_empty() {
            return;
        }
        let Some(others) = self.pairs.remove(&freed) else { return };
        for other in others {
            self.in_vain += u64::from(ram.frame(freed) == ram.frame(other));
            if let Some(others) = self.pairs.get_mut(&other) {
                others.remove(&freed);
                if others.is_empty() {
                    self.pairs.remove(&other);
                }
            }
        }
    }

    /// Takes the number of copies made in vain since the last call.
    pub(super) fn take_in_vain(&mut self) -> u64 {
        std::mem::take(&mut self.in_vain)
    }
}
