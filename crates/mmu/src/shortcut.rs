//! The host shortcut: where the pages lie that were used last, in the host's memory or in the guest's.
//!
//! It is a direct-mapped array beside a first-level TLB, looked at before it. It decides nothing and counts nothing. A
//! slot lets a page be accessed in one way only while
//!
//! - the modelled entry that translates the page exists, and is the one that a look-up would find,
//! - the hart looks at memory as it did when the slot was made (same `satp`, privilege, SUM and MXR), and that view allows
//!   this kind of access,
//! - for stores: the entry's D bit is set and the frame holds no decoded code.
//!
//! So a hit here is a hit there, and all that is left to do is to note when the entry was used. That is noted in the slot, whose
//! address a hit knows already, and is the entry's own when somebody asks ([`Shortcut::latest`]) or the slot goes.

use crate::stamp::COUNTING;
use crate::tlb::Translation;
use crate::{PAGE_SIZE, VirtAddr, Vpn};

/// The tag of what may not be accessed: it has all offset bits set, which no aligned access has.
const NOTHING: u64 = u64::MAX;

/// The entry of a page that is not translated, so that there is no modelled entry to note a use in.
pub(crate) const UNTRANSLATED: u16 = u16::MAX;

/// Its size is a power of two, so that finding it takes a shift and a mask.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Slot {
    /// The page's first address, where it may be loaded or fetched from.
    read: u64,
    /// The page's first address, where it may be stored to.
    written: u64,
    /// What turns an address of the page into where it lies, wrapping.
    addend: u64,
    /// When the page was accessed last by this slot.
    stamp: u64,
}

const _: () = assert!(size_of::<Slot>() == 32);

impl Slot {
    const EMPTY: Self = Self { read: NOTHING, written: NOTHING, addend: 0, stamp: 0 };

    /// Looks for an aligned access of `N` bytes, `tag` being what it may access: where it lies.
    ///
    /// The comparison keeps the offset bits below `N`, so a misaligned access, which could leave the page, never matches.
    #[inline(always)]
    fn probe<const N: usize>(&mut self, tag: u64, va: VirtAddr, stamp: u64) -> Option<u64> {
        if va.0 & (!(PAGE_SIZE - 1) | (N as u64 - 1)) != tag {
            return None;
        }
        if COUNTING {
            self.stamp = stamp;
        }
        Some(va.0.wrapping_add(self.addend))
    }
}

/// Whose a slot is.
#[derive(Clone, Copy, Debug)]
struct Owner {
    /// The index of the modelled entry; [`UNTRANSLATED`] where there is none, or the slot is empty.
    entry: u16,
    /// Whether [`Shortcut::in_use`] has the slot.
    is_listed: bool,
}

impl Owner {
    const NOBODY: Self = Self { entry: UNTRANSLATED, is_listed: false };
}

/// A page that may be accessed without asking the TLB.
pub(crate) struct Page {
    /// An address of it.
    pub(crate) va: VirtAddr,
    /// Where that lies.
    pub(crate) at: u64,
    /// The index of the modelled entry, or [`UNTRANSLATED`].
    pub(crate) entry: u16,
    /// Whether it may be loaded from, or fetched from in a shortcut for that.
    pub(crate) is_readable: bool,
    /// Whether it may be stored to.
    pub(crate) is_writable: bool,
}

/// Slots for `COUNT` pages; `COUNT` is a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Shortcut<const COUNT: usize> {
    slots: [Slot; COUNT],
    owners: [Owner; COUNT],
    /// The slots that are not empty, and some that are again.
    in_use: Vec<u16>,
}

impl<const COUNT: usize> Shortcut<COUNT> {
    pub(crate) const fn new() -> Self {
        Self { slots: [Slot::EMPTY; COUNT], owners: [Owner::NOBODY; COUNT], in_use: Vec::new() }
    }

    #[inline(always)]
    const fn slot_of(vpn: Vpn) -> usize {
        vpn.0 as usize & (COUNT - 1)
    }

    /// Looks for an aligned load or fetch of `N` bytes at `stamp`: where it lies.
    #[inline(always)]
    pub(crate) fn read<const N: usize>(&mut self, va: VirtAddr, stamp: u64) -> Option<u64> {
        let slot = &mut self.slots[Self::slot_of(va.vpn())];
        slot.probe::<N>(slot.read, va, stamp)
    }

    /// The same for a store.
    #[inline(always)]
    pub(crate) fn write<const N: usize>(&mut self, va: VirtAddr, stamp: u64) -> Option<u64> {
        let slot = &mut self.slots[Self::slot_of(va.vpn())];
        slot.probe::<N>(slot.written, va, stamp)
    }

    /// Adds a page.
    ///
    /// # Returns
    /// The entry whose slot it takes, and when that was used last by it.
    pub(crate) fn insert(&mut self, page: &Page) -> Option<(u16, u64)> {
        let index = Self::slot_of(page.va.vpn());
        let before = self.last_use(index);
        let tag = |is_allowed| if is_allowed { page.va.page_floor().0 } else { NOTHING };
        self.slots[index] = Slot {
            read: tag(page.is_readable),
            written: tag(page.is_writable),
            addend: page.at.wrapping_sub(page.va.0),
            stamp: 0,
        };
        if !self.owners[index].is_listed {
            self.in_use.push(index as u16);
        }
        self.owners[index] = Owner { entry: page.entry, is_listed: true };
        before
    }

    /// Returns the modelled entry of a slot and when it was used last by this slot, where there is one.
    fn last_use(&self, index: usize) -> Option<(u16, u64)> {
        let entry = self.owners[index].entry;
        (entry != UNTRANSLATED).then(|| (entry, self.slots[index].stamp))
    }

    /// Returns when the entry was used last by this slot; 0 is never.
    #[inline(always)]
    fn latest_in(&self, index: usize, entry: u16) -> u64 {
        if self.owners[index].entry == entry { self.slots[index].stamp } else { 0 }
    }

    /// Empties the slot if it is the entry's, and returns when that was used last by it; 0 is never.
    fn drop_if_of(&mut self, index: usize, entry: u16) -> u64 {
        let latest = self.latest_in(index, entry);
        if self.owners[index].entry == entry {
            self.slots[index] = Slot::EMPTY;
            self.owners[index].entry = UNTRANSLATED;
        }
        latest
    }

    /// Returns when an entry was used last by a slot of it; 0 is never.
    #[inline(always)]
    pub(crate) fn latest(&self, index: u16, entry: &Translation) -> u64 {
        match entry.level() {
            0 => self.latest_in(Self::slot_of(entry.vpn()), index),
            _ => self.latest_in_any(index),
        }
    }

    #[cold]
    fn latest_in_any(&self, index: u16) -> u64 {
        self.in_use.iter().map(|&slot| self.latest_in(slot.into(), index)).max().unwrap_or(0)
    }

    /// Drops the slots of an entry that was removed from the TLB, and returns when it was used last by one of them.
    pub(crate) fn forget(&mut self, index: u16, entry: &Translation) -> u64 {
        match entry.level() {
            0 => self.drop_if_of(Self::slot_of(entry.vpn()), index),
            _ => self.drop_all_of(index),
        }
    }

    #[cold]
    fn drop_all_of(&mut self, index: u16) -> u64 {
        let mut latest = 0;
        for number in 0..self.in_use.len() {
            latest = self.drop_if_of(self.in_use[number].into(), index).max(latest);
        }
        latest
    }

    /// Has every store look elsewhere whose page lies where `is_forbidden` says so.
    pub(crate) fn forbid_stores(&mut self, is_forbidden: impl Fn(u64) -> bool) {
        for &index in &self.in_use {
            let slot = &mut self.slots[usize::from(index)];
            if slot.written != NOTHING && is_forbidden(slot.written.wrapping_add(slot.addend)) {
                slot.written = NOTHING;
            }
        }
    }

    /// Drops every slot, and tells when which entries were used last.
    pub(crate) fn clear(&mut self, mut used: impl FnMut(u16, u64)) {
        for number in 0..self.in_use.len() {
            let index = usize::from(self.in_use[number]);
            if let Some((entry, stamp)) = self.last_use(index) {
                used(entry, stamp);
            }
            (self.slots[index], self.owners[index]) = (Slot::EMPTY, Owner::NOBODY);
        }
        self.in_use.clear();
    }
}
