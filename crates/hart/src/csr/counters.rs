//! The counters that software may set, stop and, with the performance counters, point at an event.
//!
//! Nothing is counted here. A counter is the distance from something that is counted anyway, so that it costs nothing
//! until it is read: `mcycle` and `minstret` from the retired instructions, a performance counter from a count of the MMU
//! or of traps.

use tine_mmu::MmuCounters;

/// Performance counters: `mhpmcounter3` to `mhpmcounter31`.
const PERFORMANCE: usize = 29;

/// What a performance counter can count: the value of its `mhpmevent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum PerfEvent {
    /// First-level instruction TLB misses.
    L1InstructionMiss = 1,
    /// First-level data TLB misses, of loads and stores.
    L1DataMiss = 2,
    /// First-level data TLB misses of loads.
    L1LoadMiss = 3,
    /// First-level data TLB misses of stores, SC and AMOs.
    L1StoreMiss = 4,
    /// Second-level TLB misses.
    L2Miss = 5,
    /// Page-table walks.
    Walk = 6,
    /// PTEs that walks read.
    WalkRead = 7,
    /// Traps for page faults, of all kinds.
    PageFault = 8,
    /// Traps for instruction page faults.
    FetchPageFault = 9,
    /// Traps for load page faults.
    LoadPageFault = 10,
    /// Traps for store page faults.
    StorePageFault = 11,
}

impl PerfEvent {
    /// Every event with the name that documents and device trees have for it.
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::L1InstructionMiss, "l1-itlb-miss"),
        (Self::L1DataMiss, "l1-dtlb-miss"),
        (Self::L1LoadMiss, "l1-dtlb-load-miss"),
        (Self::L1StoreMiss, "l1-dtlb-store-miss"),
        (Self::L2Miss, "l2-tlb-miss"),
        (Self::Walk, "walk"),
        (Self::WalkRead, "walk-read"),
        (Self::PageFault, "page-fault"),
        (Self::FetchPageFault, "fetch-page-fault"),
        (Self::LoadPageFault, "load-page-fault"),
        (Self::StorePageFault, "store-page-fault"),
    ];

    fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().map(|(event, _)| event).find(|&event| event as u64 == number)
    }
}

/// Traps for page faults, by the access that faulted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageFaults {
    /// Fetches.
    pub fetch: u64,
    /// Loads.
    pub load: u64,
    /// Stores.
    pub store: u64,
}

/// What the counters take their distance from, now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) retired: u64,
    pub(crate) mmu: &'a MmuCounters,
    pub(crate) faults: PageFaults,
}

impl Counted<'_> {
    fn of(&self, event: Option<PerfEvent>) -> u64 {
        let Self { mmu, faults, .. } = self;
        match event {
            None => 0,
            Some(PerfEvent::L1InstructionMiss) => mmu.itlb.misses,
            Some(PerfEvent::L1DataMiss) => mmu.dtlb.load_misses + mmu.dtlb.store_misses,
            Some(PerfEvent::L1LoadMiss) => mmu.dtlb.load_misses,
            Some(PerfEvent::L1StoreMiss) => mmu.dtlb.store_misses,
            Some(PerfEvent::L2Miss) => mmu.l2.misses,
            Some(PerfEvent::Walk) => mmu.walks,
            Some(PerfEvent::WalkRead) => mmu.walk_reads,
            Some(PerfEvent::PageFault) => faults.fetch + faults.load + faults.store,
            Some(PerfEvent::FetchPageFault) => faults.fetch,
            Some(PerfEvent::LoadPageFault) => faults.load,
            Some(PerfEvent::StorePageFault) => faults.store,
        }
    }
}

/// One counter: while it counts, what it shows less what was counted; while it is stopped, what it shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counter(u64);

/// The counters of a hart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    cycle: Counter,
    instret: Counter,
    performance: [Counter; PERFORMANCE],
    events: [Option<PerfEvent>; PERFORMANCE],
    /// `mcountinhibit`.
    inhibited: u64,
}

/// Which counter, by its bit in `mcountinhibit`: 0 cycles, 2 instructions, 3 to 31 events.
pub(crate) type Index = u8;

impl Counters {
    /// Bit 1 would be that of `time`, which nothing stops.
    const INHIBITABLE: u64 = 0xffff_fffd;

    fn slot(&self, index: Index) -> Counter {
        match index {
            0 => self.cycle,
            2 => self.instret,
            _ => self.performance.get(performance(index)).copied().unwrap_or_default(),
        }
    }

    fn slot_mut(&mut self, index: Index) -> Option<&mut Counter> {
        match index {
            0 => Some(&mut self.cycle),
            2 => Some(&mut self.instret),
            _ => self.performance.get_mut(performance(index)),
        }
    }

    /// Returns what the counter has counted from: 0 while it is stopped.
    fn base(&self, index: Index, now: Counted<'_>) -> u64 {
        match index {
            _ if self.inhibited >> index & 1 == 1 => 0,
            0 | 2 => now.retired,
            _ => now.of(self.events.get(performance(index)).copied().flatten()),
        }
    }

    pub(crate) fn read(&self, index: Index, now: Counted<'_>) -> u64 {
        self.slot(index).0.wrapping_add(self.base(index, now))
    }

    /// Has the counter show `value` to whoever reads it next.
    pub(crate) fn write(&mut self, index: Index, value: u64, now: Counted<'_>) {
        let base = self.base(index, now);
        if let Some(slot) = self.slot_mut(index) {
            slot.0 = value.wrapping_sub(base);
        }
    }

    pub(crate) fn inhibited(&self) -> u64 {
        self.inhibited
    }

    /// Stops and starts counters; what they show stays.
    pub(crate) fn inhibit(&mut self, mask: u64, now: Counted<'_>) {
        let changed = self.inhibited ^ mask & Self::INHIBITABLE;
        for index in (0..32).filter(|index| changed >> index & 1 == 1) {
            let shown = self.read(index, now);
            self.inhibited ^= 1 << index;
            self.write(index, shown, now);
        }
    }

    pub(crate) fn event(&self, index: Index) -> u64 {
        self.events.get(performance(index)).copied().flatten().map_or(0, |event| event as u64)
    }

    /// Points a performance counter at an event; a number that is no event's is read back as 0, which counts nothing.
    pub(crate) fn set_event(&mut self, index: Index, number: u64, now: Counted<'_>) {
        let shown = self.read(index, now);
        if let Some(event) = self.events.get_mut(performance(index)) {
            *event = PerfEvent::from_number(number);
        }
        self.write(index, shown, now);
    }
}

/// Returns where a performance counter is kept; nowhere for what is none.
fn performance(index: Index) -> usize {
    usize::from(index).wrapping_sub(3)
}
