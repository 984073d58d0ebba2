//! What `/proc` says of the machine's memory.

use super::PAGE_KIB;
use super::vmstat::MemoryUse;
use crate::Kernel;
use crate::mm::PageSize;
use std::fmt::Write;
use tine_mmu::Ram;

impl Kernel {
    /// Composes `meminfo`.
    pub(super) fn meminfo_text(&self, ram: &Ram) -> String {
        let gauges = self.memory.frames().gauges();
        let free = gauges.total - gauges.in_use;
        // Nothing can be written out: what processes stored and files in memory hold stays.
        let MemoryUse { anon, file, locked } = self.memory_use(ram);
        let rows = [
            ("MemTotal", gauges.total),
            ("MemFree", free),
            ("MemAvailable", free + self.memory.clean_pages(ram)),
            ("Buffers", 0),
            ("Cached", gauges.page_cache),
            ("SwapCached", 0),
            ("Active", anon + file),
            ("Inactive", 0),
            ("Active(anon)", anon),
            ("Inactive(anon)", 0),
            ("Active(file)", file),
            ("Inactive(file)", 0),
            ("Unevictable", locked),
            ("Mlocked", locked),
            ("SwapTotal", 0),
            ("SwapFree", 0),
            ("Zswap", 0),
            ("Zswapped", 0),
            ("Dirty", 0),
            ("Writeback", 0),
            ("AnonPages", gauges.anon),
            ("Mapped", self.mapped_files()),
            ("Shmem", gauges.shared_memory),
            // The supervisor is native: what it keeps is not in the machine's memory.
            ("KReclaimable", 0),
            ("Slab", 0),
            ("SReclaimable", 0),
            ("SUnreclaim", 0),
            ("KernelStack", 0),
            ("PageTables", gauges.page_table),
            ("SecPageTables", 0),
            ("NFS_Unstable", 0),
            ("Bounce", 0),
            ("WritebackTmp", 0),
            ("CommitLimit", self.memory.promise_limit_pages()),
            ("Committed_AS", self.memory.promised_pages()),
            ("VmallocTotal", 0),
            ("VmallocUsed", 0),
            ("VmallocChunk", 0),
            ("Percpu", 0),
            ("AnonHugePages", gauges.anon_huge * PageSize::Huge.pages()),
            ("ShmemHugePages", 0),
            ("ShmemPmdMapped", 0),
            ("FileHugePages", 0),
            ("FilePmdMapped", 0),
        ];
        let mut text = String::new();
        let mut line = |name: &str, frames: u64| {
            let _ = writeln!(text, "{:<16}{:>8} kB", format!("{name}:"), frames * PAGE_KIB);
        };
        rows.into_iter().for_each(|(name, frames)| line(name, frames));
        line("Hugepagesize", PageSize::Huge.pages());
        line("Hugetlb", 0);
        // Huge pages that were reserved beforehand, and stand before their size.
        let reserved = ["Total", "Free", "Rsvd", "Surp"].map(|name| format!("HugePages_{name}:{:>8}\n", 0));
        let size_at = text.find("Hugepagesize").unwrap_or(text.len());
        text.insert_str(size_at, &reserved.concat());
        text
    }

    /// Composes `buddyinfo`: free blocks of 1, 2, 4, … frames. All RAM is below 4 GiB or counts as if it were.
    pub(super) fn buddyinfo_text(&self) -> String {
        let counts = self.memory.frames().free_blocks().map(|count| format!("{count:>6} "));
        format!("Node 0, zone    DMA32 {}\n", counts.concat())
    }
}
