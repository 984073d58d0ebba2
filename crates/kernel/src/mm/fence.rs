//! Fences that a change of mappings owes to the harts.

use crate::HartSet;
use smallvec::SmallVec;
use tine_mmu::{Asid, Fence, Vpn};

/// The changed pages of one address space for which harts may hold stale translations.
///
/// One page fence per changed page up to [`Fences::MAX_PAGES`], then one fence for the whole address space (Linux 6.12
/// arch/riscv/mm/tlbflush.c `tlb_flush_all_threshold`). A slot that was invalid owes nothing: invalid PTEs are never cached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a hart that is not told of a changed page goes on using the old translation"]
pub struct Fences {
    /// Most faults change one.
    pages: SmallVec<[Vpn; 2]>,
    whole: bool,
}

impl Fences {
    /// How many pages are fenced one by one.
    pub const MAX_PAGES: usize = 64;

    /// Notes that the translation of `vpn` changed.
    #[inline]
    pub(super) fn owe(&mut self, vpn: Vpn) {
        if !self.whole && !self.pages.contains(&vpn) {
            self.add(vpn);
        }
    }

    #[inline(never)]
    fn add(&mut self, vpn: Vpn) {
        self.pages.push(vpn);
        if self.pages.len() > Self::MAX_PAGES {
            self.owe_all();
        }
    }

    /// Notes that every translation of the address space may have changed.
    pub(super) fn owe_all(&mut self) {
        self.whole = true;
        self.pages.clear();
    }

    /// Owes what others owe, too.
    pub(super) fn join(&mut self, other: Self) {
        other.pages.into_iter().for_each(|vpn| self.owe(vpn));
        if other.whole {
            self.owe_all();
        }
    }

    /// Tells whether every translation is fenced already.
    pub(super) const fn are_whole(&self) -> bool {
        self.whole
    }

    /// Tells whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        !self.whole && self.pages.is_empty()
    }

    /// Returns the fences to execute on every hart that may hold translations of `asid`.
    pub fn for_asid(&self, asid: Asid) -> impl Iterator<Item = Fence> {
        let whole = self.whole.then_some(Fence::Asid(asid));
        whole.into_iter().chain(self.pages.iter().map(move |&vpn| Fence::PageAsid(vpn.base(), asid)))
    }
}

/// Where fences must be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a hart that is not told of a changed page goes on using the old translation"]
pub struct FenceTargets {
    /// The identifier of the address space: see [`Fences::for_asid`].
    pub asid: Asid,
    /// The harts that may hold translations of it.
    pub harts: HartSet,
}
