//! What an address space maps, page by page, for those who only look (`/proc/<pid>/smaps`, `pagemap`).

use super::frames::FrameKind;
use super::{Memory, TASK_END};
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
    /// How many PTEs map the frame, each as often as address spaces share its table.
    pub maps: u32,
    /// The flags of the PTE.
    pub flags: PteFlags,
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
        let leaves = self.spaces.get(mm).table.leaves(ram, range);
        let pages = leaves.iter().flat_map(|leaf| leaf.populated(ram));
        pages
            .map(|(slot, pte)| MappedPage {
                vpn: slot.vpn,
                ppn: pte.ppn(),
                kind: self.frames.kind(pte.ppn()),
                maps: self.frames.mappings(pte.ppn()),
                flags: pte.flags(),
            })
            .collect()
    }
}
