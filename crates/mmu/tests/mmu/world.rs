//! A hart's view of memory without a hart: RAM, an MMU, one page table, and accesses made as an engine makes them.

use tine_mmu::{
    Access, Asid, Fence, HostAddr, MemoryFault, Mmu, MmuConfig, MmuCounters, PAGE_SIZE, PhysAddr, Ppn,
    Privilege, Pte, PteFlags, Ram, Satp, Stamp, View, VirtAddr,
};

/// The address space that a new world is in.
pub(crate) const ASID: Asid = Asid(7);
/// What an ordinary data page of a program allows, used and written before.
pub(crate) const DATA: PteFlags =
    PteFlags::R.union(PteFlags::W).union(PteFlags::U).union(PteFlags::A).union(PteFlags::D);
/// What an ordinary code page of a program allows.
pub(crate) const CODE: PteFlags = PteFlags::R.union(PteFlags::X).union(PteFlags::U).union(PteFlags::A);
/// The supervisor when it copies for a process.
pub(crate) const COPY: View = View { privilege: Privilege::Supervisor, sum: true, mxr: false };

pub(crate) struct World {
    pub(crate) ram: Ram,
    pub(crate) mmu: Mmu,
    pub(crate) root: Ppn,
    next_frame: u64,
    position: u64,
}

impl World {
    /// Makes a world with 8 MiB, in U-mode, with an empty page table.
    pub(crate) fn new(config: MmuConfig) -> Self {
        let ram = Ram::new(8 << 20).unwrap();
        let root = ram.first();
        let mut world = Self { ram, mmu: Mmu::new(config), root, next_frame: root.0 + 1, position: 0 };
        world.mmu.set_satp(Satp::sv39(root, ASID));
        world.resume_as(View::USER);
        world
    }

    /// Makes a world whose TLBs have the shape of a SPEC.
    pub(crate) fn with_tlb(spec: &str) -> Self {
        Self::new(MmuConfig { tlb: spec.parse().unwrap(), ..MmuConfig::default() })
    }

    pub(crate) fn resume_as(&mut self, view: View) {
        self.mmu.resume(&self.ram, view.privilege, view, self.now());
    }

    /// Retires instructions that access nothing.
    pub(crate) fn pass(&mut self, instructions: u64, view: View) {
        self.position += instructions;
        self.resume_as(view);
    }

    pub(crate) fn frame(&mut self) -> Ppn {
        self.next_frame += 1;
        Ppn(self.next_frame - 1)
    }

    /// Returns where the entry for `va` of a table at `level` lies, making the tables above it.
    pub(crate) fn slot(&mut self, va: VirtAddr, level: u32) -> PhysAddr {
        let mut table = self.root;
        for upper in (level + 1..3).rev() {
            let at = entry_address(table, va, upper);
            let pte = Pte(self.ram.read_u64(at).unwrap());
            table = if pte.is_valid() {
                pte.ppn()
            } else {
                let frame = self.frame();
                self.ram.write_u64(at, Pte::table(frame).0).unwrap();
                frame
            };
        }
        entry_address(table, va, level)
    }

    pub(crate) fn set_pte(&mut self, va: VirtAddr, level: u32, pte: Pte) {
        let at = self.slot(va, level);
        self.ram.write_u64(at, pte.0).unwrap();
    }

    pub(crate) fn pte(&mut self, va: VirtAddr, level: u32) -> Pte {
        let at = self.slot(va, level);
        Pte(self.ram.read_u64(at).unwrap())
    }

    /// Maps a new frame at `va` and returns it.
    pub(crate) fn map(&mut self, va: VirtAddr, flags: PteFlags) -> Ppn {
        let frame = self.frame();
        self.set_pte(va, 0, Pte::leaf(frame, flags));
        frame
    }

    /// Maps new frames at consecutive pages.
    pub(crate) fn map_run(&mut self, va: VirtAddr, pages: u64, flags: PteFlags) {
        for page in 0..pages {
            self.map(va + page * PAGE_SIZE, flags);
        }
    }

    fn now(&self) -> Stamp {
        Stamp::at(self.position)
    }

    /// Retires the instruction, or resumes after its trap.
    fn after<T>(&mut self, result: Result<T, MemoryFault>, view: View) -> Result<T, MemoryFault> {
        match result {
            Ok(_) => self.position += 1,
            Err(_) => self.resume_as(view),
        }
        result
    }

    /// Returns which byte of RAM lies there.
    fn offset(&self, at: HostAddr) -> usize {
        (at.0 - self.ram.host().start.0) as usize
    }

    /// Loads as an engine does, in U-mode.
    pub(crate) fn load<const N: usize>(&mut self, va: VirtAddr) -> Result<[u8; N], MemoryFault> {
        self.load_as(va, View::USER)
    }

    /// Loads as an engine does; `view` is what the hart was resumed with.
    pub(crate) fn load_as<const N: usize>(
        &mut self,
        va: VirtAddr,
        view: View,
    ) -> Result<[u8; N], MemoryFault> {
        self.mmu.add_lookups(0, 1, 0);
        let now = self.now();
        let instant = self.mmu.instant(now);
        let fast =
            self.mmu.load_fast::<N>(va, instant).or_else(|| self.mmu.load_fast_in_page::<N>(va, instant));
        let result = match fast {
            Some(at) => Ok(*self.ram.bytes()[self.offset(at)..].first_chunk().unwrap()),
            None => self.mmu.load(&mut self.ram, va, now),
        };
        self.after(result, view)
    }

    pub(crate) fn store<const N: usize>(&mut self, va: VirtAddr, value: [u8; N]) -> Result<(), MemoryFault> {
        self.store_as(va, value, View::USER)
    }

    pub(crate) fn store_as<const N: usize>(
        &mut self,
        va: VirtAddr,
        value: [u8; N],
        view: View,
    ) -> Result<(), MemoryFault> {
        self.mmu.add_lookups(0, 0, 1);
        let now = self.now();
        let instant = self.mmu.instant(now);
        let fast =
            self.mmu.store_fast::<N>(va, instant).or_else(|| self.mmu.store_fast_in_page::<N>(va, instant));
        let result = match fast {
            Some(at) => {
                let offset = self.offset(at);
                *self.ram.bytes_mut()[offset..].first_chunk_mut().unwrap() = value;
                Ok(())
            }
            None => self.mmu.store(&mut self.ram, va, value, now),
        };
        self.after(result, view)
    }

    pub(crate) fn fetch(&mut self, pc: VirtAddr) -> Result<u32, MemoryFault> {
        self.fetch_as(pc, View::USER)
    }

    /// Fetches as an engine does that finds no block: through the shortcut where the instruction cannot cross a page.
    pub(crate) fn fetch_as(&mut self, pc: VirtAddr, view: View) -> Result<u32, MemoryFault> {
        self.mmu.add_lookups(1, 0, 0);
        let now = self.now();
        let fast =
            if pc.offset() <= PAGE_SIZE - 4 { self.mmu.fetch_fast(pc, self.mmu.instant(now)) } else { None };
        let result = match fast {
            Some(at) => {
                let mut bytes = [0; 4];
                self.ram.read(at, &mut bytes).unwrap();
                let word = u32::from_le_bytes(bytes);
                Ok(if word & 3 == 3 { word } else { word & 0xffff })
            }
            None => self.mmu.fetch(&mut self.ram, pc, now),
        };
        self.after(result, view)
    }

    /// Translates without the shortcut and without retiring anything.
    pub(crate) fn translate(&mut self, va: VirtAddr, access: Access) -> Result<PhysAddr, MemoryFault> {
        let (fetches, loads, stores) = match access {
            Access::Fetch => (1, 0, 0),
            Access::Load => (0, 1, 0),
            Access::Store => (0, 0, 1),
        };
        self.mmu.add_lookups(fetches, loads, stores);
        let now = self.now();
        self.mmu.translate(&mut self.ram, va, 1, access, now)
    }

    pub(crate) fn copy_in(
        &mut self,
        from: VirtAddr,
        to: &mut [u8],
        view: View,
    ) -> Result<(), tine_mmu::CopyFault> {
        let now = self.now();
        self.mmu.copy_in(&mut self.ram, from, to, view, now)
    }

    pub(crate) fn copy_out(
        &mut self,
        to: VirtAddr,
        from: &[u8],
        view: View,
    ) -> Result<(), tine_mmu::CopyFault> {
        let now = self.now();
        self.mmu.copy_out(&mut self.ram, to, from, view, now)
    }

    pub(crate) fn compare_exchange(
        &mut self,
        at: VirtAddr,
        old: u32,
        new: u32,
        view: View,
    ) -> Result<u32, MemoryFault> {
        let now = self.now();
        self.mmu.compare_exchange(&mut self.ram, at, old, new, view, now)
    }

    pub(crate) fn fence(&mut self, fence: Fence) {
        self.mmu.fence(fence);
    }

    pub(crate) fn counters(&self) -> MmuCounters {
        *self.mmu.counters()
    }
}

pub(crate) fn entry_address(table: Ppn, va: VirtAddr, level: u32) -> PhysAddr {
    table.base() + (va.0 >> (12 + 9 * level) & 511) * 8
}
