//! A naive MMU: no shortcut, no tags, no stamps. Sets are lists in order of use, every look-up searches everything, and
//! the walk is written down a second time. It is what `Mmu` must be indistinguishable from.

use tine_mmu::{
    Access, AdUpdate, Asid, Fence, MemoryFault, MemoryFaultKind, MmuConfig, MmuCounters, PAGE_SIZE, PhysAddr,
    Ppn, Privilege, Pte, PteFlags, Ram, Replacement, Satp, SatpMode, TlbGeometry, View, VirtAddr,
};

#[derive(Clone, Copy, PartialEq)]
struct Entry {
    level: u32,
    vpn: u64,
    ppn: u64,
    flags: PteFlags,
    asid: Asid,
}

fn pages(level: u32) -> u64 {
    512u64.pow(level)
}

impl Entry {
    fn covers(&self, vpn: u64) -> bool {
        vpn / pages(self.level) == self.vpn / pages(self.level)
    }

    fn serves(&self, asid: Asid) -> bool {
        self.flags.contains(PteFlags::G) || self.asid == asid
    }

    fn goes_with(&self, fence: Fence) -> bool {
        let private = |asid| !self.flags.contains(PteFlags::G) && self.asid == asid;
        match fence {
            Fence::All => true,
            Fence::Asid(asid) => private(asid),
            Fence::Page(va) => self.covers(va.vpn().0),
            Fence::PageAsid(va, asid) => self.covers(va.vpn().0) && private(asid),
        }
    }
}

/// A TLB as a list of ways, the order in which they were used and that in which they were filled, latest last, and the
/// bits of a tree over each set.
struct Tlb {
    geometry: TlbGeometry,
    ways: Vec<Option<Entry>>,
    uses: Vec<usize>,
    fills: Vec<usize>,
    /// For each set the nodes in the order of a heap, from 1 on: whether a node points at its right half.
    trees: Vec<Vec<bool>>,
}

impl Tlb {
    fn new(geometry: TlbGeometry) -> Self {
        let trees = vec![vec![false; geometry.ways() as usize]; geometry.sets() as usize];
        let ways = vec![None; geometry.entries() as usize];
        Self { geometry, ways, uses: Vec::new(), fills: Vec::new(), trees }
    }

    fn used(&mut self, way: usize) {
        self.uses.retain(|&other| other != way);
        self.uses.push(way);
        if self.geometry.replacement() == Replacement::Plru {
            // From the leaf to the root: every node on the way points away from here.
            let ways = self.geometry.ways() as usize;
            let mut node = ways + way % ways;
            while node > 1 {
                self.trees[way / ways][node / 2] = node.is_multiple_of(2);
                node /= 2;
            }
        }
    }

    /// Chooses the way of a full set that makes room.
    fn victim(&self, first: usize) -> usize {
        let ways = self.geometry.ways() as usize;
        let of_set = |way: &&usize| (first..first + ways).contains(*way);
        match self.geometry.replacement() {
            Replacement::Lru => *self.uses.iter().find(of_set).unwrap(),
            Replacement::Fifo => *self.fills.iter().find(of_set).unwrap(),
            Replacement::Plru => {
                let mut node = 1;
                while node < ways {
                    node = 2 * node + usize::from(self.trees[first / ways][node]);
                }
                first + node - ways
            }
            Replacement::Random => unreachable!("what is drawn cannot be compared"),
        }
    }

    /// Finds the smallest page that serves, in the lowest way.
    fn find(&self, vpn: u64, asid: Asid) -> Option<usize> {
        let serves =
            |way: &usize| self.ways[*way].is_some_and(|entry| entry.covers(vpn) && entry.serves(asid));
        (0..self.ways.len()).filter(serves).min_by_key(|&way| (self.ways[way].unwrap().level, way))
    }

    /// Adds an entry; says whether another one had to go.
    fn add(&mut self, entry: Entry) -> bool {
        let set = (entry.vpn / pages(entry.level)) % u64::from(self.geometry.sets());
        let first = set as usize * self.geometry.ways() as usize;
        let of_set = |way: &usize| (first..first + self.geometry.ways() as usize).contains(way);
        let free = (0..self.ways.len()).filter(of_set).find(|&way| self.ways[way].is_none());
        let way = free.unwrap_or_else(|| self.victim(first));
        let evicted = self.ways[way].replace(entry).is_some();
        self.used(way);
        self.fills.retain(|&other| other != way);
        self.fills.push(way);
        evicted
    }

    fn remove(&mut self, which: impl Fn(&Entry) -> bool) -> u64 {
        let goes = |entry: &Option<Entry>| entry.as_ref().is_some_and(&which);
        let gone = self.ways.iter().filter(|entry| goes(entry)).count();
        self.ways.iter_mut().filter(|entry| goes(entry)).for_each(|entry| *entry = None);
        gone as u64
    }
}

pub(crate) struct Reference {
    pub(crate) ram: Ram,
    pub(crate) counters: MmuCounters,
    /// Walks that only set a dirty bit, which the report has no key for.
    pub(crate) dirty_walks: u64,
    config: MmuConfig,
    satp: Satp,
    view: View,
    itlb: Tlb,
    dtlb: Tlb,
    l2: Option<Tlb>,
}

/// On whose account a look-up goes.
#[derive(Clone, Copy)]
enum For {
    Program,
    Supervisor(View),
}

impl Reference {
    pub(crate) fn new(config: MmuConfig, ram: Ram) -> Self {
        Self {
            ram,
            counters: MmuCounters::default(),
            dirty_walks: 0,
            config,
            satp: Satp::default(),
            view: View::USER,
            itlb: Tlb::new(config.tlb.l1i),
            dtlb: Tlb::new(config.tlb.l1d),
            l2: config.tlb.l2.map(Tlb::new),
        }
    }

    pub(crate) fn set_satp(&mut self, satp: Satp) {
        self.satp = satp;
    }

    pub(crate) fn resume_as(&mut self, view: View) {
        self.view = view;
    }

    pub(crate) fn fence(&mut self, fence: Fence) {
        match fence {
            Fence::All => self.counters.sfence.all += 1,
            Fence::Asid(_) => self.counters.sfence.asid += 1,
            Fence::Page(_) | Fence::PageAsid(..) => self.counters.sfence.page += 1,
        }
        for tlb in [Some(&mut self.itlb), Some(&mut self.dtlb), self.l2.as_mut()].into_iter().flatten() {
            self.counters.flushed_entries += tlb.remove(|entry| entry.goes_with(fence));
        }
    }

    pub(crate) fn load(&mut self, va: VirtAddr, len: u64) -> Result<Vec<u8>, MemoryFault> {
        let parts = self.parts(va, len, Access::Load, For::Program)?;
        Ok(parts.iter().flat_map(|&(at, len)| self.bytes(at, len)).collect())
    }

    pub(crate) fn store(&mut self, va: VirtAddr, value: &[u8]) -> Result<(), MemoryFault> {
        let parts = self.parts(va, value.len() as u64, Access::Store, For::Program)?;
        let mut rest = value;
        for (at, len) in parts {
            self.ram.write(at, &rest[..len as usize]).unwrap();
            rest = &rest[len as usize..];
        }
        Ok(())
    }

    pub(crate) fn fetch(&mut self, pc: VirtAddr) -> Result<u32, MemoryFault> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut needed = 2;
        while bytes.len() < needed {
            let va = pc + bytes.len() as u64;
            // The rest of an instruction on the same page was translated with its beginning.
            let at = if bytes.is_empty() || va.offset() == 0 {
                self.look_up(va, Access::Fetch, For::Program)?
            } else {
                self.translated(va)
            };
            bytes.extend(self.bytes(at, 2));
            needed = if bytes[0] & 3 == 3 { 4 } else { 2 };
        }
        bytes.resize(4, 0);
        Ok(u32::from_le_bytes(bytes.try_into().unwrap()))
    }

    /// Copies in and says how much was done.
    pub(crate) fn copy_in(
        &mut self,
        from: VirtAddr,
        to: &mut [u8],
        view: View,
    ) -> Result<(), (usize, MemoryFault)> {
        let mut done = 0;
        while done < to.len() {
            let va = from + done as u64;
            let at = self.look_up(va, Access::Load, For::Supervisor(view)).map_err(|fault| (done, fault))?;
            let len = (PAGE_SIZE - va.offset()).min((to.len() - done) as u64) as usize;
            to[done..done + len].copy_from_slice(&self.bytes(at, len as u64));
            done += len;
        }
        Ok(())
    }

    pub(crate) fn copy_out(
        &mut self,
        to: VirtAddr,
        from: &[u8],
        view: View,
    ) -> Result<(), (usize, MemoryFault)> {
        let mut done = 0;
        while done < from.len() {
            let va = to + done as u64;
            let at = self.look_up(va, Access::Store, For::Supervisor(view)).map_err(|fault| (done, fault))?;
            let len = (PAGE_SIZE - va.offset()).min((from.len() - done) as u64) as usize;
            self.ram.write(at, &from[done..done + len]).unwrap();
            done += len;
        }
        Ok(())
    }

    fn bytes(&self, at: PhysAddr, len: u64) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        self.ram.read(at, &mut bytes).unwrap();
        bytes
    }

    /// Translates each page of an access, before anything is done.
    fn parts(
        &mut self,
        va: VirtAddr,
        len: u64,
        access: Access,
        account: For,
    ) -> Result<Vec<(PhysAddr, u64)>, MemoryFault> {
        let head = len.min(PAGE_SIZE - va.offset());
        let mut parts = vec![(self.look_up(va, access, account)?, head)];
        if head < len {
            parts.push((self.look_up(va + head, access, account)?, len - head));
        }
        Ok(parts)
    }

    fn is_translating(&self, privilege: Privilege) -> bool {
        self.satp.mode != SatpMode::Bare && privilege != Privilege::Machine
    }

    /// Translates an address that the instruction TLB holds.
    fn translated(&self, va: VirtAddr) -> PhysAddr {
        if !self.is_translating(self.view.privilege) {
            return PhysAddr(va.0);
        }
        let way = self.itlb.find(va.vpn().0, self.satp.asid).unwrap();
        place(&self.itlb.ways[way].unwrap(), va)
    }

    fn look_up(&mut self, va: VirtAddr, access: Access, account: For) -> Result<PhysAddr, MemoryFault> {
        let fault = |kind| MemoryFault { kind, access, at: va };
        let view = match account {
            For::Program => self.view,
            For::Supervisor(view) => view,
        };
        let at = if self.is_translating(view.privilege) {
            self.count(access, account, false);
            place(&self.entry_for(va, access, view, account).map_err(fault)?, va)
        } else {
            PhysAddr(va.0)
        };
        let page = at.ppn().base();
        self.ram.contains(page, PAGE_SIZE).then_some(at).ok_or(fault(MemoryFaultKind::Outside(at)))
    }

    fn entry_for(
        &mut self,
        va: VirtAddr,
        access: Access,
        view: View,
        account: For,
    ) -> Result<Entry, MemoryFaultKind> {
        let (vpn, asid) = (va.vpn().0, self.satp.asid);
        let entry = match self.first(access).find(vpn, asid) {
            Some(way) => {
                self.first(access).used(way);
                self.first(access).ways[way].unwrap()
            }
            None => {
                self.count(access, account, true);
                let entry = self.ask_below(va, access, view)?;
                self.add_first(access, entry);
                entry
            }
        };
        if !allows(entry.flags, access, view) {
            return Err(MemoryFaultKind::Page);
        }
        if access != Access::Store || entry.flags.contains(PteFlags::D) {
            return Ok(entry);
        }
        if self.config.ad_update == AdUpdate::Svade {
            return Err(MemoryFaultKind::Page);
        }
        self.dirty_walks += 1;
        let entry = self.walk(va, access, view)?;
        for tlb in [Some(&mut self.dtlb), self.l2.as_mut()].into_iter().flatten() {
            tlb.remove(|old| old.covers(vpn) && old.serves(asid));
        }
        self.add_second(entry);
        self.add_first(access, entry);
        Ok(entry)
    }

    fn ask_below(&mut self, va: VirtAddr, access: Access, view: View) -> Result<Entry, MemoryFaultKind> {
        if let Some(l2) = &mut self.l2 {
            self.counters.l2.lookups += 1;
            if let Some(way) = l2.find(va.vpn().0, self.satp.asid) {
                l2.used(way);
                return Ok(l2.ways[way].unwrap());
            }
            self.counters.l2.misses += 1;
        }
        let entry = self.walk(va, access, view)?;
        self.add_second(entry);
        Ok(entry)
    }

    fn walk(&mut self, va: VirtAddr, access: Access, view: View) -> Result<Entry, MemoryFaultKind> {
        self.counters.walks += 1;
        let (highest_bit, levels) = match self.satp.mode {
            SatpMode::Bare => unreachable!("nothing is translated"),
            SatpMode::Sv39 => (38, 3),
            SatpMode::Sv48 => (47, 4),
            SatpMode::Sv57 => (56, 5),
        };
        let upper = va.0 >> highest_bit;
        if upper != 0 && upper != u64::MAX >> highest_bit {
            return Err(MemoryFaultKind::Page);
        }
        let tables = (0..levels).rev().map(|level| (level, va.0 >> (12 + 9 * level) & 511));
        let mut table = self.satp.root;
        let mut inherited = PteFlags::empty();
        for (level, index) in tables {
            let at = table.base() + 8 * index;
            let pte = self.ram.read_u64(at).ok_or(MemoryFaultKind::Access)?;
            self.counters.walk_reads += 1;
            let flags = PteFlags::from_bits_truncate(pte);
            let rwx = pte >> 1 & 7;
            let is_range = pte >> 63 == 1;
            if pte & 1 == 0 || rwx & 3 == 2 || pte << 1 >> 55 != 0 {
                return Err(MemoryFaultKind::Page);
            }
            inherited |= flags & PteFlags::G;
            table = Ppn(pte << 10 >> 20);
            if rwx == 0 {
                if is_range || flags.intersects(PteFlags::A | PteFlags::D | PteFlags::U) {
                    return Err(MemoryFaultKind::Page);
                }
                continue;
            }
            if is_range {
                if level > 0 || table.0 % 16 != 8 {
                    return Err(MemoryFaultKind::Page);
                }
                table = Ppn(table.0 - 8 + va.vpn().0 % 16);
            }
            if !table.0.is_multiple_of(pages(level)) || !allows(flags, access, view) {
                return Err(MemoryFaultKind::Page);
            }
            let bits = if access == Access::Store { PteFlags::A | PteFlags::D } else { PteFlags::A };
            if !flags.contains(bits) {
                if self.config.ad_update == AdUpdate::Svade {
                    return Err(MemoryFaultKind::Page);
                }
                self.counters.ad_updates += 1;
                self.ram.write_u64(at, Pte(pte).with(bits).0).unwrap();
            }
            let flags = flags | bits | inherited;
            return Ok(Entry { level, vpn: va.vpn().0, ppn: table.0, flags, asid: self.satp.asid });
        }
        Err(MemoryFaultKind::Page)
    }

    fn first(&mut self, access: Access) -> &mut Tlb {
        if access == Access::Fetch { &mut self.itlb } else { &mut self.dtlb }
    }

    fn add_first(&mut self, access: Access, entry: Entry) {
        let evicted = self.first(access).add(entry);
        self.counters.evictions += u64::from(evicted);
    }

    fn add_second(&mut self, entry: Entry) {
        if let Some(l2) = &mut self.l2 {
            self.counters.evictions += u64::from(l2.add(entry));
        }
    }

    /// Counts a look-up, or that it missed.
    fn count(&mut self, access: Access, account: For, missed: bool) {
        let MmuCounters { itlb, dtlb, supervisor, .. } = &mut self.counters;
        let data = match account {
            For::Program => dtlb,
            For::Supervisor(_) => supervisor,
        };
        let counter = match (access, missed) {
            (Access::Fetch, false) => &mut itlb.lookups,
            (Access::Fetch, true) => &mut itlb.misses,
            (Access::Load, false) => &mut data.loads,
            (Access::Load, true) => &mut data.load_misses,
            (Access::Store, false) => &mut data.stores,
            (Access::Store, true) => &mut data.store_misses,
        };
        *counter += 1;
    }
}

fn place(entry: &Entry, va: VirtAddr) -> PhysAddr {
    PhysAddr((entry.ppn + va.vpn().0 % pages(entry.level)) * PAGE_SIZE + va.offset())
}

/// The permission table of the manual, row by row.
fn allows(flags: PteFlags, access: Access, view: View) -> bool {
    let has = |flag| flags.contains(flag);
    let may = match access {
        Access::Fetch => has(PteFlags::X),
        Access::Load => has(PteFlags::R) || (has(PteFlags::X) && view.mxr),
        Access::Store => has(PteFlags::W),
    };
    let reaches = match (view.privilege, has(PteFlags::U)) {
        (Privilege::User, user_page) => user_page,
        (_, false) => true,
        (_, true) => view.sum && access != Access::Fetch,
    };
    may && reaches
}
