//! All areas of an address space, by address.

use super::gaps::Gaps;
use super::page_cache::PageCache;
use super::vma::Vma;
use std::collections::BTreeMap;
use std::ops::Range;
use tine_mmu::{VirtAddr, Vpn};

/// The first page that a search for room considers (`vm.mmap_min_addr` is 4096).
const LOWEST: Vpn = Vpn(1);
/// The address after the last user address: Sv39's lower half (Linux 6.12 arch/riscv/include/asm/pgtable.h).
pub const TASK_SIZE: u64 = 1 << 38;
/// The page after the last user page.
pub const TASK_END: Vpn = VirtAddr(TASK_SIZE).vpn();
/// Pages kept free below an area that grows down (Linux 6.12 mm/mmap.c `stack_guard_gap`).
pub const STACK_GUARD_PAGES: u64 = 256;

/// Areas that do not overlap, with the gaps between them. Look-up and gap search are logarithmic.
#[derive(Clone, Debug)]
pub struct VmaTree {
    by_start: BTreeMap<Vpn, Vma>,
    gaps: Gaps,
    pages: u64,
    peak_pages: u64,
}

impl VmaTree {
    /// Makes an empty address space.
    pub(super) fn new() -> Self {
        let mut tree = Self { by_start: BTreeMap::new(), gaps: Gaps::default(), pages: 0, peak_pages: 0 };
        tree.refresh_gap(LOWEST);
        tree
    }

    /// Returns how many areas there are.
    pub fn count(&self) -> usize {
        self.by_start.len()
    }

    /// Returns how many pages the areas cover.
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// Returns the most pages that were ever covered.
    pub fn peak_pages(&self) -> u64 {
        self.peak_pages
    }

    /// Returns every area, in rising order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Vma> {
        self.by_start.values()
    }

    /// Returns the area that holds `vpn`.
    pub fn find(&self, vpn: Vpn) -> Option<&Vma> {
        self.by_start.range(..=vpn).next_back().map(|(_, vma)| vma).filter(|vma| vpn < vma.end)
    }

    /// Returns the area that holds `vpn`. Its range must not be changed.
    pub(super) fn find_mut(&mut self, vpn: Vpn) -> Option<&mut Vma> {
        self.by_start.range_mut(..=vpn).next_back().map(|(_, vma)| vma).filter(|vma| vpn < vma.end)
    }

    /// Returns the first area that begins above `vpn`.
    pub fn next_above(&self, vpn: Vpn) -> Option<&Vma> {
        self.by_start.range(vpn + 1..).next().map(|(_, vma)| vma)
    }

    /// Returns the last area that begins below `vpn`.
    pub fn last_below(&self, vpn: Vpn) -> Option<&Vma> {
        self.by_start.range(..vpn).next_back().map(|(_, vma)| vma)
    }

    /// Returns the areas that overlap `range`, in rising order.
    pub fn overlapping(&self, range: Range<Vpn>) -> impl Iterator<Item = &Vma> {
        let first = self.find(range.start).map_or(range.start, |vma| vma.start);
        self.by_start.range(first..range.end.max(first)).map(|(_, vma)| vma)
    }

    /// Tells whether the areas cover every page of `range`.
    pub fn covers(&self, range: Range<Vpn>) -> bool {
        let mut reached = range.start;
        for vma in self.overlapping(range.clone()) {
            if vma.start > reached {
                return false;
            }
            reached = vma.end;
        }
        reached >= range.end
    }

    /// Tells whether no area, nor the guard gap of one that grows down, lies in `range`.
    pub fn is_free(&self, range: Range<Vpn>) -> bool {
        let guarded = self.next_above(range.start).filter(|vma| vma.grows_down);
        self.overlapping(range.clone()).next().is_none()
            && guarded.is_none_or(|vma| vma.start.0 >= range.end.0 + STACK_GUARD_PAGES)
    }

    /// Returns where `pages` pages fit at the highest place below `limit` (Linux 6.12 mm/mmap.c
    /// `arch_get_unmapped_area_topdown`).
    pub fn room_below(&self, limit: Vpn, pages: u64) -> Option<Vpn> {
        let start = self.gap_start(limit);
        let end = (start + self.gaps.pages_at(start)).min(limit);
        if end.0.saturating_sub(start.0) >= pages {
            return Some(Vpn(end.0 - pages));
        }
        let start = self.gaps.highest_below(start.min(limit), pages)?;
        Some(Vpn(start.0 + self.gaps.pages_at(start) - pages))
    }

    /// Adds an area to pages that are free.
    pub(super) fn insert(&mut self, vma: Vma) {
        let (start, end) = (vma.start, vma.end);
        self.pages += vma.pages();
        self.peak_pages = self.peak_pages.max(self.pages);
        self.by_start.insert(start, vma);
        self.refresh_gap(self.gap_start(start));
        self.refresh_gap(end);
    }

    /// Removes the area that begins at `start`.
    pub(super) fn remove(&mut self, start: Vpn) -> Option<Vma> {
        let vma = self.by_start.remove(&start)?;
        self.pages -= vma.pages();
        self.gaps.set(vma.end, 0);
        self.refresh_gap(self.gap_start(start));
        Some(vma)
    }

    /// Moves the first page of the area that begins at `start` down to `lower`.
    pub(super) fn grow_down(&mut self, start: Vpn, lower: Vpn) {
        if let Some(mut vma) = self.remove(start) {
            vma.start = lower;
            self.insert(vma);
        }
    }

    /// Cuts the area that holds `vpn` in two there, unless it begins there. Both parts hold the file.
    pub(super) fn split_at(&mut self, cache: &mut PageCache, vpn: Vpn) {
        let Some(mut lower) = self.find(vpn).filter(|vma| vma.start < vpn).cloned() else { return };
        self.remove(lower.start);
        let upper = lower.split_off(vpn);
        if let Some(file) = upper.file() {
            cache.hold(file);
        }
        self.insert(lower);
        self.insert(upper);
    }

    /// Cuts areas at both ends of `range`, and returns the first pages of those that lie in it.
    pub(super) fn isolate(&mut self, cache: &mut PageCache, range: Range<Vpn>) -> Vec<Vpn> {
        self.split_at(cache, range.start);
        self.split_at(cache, range.end);
        self.overlapping(range).map(|vma| vma.start).collect()
    }

    /// Joins the areas that meet at `vpn` when one can stand for both.
    pub(super) fn merge_at(&mut self, cache: &mut PageCache, vpn: Vpn) {
        let (Some(lower), Some(upper)) = (self.last_below(vpn), self.by_start.get(&vpn)) else { return };
        if !lower.continues_in(upper) {
            return;
        }
        let lower_start = lower.start;
        if let (Some(mut lower), Some(upper)) = (self.remove(lower_start), self.remove(vpn)) {
            lower.end = upper.end;
            lower.had_private_write |= upper.had_private_write;
            if let Some(file) = upper.file() {
                cache.release_one_of_many(file);
            }
            self.insert(lower);
        }
    }

    /// Tells what is wrong with the areas and gaps, for the checker.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut reached = LOWEST;
        for vma in self.iter() {
            let guard = if vma.grows_down { STACK_GUARD_PAGES } else { 0 };
            let gap = vma.start.0.saturating_sub(guard).saturating_sub(reached.0);
            if vma.start >= vma.end || vma.end > TASK_END || (vma.start < reached && vma.start != Vpn(0)) {
                return Err(format!("area {}..{} is empty, too high or overlaps", vma.start, vma.end));
            }
            if self.gaps.pages_at(reached) != gap {
                return Err(format!("gap at {reached} should have {gap} pages"));
            }
            reached = vma.end.max(LOWEST);
        }
        let pages: u64 = self.iter().map(Vma::pages).sum();
        if pages != self.pages {
            return Err(format!("{} pages counted, should be {pages}", self.pages));
        }
        Ok(())
    }

    /// Returns where the gap below `vpn` begins, or would: at the end of the last area that begins below it.
    fn gap_start(&self, vpn: Vpn) -> Vpn {
        self.last_below(vpn).map_or(LOWEST, |vma| vma.end.max(LOWEST))
    }

    /// Measures the gap that begins at `start` anew.
    fn refresh_gap(&mut self, start: Vpn) {
        let next = self.by_start.range(start..).next().map(|(_, vma)| vma);
        let end = next.map_or(TASK_END.0, |vma| {
            vma.start.0.saturating_sub(if vma.grows_down { STACK_GUARD_PAGES } else { 0 })
        });
        self.gaps.set(start, end.saturating_sub(start.0));
    }
}
