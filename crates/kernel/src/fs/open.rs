//! Open file descriptions (open(2)): what is open, how, and how far it was read.

use super::anonymous::Watcher;
use super::device::{Console, Device};
use super::flags::{FileType, OpenFlags, PollEvents};
use super::inode::{InodeKind, Link};
use super::io_signal::IoNotice;
use super::mount::MountId;
use super::notify::NotifyMask;
use super::path::FinalLink;
use super::permission::Creation;
use super::stat::MountPlace;
use super::tty::TtyEnd;
use super::wait::Wait;
use super::{AccessMode, At, Env, Fs, MountFlags, Node, ProcNode, Processes};
use crate::host::HostChange;
use crate::mm::Truncated;
use crate::{Errno, FileId};
use std::collections::BTreeSet;

super::slab::key! {
    /// An open file description in [`Fs`].
    OpenId
}

/// An open file description. Every descriptor that names it counts as a reference.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    pub(super) node: Node,
    pub(super) flags: OpenFlags,
    /// Offset in bytes; in a directory, the cookie to go on with.
    pub(super) position: u64,
    pub(super) references: u32,
    /// How many of them are in messages on the way to another process.
    pub(super) in_flight: u32,
    /// How many writers a FIFO had had when it was opened without waiting for one: there is no hang-up before the next.
    pub(super) writers_seen: u64,
    /// What a file of `/proc` said when it was last read from the start.
    pub(super) text: Option<Vec<u8>>,
    /// The epoll instances that watch it, and by which descriptors.
    pub(super) watchers: BTreeSet<Watcher>,
    /// The name by which it was opened. Its directory is held.
    pub(super) link: Option<Link>,
    /// Who is told of its readiness by a signal.
    pub(super) notice: IoNotice,
    /// Whether opening it made the file.
    pub(super) is_created: bool,
}

/// Number of the mount of what is in no file system that a path leads to.
const PIPE_MOUNT: u32 = 14;
/// What is left of a description that lost a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: it is closed.
    Nothing,
    /// It is a socket that only messages refer to: perhaps such that nobody will receive.
    InMessages,
    /// It stays open.
    Held,
}

/// A file that was opened.
#[derive(Debug)]
#[must_use]
pub struct Opened {
    /// Its description, with one reference that is the caller's.
    pub open: OpenId,
    /// Pages that `O_TRUNC` cut off.
    pub truncated: Truncated,
}

/// What can be mapped of an open file (mmap(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mappable {
    /// Pages of the page cache.
    File(FileId),
    /// Zeros: `/dev/zero`, which maps as anonymous memory.
    Zeros,
}

impl Fs {
    /// Opens a path (openat(2)); the caller has applied its umask to `permissions`.
    ///
    /// # Errors
    /// `EINVAL` for flags that contradict each other, `EEXIST`, `EISDIR`, `ENOTDIR`, `ELOOP`, `EACCES`, `EPERM`, `ENXIO` for `/dev/tty`, and what
    /// a look-up gives.
    pub fn open(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        flags: OpenFlags,
        permissions: u32,
    ) -> Result<Opened, Errno> {
        let flags = if flags.contains(OpenFlags::PATH) {
            flags & (OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NOFOLLOW | OpenFlags::CLOEXEC)
        } else {
            flags | OpenFlags::LARGEFILE
        };
        if flags.contains(OpenFlags::TMPFILE) {
            return self.open_unnamed(env, at, flags, permissions);
        }
        if flags.contains(OpenFlags::CREAT | OpenFlags::DIRECTORY) {
            return Err(Errno::EINVAL);
        }
        let (node, link, is_new) = self.find_or_create(env, at, flags, permissions)?;
        self.check_open(node, flags)?;
        if !is_new && !flags.contains(OpenFlags::PATH) {
            self.may_open(env, node, flags)?;
            self.check_served(node, flags)?;
        }
        if flags.is_writable() || flags.contains(OpenFlags::TRUNC) {
            self.check_not_running(node)?;
        }
        if flags.contains(OpenFlags::TRUNC) {
            self.skip_contents(node);
        } else if !flags.contains(OpenFlags::PATH) {
            self.read_contents(env, node)?;
        }
        let node = self.open_terminal(env, node, flags)?;
        let mut truncated = Truncated::default();
        if flags.contains(OpenFlags::TRUNC)
            && !is_new
            && let Some(file) = self.regular(node)
        {
            self.check_resize(env, node, file, 0)?;
            self.change_on_host(env, node, |at| HostChange::SetSize { at, size_bytes: 0 })?;
            truncated = env.cache.set_size(env.ram, env.frames, file, 0);
            self.drop_privileges(env.processes, node);
            self.touch(node, env.now_ns);
            self.notify_change(node, NotifyMask::MODIFY);
        }
        let open = self.describe(node, flags.kept());
        if let Some(link) = &link {
            self.inodes[link.directory].holders += 1;
        }
        self.opens[open].link = link;
        self.opens[open].is_created = is_new;
        self.notify_open(open, NotifyMask::OPEN);
        Ok(Opened { open, truncated })
    }

    /// Walks to what open(2) opens, making a regular file where `O_CREAT` asks for it. Says by which name it is known, and
    /// whether it was made.
    fn find_or_create(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        flags: OpenFlags,
        permissions: u32,
    ) -> Result<(Node, Option<Link>, bool), Errno> {
        let creates = flags.contains(OpenFlags::CREAT);
        let exclusive = creates && flags.contains(OpenFlags::EXCL);
        let last = match (creates, flags.contains(OpenFlags::NOFOLLOW) || exclusive) {
            (true, false) => FinalLink::FollowToCreate,
            (true, true) => FinalLink::KeepToCreate,
            (false, false) => FinalLink::Follow,
            (false, true) => FinalLink::FollowIfSlash,
        };
        let found = self.walk(env, at, last)?;
        match found.node {
            Some(_) if exclusive => Err(Errno::EEXIST),
            Some(node) if creates && self.is_directory(node) => Err(Errno::EISDIR),
            Some(node) if found.trailing_slash && !self.is_directory(node) => Err(Errno::ENOTDIR),
            Some(node) => Ok((node, found.link(), false)),
            None if !creates => Err(Errno::ENOENT),
            None => {
                let vacant = self.vacant(env, found)?;
                let file = self.new_file(env, vacant.directory)?;
                let inode = self.make_for(env, &vacant, file, permissions)?;
                Ok((Node::Inode(inode), Some(vacant.link()), true))
            }
        }
    }

    /// Checks what is there against the flags (Linux 6.12 fs/namei.c do_open, may_open).
    fn check_open(&self, node: Node, flags: OpenFlags) -> Result<(), Errno> {
        let file_type = self.file_type(node);
        if flags.contains(OpenFlags::DIRECTORY) && file_type != FileType::Directory {
            return Err(Errno::ENOTDIR);
        }
        if flags.contains(OpenFlags::PATH) {
            return Ok(());
        }
        match file_type {
            FileType::Symlink => Err(Errno::ELOOP),
            FileType::Directory if flags.is_writable() || flags.contains(OpenFlags::TRUNC) => {
                Err(Errno::EISDIR)
            }
            // Only the call that makes it opens what has no name.
            FileType::Socket | FileType::Unknown => Err(Errno::ENXIO),
            _ => Ok(()),
        }
    }

    /// Checks whether the caller may open what was there before (Linux 6.12 fs/namei.c may_open).
    ///
    /// # Errors
    /// `EACCES`; `EPERM` for `O_NOATIME` on a file of somebody else.
    fn may_open(&self, env: &Env<'_>, node: Node, flags: OpenFlags) -> Result<(), Errno> {
        let is_device = matches!(self.file_type(node), FileType::CharDevice | FileType::BlockDevice);
        if is_device && self.mount_flags(node).contains(MountFlags::NODEV) {
            return Err(Errno::EACCES);
        }
        let mut mode = flags.wanted_access();
        mode.set(AccessMode::WRITE, mode.contains(AccessMode::WRITE) || flags.contains(OpenFlags::TRUNC));
        self.permission(env.processes, node, mode)?;
        if let Node::Proc(ProcNode::ProcessFile(subject, file)) = node
            && file.shows_memory()
        {
            if !env.processes.may_inspect(subject.process()) {
                return Err(Errno::EACCES);
            }
            if file.needs_memory() && !env.processes.has_memory(subject.number()) {
                return Err(Errno::ESRCH);
            }
        }
        if flags.contains(OpenFlags::NOATIME) { self.check_owner(env.processes, node) } else { Ok(()) }
    }

    /// Opens a new file without a name in a directory (`O_TMPFILE`).
    fn open_unnamed(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        flags: OpenFlags,
        permissions: u32,
    ) -> Result<Opened, Errno> {
        if !flags.contains(OpenFlags::DIRECTORY) || !flags.is_writable() {
            return Err(Errno::EINVAL);
        }
        let directory = self.walk(env, at, FinalLink::Follow)?.node.ok_or(Errno::ENOENT)?;
        match directory {
            node if !self.is_directory(node) => return Err(Errno::ENOTDIR),
            Node::Proc(_) => return Err(Errno::EOPNOTSUPP),
            Node::Inode(directory) => self.may_create(env.processes, directory)?,
        }
        let file = InodeKind::Regular(env.cache.create());
        let inode = self.new_inode(file, permissions, env.creation());
        let mut path = self.path_of(directory);
        path.extend_from_slice(format!("/#{}", self.inodes[inode].number).as_bytes());
        self.inodes[inode].deleted_path = Some(path);
        self.inodes[inode].mount = self.mount_of(directory);
        self.charge_mount(env, inode);
        self.inodes[inode].is_linkable = !flags.contains(OpenFlags::EXCL);
        let open = self.describe(Node::Inode(inode), flags.kept());
        Ok(Opened { open, truncated: Truncated::default() })
    }

    /// Makes a pipe: its read end, then its write end (pipe2(2)). Of `flags`, `O_NONBLOCK` and `O_DIRECT`
    /// count.
    ///
    /// # Errors
    /// `ENFILE` when the user has as many pages of pipes as he may.
    pub fn pipe(&mut self, env: &Env<'_>, flags: OpenFlags) -> Result<(OpenId, OpenId), Errno> {
        let pipe = self.new_pipe(env)?;
        let node = Node::Inode(self.new_inode(InodeKind::Fifo(pipe), 0o600, env.creation()));
        let status = flags & (OpenFlags::NONBLOCK | OpenFlags::DIRECT);
        let reader = self.describe(node, status - OpenFlags::DIRECT);
        Ok((reader, self.describe(node, status | OpenFlags::WRONLY)))
    }

    /// Opens a stream of the host.
    pub fn console(&mut self, console: Console, now_ns: u64) -> OpenId {
        let node = Node::Inode(self.new_inode(InodeKind::Console(console), 0o600, Creation::by_root(now_ns)));
        let flags = if console == Console::Stdin { OpenFlags::empty() } else { OpenFlags::WRONLY };
        self.describe(node, flags)
    }

    /// Makes a description of `node` with one reference.
    pub(super) fn describe(&mut self, node: Node, flags: OpenFlags) -> OpenId {
        self.hold(node);
        if let Some((id, TtyEnd::Slave)) = self.tty_at(node) {
            self.count_slave(id, 1);
        }
        let writers_seen = self.open_ends(node, flags);
        self.count_writer(node, flags, 1);
        let watchers = BTreeSet::new();
        self.opens.insert(OpenFile {
            node,
            flags,
            position: 0,
            references: 1,
            in_flight: 0,
            writers_seen,
            text: None,
            watchers,
            link: None,
            notice: IoNotice::default(),
            is_created: false,
        })
    }

    /// Adds a reference to a description.
    pub fn hold_open(&mut self, open: OpenId) {
        self.opens[open].references += 1;
    }

    /// Removes a reference from a description. With the last one, what was open is let go: an unlinked file is freed, and a
    /// pipe's other end is woken when this was the last on its side.
    pub fn close(&mut self, env: &mut Env<'_>, open: OpenId) {
        let mut left = self.let_go(env, open);
        loop {
            if left == Left::InMessages {
                self.collect_rights();
            }
            left = self.drop_rights(env);
            if left != Left::InMessages {
                break;
            }
        }
        self.dissolve_detached(env);
    }

    /// Removes a reference from a description, and with the last one what was open.
    pub(super) fn let_go(&mut self, env: &mut Env<'_>, open: OpenId) -> Left {
        let file = &mut self.opens[open];
        file.references -= 1;
        if file.references > 0 {
            let is_out = file.references == file.in_flight && self.socket_in(open).is_some();
            return if is_out { Left::InMessages } else { Left::Held };
        }
        let is_writable = file.flags.is_writable();
        let closing = if is_writable { NotifyMask::CLOSE_WRITE } else { NotifyMask::CLOSE_NOWRITE };
        self.notify_open(open, closing);
        self.stop_telling(open);
        self.drop_lease(open);
        self.release_locks(open);
        self.unwatch(open);
        let closed = self.opens.remove(open);
        if let Some(id) = self.pipe_id(closed.node) {
            let pipe = &mut self.pipes[id];
            pipe.close(closed.flags);
            if pipe.writers == 0 {
                self.wakes.push(Wait::PipeReadable(id));
            }
            if pipe.readers == 0 {
                self.wakes.push(Wait::PipeWritable(id));
            }
        }
        if let Some((id, TtyEnd::Slave)) = self.tty_at(closed.node) {
            self.count_slave(id, -1);
        }
        self.count_writer(closed.node, closed.flags, -1);
        self.release(env, closed.node);
        if let Some(link) = closed.link {
            self.release(env, Node::Inode(link.directory));
        }
        Left::Nothing
    }

    /// Notes that a description with which a file can be written comes or goes: exec refuses what somebody may be writing.
    /// A file of memory (memfd_create(2)) is in no mount, and its own description does not count.
    fn count_writer(&mut self, node: Node, flags: OpenFlags, by: i32) {
        if let Node::Inode(inode) = node
            && flags.is_writable()
            && self.inodes[inode].mount.is_some()
        {
            let writers = &mut self.inodes[inode].writers;
            *writers = writers.saturating_add_signed(by);
        }
    }

    /// Checks that a file that is going to be written is no running program (`deny_write_access`).
    ///
    /// # Errors
    /// `ETXTBSY`.
    pub(super) fn check_not_running(&self, node: Node) -> Result<(), Errno> {
        match node {
            Node::Inode(inode) if self.inodes[inode].programs > 0 => Err(Errno::ETXTBSY),
            _ => Ok(()),
        }
    }

    /// Keeps the file of a running program: it lives, and is not written to, until [`Fs::release_program`].
    pub fn hold_program(&mut self, node: Node) {
        self.hold(node);
        if let Node::Inode(inode) = node {
            self.inodes[inode].programs += 1;
        }
    }

    /// Ends a [`Fs::hold_program`].
    pub fn release_program(&mut self, env: &mut Env<'_>, node: Node) {
        if let Node::Inode(inode) = node {
            self.inodes[inode].programs -= 1;
        }
        self.release(env, node);
    }

    /// Returns what a description has open.
    pub fn node(&self, open: OpenId) -> Node {
        self.opens[open].node
    }

    /// Returns the offset of a description.
    pub fn position(&self, open: OpenId) -> u64 {
        self.opens[open].position
    }

    /// Tells whether the open(2) that made a description made the file too (`F_CREATED_QUERY`).
    pub fn is_created(&self, open: OpenId) -> bool {
        self.opens[open].is_created
    }

    /// Returns access mode and status flags (`F_GETFL`).
    pub fn status_flags(&self, open: OpenId) -> OpenFlags {
        self.opens[open].flags
    }

    /// Returns in which mount a file is.
    pub fn mount_place(&self, node: Node) -> MountPlace {
        let mount = self.mount_of(node);
        MountPlace {
            mount: mount.map_or(PIPE_MOUNT, MountId::number),
            is_root: mount.is_some_and(|id| self.mounts[id].root == node),
            knows_birth: mount.is_some() && matches!(node, Node::Inode(_)),
        }
    }

    /// Composes the text about a descriptor that has `open` open (`/proc/<pid>/fdinfo/<n>`).
    pub fn fd_info(&self, env: &Env<'_>, open: OpenId) -> String {
        let file = &self.opens[open];
        let mount = self.mount_place(file.node).mount;
        let particulars =
            self.anonymous(file.node).map(|(inode, object)| self.object_info(env, inode, object));
        format!(
            "pos:\t{}\nflags:\t0{:o}\nmnt_id:\t{mount}\nino:\t{}\n{}",
            file.position,
            file.flags.bits(),
            self.ino(file.node),
            particulars.unwrap_or_default()
        )
    }

    /// Sets those status flags that can change (`F_SETFL`).
    pub fn set_status_flags(&mut self, open: OpenId, flags: OpenFlags) {
        let file = &mut self.opens[open];
        file.flags = file.flags.difference(OpenFlags::SETTABLE) | (flags & OpenFlags::SETTABLE);
    }

    /// Returns what a description is ready for (poll(2)). What has no notion of readiness always is.
    pub fn poll(&self, processes: &dyn Processes, open: OpenId) -> PollEvents {
        let file = &self.opens[open];
        let readable = PollEvents::IN | PollEvents::RDNORM;
        let writable = PollEvents::OUT | PollEvents::WRNORM;
        if file.flags.contains(OpenFlags::PATH) {
            return PollEvents::NVAL;
        }
        if let Some((_, object)) = self.anonymous(file.node) {
            return self.poll_anonymous(processes, object);
        }
        if let Node::Inode(inode) = file.node
            && let Some(queue) = self.inodes[inode].kind.queue()
        {
            return queue.poll();
        }
        if let Some((id, end)) = self.tty(open) {
            return self.poll_tty(id, end);
        }
        if let Ok(socket) = self.socket_of(open) {
            return self.sockets.poll(socket);
        }
        let Some(pipe) = self.open_pipe(open).map(|id| &self.pipes[id]) else { return readable | writable };
        let mut events = PollEvents::empty();
        if file.flags.is_readable() {
            events.set(readable, !pipe.is_empty());
            events.set(PollEvents::HUP, pipe.writers == 0 && pipe.writers_seen != file.writers_seen);
        }
        if file.flags.is_writable() {
            events.set(writable, !pipe.is_full());
            events.set(PollEvents::ERR, pipe.readers == 0);
        }
        events
    }

    /// Returns what would change the answer of [`Fs::poll`]; nothing for what is always ready.
    pub fn poll_waits(&self, processes: &dyn Processes, open: OpenId) -> Vec<Wait> {
        let OpenFile { node, flags, .. } = self.opens[open];
        if let Some((id, end)) = self.tty(open) {
            return Self::tty_waits(id, end);
        }
        if let Node::Inode(inode) = node
            && self.inodes[inode].kind.queue().is_some()
        {
            return vec![Wait::Readable(inode), Wait::Writable(inode)];
        }
        if let Some((inode, object)) = self.anonymous(node) {
            return object.waits(processes, inode);
        }
        if let Ok(socket) = self.socket_of(open) {
            return self.sockets.poll_waits(socket);
        }
        let Some(id) = self.open_pipe(open) else { return Vec::new() };
        let reads = flags.is_readable().then_some(Wait::PipeReadable(id));
        let writes = flags.is_writable().then_some(Wait::PipeWritable(id));
        reads.into_iter().chain(writes).collect()
    }

    /// Returns what mmap(2) maps of a description.
    ///
    /// # Errors
    /// `EBADF` for one opened with `O_PATH`, `ENODEV` for what cannot be mapped.
    pub fn mappable(&mut self, open: OpenId) -> Result<Mappable, Errno> {
        let OpenFile { node, flags, .. } = self.opens[open];
        if flags.contains(OpenFlags::PATH) {
            return Err(Errno::EBADF);
        }
        match (self.regular(node), self.device(node)) {
            (Some(contents), _) => {
                if flags.is_writable() {
                    self.note_shared_mapping(node, contents);
                }
                Ok(Mappable::File(contents))
            }
            (_, Some(Device::Zero)) => Ok(Mappable::Zeros),
            _ => Err(Errno::ENODEV),
        }
    }
}
