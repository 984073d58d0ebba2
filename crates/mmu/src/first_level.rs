//! A first-level TLB with its host shortcut.
//!
//! A use that the shortcut answers is noted there alone, so that whoever asks when an entry was used asks both; that is done here,
//! and nowhere else.

use crate::shortcut::{Page, Shortcut};
use crate::tlb::{Filled, Tlb, Translation};
use crate::{Access, Asid, Fence, PteFlags, TlbGeometry, VirtAddr, Vpn};

/// The TLB of an MMU that is asked first, for fetches or for loads and stores.
#[derive(Clone, Debug)]
pub(crate) struct FirstLevel {
    tlb: Tlb,
    shortcut: Shortcut<1024>,
}

impl FirstLevel {
    /// Makes an empty one; `seed` starts random replacement.
    pub(crate) fn new(geometry: TlbGeometry, seed: u64) -> Self {
        Self { tlb: Tlb::new(geometry, seed), shortcut: Shortcut::new(geometry.entries() as usize) }
    }

    /// Looks in the shortcut alone for an aligned load or fetch of `N` bytes at `stamp`: where it lies.
    #[inline(always)]
    pub(crate) fn read<const N: usize>(&mut self, va: VirtAddr, stamp: u64) -> Option<u64> {
        self.shortcut.read::<N>(va, stamp)
    }

    /// The same for a store.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(&mut self, va: VirtAddr, stamp: u64) -> Option<u64> {
        self.shortcut.write::<N>(va, stamp)
    }

    /// Finds the entry that translates `vpn` in an address space.
    pub(crate) fn lookup(&self, vpn: Vpn, asid: Asid) -> Option<u16> {
        self.tlb.lookup(vpn, asid)
    }

    /// Returns the entry that a look-up found.
    pub(crate) fn entry(&self, index: u16) -> &Translation {
        self.tlb.entry(index)
    }

    /// Notes that an entry was used.
    pub(crate) fn touch(&mut self, index: u16, stamp: u64) {
        if !self.shortcut.touch(index, stamp) {
            self.tlb.touch(index, stamp);
        }
    }

    /// Adds what the next level or a walk found; tells where it is, and whether it replaced another.
    pub(crate) fn fill(&mut self, page: Translation, stamp: u64) -> Filled {
        self.shortcut.drop_sleeping(page.vpn());
        self.replace(page, stamp)
    }

    fn replace(&mut self, page: Translation, stamp: u64) -> Filled {
        let Self { tlb, shortcut } = self;
        let filled = tlb.fill(page, stamp, |entry, used| shortcut.latest(entry, used));
        if let Some(flags) = filled.evicted {
            // When it was used last matters no more.
            shortcut.put_to_sleep(filled.index, flags);
        }
        filled
    }

    /// Finds the slot of the shortcut that sleeps and would let an address be accessed: where it lies, and what its entry said of
    /// the page. The TLB has no entry for it then.
    pub(crate) fn asleep(&self, va: VirtAddr, access: Access) -> Option<(u64, PteFlags)> {
        // Nobody drops the slots that sleep where a superpage is filled.
        if self.tlb.has_superpages() { None } else { self.shortcut.asleep(va, access == Access::Store) }
    }

    /// Adds the page of a slot that sleeps, which the next level still has as it was, and wakes the slot.
    pub(crate) fn wake(&mut self, va: VirtAddr, page: Translation, stamp: u64) -> Filled {
        let filled = self.replace(page, stamp);
        self.shortcut.wake(va, filled.index, stamp);
        filled
    }

    /// Has the shortcut answer for a page of an entry that was used just now.
    pub(crate) fn remember(&mut self, page: &Page, stamp: u64) {
        if let Some((entry, stamp)) = self.shortcut.insert(page, stamp) {
            self.tlb.touch(entry, stamp);
        }
    }

    /// Has the shortcut answer for nothing.
    pub(crate) fn clear_shortcut(&mut self) {
        let Self { tlb, shortcut } = self;
        shortcut.clear(|entry, stamp| tlb.touch(entry, stamp));
    }

    /// Has the shortcut answer for no store to a page that lies where `is_forbidden` says so.
    pub(crate) fn forbid_stores(&mut self, is_forbidden: impl Fn(u64) -> bool) {
        self.shortcut.forbid_stores(is_forbidden);
    }

    /// Has instants begin anew: those of now become small, in the same order.
    pub(crate) fn renumber(&mut self) {
        self.clear_shortcut();
        self.tlb.renumber();
    }

    /// Removes what a fence orders and returns how many entries that were.
    pub(crate) fn fence(&mut self, fence: Fence) -> u64 {
        let Self { tlb, shortcut } = self;
        tlb.fence(fence, |entry| shortcut.forget(entry))
    }

    /// Removes everything that translates `vpn` in an address space, global entries too.
    pub(crate) fn forget(&mut self, vpn: Vpn, asid: Asid) {
        let Self { tlb, shortcut } = self;
        tlb.forget(vpn, asid, |entry| shortcut.forget(entry));
    }

    /// Returns the valid entries, set by set, the least recently used first.
    pub(crate) fn by_use(&self) -> impl Iterator<Item = &Translation> {
        self.tlb.by_use(|entry, used| self.shortcut.latest(entry, used))
    }
}
