//! `/proc/<pid>/mem`: a process's memory as a debugger reads and writes it (Linux 6.12 fs/proc/base.c `mem_rw`).

use crate::ctx::Ctx;
use crate::mm::{Fault, Memory, Work};
use crate::{Errno, MmId, Pid};
use tine_mmu::{PAGE_SIZE, VirtAddr};

impl Ctx<'_> {
    /// Reads a process's memory, up to the first page that cannot be read. There is nothing to be read of a process that has
    /// ended.
    ///
    /// # Errors
    /// `EIO` when that is the first page of all.
    pub(crate) fn read_memory_of(&mut self, pid: Pid, at: VirtAddr, len: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = Vec::new();
        self.debug(pid, at, len, |memory, work, mm, at, piece| {
            let start = bytes.len();
            bytes.resize(start + piece.len(), 0);
            let outcome = memory.peek_forced(work, mm, at, &mut bytes[start..]);
            bytes.truncate(if outcome.is_ok() { start + piece.len() } else { start });
            outcome
        })?;
        Ok(bytes)
    }

    /// Writes a process's memory, up to the first page that cannot be written, and returns how much that was. Private memory
    /// is written whatever its rights.
    ///
    /// # Errors
    /// `EIO` when that is the first page of all.
    pub(crate) fn write_memory_of(&mut self, pid: Pid, at: VirtAddr, bytes: &[u8]) -> Result<u64, Errno> {
        self.debug(pid, at, bytes.len(), |memory, work, mm, at, piece| {
            memory.poke_forced(work, mm, at, &bytes[piece])
        })
    }

    /// Goes through a process's memory page by page; `access` gets the place of each piece in the whole.
    fn debug(
        &mut self,
        pid: Pid,
        at: VirtAddr,
        len: usize,
        mut access: impl FnMut(
            &mut Memory,
            &mut Work<'_>,
            MmId,
            VirtAddr,
            std::ops::Range<usize>,
        ) -> Result<(), Fault>,
    ) -> Result<u64, Errno> {
        let Some(mm) = self.kernel.tasks.process(pid).and_then(|process| process.mm) else { return Ok(0) };
        let mut done = 0;
        while done < len {
            let Some(here) = at.0.checked_add(done as u64).map(VirtAddr) else { break };
            let piece = done..len.min(done + (PAGE_SIZE - here.offset()) as usize);
            self.bring_in(mm, here, piece.len() as u64);
            let end = piece.end;
            if self.memory(mm, |memory, work| access(memory, work, mm, here, piece)).is_err() {
                break;
            }
            done = end;
        }
        if done == 0 && len > 0 { Err(Errno::EIO) } else { Ok(done as u64) }
    }
}
