//! Clean pages of files leave when frames run short: what a file of the host has can be read again.
//!
//! A clock goes round all cached pages of such files, a cluster at a time, in the order in which files came. A cluster that
//! was used since the hand was there last stays once more. Pages that were stored to stay, and so do locked ones and those of
//! files that are nowhere but in memory (Linux 6.12 mm/vmscan.c `shrink_folio_list`).

use super::address_space::AddressSpace;
use super::page_cache::Copies;
use super::{Fences, Memory, Vma, Work};
use crate::{FileId, MmId};
use std::collections::BTreeMap;
use std::ops::Range;
use tine_mmu::{PteFlags, Ram};

/// Pages that the hand looks at together (Linux: `SWAP_CLUSTER_MAX`).
pub(super) const CLUSTER_PAGES: u64 = 32;
/// How often the hand goes round at most: once to forget uses, once to take, and what was left of the first round.
const ROUNDS: u32 = 3;

/// Where the hand of the clock is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hand {
    pub(super) file: u32,
    pub(super) page: u64,
}

/// What reclaim did.
#[derive(Debug, Default)]
#[must_use = "fences are owed"]
pub struct Reclaimed {
    /// Frames that are free now.
    pub pages: u64,
    /// The fences owed, by address space.
    pub fences: BTreeMap<MmId, Fences>,
}

impl Memory {
    /// Drops pages that were given up, and then clean pages of files, until `wanted` frames have become free or no more will.
    pub fn reclaim(&mut self, work: &mut Work<'_>, wanted: u64) -> Reclaimed {
        let mut reclaimed = Reclaimed::default();
        self.free_given_up(work, &mut reclaimed, wanted);
        let mut rounds = 0;
        while reclaimed.pages < wanted && rounds < ROUNDS {
            match self.cache.next_cluster(&mut self.hand) {
                None => rounds += 1,
                Some((file, pages)) => self.shrink_cluster(work, &mut reclaimed, file, pages),
            }
        }
        self.pages_reclaimed += reclaimed.pages;
        reclaimed
    }

    /// Drops the clean pages of a range of a file that nobody maps, and returns how many there were.
    pub fn drop_unmapped(&mut self, ram: &Ram, file: FileId, pages: Range<u64>) -> u64 {
        let (cache, frames) = (&mut self.cache, &mut self.frames);
        let clean = cache.clean_pages(ram, frames, file, pages);
        let is_mapped = |page: &u64| cache.page(file, *page).is_some_and(|ppn| frames.maps(ppn) > 0);
        let unmapped: Vec<u64> = clean.into_iter().filter(|page| !is_mapped(page)).collect();
        cache.evict(ram, frames, file, &unmapped)
    }

    /// Drops every clean page of files that nobody maps (`drop_caches`).
    pub fn drop_all_unmapped(&mut self, ram: &Ram) {
        self.cache_drops += 1;
        let files: Vec<FileId> = self.cache.holders().map(|(file, _)| file).collect();
        for file in files {
            self.drop_unmapped(ram, file, 0..u64::MAX);
        }
    }

    /// Returns how many pages could leave (`MemAvailable`).
    pub fn clean_pages(&self, ram: &Ram) -> u64 {
        let files = self.cache.holders();
        files.map(|(file, _)| self.cache.clean_pages(ram, &self.frames, file, 0..u64::MAX).len() as u64).sum()
    }

    /// Clears the accessed bits of the pages of those areas that are meant, where no page table is shared.
    pub(crate) fn forget_uses(&mut self, work: &mut Work<'_>, mm: MmId, is_meant: impl Fn(&Vma) -> bool) {
        let AddressSpace { vmas, table, .. } = self.spaces.get_mut(mm);
        for vma in vmas.iter().filter(|vma| is_meant(vma)) {
            for (is_shared, slot, pte) in table.slots(work.ram, &self.frames, vma.start..vma.end) {
                if !is_shared {
                    table.change(work, slot, pte, pte.without(PteFlags::A));
                }
            }
        }
    }

    /// Lets the most pages that were resident at once be those that are now (`VmHWM`).
    pub(crate) fn reset_peak(&mut self, mm: MmId) {
        let resident = &mut self.spaces.get_mut(mm).table.resident;
        resident.peak = resident.total();
    }

    /// Returns how often all clean pages were dropped at once (`drop_pagecache` of `/proc/vmstat`).
    pub const fn cache_drops(&self) -> u64 {
        self.cache_drops
    }

    /// Returns how many pages left because frames ran short (`pgsteal_direct` of `/proc/vmstat`).
    pub fn pages_reclaimed(&self) -> u64 {
        self.pages_reclaimed
    }

    /// Takes what it can of one cluster, unless it was used since it was looked at last.
    fn shrink_cluster(
        &mut self,
        work: &mut Work<'_>,
        reclaimed: &mut Reclaimed,
        file: FileId,
        pages: Range<u64>,
    ) {
        let clean = self.cache.clean_pages(work.ram, &self.frames, file, pages.clone());
        if clean.is_empty() {
            return;
        }
        let mut stays = self.cache.take_used(file, pages.start);
        stays |= self.forget_uses_of_file(work, &mut reclaimed.fences, file, &pages);
        if !stays {
            for &page in &clean {
                self.unmap_file(work, &mut reclaimed.fences, file, &(page..page + 1), Copies::Stay);
            }
            reclaimed.pages += self.cache.evict(work.ram, &mut self.frames, file, &clean);
        }
    }
}
