//! What stat(2) and statx(2) say of a file, and the bytes in which they say it.

use super::{FileType, Times};

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// `STATX_BASIC_STATS`: what [`Stat::statx_bytes`] always says.
const STATX_BASIC: u32 = 0x7ff;
/// `STATX_BTIME`.
const STATX_BORN: u32 = 0x800;
/// `STATX_MNT_ID`.
const STATX_MOUNT: u32 = 0x1000;
/// `STATX_MNT_ID_UNIQUE`.
const STATX_UNIQUE_MOUNT: u32 = 0x4000;
/// `STATX_ATTR_MOUNT_ROOT`.
const ATTRIBUTE_MOUNT_ROOT: u64 = 0x2000;
/// Numbers of mounts that are never used again are above the others (Linux 6.12 fs/namespace.c `MNT_UNIQUE_ID_OFFSET`).
const UNIQUE_MOUNTS: u64 = 1 << 31;

/// A file's attributes (inode(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device number of the file system.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type of the file.
    pub file_type: FileType,
    /// Permission bits.
    pub permissions: u32,
    /// Number of names.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Owner's group.
    pub gid: u32,
    /// Device number of a device.
    pub rdev: u64,
    /// Length in bytes.
    pub size: u64,
    /// 512-byte blocks in use.
    pub blocks: u64,
    /// When it was used.
    pub times: Times,
}

/// In which mount a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MountPlace {
    /// The number of the mount.
    pub mount: u32,
    /// Whether the file is its root.
    pub is_root: bool,
    /// Whether its file system knows when files were made.
    pub knows_birth: bool,
}

/// Bytes of one structure, written front to back.
struct Layout(Vec<u8>);

impl Layout {
    fn u16(mut self, value: u16) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Seconds and nanoseconds, each of 64 bits.
    fn timespec(self, ns: u64) -> Self {
        self.u64(ns / NANOSECONDS_PER_SECOND).u64(ns % NANOSECONDS_PER_SECOND)
    }

    /// Device number as two 32-bit words.
    fn device(self, dev: u64) -> Self {
        let major = (dev >> 8 & 0xfff) as u32;
        let minor = (dev & 0xff | dev >> 12 & 0xfff_ff00) as u32;
        self.u32(major).u32(minor)
    }
}

impl Stat {
    /// Preferred size of reads and writes, on every file system here.
    pub const BLOCK_SIZE: u32 = 4096;
    /// Size of `struct stat`.
    pub const STAT_SIZE: usize = 128;
    /// Size of `struct statx`.
    pub const STATX_SIZE: usize = 256;

    /// Returns `st_mode`: type and permissions.
    pub const fn mode(&self) -> u32 {
        self.file_type.mode_bits() | self.permissions
    }

    /// Returns a `struct stat` (Linux 6.12 include/uapi/asm-generic/stat.h, which riscv64 uses).
    pub fn stat_bytes(&self) -> [u8; Self::STAT_SIZE] {
        let layout = Layout(Vec::with_capacity(Self::STAT_SIZE))
            .u64(self.dev)
            .u64(self.ino)
            .u32(self.mode())
            .u32(self.nlink)
            .u32(self.uid)
            .u32(self.gid)
            .u64(self.rdev)
            .u64(0)
            .u64(self.size)
            .u32(Self::BLOCK_SIZE)
            .u32(0)
            .u64(self.blocks)
            .timespec(self.times.accessed_ns)
            .timespec(self.times.modified_ns)
            .timespec(self.times.changed_ns);
        padded(layout)
    }

    /// Returns a `struct statx` (statx(2)): of a file's birth only if `wanted` asks, of its mount always.
    pub fn statx_bytes(&self, place: MountPlace, wanted: u32) -> [u8; Self::STATX_SIZE] {
        let is_unique = wanted & STATX_UNIQUE_MOUNT != 0;
        let mut filled = STATX_BASIC | if is_unique { STATX_UNIQUE_MOUNT } else { STATX_MOUNT };
        let mut born_ns = 0;
        if wanted & STATX_BORN != 0 && place.knows_birth {
            (filled, born_ns) = (filled | STATX_BORN, self.times.born_ns);
        }
        let mount = u64::from(place.mount) + if is_unique { UNIQUE_MOUNTS } else { 0 };
        let time = |layout: Layout, ns: u64| {
            layout.u64(ns / NANOSECONDS_PER_SECOND).u32((ns % NANOSECONDS_PER_SECOND) as u32).u32(0)
        };
        let layout = Layout(Vec::with_capacity(Self::STATX_SIZE))
            .u32(filled)
            .u32(Self::BLOCK_SIZE)
            .u64(if place.is_root { ATTRIBUTE_MOUNT_ROOT } else { 0 })
            .u32(self.nlink)
            .u32(self.uid)
            .u32(self.gid)
            .u16(self.mode() as u16)
            .u16(0)
            .u64(self.ino)
            .u64(self.size)
            .u64(self.blocks)
            .u64(ATTRIBUTE_MOUNT_ROOT);
        let times = &self.times;
        let layout = [times.accessed_ns, born_ns, times.changed_ns, times.modified_ns]
            .into_iter()
            .fold(layout, time)
            .device(self.rdev)
            .device(self.dev)
            .u64(mount);
        padded(layout)
    }
}

/// Fills what a structure reserves with zeros.
fn padded<const N: usize>(layout: Layout) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..layout.0.len()].copy_from_slice(&layout.0);
    bytes
}
