//! Accesses that the supervisor makes to user memory on a process's behalf: through the hart's own TLBs and walk, in
//! S-mode, counted apart, one look-up for each page.
//!
//! They happen while the hart is stopped between two instructions, so they have no position of their own. Each advances
//! the clock, and so comes after everything before it; [`Mmu::resume`] puts the hart's next
//! instruction after them all.

use super::{Mmu, Requester};
use crate::walk::Target;
use crate::{
    Access, CopyFault, MemoryFault, MemoryFaultKind, PAGE_SIZE, PhysAddr, Ram, Stamp, View, VirtAddr,
};

impl Mmu {
    /// Copies from user memory at `from`. `view` is S-mode's, with SUM and MXR as `sstatus` has them; `now` is the
    /// position of the instruction that trapped.
    ///
    /// # Errors
    /// The fault that a load raises, with how much was copied before it.
    pub fn copy_in(
        &mut self,
        ram: &mut Ram,
        from: VirtAddr,
        to: &mut [u8],
        view: View,
        now: Stamp,
    ) -> Result<(), CopyFault> {
        let mut done = 0;
        while done < to.len() {
            let va = from + done as u64;
            let target = Target { va, len: in_page(va, to.len() - done), access: Access::Load, view };
            let (at, len) = self.supervise(ram, target, now).map_err(|fault| CopyFault { done, fault })?;
            let read = ram.read(at, &mut to[done..done + len]);
            read.ok_or(CopyFault { done, fault: not_ram(target) })?;
            done += len;
        }
        Ok(())
    }

    /// Copies to user memory at `to`; the rest is as for [`Mmu::copy_in`].
    ///
    /// # Errors
    /// The fault that a store raises, with how much was copied before it.
    pub fn copy_out(
        &mut self,
        ram: &mut Ram,
        to: VirtAddr,
        from: &[u8],
        view: View,
        now: Stamp,
    ) -> Result<(), CopyFault> {
        let mut done = 0;
        while done < from.len() {
            let va = to + done as u64;
            let target = Target { va, len: in_page(va, from.len() - done), access: Access::Store, view };
            let (at, len) = self.supervise(ram, target, now).map_err(|fault| CopyFault { done, fault })?;
            let written = ram.write(at, &from[done..done + len]);
            written.ok_or(CopyFault { done, fault: not_ram(target) })?;
            done += len;
        }
        Ok(())
    }

    /// Replaces the aligned word at `at` by `new` if it is `old`; returns what it was. One look-up, for a store.
    ///
    /// # Errors
    /// The fault that a store raises. A misaligned word raises an access fault, as a misaligned AMO may.
    pub fn compare_exchange(
        &mut self,
        ram: &mut Ram,
        at: VirtAddr,
        old: u32,
        new: u32,
        view: View,
        now: Stamp,
    ) -> Result<u32, MemoryFault> {
        let target = Target { va: at, len: 4, access: Access::Store, view };
        if !at.0.is_multiple_of(4) {
            return Err(not_ram(target));
        }
        let (word, _) = self.supervise(ram, target, now)?;
        let mut bytes = [0; 4];
        ram.read(word, &mut bytes).ok_or(not_ram(target))?;
        let found = u32::from_le_bytes(bytes);
        if found == old {
            ram.write(word, &new.to_le_bytes()).ok_or(not_ram(target))?;
        }
        Ok(found)
    }

    /// Translates one page of a supervisor access; returns where it lies and how much of it.
    fn supervise(
        &mut self,
        ram: &mut Ram,
        target: Target,
        now: Stamp,
    ) -> Result<(PhysAddr, usize), MemoryFault> {
        if self.translates(target.view) {
            match target.access {
                Access::Store => self.counters.supervisor.stores += 1,
                Access::Fetch | Access::Load => self.counters.supervisor.loads += 1,
            }
        }
        // The instruction at `now` has used its instants; this look-up takes the next, and the clock puts all others later.
        self.clock.advance();
        let now = self.instant(now);
        let located = self.locate(ram, target, now.0, Requester::Supervisor)?;
        Ok((located.at, target.len as usize))
    }
}

/// Returns how many of so many bytes from an address on lie in its page.
fn in_page(va: VirtAddr, len: usize) -> u64 {
    (len as u64).min(PAGE_SIZE - va.offset())
}

const fn not_ram(target: Target) -> MemoryFault {
    MemoryFault { kind: MemoryFaultKind::Access, access: target.access, at: target.va }
}
