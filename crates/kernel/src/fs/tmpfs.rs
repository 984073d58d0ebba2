//! How much a file system in memory holds, where a program said so when it mounted it (tmpfs(5); Linux 6.12 mm/shmem.c).
//!
//! One that was mounted without a size holds what the machine's memory does.

use super::mount::MountId;
use super::statfs::StatFs;
use super::{Env, Fs, InodeId, InodeKind, PERMISSION_BITS};
use crate::Errno;
use crate::mm::QuotaId;
use std::fmt;
use tine_mmu::PAGE_SIZE;

/// The options of a tmpfs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TmpfsOptions {
    pub(super) permissions: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The pages that its files may have, 0 for any number; `None` where nothing was asked.
    max_pages: Option<u64>,
    /// The names that there may be, its root one of them, 0 for any number; `None` where nothing was asked.
    max_names: Option<u64>,
}

impl TmpfsOptions {
    const PERMISSIONS: u32 = 0o1777;

    /// Returns the options of who asks for none.
    pub(super) const fn usual() -> Self {
        Self { permissions: Self::PERMISSIONS, uid: 0, gid: 0, max_pages: None, max_names: None }
    }

    /// Reads `name=value,…`, where memory has `total_pages`.
    ///
    /// # Errors
    /// `EINVAL`.
    pub(super) fn parse(text: &[u8], total_pages: u64) -> Result<Self, Errno> {
        let mut options = Self::usual();
        let text = std::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').ok_or(Errno::EINVAL)?;
            let number = |radix| u32::from_str_radix(value, radix).map_err(|_| Errno::EINVAL);
            match name {
                "mode" => options.permissions = number(8)? & PERMISSION_BITS,
                "uid" => options.uid = number(10)?,
                "gid" => options.gid = number(10)?,
                "size" => {
                    let bytes = match value.strip_suffix('%') {
                        Some(percent) => {
                            let of_pages = amount(percent)?.checked_mul(total_pages).ok_or(Errno::EINVAL)?;
                            (of_pages / 100).checked_mul(PAGE_SIZE).ok_or(Errno::EINVAL)?
                        }
                        None => amount(value)?,
                    };
                    options.max_pages = Some(bytes.div_ceil(PAGE_SIZE));
                }
                "nr_blocks" => options.max_pages = Some(amount(value)?),
                "nr_inodes" => options.max_names = Some(amount(value)?),
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }
}

/// Reads a number with `k`, `m`, `g`, `t`, `p` or `e` behind it (`memparse`).
fn amount(text: &str) -> Result<u64, Errno> {
    const UNITS: &str = "kmgtpe";
    let unit = text.chars().last().and_then(|unit| UNITS.find(unit.to_ascii_lowercase()));
    let digits = if unit.is_some() { &text[..text.len() - 1] } else { text };
    if !digits.starts_with(|digit: char| digit.is_ascii_digit()) {
        return Err(Errno::EINVAL);
    }
    let number: u64 = digits.parse().map_err(|_| Errno::EINVAL)?;
    number.checked_mul(unit.map_or(1, |unit| 1 << (10 * (unit + 1)))).ok_or(Errno::EINVAL)
}

impl fmt::Display for TmpfsOptions {
    /// Writes what differs from the usual, as `/proc/mounts` has it (`shmem_show_options`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pages) = self.max_pages {
            write!(f, ",size={}k", pages.saturating_mul(PAGE_SIZE >> 10))?;
        }
        if let Some(names) = self.max_names {
            write!(f, ",nr_inodes={names}")?;
        }
        if self.permissions != Self::PERMISSIONS {
            write!(f, ",mode={:03o}", self.permissions)?;
        }
        for (name, value) in
            [("uid", self.uid), ("gid", self.gid)].into_iter().filter(|(_, value)| *value != 0)
        {
            write!(f, ",{name}={value}")?;
        }
        Ok(())
    }
}

impl MountId {
    /// Returns the quota of the files in it.
    pub(super) const fn quota(self) -> QuotaId {
        QuotaId(self.number())
    }
}

impl Fs {
    /// Sets what a mount holds.
    pub(super) fn limit_mount(&mut self, env: &mut Env<'_>, id: MountId, options: TmpfsOptions) {
        self.mounts[id].options = options;
        match options.max_pages {
            None | Some(0) => env.cache.lift_limit(id.quota()),
            Some(pages) => env.cache.limit(id.quota(), pages),
        }
    }

    /// Changes what a mount holds, as far as that is asked for (`shmem_reconfigure`).
    ///
    /// # Errors
    /// `EINVAL` for less than it holds, and for a limit where there was none.
    pub(super) fn change_limits(
        &mut self,
        env: &mut Env<'_>,
        id: MountId,
        asked: &TmpfsOptions,
    ) -> Result<(), Errno> {
        let mut options = self.mounts[id].options;
        let held = [env.cache.used(id.quota()), self.names_in(id)];
        let limits = [(&mut options.max_pages, asked.max_pages), (&mut options.max_names, asked.max_names)];
        for ((limit, asked), held) in limits.into_iter().zip(held) {
            let Some(asked) = asked else { continue };
            if asked > 0 && (*limit == Some(0) || asked < held) {
                return Err(Errno::EINVAL);
            }
            *limit = Some(asked);
        }
        self.limit_mount(env, id, options);
        Ok(())
    }

    /// Returns how many names there are in a mount, its root being one.
    fn names_in(&self, id: MountId) -> u64 {
        let inside = self.inodes.iter().filter(|(_, inode)| inode.mount == Some(id));
        inside.map(|(_, inode)| inode.links.len().max(1) as u64).sum()
    }

    /// Checks that there may be one more name in a directory's file system.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub(super) fn check_mount_room(&self, directory: InodeId) -> Result<(), Errno> {
        let Some(id) = self.inodes[directory].mount else { return Ok(()) };
        let limit = self.mounts[id].options.max_names.filter(|limit| *limit > 0);
        if limit.is_none_or(|limit| self.names_in(id) < limit) { Ok(()) } else { Err(Errno::ENOSPC) }
    }

    /// Has a file count against what its mount holds.
    pub(super) fn charge_mount(&self, env: &mut Env<'_>, inode: InodeId) {
        let file = &self.inodes[inode];
        if let (InodeKind::Regular(contents), Some(id)) = (&file.kind, file.mount)
            && self.mounts[id].is_guests
        {
            env.cache.charge_to(*contents, id.quota());
        }
    }

    /// Changes the figures of a file system to what it was mounted to hold.
    pub(super) fn limit_figures(&self, env: &Env<'_>, id: MountId, figures: &mut StatFs) {
        let options = &self.mounts[id].options;
        if let Some(pages) = options.max_pages {
            figures.blocks = pages;
            figures.free_blocks = pages.saturating_sub(env.cache.used(id.quota()));
        }
        if let Some(names) = options.max_names {
            figures.files = names;
            figures.free_files = names.saturating_sub(self.names_in(id));
        }
    }
}
