//! What statfs(2) says of a file system, and the bytes in which it says it.

use super::flags::FileType;
use super::path::NAME_MAX;
use super::stat::Stat;
use super::{Env, Fs, Node};

/// Magic numbers of the file systems (Linux 6.12 include/uapi/linux/magic.h).
const TMPFS_MAGIC: u64 = 0x0102_1994;
const PROC_MAGIC: u64 = 0x9fa0;
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
}

impl StatFs {
    /// Size of `struct statfs`.
    pub const SIZE: usize = 120;

    /// Returns a `struct statfs` (Linux 6.12 include/uapi/asm-generic/statfs.h). Inodes are not limited, which a tmpfs
    /// without a limit shows as 0.
    pub fn bytes(&self) -> [u8; Self::SIZE] {
        let block = u64::from(Stat::BLOCK_SIZE);
        let words = [
            self.magic,
            block,
            self.blocks,
            self.free_blocks,
            self.free_blocks,
            0,
            0,
            0,
            NAME_MAX as u64,
            block,
            FLAGS,
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
        match node {
            Node::Inode(_) if self.file_type(node) != FileType::Fifo => {
                let gauges = env.frames.gauges();
                StatFs { magic: TMPFS_MAGIC, blocks: gauges.total, free_blocks: gauges.total - gauges.in_use }
            }
            Node::Inode(_) => StatFs { magic: PIPEFS_MAGIC, blocks: 0, free_blocks: 0 },
            Node::Proc(_) => StatFs { magic: PROC_MAGIC, blocks: 0, free_blocks: 0 },
        }
    }
}
