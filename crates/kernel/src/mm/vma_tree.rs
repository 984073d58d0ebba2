//! All areas of an address space, by address.

use super::commit::Promise;
use super::gaps::Gaps;
use super::lock::Lock;
use super::page_cache::PageCache;
use super::vma::{Lineage, OnFork, Prot, Vma};
use crate::MmId;
use std::collections::BTreeMap;
use std::ops::Range;
use tine_mmu::{VirtAddr, Vpn};

/// The first page that a search for room considers (`vm.mmap_min_addr` is 4096).
pub(crate) const LOWEST: Vpn = Vpn(1);
/// The address after the last user address: Sv39's lower half (Linux 6.12 arch/riscv/include/asm/pgtable.h).
pub const TASK_SIZE: u64 = 1 << 38;
/// The page after the last user page.
pub const TASK_END: Vpn = VirtAddr(TASK_SIZE).vpn();
/// Pages kept free below an area that grows down (Linux 6.12 mm/mmap.c `stack_guard_gap`).
pub const STACK_GUARD_PAGES: u64 = 256;

/// Pages that areas cover, as `/proc/<pid>/status` splits them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AreaPages {
    /// All (`VmSize`).
    pub total: u64,
    /// Private, writable and no stack (`VmData`).
    pub data: u64,
    /// Stacks (`VmStk`).
    pub stack: u64,
    /// Executable and not writable (`VmExe` and `VmLib` together).
    pub code: u64,
    /// Locked (`VmLck`).
    pub locked: u64,
    /// Promised.
    pub promised: u64,
}

impl AreaPages {
    /// Returns the pages of one area (Linux 6.12 mm/vma.h `vm_stat_account`).
    fn of(vma: &Vma) -> Self {
        let pages = |counted: bool| if counted { vma.pages() } else { 0 };
        Self {
            total: vma.pages(),
            data: pages(vma.is_private_writable() && !vma.grows_down),
            stack: pages(vma.grows_down),
            code: pages(vma.prot & (Prot::EXEC | Prot::WRITE) == Prot::EXEC),
            locked: pages(vma.lock != Lock::Unlocked),
            promised: pages(vma.promise == Promise::Counted),
        }
    }

    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.data += other.data;
        self.stack += other.stack;
        self.code += other.code;
        self.locked += other.locked;
        self.promised += other.promised;
    }

    fn subtract(&mut self, other: Self) {
        self.total -= other.total;
        self.data -= other.data;
        self.stack -= other.stack;
        self.code -= other.code;
        self.locked -= other.locked;
        self.promised -= other.promised;
    }
}

/// Areas that do not overlap, with the gaps between them. Look-up and gap search are logarithmic.
///
/// It also keeps the page cache informed of the areas that map each file.
#[derive(Clone, Debug)]
pub struct VmaTree {
    mm: MmId,
    by_start: BTreeMap<Vpn, Vma>,
    /// The gaps, measured when room is first looked for: a child that execs never does.
    gaps: Option<Gaps>,
    pages: AreaPages,
    peak_pages: u64,
    /// Groups of private pages that there have been.
    lineages: u32,
}

impl VmaTree {
    /// Makes an empty address space.
    pub(super) fn new(mm: MmId) -> Self {
        let pages = AreaPages::default();
        Self { mm, by_start: BTreeMap::new(), gaps: None, pages, peak_pages: 0, lineages: 0 }
    }

    /// Makes the areas of `child`, forked from these. Pages that were once covered are no peak of the child's.
    pub(super) fn fork(&self, cache: &mut PageCache, child: MmId) -> Self {
        let mut copy = Self { by_start: self.by_start.clone(), pages: self.pages, ..Self::new(child) };
        for vma in self.iter() {
            match vma.on_fork {
                OnFork::Inherit => {}
                OnFork::Omit => {
                    copy.remove(vma.start);
                    continue;
                }
                OnFork::Wipe => copy.change(vma.start, |vma| vma.had_private_write = false),
            }
            if vma.lock != Lock::Unlocked {
                copy.change(vma.start, |vma| vma.lock = Lock::Unlocked);
            }
            if let Some(file) = vma.file() {
                cache.map(file, child);
            }
        }
        // Each area of the child has its own pages from now on, beside those that it inherits.
        for vma in copy.by_start.values_mut() {
            copy.lineages += 1;
            vma.lineage = Lineage { group: copy.lineages, inherited: vma.had_private_write };
        }
        copy.peak_pages = copy.pages.total;
        copy
    }

    /// Notes that a store has made the first private page of the area that holds `vpn`: it goes with those of a neighbour that
    /// differs in rights at most (Linux 6.12 mm/vma.c `find_mergeable_anon_vma`).
    pub(super) fn note_private_write(&mut self, vpn: Vpn) {
        let Some(vma) = self.find(vpn).filter(|vma| vma.had_private_write) else { return };
        let own = |neighbour: &Vma| neighbour.family().filter(|family| !family.inherited);
        let above = self.by_start.get(&vma.end).filter(|above| vma.resembles(above)).and_then(own);
        let below = || self.last_below(vma.start).filter(|below| below.resembles(vma)).and_then(own);
        let lineage =
            above.or_else(below).unwrap_or_else(|| Lineage { group: self.lineages + 1, inherited: false });
        self.lineages = self.lineages.max(lineage.group);
        if let Some(vma) = self.find_mut(vpn) {
            vma.lineage = lineage;
        }
    }

    /// Returns how many areas there are.
    pub fn count(&self) -> usize {
        self.by_start.len()
    }

    /// Returns how many pages the areas cover.
    pub fn pages(&self) -> AreaPages {
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
    pub fn room_below(&mut self, limit: Vpn, pages: u64) -> Option<Vpn> {
        let last = self.gap_start(limit);
        let gaps = self.gaps.take().unwrap_or_else(|| self.measure());
        let gaps = self.gaps.insert(gaps);
        let end = (last + gaps.pages_at(last)).min(limit);
        let room_end = if end.0.saturating_sub(last.0) >= pages {
            end
        } else {
            let start = gaps.highest_below(last.min(limit), pages)?;
            start + gaps.pages_at(start)
        };
        Some(Vpn(room_end.0 - pages)).filter(|&start| start >= LOWEST)
    }

    /// Adds an area to pages that are free.
    pub(super) fn insert(&mut self, vma: Vma) {
        let (start, end) = (vma.start, vma.end);
        self.pages.add(AreaPages::of(&vma));
        self.peak_pages = self.peak_pages.max(self.pages.total);
        self.by_start.insert(start, vma);
        self.refresh_gap(self.gap_start(start));
        self.refresh_gap(end);
    }

    /// Removes the area that begins at `start`.
    pub(super) fn remove(&mut self, start: Vpn) -> Option<Vma> {
        let vma = self.by_start.remove(&start)?;
        self.pages.subtract(AreaPages::of(&vma));
        if let Some(gaps) = &mut self.gaps {
            gaps.set(vma.end, 0);
        }
        self.refresh_gap(self.gap_start(start));
        Some(vma)
    }

    /// Changes the area that begins at `start`, its range included.
    pub(super) fn change(&mut self, start: Vpn, change: impl FnOnce(&mut Vma)) {
        if let Some(mut vma) = self.remove(start) {
            change(&mut vma);
            self.insert(vma);
        }
    }

    /// Cuts the area that holds `vpn` in two there, unless it begins there.
    pub(super) fn split_at(&mut self, cache: &mut PageCache, vpn: Vpn) {
        let Some(mut lower) = self.find(vpn).filter(|vma| vma.start < vpn).cloned() else { return };
        self.remove(lower.start);
        let upper = lower.split_off(vpn);
        if let Some(file) = upper.file() {
            cache.map(file, self.mm);
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

    /// Joins the area that begins at `start`, and that is new or changed, with its neighbours where one area can stand for both
    /// (Linux 6.12 mm/vma.c `vma_merge_existing_range`, `vma_merge_new_range`).
    pub(super) fn merge_around(&mut self, cache: &mut PageCache, start: Vpn) {
        let Some(changed) = self.by_start.get(&start) else { return };
        let lower = self.last_below(start);
        let lower = lower.filter(|lower| lower.continues_in(changed) && changed.may_join(lower));
        let upper = self.by_start.get(&changed.end);
        let upper = upper.filter(|upper| changed.continues_in(upper) && changed.may_join(upper));
        let upper = upper.filter(|upper| {
            let families = (lower.and_then(Vma::family), upper.family());
            !matches!(families, (Some(a), Some(b)) if a.group != b.group)
        });
        let (below, above, end) = (lower.is_some(), upper.is_some(), changed.end);
        if above {
            self.join(cache, end);
        }
        if below {
            self.join(cache, start);
        }
    }

    /// Makes one area of the two that meet at `vpn`.
    fn join(&mut self, cache: &mut PageCache, vpn: Vpn) {
        let Some(lower_start) = self.last_below(vpn).map(|lower| lower.start) else { return };
        if let (Some(mut lower), Some(upper)) = (self.remove(lower_start), self.remove(vpn)) {
            lower.end = upper.end;
            if !lower.had_private_write {
                (lower.had_private_write, lower.lineage) = (upper.had_private_write, upper.lineage);
            }
            if let Some(file) = upper.file() {
                cache.forget_area(file, self.mm);
            }
            self.insert(lower);
        }
    }

    /// Tells what is wrong with the areas and gaps, for the checker.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut reached = Vpn(0);
        for vma in self.iter() {
            let guard = if vma.grows_down { STACK_GUARD_PAGES } else { 0 };
            let gap = vma.start.0.saturating_sub(guard).saturating_sub(reached.0);
            if vma.start >= vma.end || vma.end > TASK_END || vma.start < reached {
                return Err(format!("area {}..{} is empty, too high or overlaps", vma.start, vma.end));
            }
            if self.gaps.as_ref().is_some_and(|gaps| gaps.pages_at(reached) != gap) {
                return Err(format!("gap at {reached} should have {gap} pages"));
            }
            reached = vma.end;
        }
        let mut pages = AreaPages::default();
        self.iter().for_each(|vma| pages.add(AreaPages::of(vma)));
        if pages != self.pages {
            return Err(format!("{:?} counted, should be {pages:?}", self.pages));
        }
        Ok(())
    }

    /// Returns where the gap below `vpn` begins, or would: at the end of the last area that begins below it.
    fn gap_start(&self, vpn: Vpn) -> Vpn {
        self.last_below(vpn).map_or(Vpn(0), |vma| vma.end)
    }

    /// Measures every gap.
    fn measure(&self) -> Gaps {
        let mut gaps = Gaps::default();
        for start in std::iter::once(Vpn(0)).chain(self.iter().map(|vma| vma.end)) {
            gaps.set(start, self.gap_at(start));
        }
        gaps
    }

    /// Measures the gap that begins at `start` anew.
    fn refresh_gap(&mut self, start: Vpn) {
        let pages = self.gap_at(start);
        if let Some(gaps) = &mut self.gaps {
            gaps.set(start, pages);
        }
    }

    /// Returns the pages from `start` to the next area, or to the guard gap below it if it grows down.
    fn gap_at(&self, start: Vpn) -> u64 {
        let next = self.by_start.range(start..).next().map(|(_, vma)| vma);
        let end = next.map_or(TASK_END.0, |vma| {
            vma.start.0.saturating_sub(if vma.grows_down { STACK_GUARD_PAGES } else { 0 })
        });
        end.saturating_sub(start.0)
    }
}
