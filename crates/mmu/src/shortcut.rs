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
//!
//! The slot of an entry that makes room for another *sleeps*: it lets nothing be accessed, but still says what its page could be
//! accessed for. Programs with more pages than a TLB has entries come back to them all the time, and need not ask everything
//! again. A slot sleeps only while no entry for a base page translates its page.

use crate::stamp::COUNTING;
use crate::{PAGE_SIZE, PteFlags, VirtAddr, Vpn};

/// The bits that tell a tag from the one of a slot that sleeps: no aligned access has all of them set.
const ASLEEP: u64 = PAGE_SIZE - 1;

/// The tag of what may not be accessed: that of a page which is never translated, asleep.
const NOTHING: u64 = u64::MAX >> 1;

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
    /// When the page was accessed last by this slot; what its entry said of the page, where it sleeps.
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

    /// Tells whether it sleeps and is of the page at `base`.
    const fn sleeps_for(&self, base: u64) -> bool {
        self.read == base | ASLEEP || self.written == base | ASLEEP
    }
}

/// Whose a slot is.
#[derive(Clone, Copy, Debug)]
struct Owner {
    /// The index of the modelled entry; [`UNTRANSLATED`] where there is none: the page is not translated, or the slot sleeps or is
    /// empty.
    entry: u16,
    /// Whether [`Shortcut::in_use`] has the slot.
    is_listed: bool,
}

impl Owner {
    const NOBODY: Self = Self { entry: UNTRANSLATED, is_listed: false };
}

/// What an entry holds that has no slot.
const NO_SLOT: u16 = u16::MAX;

/// What an entry holds that has slots for some pages of a superpage.
const SOME_SLOTS: u16 = u16::MAX - 1;

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
    /// For each modelled entry its slot, [`NO_SLOT`] or [`SOME_SLOTS`].
    held: Box<[u16]>,
    /// The slots that are not empty, and some that are again.
    in_use: Vec<u16>,
}

impl<const COUNT: usize> Shortcut<COUNT> {
    /// Makes an empty one beside a TLB of so many entries.
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            slots: [Slot::EMPTY; COUNT],
            owners: [Owner::NOBODY; COUNT],
            held: vec![NO_SLOT; entries].into(),
            in_use: Vec::new(),
        }
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

    /// Adds a page that was used just now.
    ///
    /// # Returns
    /// The entry whose slot it takes, and when that was used last by it.
    pub(crate) fn insert(&mut self, page: &Page, stamp: u64) -> Option<(u16, u64)> {
        let index = Self::slot_of(page.va.vpn());
        let before = self.last_use(index);
        let tag = |is_allowed| if is_allowed { page.va.page_floor().0 } else { NOTHING };
        self.slots[index] = Slot {
            read: tag(page.is_readable),
            written: tag(page.is_writable),
            addend: page.at.wrapping_sub(page.va.0),
            stamp,
        };
        if !self.owners[index].is_listed {
            self.in_use.push(index as u16);
        }
        if let Some((entry, _)) = before
            && self.held[usize::from(entry)] == index as u16
        {
            self.held[usize::from(entry)] = NO_SLOT;
        }
        self.owners[index] = Owner { entry: page.entry, is_listed: true };
        if let Some(held) = self.held.get_mut(usize::from(page.entry)) {
            *held = if *held == NO_SLOT { index as u16 } else { SOME_SLOTS };
        }
        before
    }

    /// Returns the modelled entry of a slot and when it was used last by this slot, where there is one.
    fn last_use(&self, index: usize) -> Option<(u16, u64)> {
        let entry = self.owners[index].entry;
        (entry != UNTRANSLATED).then(|| (entry, self.slots[index].stamp))
    }

    /// Notes that an entry was used, where it has a slot of its own; tells whether it has.
    pub(crate) fn touch(&mut self, entry: u16, stamp: u64) -> bool {
        let slot = self.slots.get_mut(usize::from(self.held[usize::from(entry)]));
        let has_slot = slot.is_some();
        if let Some(slot) = slot {
            slot.stamp = stamp.max(slot.stamp);
        }
        has_slot
    }

    /// Returns when an entry was used last. `used` is when it heard of it last itself.
    #[inline(always)]
    pub(crate) fn latest(&self, entry: u16, used: u64) -> u64 {
        match self.slots.get(usize::from(self.held[usize::from(entry)])) {
            // A slot of its own is made when it is used, and has noted everything since.
            Some(slot) => slot.stamp,
            None => self.latest_of_any(entry, used),
        }
    }

    #[cold]
    fn latest_of_any(&self, entry: u16, used: u64) -> u64 {
        if self.held[usize::from(entry)] == NO_SLOT {
            return used;
        }
        let slots = self.in_use.iter().map(|&slot| usize::from(slot));
        let its = slots.filter(|&slot| self.owners[slot].entry == entry);
        its.map(|slot| self.slots[slot].stamp).fold(used, u64::max)
    }

    /// Drops the slots of an entry that was removed from the TLB, and returns when it was used last by one of them; 0 is never.
    pub(crate) fn forget(&mut self, entry: u16) -> u64 {
        let latest = self.latest(entry, 0);
        match std::mem::replace(&mut self.held[usize::from(entry)], NO_SLOT) {
            NO_SLOT => {}
            SOME_SLOTS => {
                (0..self.in_use.len()).for_each(|number| self.drop_if_of(self.in_use[number], entry))
            }
            only => self.drop_if_of(only, entry),
        }
        latest
    }

    /// Empties a slot if it is the entry's.
    fn drop_if_of(&mut self, slot: u16, entry: u16) {
        let slot = usize::from(slot);
        if self.owners[slot].entry == entry {
            self.slots[slot] = Slot::EMPTY;
            self.owners[slot].entry = UNTRANSLATED;
        }
    }

    /// Has the slot of an entry sleep that makes room for another in the TLB; `flags` is what it said of its page.
    pub(crate) fn put_to_sleep(&mut self, entry: u16, flags: PteFlags) {
        let number = usize::from(self.held[usize::from(entry)]);
        if let Some(slot) = self.slots.get_mut(number) {
            slot.read |= ASLEEP;
            slot.written |= ASLEEP;
            slot.stamp = flags.bits();
            self.owners[number].entry = UNTRANSLATED;
            self.held[usize::from(entry)] = NO_SLOT;
        } else {
            self.forget(entry);
        }
    }

    /// Finds the slot that sleeps and would let an address be stored to, or loaded or fetched from: where it lies, and what its
    /// entry said of the page.
    pub(crate) fn asleep(&self, va: VirtAddr, is_store: bool) -> Option<(u64, PteFlags)> {
        let slot = &self.slots[Self::slot_of(va.vpn())];
        let tag = if is_store { slot.written } else { slot.read };
        let flags = PteFlags::from_bits_retain(slot.stamp);
        (tag == va.0 | ASLEEP).then(|| (va.0.wrapping_add(slot.addend), flags))
    }

    /// Wakes the slot of a page that an entry translates again, as it did before.
    pub(crate) fn wake(&mut self, va: VirtAddr, entry: u16, stamp: u64) {
        let index = Self::slot_of(va.vpn());
        let slot = &mut self.slots[index];
        slot.stamp = stamp;
        for tag in [&mut slot.read, &mut slot.written] {
            if *tag != NOTHING {
                *tag &= !ASLEEP;
            }
        }
        self.owners[index].entry = entry;
        self.held[usize::from(entry)] = index as u16;
    }

    /// Empties the slot that sleeps for a page, if there is one.
    pub(crate) fn drop_sleeping(&mut self, vpn: Vpn) {
        let slot = &mut self.slots[Self::slot_of(vpn)];
        if slot.sleeps_for(vpn.base().0) {
            *slot = Slot::EMPTY;
        }
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
                self.held[usize::from(entry)] = NO_SLOT;
            }
            (self.slots[index], self.owners[index]) = (Slot::EMPTY, Owner::NOBODY);
        }
        self.in_use.clear();
    }
}
