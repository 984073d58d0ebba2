//! Virtual memory areas: what a process may do with a range of its addresses, and what stands behind them.

use super::commit::Promise;
use super::lock::Lock;
use crate::FileId;
use bitflags::bitflags;
use std::ops::Range;
use std::sync::Arc;
use tine_mmu::{Access, PAGE_SHIFT, PteFlags, Vpn};

bitflags! {
    /// Rights to memory (mmap(2) `PROT_*`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Prot: u32 {
        /// May be read.
        const READ = 1;
        /// May be written.
        const WRITE = 2;
        /// May be executed.
        const EXEC = 4;
    }
}

/// Whether stores are seen by others that map the same thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// `MAP_PRIVATE`: a store makes the page the process's own.
    Private,
    /// `MAP_SHARED`: a store changes the thing itself.
    Shared,
}

/// What fork does with an area (madvise(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFork {
    /// The child gets it.
    Inherit,
    /// The child has a hole there (`MADV_DONTFORK`).
    Omit,
    /// The child finds zeros there (`MADV_WIPEONFORK`).
    Wipe,
}

/// What madvise(2) was told of huge pages in an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HugeAdvice {
    /// Nothing.
    #[default]
    None,
    /// They are wanted (`MADV_HUGEPAGE`).
    Wanted,
    /// They are not (`MADV_NOHUGEPAGE`).
    Refused,
}

bitflags! {
    /// What madvise(2) was told of an area that changes nothing but what `/proc/<pid>/smaps` says, and which areas are one.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Hints: u8 {
        /// `MADV_SEQUENTIAL`.
        const SEQUENTIAL = 1;
        /// `MADV_RANDOM`.
        const RANDOM = 2;
        /// `MADV_DONTDUMP`.
        const NO_DUMP = 4;
        /// `MADV_MERGEABLE`.
        const MERGEABLE = 8;
    }
}

/// Which areas of an address space keep their private pages together (Linux: `anon_vma`). Areas that do not stay two where
/// one could stand for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Lineage {
    /// The group; no other of the address space has the number.
    pub(super) group: u32,
    /// Whether fork brought it: the pages may be an ancestor's too.
    pub(super) inherited: bool,
}

/// A file as an area maps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMapping {
    /// The contents.
    pub file: FileId,
    /// The page of the file that the area's first page shows.
    pub first_page: u64,
    /// The path, as `/proc/<pid>/maps` prints it.
    pub name: Arc<str>,
    /// The inode number.
    pub inode: u64,
    /// The device number.
    pub device: u64,
}

/// What stands behind an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Zeros.
    Anonymous,
    /// A file, or the object behind shared anonymous memory.
    File(FileMapping),
}

/// An area: a range of pages with the same rights and backing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vma {
    /// First page.
    pub start: Vpn,
    /// The page after the last.
    pub end: Vpn,
    /// What the process may do.
    pub prot: Prot,
    /// What mprotect(2) may at most allow: a shared mapping of a file opened for reading never becomes writable.
    pub may: Prot,
    /// Whether stores are seen by others.
    pub sharing: Sharing,
    /// What stands behind it.
    pub backing: Backing,
    /// Whether a fault below it lets it grow: a stack.
    pub grows_down: bool,
    /// What fork does with it.
    pub on_fork: OnFork,
    /// Whether its pages are locked.
    pub lock: Lock,
    /// Whether it should have huge pages.
    pub huge: HugeAdvice,
    /// Whether its pages count as promised.
    pub promise: Promise,
    /// What else madvise(2) was told of it.
    pub hints: Hints,
    /// Whether a store has made one of its pages private (Linux: it has an `anon_vma`). Only then must fork copy its PTEs:
    /// a fault can rebuild everything else.
    pub had_private_write: bool,
    /// Which areas' private pages its own are kept with, once a store has made one.
    pub(super) lineage: Lineage,
    /// Where its first page was when its private pages were made, if there are any (Linux: `vm_pgoff` of anonymous memory).
    pub(super) origin: Vpn,
}

impl Vma {
    /// Returns the number of pages.
    pub fn pages(&self) -> u64 {
        self.end.0 - self.start.0
    }

    /// Returns the size in bytes.
    pub fn len_bytes(&self) -> u64 {
        self.pages() << PAGE_SHIFT
    }

    /// Tells whether the area lets `access` through (Linux 6.12 arch/riscv/mm/fault.c `access_error`).
    ///
    /// Writable implies readable, because the ISA has no encoding for a page that is only writable.
    pub fn allows(&self, access: Access) -> bool {
        match access {
            Access::Fetch => self.prot.contains(Prot::EXEC),
            Access::Load => self.prot.intersects(Prot::READ | Prot::WRITE),
            Access::Store => self.prot.contains(Prot::WRITE),
        }
    }

    /// Returns the flags of a PTE that maps a page nobody has stored to: writable only where a store needs no decision.
    ///
    /// `None` for an area without any right: its PTEs keep their frames but are not valid.
    pub fn leaf_flags(&self) -> Option<PteFlags> {
        if self.prot.is_empty() {
            return None;
        }
        let mut flags = PteFlags::V | PteFlags::U | PteFlags::A;
        flags.set(PteFlags::R, self.prot.intersects(Prot::READ | Prot::WRITE));
        flags.set(PteFlags::X, self.prot.contains(Prot::EXEC));
        flags.set(PteFlags::W, self.prot.contains(Prot::WRITE) && self.sharing == Sharing::Shared);
        Some(flags)
    }

    /// Returns the file and the page of it that `vpn` shows.
    pub fn file_page(&self, vpn: Vpn) -> Option<(FileId, u64)> {
        match &self.backing {
            Backing::Anonymous => None,
            Backing::File(mapping) => Some((mapping.file, mapping.first_page + (vpn.0 - self.start.0))),
        }
    }

    /// Returns the file that the area holds.
    pub fn file(&self) -> Option<FileId> {
        match &self.backing {
            Backing::Anonymous => None,
            Backing::File(mapping) => Some(mapping.file),
        }
    }

    /// Makes private anonymous memory that may be read and written.
    pub(super) fn anonymous(start: Vpn, end: Vpn) -> Self {
        Self {
            start,
            end,
            prot: Prot::READ | Prot::WRITE,
            may: Prot::all(),
            sharing: Sharing::Private,
            backing: Backing::Anonymous,
            grows_down: false,
            on_fork: OnFork::Inherit,
            lock: Lock::Unlocked,
            huge: HugeAdvice::None,
            promise: Promise::Counted,
            hints: Hints::default(),
            had_private_write: false,
            lineage: Lineage::default(),
            origin: start,
        }
    }

    /// Moves the area. What it has of private pages remembers where they were made (Linux 6.12 mm/vma.c `copy_vma`).
    pub(super) fn moved_to(self, range: Range<Vpn>) -> Self {
        let origin = if self.had_private_write { self.origin } else { range.start };
        Self { start: range.start, end: range.end, origin, ..self }
    }

    /// Tells whether the kernel itself has mapped the area: the vDSO, which is in no file system.
    pub fn is_special(&self) -> bool {
        matches!(&self.backing, Backing::File(mapping) if mapping.inode == 0 && mapping.device == 0)
    }

    /// Tells whether the area shows frames of the kernel's own that are no pages of a file (`VM_PFNMAP`): the vDSO's data.
    pub fn is_raw_frames(&self) -> bool {
        self.is_special() && !self.may.contains(Prot::EXEC)
    }

    /// Tells whether fork must copy the area's PTEs: no fault could rebuild them (Linux 6.12 mm/memory.c `vma_needs_copy`).
    pub(super) fn is_copied_by_fork(&self) -> bool {
        self.had_private_write || self.is_raw_frames()
    }

    /// Tells whether equal pages of the area could be merged (Linux 6.12 mm/ksm.c `vma_ksm_compatible`).
    pub(super) fn may_merge_pages(&self) -> bool {
        self.sharing == Sharing::Private && !self.is_special()
    }

    /// Tells whether the area is private and may be written: what a fork might have to copy.
    pub fn is_private_writable(&self) -> bool {
        self.sharing == Sharing::Private && self.prot.contains(Prot::WRITE)
    }

    /// Tells whether its pages count as promised once they may be written: others do not see the stores, and nobody said
    /// that they need not count (Linux 6.12 mm/mmap.c `accountable_mapping`).
    pub(super) fn counts_when_writable(&self) -> bool {
        self.sharing == Sharing::Private && self.promise != Promise::Waived
    }

    /// Cuts the area in two at `vpn`, which lies inside it, and returns the upper part.
    pub(super) fn split_off(&mut self, vpn: Vpn) -> Self {
        let mut upper = self.clone();
        if let Backing::File(mapping) = &mut upper.backing {
            mapping.first_page += vpn.0 - self.start.0;
        }
        upper.origin = upper.origin + (vpn.0 - self.start.0);
        upper.start = vpn;
        self.end = vpn;
        upper
    }

    /// Tells whether `upper` continues this area, so that one area can stand for both if their private pages allow it (Linux
    /// 6.12 mm/vma.c `is_mergeable_vma`).
    pub(super) fn continues_in(&self, upper: &Self) -> bool {
        self.prot == upper.prot && self.resembles(upper)
    }

    /// As [`Self::continues_in`], whatever the rights (Linux 6.12 mm/vma.c `anon_vma_compatible`).
    pub(super) fn resembles(&self, upper: &Self) -> bool {
        let backing = match (&self.backing, &upper.backing) {
            (Backing::Anonymous, Backing::Anonymous) => self.origin + self.pages() == upper.origin,
            (Backing::File(a), Backing::File(b)) => {
                a.file == b.file && a.first_page + self.pages() == b.first_page && a.inode == b.inode
            }
            _ => false,
        };
        let traits = |vma: &Self| {
            let advice = (vma.on_fork, vma.lock, vma.huge, vma.hints);
            (vma.may, vma.sharing, vma.grows_down, vma.promise, advice)
        };
        backing && self.end == upper.start && traits(self) == traits(upper)
    }

    /// Returns which areas' private pages its own are kept with, if it has any.
    pub(super) fn family(&self) -> Option<Lineage> {
        self.had_private_write.then_some(self.lineage)
    }

    /// Tells whether an area that is new or changed may become one with its neighbour as far as their private pages go. Where
    /// fork brought the neighbour's, it may not (Linux 6.12 mm/vma.c `is_mergeable_anon_vma`).
    pub(super) fn may_join(&self, neighbour: &Self) -> bool {
        match (self.family(), neighbour.family()) {
            (None, None) => true,
            (None, Some(theirs)) => !theirs.inherited,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => ours.group == theirs.group,
        }
    }
}
