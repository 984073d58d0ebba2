//! One row of the frame table.

use super::reverse_map::MappedBy;
use super::table_roles::TableIndex;
use bitflags::bitflags;

/// What a frame is used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FrameKind {
    /// Nothing.
    #[default]
    Free,
    /// A private page of processes.
    Anon,
    /// A page of a file.
    PageCache,
    /// A page of shared anonymous memory.
    SharedMemory,
    /// A page of page-table entries.
    PageTable,
    /// The page of zeros that reads of fresh anonymous memory share.
    Zero,
    /// Set aside for copies.
    Pool,
    /// A page of the kernel's own that processes may read, and nobody is charged for: the vDSO's data.
    KernelData,
}

impl FrameKind {
    pub(super) const COUNT: usize = 8;
}

bitflags! {
    /// What is true of a frame or not.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct FrameFlags: u8 {
        /// Its only owner has claimed it by a store since it was last shared (Linux: `PG_anon_exclusive`).
        const CLAIMED = 1 << 0;
        /// It came with a huge page, which may be gone (Linux: part of a large folio).
        const PIECE = 1 << 1;
        /// A store changed it through a PTE that is gone (Linux: `PG_dirty`).
        const DIRTY = 1 << 2;
        /// It may hold something else than zeros. RAM that was never used does not, nor does a page table that was emptied.
        const STALE = 1 << 3;
    }
}

/// What is known of one frame. Fork and exit visit a row for each page, so that its size is their speed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Frame {
    pub(super) references: u32,
    pub(super) maps: u32,
    /// Empty for the zero page, whose mappings nobody ever needs to find.
    pub(super) mapped_by: MappedBy,
    /// Where a page-table frame has what it knows of itself.
    pub(super) table: Option<TableIndex>,
    pub(super) kind: FrameKind,
    pub(super) flags: FrameFlags,
}

const _: () = assert!(size_of::<Frame>() == 32);

impl Frame {
    /// The row of a frame that has just been taken, with the caller as its one holder.
    pub(super) const fn taken(kind: FrameKind) -> Self {
        let flags = FrameFlags::CLAIMED.union(FrameFlags::STALE);
        Self { references: 1, maps: 0, mapped_by: MappedBy::NOBODY, table: None, kind, flags }
    }

    /// Tells whether it is a private page that so many PTEs map, nobody else holds, and that is no piece of a huge one:
    /// what most pages are.
    #[inline]
    pub(super) fn is_private_of(&self, ptes: u32) -> bool {
        self.references == ptes && self.maps == ptes && self.kind == FrameKind::Anon && !self.is_piece()
    }

    /// Tells whether the frame came with a huge page.
    pub(super) const fn is_piece(&self) -> bool {
        self.flags.contains(FrameFlags::PIECE)
    }
}
