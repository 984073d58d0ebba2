//! The memory-management unit of one hart.
//!
//! ```text
//!              shortcut (host)      first level        second level
//!   fetch        ──▶ Shortcut<1024> ──▶ itlb ──┬──▶ l2 ──▶ walk ──▶ PTEs in Ram
//!   load, store  ──▶ Shortcut<1024> ──▶ dtlb ──┘
//! ```
//!
//! # Who counts what
//! An engine knows how many fetches, loads and stores a block makes, so it adds the first look-up of each access itself
//! ([`Mmu::add_lookups`]), those that fault included. Everything else is counted here, where it happens: misses, walks,
//! and the second look-up of an access across a page boundary. So a hit in the shortcut has nothing to count.
//!
//! # What the hart owes
//! - [`Mmu::resume`] before it runs, and after anything that changes its privilege or status, or marks a frame as code.
//! - [`Mmu::add_lookups`] before such a change, so that look-ups are added for the view in which they were made.

mod access;
mod contents;
mod supervisor;

pub use contents::{TlbEntry, TlbName};

use crate::check::{Checker, Served};
use crate::first_level::FirstLevel;
use crate::shortcut::UNTRANSLATED;
use crate::stamp::Clock;
use crate::tlb::{Filled, Tlb, Translation};
use crate::walk::{Root, Target, walk};
use crate::{
    Access, Fence, HostMemory, MemoryFault, MemoryFaultKind, MmuCounters, PAGE_SIZE, PhysAddr, Pmp,
    Privilege, PteFlags, Ram, Satp, SatpMode, StaleUse, StaleUses, Stamp, TlbConfig, View,
};

/// Who sets the accessed and dirty bits of a PTE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AdUpdate {
    /// The walk does ("Svadu" Extension for Hardware Updating of A/D Bits).
    #[default]
    Svadu,
    /// The supervisor does, after a page fault ("Svade" Extension for Page-Fault Exceptions on A/D Bits).
    Svade,
}

/// Whether the host shortcut is used. It changes how fast a guest runs and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HostShortcut {
    /// Used.
    #[default]
    On,
    /// Not used: every access asks the modelled TLBs.
    Off,
}

/// What physical memory protection allows after a reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// Everything, as if a machine-mode program had been there first and wanted to protect nothing.
    #[default]
    Open,
    /// What the architecture says: M-mode everything, the others nothing.
    Reset,
}

/// How an [`Mmu`] is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MmuConfig {
    /// The shape of the TLBs.
    pub tlb: TlbConfig,
    /// Who sets accessed and dirty bits, until [`Mmu::set_ad_update`] changes it.
    pub ad_update: AdUpdate,
    /// What physical memory protection allows after a reset.
    pub protection: Protection,
    /// What random replacement starts from.
    pub seed: u64,
    /// Whether the host shortcut is used.
    pub shortcut: HostShortcut,
    /// Whether accesses that stale entries serve are reported; the shortcut is not used then.
    pub stale_uses: StaleUses,
}

/// On whose account a look-up goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Requester {
    Hart,
    Supervisor,
}

/// Where an access goes, through which first-level entry, and what that allows.
#[derive(Clone, Copy)]
struct Located {
    at: PhysAddr,
    entry: u16,
    /// `None` where nothing is translated.
    flags: Option<PteFlags>,
}

/// The memory-management unit of one hart. It belongs to one [`Ram`] for life.
#[derive(Clone, Debug)]
pub struct Mmu {
    config: MmuConfig,
    satp: Satp,
    pmp: Pmp,
    /// Under which privilege the hart fetches; MPRV does not change it.
    fetch_view: View,
    data_view: View,
    itlb: FirstLevel,
    dtlb: FirstLevel,
    l2: Option<Tlb>,
    /// The second level is touched in the order of its own look-ups: only first-level misses reach it.
    l2_clock: u64,
    /// It advances whenever something happens that has no position of its own, so that instants never go back: when the hart
    /// resumes, and with each look-up of the supervisor.
    clock: Clock,
    /// Into which memory the shortcut of `dtlb` leads; that of `itlb` says where it is for the guest.
    host: HostMemory,
    /// The code epoch of RAM for which the shortcut of `dtlb` is right.
    code_epoch: u64,
    counters: MmuCounters,
    checker: Option<Box<Checker>>,
}

impl Mmu {
    /// Makes the MMU of a hart that has just been reset: M-mode, nothing translated, TLBs empty.
    pub fn new(config: MmuConfig) -> Self {
        let TlbConfig { l1i, l1d, l2 } = config.tlb;
        // Each TLB draws its own ways.
        let seed = |level: u64| config.seed.wrapping_mul(3).wrapping_add(level);
        let machine = View { privilege: Privilege::Machine, sum: false, mxr: false };
        Self {
            config,
            satp: Satp::default(),
            pmp: match config.protection {
                Protection::Open => Pmp::open(),
                Protection::Reset => Pmp::new(),
            },
            fetch_view: machine,
            data_view: machine,
            itlb: FirstLevel::new(l1i, seed(0)),
            dtlb: FirstLevel::new(l1d, seed(1)),
            l2: l2.map(|geometry| Tlb::new(geometry, seed(2))),
            l2_clock: 0,
            clock: Clock::starting_at(Stamp::at(0)),
            host: HostMemory::default(),
            code_epoch: 0,
            counters: MmuCounters::default(),
            checker: match config.stale_uses {
                StaleUses::Ignored => None,
                StaleUses::Reported => Some(Box::default()),
            },
        }
    }

    /// Returns how the MMU was built.
    pub const fn config(&self) -> MmuConfig {
        self.config
    }

    /// Returns the value of `satp`.
    pub const fn satp(&self) -> Satp {
        self.satp
    }

    /// Writes `satp`. Removes nothing from the TLBs, as the ISA says: that takes a fence.
    pub fn set_satp(&mut self, satp: Satp) {
        if satp != self.satp {
            self.satp = satp;
            self.clear_shortcuts();
        }
    }

    /// Says who sets accessed and dirty bits from now on.
    pub fn set_ad_update(&mut self, ad_update: AdUpdate) {
        self.config.ad_update = ad_update;
    }

    /// Returns the registers of physical memory protection.
    pub const fn pmp(&self) -> &Pmp {
        &self.pmp
    }

    /// Writes `pmpcfgN`. No fence is needed for it to take effect, which the manual allows to be so.
    pub fn set_pmp_config(&mut self, register: u16, value: u64) {
        self.pmp.set_config(register, value);
        self.clear_shortcuts();
    }

    /// Writes `pmpaddrN`.
    pub fn set_pmp_address(&mut self, entry: u16, value: u64) {
        self.pmp.set_address(entry, value);
        self.clear_shortcuts();
    }

    /// Says how the hart looks at memory from now on, and makes good what happened to RAM meanwhile.
    ///
    /// `fetch` is the privilege in which instructions are fetched; `data` is what loads and stores see, MPRV applied; `now` is
    /// the stamp of the next instruction, and what [`Mmu::begin`] says of it holds.
    pub fn resume(&mut self, ram: &Ram, fetch: Privilege, data: View, now: Stamp) {
        let fetch_view = View { privilege: fetch, ..data };
        if (fetch_view, data) != (self.fetch_view, self.data_view) {
            (self.fetch_view, self.data_view) = (fetch_view, data);
            self.clear_shortcuts();
        }
        if ram.host() != self.host {
            self.host = ram.host();
            self.clear_shortcuts();
        }
        self.notice_code(ram);
        self.begin(now);
    }

    /// Makes whatever happens from now on later than everything before, even at the position of an instruction that trapped.
    /// `now` is the stamp of the next instruction.
    pub fn begin(&mut self, now: Stamp) {
        if self.clock.is_late(now) {
            self.restart_clock(now);
        }
        self.clock.advance();
    }

    /// Has the clock begin now, before instants overflow.
    #[cold]
    fn restart_clock(&mut self, now: Stamp) {
        self.itlb.renumber();
        self.dtlb.renumber();
        self.clock = Clock::starting_at(now);
    }

    /// Has stores take the slow path to frames that hold decoded code by now.
    #[inline]
    pub fn notice_code(&mut self, ram: &Ram) {
        if ram.code_epoch() != self.code_epoch {
            self.code_epoch = ram.code_epoch();
            let start = self.host.start.0;
            self.dtlb.forbid_stores(|at| ram.notices_stores((Ram::BASE + (at - start)).ppn()));
        }
    }

    /// Executes SFENCE.VMA on this hart, and counts it.
    pub fn fence(&mut self, fence: Fence) {
        match fence {
            Fence::All => self.counters.sfence.all += 1,
            Fence::Asid(_) => self.counters.sfence.asid += 1,
            Fence::Page(_) | Fence::PageAsid(..) => self.counters.sfence.page += 1,
        }
        self.shoot_down(fence);
    }

    /// Does on this hart what another hart's fence asks for. The other hart counts it, with
    /// [`Mmu::count_remote_fences`]; the entries that go are counted here.
    pub fn shoot_down(&mut self, fence: Fence) {
        let mut flushed = self.itlb.fence(fence) + self.dtlb.fence(fence);
        if let Some(l2) = &mut self.l2 {
            flushed += l2.fence(fence, |_| 0);
        }
        self.counters.flushed_entries += flushed;
    }

    /// Counts other harts that had to be told of a fence on this one.
    pub fn count_remote_fences(&mut self, harts: u64) {
        self.counters.sfence.remote += harts;
    }

    /// Adds the first look-up of so many fetches, loads and stores, where the current view translates them.
    #[inline]
    pub fn add_lookups(&mut self, fetches: u64, loads: u64, stores: u64) {
        if self.translates(self.fetch_view) {
            self.counters.itlb.lookups += fetches;
        }
        if self.translates(self.data_view) {
            self.counters.dtlb.loads += loads;
            self.counters.dtlb.stores += stores;
        }
    }

    /// Tells whether every access is compared with the page table, so that the hart must ask for each.
    pub const fn looks_for_stale_uses(&self) -> bool {
        self.checker.is_some()
    }

    /// Takes the accesses that stale entries served: the first of them, and how many there were in all.
    #[must_use]
    pub fn take_stale_uses(&mut self) -> (Vec<StaleUse>, u64) {
        self.checker.as_mut().map_or((Vec::new(), 0), |checker| checker.take())
    }

    /// Returns the counts so far.
    pub const fn counters(&self) -> &MmuCounters {
        &self.counters
    }

    /// Takes the counts and leaves zeros.
    #[must_use]
    pub fn take_counters(&mut self) -> MmuCounters {
        self.counters.take()
    }

    const fn translates(&self, view: View) -> bool {
        !matches!(self.satp.mode, SatpMode::Bare) && !matches!(view.privilege, Privilege::Machine)
    }

    fn clear_shortcuts(&mut self) {
        self.itlb.clear_shortcut();
        self.dtlb.clear_shortcut();
    }

    /// Translates the address of one look-up and checks that it may be accessed and its page is RAM.
    #[inline(always)]
    fn locate(
        &mut self,
        ram: &mut Ram,
        target: Target,
        stamp: u64,
        requester: Requester,
    ) -> Result<Located, MemoryFault> {
        let located = if self.translates(target.view) {
            self.look_up(ram, target, stamp, requester)
        } else {
            Ok(Located { at: PhysAddr(target.va.0), entry: UNTRANSLATED, flags: None })
        };
        located
            .and_then(|located| {
                let Located { at, .. } = located;
                if !self.pmp.allows(target.view.privilege, target.access, at, target.len) {
                    Err(MemoryFaultKind::Access)
                } else if !ram.contains(at.ppn().base(), PAGE_SIZE) {
                    Err(MemoryFaultKind::Outside(at))
                } else {
                    Ok(located)
                }
            })
            .map_err(|kind| MemoryFault { kind, access: target.access, at: target.va })
    }

    /// Asks the first level, and what is below it on a miss.
    #[inline(always)]
    fn look_up(
        &mut self,
        ram: &mut Ram,
        target: Target,
        stamp: u64,
        requester: Requester,
    ) -> Result<Located, MemoryFaultKind> {
        let Target { va, access, view, .. } = target;
        let asid = self.satp.asid;
        let first = self.first_level(access);
        let (mut index, mut page) = match first.lookup(va.vpn(), asid) {
            Some(index) => {
                first.touch(index, stamp);
                (index, *first.entry(index))
            }
            None => {
                self.count_miss(access, requester);
                let found = self.ask_below(ram, target)?;
                (self.fill_first_level(access, found, stamp), found)
            }
        };
        if !view.permits(access, page.flags()) {
            return Err(MemoryFaultKind::Page);
        }
        if access == Access::Store && !page.flags().contains(PteFlags::D) {
            match self.config.ad_update {
                AdUpdate::Svade => return Err(MemoryFaultKind::Page),
                AdUpdate::Svadu => (index, page) = self.make_dirty(ram, target, stamp)?,
            }
        }
        let at = page.translate(va);
        if let Some(checker) = &mut self.checker {
            let tlb = if access == Access::Fetch { TlbName::L1i } else { TlbName::L1d };
            checker.check(ram, self.satp, &Served { va, access, view, at, entry: TlbEntry::of(tlb, &page) });
        }
        Ok(Located { at, entry: index, flags: Some(page.flags()) })
    }

    /// Asks the second level where there is one, and walks the page table when it does not know.
    #[inline(always)]
    fn ask_below(&mut self, ram: &mut Ram, target: Target) -> Result<Translation, MemoryFaultKind> {
        if let Some(l2) = &self.l2 {
            if let Some(index) = l2.lookup(target.va.vpn(), self.satp.asid) {
                let found = *l2.entry(index);
                self.hit_second_level(index);
                return Ok(found);
            }
            self.counters.l2.lookups += 1;
            self.counters.l2.misses += 1;
        }
        self.walk_and_keep(ram, target)
    }

    #[inline(never)]
    fn walk_and_keep(&mut self, ram: &mut Ram, target: Target) -> Result<Translation, MemoryFaultKind> {
        let found = self.walk(ram, target)?;
        self.fill_second_level(found);
        Ok(found)
    }

    /// Walks for a store that hit an entry whose D bit is clear. What the walk finds, which after a change of the page
    /// table may be another frame, takes the entry's place in both levels.
    #[cold]
    #[inline(never)]
    fn make_dirty(
        &mut self,
        ram: &mut Ram,
        target: Target,
        stamp: u64,
    ) -> Result<(u16, Translation), MemoryFaultKind> {
        let found = self.walk(ram, target)?;
        let (vpn, asid) = (target.va.vpn(), self.satp.asid);
        self.dtlb.forget(vpn, asid);
        if let Some(l2) = &mut self.l2 {
            l2.forget(vpn, asid, |_| 0);
        }
        self.fill_second_level(found);
        Ok((self.fill_first_level(target.access, found, stamp), found))
    }

    fn walk(&mut self, ram: &mut Ram, target: Target) -> Result<Translation, MemoryFaultKind> {
        let root = Root { satp: self.satp, pmp: &self.pmp, ad_update: self.config.ad_update };
        walk(ram, root, target, &mut self.counters)
    }

    #[inline(always)]
    fn first_level(&mut self, access: Access) -> &mut FirstLevel {
        match access {
            Access::Fetch => &mut self.itlb,
            Access::Load | Access::Store => &mut self.dtlb,
        }
    }

    #[inline(always)]
    fn fill_first_level(&mut self, access: Access, found: Translation, stamp: u64) -> u16 {
        let filled = self.first_level(access).fill(found, stamp);
        self.count_eviction(&filled);
        filled.index
    }

    /// Counts a look-up of the second level that found an entry, and notes that it was used.
    fn hit_second_level(&mut self, index: u16) {
        self.counters.l2.lookups += 1;
        self.l2_clock += 1;
        if let Some(l2) = &mut self.l2 {
            l2.touch(index, self.l2_clock);
        }
    }

    /// Counts an entry that made room for another.
    const fn count_eviction(&mut self, filled: &Filled) {
        if filled.evicted.is_some() {
            self.counters.evictions += 1;
        }
    }

    #[inline(never)]
    fn fill_second_level(&mut self, found: Translation) {
        if let Some(l2) = &mut self.l2 {
            self.l2_clock += 1;
            if l2.fill(found, self.l2_clock, |_, used| used).evicted.is_some() {
                self.counters.evictions += 1;
            }
        }
    }

    #[inline(always)]
    fn count_miss(&mut self, access: Access, requester: Requester) {
        let MmuCounters { itlb, dtlb, supervisor, .. } = &mut self.counters;
        let data = match requester {
            Requester::Hart => dtlb,
            Requester::Supervisor => supervisor,
        };
        match access {
            Access::Fetch => itlb.misses += 1,
            Access::Load => data.load_misses += 1,
            Access::Store => data.store_misses += 1,
        }
    }
}
