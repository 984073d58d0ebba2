//! Pages of files that can be read again from where they came: which are missing, which may leave.

use super::frames::{Frames, OutOfMemory};
use super::page_cache::PageCache;
use super::reclaim::{CLUSTER_PAGES, Hand};
use crate::FileId;
use std::ops::Range;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE, Ram};

impl PageCache {
    /// Notes that the first bytes of a file can be read again: a page of them without a frame is no hole.
    pub fn set_backed(&mut self, file: FileId, bytes: u64) {
        self.file_mut(file).backed_bytes = bytes;
    }

    /// Returns how many bytes of a file can be read again.
    pub fn backed_bytes(&self, file: FileId) -> u64 {
        self.file(file).backed_bytes
    }

    /// Returns the first pages of a range that have no frame and must be read before anybody may use them.
    pub fn missing(&self, file: FileId, pages: Range<u64>) -> Option<Range<u64>> {
        let cached = self.file(file);
        let end = pages.end.min(cached.backed_bytes.div_ceil(PAGE_SIZE));
        let start = (pages.start..end).find(|page| !cached.pages.contains_key(page))?;
        let next = cached.pages.range(start..end).next().map_or(end, |(page, _)| *page);
        Some(start..next)
    }

    /// Gives pages without a frame what was read for them; what is stored in others stays. The last page ends in zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`] when no frame is left. What precedes it is filled.
    pub fn fill(
        &mut self,
        ram: &mut Ram,
        frames: &mut Frames,
        file: FileId,
        first_page: u64,
        bytes: &[u8],
    ) -> Result<(), OutOfMemory> {
        for (page, contents) in (first_page..).zip(bytes.chunks(PAGE_SIZE as usize)) {
            if self.page(file, page).is_none() {
                let ppn = self.page_or_create(ram, frames, file, page)?;
                ram.frame_mut(ppn)[..contents.len()].copy_from_slice(contents);
            }
        }
        Ok(())
    }

    /// Notes that pages were used, so that they stay when the clock comes by.
    pub fn note_use(&mut self, file: FileId, bytes: Range<u64>) {
        let cached = self.file_mut(file);
        let end = bytes.end.min(cached.backed_bytes);
        if bytes.start < end {
            let clusters =
                (bytes.start >> PAGE_SHIFT) / CLUSTER_PAGES..=((end - 1) >> PAGE_SHIFT) / CLUSTER_PAGES;
            cached.used.extend(clusters.map(|cluster| cluster * CLUSTER_PAGES));
        }
    }

    /// Notes that pages were stored to by a call: they are nowhere else.
    pub fn mark_written(&self, frames: &mut Frames, file: FileId, bytes: Range<u64>) {
        let pages = bytes.start >> PAGE_SHIFT..bytes.end.div_ceil(PAGE_SIZE);
        self.file(file).pages.range(pages).for_each(|(_, ppn)| frames.mark_dirty(*ppn));
    }

    /// Tells whether a cluster was used by a call since this was asked last.
    pub(super) fn take_used(&mut self, file: FileId, cluster: u64) -> bool {
        self.file_mut(file).used.remove(&cluster)
    }

    /// Returns the pages of a range whose frames hold nothing that could not be read again.
    pub(super) fn clean_pages(
        &self,
        ram: &Ram,
        frames: &Frames,
        file: FileId,
        pages: Range<u64>,
    ) -> Vec<u64> {
        let cached = self.file(file);
        let end = pages.end.min(cached.backed_bytes.div_ceil(PAGE_SIZE));
        let here = cached.pages.range(pages.start..end.max(pages.start));
        here.filter(|(_, ppn)| !frames.is_dirty(ram, **ppn)).map(|(page, _)| *page).collect()
    }

    /// Takes the frames of pages that nobody maps, and returns how many.
    pub(super) fn evict(&mut self, ram: &Ram, frames: &mut Frames, file: FileId, pages: &[u64]) -> u64 {
        let cached = self.file_mut(file);
        let gone: Vec<_> = pages.iter().filter_map(|page| cached.pages.remove(page)).collect();
        gone.iter().for_each(|ppn| frames.release(ram, *ppn));
        gone.len() as u64
    }

    /// Moves the hand to the next cluster that has pages which could be read again; `None` when it has come to the end and
    /// begins anew.
    pub(super) fn next_cluster(&self, hand: &mut Hand) -> Option<(FileId, Range<u64>)> {
        while let Some(file) = self.file_from(hand.file) {
            if file.0 != hand.file {
                *hand = Hand { file: file.0, page: 0 };
            }
            if let Some(page) = self.next_backed_page(file, hand.page) {
                let first = page / CLUSTER_PAGES * CLUSTER_PAGES;
                hand.page = first + CLUSTER_PAGES;
                return Some((file, first..first + CLUSTER_PAGES));
            }
            *hand = Hand { file: file.0 + 1, page: 0 };
        }
        *hand = Hand::default();
        None
    }

    fn next_backed_page(&self, file: FileId, from: u64) -> Option<u64> {
        let cached = self.file(file);
        let end = cached.backed_bytes.div_ceil(PAGE_SIZE);
        cached.pages.range(from..end.max(from)).next().map(|(page, _)| *page)
    }
}
