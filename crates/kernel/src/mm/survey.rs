//! What an address space maps, page by page, for those who only look (`/proc/<pid>/smaps`, `pagemap`, reports).

use super::frames::FrameKind;
use super::lock::Lock;
use super::page_table;
use super::{AreaRole, Backing, FileMapping, Memory, PageSize, Prot, Sharing, TASK_END, Vma};
use crate::{FileId, MmId};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE, Ppn, Pte, PteFlags, Ram, VirtAddr, Vpn};

/// `AT_PHDR` of the auxiliary vector: where the program's own headers are (getauxval(3)).
const AT_PHDR: u64 = 3;

/// A page that is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPage {
    /// The page.
    pub vpn: Vpn,
    /// Its frame.
    pub ppn: Ppn,
    /// What the frame is used for.
    pub kind: FrameKind,
    /// How many PTEs map the frame, each as often as address spaces share its table.
    pub maps: u32,
    /// The flags of the PTE.
    pub flags: PteFlags,
    /// The size of the page that it is, or is part of.
    pub size: PageSize,
    /// Whether the frame holds what is nowhere else.
    pub is_dirty: bool,
}

impl Memory {
    /// Tells whether what a page holds would have to be kept somewhere if its frame were taken. Memory that files live in is
    /// nowhere else.
    fn is_dirty(&self, ram: &Ram, pte: Pte) -> bool {
        match self.frames.kind(pte.ppn()) {
            FrameKind::SharedMemory => true,
            FrameKind::PageCache => self.frames.is_dirty(ram, pte.ppn()),
            _ => pte.has(PteFlags::D),
        }
    }

    /// Returns the frames that areas with locked pages map. Nothing is touched or counted.
    pub fn locked_frames(&self, ram: &Ram) -> BTreeSet<Ppn> {
        let spaces = self.spaces.iter().map(|(mm, space)| (mm, space.vmas.iter()));
        let locked = spaces.flat_map(|(mm, areas)| {
            areas.filter(|vma| vma.lock != Lock::Unlocked).map(move |vma| (mm, vma.start..vma.end))
        });
        let pages = locked.flat_map(|(mm, range)| self.mapped_pages(ram, mm, range));
        pages.filter(|page| page.kind != FrameKind::Zero).map(|page| page.ppn).collect()
    }

    /// Returns the pages of a range that are mapped, in rising order. Nothing is touched or counted.
    pub fn mapped_pages(&self, ram: &Ram, mm: MmId, range: Range<Vpn>) -> Vec<MappedPage> {
        let range = range.start.min(TASK_END)..range.end.min(TASK_END);
        let leaves = self.spaces.get(mm).table.leaves(ram, range.clone());
        let slots = leaves.iter().flat_map(|leaf| leaf.populated(ram));
        let pages = slots.flat_map(|(slot, pte)| {
            let part = slot.vpn.max(range.start).0..slot.pages().end.min(range.end).0;
            part.map(move |vpn| (Vpn(vpn), page_table::piece(pte, vpn - slot.vpn.0), slot.size))
        });
        pages
            .map(|(vpn, pte, size)| MappedPage {
                vpn,
                ppn: pte.ppn(),
                kind: self.frames.kind(pte.ppn()),
                maps: match size {
                    PageSize::Base => self.frames.mappings(pte.ppn()),
                    PageSize::Huge => self.frames.maps(pte.ppn()),
                },
                flags: pte.flags(),
                size,
                is_dirty: self.is_dirty(ram, pte),
            })
            .collect()
    }
}

/// An area, or the part of one that is a heap, and what of it is mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SurveyedArea {
    /// Its pages.
    pub range: Range<Vpn>,
    /// What the process may do there.
    pub prot: Prot,
    /// Whether stores are seen by others.
    pub sharing: Sharing,
    /// What its first byte belongs to.
    pub place: Option<Place>,
    /// The pages that are mapped, in rising order.
    pub pages: Vec<MappedPage>,
}

impl Memory {
    /// Returns every area of an address space with what is mapped there, in rising order; none where there is no such space.
    pub fn survey(&self, ram: &Ram, mm: MmId) -> Vec<SurveyedArea> {
        let Some(space) = self.spaces.find(mm) else { return Vec::new() };
        let heap = space.layout.start_brk.vpn();
        // A heap that grew behind a `.bss` is one area with it.
        let parts = |vma: &Vma| match vma.start < heap && heap < vma.end && vma.backing == Backing::Anonymous
        {
            true => vec![vma.start..heap, heap..vma.end],
            false => vec![vma.start..vma.end],
        };
        let surveyed = |(vma, range): (&Vma, Range<Vpn>)| SurveyedArea {
            prot: vma.prot,
            sharing: vma.sharing,
            place: self.place(mm, range.start.base()),
            pages: self.mapped_pages(ram, mm, range.clone()),
            range,
        };
        space
            .vmas
            .iter()
            .flat_map(|vma| parts(vma).into_iter().map(move |range| (vma, range)))
            .map(surveyed)
            .collect()
    }
}

/// What an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The role of its area.
    pub area: AreaRole,
    /// The file behind it, or the one that the memory before it maps: a program's `.bss` follows its `.data`.
    pub file: Option<FilePlace>,
}

/// A byte of a mapped file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// The contents.
    pub file: FileId,
    /// The path, as `/proc/<pid>/maps` prints it.
    pub name: Arc<str>,
    /// The position in the file; past what is mapped of it, where the memory behind goes on.
    pub offset: u64,
    /// Whether the memory is the file's mapping itself, and not what follows it.
    pub is_mapped: bool,
    /// The position in the file that the mapping begins with.
    pub mapping_offset: u64,
}

impl Memory {
    /// Returns what an address belongs to; `None` where no area is, or no such address space.
    pub fn place(&self, mm: MmId, at: VirtAddr) -> Option<Place> {
        let space = self.spaces.find(mm)?;
        let vma = space.vmas.find(at.vpn())?;
        let area = match space.role(vma) {
            // The part of the area that was there before the heap.
            AreaRole::Heap if at < space.layout.start_brk => AreaRole::Other,
            role => role,
        };
        let before = |vma: &Vma| space.vmas.last_below(vma.start).filter(|below| below.end == vma.start);
        let file = match (&vma.backing, area) {
            (Backing::File(mapping), _) => Some(FilePlace::of(vma, mapping, at, true)),
            (Backing::Anonymous, AreaRole::Other) => before(vma).and_then(|below| match &below.backing {
                Backing::File(mapping) => Some(FilePlace::of(below, mapping, at, false)),
                Backing::Anonymous => None,
            }),
            (Backing::Anonymous, _) => None,
        };
        Some(Place { area, file })
    }

    /// Returns the file of the program that an address space runs, as opposed to its libraries.
    pub fn program_file(&self, mm: MmId) -> Option<FileId> {
        let words = &self.spaces.find(mm)?.auxv;
        let headers = words.chunks_exact(2).find(|pair| pair[0] == AT_PHDR)?[1];
        Some(self.place(mm, VirtAddr(headers))?.file?.file)
    }

    /// Tells whether there is such an address space still.
    pub fn exists(&self, mm: MmId) -> bool {
        self.spaces.find(mm).is_some()
    }

    /// Returns the contents of a file as the guest has them now; `None` when there is no such file any more, or when it is
    /// mostly holes: those are no program, and may be larger than the host's memory.
    pub fn file_bytes(&self, ram: &Ram, file: FileId) -> Option<Vec<u8>> {
        let is_solid = || self.cache.size(file) >> PAGE_SHIFT <= 2 * self.cache.resident_pages(file);
        (self.cache.exists(file) && is_solid()).then(|| self.cache.read(ram, file, 0, usize::MAX))
    }

    /// Returns the first bytes of a file, by which a changed one is told from what it was.
    pub fn file_head(&self, ram: &Ram, file: FileId) -> Option<Vec<u8>> {
        self.cache.exists(file).then(|| self.cache.read(ram, file, 0, PAGE_SIZE as usize))
    }
}

impl FilePlace {
    fn of(vma: &Vma, mapping: &FileMapping, at: VirtAddr, is_mapped: bool) -> Self {
        let mapping_offset = mapping.first_page << PAGE_SHIFT;
        let offset = mapping_offset + (at.0 - vma.start.base().0);
        Self { file: mapping.file, name: Arc::clone(&mapping.name), offset, is_mapped, mapping_offset }
    }
}
