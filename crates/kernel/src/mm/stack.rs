//! Stacks: areas that grow when something below them is touched.

use super::limits::Demand;
use super::{LOWEST, Memory, STACK_GUARD_PAGES, Vma};
use crate::MmId;
use tine_mmu::{PAGE_SHIFT, Vpn};

impl Memory {
    /// Grows the stack above `vpn`, which is in a hole, down to it, when it may grow so far.
    ///
    /// Returns whether it grew (Linux 6.12 mm/mmap.c `expand_downwards`): not beyond `RLIMIT_STACK`, not by more than may be
    /// promised, and not into the guard gap above the next area below.
    pub(super) fn grow_stack_to(&mut self, mm: MmId, vpn: Vpn) -> bool {
        let space = self.spaces.get(mm);
        let Some(stack) = space.vmas.next_above(vpn).filter(|vma| vma.grows_down) else { return false };
        let (start, end) = (stack.start, stack.end);
        let guards = |vma: &Vma| !vma.prot.is_empty() && !vma.grows_down;
        let below = space.vmas.last_below(vpn).filter(|vma| guards(vma));
        let guarded = below.is_none_or(|vma| vpn.0 - vma.end.0 >= STACK_GUARD_PAGES);
        let growth = start.0 - vpn.0;
        let demand = Demand { areas: growth, data: 0, promised: growth };
        let grows = vpn >= LOWEST
            && guarded
            && (end.0 - vpn.0) << PAGE_SHIFT <= space.limits.stack_bytes
            && self.check_demand(mm, demand).is_ok();
        if grows {
            self.spaces.get_mut(mm).vmas.change(start, |stack| stack.start = vpn);
        }
        grows
    }
}
