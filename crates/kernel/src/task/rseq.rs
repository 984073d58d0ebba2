//! Restartable sequences (rseq(2); Linux 6.12 kernel/rseq.c).
//!
//! A task registers an area in which it finds the hart that it runs on, and names the critical section that it is in. When it
//! comes back to user mode after it was off its hart, or before a handler runs, the area is written anew; a section that it
//! was in the middle of is left for the section's abort handler. These are stores to user memory, with their faults.

use crate::ctx::Ctx;
use crate::mm::TASK_SIZE;
use crate::syscall::UserPtr;
use crate::{Errno, HartId};
use tine_mmu::VirtAddr;

/// Offset of `rseq_cs` in the area.
const SECTION_AT: u64 = 8;
/// Offset of `node_id` and `mm_cid`.
const NODE_AT: u64 = 20;
/// `cpu_id` of an area that is not registered.
const UNINITIALIZED: u32 = u32::MAX;

/// A registered area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rseq {
    /// Where it is.
    pub area: VirtAddr,
    /// Its size in bytes.
    pub len_bytes: u32,
    /// The word that stands before every abort handler.
    pub signature: u32,
    /// Whether the task has been off its hart since the area was written.
    pub is_stale: bool,
}

/// `struct rseq_cs`.
#[derive(Clone, Copy, Debug)]
struct Section {
    flags: u32,
    start: u64,
    len_bytes: u64,
    abort: u64,
}

impl Ctx<'_> {
    /// Tells whether the task's area must be written before it goes on.
    pub(crate) fn has_stale_rseq(&self) -> bool {
        self.task().rseq.is_some_and(|rseq| rseq.is_stale)
    }

    /// Leaves the critical section that the task is in, and tells it where it runs (`__rseq_handle_notify_resume`).
    ///
    /// # Errors
    /// `EFAULT` and `EINVAL` for an area or a section that cannot be: the task gets SIGSEGV.
    pub(crate) fn refresh_rseq(&mut self) -> Result<(), Errno> {
        let Some(rseq) = &mut self.task_mut().rseq else { return Ok(()) };
        rseq.is_stale = false;
        let rseq = *rseq;
        self.leave_section(&rseq)?;
        let HartId(hart) = self.hart;
        // Tasks that run at once in one address space are on different harts, so a hart's number also tells them apart.
        self.write(UserPtr::new(rseq.area), [hart, hart])?;
        self.write(UserPtr::new(rseq.area + NODE_AT), [0, hart])
    }

    /// Goes to the abort handler of the section that the task is in the middle of (`rseq_ip_fixup`).
    fn leave_section(&mut self, rseq: &Rseq) -> Result<(), Errno> {
        let at: u64 = self.read(UserPtr::new(rseq.area + SECTION_AT))?;
        let section = if at == 0 { None } else { Some(self.read_section(VirtAddr(at), rseq.signature)?) };
        let pc = self.harts.pc(self.hart);
        let inside = section.filter(|section| pc.wrapping_sub(section.start) < section.len_bytes);
        if let Some(Section { flags, abort, .. }) = inside {
            // Flags would have kept some events from restarting it, until Linux 6.1.
            if flags != 0 {
                return Err(Errno::EINVAL);
            }
            self.harts.set_pc(self.hart, abort);
        }
        self.clear_section(rseq.area)
    }

    /// Says that the task is in no section.
    ///
    /// # Errors
    /// `EFAULT`.
    pub(crate) fn clear_section(&mut self, area: VirtAddr) -> Result<(), Errno> {
        self.write(UserPtr::new(area + SECTION_AT), 0_u64)
    }

    fn read_section(&mut self, at: VirtAddr, signature: u32) -> Result<Section, Errno> {
        if at.0 >= TASK_SIZE {
            return Err(Errno::EINVAL);
        }
        let [words, start, len_bytes, abort] = self.read(UserPtr::<[u64; 4]>::new(at))?;
        let (version, flags) = (words as u32, (words >> 32) as u32);
        let end = start.checked_add(len_bytes).ok_or(Errno::EINVAL)?;
        let aborts_inside = abort.wrapping_sub(start) < len_bytes;
        if version > 0 || end >= TASK_SIZE || abort >= TASK_SIZE || aborts_inside {
            return Err(Errno::EINVAL);
        }
        if self.read(UserPtr::<u32>::new(VirtAddr(abort.wrapping_sub(4))))? != signature {
            return Err(Errno::EINVAL);
        }
        Ok(Section { flags, start, len_bytes, abort })
    }

    /// Writes what an area that is not registered holds.
    ///
    /// # Errors
    /// `EFAULT`.
    pub(crate) fn reset_rseq(&mut self, area: VirtAddr) -> Result<(), Errno> {
        self.write(UserPtr::new(area), [0, UNINITIALIZED])?;
        self.write(UserPtr::new(area + NODE_AT), [0_u32; 2])
    }
}
