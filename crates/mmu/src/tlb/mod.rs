//! One translation look-aside buffer.
//!
//! A superpage is one entry. Its set is chosen by the page number in units of its own size, so a look-up probes once per
//! size that is present, smallest first. Where a stale base page and a fresh superpage both translate an address (the
//! manual allows either until the fence), the smaller one answers, always.
//!
//! Invariant: what answers for an address in an address space changes only when that entry leaves, because a fill only
//! follows a look-up that found nothing, and so whatever it adds beside an older entry is larger than that. The host
//! shortcut relies on this.

mod oldest;
mod presence;
mod replacement;
mod translation;

use translation::Tag;
pub(crate) use translation::Translation;

use crate::stamp::renumber;
use crate::walk::{LEVELS, VPN_BITS};
use crate::{Asid, Fence, PteFlags, Replacement, TlbGeometry, Vpn};
use oldest::Oldest;
use presence::Presence;
use replacement::WayPicker;
use std::ops::Range;

/// Sets of more ways than this have more to find their way by than a scan.
const FEW_WAYS: u32 = 8;

/// What a fill did to the TLB.
pub(crate) struct Filled {
    /// Where the new entry is.
    pub(crate) index: u16,
    /// What a valid one said of its page that was there before.
    pub(crate) evicted: Option<PteFlags>,
}

/// An entry, valid or not.
#[derive(Clone, Copy, Debug)]
struct Entry {
    page: Translation,
    /// When it was used last, as far as it heard of it.
    used: u64,
}

impl Entry {
    const EMPTY: Self = Self { page: Translation::INVALID, used: 0 };

    fn is_valid(&self) -> bool {
        self.page.tag() != Tag::INVALID
    }
}

/// A set-associative cache of translations.
#[derive(Clone, Debug)]
pub(crate) struct Tlb {
    geometry: TlbGeometry,
    entries: Vec<Entry>,
    /// When each was filled, where that says which one makes room.
    filled: Vec<u64>,
    /// Valid entries of each level.
    population: [usize; LEVELS as usize],
    /// A bit for each level that has any, so that a look-up skips the sizes that are absent.
    levels: u32,
    /// Valid entries of each set.
    valid: Vec<u16>,
    /// What large sets may hold.
    presence: Option<Presence>,
    /// What large sets have used least recently, each set by itself.
    oldest: Vec<Oldest>,
    random: WayPicker,
}

/// Returns the way that the tree over so many ways points at, a power of two of them.
///
/// A node points away from the half in which the latest use was, so that when each way was used last says where every
/// node points: at the half whose own latest use is older. Emptying a way moves no node, and leaves its last use as it is.
fn pointed_at(set: &[Entry]) -> usize {
    let (mut first, mut ways) = (0, set.len());
    while ways > 1 {
        ways /= 2;
        let latest = |from: usize| set[from..from + ways].iter().map(|entry| entry.used).max();
        if latest(first) > latest(first + ways) {
            first += ways;
        }
    }
    first
}

impl Tlb {
    /// Makes an empty TLB; `seed` starts random replacement.
    pub(crate) fn new(geometry: TlbGeometry, seed: u64) -> Self {
        let (entries, sets) = (geometry.entries() as usize, geometry.sets() as usize);
        let is_large = geometry.ways() > FEW_WAYS;
        Self {
            geometry,
            entries: vec![Entry::EMPTY; entries],
            filled: match geometry.replacement() {
                Replacement::Fifo => vec![0; entries],
                Replacement::Lru | Replacement::Plru | Replacement::Random => Vec::new(),
            },
            population: [0; LEVELS as usize],
            levels: 0,
            valid: vec![0; sets],
            presence: is_large.then(|| Presence::new(entries)),
            oldest: if is_large { vec![Oldest::new(entries / sets); sets] } else { Vec::new() },
            random: WayPicker::new(seed),
        }
    }

    /// Returns which set is for a page of `level`.
    fn number(&self, vpn: Vpn, level: u32) -> usize {
        // A power of two of them, and as many as there are counts.
        (vpn.0 >> (level * VPN_BITS)) as usize & (self.valid.len() - 1)
    }

    /// Returns the indices of a set's entries.
    fn indices(&self, number: usize) -> Range<usize> {
        let ways = self.geometry.ways() as usize;
        number * ways..(number + 1) * ways
    }

    /// Returns the indices of the set for a page of `level`.
    fn set(&self, vpn: Vpn, level: u32) -> Range<usize> {
        self.indices(self.number(vpn, level))
    }

    #[inline(always)]
    fn find(&self, vpn: Vpn, level: u32, matches: impl Fn(&Translation) -> bool) -> Option<u16> {
        let wanted = Tag::new(vpn, level);
        if !self.may_hold(wanted) {
            return None;
        }
        self.set(vpn, level)
            .find(|&index| {
                let Entry { page, .. } = &self.entries[index];
                page.tag() == wanted && matches(page)
            })
            .map(|index| index as u16)
    }

    fn may_hold(&self, tag: Tag) -> bool {
        self.presence.as_ref().is_none_or(|presence| presence.may_hold(tag))
    }

    /// Finds the entry that translates `vpn` in an address space.
    #[inline(always)]
    pub(crate) fn lookup(&self, vpn: Vpn, asid: Asid) -> Option<u16> {
        let mut levels = self.levels;
        while levels != 0 {
            let found =
                self.find(vpn, levels.trailing_zeros(), |entry| entry.is_global() || entry.is_of(asid));
            if found.is_some() {
                return found;
            }
            levels &= levels - 1;
        }
        None
    }

    /// Tells whether any valid entry is of a superpage.
    pub(crate) const fn has_superpages(&self) -> bool {
        self.levels & !1 != 0
    }

    /// Returns the entry that a look-up found.
    pub(crate) fn entry(&self, index: u16) -> &Translation {
        &self.entries[usize::from(index)].page
    }

    /// Returns the valid entries, set by set, the least recently used first. `latest` says when an entry was used last, given when
    /// it heard of it last.
    pub(crate) fn by_use(&self, latest: impl Fn(u16, u64) -> u64) -> impl Iterator<Item = &Translation> {
        let ways = self.geometry.ways() as usize;
        let mut valid: Vec<usize> =
            (0..self.entries.len()).filter(|&index| self.entries[index].is_valid()).collect();
        valid.sort_by_key(|&index| (index / ways, latest(index as u16, self.entries[index].used), index));
        valid.into_iter().map(|index| &self.entries[index].page)
    }

    /// Notes that an entry was used, now or once.
    pub(crate) fn touch(&mut self, index: u16, stamp: u64) {
        let used = &mut self.entries[usize::from(index)].used;
        *used = stamp.max(*used);
    }

    /// Has instants begin anew: those of now become small, in the same order.
    pub(crate) fn renumber(&mut self) {
        renumber(self.entries.iter_mut().map(|entry| &mut entry.used));
        renumber(self.filled.iter_mut());
        self.oldest.iter_mut().for_each(Oldest::clear);
    }

    /// Adds what a walk or the next level found: in the lowest invalid way, else where the replacement says.
    ///
    /// The caller has looked it up and found nothing, so that no page is ever here twice. `latest` says when an entry was used last,
    /// given when it heard of it last.
    pub(crate) fn fill(&mut self, page: Translation, stamp: u64, latest: impl Fn(u16, u64) -> u64) -> Filled {
        let number = self.number(page.vpn(), page.level());
        let set = self.indices(number);
        let is_full = usize::from(self.valid[number]) == set.len();
        let (index, evicted) = if is_full {
            let index = self.victim(number, stamp, latest);
            let before = self.entries[index].page;
            self.lose(&before);
            (index, Some(before.flags()))
        } else {
            let free = self.entries[set.clone()].iter().position(|entry| !entry.is_valid());
            self.valid[number] += 1;
            (set.start + free.unwrap_or_default(), None)
        };
        self.gain(&page);
        self.entries[index] = Entry { page, used: stamp };
        if let Some(filled) = self.filled.get_mut(index) {
            *filled = stamp;
        }
        Filled { index: index as u16, evicted }
    }

    /// Chooses the entry of a full set that makes room now.
    fn victim(&mut self, number: usize, now: u64, latest: impl Fn(u16, u64) -> u64) -> usize {
        let set = self.indices(number);
        let Self { geometry, entries, filled, oldest, random, .. } = self;
        let used = |index: usize| latest(index as u16, entries[index].used);
        // Of equal minima the first wins: the lowest way.
        match geometry.replacement() {
            Replacement::Lru => match oldest.get_mut(number) {
                Some(oldest) => oldest.take(set, now, used),
                None => set.clone().min_by_key(|&index| used(index)).unwrap_or(set.start),
            },
            Replacement::Fifo => set.clone().min_by_key(|&index| filled[index]).unwrap_or(set.start),
            Replacement::Plru => {
                for index in set.clone() {
                    entries[index].used = latest(index as u16, entries[index].used);
                }
                set.start + pointed_at(&entries[set])
            }
            Replacement::Random => set.start + random.pick(set.len()),
        }
    }

    /// Notes that there is one page more.
    fn gain(&mut self, page: &Translation) {
        self.population[page.level() as usize] += 1;
        self.levels |= 1 << page.level();
        if let Some(presence) = &mut self.presence {
            presence.add(page.tag());
        }
    }

    /// Notes that there is one page less.
    fn lose(&mut self, page: &Translation) {
        let population = &mut self.population[page.level() as usize];
        *population -= 1;
        if *population == 0 {
            self.levels &= !(1 << page.level());
        }
        if let Some(presence) = &mut self.presence {
            presence.remove(page.tag());
        }
    }

    /// Removes what a fence orders and returns how many entries that were; `gone` hears of each, and says when it was used last,
    /// where the entry did not hear of it.
    pub(crate) fn fence(&mut self, fence: Fence, gone: impl FnMut(u16) -> u64) -> u64 {
        match fence {
            Fence::All => self.remove_all(|_| true, gone),
            Fence::Asid(asid) => self.remove_all(|entry| entry.is_of(asid), gone),
            Fence::Page(va) => self.remove_page(va.vpn(), |_| true, gone),
            Fence::PageAsid(va, asid) => self.remove_page(va.vpn(), |entry| entry.is_of(asid), gone),
        }
    }

    /// Removes everything that translates `vpn` in an address space, global entries too.
    pub(crate) fn forget(&mut self, vpn: Vpn, asid: Asid, gone: impl FnMut(u16) -> u64) {
        self.remove_page(vpn, |entry| entry.is_global() || entry.is_of(asid), gone);
    }

    fn remove_all(
        &mut self,
        matches: impl Fn(&Translation) -> bool,
        mut gone: impl FnMut(u16) -> u64,
    ) -> u64 {
        self.remove(0..self.entries.len(), |page| page.tag() != Tag::INVALID && matches(page), &mut gone)
    }

    fn remove_page(
        &mut self,
        vpn: Vpn,
        matches: impl Fn(&Translation) -> bool,
        mut gone: impl FnMut(u16) -> u64,
    ) -> u64 {
        let mut removed = 0;
        let mut levels = self.levels;
        while levels != 0 {
            let level = levels.trailing_zeros();
            let wanted = Tag::new(vpn, level);
            if self.may_hold(wanted) {
                removed += self.remove(
                    self.set(vpn, level),
                    |page| page.tag() == wanted && matches(page),
                    &mut gone,
                );
            }
            levels &= levels - 1;
        }
        removed
    }

    /// Removes valid entries, by what they translate.
    fn remove(
        &mut self,
        indices: Range<usize>,
        matches: impl Fn(&Translation) -> bool,
        gone: &mut impl FnMut(u16) -> u64,
    ) -> u64 {
        let mut removed = 0;
        for index in indices {
            if matches(&self.entries[index].page) {
                let page = std::mem::replace(&mut self.entries[index].page, Translation::INVALID);
                self.lose(&page);
                self.valid[index / self.geometry.ways() as usize] -= 1;
                // An empty way's latest use still decides where a tree points.
                let latest = gone(index as u16);
                self.touch(index as u16, latest);
                removed += 1;
            }
        }
        removed
    }
}
