//! Segments of shared memory (shmget(2), shmop(2); Linux 6.12 ipc/shm.c).
//!
//! A segment is an object of the page cache that the table holds. How often it is attached is how many areas map it, so
//! that fork, exec, munmap and exit need not tell. Only the times and numbers of who did it last are told.

use super::{Object, Permissions};
use crate::mm::Backing;
use crate::{FileId, Kernel, MmId, Pid};
use tine_mmu::Ram;

/// A segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Who may attach it.
    pub permissions: Permissions,
    /// What is in it.
    pub file: FileId,
    /// How long it is.
    pub len_bytes: u64,
    /// When it was last attached, detached and changed, in seconds since 1970; 0 is never.
    pub attached_s: u64,
    /// See [`Segment::attached_s`].
    pub detached_s: u64,
    /// See [`Segment::attached_s`].
    pub changed_s: u64,
    /// Who made it.
    pub maker: Pid,
    /// Who attached or detached it last.
    pub last: Pid,
}

impl Segment {
    /// `SHM_DEST`: it goes with who has it attached last.
    pub(crate) const DOOMED: u32 = 0o1000;
    /// `SHM_LOCKED`: it would not be swapped.
    pub(crate) const LOCKED: u32 = 0o2000;

    /// Tells whether it goes with who has it attached last.
    pub(crate) const fn is_doomed(&self) -> bool {
        self.permissions.mode & Self::DOOMED != 0
    }
}

impl Object for Segment {
    fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    fn permissions_mut(&mut self) -> &mut Permissions {
        &mut self.permissions
    }
}

/// What becomes of the segments of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// A child gets them too.
    Inherited,
    /// They are detached with the rest of it.
    Left,
}

impl Kernel {
    /// Returns how many areas show a segment.
    pub(crate) fn attachments(&self, segment: &Segment) -> u64 {
        self.memory.cache().areas(segment.file)
    }

    /// Frees the segments that were removed and that nobody has attached any more.
    #[inline]
    pub(crate) fn free_doomed_segments(&mut self, ram: &mut Ram) {
        // As it is nearly always, and each fault asks.
        if self.ipc.segments.len() > 0 {
            self.free_some_segments(ram);
        }
    }

    fn free_some_segments(&mut self, ram: &mut Ram) {
        let is_free = |(_, segment): &(i32, &Segment)| segment.is_doomed() && self.attachments(segment) == 0;
        let free: Vec<i32> = self.ipc.segments.iter().filter(is_free).map(|(id, _)| id).collect();
        for id in free {
            if let Some(segment) = self.ipc.segments.remove(id) {
                let (cache, frames) = self.memory.cache_mut();
                cache.release(ram, frames, segment.file);
            }
        }
    }

    /// Notes in the segments of an address space what becomes of them, by the hand of `pid`.
    pub(crate) fn pass_segments(&mut self, mm: MmId, pid: Pid, now_s: u64, passage: Passage) {
        if self.ipc.segments.len() == 0 {
            return;
        }
        let areas = self.memory.space(mm).areas();
        let files: Vec<FileId> = areas
            .iter()
            .filter_map(|vma| match &vma.backing {
                Backing::File(mapping) => Some(mapping.file),
                Backing::Anonymous => None,
            })
            .collect();
        for segment in self.ipc.segments.iter_mut().filter(|segment| files.contains(&segment.file)) {
            segment.last = pid;
            match passage {
                Passage::Inherited => segment.attached_s = now_s,
                Passage::Left => segment.detached_s = now_s,
            }
        }
    }
}
