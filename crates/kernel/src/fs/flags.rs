//! Numbers of the file ABI: open flags, file types, permission bits (Linux 6.12 include/uapi/asm-generic/fcntl.h, stat.h).

use super::AccessMode;
use bitflags::bitflags;

bitflags! {
    /// Flags of open(2): access mode, creation flags and status flags.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// `O_WRONLY`.
        const WRONLY = 0o1;
        /// `O_RDWR`.
        const RDWR = 0o2;
        /// `O_CREAT`.
        const CREAT = 0o100;
        /// `O_EXCL`.
        const EXCL = 0o200;
        /// `O_NOCTTY`.
        const NOCTTY = 0o400;
        /// `O_TRUNC`.
        const TRUNC = 0o1000;
        /// `O_APPEND`.
        const APPEND = 0o2000;
        /// `O_NONBLOCK`.
        const NONBLOCK = 0o4000;
        /// `O_DSYNC`.
        const DSYNC = 0o1_0000;
        /// `O_ASYNC`.
        const ASYNC = 0o2_0000;
        /// `O_DIRECT`.
        const DIRECT = 0o4_0000;
        /// `O_LARGEFILE`, which a 64-bit kernel adds to every open(2).
        const LARGEFILE = 0o10_0000;
        /// `O_DIRECTORY`.
        const DIRECTORY = 0o20_0000;
        /// `O_NOFOLLOW`.
        const NOFOLLOW = 0o40_0000;
        /// `O_NOATIME`.
        const NOATIME = 0o100_0000;
        /// `O_CLOEXEC`, a flag of the descriptor and never of the description.
        const CLOEXEC = 0o200_0000;
        /// `__O_SYNC`, one half of `O_SYNC`.
        const SYNC = 0o400_0000;
        /// `O_PATH`.
        const PATH = 0o1000_0000;
        /// `__O_TMPFILE`, one half of `O_TMPFILE`; the other is `O_DIRECTORY`.
        const TMPFILE = 0o2000_0000;
    }
}

impl OpenFlags {
    /// What fcntl(2) `F_SETFL` may change, beside `O_ASYNC`.
    pub const SETTABLE: Self = Self::APPEND.union(Self::NONBLOCK).union(Self::DIRECT).union(Self::NOATIME);

    /// What open(2) does once and does not keep with the description.
    const CREATION: Self = Self::CREAT.union(Self::EXCL).union(Self::NOCTTY).union(Self::TRUNC);

    /// Returns the two bits of the access mode.
    const fn access_mode(self) -> u32 {
        self.bits() & 0o3
    }

    /// Tells whether a description opened so can be read.
    pub const fn is_readable(self) -> bool {
        !self.contains(Self::PATH) && matches!(self.access_mode(), 0 | 2)
    }

    /// Tells whether a description opened so can be written.
    pub const fn is_writable(self) -> bool {
        !self.contains(Self::PATH) && matches!(self.access_mode(), 1 | 2)
    }

    /// Returns what open(2) wants to do with the file. The access mode that is neither asks for both (`ACC_MODE`).
    pub(super) const fn wanted_access(self) -> AccessMode {
        match self.access_mode() {
            0 => AccessMode::READ,
            1 => AccessMode::WRITE,
            _ => AccessMode::READ.union(AccessMode::WRITE),
        }
    }

    /// Returns what mq_open(3) wants to do with a queue; nothing for the access mode that is neither.
    pub(super) const fn access_of_queue(self) -> Option<AccessMode> {
        match self.access_mode() {
            3 => None,
            _ => Some(self.wanted_access()),
        }
    }

    /// Returns the flags that stay with the description, as `F_GETFL` shows them.
    pub(super) const fn kept(self) -> Self {
        self.difference(Self::CREATION).difference(Self::CLOEXEC)
    }
}

bitflags! {
    /// Flags of renameat2(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct RenameFlags: u32 {
        /// `RENAME_NOREPLACE`: fail when the new name exists.
        const NOREPLACE = 1;
        /// `RENAME_EXCHANGE`: swap the two names.
        const EXCHANGE = 2;
    }
}

bitflags! {
    /// Events of poll(2).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct PollEvents: u16 {
        /// `POLLIN`.
        const IN = 0x1;
        /// `POLLPRI`.
        const PRI = 0x2;
        /// `POLLOUT`.
        const OUT = 0x4;
        /// `POLLERR`.
        const ERR = 0x8;
        /// `POLLHUP`.
        const HUP = 0x10;
        /// `POLLNVAL`.
        const NVAL = 0x20;
        /// `POLLRDNORM`.
        const RDNORM = 0x40;
        /// `POLLWRNORM`.
        const WRNORM = 0x100;
        /// `POLLWRBAND`.
        const WRBAND = 0x200;
        /// `POLLRDHUP`.
        const RDHUP = 0x2000;
    }
}

bitflags! {
    /// What is asked of a watched descriptor, and how to tell of it (`EPOLL*` of epoll_ctl(2)). The low bits are those of
    /// [`PollEvents`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct EpollFlags: u32 {
        /// `EPOLLIN`.
        const IN = 0x1;
        /// `EPOLLOUT`.
        const OUT = 0x4;
        /// `EPOLLERR`.
        const ERR = 0x8;
        /// `EPOLLHUP`.
        const HUP = 0x10;
        /// `EPOLLEXCLUSIVE`: of several instances that watch the same file, one need be woken.
        const EXCLUSIVE = 1 << 28;
        /// `EPOLLWAKEUP`: keep the machine awake, which never sleeps here.
        const WAKEUP = 1 << 29;
        /// `EPOLLONESHOT`: tell once, then be silent until asked anew.
        const ONESHOT = 1 << 30;
        /// `EPOLLET`: tell when something happens, not as long as it holds.
        const ET = 1 << 31;
    }
}

impl EpollFlags {
    /// Events that are told unasked.
    pub(super) const ALWAYS: Self = Self::ERR.union(Self::HUP);
    /// What says how to tell (`EP_PRIVATE_BITS`).
    pub(super) const PRIVATE: Self = Self::EXCLUSIVE.union(Self::WAKEUP).union(Self::ONESHOT).union(Self::ET);
    /// What goes with `EPOLLEXCLUSIVE` (`EPOLLEXCLUSIVE_OK_BITS`).
    pub(super) const WITH_EXCLUSIVE: Self = Self::ALWAYS
        .union(Self::IN)
        .union(Self::OUT)
        .union(Self::EXCLUSIVE)
        .union(Self::WAKEUP)
        .union(Self::ET);

    /// Returns the events that are asked for.
    pub(super) const fn poll_events(self) -> PollEvents {
        PollEvents::from_bits_truncate(self.bits() as u16)
    }

    /// Makes what is told of a descriptor.
    pub(super) const fn of(events: PollEvents) -> Self {
        Self::from_bits_retain(events.bits() as u32)
    }
}

/// The permission bits of `st_mode`, set-id and sticky bits included.
pub const PERMISSION_BITS: u32 = 0o7777;

/// Run the program as its owner.
pub(super) const S_ISUID: u32 = 0o4000;
/// Run the program as its group; give what is made in the directory to its group.
pub(super) const S_ISGID: u32 = 0o2000;
/// Names in the directory are for the owners of the files only to remove.
pub(super) const S_ISVTX: u32 = 0o1000;

/// The type of a file, numbered as `d_type` of getdents64(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// None: an object that only descriptors name, such as an eventfd.
    Unknown = 0,
    /// A pipe.
    Fifo = 1,
    /// A character device.
    CharDevice = 2,
    /// A directory.
    Directory = 4,
    /// A block device.
    BlockDevice = 6,
    /// A regular file.
    Regular = 8,
    /// A symbolic link.
    Symlink = 10,
    /// A socket.
    Socket = 12,
}

impl FileType {
    /// Returns the type's bits of `st_mode` (inode(7)).
    pub const fn mode_bits(self) -> u32 {
        (self as u32) << 12
    }
}

/// Which name getdents64(2), stat(2) and mknod(2) know a device by: major and minor number in one word (makedev(3)).
pub const fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12
}
