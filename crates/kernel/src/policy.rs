//! Every switch of the memory system that a user can turn, in one object. Mechanism reads it; nothing else is tested.

use std::fmt;
use tine_mmu::AdUpdate;

/// How `fork` makes the child's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForkMode {
    /// Share every page and copy it when it is written.
    Cow,
    /// Copy every page at once, as early Unix did.
    Eager,
    /// Share the page tables themselves, and copy one when a page of it is written ("On-demand-fork", EuroSys 2021).
    Odf,
}

impl ForkMode {
    /// Returns the name that the user writes and reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cow => "cow",
            Self::Eager => "eager",
            Self::Odf => "odf",
        }
    }
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

impl ForkOrder {
    /// Returns the name that the user writes and reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChildFirst => "child-first",
            Self::ParentFirst => "parent-first",
        }
    }
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

    /// Returns the name that the user writes and reads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heuristic => "heuristic",
            Self::Always => "always",
            Self::Never => "never",
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
    /// Frames set aside when the machine starts, which copies take first; 0 sets none aside.
    pub cow_prealloc_frames: u64,
    /// Pages copied by one copy-on-write fault: those of an aligned window of so many that are still shared; 1 copies only
    /// the page stored to.
    pub cow_batch_pages: u64,
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
    /// Whether exec moves stack, mappings, heap and position-independent programs by random offsets, which the seed decides.
    pub randomizes_layout: bool,
    /// What may be promised of memory that nobody has touched yet, until the program sets it.
    pub overcommit: Overcommit,
}

/// What a switch is set to, as reports and policy files write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchValue {
    /// One of several words.
    Word(&'static str),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

impl fmt::Display for SwitchValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Number(number) => number.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

impl MemoryPolicy {
    /// What Debian's Linux 6.12 does on riscv64.
    pub const LINUX: Self = Self {
        name: "linux",
        fork: ForkMode::Cow,
        fork_order: ForkOrder::ParentFirst,
        cow_prealloc_frames: 0,
        cow_batch_pages: 1,
        fault_around_pages: 16,
        ad_update: AdUpdate::Svadu,
        fork_skips_refillable: true,
        thp: Thp::Always,
        thp_cow: ThpCow::Split,
        randomizes_layout: true,
        overcommit: Overcommit::Heuristic,
    };

    /// What a course teaches: every page by itself, fork shares every page, and nothing lies at random.
    pub const TEXTBOOK: Self = Self {
        name: "textbook",
        fault_around_pages: 1,
        fork_skips_refillable: false,
        thp: Thp::Never,
        randomizes_layout: false,
        ..Self::LINUX
    };

    /// The names of the presets.
    pub const PRESETS: [&'static str; 2] = [Self::LINUX.name, Self::TEXTBOOK.name];

    /// Returns the preset called `name`.
    pub fn preset(name: &str) -> Option<Self> {
        [Self::LINUX, Self::TEXTBOOK].into_iter().find(|policy| policy.name == name)
    }

    /// Returns every switch with its key, in the order of reports.
    pub fn switches(&self) -> Vec<(&'static str, SwitchValue)> {
        let ad = match self.ad_update {
            AdUpdate::Svade => "svade",
            AdUpdate::Svadu => "svadu",
        };
        vec![
            ("fork", SwitchValue::Word(self.fork.name())),
            ("fork_order", SwitchValue::Word(self.fork_order.name())),
            ("fork_skips_refillable", SwitchValue::Flag(self.fork_skips_refillable)),
            ("cow_prealloc_frames", SwitchValue::Number(self.cow_prealloc_frames)),
            ("cow_batch_pages", SwitchValue::Number(self.cow_batch_pages)),
            ("fault_around_pages", SwitchValue::Number(self.fault_around_pages)),
            ("thp", SwitchValue::Word(self.thp.name())),
            ("thp_cow", SwitchValue::Word(self.thp_cow.name())),
            ("ad", SwitchValue::Word(ad)),
            ("randomizes_layout", SwitchValue::Flag(self.randomizes_layout)),
            ("overcommit", SwitchValue::Word(self.overcommit.name())),
        ]
    }

    /// Returns the switches that differ from the preset that this began as.
    pub fn changed(&self) -> Vec<(&'static str, SwitchValue)> {
        let preset = Self::preset(self.name).map(|preset| preset.switches()).unwrap_or_default();
        self.switches().into_iter().filter(|switch| !preset.contains(switch)).collect()
    }

    /// Tells whether the policy has the mechanism whose events the counter `key` counts. Reports leave out the others.
    pub fn has_counter(&self, key: &str) -> bool {
        match key {
            "pool.hits" | "pool.misses" | "frames.pool" => self.cow_prealloc_frames > 0,
            "faults.table_share"
            | "faults_attr.table_unshared"
            | "fork.ptes_unshared"
            | "fork.pt_frames_shared" => self.fork == ForkMode::Odf,
            "faults_attr.cow_batch_pages" => self.cow_batch_pages > 1,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_found_by_its_name_and_differs_from_itself_in_nothing() {
        for name in MemoryPolicy::PRESETS {
            let preset = MemoryPolicy::preset(name).unwrap();
            assert_eq!((preset.name, preset.changed()), (name, vec![]));
        }
        assert_eq!(MemoryPolicy::preset("Linux"), None);
        let policy = MemoryPolicy { cow_batch_pages: 8, ..MemoryPolicy::TEXTBOOK };
        assert_eq!(policy.changed(), [("cow_batch_pages", SwitchValue::Number(8))]);
        assert!(policy.has_counter("faults_attr.cow_batch_pages") && !policy.has_counter("pool.hits"));
    }
}
