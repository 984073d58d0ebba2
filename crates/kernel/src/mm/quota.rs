//! How many pages files may have together: the size of a file system in memory (tmpfs(5); Linux 6.12 mm/shmem.c
//! shmem_inode_acct_blocks).
//!
//! Nothing is counted that could drift: what a quota has used is looked up when somebody wants more.

use super::page_cache::{PageCache, QuotaId};
use crate::FileId;

impl PageCache {
    /// Sets how many pages the files of a quota may have; what they have already stays.
    pub fn limit(&mut self, quota: QuotaId, pages: u64) {
        self.quotas.insert(quota, pages);
    }

    /// Forgets a quota: its files, if there are any left, may grow.
    pub fn lift_limit(&mut self, quota: QuotaId) {
        self.quotas.remove(&quota);
    }

    /// Has a file count against a quota.
    pub fn charge_to(&mut self, file: FileId, quota: QuotaId) {
        self.file_mut(file).quota = Some(quota);
    }

    /// Returns how many pages the files of a quota have.
    pub fn used(&self, quota: QuotaId) -> u64 {
        self.cached().filter(|file| file.quota == Some(quota)).map(|file| file.pages.len() as u64).sum()
    }

    /// Tells whether a file may have one more page.
    pub(super) fn may_grow(&self, file: FileId) -> bool {
        let quota = self.file(file).quota;
        let limit = quota.and_then(|quota| Some((quota, *self.quotas.get(&quota)?)));
        limit.is_none_or(|(quota, limit)| self.used(quota) < limit)
    }

    /// Tells whether a fault can give a file the page, as far as its quota goes.
    pub(super) fn may_have(&self, file: FileId, index: u64) -> bool {
        self.page(file, index).is_some() || self.may_grow(file)
    }
}
