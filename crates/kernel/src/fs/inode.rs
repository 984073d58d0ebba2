//! Inodes: what a file is, apart from its names.

use super::allocate::Seals;
use super::anonymous::Anonymous;
use super::device::{Console, Device};
use super::directory::Directory;
use super::flags::{FileType, PERMISSION_BITS};
use super::mount::MountId;
use super::mqueue::Queue;
use super::permission::Creation;
use super::pipe::PipeId;
use super::proc::ProcNode;
use super::socket::SocketId;
use super::tty::{TtyEnd, TtyId};
use crate::{FileId, GrantId, HostPath};
use std::collections::BTreeMap;

super::slab::key! {
    /// An inode in [`super::Fs`]. The number that guests see is [`super::Stat::ino`], which is never used again.
    InodeId
}

/// A place in the tree of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// An inode of the root file system, or of a pipe or socket.
    Inode(InodeId),
    /// A place in `/proc`.
    Proc(ProcNode),
}

/// What an inode is.
#[derive(Clone, Debug)]
pub(super) enum InodeKind {
    /// Bytes in the page cache.
    Regular(FileId),
    /// Names.
    Directory(Directory),
    /// A path to go on with.
    Symlink(Vec<u8>),
    /// A character device.
    Device(Device),
    /// A pipe.
    Fifo(PipeId),
    /// A socket.
    Socket(SocketId),
    /// The name of an AF_UNIX socket.
    SocketName,
    /// A pipe that has a name (fifo(7)).
    NamedFifo(PipeId),
    /// A device or a socket that mknod(2) made and nobody serves: its type and its device number.
    Special(FileType, u64),
    /// A stream of the host.
    Console(Console),
    /// An object of the kernel that only descriptors name.
    Anonymous(Anonymous),
    /// A POSIX message queue.
    Queue(Box<Queue>),
    /// An end of a terminal.
    Terminal(TtyId, TtyEnd),
}

impl InodeKind {
    /// Returns the message queue in it, if it is one.
    pub(super) const fn queue(&self) -> Option<&Queue> {
        match self {
            Self::Queue(queue) => Some(queue),
            _ => None,
        }
    }

    /// Returns the same to change.
    pub(super) const fn queue_mut(&mut self) -> Option<&mut Queue> {
        match self {
            Self::Queue(queue) => Some(queue),
            _ => None,
        }
    }
}

/// When things happened to an inode, in nanoseconds since the epoch. Reading a file leaves no trace: the file systems are
/// mounted `noatime`, so that looking at a file changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// `st_atime`.
    pub accessed_ns: u64,
    /// `st_mtime`.
    pub modified_ns: u64,
    /// `st_ctime`.
    pub changed_ns: u64,
    /// `stx_btime`.
    pub born_ns: u64,
}

impl Times {
    /// Sets all of them.
    pub(super) const fn set_all(&mut self, ns: u64) {
        *self = Self { accessed_ns: ns, modified_ns: ns, changed_ns: ns, born_ns: ns };
    }
}

/// What ties an inode to a file of the host.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin {
    /// Where its names or bytes are, while nobody has asked for them.
    pub(super) unread: Option<HostPath>,
    /// Where its bytes are once they have been read, so that they can be read again.
    pub(super) source: Option<HostPath>,
    /// Names that it has on the host in directories that nobody has walked.
    pub(super) unseen_links: u32,
    /// By what another of its names is recognised, if it has others.
    pub(super) identity: Option<HostIdentity>,
}

/// What the names of one file of the host have in common: the grant, device and inode number.
pub(super) type HostIdentity = (GrantId, (u64, u64));

/// One name of an inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) directory: InodeId,
    pub(super) name: Vec<u8>,
}

/// An inode. It lives while it has a name or a holder: an open description, a working directory, a running program.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    pub(super) kind: InodeKind,
    pub(super) permissions: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) times: Times,
    /// Its names; a directory has at most one.
    pub(super) links: Vec<Link>,
    pub(super) holders: u32,
    /// Extended attributes, by name.
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What can be done to its contents no more.
    pub(super) seals: Seals,
    /// Whether it may get its first name still: it was made without one (`O_TMPFILE`, not `O_EXCL`).
    pub(super) is_linkable: bool,
    /// The path that its last name was, once that is gone.
    pub(super) deleted_path: Option<Vec<u8>>,
    /// The mount that it is in; none for a pipe, which is in no file system.
    pub(super) mount: Option<MountId>,
    /// What ties it to a file of the host.
    pub(super) origin: Origin,
    /// Descriptions with which it can be written.
    pub(super) writers: u32,
    /// Processes whose program it is.
    pub(super) programs: u32,
    /// How long the program expects what is written to last (`RWH_*`).
    pub(super) write_hint: u8,
}

impl Inode {
    /// Makes an inode that has neither name nor holder yet.
    pub(super) fn new(number: u64, kind: InodeKind, permissions: u32, creation: Creation) -> Self {
        let Creation { uid, gid, now_ns } = creation;
        let times = Times { accessed_ns: now_ns, modified_ns: now_ns, changed_ns: now_ns, born_ns: now_ns };
        Self {
            number,
            kind,
            permissions: permissions & PERMISSION_BITS,
            uid,
            gid,
            times,
            links: Vec::new(),
            holders: 0,
            xattrs: BTreeMap::new(),
            seals: Seals::SEAL,
            is_linkable: false,
            deleted_path: None,
            mount: None,
            origin: Origin::default(),
            writers: 0,
            programs: 0,
            write_hint: 0,
        }
    }

    /// Returns the type that `st_mode` shows.
    pub(super) const fn file_type(&self) -> FileType {
        match self.kind {
            InodeKind::Regular(_) | InodeKind::Queue(_) => FileType::Regular,
            InodeKind::Directory(_) => FileType::Directory,
            InodeKind::Symlink(_) => FileType::Symlink,
            InodeKind::Device(_) | InodeKind::Terminal(..) => FileType::CharDevice,
            InodeKind::Fifo(_) | InodeKind::NamedFifo(_) | InodeKind::Console(_) => FileType::Fifo,
            InodeKind::Special(file_type, _) => file_type,
            InodeKind::Socket(_) | InodeKind::SocketName => FileType::Socket,
            InodeKind::Anonymous(_) => FileType::Unknown,
        }
    }

    /// Tells whether it is in no tree of names: a pipe of pipe(2).
    pub(super) const fn is_in_no_tree(&self) -> bool {
        matches!(self.kind, InodeKind::Fifo(_) | InodeKind::Console(_))
    }

    /// Returns the directory in it, if it is one.
    pub(super) const fn directory(&self) -> Option<&Directory> {
        match &self.kind {
            InodeKind::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    /// Returns `st_nlink`. A directory counts its own `.` and the `..` of each subdirectory.
    pub(super) fn link_count(&self) -> u32 {
        match &self.kind {
            InodeKind::Directory(directory) => directory.link_count(),
            InodeKind::Fifo(_)
            | InodeKind::Console(_)
            | InodeKind::Socket(_)
            | InodeKind::Anonymous(_)
            | InodeKind::Terminal(_, TtyEnd::Master) => 1,
            _ => self.links.len() as u32 + self.origin.unseen_links,
        }
    }

    /// Records that contents changed.
    pub(super) const fn touch_modified(&mut self, now_ns: u64) {
        self.times.modified_ns = now_ns;
        self.times.changed_ns = now_ns;
    }
}
