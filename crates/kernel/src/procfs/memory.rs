//! What `/proc` says of the machine's memory.

use super::PAGE_KIB;
use crate::mm::PageSize;
use crate::{Kernel, MemoryCounters};
use std::fmt::Write;
use tine_mmu::Ram;

impl Kernel {
    /// Composes `meminfo`.
    pub(super) fn meminfo_text(&self, ram: &Ram) -> String {
        let gauges = self.memory.frames().gauges();
        let free = gauges.total - gauges.in_use;
        let (shared, file) = (gauges.shared_memory, gauges.page_cache - gauges.shared_memory);
        // Nothing can be written out: what processes stored and files in memory hold stays.
        let kept = gauges.anon + shared;
        let rows = [
            ("MemTotal", gauges.total),
            ("MemFree", free),
            ("MemAvailable", free + self.memory.clean_pages(ram)),
            ("Buffers", 0),
            ("Cached", gauges.page_cache),
            ("SwapCached", 0),
            ("Active", kept + file),
            ("Inactive", 0),
            ("Active(anon)", kept),
            ("Inactive(anon)", 0),
            ("Active(file)", file),
            ("Inactive(file)", 0),
            ("Unevictable", 0),
            ("Mlocked", 0),
            ("SwapTotal", 0),
            ("SwapFree", 0),
            ("Dirty", 0),
            ("Writeback", 0),
            ("AnonPages", gauges.anon),
            ("Mapped", self.mapped_files()),
            ("Shmem", shared),
            ("KReclaimable", 0),
            ("Slab", 0),
            ("SReclaimable", 0),
            ("SUnreclaim", 0),
            ("PageTables", gauges.page_table),
            ("AnonHugePages", gauges.anon_huge * PageSize::Huge.pages()),
            ("ShmemHugePages", 0),
            ("FileHugePages", 0),
            ("CommitLimit", self.memory.promise_limit_pages()),
            ("Committed_AS", self.memory.promised_pages()),
        ];
        let mut text = String::new();
        for (name, frames) in rows {
            let _ = writeln!(text, "{:<16}{:>8} kB", format!("{name}:"), frames * PAGE_KIB);
        }
        let _ = writeln!(text, "{:<16}{:>8} kB", "Hugepagesize:", PageSize::Huge.pages() * PAGE_KIB);
        text
    }

    /// Composes `buddyinfo`: free blocks of 1, 2, 4, … frames. All RAM is below 4 GiB or counts as if it were.
    pub(super) fn buddyinfo_text(&self) -> String {
        let counts = self.memory.frames().free_blocks().map(|count| format!("{count:>6} "));
        format!("Node 0, zone    DMA32 {}\n", counts.concat())
    }

    /// Composes `vmstat`.
    pub(super) fn vmstat_text(&self) -> String {
        let gauges = self.memory.frames().gauges();
        let mut total = MemoryCounters::default();
        let (given_up, freed) = self.memory.given_up();
        self.harts().iter().for_each(|account| total += account.memory);
        let rows = [
            ("nr_free_pages", gauges.total - gauges.in_use),
            ("nr_anon_pages", gauges.anon),
            ("nr_mapped", self.mapped_files()),
            ("nr_file_pages", gauges.page_cache),
            ("nr_page_table_pages", gauges.page_table),
            ("nr_shmem", gauges.shared_memory),
            ("nr_anon_transparent_hugepages", gauges.anon_huge),
            ("pgpgin", 0),
            ("pgpgout", 0),
            ("pswpin", 0),
            ("pswpout", 0),
            ("pglazyfree", given_up),
            ("pgfault", total.faults),
            ("pgmajfault", total.major),
            ("pglazyfreed", freed),
            ("pgreuse", total.cow_reuse),
            ("thp_fault_alloc", total.thp_fault_alloc),
            ("thp_fault_fallback", total.thp_fault_fallback),
            ("thp_collapse_alloc", total.thp_collapse_alloc),
            ("thp_collapse_alloc_failed", total.thp_collapse_alloc_failed),
            // No huge page is ever cut to pieces that stay in it: its frames go one by one.
            ("thp_split_page", 0),
            ("thp_split_pmd", total.thp_split_pmd),
            ("thp_zero_page_alloc", total.thp_zero_page_alloc),
            ("thp_zero_page_alloc_failed", 0),
            ("pgsteal_file", self.memory.pages_reclaimed()),
            ("oom_kill", self.memory.oom_kills()),
            ("cow_fault", total.cow_faults),
            ("cow_copies", total.pages_copied),
        ];
        let mut text = String::new();
        for (key, value) in rows {
            let _ = writeln!(text, "{key} {value}");
        }
        text
    }

    /// Returns how many frames of files some process maps.
    fn mapped_files(&self) -> u64 {
        let frames = self.memory.frames();
        self.memory.cache().pages().filter(|(_, _, ppn)| frames.maps(*ppn) > 0).count() as u64
    }
}
