//! Virtual memory areas: what a process may do with a range of its addresses, and what stands behind them.

use super::commit::Promise;
use super::lock::Lock;
use crate::FileId;
use bitflags::bitflags;
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
    /// Whether a store has made one of its pages private (Linux: it has an `anon_vma`). Only then must fork copy its PTEs:
    /// a fault can rebuild everything else.
    pub had_private_write: bool,
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
            had_private_write: false,
        }
    }

    /// Tells whether the kernel itself has mapped the area: the vDSO, which is in no file system.
    pub(super) fn is_special(&self) -> bool {
        matches!(&self.backing, Backing::File(mapping) if mapping.inode == 0 && mapping.device == 0)
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
        upper.start = vpn;
        self.end = vpn;
        upper
    }

    /// Tells whether `upper` continues this area, so that one area can stand for both (Linux 6.12 mm/vma.c).
    pub(super) fn continues_in(&self, upper: &Self) -> bool {
        let backing = match (&self.backing, &upper.backing) {
            (Backing::Anonymous, Backing::Anonymous) => true,
            (Backing::File(a), Backing::File(b)) => {
                a.file == b.file && a.first_page + self.pages() == b.first_page && a.inode == b.inode
            }
            _ => false,
        };
        backing
            && self.end == upper.start
            && (
                self.prot,
                self.may,
                self.sharing,
                self.grows_down,
                self.on_fork,
                self.lock,
                self.huge,
                self.promise,
            ) == (
                upper.prot,
                upper.may,
                upper.sharing,
                upper.grows_down,
                upper.on_fork,
                upper.lock,
                upper.huge,
                upper.promise,
            )
    }
}
