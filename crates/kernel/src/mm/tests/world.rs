//! A machine whose CPU is the test: it walks the page table in guest RAM, and takes a fault where the PTE says no.

use crate::mm::{
    Fault, Fences, FileMapping, MapBacking, MapRequest, Memory, PageSize, Placement, Prot, Resolved, Sharing,
    Work,
};
use crate::{FileId, MemoryCounters, MemoryPolicy, MmId};
use std::collections::BTreeMap;
use std::sync::Arc;
use tine_mmu::{Access, AdUpdate, PAGE_SIZE, PhysAddr, Pte, PteFlags, Ram, VirtAddr, Vpn};

/// Read and write.
pub(super) const RW: Prot = Prot::READ.union(Prot::WRITE);

/// The sizes of leaves, by their level.
const SIZES: [PageSize; 2] = [PageSize::Base, PageSize::Huge];
/// Returns what a page of a file of [`World::file`] holds.
fn letters(page: u64) -> [u8; PAGE_SIZE as usize] {
    [b'a' + (page % 26) as u8; PAGE_SIZE as usize]
}

/// RAM, memory, and per process its counters and a TLB that only fences empty.
pub(super) struct World {
    pub(super) ram: Ram,
    pub(super) memory: Memory,
    counters: BTreeMap<MmId, MemoryCounters>,
    /// By the first page that an entry translates, and how many.
    tlb: BTreeMap<(MmId, Vpn, u64), Pte>,
    /// What was written back to the host's files; their other pages have their letters.
    host: BTreeMap<(FileId, u64), Vec<u8>>,
    /// How many operations there are between two checks of every invariant.
    pub(super) check_every: u32,
    unchecked: u32,
}

impl World {
    /// Makes a machine with `frames` frames of RAM.
    pub(super) fn new(frames: u64, policy: MemoryPolicy) -> Self {
        let mut ram = Ram::new(frames * PAGE_SIZE).unwrap();
        let memory = Memory::new(&mut ram, policy).unwrap();
        let (counters, tlb, host) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { ram, memory, counters, tlb, host, check_every: 1, unchecked: 0 }
    }

    /// Makes a process.
    pub(super) fn spawn(&mut self) -> MmId {
        let mut counters = MemoryCounters::default();
        let mm = self.memory.create(&mut Work::new(&mut self.ram, &mut counters)).unwrap();
        self.counters.insert(mm, counters);
        mm
    }

    /// Does `work` for a process, executes the fences that it owes, and checks every invariant.
    pub(super) fn work<T>(&mut self, mm: MmId, work: impl FnOnce(&mut Memory, &mut Work<'_>) -> T) -> T {
        let outcome = self.unchecked(mm, work);
        self.check();
        outcome
    }

    /// Does `work` for a process and executes the fences that it owes.
    pub(super) fn unchecked<T>(&mut self, mm: MmId, work: impl FnOnce(&mut Memory, &mut Work<'_>) -> T) -> T {
        let mut owed = Work::new(&mut self.ram, self.counters.entry(mm).or_default());
        let outcome = work(&mut self.memory, &mut owed);
        let fences = owed.finish();
        self.fence(mm, &fences);
        outcome
    }

    /// Executes fences: removes what they name from the TLB.
    pub(super) fn fence(&mut self, mm: MmId, fences: &Fences) {
        for fence in fences.for_asid(tine_mmu::Asid(1)) {
            match fence {
                tine_mmu::Fence::PageAsid(at, _) => {
                    for size in SIZES {
                        self.tlb.remove(&(mm, size.floor(at.vpn()), size.pages()));
                    }
                }
                _ => self.tlb.retain(|&(owner, ..), _| owner != mm),
            }
        }
    }

    pub(super) fn check(&mut self) {
        self.unchecked += 1;
        if self.unchecked < self.check_every {
            return;
        }
        self.unchecked = 0;
        if let Err(violation) = self.memory.check_invariants(&self.ram) {
            panic!("{violation}");
        }
        for counters in self.counters.values() {
            assert!(counters.kinds_sum_to_total(), "{counters:?}");
        }
    }

    pub(super) fn counters(&self, mm: MmId) -> MemoryCounters {
        self.counters[&mm]
    }

    /// Maps anonymous memory wherever there is room.
    pub(super) fn map(&mut self, mm: MmId, request: MapRequest) -> VirtAddr {
        self.work(mm, |memory, work| memory.map(work, mm, request)).unwrap()
    }

    /// Makes a file of `pages` pages, each full of its letter, with one holder.
    pub(super) fn file(&mut self, pages: u64) -> FileId {
        let (cache, frames) = self.memory.cache_mut();
        let file = cache.create_backed();
        for page in 0..pages {
            cache.write(&mut self.ram, frames, file, page * PAGE_SIZE, &letters(page)).unwrap();
        }
        file
    }

    /// Maps a whole file at 2 MiB, in place of what is there, so that windows of fault-around do not depend on the place.
    pub(super) fn map_file(&mut self, mm: MmId, file: FileId, sharing: Sharing) -> VirtAddr {
        let len_bytes = self.memory.cache().size(file);
        let request = MapRequest {
            placement: Placement::Fixed(VirtAddr(2 << 20)),
            sharing,
            backing: MapBacking::File(self.mapping(file, 0)),
            ..MapRequest::anonymous(len_bytes, RW)
        };
        self.map(mm, request)
    }

    /// Describes a mapping of a file from one of its pages on.
    pub(super) fn mapping(&self, file: FileId, first_page: u64) -> FileMapping {
        FileMapping { file, first_page, name: Arc::from("/tmp/file"), inode: 1, device: 0 }
    }

    /// Truncates a file as truncate(2) does, with the fences that every process is owed.
    pub(super) fn truncate(&mut self, file: FileId, size_bytes: u64) {
        let (cache, frames) = self.memory.cache_mut();
        let truncated = cache.set_size(&mut self.ram, frames, file, size_bytes);
        self.host.retain(|&(of, page), _| of != file || page * PAGE_SIZE < size_bytes);
        let mut counters = MemoryCounters::default();
        let mut work = Work::new(&mut self.ram, &mut counters);
        let owed = self.memory.unmap_truncated(&mut work, truncated);
        assert!(work.finish().is_empty());
        for (mm, fences) in owed {
            self.fence(mm, &fences);
        }
        self.check();
    }

    pub(super) fn fork(&mut self, parent: MmId) -> MmId {
        let child = self.work(parent, |memory, work| memory.fork(work, parent)).unwrap();
        self.counters.insert(child, MemoryCounters::default());
        child
    }

    pub(super) fn exit(&mut self, mm: MmId) {
        let is_last = self.memory.users(mm) == 1;
        let counters = self.memory.release(&mut self.ram, mm);
        *self.counters.entry(mm).or_default() += &counters;
        self.check();
        if is_last {
            self.tlb.retain(|&(owner, ..), _| owner != mm);
        }
    }

    /// Translates as the hart does: the TLB first, stale or not, then the page table; a fault is retried once resolved.
    fn translate(&mut self, mm: MmId, at: VirtAddr, access: Access) -> Result<PhysAddr, Fault> {
        for _ in 0..4 {
            let cached = SIZES.iter().find_map(|&size| {
                let pte = self.tlb.get(&(mm, size.floor(at.vpn()), size.pages()))?;
                Some((*pte, size))
            });
            let found = cached.or_else(|| self.walk(mm, at).map(|(pte, size, _)| (pte, size)));
            if let Some((pte, size)) = found.filter(|(pte, _)| self.permits(*pte, access)) {
                let pte = self.set_used(mm, at, pte, access);
                let first = size.floor(at.vpn());
                self.tlb.insert((mm, first, size.pages()), pte);
                return Ok((pte.ppn() + (at.vpn().0 - first.0)).base() + at.offset());
            }
            match self.unchecked(mm, |memory, work| memory.fault(work, mm, at, access)) {
                Err(Fault::Missing { file, page }) => self.read_again(file, page)?,
                outcome => drop(outcome?),
            }
        }
        panic!("{at} goes on faulting");
    }

    /// Reads a page of a file again, and makes room for it if need be.
    fn read_again(&mut self, file: FileId, page: u64) -> Result<(), Fault> {
        let contents = self.host.get(&(file, page)).cloned().unwrap_or_else(|| letters(page).to_vec());
        let (cache, frames) = self.memory.cache_mut();
        if cache.fill(&mut self.ram, frames, file, page, &contents).is_ok() {
            return Ok(());
        }
        if self.reclaim(8) == 0 { Err(Fault::Oom) } else { Ok(()) }
    }

    /// Reads all pages of a file that have left.
    pub(super) fn read_missing(&mut self, file: FileId) {
        let pages = self.memory.cache().file(file).backed_bytes.div_ceil(PAGE_SIZE);
        for page in
            (0..pages).filter(|&page| self.memory.cache().page(file, page).is_none()).collect::<Vec<_>>()
        {
            self.read_again(file, page).unwrap();
        }
    }

    /// Writes a page of a file back if it was stored to since the last time, and tells whether it was.
    pub(super) fn write_back(&mut self, file: FileId, page: u64) -> bool {
        let (cache, frames) = self.memory.cache_mut();
        let Some(ppn) = cache.page(file, page).filter(|&ppn| frames.take_dirty(&self.ram, ppn)) else {
            return false;
        };
        self.host.insert((file, page), self.ram.frame(ppn).to_vec());
        true
    }

    /// Drops clean pages, with the fences that every process is owed.
    pub(super) fn reclaim(&mut self, wanted: u64) -> u64 {
        let mut counters = MemoryCounters::default();
        let mut work = Work::new(&mut self.ram, &mut counters);
        let reclaimed = self.memory.reclaim(&mut work, wanted);
        assert!(work.finish().is_empty());
        for (mm, fences) in &reclaimed.fences {
            self.fence(*mm, fences);
        }
        self.check();
        reclaimed.pages
    }

    /// Returns the leaf that translates `at`, how large it is, and where it is.
    fn walk(&self, mm: MmId, at: VirtAddr) -> Option<(Pte, PageSize, PhysAddr)> {
        if at.0 >= 1 << 38 {
            return None;
        }
        let mut table = self.memory.space(mm).root();
        for level in (0..3).rev() {
            let slot = table.base() + (at.vpn().0 >> (9 * level) & 511) * 8;
            let pte = Pte(self.ram.read_u64(slot).unwrap());
            if !pte.is_valid() {
                return None;
            }
            if let Some(&size) = SIZES.get(level).filter(|_| pte.is_leaf()) {
                assert!(size.is_aligned(Vpn(pte.ppn().0)), "a misaligned superpage");
                return Some((pte, size, slot));
            }
            table = pte.ppn();
        }
        None
    }

    fn permits(&self, pte: Pte, access: Access) -> bool {
        let right = match access {
            Access::Fetch => PteFlags::X,
            Access::Load => PteFlags::R,
            Access::Store => PteFlags::W,
        };
        let used = if access == Access::Store { PteFlags::A | PteFlags::D } else { PteFlags::A };
        pte.has(right | PteFlags::U) && (self.memory.policy().ad_update == AdUpdate::Svadu || pte.has(used))
    }

    /// Sets A and D as a Svadu walker does, by comparing with the PTE in RAM: only when it is still the same.
    fn set_used(&mut self, mm: MmId, at: VirtAddr, pte: Pte, access: Access) -> Pte {
        let mut flags = PteFlags::A;
        flags.set(PteFlags::D, access == Access::Store);
        let used = pte.with(flags);
        if used != pte {
            let (now, _, slot) = self.walk(mm, at).unwrap();
            // Another process that shares the table may have set them since.
            let bits = PteFlags::A | PteFlags::D;
            assert_eq!(now.without(bits), pte.without(bits), "a stale translation wants a D bit");
            self.ram.write_u64(slot, now.with(flags).0).unwrap();
        }
        used
    }

    pub(super) fn load(&mut self, mm: MmId, at: VirtAddr) -> Result<u8, Fault> {
        let at = self.translate(mm, at, Access::Load)?;
        let mut byte = [0];
        self.ram.read(at, &mut byte).unwrap();
        Ok(byte[0])
    }

    /// Returns what a load would see, without any fault: what the TLB says, stale or not, else the page table, else what the fault
    /// would map.
    pub(super) fn observe(&self, mm: MmId, at: VirtAddr) -> Option<u8> {
        let cached = SIZES.iter().find_map(|&size| {
            let first = size.floor(at.vpn());
            let pte =
                self.tlb.get(&(mm, first, size.pages())).filter(|pte| self.permits(**pte, Access::Load))?;
            Some(pte.ppn() + (at.vpn().0 - first.0))
        });
        let mut byte = [0];
        match cached {
            Some(ppn) => self.ram.read(ppn.base() + at.offset(), &mut byte)?,
            None if self.memory.inspect(&self.ram, mm, at, &mut byte) == 1 => {}
            None => return None,
        }
        Some(byte[0])
    }

    pub(super) fn store(&mut self, mm: MmId, at: VirtAddr, byte: u8) -> Result<(), Fault> {
        let at = self.translate(mm, at, Access::Store)?;
        self.ram.write(at, &[byte]).unwrap();
        Ok(())
    }

    pub(super) fn fetch(&mut self, mm: MmId, at: VirtAddr) -> Result<(), Fault> {
        self.translate(mm, at, Access::Fetch).map(|_| ())
    }

    /// Returns how many faults `action` took.
    pub(super) fn faults(&mut self, mm: MmId, action: impl FnOnce(&mut Self)) -> u64 {
        let before = self.counters(mm).faults;
        action(self);
        self.check();
        self.counters(mm).faults - before
    }

    /// Loads from each of `pages` pages, and returns the faults.
    pub(super) fn read_all(&mut self, mm: MmId, at: VirtAddr, pages: u64) -> u64 {
        self.faults(mm, |world| {
            for page in 0..pages {
                world.load(mm, at + page * PAGE_SIZE).unwrap();
            }
        })
    }

    /// Stores to each of `pages` pages, and returns the faults.
    pub(super) fn write_all(&mut self, mm: MmId, at: VirtAddr, pages: u64, byte: u8) -> u64 {
        self.faults(mm, |world| {
            for page in 0..pages {
                world.store(mm, at + page * PAGE_SIZE, byte).unwrap();
            }
        })
    }

    /// Tells whether the first byte of each of `pages` pages is `byte`.
    pub(super) fn all_are(&mut self, mm: MmId, at: VirtAddr, pages: u64, byte: u8) -> bool {
        (0..pages).all(|page| self.load(mm, at + page * PAGE_SIZE) == Ok(byte))
    }

    /// Resolves one fault and returns it.
    pub(super) fn fault(&mut self, mm: MmId, at: VirtAddr, access: Access) -> Result<Resolved, Fault> {
        self.work(mm, |memory, work| memory.fault(work, mm, at, access))
    }
}
