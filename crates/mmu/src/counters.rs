//! What the MMU counts. Each field is one key of the report; `MmuCounters::rows` says which.

use std::ops::AddAssign;

/// Declares a struct of plain counts with the `+=` that adds another one field by field.
macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)*
            }
        }
    };
}

counts! {
    /// Look-ups of one kind.
    LookupCounters {
        /// Translations asked for.
        lookups: u64,
        /// Those for which there was no entry.
        misses: u64,
    }
}

counts! {
    /// Look-ups for data. AMO and SC count as stores, LR as a load.
    DataCounters {
        /// Translations for a load.
        loads: u64,
        /// Those for which there was no entry.
        load_misses: u64,
        /// Translations for a store.
        stores: u64,
        /// Those for which there was no entry.
        store_misses: u64,
    }
}

counts! {
    /// SFENCE.VMA by scope.
    FenceCounters {
        /// Fences of everything.
        all: u64,
        /// Fences of one address space.
        asid: u64,
        /// Fences of one page, in one address space or all.
        page: u64,
        /// Other harts that had to be told of a fence on this one.
        remote: u64,
    }
}

counts! {
    /// Everything that an MMU counts.
    MmuCounters {
        /// Look-ups for instructions.
        itlb: LookupCounters,
        /// Look-ups for the program's data.
        dtlb: DataCounters,
        /// Look-ups for data that the supervisor copies on a process's behalf.
        supervisor: DataCounters,
        /// First-level misses that asked the second level.
        l2: LookupCounters,
        /// Page-table walks started.
        walks: u64,
        /// PTEs read by walks.
        walk_reads: u64,
        /// PTEs whose accessed or dirty bit a walk set.
        ad_updates: u64,
        /// Valid entries that a fill displaced, in any level.
        evictions: u64,
        /// Valid entries that a fence removed, in any level.
        flushed_entries: u64,
        /// Fences executed.
        sfence: FenceCounters,
    }
}

impl MmuCounters {
    /// Takes the counts and leaves zeros, so that they can be added to whoever they belong to.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Returns every count with its key in the report, in the order in which reports print them.
    pub const fn rows(&self) -> [(&'static str, u64); 21] {
        [
            ("tlb.itlb.lookups", self.itlb.lookups),
            ("tlb.itlb.misses", self.itlb.misses),
            ("tlb.dtlb.loads", self.dtlb.loads),
            ("tlb.dtlb.load_misses", self.dtlb.load_misses),
            ("tlb.dtlb.stores", self.dtlb.stores),
            ("tlb.dtlb.store_misses", self.dtlb.store_misses),
            ("tlb.supervisor.loads", self.supervisor.loads),
            ("tlb.supervisor.load_misses", self.supervisor.load_misses),
            ("tlb.supervisor.stores", self.supervisor.stores),
            ("tlb.supervisor.store_misses", self.supervisor.store_misses),
            ("tlb.l2.lookups", self.l2.lookups),
            ("tlb.l2.misses", self.l2.misses),
            ("tlb.walks", self.walks),
            ("tlb.walk_reads", self.walk_reads),
            ("tlb.ad_updates", self.ad_updates),
            ("tlb.evictions", self.evictions),
            ("tlb.flushed_entries", self.flushed_entries),
            ("sfence.all", self.sfence.all),
            ("sfence.asid", self.sfence.asid),
            ("sfence.page", self.sfence.page),
            ("sfence.remote", self.sfence.remote),
        ]
    }

    /// Returns how many first-level look-ups found no entry.
    pub const fn first_level_misses(&self) -> u64 {
        self.itlb.misses
            + self.dtlb.load_misses
            + self.dtlb.store_misses
            + self.supervisor.load_misses
            + self.supervisor.store_misses
    }
}
