//! The argument types that strace prints by name rather than by number.

use super::args::Arg;
use super::show::{OPEN_FLAGS, Shower, When, octal, open_flags, pointer, show_flags_or, show_signal};
use super::{Arguments, CallResult};
use crate::fs::AT_FDCWD;
use tine_mmu::VirtAddr;

/// The address of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct PathPtr(pub VirtAddr);

impl Arg for PathPtr {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        shower.string(VirtAddr(raw))
    }
}

/// A buffer that the call reads; the next argument is its length.
#[derive(Clone, Copy, Debug)]
pub(super) struct InBuffer(pub VirtAddr);

impl Arg for InBuffer {
    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        let len = shower.arguments[shower.index + 1] as usize;
        shower.buffer(VirtAddr(raw), len)
    }
}

/// A buffer that the call fills; its result says how far.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutBuffer(pub VirtAddr);

impl Arg for OutBuffer {
    fn when(_: &Arguments) -> When {
        When::Exit
    }

    fn from_register(raw: u64) -> Self {
        Self(VirtAddr(raw))
    }

    fn show(raw: u64, shower: &mut Shower<'_>) -> String {
        match shower.result {
            Some(CallResult::Value(len)) => shower.buffer(VirtAddr(raw), len as usize),
            _ => pointer(raw),
        }
    }
}

/// A directory descriptor that a relative path starts at.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirFd(pub i32);

impl Arg for DirFd {
    fn from_register(raw: u64) -> Self {
        Self(raw as i32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        if raw as i32 == AT_FDCWD { "AT_FDCWD".to_owned() } else { (raw as i32).to_string() }
    }
}

/// A file mode, printed in octal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode(pub u32);

impl Arg for Mode {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        octal(raw as u32)
    }
}

/// A signal number.
#[derive(Clone, Copy, Debug)]
pub(super) struct SignalArg(pub u32);

impl Arg for SignalArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        show_signal(raw as u32)
    }
}

/// Declares a number that strace prints as one of a list of names; the comment is on a number that has none.
macro_rules! choice {
    ($($(#[$doc:meta])* $name:ident($unknown:literal) { $($value:literal = $text:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(super) struct $name(pub(super) u32);

            impl Arg for $name {
                fn from_register(raw: u64) -> Self {
                    Self(raw as u32)
                }

                fn show(raw: u64, _: &mut Shower<'_>) -> String {
                    match raw as u32 {
                        $($value => $text.to_owned(),)*
                        other => format!(concat!("{:#x} /* ", $unknown, " */"), other),
                    }
                }
            }

            impl From<$name> for u32 {
                fn from(argument: $name) -> Self {
                    argument.0
                }
            }
        )*
    };
}

/// Declares a set of flags that strace prints by name: what stands for no flag, and the comment on bits without a name
/// where the names do not tell it.
macro_rules! flag_set {
    ($($(#[$doc:meta])* $name:ident($zero:literal $(, $unknown:literal)?) { $($value:literal = $text:literal,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub(super) struct $name(pub(super) u32);

            impl Arg for $name {
                fn from_register(raw: u64) -> Self {
                    Self(raw as u32)
                }

                fn show(raw: u64, _: &mut Shower<'_>) -> String {
                    flag_set!(@show raw as u32, $zero, [$(($value, $text)),*] $(, $unknown)?)
                }
            }

            impl From<$name> for u32 {
                fn from(argument: $name) -> Self {
                    argument.0
                }
            }
        )*
    };
    (@show $bits:expr, $zero:literal, $names:expr) => { $crate::syscall::show::show_flags($bits, $zero, &$names) };
    (@show $bits:expr, $zero:literal, $names:expr, $unknown:literal) => {
        $crate::syscall::show::show_flags_or($bits, $zero, $unknown, &$names)
    };
}

pub(super) use {choice, flag_set};

/// The flags of open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenArg(pub(super) u32);

impl Arg for OpenArg {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        open_flags(raw as u32)
    }
}

/// Flags of open without an access mode, as pipe2 and dup3 take them.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewFdFlags(u32);

impl Arg for NewFdFlags {
    fn from_register(raw: u64) -> Self {
        Self(raw as u32)
    }

    fn show(raw: u64, _: &mut Shower<'_>) -> String {
        show_flags_or(raw as u32, "0", "O_???", &OPEN_FLAGS)
    }
}

impl From<NewFdFlags> for OpenArg {
    fn from(flags: NewFdFlags) -> Self {
        Self(flags.0)
    }
}

flag_set! {
    /// `PROT_*` of mmap and mprotect.
    Prot("PROT_NONE") {
        0x1 = "PROT_READ",
        0x2 = "PROT_WRITE",
        0x4 = "PROT_EXEC",
        0x0100_0000 = "PROT_GROWSDOWN",
        0x0200_0000 = "PROT_GROWSUP",
    }
    /// `MAP_*` of mmap.
    MapFlags("MAP_FILE", "MAP_???") {
        0x3 = "MAP_SHARED_VALIDATE",
        0x1 = "MAP_SHARED",
        0x2 = "MAP_PRIVATE",
        0x8 = "MAP_DROPPABLE",
        0x10 = "MAP_FIXED",
        0x20 = "MAP_ANONYMOUS",
        0x4000 = "MAP_NORESERVE",
        0x8000 = "MAP_POPULATE",
        0x10000 = "MAP_NONBLOCK",
        0x100 = "MAP_GROWSDOWN",
        0x800 = "MAP_DENYWRITE",
        0x1000 = "MAP_EXECUTABLE",
        0x2000 = "MAP_LOCKED",
        0x20000 = "MAP_STACK",
        0x40000 = "MAP_HUGETLB",
        0x80000 = "MAP_SYNC",
        0x100000 = "MAP_FIXED_NOREPLACE",
    }
    /// `MREMAP_*` of mremap.
    RemapFlags("0") {
        0x1 = "MREMAP_MAYMOVE",
        0x2 = "MREMAP_FIXED",
        0x4 = "MREMAP_DONTUNMAP",
    }
    /// `MLOCK_*` of mlock2.
    LockFlags("0") {
        0x1 = "MLOCK_ONFAULT",
    }
    /// `MCL_*` of mlockall.
    LockAllFlags("0") {
        0x1 = "MCL_CURRENT",
        0x2 = "MCL_FUTURE",
        0x4 = "MCL_ONFAULT",
    }
    /// `MS_*` of msync.
    MsyncFlags("0") {
        0x4 = "MS_SYNC",
        0x1 = "MS_ASYNC",
        0x2 = "MS_INVALIDATE",
    }
    /// `AT_*` of the calls that take a directory.
    AtFlags("0") {
        0x100 = "AT_SYMLINK_NOFOLLOW",
        0x200 = "AT_REMOVEDIR",
        0x400 = "AT_SYMLINK_FOLLOW",
        0x800 = "AT_NO_AUTOMOUNT",
        0x1000 = "AT_EMPTY_PATH",
        0x8000 = "AT_RECURSIVE",
    }
    /// `AT_*` of faccessat2.
    AccessFlags("0") {
        0x100 = "AT_SYMLINK_NOFOLLOW",
        0x200 = "AT_EACCESS",
        0x1000 = "AT_EMPTY_PATH",
    }
    /// `?_OK` of access.
    AccessArg("F_OK", "?_OK") {
        4 = "R_OK",
        2 = "W_OK",
        1 = "X_OK",
    }
    /// `CLOSE_RANGE_*`.
    CloseRangeFlags("0") {
        2 = "CLOSE_RANGE_UNSHARE",
        4 = "CLOSE_RANGE_CLOEXEC",
    }
    /// `TIMER_*` of clock_nanosleep.
    SleepFlags("0") {
        1 = "TIMER_ABSTIME",
    }
    /// `MEMBARRIER_CMD_FLAG_*`.
    BarrierFlags("0") {
        1 = "MEMBARRIER_CMD_FLAG_CPU",
    }
    /// Options of wait4 and waitid.
    WaitOptions("0", "W???") {
        0x1 = "WNOHANG",
        0x4 = "WEXITED",
        0x2 = "WSTOPPED",
        0x8 = "WCONTINUED",
        0x0100_0000 = "WNOWAIT",
        0x8000_0000 = "__WCLONE",
        0x4000_0000 = "__WALL",
        0x2000_0000 = "__WNOTHREAD",
    }
    /// `GRND_*` of getrandom.
    RandomFlags("0") {
        0x1 = "GRND_NONBLOCK",
        0x2 = "GRND_RANDOM",
        0x4 = "GRND_INSECURE",
    }
    /// `RENAME_*` of renameat2.
    RenameFlags("0") {
        0x1 = "RENAME_NOREPLACE",
        0x2 = "RENAME_EXCHANGE",
        0x4 = "RENAME_WHITEOUT",
    }
}

impl ClockId {
    pub(super) const REALTIME: u32 = 0;
    pub(super) const MONOTONIC: u32 = 1;
    pub(super) const THREAD_CPUTIME: u32 = 3;
    pub(super) const BOOTTIME: u32 = 7;
    pub(super) const REALTIME_ALARM: u32 = 8;
    pub(super) const BOOTTIME_ALARM: u32 = 9;
}

impl KcmpType {
    pub(super) const FILE: u32 = 0;
    pub(super) const VM: u32 = 1;
    pub(super) const FILES: u32 = 2;
    pub(super) const FS: u32 = 3;
    pub(super) const SIGHAND: u32 = 4;
    pub(super) const IO: u32 = 5;
    pub(super) const SYSVSEM: u32 = 6;
}

impl Barrier {
    pub(super) const QUERY: u32 = 0;
    pub(super) const GLOBAL: u32 = 1;
    pub(super) const GLOBAL_EXPEDITED: u32 = 2;
    pub(super) const REGISTER_GLOBAL_EXPEDITED: u32 = 4;
    pub(super) const PRIVATE_EXPEDITED: u32 = 8;
    pub(super) const REGISTER_PRIVATE_EXPEDITED: u32 = 16;
    pub(super) const PRIVATE_EXPEDITED_SYNC_CORE: u32 = 32;
    pub(super) const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE: u32 = 64;
    pub(super) const PRIVATE_EXPEDITED_RSEQ: u32 = 128;
    pub(super) const REGISTER_PRIVATE_EXPEDITED_RSEQ: u32 = 256;
    pub(super) const GET_REGISTRATIONS: u32 = 512;
}

choice! {
    /// `KCMP_*` of kcmp.
    KcmpType("KCMP_") {
        0 = "KCMP_FILE",
        1 = "KCMP_VM",
        2 = "KCMP_FILES",
        3 = "KCMP_FS",
        4 = "KCMP_SIGHAND",
        5 = "KCMP_IO",
        6 = "KCMP_SYSVSEM",
        7 = "KCMP_EPOLL_TFD",
    }
    /// `MEMBARRIER_CMD_*` of membarrier.
    Barrier("MEMBARRIER_CMD_???") {
        0 = "MEMBARRIER_CMD_QUERY",
        1 = "MEMBARRIER_CMD_GLOBAL",
        2 = "MEMBARRIER_CMD_GLOBAL_EXPEDITED",
        4 = "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED",
        8 = "MEMBARRIER_CMD_PRIVATE_EXPEDITED",
        16 = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED",
        32 = "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE",
        64 = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE",
        128 = "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ",
        256 = "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ",
        512 = "MEMBARRIER_CMD_GET_REGISTRATIONS",
    }
    /// `MADV_*` of madvise.
    Advice("MADV_???") {
        0 = "MADV_NORMAL",
        1 = "MADV_RANDOM",
        2 = "MADV_SEQUENTIAL",
        3 = "MADV_WILLNEED",
        4 = "MADV_DONTNEED",
        8 = "MADV_FREE",
        9 = "MADV_REMOVE",
        10 = "MADV_DONTFORK",
        11 = "MADV_DOFORK",
        12 = "MADV_MERGEABLE",
        13 = "MADV_UNMERGEABLE",
        14 = "MADV_HUGEPAGE",
        15 = "MADV_NOHUGEPAGE",
        16 = "MADV_DONTDUMP",
        17 = "MADV_DODUMP",
        18 = "MADV_WIPEONFORK",
        19 = "MADV_KEEPONFORK",
        20 = "MADV_COLD",
        21 = "MADV_PAGEOUT",
        22 = "MADV_POPULATE_READ",
        23 = "MADV_POPULATE_WRITE",
        24 = "MADV_DONTNEED_LOCKED",
        25 = "MADV_COLLAPSE",
        100 = "MADV_HWPOISON",
        101 = "MADV_SOFT_OFFLINE",
        102 = "MADV_GUARD_INSTALL",
        103 = "MADV_GUARD_REMOVE",
    }
    /// `POSIX_FADV_*`.
    FileAdvice("POSIX_FADV_???") {
        0 = "POSIX_FADV_NORMAL",
        1 = "POSIX_FADV_RANDOM",
        2 = "POSIX_FADV_SEQUENTIAL",
        3 = "POSIX_FADV_WILLNEED",
        4 = "POSIX_FADV_DONTNEED",
        5 = "POSIX_FADV_NOREUSE",
    }
    /// `SEEK_*` of lseek.
    Whence("SEEK_???") {
        0 = "SEEK_SET",
        1 = "SEEK_CUR",
        2 = "SEEK_END",
        3 = "SEEK_DATA",
        4 = "SEEK_HOLE",
    }
    /// `ITIMER_*`.
    TimerArg("ITIMER_???") {
        0 = "ITIMER_REAL",
        1 = "ITIMER_VIRTUAL",
        2 = "ITIMER_PROF",
    }
    /// `SIG_*` of rt_sigprocmask.
    MaskHow("SIG_???") {
        0 = "SIG_BLOCK",
        1 = "SIG_UNBLOCK",
        2 = "SIG_SETMASK",
    }
    /// `CLOCK_*`.
    ClockId("CLOCK_???") {
        0 = "CLOCK_REALTIME",
        1 = "CLOCK_MONOTONIC",
        2 = "CLOCK_PROCESS_CPUTIME_ID",
        3 = "CLOCK_THREAD_CPUTIME_ID",
        4 = "CLOCK_MONOTONIC_RAW",
        5 = "CLOCK_REALTIME_COARSE",
        6 = "CLOCK_MONOTONIC_COARSE",
        7 = "CLOCK_BOOTTIME",
        8 = "CLOCK_REALTIME_ALARM",
        9 = "CLOCK_BOOTTIME_ALARM",
        10 = "CLOCK_SGI_CYCLE",
        11 = "CLOCK_TAI",
    }
    /// `RUSAGE_*` of getrusage.
    UsageOf("RUSAGE_???") {
        0 = "RUSAGE_SELF",
        0xffff_ffff = "RUSAGE_CHILDREN",
        1 = "RUSAGE_THREAD",
    }
    /// `RLIMIT_*`.
    Resource("RLIMIT_???") {
        0 = "RLIMIT_CPU",
        1 = "RLIMIT_FSIZE",
        2 = "RLIMIT_DATA",
        3 = "RLIMIT_STACK",
        4 = "RLIMIT_CORE",
        5 = "RLIMIT_RSS",
        6 = "RLIMIT_NPROC",
        7 = "RLIMIT_NOFILE",
        8 = "RLIMIT_MEMLOCK",
        9 = "RLIMIT_AS",
        10 = "RLIMIT_LOCKS",
        11 = "RLIMIT_SIGPENDING",
        12 = "RLIMIT_MSGQUEUE",
        13 = "RLIMIT_NICE",
        14 = "RLIMIT_RTPRIO",
        15 = "RLIMIT_RTTIME",
    }
    /// Which children waitid waits for.
    IdType("P_???") {
        0 = "P_ALL",
        1 = "P_PID",
        2 = "P_PGID",
        3 = "P_PIDFD",
    }
    /// `PRIO_*` of getpriority and setpriority.
    PriorityWhich("PRIO_???") {
        0 = "PRIO_PROCESS",
        1 = "PRIO_PGRP",
        2 = "PRIO_USER",
    }
    /// `IOPRIO_WHO_*` of ioprio_get and ioprio_set.
    IoWhich("IOPRIO_WHO_???") {
        1 = "IOPRIO_WHO_PROCESS",
        2 = "IOPRIO_WHO_PGRP",
        3 = "IOPRIO_WHO_USER",
    }
}
