//! What the kernel counts. Every number's meaning is fixed by the doc line here; the keys are a public interface.

use std::ops::AddAssign;

/// Declares a group of counters: the struct, its sum and its rows, from one list.
macro_rules! counters {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* $field:ident: $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            /// Returns every counter with its key, in the order of the report.
            pub fn rows(&self) -> Vec<(&'static str, u64)> {
                vec![$(($key, self.$field)),*]
            }
        }

        impl AddAssign<&Self> for $name {
            fn add_assign(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

/// What a resolved page fault was: decided by what the slot held and what was done. Each resolved fault has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// A read of nothing mapped the shared zero page.
    ZeroPage,
    /// A write to nothing mapped a fresh zeroed frame.
    DemandZero,
    /// A write to the shared zero page got a fresh zeroed frame.
    ZeroPageWrite,
    /// A read of a private file mapping mapped the page cache.
    FileRead,
    /// A write to nothing in a private file mapping got its own copy at once.
    FileWritePrivate,
    /// A shared mapping was filled, or made writable.
    Shared,
    /// A write to a page with other owners got a copy.
    CowCopy,
    /// A write to a page whose other owners are gone made it writable again.
    CowReuse,
    /// A read of nothing mapped the shared huge page of zeros.
    HugeZero,
    /// A write to nothing, or to the huge page of zeros, mapped a fresh zeroed huge page.
    HugeDemandZero,
    /// A write to a huge page with other owners, or of zeros, split it and copied a base page of it.
    HugeSplit,
    /// A write to a huge page with other owners got a copy of the whole.
    HugeCopy,
    /// A write to a huge page whose other owners are gone made it writable again.
    HugeReuse,
    /// An accessed or dirty bit was set by the supervisor (Svade).
    AccessFlag,
    /// A page table that fork had put out of reach became reachable again, and no more was needed (on-demand fork).
    TableShare,
    /// The page table already allowed the access.
    Spurious,
}

impl FaultKind {
    /// Returns the name that traces print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ZeroPage => "zero_page",
            Self::DemandZero => "demand_zero",
            Self::ZeroPageWrite => "zero_page_write",
            Self::FileRead => "file_read",
            Self::FileWritePrivate => "file_write_private",
            Self::Shared => "shared",
            Self::CowCopy => "cow_copy",
            Self::CowReuse => "cow_reuse",
            Self::HugeZero => "huge_zero",
            Self::HugeDemandZero => "huge_demand_zero",
            Self::HugeSplit => "huge_split",
            Self::HugeCopy => "huge_copy",
            Self::HugeReuse => "huge_reuse",
            Self::AccessFlag => "access_flag",
            Self::TableShare => "table_share",
            Self::Spurious => "spurious",
        }
    }
}

counters! {
    /// What happened to one process's memory.
    pub struct MemoryCounters {
        /// Resolved faults: Linux's `ru_minflt + ru_majflt`.
        faults: "faults.total",
        /// See [`FaultKind::ZeroPage`].
        zero_page: "faults.zero_page",
        /// See [`FaultKind::DemandZero`].
        demand_zero: "faults.demand_zero",
        /// See [`FaultKind::ZeroPageWrite`].
        zero_page_write: "faults.zero_page_write",
        /// See [`FaultKind::FileRead`].
        file_read: "faults.file_read",
        /// See [`FaultKind::FileWritePrivate`].
        file_write_private: "faults.file_write_private",
        /// See [`FaultKind::Shared`].
        shared: "faults.shared",
        /// See [`FaultKind::CowCopy`].
        cow_copy: "faults.cow_copy",
        /// See [`FaultKind::CowReuse`].
        cow_reuse: "faults.cow_reuse",
        /// See [`FaultKind::HugeZero`].
        huge_zero: "faults.huge_zero",
        /// See [`FaultKind::HugeDemandZero`].
        huge_demand_zero: "faults.huge_demand_zero",
        /// See [`FaultKind::HugeSplit`].
        huge_split: "faults.huge_split",
        /// See [`FaultKind::HugeCopy`].
        huge_copy: "faults.huge_copy",
        /// See [`FaultKind::HugeReuse`].
        huge_reuse: "faults.huge_reuse",
        /// See [`FaultKind::AccessFlag`].
        access_flag: "faults.access_flag",
        /// See [`FaultKind::TableShare`].
        table_share: "faults.table_share",
        /// See [`FaultKind::Spurious`].
        spurious: "faults.spurious",
        /// Faults that grew the stack's area (also counted under their kind).
        stack_growth: "faults_attr.stack_growth",
        /// Pages mapped beside the one that was asked for.
        fault_around_pages: "faults_attr.fault_around_pages",
        /// Shared pages copied beside the one that was stored to.
        cow_batch_pages: "faults_attr.cow_batch_pages",
        /// Faults that first got the process a page table of its own.
        table_unshared: "faults_attr.table_unshared",
        /// Faults taken by the supervisor: system-call copies, populated pages, exec's argument copy.
        by_supervisor: "faults_attr.supervisor",
        /// Faults that had to wait until a page of a file was read (`ru_majflt`).
        major: "faults_attr.major",
        /// Faults that became SIGSEGV with SEGV_MAPERR.
        segv_maperr: "failed_faults.segv_maperr",
        /// Faults that became SIGSEGV with SEGV_ACCERR.
        segv_accerr: "failed_faults.segv_accerr",
        /// Faults that became SIGBUS.
        bus: "failed_faults.bus",
        /// Faults for which no frame was left.
        oom: "failed_faults.oom",
        /// Write-protect faults on private pages: copies and reuses.
        cow_faults: "cow.faults",
        /// Frames copied, by a fault or by an eager fork.
        pages_copied: "cow.pages_copied",
        /// Bytes in those frames.
        bytes_copied: "cow.bytes_copied",
        /// Frames made writable again because their owner was the last.
        pages_reused: "cow.pages_reused",
        /// PTEs that fork write-protected.
        pages_write_protected: "cow.pages_write_protected",
        /// Pages copied eagerly or in a batch whose two frames were still equal when the first of them was freed.
        copied_in_vain: "cow.copied_in_vain",
        /// Huge pages that faults made, copies among them.
        thp_fault_alloc: "thp.fault_alloc",
        /// Faults that wanted a huge page and got a base page, because no block of frames was large enough.
        thp_fault_fallback: "thp.fault_fallback",
        /// Huge leaves split into PTEs, for whatever reason.
        thp_split_pmd: "thp.split_pmd",
        /// Huge pages of zeros made: one at most.
        thp_zero_page_alloc: "thp.zero_page_alloc",
        /// Huge pages that `MADV_COLLAPSE` made of base pages.
        thp_collapse_alloc: "thp.collapse_alloc",
        /// Times that `MADV_COLLAPSE` found no block of frames that was large enough.
        thp_collapse_alloc_failed: "thp.collapse_alloc_failed",
        /// Copies that a fault made into a frame of the pool.
        pool_hits: "pool.hits",
        /// Copies that a fault made while the pool was empty.
        pool_misses: "pool.misses",
        /// `fork` calls that succeeded.
        forks: "fork.fork",
        /// `vfork` calls that succeeded.
        vforks: "fork.vfork",
        /// Threads made.
        threads: "fork.thread",
        /// PTEs that fork copied into the child's page table.
        ptes_copied: "fork.ptes_copied",
        /// PTEs copied since, when a page table that fork had shared was unshared.
        ptes_unshared: "fork.ptes_unshared",
        /// Page-table frames that fork allocated for the child.
        pt_frames_allocated: "fork.pt_frames_allocated",
        /// Page-table frames that fork shared with the child.
        pt_frames_shared: "fork.pt_frames_shared",
    }
}

impl MemoryCounters {
    /// Counts one resolved fault under its kind.
    pub fn record(&mut self, kind: FaultKind) {
        self.faults += 1;
        let counter = match kind {
            FaultKind::ZeroPage => &mut self.zero_page,
            FaultKind::DemandZero => &mut self.demand_zero,
            FaultKind::ZeroPageWrite => &mut self.zero_page_write,
            FaultKind::FileRead => &mut self.file_read,
            FaultKind::FileWritePrivate => &mut self.file_write_private,
            FaultKind::Shared => &mut self.shared,
            FaultKind::CowCopy => &mut self.cow_copy,
            FaultKind::CowReuse => &mut self.cow_reuse,
            FaultKind::HugeZero => &mut self.huge_zero,
            FaultKind::HugeDemandZero => &mut self.huge_demand_zero,
            FaultKind::HugeSplit => &mut self.huge_split,
            FaultKind::HugeCopy => &mut self.huge_copy,
            FaultKind::HugeReuse => &mut self.huge_reuse,
            FaultKind::AccessFlag => &mut self.access_flag,
            FaultKind::TableShare => &mut self.table_share,
            FaultKind::Spurious => &mut self.spurious,
        };
        *counter += 1;
    }

    /// Tells whether the kinds sum to the total, as they must.
    pub fn kinds_sum_to_total(&self) -> bool {
        let kinds =
            self.rows().into_iter().filter(|(key, _)| key.starts_with("faults.") && *key != "faults.total");
        kinds.map(|(_, count)| count).sum::<u64>() == self.faults
    }
}
