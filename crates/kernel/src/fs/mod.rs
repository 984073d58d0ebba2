//! Files: mounts (tmpfs, `/dev`, `/proc`, `/sys`, what the user grants), pipes, sockets, terminals, open file descriptions and
//! descriptor tables.
//!
//! ```text
//!   task ──▶ FdTable: fd ──▶ OpenFile (offset, flags) ──▶ Node ──▶ Inode ──▶ FileId ──▶ mm::PageCache
//!        ──▶ WorkDir: cwd, umask ────────────────────────▶     └─▶ ProcNode   ├─▶ Pipe, Socket, Tty
//!                                                                             └─▶ Directory: name ──▶ Inode
//! ```
//!
//! Principles:
//! - State is data: every arrow above is a number, every object has a count of who points to it, and what nobody points to is
//!   freed at once. An unlinked file lives until its last description is closed and its last mapping is gone.
//! - Contents of files are in guest frames, in the page cache, and nowhere else.
//! - Nothing here touches user memory or the clock, and the host only by [`Env::host`], for what the user grants. Bytes come in
//!   and go out by value, times are arguments, the console and the texts of `/proc` are requests to the caller
//!   ([`ReadSource`], [`WriteTarget`]).
//! - What must wait says for what ([`Wait`]); what may let others go on records it ([`Fs::take_wakes`]).
//!
//! What is not here: bind mounts and namespaces. A program may mount further file systems in memory.

mod allocate;
mod anonymous;
mod attributes;
mod capacity;
mod device;
mod directory;
mod fd_table;
mod fifo;
mod fixed;
mod flags;
mod granted;
mod inode;
mod io;
mod io_signal;
mod lease;
mod listing;
mod lock;
mod mount;
mod mounting;
mod mqueue;
mod namespace;
mod notify;
mod open;
mod path;
mod permission;
mod pipe;
mod proc;
pub(crate) mod slab;
mod socket;
mod stat;
mod statfs;
#[cfg(test)]
mod tests;
mod tmpfs;
mod tty;
mod tunable;
mod wait;
mod work_dir;
mod write_through;
mod xattr;

pub use crate::random::Random;
pub use allocate::{Allocation, Memfd, Seals};
pub use anonymous::{
    EpollEvent, EpollOp, EpollReport, EventfdKind, Life, ObjectFacts, OnClockSet, PidfdKind,
    SIGNALFD_INFO_BYTES, TimeBase, TimerSetting,
};
pub use attributes::NewTimes;
pub use device::{Console, Device};
pub use fd_table::{FdTableId, OnExec};
pub use fifo::{NewFile, PartnerWait};
pub use fixed::{FixedFile, FixedNode, IpcList};
pub use flags::{EpollFlags, FileType, OpenFlags, PERMISSION_BITS, PollEvents, RenameFlags, makedev};
pub use inode::{InodeId, Node, Times};
pub use io::{Position, ReadSource, Seek, WriteTarget};
pub use io_signal::{IoOwner, IoReason, IoSignal, OwnerId, Telling};
pub use lease::LeaseWait;
pub use listing::Listing;
pub use lock::{ByteRange, LockKind, LockOwner, LockWait, RecordLock};
pub use mount::{Grant, MountId, MountKind, MountRow, Writes};
pub use mounting::{MountFlags, Unmount};
pub use mqueue::{COOKIE_BYTES, PRIORITIES, Patience, QueueNotice, QueueSize, QueuedMessage, SentTo};
pub use notify::NotifyMask;
pub use open::{Mappable, OpenId, Opened};
pub use path::{At, LookupFlags, NAME_MAX, PATH_MAX, Resolve};
pub use permission::AccessMode;
pub use pipe::PipeId;
pub use proc::{NetFile, PidFile, PidLink, ProcFile, ProcLink, ProcNode, Processes, Subject};
pub use socket::{
    Address, Caller, Domain, Incoming, Kind, LOOPBACK_INDEX, MAX_ADDRESS, MessageFlags, Outgoing,
    SocketFacts, SocketId, Spec, Ucred,
};
pub use stat::{MountPlace, Stat};
pub use statfs::StatFs;
pub use tty::{LocalModes, Termios, TtyEnd, TtyId, TtySignal, WindowSize};
pub use tunable::Tunable;
pub use wait::{Stop, Wait};
pub use work_dir::{AT_FDCWD, WorkDirId};
pub use xattr::{SetXattr, XATTR_NAME_MAX, XATTR_SIZE_MAX};

use crate::mm::{Frames, PageCache};
use crate::{Errno, Fd, FileId, Host, Pid};
use anonymous::Listeners;
use directory::Directory;
use fd_table::FdTable;
use inode::{HostIdentity, Inode, InodeKind};
use io_signal::AsyncListeners;
use lease::Lease;
use lock::LockTable;
use mount::Mount;
use notify::Marks;
use open::OpenFile;
use path::FinalLink;
use permission::Creation;
use pipe::Pipe;
use slab::{Key, Slab};
use socket::Sockets;
use std::collections::{BTreeMap, BTreeSet};
use tine_mmu::Ram;
use tty::Tty;
use tunable::Tunables;
use work_dir::WorkDir;

/// What an operation needs of the rest of the kernel.
pub struct Env<'a> {
    /// Guest RAM.
    pub ram: &'a mut Ram,
    /// Its frames.
    pub frames: &'a mut Frames,
    /// The contents of files.
    pub cache: &'a mut PageCache,
    /// The processes, for paths through `/proc`.
    pub processes: &'a dyn Processes,
    /// What look-ups may not pass.
    pub resolve: Resolve,
    /// The files of the host.
    pub host: &'a mut dyn Host,
    /// The time, in nanoseconds since the epoch.
    pub now_ns: u64,
    /// The time since the machine started, in nanoseconds.
    pub uptime_ns: u64,
}

/// The files of the machine.
#[derive(Clone, Debug)]
pub struct Fs {
    inodes: Slab<InodeId, Inode>,
    opens: Slab<OpenId, OpenFile>,
    pipes: Slab<PipeId, Pipe>,
    sockets: Sockets,
    /// How many references to descriptions are in messages ([`socket`]).
    in_flight: u32,
    tables: Slab<FdTableId, FdTable>,
    work_dirs: Slab<WorkDirId, WorkDir>,
    root: InodeId,
    mounts: Slab<MountId, Mount>,
    /// Mounts that are in the tree no more, and in use still.
    detached: Vec<MountId>,
    /// What is covered, and by which mount.
    covered: BTreeMap<InodeId, MountId>,
    /// Files of the host that stores to a shared mapping may have changed.
    stored_to: BTreeMap<FileId, InodeId>,
    /// Files that were mapped such that stores may change them.
    mapped: BTreeMap<FileId, InodeId>,
    /// Files whose bytes can be read again.
    sources: BTreeMap<FileId, InodeId>,
    /// Files of the host that have more than one name there.
    linked: BTreeMap<HostIdentity, InodeId>,
    next_number: u64,
    /// Names in all directories, which are limited: see [`Fs::check_room`].
    names: u64,
    locks: LockTable,
    /// Names that the guest did not make, which are not limited.
    given_names: u64,
    /// Bytes in all extended attributes, which are limited.
    xattr_bytes: usize,
    random: Random,
    wakes: Vec<Wait>,
    /// Which epoll instances hear of which wake-ups.
    listeners: Listeners,
    /// Whose owners are sent a signal at which wake-ups.
    async_listeners: AsyncListeners,
    io_signals: Vec<IoSignal>,
    /// Who hears of what happens to which files.
    marks: Marks,
    inotify_instances: usize,
    leases: Vec<Lease>,
    tunables: Tunables,
    /// The timers that will expire, and when, by the machine's uptime.
    timers: BTreeSet<(u64, InodeId)>,
    /// The inodes of processes that somebody has open.
    pidfds: BTreeMap<(Pid, PidfdKind), InodeId>,
    ttys: Slab<TtyId, Tty>,
    tty_signals: Vec<TtySignal>,
    /// `/dev/pts`.
    pts: InodeId,
    /// `/dev/mqueue`.
    mqueue: InodeId,
}

impl Fs {
    /// Makes an empty tree, in which [`Fs::mount_all`] mounts the rest. `seed` fixes what `/dev/urandom` says.
    pub fn new(seed: u64, now_ns: u64) -> Self {
        let mut inodes = Slab::new();
        // The root is its own parent, which holds it for ever.
        let root = InodeId::from_slot(0);
        let mut inode =
            Inode::new(1, InodeKind::Directory(Directory::new(root)), 0o755, Creation::by_root(now_ns));
        inode.holders = 1;
        let mut mounts = Slab::new();
        inode.mount = Some(mounts.insert(Mount::new(MountKind::Tmpfs, None, Node::Inode(root))));
        Self {
            root: inodes.insert(inode),
            inodes,
            mounts,
            detached: Vec::new(),
            covered: BTreeMap::new(),
            stored_to: BTreeMap::new(),
            mapped: BTreeMap::new(),
            sources: BTreeMap::new(),
            linked: BTreeMap::new(),
            opens: Slab::new(),
            pipes: Slab::new(),
            sockets: Sockets::default(),
            in_flight: 0,
            tables: Slab::new(),
            work_dirs: Slab::new(),
            next_number: 2,
            names: 0,
            given_names: 0,
            locks: LockTable::default(),
            xattr_bytes: 0,
            random: Random::new(seed),
            wakes: Vec::new(),
            listeners: Listeners::default(),
            async_listeners: AsyncListeners::default(),
            io_signals: Vec::new(),
            marks: Marks::default(),
            inotify_instances: 0,
            leases: Vec::new(),
            tunables: Tunables::default(),
            timers: BTreeSet::new(),
            pidfds: BTreeMap::new(),
            ttys: Slab::new(),
            tty_signals: Vec::new(),
            pts: root,
            mqueue: root,
        }
    }

    /// Puts a file of the host at a path, with the directories on the way, and returns it.
    ///
    /// # Errors
    /// What a look-up gives; `EEXIST` when the path is taken, `ENOSPC` when the contents do not fit into guest memory.
    pub fn install(
        &mut self,
        env: &mut Env<'_>,
        path: &[u8],
        bytes: &[u8],
        permissions: u32,
    ) -> Result<Node, Errno> {
        let name_at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let base = Node::Inode(self.make_directories(env, &path[..name_at], 0o755)?);
        let found = self.walk(env, At { base, path: &path[name_at..] }, FinalLink::Follow)?;
        let vacant = self.vacant(env, found)?;
        let contents = env.cache.create();
        let written = env.cache.write(env.ram, env.frames, contents, 0, bytes);
        if !bytes.is_empty() && written != Ok(bytes.len()) {
            env.cache.release(env.ram, env.frames, contents);
            return Err(Errno::ENOSPC);
        }
        let creation = Creation::by_root(env.now_ns);
        Ok(Node::Inode(self.make(&vacant, InodeKind::Regular(contents), permissions, creation)))
    }

    /// Makes a table whose descriptors 0, 1 and 2 are the host's streams.
    pub fn console_table(&mut self, now_ns: u64) -> FdTableId {
        let table = self.new_table();
        for (fd, console) in (0..).zip([Console::Stdin, Console::Stdout, Console::Stderr]) {
            let open = self.console(console, now_ns);
            self.put_fd(table, Fd(fd), open, OnExec::Keep);
        }
        table
    }

    /// Returns `/`.
    pub const fn root(&self) -> Node {
        Node::Inode(self.root)
    }

    /// Returns the generator of `/dev/urandom`, for getrandom(2).
    pub const fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// Tells whether there is anything that [`Fs::take_wakes`], [`Fs::take_io_signals`] or [`Fs::take_tty_signals`] would return.
    pub fn has_news(&self) -> bool {
        let Self { wakes, sockets, io_signals, tty_signals, .. } = self;
        !(wakes.is_empty()
            && sockets.wakes.is_empty()
            && sockets.urged.is_empty()
            && io_signals.is_empty()
            && tty_signals.is_empty())
    }

    /// Takes what has become possible since the last call: whoever waits for one of these can go on. `has_sleepers` tells who
    /// waits for what.
    #[must_use = "tasks that wait for these sleep for ever otherwise"]
    pub fn take_wakes(&mut self, has_sleepers: impl Fn(Wait) -> bool) -> Vec<Wait> {
        self.wakes.append(&mut self.sockets.wakes);
        self.tell_epolls(has_sleepers);
        self.tell_owners();
        std::mem::take(&mut self.wakes)
    }

    /// Records that something has become possible that the file system does not see itself.
    pub fn announce(&mut self, wait: Wait) {
        self.wakes.push(wait);
    }

    /// Keeps what is there alive without a name: a working directory, a running program.
    pub fn hold(&mut self, node: Node) {
        if let Node::Inode(inode) = node {
            self.inodes[inode].holders += 1;
        }
    }

    /// Ends a [`Fs::hold`].
    pub fn release(&mut self, env: &mut Env<'_>, node: Node) {
        if let Node::Inode(inode) = node {
            self.inodes[inode].holders -= 1;
            self.collect(env, inode);
        }
    }

    /// Frees an inode that has neither name nor holder, and the directories that only it held.
    fn collect(&mut self, env: &mut Env<'_>, inode: InodeId) {
        let mut next = Some(inode);
        while let Some(id) = next.take() {
            let inode = &self.inodes[id];
            if !inode.links.is_empty() || inode.holders > 0 || inode.origin.unseen_links > 0 {
                return;
            }
            self.notify_gone(id);
            let inode = self.inodes.remove(id);
            if let Some(identity) = inode.origin.identity {
                self.linked.remove(&identity);
            }
            self.xattr_bytes -=
                inode.xattrs.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            match inode.kind {
                InodeKind::Anonymous(object) => self.drop_anonymous(id, object),
                InodeKind::Regular(contents) => {
                    self.stored_to.remove(&contents);
                    self.mapped.remove(&contents);
                    self.sources.remove(&contents);
                    env.cache.release(env.ram, env.frames, contents);
                }
                InodeKind::Fifo(pipe) | InodeKind::NamedFifo(pipe) => {
                    self.pipes.remove(pipe);
                }
                // A root that was mounted is above itself.
                InodeKind::Directory(directory) if directory.parent == id => {}
                InodeKind::Directory(directory) => {
                    self.inodes[directory.parent].holders -= 1;
                    next = Some(directory.parent);
                }
                InodeKind::Terminal(tty, end) => self.drop_tty(env, tty, end),
                InodeKind::Socket(socket) => self.close_socket(env, socket),
                InodeKind::Symlink(_)
                | InodeKind::Device(_)
                | InodeKind::Special(..)
                | InodeKind::Console(_)
                | InodeKind::Queue(_)
                | InodeKind::SocketName => {}
            }
        }
    }

    /// Returns how many objects there are, for reports and tests.
    pub fn census(&self) -> Census {
        let fifos =
            self.inodes.iter().filter(|(_, inode)| matches!(inode.kind, InodeKind::NamedFifo(_))).count();
        Census {
            inodes: self.inodes.len(),
            opens: self.opens.len(),
            pipes: self.pipes.len() - fifos,
            sockets: self.sockets.len(),
            tables: self.tables.len(),
            work_dirs: self.work_dirs.len(),
            locks: self.locks.len(),
        }
    }
}

/// How many objects a file system holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Inodes.
    pub inodes: usize,
    /// Open file descriptions.
    pub opens: usize,
    /// Pipes, but for those that FIFOs keep.
    pub pipes: usize,
    /// Sockets.
    pub sockets: usize,
    /// Descriptor tables.
    pub tables: usize,
    /// Working directories.
    pub work_dirs: usize,
    /// Locks on files.
    pub locks: usize,
}
