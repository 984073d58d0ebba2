//! The host shortcut: where in host memory the pages lie that were used last.
//!
//! It is a direct-mapped array beside a first-level TLB, looked at before it. It decides nothing and counts nothing. A
//! slot for a page exists only while
//!
//! - the modelled entry that translates the page exists, and is the one that a look-up would find,
//! - the hart looks at memory as it did when the slot was made (same `satp`, privilege, SUM and MXR), and that view allows
//!   this kind of access,
//! - for stores: the entry's D bit is set and the frame holds no decoded code.
//!
//! So a hit here is a hit there, and all that is left to do is to note when the entry was used. That is noted in the slot, whose
//! address a hit knows already, and is the entry's own when somebody asks ([`Shortcut::latest`]) or the slot goes.

use crate::tlb::Translation;
use crate::{PAGE_SIZE, VirtAddr, Vpn};

/// The tag of an empty slot: it has all offset bits set, which no aligned access has.
const EMPTY: u64 = u64::MAX;

/// The entry of a page that is not translated, so that there is no modelled entry to note a use in.
pub(crate) const UNTRANSLATED: u16 = u16::MAX;

/// Its size is a power of two, so that finding it takes a shift and a mask.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
struct Slot {
    /// The page's first address.
    tag: u64,
    /// What turns an address of the page into an offset in RAM, wrapping.
    addend: u64,
    /// When the page was accessed last by this slot.
    stamp: u64,
    /// The index of the modelled entry.
    entry: u16,
    /// Whether [`Shortcut::in_use`] has it.
    is_listed: bool,
}

impl Slot {
    const NOTHING: Self = Self { tag: EMPTY, addend: 0, stamp: 0, entry: UNTRANSLATED, is_listed: false };

    /// Returns the modelled entry and when it was used last by this slot, where there is one.
    fn last_use(&self) -> Option<(u16, u64)> {
        (self.tag != EMPTY && self.entry != UNTRANSLATED).then_some((self.entry, self.stamp))
    }

    /// Empties the slot if it is the entry's, and returns when that was used last by it; 0 is never.
    fn drop_if_of(&mut self, entry: u16) -> u64 {
        let latest = self.latest_of(entry);
        if self.entry == entry {
            self.tag = EMPTY;
        }
        latest
    }

    /// Returns when the entry was used last by this slot; 0 is never.
    fn latest_of(&self, entry: u16) -> u64 {
        if self.tag != EMPTY && self.entry == entry { self.stamp } else { 0 }
    }
}

const _: () = assert!(size_of::<Slot>() == 32);

/// Slots for `COUNT` pages; `COUNT` is a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Shortcut<const COUNT: usize> {
    slots: [Slot; COUNT],
    /// The slots that are not empty, and some that are again.
    in_use: Vec<u16>,
}

impl<const COUNT: usize> Shortcut<COUNT> {
    pub(crate) const fn new() -> Self {
        Self { slots: [Slot::NOTHING; COUNT], in_use: Vec::new() }
    }

    #[inline(always)]
    const fn slot_of(vpn: Vpn) -> usize {
        vpn.0 as usize & (COUNT - 1)
    }

    /// Looks for an aligned access of `N` bytes at `stamp`: its offset in RAM.
    ///
    /// The comparison keeps the offset bits below `N`, so a misaligned access, which could leave the page, never matches.
    #[inline(always)]
    pub(crate) fn probe<const N: usize>(&mut self, va: VirtAddr, stamp: u64) -> Option<u64> {
        let slot = &mut self.slots[Self::slot_of(va.vpn())];
        if va.0 & (!(PAGE_SIZE - 1) | (N as u64 - 1)) != slot.tag {
            return None;
        }
        slot.stamp = stamp;
        Some(va.0.wrapping_add(slot.addend))
    }

    /// Adds the page that holds `va`, which lies at `offset` in RAM and is translated by the entry at `entry`.
    ///
    /// # Returns
    /// The entry whose slot it takes, and when that was used last by it.
    pub(crate) fn insert(&mut self, va: VirtAddr, offset: u64, entry: u16) -> Option<(u16, u64)> {
        let (tag, index) = (va.page_floor().0, Self::slot_of(va.vpn()));
        let slot = &mut self.slots[index];
        let before = slot.last_use();
        if !slot.is_listed {
            self.in_use.push(index as u16);
        }
        *slot = Slot { tag, addend: offset.wrapping_sub(va.0), stamp: 0, entry, is_listed: true };
        before
    }

    /// Returns when an entry was used last by a slot of it; 0 is never.
    pub(crate) fn latest(&self, index: u16, entry: &Translation) -> u64 {
        if entry.level() == 0 {
            return self.slots[Self::slot_of(entry.vpn())].latest_of(index);
        }
        let slots = self.in_use.iter().map(|&slot| &self.slots[usize::from(slot)]);
        slots.map(|slot| slot.latest_of(index)).max().unwrap_or(0)
    }

    /// Drops the slots of an entry that was removed from the TLB, and returns when it was used last by one of them.
    pub(crate) fn forget(&mut self, index: u16, entry: &Translation) -> u64 {
        if entry.level() == 0 {
            return self.slots[Self::slot_of(entry.vpn())].drop_if_of(index);
        }
        let Self { slots, in_use } = self;
        in_use.iter().map(|&slot| slots[usize::from(slot)].drop_if_of(index)).max().unwrap_or(0)
    }

    /// Drops every slot, and tells when which entries were used last.
    pub(crate) fn clear(&mut self, mut used: impl FnMut(u16, u64)) {
        for index in self.in_use.drain(..) {
            let slot = std::mem::replace(&mut self.slots[usize::from(index)], Slot::NOTHING);
            if let Some((entry, stamp)) = slot.last_use() {
                used(entry, stamp);
            }
        }
    }
}
