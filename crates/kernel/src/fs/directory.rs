//! Directories: names in the order of a sorted map for look-up, and in the order of creation for listing.
//!
//! Every name gets a cookie when it is made and keeps it, so that a listing goes on where it stopped however the directory
//! changes in between (Linux 6.12 fs/libfs.c simple_offset).

use super::InodeId;
use std::collections::BTreeMap;

/// Cookies of `.` and `..` are 0 and 1; names begin here.
const FIRST_COOKIE: u64 = 2;

/// Bytes that tmpfs says a name takes (Linux 6.12 mm/shmem.c BOGO_DIRENT_SIZE).
const BYTES_PER_NAME: u64 = 20;

#[derive(Clone, Copy, Debug)]
struct Entry {
    cookie: u64,
    inode: InodeId,
}

/// Names and the inodes that they lead to.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// The directory above; the root's is itself. A directory holds its parent.
    pub(super) parent: InodeId,
    entries: BTreeMap<Vec<u8>, Entry>,
    listing: BTreeMap<u64, Vec<u8>>,
    next_cookie: u64,
    subdirectories: u32,
    /// Whether it was removed: nothing can be made in it any more.
    pub(super) is_removed: bool,
}

impl Directory {
    /// Makes an empty directory.
    pub(super) const fn new(parent: InodeId) -> Self {
        Self {
            parent,
            entries: BTreeMap::new(),
            listing: BTreeMap::new(),
            next_cookie: FIRST_COOKIE,
            subdirectories: 0,
            is_removed: false,
        }
    }

    /// Returns where `name` leads.
    pub(super) fn get(&self, name: &[u8]) -> Option<InodeId> {
        self.entries.get(name).map(|entry| entry.inode)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns `st_size`; `.` and `..` are names too.
    pub(super) fn size(&self) -> u64 {
        (2 + self.entries.len() as u64) * BYTES_PER_NAME
    }

    /// Returns `st_nlink`.
    pub(super) const fn link_count(&self) -> u32 {
        if self.is_removed { 0 } else { 2 + self.subdirectories }
    }

    /// Adds a name that is not there yet.
    pub(super) fn insert(&mut self, name: &[u8], inode: InodeId, is_directory: bool) {
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.entries.insert(name.to_vec(), Entry { cookie, inode });
        self.listing.insert(cookie, name.to_vec());
        self.subdirectories += u32::from(is_directory);
    }

    /// Removes a name.
    pub(super) fn remove(&mut self, name: &[u8], is_directory: bool) {
        if let Some(entry) = self.entries.remove(name) {
            self.listing.remove(&entry.cookie);
            self.subdirectories -= u32::from(is_directory);
        }
    }

    /// Lists the names whose cookie is at least `cookie`: cookie, name, inode.
    pub(super) fn list_from(&self, cookie: u64) -> impl Iterator<Item = (u64, &[u8], InodeId)> {
        self.listing
            .range(cookie..)
            .map(|(cookie, name)| (*cookie, name.as_slice(), self.entries[name].inode))
    }
}
