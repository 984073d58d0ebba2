//! Which pages a large set may hold.

use super::Tag;

/// Buckets for each entry: so many that an absent page rarely shares one with a present one.
const BUCKETS_PER_ENTRY: usize = 16;

/// How many valid entries there are of each hash of a tag, so that a look-up that will find nothing scans nothing.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    counts: Box<[u16]>,
}

impl Presence {
    /// Makes the counts for so many entries, none of them valid.
    pub(super) fn new(entries: usize) -> Self {
        Self { counts: vec![0; (entries * BUCKETS_PER_ENTRY).next_power_of_two()].into() }
    }

    /// Tells whether an entry may have this tag; `false` is certain.
    pub(super) fn may_hold(&self, tag: Tag) -> bool {
        self.counts[self.bucket(tag)] > 0
    }

    pub(super) fn add(&mut self, tag: Tag) {
        self.counts[self.bucket(tag)] += 1;
    }

    pub(super) fn remove(&mut self, tag: Tag) {
        self.counts[self.bucket(tag)] -= 1;
    }

    /// Neighbours have buckets of their own; what lies a multiple of their number apart is told apart by the bits above.
    fn bucket(&self, tag: Tag) -> usize {
        let tag = tag.bits();
        (tag ^ tag >> 13 ^ tag >> 29) as usize & (self.counts.len() - 1)
    }
}
