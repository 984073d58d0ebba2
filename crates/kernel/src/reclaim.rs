//! Frames run short: clean pages of files leave, and come back from the host when somebody needs them.

use crate::ctx::Ctx;
use crate::event::FrameNeed;
use crate::mm::{Fault, Reclaimed, Work};
use crate::task::Rescue;
use crate::{Errno, FaultKind, FileId, MemoryCounters, MmId};
use tine_mmu::{Access, PAGE_SIZE, VirtAddr};

/// How many pages leave at once when a fault finds no frame (Linux: `SWAP_CLUSTER_MAX`).
const BATCH_PAGES: u64 = 32;
/// Pages read around one that is missing (`read_ahead_kb` is 128).
const READ_AROUND_PAGES: u64 = 32;
/// How often a page that was read may be gone again before the access is made. More means that there is no room for it.
const MOST_READS: u32 = 8;

impl Ctx<'_> {
    /// Makes an access work: reads what is missing, makes room, and at last ends the process that weighs most.
    ///
    /// # Errors
    /// The [`Fault`] that the access became.
    pub(crate) fn resolve_fault(
        &mut self,
        mm: MmId,
        at: VirtAddr,
        mut attempt: impl FnMut(&mut Self) -> Result<FaultKind, Fault>,
        access: Access,
    ) -> Result<FaultKind, Fault> {
        let mut reads = 0;
        loop {
            let shortage = match attempt(self) {
                Err(Fault::Missing { file, page }) if reads < MOST_READS => {
                    reads += 1;
                    match self.read_around(file, page) {
                        Ok(()) => continue,
                        Err(Errno::ENOMEM) => Fault::Oom,
                        Err(_) => return Err(Fault::Bus),
                    }
                }
                Err(Fault::Oom | Fault::Missing { .. }) => Fault::Oom,
                outcome => {
                    if outcome.is_ok() && reads > 0 {
                        self.count_major();
                    }
                    return outcome;
                }
            };
            if self.kernel.memory.frames().free() > 0 {
                // It was made to fail ([`crate::inject`]).
                let mapping = self.kernel.mapping_name(mm, at);
                self.tell_shortage(FrameNeed::Access { at, access, mapping }, Some(self.pid), true);
                return Err(shortage);
            }
            let made_room = self.reclaim(BATCH_PAGES) > 0 && reads < MOST_READS;
            if made_room {
                continue;
            }
            let mapping = self.kernel.mapping_name(mm, at);
            if self.relieve_memory(FrameNeed::Access { at, access, mapping }) == Rescue::Ends {
                return Err(shortage);
            }
        }
    }

    /// Counts a fault, which has been counted already, as one that had to wait for a file.
    fn count_major(&mut self) {
        self.count_memory(|counters| counters.major += 1);
        let usage = &mut self.task_mut().usage;
        usage.minor_faults -= 1;
        usage.major_faults += 1;
    }

    /// Drops clean pages of files, and returns how many frames that freed.
    pub(crate) fn reclaim(&mut self, wanted: u64) -> u64 {
        let mut counters = MemoryCounters::default();
        let mut work = Work::supervisor(self.harts.ram(), &mut counters);
        let Reclaimed { pages, fences } = self.kernel.memory.reclaim(&mut work, wanted);
        debug_assert!(work.finish().is_empty(), "each address space has its own fences");
        for (mm, fences) in fences {
            self.kernel.settle(self.harts, self.hart, mm, fences);
        }
        pages
    }

    /// Keeps some frames free for what a system call writes to files.
    pub(crate) fn keep_frames_free(&mut self) {
        let total = self.kernel.memory.frames().gauges().total;
        let (low, free) = ((total / 64).clamp(32, 1024), self.kernel.memory.frames().free());
        if free < low {
            self.reclaim(2 * low - free);
        }
    }

    /// Reads a missing page of a file, and its neighbours.
    ///
    /// # Errors
    /// `ENOMEM`, and what the host says.
    fn read_around(&mut self, file: FileId, page: u64) -> Result<(), Errno> {
        let first = page.saturating_sub(READ_AROUND_PAGES / 2);
        let pages = first..first + READ_AROUND_PAGES;
        match self.with_fs(|fs, env| fs.fetch(env, file, pages)) {
            Err(Errno::ENOMEM) if self.kernel.memory.cache().page(file, page).is_some() => Ok(()),
            // The page alone: there is no room for its neighbours.
            Err(Errno::ENOMEM) => self.with_fs(|fs, env| fs.fetch(env, file, page..page + 1)),
            outcome => outcome,
        }
    }

    /// Reads what is missing of the files that a range of memory shows, before what cannot wait for it goes through the range.
    /// What cannot be read is found missing then.
    pub(crate) fn bring_in(&mut self, mm: MmId, at: VirtAddr, len_bytes: u64) {
        let Some(end) = at.0.checked_add(len_bytes).and_then(|end| VirtAddr(end).page_ceil()) else { return };
        let range = at.vpn()..end.vpn();
        let areas = self.kernel.memory.space(mm).areas().overlapping(range.clone());
        let shown = areas.filter_map(|vma| {
            let start = vma.start.max(range.start);
            let (file, first) = vma.file_page(start)?;
            Some((file, first..first + (vma.end.min(range.end).0 - start.0)))
        });
        for (file, pages) in shown.collect::<Vec<_>>() {
            let _: Result<(), Errno> = self.with_fs(|fs, env| fs.fetch(env, file, pages));
        }
    }
}

const _: () = assert!(READ_AROUND_PAGES * PAGE_SIZE == 128 << 10);
