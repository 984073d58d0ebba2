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

/// Which private anonymous memory gets huge pages of 2 MiB when it is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thp {
    /// None.
    Never,
    /// What madvise(2) was told to (`MADV_HUGEPAGE`).
    Madvise,
    /// All that holds an aligned 2 MiB.
    Always,
}

impl Thp {
    /// Every choice, in the order in which `/sys/kernel/mm/transparent_hugepage/enabled` lists them.
    pub const ALL: [Self; 3] = [Self::Always, Self::Madvise, Self::Never];

    /// Returns the name that Linux gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Madvise => "madvise",
            Self::Never => "never",
        }
    }
}

/// What a store to a huge page with several owners does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThpCow {
    /// Splits it, for the process that stores, and copies 4 KiB: Linux since 5.8.
    Split,
    /// Copies all of it, where there is room for a whole one.
    Copy,
}

impl ThpCow {
    /// Returns the name that options and reports give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Copy => "copy",
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
    /// Which memory gets huge pages.
    pub thp: Thp,
    /// What a store to a shared huge page does.
    pub thp_cow: ThpCow,
    /// Whether exec moves stack, mappings, heap and position-independent programs by random offsets.
    pub randomizes_layout: bool,
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
        thp: Thp::Always,
        thp_cow: ThpCow::Split,
        randomizes_layout: false,
    };

    /// What a course teaches: every page by itself, and fork shares every page.
    pub const TEXTBOOK: Self = Self {
        name: "textbook",
        fault_around_pages: 1,
        fork_skips_refillable: false,
        thp: Thp::Never,
        randomizes_layout: false,
        ..Self::LINUX
    };

    /// Returns the preset called `name`.
    pub fn preset(name: &str) -> Option<Self> {
        [Self::LINUX, Self::TEXTBOOK].into_iter().find(|policy| policy.name == name)
    }
}
