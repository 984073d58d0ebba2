//! A hart with RAM, a page table and a few mapped pages, to run single instructions and small programs on.

use tine_hart::{Csrs, Engine, FpState, Hart, Shared, Stop, Supervisor};
use tine_mmu::{
    Asid, Mmu, MmuConfig, PAGE_SIZE, PhysAddr, Ppn, Privilege, Pte, PteFlags, Ram, Satp, TlbConfig, VirtAddr,
    Vpn,
};

/// Where code pages are mapped, user-accessible, writable and executable.
pub(crate) const CODE: VirtAddr = VirtAddr(0x1_0000);
/// Where data pages are mapped, user-accessible and writable.
pub(crate) const DATA: VirtAddr = VirtAddr(0x2_0000);
/// How many pages of each.
pub(crate) const PAGES: u64 = 8;
/// A page of the supervisor's own code, writable and executable.
pub(crate) const HANDLER: VirtAddr = VirtAddr(0x3_0000);
/// The page that nothing is mapped at.
pub(crate) const HOLE: VirtAddr = VirtAddr(0x4_0000);
pub(crate) const ASID: Asid = Asid(1);

const RAM_BYTES: u64 = 1 << 20;
/// Frame numbers relative to the first: three levels of table, then the pages.
const TABLES: u64 = 0;
pub(crate) const CODE_FRAMES: u64 = 16;
pub(crate) const DATA_FRAMES: u64 = 32;
pub(crate) const HANDLER_FRAME: u64 = 48;

/// Readable, writable and executable.
pub(crate) const RWX: PteFlags = PteFlags::R.union(PteFlags::W).union(PteFlags::X);
/// Accessed and dirty already, so that a walk has nothing to set.
pub(crate) const USED: PteFlags = PteFlags::A.union(PteFlags::D);
/// What user data pages have.
pub(crate) const USER_RW: PteFlags = PteFlags::R.union(PteFlags::W).union(PteFlags::U).union(USED);

#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) engine: Engine,
    pub(crate) tlb: TlbConfig,
    pub(crate) supervisor: Supervisor,
}

impl Default for Setup {
    fn default() -> Self {
        Self { engine: Engine::default(), tlb: TlbConfig::U54, supervisor: Supervisor::Native }
    }
}

pub(crate) struct Bench {
    pub(crate) hart: Hart,
    pub(crate) ram: Ram,
    pub(crate) shared: Shared,
}

/// Does the same on a fresh machine under each engine.
pub(crate) fn on_each_engine(test: impl Fn(&mut Bench)) {
    for engine in [Engine::Plain, Engine::Threaded] {
        test(&mut Bench::with(Setup { engine, ..Setup::default() }));
    }
}

/// Returns the `index`th frame of RAM.
pub(crate) fn frame(index: u64) -> Ppn {
    Ppn(Ram::BASE.ppn().0 + index)
}

impl Bench {
    /// A hart in U-mode at [`CODE`], floating point on, in an Sv39 address space.
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let mmu = Mmu::new(MmuConfig { tlb: setup.tlb, ..MmuConfig::default() });
        let mut hart = Hart::new(0, mmu, setup.supervisor);
        hart.set_satp(Satp::sv39(frame(TABLES), ASID));
        // A guest supervisor too has firmware below it that delegates everything.
        hart.csrs = Csrs::delegating();
        hart.privilege = Privilege::User;
        hart.pc = CODE;
        hart.csrs.mstatus.set_fp(FpState::Clean);
        hart.csrs.stvec = HANDLER.0;
        let mut bench = Self { hart, ram: Ram::new(RAM_BYTES).unwrap(), shared: Shared::new(setup.engine) };
        bench.write_pte(TABLES, 0, Pte::table(frame(TABLES + 1)));
        bench.write_pte(TABLES + 1, 0, Pte::table(frame(TABLES + 2)));
        for page in 0..PAGES {
            bench.map(CODE.vpn() + page, CODE_FRAMES + page, RWX | PteFlags::U | USED);
            bench.map(DATA.vpn() + page, DATA_FRAMES + page, USER_RW);
        }
        bench.map(HANDLER.vpn(), HANDLER_FRAME, RWX | USED);
        bench
    }

    fn write_pte(&mut self, table: u64, index: u64, pte: Pte) {
        self.ram.write_u64(frame(table).base() + 8 * index, pte.0).unwrap();
    }

    /// Maps a page of the first 2 MiB, without a fence.
    pub(crate) fn map(&mut self, vpn: Vpn, to: u64, flags: PteFlags) {
        self.write_pte(TABLES + 2, vpn.0, Pte::leaf(frame(to), flags));
    }

    /// Writes instructions of four bytes at [`CODE`] and goes there.
    pub(crate) fn place(&mut self, words: &[u32]) {
        self.place_at(CODE_FRAMES, 0, words);
        self.hart.pc = CODE;
    }

    /// Writes instructions of four bytes into a frame.
    pub(crate) fn place_at(&mut self, to: u64, offset: u64, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.place_bytes(to, offset, &bytes);
    }

    /// Writes code into a frame and those behind it.
    pub(crate) fn place_bytes(&mut self, to: u64, offset: u64, code: &[u8]) {
        self.ram.write(frame(to).base() + offset, code).unwrap();
    }

    pub(crate) fn run(&mut self, budget: u64) -> Stop {
        self.hart.run(&mut self.ram, &mut self.shared, budget)
    }

    /// A second hart in the same state.
    pub(crate) fn another_hart(&self) -> Hart {
        let mut hart = self.hart.clone();
        hart.id = 1;
        hart
    }

    /// Where a byte of the data pages lies.
    pub(crate) fn data(offset: u64) -> PhysAddr {
        frame(DATA_FRAMES).base() + offset
    }

    pub(crate) fn read_data(&self, offset: u64) -> u64 {
        self.ram.read_u64(Self::data(offset)).unwrap()
    }

    pub(crate) fn write_data(&mut self, offset: u64, value: u64) {
        self.ram.write_u64(Self::data(offset), value).unwrap();
    }
}

/// The address of a byte of the data pages.
pub(crate) fn data(offset: u64) -> VirtAddr {
    assert!(offset < PAGES * PAGE_SIZE);
    DATA + offset
}
