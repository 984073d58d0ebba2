//! What is left to do when no frame is left: take those of a process that is about to end.

use super::vma::Sharing;
use super::{Memory, TASK_END, Work};
use crate::MmId;
use tine_mmu::Vpn;

impl Memory {
    /// Frees the private pages of an address space in which nothing but signals will be served any more, before its
    /// processes have come to end (Linux 6.12 mm/oom_kill.c `__oom_reap_task_mm`).
    pub fn reap(&mut self, work: &mut Work<'_>, mm: MmId) {
        let space = self.spaces.get_mut(mm);
        space.table.drop_shared_tables(work, &mut self.frames, &(Vpn(0)..TASK_END));
        for vma in space.vmas.iter().filter(|vma| vma.sharing == Sharing::Private) {
            space.table.clear_range(work, &mut self.frames, vma.start..vma.end);
        }
    }

    /// Counts a process that was ended because memory ran out.
    pub(crate) fn count_oom_kill(&mut self) {
        self.oom_kills += 1;
    }

    /// Returns how many processes were ended because memory ran out (`oom_kill` of `/proc/vmstat`).
    pub fn oom_kills(&self) -> u64 {
        self.oom_kills
    }
}
