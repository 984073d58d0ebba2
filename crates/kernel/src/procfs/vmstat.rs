//! `/proc/vmstat`: the lines of Linux 6.12 (mm/vmstat.c `vmstat_text`), and two more about copy-on-write.

use crate::mm::FrameKind;
use crate::{Kernel, MemoryCounters};
use std::fmt::Write;
use tine_mmu::Ram;

/// The lines, in their order. Zones but one, swap, compaction, merged pages, several nodes and a daemon that reclaims are not
/// there: their lines are 0, as they are on a Linux that has them and never used them.
#[rustfmt::skip]
const LINES: [&str; 178] = [
    "nr_free_pages", "nr_zone_inactive_anon", "nr_zone_active_anon", "nr_zone_inactive_file",
    "nr_zone_active_file", "nr_zone_unevictable", "nr_zone_write_pending", "nr_mlock", "nr_bounce",
    "nr_zspages", "nr_free_cma", "numa_hit", "numa_miss", "numa_foreign", "numa_interleave", "numa_local",
    "numa_other", "nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file", "nr_unevictable",
    "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_isolated_anon", "nr_isolated_file", "workingset_nodes",
    "workingset_refault_anon", "workingset_refault_file", "workingset_activate_anon",
    "workingset_activate_file", "workingset_restore_anon", "workingset_restore_file", "workingset_nodereclaim",
    "nr_anon_pages", "nr_mapped", "nr_file_pages", "nr_dirty", "nr_writeback", "nr_writeback_temp", "nr_shmem",
    "nr_shmem_hugepages", "nr_shmem_pmdmapped", "nr_file_hugepages", "nr_file_pmdmapped",
    "nr_anon_transparent_hugepages", "nr_vmscan_write", "nr_vmscan_immediate_reclaim", "nr_dirtied",
    "nr_written", "nr_throttled_written", "nr_kernel_misc_reclaimable", "nr_foll_pin_acquired",
    "nr_foll_pin_released", "nr_kernel_stack", "nr_page_table_pages", "nr_sec_page_table_pages",
    "nr_iommu_pages", "nr_swapcached", "pgpromote_success", "pgpromote_candidate", "pgdemote_kswapd",
    "pgdemote_direct", "pgdemote_khugepaged", "nr_dirty_threshold", "nr_dirty_background_threshold",
    "nr_memmap_pages", "nr_memmap_boot_pages", "pgpgin", "pgpgout", "pswpin", "pswpout", "pgalloc_dma32",
    "pgalloc_normal", "pgalloc_movable", "pgalloc_device", "allocstall_dma32", "allocstall_normal",
    "allocstall_movable", "allocstall_device", "pgskip_dma32", "pgskip_normal", "pgskip_movable",
    "pgskip_device", "pgfree", "pgactivate", "pgdeactivate", "pglazyfree", "pgfault", "pgmajfault",
    "pglazyfreed", "pgrefill", "pgreuse", "pgsteal_kswapd", "pgsteal_direct", "pgsteal_khugepaged",
    "pgscan_kswapd", "pgscan_direct", "pgscan_khugepaged", "pgscan_direct_throttle", "pgscan_anon",
    "pgscan_file", "pgsteal_anon", "pgsteal_file", "zone_reclaim_success", "zone_reclaim_failed",
    "pginodesteal", "slabs_scanned", "kswapd_inodesteal", "kswapd_low_wmark_hit_quickly",
    "kswapd_high_wmark_hit_quickly", "pageoutrun", "pgrotated", "drop_pagecache", "drop_slab", "oom_kill",
    "numa_pte_updates", "numa_huge_pte_updates", "numa_hint_faults", "numa_hint_faults_local",
    "numa_pages_migrated", "pgmigrate_success", "pgmigrate_fail", "thp_migration_success",
    "thp_migration_fail", "thp_migration_split", "compact_migrate_scanned", "compact_free_scanned",
    "compact_isolated", "compact_stall", "compact_fail", "compact_success", "compact_daemon_wake",
    "compact_daemon_migrate_scanned", "compact_daemon_free_scanned", "htlb_buddy_alloc_success",
    "htlb_buddy_alloc_fail", "unevictable_pgs_culled", "unevictable_pgs_scanned", "unevictable_pgs_rescued",
    "unevictable_pgs_mlocked", "unevictable_pgs_munlocked", "unevictable_pgs_cleared",
    "unevictable_pgs_stranded", "thp_fault_alloc", "thp_fault_fallback", "thp_fault_fallback_charge",
    "thp_collapse_alloc", "thp_collapse_alloc_failed", "thp_file_alloc", "thp_file_fallback",
    "thp_file_fallback_charge", "thp_file_mapped", "thp_split_page", "thp_split_page_failed",
    "thp_deferred_split_page", "thp_underused_split_page", "thp_split_pmd", "thp_scan_exceed_none_pte",
    "thp_scan_exceed_swap_pte", "thp_scan_exceed_share_pte", "thp_zero_page_alloc",
    "thp_zero_page_alloc_failed", "thp_swpout", "thp_swpout_fallback", "balloon_inflate", "balloon_deflate",
    "balloon_migrate", "swap_ra", "swap_ra_hit", "swpin_zero", "swpout_zero", "ksm_swpin_copy", "cow_ksm",
    "zswpin", "zswpout", "zswpwb", "nr_unstable",
];

impl Kernel {
    /// Composes `vmstat`.
    pub(super) fn vmstat_text(&self, ram: &Ram) -> String {
        let gauges = self.memory.frames().gauges();
        let mut total = MemoryCounters::default();
        self.harts().iter().for_each(|account| total += &account.memory);
        let lazy = self.memory.given_up();
        let locked = self.memory.locked_frames(ram);
        let use_of = self.memory_use(ram);
        let value = |line: &str| match line {
            "nr_free_pages" => gauges.total - gauges.in_use,
            "nr_active_anon" | "nr_zone_active_anon" => use_of.anon,
            "nr_active_file" | "nr_zone_active_file" => use_of.file,
            "nr_unevictable" | "nr_zone_unevictable" | "nr_mlock" => locked.len() as u64,
            "nr_anon_pages" => gauges.anon,
            "nr_mapped" => self.mapped_files(),
            "nr_file_pages" => gauges.page_cache,
            "nr_shmem" => gauges.shared_memory,
            "nr_anon_transparent_hugepages" => gauges.anon_huge,
            "nr_page_table_pages" => gauges.page_table,
            // One node has all there is.
            "pgalloc_dma32" | "numa_hit" | "numa_local" => gauges.allocated,
            "pgfree" => gauges.allocated - gauges.in_use,
            "pglazyfree" => lazy.given_up,
            "pglazyfreed" | "pgsteal_anon" => lazy.freed,
            "pgfault" => total.faults,
            "pgmajfault" => total.major,
            "pgreuse" => total.cow_reuse,
            "pgsteal_direct" => self.memory.pages_reclaimed(),
            "pgsteal_file" => self.memory.pages_reclaimed() - lazy.freed,
            "drop_pagecache" => self.memory.cache_drops(),
            "oom_kill" => self.memory.oom_kills(),
            "thp_fault_alloc" => total.thp_fault_alloc,
            "thp_fault_fallback" => total.thp_fault_fallback,
            "thp_collapse_alloc" => total.thp_collapse_alloc,
            "thp_collapse_alloc_failed" => total.thp_collapse_alloc_failed,
            "thp_split_page" => lazy.dissolved,
            "thp_split_pmd" => total.thp_split_pmd,
            "thp_zero_page_alloc" => total.thp_zero_page_alloc,
            _ => 0,
        };
        let mut text = String::new();
        for line in LINES {
            let _ = writeln!(text, "{line} {}", value(line));
        }
        let _ = writeln!(text, "cow_fault {}\ncow_copies {}", total.cow_faults, total.pages_copied);
        text
    }

    /// Returns how many frames of files some process maps.
    pub(super) fn mapped_files(&self) -> u64 {
        let frames = self.memory.frames();
        self.memory.cache().pages().filter(|(_, _, ppn)| frames.maps(*ppn) > 0).count() as u64
    }

    /// Returns what could leave memory, were there a place for it (`Active` of `/proc/meminfo`): locked pages could not.
    pub(super) fn memory_use(&self, ram: &Ram) -> MemoryUse {
        let gauges = self.memory.frames().gauges();
        let locked = self.memory.locked_frames(ram);
        let locked_files =
            locked.iter().filter(|ppn| self.memory.frames().kind(**ppn) == FrameKind::PageCache).count()
                as u64;
        MemoryUse {
            anon: gauges.anon + gauges.shared_memory - (locked.len() as u64 - locked_files),
            file: gauges.page_cache - gauges.shared_memory - locked_files,
            locked: locked.len() as u64,
        }
    }
}

/// Frames by what would have to be done with what they hold.
pub(super) struct MemoryUse {
    /// Private pages and files in memory: they would have to be kept somewhere.
    pub(super) anon: u64,
    /// Pages of files: they can be read again, or written back.
    pub(super) file: u64,
    /// Pages that must stay.
    pub(super) locked: u64,
}
