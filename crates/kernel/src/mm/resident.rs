//! How many pages a process has in memory.

use super::frames::FrameKind;

/// Resident pages by what holds them, as `/proc/<pid>/status` splits them (`RssAnon`, `RssFile`, `RssShmem`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Private pages.
    pub anon: u64,
    /// Pages of files.
    pub file: u64,
    /// Pages of shared anonymous memory.
    pub shared_memory: u64,
    /// The most pages that were resident at once (`VmHWM`).
    pub peak: u64,
}

impl Resident {
    /// Returns the pages of all kinds.
    pub fn total(&self) -> u64 {
        self.anon + self.file + self.shared_memory
    }

    pub(super) fn of(&mut self, kind: FrameKind) -> Option<&mut u64> {
        match kind {
            FrameKind::Anon => Some(&mut self.anon),
            FrameKind::PageCache => Some(&mut self.file),
            FrameKind::SharedMemory => Some(&mut self.shared_memory),
            FrameKind::Free
            | FrameKind::PageTable
            | FrameKind::Zero
            | FrameKind::Pool
            | FrameKind::KernelData => None,
        }
    }
}
