//! Every switch of the memory system that a user can turn, in one object. Mechanism reads it; nothing else is tested.

use tine_mmu::AdUpdate;

/// How `fork` makes the child's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkMode {
    /// Share every page and copy it when it is written.
    Cow,
    /// Copy every page at once, as early Unix did.
    Eager,
}

/// Which of the two runs first after `fork`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkOrder {
    /// The child, so that an immediate `exec` spares the parent's copies.
    ChildFirst,
    /// The parent.
    ParentFirst,
}

/// What may be promised of memory that nobody has touched yet (`vm.overcommit_memory`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overcommit {
    /// Anything but more than all memory at once.
    Heuristic,
    /// Anything.
    Always,
    /// No more than a part of memory: what is promised can be had.
    Never,
}

impl Overcommit {
    /// Returns the mode that Linux gives this number.
    pub fn from_number(number: u64) -> Option<Self> {
        [Self::Heuristic, Self::Always, Self::Never].into_iter().find(|mode| mode.number() == number)
    }

    /// Returns Linux's number of the mode.
    pub const fn number(self) -> u64 {
        match self {
            Self::Heuristic => 0,
            Self::Always => 1,
            Self::Never => 2,
        }
    }
}

/// The memory policy in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// The preset that this began as; reports show it.
    pub name: &'static str,
    /// How `fork` makes the child's memory.
    pub fork: ForkMode,
    /// Which of the two runs first after `fork`.
    pub fork_order: ForkOrder,
    /// Pages mapped by one read fault on a file: an aligned window of so many pages; 1 maps only the page asked for.
    pub fault_around_pages: u64,
    /// Who sets accessed and dirty bits.
    pub ad_update: AdUpdate,
    /// Whether fork leaves out mappings that a fault can rebuild: shared ones, and private file mappings never written.
    pub fork_skips_refillable: bool,
    /// Whether exec moves stack, mappings, heap and position-independent programs by random offsets.
    pub randomizes_layout: bool,
    /// What may be promised of memory that nobody has touched yet, until the program sets it.
    pub overcommit: Overcommit,
}

impl MemoryPolicy {
    /// What Debian's Linux 6.12 does on riscv64.
    pub const LINUX: Self = Self {
        name: "linux",
        fork: ForkMode::Cow,
        fork_order: ForkOrder::ParentFirst,
        fault_around_pages: 16,
        ad_update: AdUpdate::Svadu,
        fork_skips_refillable: true,
        randomizes_layout: false,
        overcommit: Overcommit::Heuristic,
    };

    /// What a course teaches: every page by itself, and fork shares every page.
    pub const TEXTBOOK: Self = Self {
        name: "textbook",
        fault_around_pages: 1,
        fork_skips_refillable: false,
        randomizes_layout: false,
        ..Self::LINUX
    };

    /// Returns the preset called `name`.
    pub fn preset(name: &str) -> Option<Self> {
        [Self::LINUX, Self::TEXTBOOK].into_iter().find(|policy| policy.name == name)
    }
}
