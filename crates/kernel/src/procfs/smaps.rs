//! `/proc/<pid>/smaps`, `smaps_rollup` and `pagemap`: what is mapped, page by page (Linux 6.12 fs/proc/task_mmu.c).

use super::PAGE_KIB;
use crate::ctx::Ctx;
use crate::mm::{
    FrameKind, Hints, HugeAdvice, Lock, MappedPage, OnFork, PageSize, Promise, Prot, Sharing, TASK_END, Vma,
};
use crate::task::Process;
use crate::{Errno, Kernel, Pid};
use std::fmt::Write;
use std::ops::AddAssign;
use tine_mmu::{PteFlags, Ram, Vpn};

/// Shares of a page are counted in these, so that the pages of many processes add up (`PSS_SHIFT`).
const PSS_SHIFT: u32 = 12;

/// The figures of an area, or of all (`struct mem_size_stats`). In pages, shares in parts of one.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    resident: u64,
    share: u64,
    share_dirty: u64,
    share_anon: u64,
    share_file: u64,
    share_shared_memory: u64,
    shared_clean: u64,
    shared_dirty: u64,
    private_clean: u64,
    private_dirty: u64,
    referenced: u64,
    anonymous: u64,
    anonymous_huge: u64,
    /// Private pages without a store since `MADV_FREE`.
    given_up: u64,
    share_locked: u64,
}

impl Sizes {
    fn add(&mut self, page: &MappedPage) {
        if page.kind == FrameKind::KernelData {
            return;
        }
        let share = (1 << PSS_SHIFT) / u64::from(page.maps.max(1));
        self.resident += 1;
        self.share += share;
        match page.kind {
            FrameKind::Anon => {
                self.anonymous += 1;
                self.anonymous_huge += u64::from(page.size == PageSize::Huge);
                self.share_anon += share;
                self.given_up += u64::from(!page.is_dirty);
            }
            FrameKind::SharedMemory => self.share_shared_memory += share,
            _ => self.share_file += share,
        }
        self.referenced += u64::from(page.flags.contains(PteFlags::A));
        if page.is_dirty {
            self.share_dirty += share;
        }
        let pages = match (page.maps > 1, page.is_dirty) {
            (true, true) => &mut self.shared_dirty,
            (true, false) => &mut self.shared_clean,
            (false, true) => &mut self.private_dirty,
            (false, false) => &mut self.private_clean,
        };
        *pages += 1;
    }
}

impl AddAssign for Sizes {
    fn add_assign(&mut self, other: Self) {
        self.resident += other.resident;
        self.share += other.share;
        self.share_dirty += other.share_dirty;
        self.share_anon += other.share_anon;
        self.share_file += other.share_file;
        self.share_shared_memory += other.share_shared_memory;
        self.shared_clean += other.shared_clean;
        self.shared_dirty += other.shared_dirty;
        self.private_clean += other.private_clean;
        self.private_dirty += other.private_dirty;
        self.referenced += other.referenced;
        self.anonymous += other.anonymous;
        self.anonymous_huge += other.anonymous_huge;
        self.share_locked += other.share_locked;
    }
}

fn line(text: &mut String, name: &str, kib: u64) {
    let _ = writeln!(text, "{:<16}{kib:>8} kB", format!("{name}:"));
}

/// Writes the figures; those by kind of page only for the whole (`__show_smap`).
fn show(text: &mut String, sizes: &Sizes, whole: bool) {
    let pages = |pages: u64| pages * PAGE_KIB;
    let share = |share: u64| (share * PAGE_KIB) >> PSS_SHIFT;
    line(text, "Rss", pages(sizes.resident));
    line(text, "Pss", share(sizes.share));
    line(text, "Pss_Dirty", share(sizes.share_dirty));
    if whole {
        line(text, "Pss_Anon", share(sizes.share_anon));
        line(text, "Pss_File", share(sizes.share_file));
        line(text, "Pss_Shmem", share(sizes.share_shared_memory));
    }
    line(text, "Shared_Clean", pages(sizes.shared_clean));
    line(text, "Shared_Dirty", pages(sizes.shared_dirty));
    line(text, "Private_Clean", pages(sizes.private_clean));
    line(text, "Private_Dirty", pages(sizes.private_dirty));
    line(text, "Referenced", pages(sizes.referenced));
    line(text, "Anonymous", pages(sizes.anonymous));
    // Pages are not merged.
    line(text, "KSM", 0);
    line(text, "LazyFree", pages(sizes.given_up));
    line(text, "AnonHugePages", pages(sizes.anonymous_huge));
    for name in ["ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb"] {
        line(text, name, 0);
    }
    for name in ["Private_Hugetlb", "Swap", "SwapPss"] {
        line(text, name, 0);
    }
    line(text, "Locked", share(sizes.share_locked));
}

/// Returns the two-letter names of an area's flags (`show_smap_vma_flags`).
fn flags(vma: &Vma) -> String {
    let shared = vma.sharing == Sharing::Shared;
    let names = [
        (vma.prot.contains(Prot::READ), "rd"),
        (vma.prot.contains(Prot::WRITE), "wr"),
        (vma.prot.contains(Prot::EXEC), "ex"),
        // A file that cannot be written through the mapping need not look out for stores (mmap.c `do_mmap`).
        (shared && vma.may.contains(Prot::WRITE), "sh"),
        (vma.may.contains(Prot::READ), "mr"),
        (vma.may.contains(Prot::WRITE), "mw"),
        (vma.may.contains(Prot::EXEC), "me"),
        (shared, "ms"),
        (vma.grows_down, "gd"),
        (vma.is_raw_frames(), "pf"),
        (vma.lock != Lock::Unlocked, "lo"),
        (vma.hints.contains(Hints::SEQUENTIAL), "sr"),
        (vma.hints.contains(Hints::RANDOM), "rr"),
        (vma.on_fork == OnFork::Omit, "dc"),
        (vma.is_special(), "de"),
        (vma.lock == Lock::OnFault, "lf"),
        (vma.promise == Promise::Counted, "ac"),
        (vma.promise == Promise::Waived, "nr"),
        (vma.on_fork == OnFork::Wipe, "wf"),
        (vma.hints.contains(Hints::NO_DUMP), "dd"),
        (vma.huge == HugeAdvice::Wanted, "hg"),
        (vma.huge == HugeAdvice::Refused, "nh"),
        (vma.hints.contains(Hints::MERGEABLE), "mg"),
    ];
    names.iter().filter(|(holds, _)| *holds).map(|(_, name)| format!("{name} ")).collect()
}

impl Kernel {
    fn sizes(&self, ram: &Ram, process: &Process, vma: &Vma) -> Sizes {
        let mut sizes = Sizes::default();
        let Some(mm) = process.mm else { return sizes };
        // The page of zeros is nobody's: it counts nowhere.
        let pages = self.memory.mapped_pages(ram, mm, vma.start..vma.end);
        pages.iter().filter(|page| page.kind != FrameKind::Zero).for_each(|page| sizes.add(page));
        if vma.lock != Lock::Unlocked {
            sizes.share_locked = sizes.share;
        }
        sizes
    }

    /// Composes `smaps`.
    pub(super) fn smaps_text(&self, ram: &Ram, process: &Process) -> String {
        let Some(mm) = process.mm else { return String::new() };
        let mut text = String::new();
        for vma in self.memory.maps(mm) {
            self.write_area(&mut text, mm, vma);
            line(&mut text, "Size", vma.pages() * PAGE_KIB);
            line(&mut text, "KernelPageSize", PAGE_KIB);
            line(&mut text, "MMUPageSize", PAGE_KIB);
            show(&mut text, &self.sizes(ram, process, vma), false);
            let eligible = u8::from(self.memory.is_huge_eligible(mm, vma));
            let _ = writeln!(text, "{:<16}{eligible:>8}", "THPeligible:");
            let _ = writeln!(text, "VmFlags: {}", flags(vma));
        }
        text
    }

    /// Composes `smaps_rollup`.
    pub(super) fn smaps_rollup_text(&self, ram: &Ram, process: &Process) -> String {
        let Some(mm) = process.mm else { return String::new() };
        let mut sizes = Sizes::default();
        for vma in self.memory.maps(mm) {
            sizes += self.sizes(ram, process, vma);
        }
        let mut areas = self.memory.maps(mm);
        let start = areas.next().map_or(0, |vma| vma.start.base().0);
        let end = areas.last().map_or(start, |vma| vma.end.base().0);
        let head = format!("{start:08x}-{end:08x} ---p 00000000 00:00 0 ");
        let mut text = format!("{head:<73}[rollup]\n");
        show(&mut text, &sizes, true);
        text
    }
}

impl Ctx<'_> {
    /// Returns words about a process's pages, 8 bytes for each, from an offset on (Linux 6.12
    /// Documentation/admin-guide/mm/pagemap.rst).
    ///
    /// # Errors
    /// `EINVAL` for what is no multiple of 8 bytes.
    pub(crate) fn pagemap(&mut self, pid: Pid, offset: u64, len: usize) -> Result<Vec<u8>, Errno> {
        const WORD: u64 = 8;
        const PRESENT: u64 = 1 << 63;
        const FILE_OR_SHARED: u64 = 1 << 61;
        const EXCLUSIVE: u64 = 1 << 56;
        if !offset.is_multiple_of(WORD) || !(len as u64).is_multiple_of(WORD) {
            return Err(Errno::EINVAL);
        }
        let Some(mm) = self.kernel.tasks.process(pid).and_then(|process| process.mm) else {
            return Ok(Vec::new());
        };
        let start = Vpn(offset / WORD).min(TASK_END);
        let end = Vpn((offset / WORD).saturating_add(len as u64 / WORD)).min(TASK_END);
        let mut words = vec![0_u64; (end.0 - start.0) as usize];
        let pages = self.kernel.memory.mapped_pages(self.harts.ram(), mm, start..end);
        for page in pages.into_iter().filter(|page| page.kind != FrameKind::KernelData) {
            let mut word = PRESENT | page.ppn.0;
            match page.kind {
                FrameKind::PageCache | FrameKind::SharedMemory => word |= FILE_OR_SHARED,
                _ => {}
            }
            if page.maps == 1 && page.kind != FrameKind::Zero {
                word |= EXCLUSIVE;
            }
            words[(page.vpn.0 - start.0) as usize] = word;
        }
        Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }
}
