//! What can be seen of the guest while an event is told: memory, files, processes. Looking changes and counts nothing.

use tine_kernel::mm::{FilePlace, MappedPage, Place, TASK_SIZE};
use tine_kernel::{FileId, Kernel, MmId, Pid};
use tine_mmu::{Ram, VirtAddr, Vpn};

/// The guest as it is after the step in which an event happened.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// The machine's memory.
    pub ram: &'a Ram,
}

impl Guest<'_> {
    /// Reads memory of an address space; `None` where some of it is not mapped.
    pub fn read<const N: usize>(&self, mm: MmId, at: VirtAddr) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let memory = &self.kernel.memory;
        let is_user = at.0.checked_add(N as u64).is_some_and(|end| end <= TASK_SIZE);
        (is_user && memory.exists(mm) && memory.inspect(self.ram, mm, at, &mut bytes) == N).then_some(bytes)
    }

    /// Returns what an address belongs to.
    pub fn place(&self, mm: MmId, at: VirtAddr) -> Option<Place> {
        self.kernel.memory.place(mm, at)
    }

    /// Tells whether a place is in the program itself, not in one of its libraries.
    pub fn is_program(&self, mm: MmId, place: &FilePlace) -> bool {
        self.kernel.memory.program_file(mm) == Some(place.file)
    }

    /// Returns a file's contents.
    pub fn file(&self, file: FileId) -> Option<Vec<u8>> {
        self.kernel.memory.file_bytes(self.ram, file)
    }

    /// Returns the beginning of a file.
    pub fn file_head(&self, file: FileId) -> Option<Vec<u8>> {
        self.kernel.memory.file_head(self.ram, file)
    }

    /// Returns the address space of a process or of a task's process.
    pub fn address_space(&self, pid: Pid) -> Option<MmId> {
        let process = self.kernel.tasks.task(pid).map_or(pid, |task| task.process);
        self.kernel.tasks.process(process)?.mm
    }

    /// Returns every page that an address space maps.
    pub fn pages(&self, mm: MmId) -> Vec<MappedPage> {
        if !self.kernel.memory.exists(mm) {
            return Vec::new();
        }
        self.kernel.memory.mapped_pages(self.ram, mm, Vpn(0)..Vpn(u64::MAX))
    }
}
