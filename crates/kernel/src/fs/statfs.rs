//! What statfs(2) says of a file system, and the bytes in which it says it.

use super::path::NAME_MAX;
use super::stat::Stat;
use super::{Env, Fs, MountFlags, MountKind, Node, Writes};

/// Magic numbers of the file systems (Linux 6.12 include/uapi/linux/magic.h).
const TMPFS_MAGIC: u64 = 0x0102_1994;
const PROC_MAGIC: u64 = 0x9fa0;
const DEVPTS_MAGIC: u64 = 0x1cd1;
const MQUEUE_MAGIC: u64 = 0x1980_0202;
const OVERLAYFS_MAGIC: u64 = 0x794c_7630;
const V9FS_MAGIC: u64 = 0x0102_1997;
const SYSFS_MAGIC: u64 = 0x6265_6572;
const PIPEFS_MAGIC: u64 = 0x5049_5045;

/// `ST_VALID | ST_NOATIME`.
const FLAGS: u64 = 0x20 | 0x400;

/// A file system's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatFs {
    /// Which kind of file system it is.
    pub magic: u64,
    /// Pages that it may fill.
    pub blocks: u64,
    /// Pages that are free.
    pub free_blocks: u64,
    /// Names that it may hold.
    pub files: u64,
    /// Names that it may hold still.
    pub free_files: u64,
    /// What is forbidden in it.
    pub flags: MountFlags,
}

impl StatFs {
    /// Size of `struct statfs`.
    pub const SIZE: usize = 120;

    /// Returns a `struct statfs` (Linux 6.12 include/uapi/asm-generic/statfs.h).
    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let block = u64::from(Stat::BLOCK_SIZE);
        let fsid = 0;
        let words = [
            self.magic,
            block,
            self.blocks,
            self.free_blocks,
            self.free_blocks,
            self.files,
            self.free_files,
            fsid,
            NAME_MAX as u64,
            block,
            FLAGS | self.flags.bits(),
        ];
        let mut bytes = [0; Self::SIZE];
        for (word, to) in words.iter().zip(bytes.chunks_exact_mut(8)) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

impl Fs {
    /// Returns the figures of the file system that a file is in.
    pub fn statfs(&self, env: &Env<'_>, node: Node) -> StatFs {
        let flags = self.mount_flags(node);
        let without_figures =
            |magic| StatFs { magic, blocks: 0, free_blocks: 0, files: 0, free_files: 0, flags };
        match node {
            Node::Proc(place) => without_figures(if place.is_in_sysfs() { SYSFS_MAGIC } else { PROC_MAGIC }),
            Node::Inode(inode) if self.inodes[inode].is_in_no_tree() => without_figures(PIPEFS_MAGIC),
            Node::Inode(_) => {
                let gauges = env.frames.gauges();
                let files = Self::max_names(env) + self.given_names;
                let mount = self.mount_of(node);
                let kind = mount.map(|id| self.mounts[id].kind);
                let mut figures = StatFs {
                    flags,
                    magic: match kind {
                        Some(MountKind::Devpts) => DEVPTS_MAGIC,
                        Some(MountKind::Mqueue) => MQUEUE_MAGIC,
                        Some(MountKind::Granted(_, Writes::InMemory)) => OVERLAYFS_MAGIC,
                        Some(MountKind::Granted(_, Writes::Through)) => V9FS_MAGIC,
                        _ => TMPFS_MAGIC,
                    },
                    blocks: gauges.total,
                    free_blocks: gauges.total - gauges.in_use,
                    files,
                    free_files: files.saturating_sub(self.names),
                };
                if let Some(id) = mount {
                    self.limit_figures(env, id, &mut figures);
                }
                figures
            }
        }
    }
}
