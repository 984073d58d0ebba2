//! The argument types of calls about files whose meaning depends on another argument.

use super::Arguments;
use super::args::{Arg, UserValue};
use super::show::{Bytes, Element, Hex, Shower, When, follow, follow_filled, show_flags};
use super::types::{OpenArg, SignalArg, Whence, choice, flag_set};
use tine_mmu::VirtAddr;

/// `struct flock` (Linux 6.12 include/uapi/asm-generic/fcntl.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flock {
    /// `F_RDLCK`, `F_WRLCK` or `F_UNLCK`.
    pub kind: i16,
    /// From where `start` counts: `SEEK_SET`, `SEEK_CUR` or `SEEK_END`.
    pub whence: i16,
    /// Where the range begins.
    pub start: i64,
    /// How long it is: 0 is to the end, less than 0 is before `start`.
    pub len: i64,
    /// Who holds it.
    pub pid: i32,
}

impl Flock {
    pub(super) const F_RDLCK: i16 = 0;
    pub(super) const F_WRLCK: i16 = 1;
    pub(super) const F_UNLCK: i16 = 2;
}

impl UserValue for Flock {
    const SIZE: usize = 32;

    fn from_bytes(bytes: &[u8]) -> Self {
        let [kinds, start, len, pid] = <[u64; 4]>::from_bytes(bytes);
        Self {
            kind: kinds as i16,
            whence: (kinds >> 16) as i16,
            start: start as i64,
            len: len as i64,
            pid: pid as i32,
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let kinds = u64::from(self.kind as u16) | u64::from(self.whence as u16) << 16;
        [kinds, self.start as u64, self.len as u64, u64::from(self.pid as u32)].to_bytes()
    }
}

/// What `fcntl` is given beside the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FcntlArg(pub u64);

impl Arg for FcntlArg {
    fn when(arguments: &Arguments) -> When {
        let command = FcntlCommand(arguments[1] as u32);
        if command.reports_lock() || command == FcntlCommand::GETOWN_EX {
            When::ExitIfAny
        } else {
            When::Entry
        }
    }

    fn from_register(raw: u64) -> Self {
        Self(raw)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let command = FcntlCommand(shower.arguments[1] as u32);
        match command {
            FcntlCommand::GETFD
            | FcntlCommand::GETFL
            | FcntlCommand::GETOWN
            | FcntlCommand::GETSIG
            | FcntlCommand::GETLEASE
            | FcntlCommand::GETPIPE_SZ
            | FcntlCommand::GET_SEALS => String::new(),
            FcntlCommand::DUPFD
            | FcntlCommand::DUPFD_CLOEXEC
            | FcntlCommand::DUPFD_QUERY
            | FcntlCommand::SETPIPE_SZ
            | FcntlCommand::SETOWN => (raw as i32).to_string(),
            FcntlCommand::SETFD => FdFlags::show(raw, shower),
            FcntlCommand::SETFL => OpenArg::show(raw, shower),
            FcntlCommand::SETSIG => SignalArg::show(raw, shower),
            FcntlCommand::SETOWN_EX => follow::<Owner>(raw, shower),
            FcntlCommand::GETOWN_EX => follow_filled::<Owner>(raw, shower),
            FcntlCommand::ADD_SEALS => SealArg::show(raw, shower),
            FcntlCommand::SETLEASE => LockType::show(raw, shower),
            FcntlCommand::NOTIFY => show_flags(raw, "0", &NOTICES),
            _ if command.reports_lock() => follow_filled::<FoundLock>(raw, shower),
            _ if command.takes_lock() => follow::<Flock>(raw, shower),
            _ => Hex::show(raw, shower),
        }
    }
}

/// `DN_*` of F_NOTIFY.
const NOTICES: [(u32, &str); 7] = [
    (0x1, "DN_ACCESS"),
    (0x2, "DN_MODIFY"),
    (0x4, "DN_CREATE"),
    (0x8, "DN_DELETE"),
    (0x10, "DN_RENAME"),
    (0x20, "DN_ATTRIB"),
    (0x8000_0000, "DN_MULTISHOT"),
];

/// Prints what fcntl returns: some commands return flags.
pub(super) fn show_fcntl_result(value: u64, shower: &mut Shower<'_>) -> String {
    let named = match FcntlCommand(shower.arguments[1] as u32) {
        FcntlCommand::GETFD if value != 0 => format!("flags {}", FdFlags::show(value, shower)),
        FcntlCommand::GETFL => format!("flags {}", OpenArg::show(value, shower)),
        FcntlCommand::GET_SEALS if value != 0 => format!("seals {}", SealArg::show(value, shower)),
        FcntlCommand::GETLEASE => LockType::show(value, shower),
        FcntlCommand::GETSIG if value != 0 => return super::show::results::signal(value, shower),
        _ => return (value as i64).to_string(),
    };
    format!("{} ({named})", Hex::show(value, shower))
}

impl Element for Flock {
    const BYTES: usize = Self::SIZE;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let Self { kind, whence, start, len, .. } = Self::from_bytes(bytes.0);
        let kind = LockType::show(kind as u64, shower);
        let whence = Whence::show(whence as u64, shower);
        format!("{{l_type={kind}, l_whence={whence}, l_start={start}, l_len={len}}}")
    }
}

/// A lock that F_GETLK has found.
struct FoundLock;

impl Element for FoundLock {
    const BYTES: usize = Flock::SIZE;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let lock = bytes.part::<Flock>(0, shower);
        let pid = Flock::from_bytes(bytes.0).pid;
        format!("{}, l_pid={pid}}}", lock.trim_end_matches('}'))
    }
}

/// A `struct f_owner_ex`.
struct Owner;

impl Element for Owner {
    const BYTES: usize = 8;

    fn show(bytes: Bytes<'_>, _: &mut Shower<'_>) -> String {
        let kind = match bytes.u32(0) {
            0 => "F_OWNER_TID".to_owned(),
            1 => "F_OWNER_PID".to_owned(),
            2 => "F_OWNER_PGRP".to_owned(),
            other => format!("{other:#x} /* F_OWNER_??? */"),
        };
        format!("{{type={kind}, pid={}}}", bytes.i32(4))
    }
}

impl FcntlCommand {
    /// Tells whether the argument is a `struct flock`.
    const fn takes_lock(self) -> bool {
        matches!(
            self,
            Self::GETLK | Self::SETLK | Self::SETLKW | Self::OFD_GETLK | Self::OFD_SETLK | Self::OFD_SETLKW
        )
    }

    /// Tells whether the call fills in a `struct flock`.
    const fn reports_lock(self) -> bool {
        matches!(self, Self::GETLK | Self::OFD_GETLK)
    }

    pub(super) const DUPFD: Self = Self(0);
    pub(super) const GETFD: Self = Self(1);
    pub(super) const SETFD: Self = Self(2);
    pub(super) const GETFL: Self = Self(3);
    pub(super) const SETFL: Self = Self(4);
    pub(super) const GETLK: Self = Self(5);
    pub(super) const SETLK: Self = Self(6);
    pub(super) const SETLKW: Self = Self(7);
    pub(super) const SETOWN: Self = Self(8);
    pub(super) const GETOWN: Self = Self(9);
    pub(super) const SETSIG: Self = Self(10);
    pub(super) const GETSIG: Self = Self(11);
    pub(super) const SETOWN_EX: Self = Self(15);
    pub(super) const GETOWN_EX: Self = Self(16);
    pub(super) const GETOWNER_UIDS: Self = Self(17);
    pub(super) const OFD_GETLK: Self = Self(36);
    pub(super) const OFD_SETLK: Self = Self(37);
    pub(super) const OFD_SETLKW: Self = Self(38);
    pub(super) const SETLEASE: Self = Self(1024);
    pub(super) const GETLEASE: Self = Self(1025);
    pub(super) const NOTIFY: Self = Self(1026);
    pub(super) const DUPFD_QUERY: Self = Self(1027);
    pub(super) const CREATED_QUERY: Self = Self(1028);
    pub(super) const DUPFD_CLOEXEC: Self = Self(1030);
    pub(super) const SETPIPE_SZ: Self = Self(1031);
    pub(super) const GETPIPE_SZ: Self = Self(1032);
    pub(super) const ADD_SEALS: Self = Self(1033);
    pub(super) const GET_SEALS: Self = Self(1034);
    pub(super) const GET_RW_HINT: Self = Self(1035);
    pub(super) const SET_RW_HINT: Self = Self(1036);
}

choice! {
    /// `F_*` of fcntl.
    FcntlCommand("F_???") {
        0 = "F_DUPFD",
        1 = "F_GETFD",
        2 = "F_SETFD",
        3 = "F_GETFL",
        4 = "F_SETFL",
        5 = "F_GETLK",
        6 = "F_SETLK",
        7 = "F_SETLKW",
        8 = "F_SETOWN",
        9 = "F_GETOWN",
        10 = "F_SETSIG",
        11 = "F_GETSIG",
        15 = "F_SETOWN_EX",
        16 = "F_GETOWN_EX",
        17 = "F_GETOWNER_UIDS",
        36 = "F_OFD_GETLK",
        37 = "F_OFD_SETLK",
        38 = "F_OFD_SETLKW",
        1024 = "F_SETLEASE",
        1025 = "F_GETLEASE",
        1026 = "F_NOTIFY",
        1027 = "F_DUPFD_QUERY",
        1028 = "F_CREATED_QUERY",
        1029 = "F_CANCELLK",
        1030 = "F_DUPFD_CLOEXEC",
        1031 = "F_SETPIPE_SZ",
        1032 = "F_GETPIPE_SZ",
        1033 = "F_ADD_SEALS",
        1034 = "F_GET_SEALS",
        1035 = "F_GET_RW_HINT",
        1036 = "F_SET_RW_HINT",
        1037 = "F_GET_FILE_RW_HINT",
        1038 = "F_SET_FILE_RW_HINT",
    }
    /// The kinds of record locks and of leases.
    LockType("F_???") {
        0 = "F_RDLCK",
        1 = "F_WRLCK",
        2 = "F_UNLCK",
    }
}

impl FlockOp {
    pub(super) const LOCK_SH: u32 = 1;
    pub(super) const LOCK_EX: u32 = 2;
    pub(super) const LOCK_NB: u32 = 4;
    pub(super) const LOCK_UN: u32 = 8;
    pub(super) const LOCK_MAND: u32 = 32;
}

flag_set! {
    /// `LOCK_*` of flock.
    FlockOp("0") {
        1 = "LOCK_SH",
        2 = "LOCK_EX",
        4 = "LOCK_NB",
        8 = "LOCK_UN",
        32 = "LOCK_MAND",
        192 = "LOCK_RW",
        64 = "LOCK_READ",
        128 = "LOCK_WRITE",
    }
    /// `FD_*` of fcntl.
    FdFlags("0") {
        1 = "FD_CLOEXEC",
    }
    /// `F_SEAL_*` of fcntl.
    SealArg("0") {
        0x1 = "F_SEAL_SEAL",
        0x2 = "F_SEAL_SHRINK",
        0x4 = "F_SEAL_GROW",
        0x8 = "F_SEAL_WRITE",
        0x10 = "F_SEAL_FUTURE_WRITE",
        0x20 = "F_SEAL_EXEC",
    }
}

/// The mode of mknodat: type and permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeMode(pub u32);

impl Arg for NodeMode {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        const S_IFMT: u32 = 0o170_000;
        let mode = raw as u32;
        let name = match (mode & S_IFMT) >> 12 {
            1 => "S_IFIFO",
            2 => "S_IFCHR",
            4 => "S_IFDIR",
            6 => "S_IFBLK",
            8 => "S_IFREG",
            10 => "S_IFLNK",
            12 => "S_IFSOCK",
            _ => return format!("0{mode:o}"),
        };
        format!("{name}|0{:o}", mode & !S_IFMT)
    }
}

/// The device number of mknodat, which only devices have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DeviceArg(pub u32);

impl Arg for DeviceArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let (mode, device) = (shower.arguments[2] as u32, raw as u32);
        let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xf_ff00);
        match (mode >> 12) & 0xf {
            2 | 6 => format!("makedev({major:#x}, {minor:#x})"),
            _ => String::new(),
        }
    }
}

/// The `struct open_how` of openat2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenHow(pub VirtAddr);

impl OpenHow {
    /// Bytes of what is known of it.
    pub(super) const BYTES: usize = 24;
}

impl Arg for OpenHow {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        follow::<Self>(raw, shower)
    }
}

impl Element for OpenHow {
    const BYTES: usize = Self::BYTES;

    fn show(bytes: Bytes<'_>, shower: &mut Shower<'_>) -> String {
        let [flags, mode, resolve] = <[u64; 3]>::from_bytes(bytes.0);
        let flags = OpenArg::show(flags, shower);
        let mode = if mode == 0 { String::new() } else { format!(", mode=0{mode:03o}") };
        format!("{{flags={flags}{mode}, resolve={}}}", ResolveArg::show(resolve, shower))
    }
}

/// A register that the call's C prototype has and a 64-bit kernel does not look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unused;

impl Arg for Unused {
    fn from_register(_: u64) -> Self {
        Self
    }

    fn show(_: u64, _: &mut Shower<'_>) -> String {
        String::new()
    }
}

impl SpliceFlags {
    pub(super) const NONBLOCK: u32 = 2;
    pub(super) const ALL: u32 = 15;
}

impl RwFlags {
    pub(super) const NOWAIT: u32 = 8;
    pub(super) const APPEND: u32 = 16;
    pub(super) const NOAPPEND: u32 = 32;
    /// Those that a file without a device does not refuse.
    pub(super) const ALL: u32 = 63;
}

impl FallocateMode {
    pub(super) const KEEP_SIZE: u32 = 1;
    pub(super) const PUNCH_HOLE: u32 = 2;
    pub(super) const COLLAPSE_RANGE: u32 = 8;
    pub(super) const ZERO_RANGE: u32 = 16;
    pub(super) const INSERT_RANGE: u32 = 32;
    pub(super) const UNSHARE_RANGE: u32 = 64;
}

impl UmountFlags {
    pub(super) const FORCE: u32 = 1;
    pub(super) const DETACH: u32 = 2;
    pub(super) const EXPIRE: u32 = 4;
    pub(super) const NOFOLLOW: u32 = 8;
    pub(super) const ALL: u32 = 15;
}

/// `MS_*` of mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MountArg(pub u64);

impl MountArg {
    pub(super) const REMOUNT: u64 = 32;
    pub(super) const BIND: u64 = 4096;
    pub(super) const MOVE: u64 = 8192;
    /// `MS_UNBINDABLE`, `MS_PRIVATE`, `MS_SLAVE` and `MS_SHARED`.
    pub(super) const PROPAGATION: u64 = 0xf << 17;
}

impl Arg for MountArg {
    fn from_register(raw: u64) -> Self {
        /// What programs put into the upper half of the word before Linux 2.4 (`MS_MGC_VAL`).
        const MAGIC: u64 = 0xc0ed_0000;
        const MAGIC_MASK: u64 = 0xffff_0000;
        Self(if raw & MAGIC_MASK == MAGIC { raw & !MAGIC_MASK } else { raw })
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        const NAMES: [(u32, &str); 22] = [
            (1, "MS_RDONLY"),
            (2, "MS_NOSUID"),
            (4, "MS_NODEV"),
            (8, "MS_NOEXEC"),
            (16, "MS_SYNCHRONOUS"),
            (32, "MS_REMOUNT"),
            (64, "MS_MANDLOCK"),
            (128, "MS_DIRSYNC"),
            (256, "MS_NOSYMFOLLOW"),
            (1024, "MS_NOATIME"),
            (2048, "MS_NODIRATIME"),
            (4096, "MS_BIND"),
            (8192, "MS_MOVE"),
            (16384, "MS_REC"),
            (32768, "MS_SILENT"),
            (1 << 17, "MS_UNBINDABLE"),
            (1 << 18, "MS_PRIVATE"),
            (1 << 19, "MS_SLAVE"),
            (1 << 20, "MS_SHARED"),
            (1 << 21, "MS_RELATIME"),
            (1 << 24, "MS_STRICTATIME"),
            (1 << 25, "MS_LAZYTIME"),
        ];
        show_flags(raw as u32, "0", &NAMES)
    }
}

impl MemfdFlags {
    pub(super) const CLOEXEC: u32 = 1;
    pub(super) const ALLOW_SEALING: u32 = 2;
    pub(super) const HUGETLB: u32 = 4;
    pub(super) const NOEXEC_SEAL: u32 = 8;
    pub(super) const EXEC: u32 = 16;
    pub(super) const ALL: u32 = 31;
}

flag_set! {
    /// `SPLICE_F_*` of splice, tee and vmsplice.
    SpliceFlags("0") {
        1 = "SPLICE_F_MOVE",
        2 = "SPLICE_F_NONBLOCK",
        4 = "SPLICE_F_MORE",
        8 = "SPLICE_F_GIFT",
    }
    /// `RWF_*` of preadv2 and pwritev2.
    RwFlags("0") {
        1 = "RWF_HIPRI",
        2 = "RWF_DSYNC",
        4 = "RWF_SYNC",
        8 = "RWF_NOWAIT",
        16 = "RWF_APPEND",
        32 = "RWF_NOAPPEND",
        64 = "RWF_ATOMIC",
    }
    /// `SYNC_FILE_RANGE_*` of sync_file_range.
    SyncRangeFlags("0") {
        1 = "SYNC_FILE_RANGE_WAIT_BEFORE",
        2 = "SYNC_FILE_RANGE_WRITE",
        4 = "SYNC_FILE_RANGE_WAIT_AFTER",
    }
    /// `FALLOC_FL_*` of fallocate.
    FallocateMode("0") {
        1 = "FALLOC_FL_KEEP_SIZE",
        2 = "FALLOC_FL_PUNCH_HOLE",
        4 = "FALLOC_FL_NO_HIDE_STALE",
        8 = "FALLOC_FL_COLLAPSE_RANGE",
        16 = "FALLOC_FL_ZERO_RANGE",
        32 = "FALLOC_FL_INSERT_RANGE",
        64 = "FALLOC_FL_UNSHARE_RANGE",
    }
    /// `MFD_*` of memfd_create.
    MemfdFlags("0") {
        1 = "MFD_CLOEXEC",
        2 = "MFD_ALLOW_SEALING",
        4 = "MFD_HUGETLB",
        8 = "MFD_NOEXEC_SEAL",
        16 = "MFD_EXEC",
    }
    /// `RESOLVE_*` of openat2.
    ResolveArg("0") {
        0x1 = "RESOLVE_NO_XDEV",
        0x2 = "RESOLVE_NO_MAGICLINKS",
        0x4 = "RESOLVE_NO_SYMLINKS",
        0x8 = "RESOLVE_BENEATH",
        0x10 = "RESOLVE_IN_ROOT",
        0x20 = "RESOLVE_CACHED",
    }
    /// `MNT_*` of umount2.
    UmountFlags("0") {
        1 = "MNT_FORCE",
        2 = "MNT_DETACH",
        4 = "MNT_EXPIRE",
        8 = "UMOUNT_NOFOLLOW",
    }
    /// `XATTR_*` of setxattr.
    XattrFlags("0") {
        1 = "XATTR_CREATE",
        2 = "XATTR_REPLACE",
    }
}
