//! What an address space maps, page by page, for those who only look (`/proc/<pid>/smaps`, `pagemap`).

use super::frames::FrameKind;
use super::{Memory, PageSize, TASK_END};
use crate::MmId;
use std::ops::Range;
use tine_mmu::{Ppn, PteFlags, Ram, Vpn};

/// A page that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPage {
    /// The page.
    pub vpn: Vpn,
    /// Its frame.
    pub ppn: Ppn,
    /// What the frame is used for.
    pub kind: FrameKind,
    /// How many PTEs map the frame.
    pub maps: u32,
    /// The flags of the PTE.
    pub flags: PteFlags,
    /// The size of the page that it is, or is part of.
    pub size: PageSize,
}

impl MappedPage {
    /// Tells whether the frame would have to be kept somewhere if it were taken away. A page of a file here is nowhere else.
    pub fn is_dirty(&self) -> bool {
        self.flags.contains(PteFlags::D) || self.kind != FrameKind::Anon
    }
}

impl Memory {
    /// Returns the pages of a range that are mapped, in rising order. Nothing is touched or counted.
    pub fn mapped_pages(&self, ram: &Ram, mm: MmId, range: Range<Vpn>) -> Vec<MappedPage> {
        let range = range.start.min(TASK_END)..range.end.min(TASK_END);
        let leaves = self.spaces.get(mm).table.leaves(ram, range.clone());
        let slots = leaves.iter().flat_map(|leaf| leaf.populated(ram));
        let pages = slots.flat_map(|(slot, pte)| {
            let part = slot.vpn.max(range.start).0..slot.pages().end.min(range.end).0;
            part.map(move |vpn| (Vpn(vpn), pte.ppn() + (vpn - slot.vpn.0), pte.flags(), slot.size))
        });
        let (kind, maps) = (|ppn| self.frames.kind(ppn), |ppn| self.frames.maps(ppn));
        pages
            .map(|(vpn, ppn, flags, size)| MappedPage {
                vpn,
                ppn,
                kind: kind(ppn),
                maps: maps(ppn),
                flags,
                size,
            })
            .collect()
    }
}
