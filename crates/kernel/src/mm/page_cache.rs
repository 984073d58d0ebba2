//! The contents of files and of shared anonymous memory: all of it in guest frames.
//!
//! ```text
//!   inode ─┐                       ┌─ page 0 ─▶ frame ◀─ PTEs of every process that maps it
//!          ├─ holders ─▶ FileId ───┤
//!   VMAs ──┘             (size)    └─ page 7 ─▶ frame        (page 1 to 6: a hole, reads as zeros)
//! ```

use super::commit::Promise;
use super::frames::{FrameKind, Frames, OutOfMemory};
use crate::{FileId, MmId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE, PhysAddr, Ppn, Ram};

/// One file's contents.
#[derive(Clone, Debug)]
pub(super) struct CachedFile {
    size_bytes: u64,
    pub(super) pages: BTreeMap<u64, Ppn>,
    /// Bytes at its beginning that can be read again from where they came.
    pub(super) backed_bytes: u64,
    /// The clusters of pages that calls have used since the clock of reclaim came by.
    pub(super) used: BTreeSet<u64>,
    /// Inodes, and whoever else keeps it.
    holders: u32,
    /// The address spaces that map it, with the number of their areas that do.
    mappers: BTreeMap<MmId, u32>,
    kind: FrameKind,
    /// Pages that were promised when it was made, whether they have a frame or not.
    promised_pages: u64,
    /// Whose limit it counts against.
    pub(super) quota: Option<QuotaId>,
    /// Whether it is a System V segment, each page of which is mapped by a fault of its own: Linux 6.12 ipc/shm.c `shm_vm_ops`
    /// has no `map_pages`.
    pub(super) is_segment: bool,
    /// What its page begins with once somebody touches it: data of the kernel's own.
    kernel_data: Vec<u8>,
}

impl CachedFile {
    /// Makes an empty file that lives in memory and that nobody holds.
    fn empty() -> Self {
        Self {
            size_bytes: 0,
            pages: BTreeMap::new(),
            backed_bytes: 0,
            used: BTreeSet::new(),
            holders: 0,
            mappers: BTreeMap::new(),
            kind: FrameKind::SharedMemory,
            promised_pages: 0,
            quota: None,
            is_segment: false,
            kernel_data: Vec::new(),
        }
    }

    /// Returns how many promised pages have no frame yet.
    fn unfilled_promises(&self) -> u64 {
        self.promised_pages.saturating_sub(self.pages.len() as u64)
    }
}

/// A truncation of a file that is mapped; [`super::Memory::unmap_truncated`] takes it.
#[derive(Debug, Default, PartialEq, Eq)]
#[must_use = "pages beyond the end of a file must leave the mappings too"]
pub struct Truncated {
    /// What was cut off; `None` when nobody maps the file.
    pub(super) cut: Option<Cut>,
}

/// Pages that a file has no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) file: FileId,
    pub(super) pages: Range<u64>,
    /// What becomes of private copies of them.
    pub(super) copies: Copies,
}

/// What becomes of private copies of pages that a file has no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copies {
    /// They go too: the file ends before them.
    Go,
    /// They stay: the file has a hole there.
    Stay,
}

/// What several files share: how many pages they may have together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QuotaId(pub u32);

/// Every file's contents.
#[derive(Clone, Debug, Default)]
pub struct PageCache {
    files: Vec<Option<CachedFile>>,
    unused: Vec<FileId>,
    unfilled_promises: u64,
    /// How many pages the files of each quota may have.
    pub(super) quotas: BTreeMap<QuotaId, u64>,
}

/// One piece of a byte range, within one page of the file.
struct Piece {
    index: u64,
    offset: u64,
    len: usize,
}

/// Cuts a range of bytes at page boundaries.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut at = offset;
    let mut left = len;
    std::iter::from_fn(move || {
        let within = at % PAGE_SIZE;
        let piece =
            Piece { index: at >> PAGE_SHIFT, offset: within, len: left.min((PAGE_SIZE - within) as usize) };
        at += piece.len as u64;
        left -= piece.len;
        (piece.len > 0).then_some(piece)
    })
}

impl PageCache {
    /// Makes an empty file that is nowhere but in memory (tmpfs(5)), with one holder.
    pub fn create(&mut self) -> FileId {
        self.insert(CachedFile { holders: 1, ..CachedFile::empty() })
    }

    /// Makes an empty file that memory only caches, with one holder.
    pub fn create_backed(&mut self) -> FileId {
        self.insert(CachedFile { holders: 1, kind: FrameKind::PageCache, ..CachedFile::empty() })
    }

    /// Makes a page of data of the kernel's own that processes read. It has one holder, and a frame once it is touched.
    pub fn create_kernel_data(&mut self, bytes: Vec<u8>) -> FileId {
        let (size_bytes, kind, kernel_data) = (PAGE_SIZE, FrameKind::KernelData, bytes);
        self.insert(CachedFile { holders: 1, size_bytes, kind, kernel_data, ..CachedFile::empty() })
    }

    /// Changes data of the kernel's own.
    pub fn change_kernel_data(&mut self, ram: &mut Ram, file: FileId, bytes: Vec<u8>) {
        if let Some(page) = self.page(file, 0) {
            ram.write(page.base(), &bytes).expect("frames lie in RAM");
        }
        self.file_mut(file).kernel_data = bytes;
    }

    /// Makes the object behind shared anonymous memory, which one area of `mm` maps.
    pub(super) fn create_shared_memory(&mut self, size_bytes: u64, mm: MmId, promise: Promise) -> FileId {
        let promised_pages = if promise == Promise::Waived { 0 } else { size_bytes.div_ceil(PAGE_SIZE) };
        let mappers = BTreeMap::from([(mm, 1)]);
        self.insert(CachedFile { size_bytes, mappers, promised_pages, ..CachedFile::empty() })
    }

    /// Returns how many pages of shared memory are promised and have no frame yet.
    pub(super) fn unfilled_promises(&self) -> u64 {
        self.unfilled_promises
    }

    /// Makes shared memory that is promised to, and held by, somebody other than an area: a System V segment.
    pub fn create_segment(&mut self, size_bytes: u64) -> FileId {
        let promised_pages = size_bytes.div_ceil(PAGE_SIZE);
        let segment = CachedFile { size_bytes, promised_pages, is_segment: true, ..CachedFile::empty() };
        self.insert(CachedFile { holders: 1, ..segment })
    }

    fn insert(&mut self, file: CachedFile) -> FileId {
        self.unfilled_promises += file.unfilled_promises();
        let id = self.unused.pop().unwrap_or_else(|| {
            self.files.push(None);
            FileId(self.files.len() as u32 - 1)
        });
        self.files[id.0 as usize] = Some(file);
        id
    }

    /// Adds a holder other than an area.
    pub fn hold(&mut self, file: FileId) {
        self.file_mut(file).holders += 1;
    }

    /// Removes a holder; the contents are freed when no other holds them and no area maps them.
    pub fn release(&mut self, ram: &Ram, frames: &mut Frames, file: FileId) {
        self.file_mut(file).holders -= 1;
        self.free_unless_held(ram, frames, file);
    }

    /// Notes that one more area of `mm` maps the file.
    pub(super) fn map(&mut self, file: FileId, mm: MmId) {
        *self.file_mut(file).mappers.entry(mm).or_default() += 1;
    }

    /// Notes that one area less of `mm` maps the file; the contents are freed when nobody holds them.
    pub(super) fn unmap(&mut self, ram: &Ram, frames: &mut Frames, file: FileId, mm: MmId) {
        self.forget_area(file, mm);
        self.free_unless_held(ram, frames, file);
    }

    /// Notes that one area less of `mm` maps the file, where another one does.
    pub(super) fn forget_area(&mut self, file: FileId, mm: MmId) {
        let mappers = &mut self.file_mut(file).mappers;
        if let Some(areas) = mappers.get_mut(&mm) {
            *areas -= 1;
            if *areas == 0 {
                mappers.remove(&mm);
            }
        }
    }

    /// Returns the address spaces that map the file.
    pub(super) fn mappers(&self, file: FileId) -> Vec<MmId> {
        self.file(file).mappers.keys().copied().collect()
    }

    /// Returns how many areas map the file.
    pub fn areas(&self, file: FileId) -> u64 {
        self.file(file).mappers.values().map(|areas| u64::from(*areas)).sum()
    }

    fn free_unless_held(&mut self, ram: &Ram, frames: &mut Frames, file: FileId) {
        let cached = self.file_mut(file);
        if cached.holders == 0 && cached.mappers.is_empty() {
            let unfilled = cached.unfilled_promises();
            for ppn in std::mem::take(&mut cached.pages).into_values() {
                frames.release(ram, ppn);
            }
            self.files[file.0 as usize] = None;
            self.unused.push(file);
            self.unfilled_promises -= unfilled;
        }
    }

    /// Tells whether there is such a file: somebody holds or maps it.
    pub fn exists(&self, file: FileId) -> bool {
        self.files.get(file.0 as usize).is_some_and(Option::is_some)
    }

    /// Returns the size in bytes.
    pub fn size(&self, file: FileId) -> u64 {
        self.file(file).size_bytes
    }

    /// Returns how many frames hold the file's contents.
    pub fn resident_pages(&self, file: FileId) -> u64 {
        self.file(file).pages.len() as u64
    }

    /// Returns how many pages of the file are no holes, here or where they can be read again.
    pub fn occupied_pages(&self, file: FileId) -> u64 {
        let cached = self.file(file);
        let backed = cached.backed_bytes.div_ceil(PAGE_SIZE);
        backed + cached.pages.range(backed..).count() as u64
    }

    /// Sets the size: growing makes a hole; shrinking frees the pages beyond, and zeroes the tail of the last page, so
    /// that growing again shows zeros there (truncate(2)).
    pub fn set_size(
        &mut self,
        ram: &mut Ram,
        frames: &mut Frames,
        file: FileId,
        size_bytes: u64,
    ) -> Truncated {
        let cached = self.file_mut(file);
        let shrinks = size_bytes < cached.size_bytes;
        cached.size_bytes = size_bytes;
        cached.backed_bytes = cached.backed_bytes.min(size_bytes);
        if !shrinks {
            return Truncated::default();
        }
        let tail = (size_bytes % PAGE_SIZE) as usize;
        if let Some(&last) = cached.pages.get(&(size_bytes >> PAGE_SHIFT)).filter(|_| tail > 0) {
            ram.frame_mut(last)[tail..].fill(0);
        }
        let first_gone = size_bytes.div_ceil(PAGE_SIZE);
        for ppn in cached.pages.split_off(&first_gone).into_values() {
            frames.release(ram, ppn);
        }
        let cut = Cut { file, pages: first_gone..u64::MAX, copies: Copies::Go };
        Truncated { cut: (!cached.mappers.is_empty()).then_some(cut) }
    }

    /// Makes a hole: frees the pages that lie in the range of bytes, and zeroes its parts of the pages at both ends
    /// (fallocate(2), `FALLOC_FL_PUNCH_HOLE`).
    pub fn punch_hole(
        &mut self,
        ram: &mut Ram,
        frames: &mut Frames,
        file: FileId,
        range: Range<u64>,
    ) -> Truncated {
        let cached = self.file_mut(file);
        let whole = range.start.div_ceil(PAGE_SIZE)..(range.end / PAGE_SIZE);
        let head = range.start..range.end.min(whole.start * PAGE_SIZE);
        let tail = range.start.max(whole.end * PAGE_SIZE).max(head.end)..range.end;
        for part in [head, tail].into_iter().filter(|part| part.start < part.end) {
            if let Some(&ppn) = cached.pages.get(&(part.start >> PAGE_SHIFT)) {
                let from = (part.start % PAGE_SIZE) as usize;
                ram.frame_mut(ppn)[from..][..(part.end - part.start) as usize].fill(0);
            }
        }
        if whole.is_empty() {
            return Truncated::default();
        }
        let unfilled = cached.unfilled_promises();
        let gone: Vec<u64> = cached.pages.range(whole.clone()).map(|(index, _)| *index).collect();
        for ppn in gone.into_iter().filter_map(|index| cached.pages.remove(&index)) {
            frames.release(ram, ppn);
        }
        let emptied = cached.unfilled_promises() - unfilled;
        let is_mapped = !cached.mappers.is_empty();
        self.unfilled_promises += emptied;
        let cut = Cut { file, pages: whole, copies: Copies::Stay };
        Truncated { cut: is_mapped.then_some(cut) }
    }

    /// Gives each page of a range a frame; the size stays (fallocate(2), `FALLOC_FL_KEEP_SIZE`).
    ///
    /// # Errors
    /// [`OutOfMemory`] when there are not enough frames: none is taken then.
    pub fn allocate(
        &mut self,
        ram: &mut Ram,
        frames: &mut Frames,
        file: FileId,
        pages: Range<u64>,
    ) -> Result<(), OutOfMemory> {
        if pages.end - pages.start > frames.gauges().total {
            return Err(OutOfMemory);
        }
        let missing: Vec<u64> = pages.filter(|index| !self.file(file).pages.contains_key(index)).collect();
        for (done, index) in missing.iter().enumerate() {
            if self.page_or_create(ram, frames, file, *index).is_err() {
                let cached = self.file_mut(file);
                for ppn in missing[..done].iter().filter_map(|index| cached.pages.remove(index)) {
                    frames.release(ram, ppn);
                }
                return Err(OutOfMemory);
            }
        }
        Ok(())
    }

    /// Returns the first byte from `from` on that is in a page which has a frame (lseek(2), `SEEK_DATA`).
    pub fn next_data(&self, file: FileId, from: u64) -> Option<u64> {
        let cached = self.file(file);
        if from < cached.backed_bytes {
            return Some(from);
        }
        let (&index, _) = cached.pages.range(from >> PAGE_SHIFT..).next()?;
        Some(from.max(index << PAGE_SHIFT)).filter(|at| *at < cached.size_bytes)
    }

    /// Returns the first byte from `from` on that is in a page without a frame, or the end (lseek(2), `SEEK_HOLE`).
    pub fn next_hole(&self, file: FileId, from: u64) -> u64 {
        let cached = self.file(file);
        let first = (from >> PAGE_SHIFT).max(cached.backed_bytes.div_ceil(PAGE_SIZE));
        let run = (first..)
            .zip(cached.pages.range(first..))
            .take_while(|(index, (page, _))| index == *page)
            .count();
        let hole = (first + run as u64) << PAGE_SHIFT;
        from.max(hole).min(cached.size_bytes)
    }

    /// Returns the pages that have a frame, each with it.
    pub fn pages_of(&self, file: FileId) -> Vec<(u64, Ppn)> {
        self.file(file).pages.iter().map(|(&index, &ppn)| (index, ppn)).collect()
    }

    /// Returns the frame of a page, when the page has one.
    pub fn page(&self, file: FileId, index: u64) -> Option<Ppn> {
        self.file(file).pages.get(&index).copied()
    }

    /// Returns the frame of a page, which is made of zeros when there was none.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no frame is left, or none that the file may have.
    pub fn page_or_create(
        &mut self,
        ram: &mut Ram,
        frames: &mut Frames,
        file: FileId,
        index: u64,
    ) -> Result<Ppn, OutOfMemory> {
        if let Some(ppn) = self.page(file, index) {
            return Ok(ppn);
        }
        if !self.may_grow(file) {
            return Err(OutOfMemory);
        }
        let cached = self.file_mut(file);
        let ppn = frames.allocate_zeroed(ram, cached.kind)?;
        ram.write(ppn.base(), &cached.kernel_data).expect("frames lie in RAM");
        let unfilled = cached.unfilled_promises();
        cached.pages.insert(index, ppn);
        let filled = unfilled - cached.unfilled_promises();
        self.unfilled_promises -= filled;
        Ok(ppn)
    }

    /// Reads up to `len` bytes at `offset`, fewer at the end of the file. Holes read as zeros.
    pub fn read(&self, ram: &Ram, file: FileId, offset: u64, len: usize) -> Vec<u8> {
        let cached = self.file(file);
        let len = cached.size_bytes.saturating_sub(offset).min(len as u64) as usize;
        let mut bytes = Vec::with_capacity(len);
        for piece in pieces(offset, len) {
            match cached.pages.get(&piece.index) {
                Some(&ppn) => bytes.extend(&ram.frame(ppn)[piece.offset as usize..][..piece.len]),
                None => bytes.resize(bytes.len() + piece.len, 0),
            }
        }
        bytes
    }

    /// Writes `bytes` at `offset`, extending the file, and returns how many were written: fewer than all when memory ran
    /// out part way.
    ///
    /// # Errors
    /// [`OutOfMemory`] when not even the first byte found room.
    pub fn write(
        &mut self,
        ram: &mut Ram,
        frames: &mut Frames,
        file: FileId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<usize, OutOfMemory> {
        let mut done = 0;
        for piece in pieces(offset, bytes.len()) {
            let ppn = match self.page_or_create(ram, frames, file, piece.index) {
                Ok(ppn) => ppn,
                Err(OutOfMemory) if done > 0 => break,
                Err(OutOfMemory) => return Err(OutOfMemory),
            };
            let to: PhysAddr = ppn.base() + piece.offset;
            ram.write(to, &bytes[done..done + piece.len]).expect("the page cache owns the frame");
            done += piece.len;
        }
        let cached = self.file_mut(file);
        if done > 0 {
            cached.size_bytes = cached.size_bytes.max(offset + done as u64);
        }
        Ok(done)
    }

    /// Returns every file.
    pub(super) fn cached(&self) -> impl Iterator<Item = &CachedFile> {
        self.files.iter().flatten()
    }

    /// Returns every cached page: its file, its index and its frame.
    pub fn pages(&self) -> impl Iterator<Item = (FileId, u64, Ppn)> + '_ {
        let files = (0..).map(FileId).zip(&self.files);
        files
            .filter_map(|(id, file)| Some((id, file.as_ref()?)))
            .flat_map(|(id, file)| file.pages.iter().map(move |(&index, &ppn)| (id, index, ppn)))
    }

    /// Returns every file with its number of holders, areas included.
    pub fn holders(&self) -> impl Iterator<Item = (FileId, u32)> + '_ {
        let files = (0..).map(FileId).zip(&self.files).filter_map(|(id, file)| Some((id, file.as_ref()?)));
        files.map(|(id, file)| (id, file.holders + file.mappers.values().sum::<u32>()))
    }

    /// Returns how many areas of each address space map each file, for the checker.
    pub(super) fn mapped_areas(&self) -> BTreeMap<(FileId, MmId), u32> {
        let files = (0..).map(FileId).zip(&self.files).filter_map(|(id, file)| Some((id, file.as_ref()?)));
        files.flat_map(|(id, file)| file.mappers.iter().map(move |(&mm, &areas)| ((id, mm), areas))).collect()
    }

    /// Returns the first file from a number on.
    pub(super) fn file_from(&self, number: u32) -> Option<FileId> {
        let files = self.files.iter().enumerate().skip(number as usize);
        files.into_iter().find(|(_, file)| file.is_some()).map(|(number, _)| FileId(number as u32))
    }

    pub(super) fn file(&self, file: FileId) -> &CachedFile {
        self.files[file.0 as usize].as_ref().expect("a file is cached while it has a holder")
    }

    pub(super) fn file_mut(&mut self, file: FileId) -> &mut CachedFile {
        self.files[file.0 as usize].as_mut().expect("a file is cached while it has a holder")
    }
}
