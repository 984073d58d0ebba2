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
//! So a hit here is a hit there, and all that is left to do is to note when the entry was used.

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
    /// The index of the modelled entry.
    entry: u16,
}

/// Slots for `COUNT` pages; `COUNT` is a power of two.
#[derive(Clone, Debug)]
pub(crate) struct Shortcut<const COUNT: usize> {
    slots: [Slot; COUNT],
}

impl<const COUNT: usize> Shortcut<COUNT> {
    pub(crate) const fn new() -> Self {
        Self { slots: [Slot { tag: EMPTY, addend: 0, entry: UNTRANSLATED }; COUNT] }
    }

    #[inline(always)]
    const fn slot_of(vpn: Vpn) -> usize {
        vpn.0 as usize & (COUNT - 1)
    }

    /// Looks for an aligned access of `N` bytes: its offset in RAM and the modelled entry.
    ///
    /// The comparison keeps the offset bits below `N`, so a misaligned access, which could leave the page, never matches.
    #[inline(always)]
    pub(crate) fn probe<const N: usize>(&self, va: VirtAddr) -> Option<(u64, u16)> {
        let slot = &self.slots[Self::slot_of(va.vpn())];
        if va.0 & (!(PAGE_SIZE - 1) | (N as u64 - 1)) != slot.tag {
            return None;
        }
        Some((va.0.wrapping_add(slot.addend), slot.entry))
    }

    /// Adds the page that holds `va`, which lies at `offset` in RAM and is translated by the entry at `entry`.
    pub(crate) fn insert(&mut self, va: VirtAddr, offset: u64, entry: u16) {
        let tag = va.page_floor().0;
        self.slots[Self::slot_of(va.vpn())] = Slot { tag, addend: offset.wrapping_sub(va.0), entry };
    }

    /// Drops the slots of an entry that was removed from the TLB.
    pub(crate) fn forget(&mut self, index: u16, entry: &Translation) {
        let drop_if_its = |slot: &mut Slot| {
            if slot.entry == index {
                slot.tag = EMPTY;
            }
        };
        if entry.level() == 0 {
            drop_if_its(&mut self.slots[Self::slot_of(entry.vpn())]);
        } else {
            self.slots.iter_mut().for_each(drop_if_its);
        }
    }

    /// Drops every slot.
    pub(crate) fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.tag = EMPTY;
        }
    }
}
