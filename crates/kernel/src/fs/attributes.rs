//! What files say of themselves: types, attributes, permissions.

use super::allocate::Seals;
use super::device::Device;
use super::flags::{FileType, PERMISSION_BITS, makedev};
use super::inode::{InodeKind, Times};
use super::notify::NotifyMask;
use super::pipe::PipeId;
use super::stat::Stat;
use super::{AccessMode, Env, Fs, Node, OpenId, ProcNode, Processes};
use crate::host::HostChange;
use crate::{Errno, Fd, FileId, Pid};

/// Device numbers of what is in no mount: sockets, pipes, and what has no type.
const SOCKET_DEVICE: u64 = makedev(0, 8);
const PIPE_DEVICE: u64 = makedev(0, 14);
const ANONYMOUS_DEVICE: u64 = makedev(0, 15);

/// Size that `/proc` gives the link of a descriptor (Linux 6.12 fs/proc/fd.c).
const FD_LINK_SIZE: u64 = 64;

/// What utimensat(2) makes of the times of access and change of contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTimes {
    /// Both are now: whoever may write to a file can do that.
    Now,
    /// Those that are given; the others stay.
    Chosen {
        /// `st_atime`.
        accessed_ns: Option<u64>,
        /// `st_mtime`.
        modified_ns: Option<u64>,
    },
}

impl Fs {
    /// Returns what kind of file is there.
    pub fn file_type(&self, node: Node) -> FileType {
        match node {
            Node::Inode(inode) => self.inodes[inode].file_type(),
            Node::Proc(place) => place.file_type(),
        }
    }

    /// Returns the number of a file (`st_ino`).
    pub fn ino(&self, node: Node) -> u64 {
        match node {
            Node::Inode(inode) => self.inodes[inode].number,
            Node::Proc(place) => place.number(),
        }
    }

    /// Tells whether a directory is there.
    pub fn is_directory(&self, node: Node) -> bool {
        self.file_type(node) == FileType::Directory
    }

    /// Returns the contents of a regular file.
    pub fn regular(&self, node: Node) -> Option<FileId> {
        match self.kind(node)? {
            InodeKind::Regular(contents) => Some(*contents),
            _ => None,
        }
    }

    pub(super) fn device(&self, node: Node) -> Option<Device> {
        match self.kind(node)? {
            InodeKind::Device(device) => Some(*device),
            _ => None,
        }
    }

    pub(super) fn pipe_id(&self, node: Node) -> Option<PipeId> {
        match self.kind(node)? {
            InodeKind::Fifo(pipe) | InodeKind::NamedFifo(pipe) => Some(*pipe),
            _ => None,
        }
    }

    pub(super) fn kind(&self, node: Node) -> Option<&InodeKind> {
        match node {
            Node::Inode(inode) => Some(&self.inodes[inode].kind),
            Node::Proc(_) => None,
        }
    }

    /// Returns what a descriptor of a task has open.
    pub(super) fn open_of(&self, processes: &dyn Processes, task: Pid, fd: Fd) -> Option<OpenId> {
        self.tables[processes.fd_table(task)?].get(fd)
    }

    /// Returns a file's attributes (stat(2)).
    pub fn stat(&mut self, env: &mut Env<'_>, node: Node) -> Stat {
        // A directory that cannot be read looks empty.
        let _ = self.read_names(env, node);
        let dev = match self.mount_of(node) {
            Some(mount) => mount.device(),
            None => match self.file_type(node) {
                FileType::Unknown => ANONYMOUS_DEVICE,
                FileType::Socket => SOCKET_DEVICE,
                _ => PIPE_DEVICE,
            },
        };
        match node {
            Node::Inode(id) => {
                let inode = &self.inodes[id];
                let (size, blocks) = match &inode.kind {
                    InodeKind::Regular(contents) => {
                        let (size, block) = (env.cache.size(*contents), u64::from(Stat::BLOCK_SIZE));
                        let pages = match inode.origin.unread {
                            Some(_) => size.div_ceil(block),
                            None => env.cache.occupied_pages(*contents),
                        };
                        (size, pages * block / 512)
                    }
                    InodeKind::Directory(directory) => (directory.size(), 0),
                    InodeKind::Symlink(target) => (target.len() as u64, 0),
                    InodeKind::Queue(_) => (super::mqueue::FILE_BYTES, 0),
                    _ => (0, 0),
                };
                Stat {
                    dev,
                    ino: inode.number,
                    file_type: inode.file_type(),
                    permissions: inode.permissions,
                    nlink: inode.link_count(),
                    uid: inode.uid,
                    gid: inode.gid,
                    rdev: match inode.kind {
                        InodeKind::Terminal(id, end) => self.tty_device(id, end),
                        InodeKind::Device(device) => device.number(),
                        InodeKind::Special(_, number) => number,
                        _ => 0,
                    },
                    size,
                    blocks,
                    times: inode.times,
                }
            }
            Node::Proc(place) => Stat { dev, ..self.stat_proc(env, place) },
        }
    }

    fn stat_proc(&self, env: &Env<'_>, place: ProcNode) -> Stat {
        let now = env.now_ns;
        let (uid, gid) = place.process().map_or((0, 0), |pid| env.processes.owner(pid));
        let subdirectories = |place: &ProcNode| {
            let children = place.children(env.processes);
            children.into_iter().filter(|child| child.file_type() == FileType::Directory).count()
        };
        let size = match place {
            ProcNode::FdLink(..) => FD_LINK_SIZE,
            ProcNode::FdDirectory(subject) => env
                .processes
                .fd_table(subject.number())
                .map_or(0, |table| self.tables[table].fds().count() as u64),
            _ => 0,
        };
        Stat {
            dev: 0,
            ino: place.number(),
            file_type: place.file_type(),
            permissions: self.proc_permissions(env.processes, place),
            nlink: match place.file_type() {
                FileType::Directory => 2 + subdirectories(&place) as u32,
                _ => 1,
            },
            uid,
            gid,
            rdev: 0,
            size,
            blocks: 0,
            times: Times { accessed_ns: now, modified_ns: now, changed_ns: now, born_ns: 0 },
        }
    }

    pub(super) fn proc_permissions(&self, processes: &dyn Processes, place: ProcNode) -> u32 {
        let ProcNode::FdLink(subject, fd) = place else { return place.permissions() };
        let flags = self
            .open_of(processes, subject.number(), fd)
            .map(|open| self.opens[open].flags)
            .unwrap_or_default();
        let read = if flags.is_readable() { 0o500 } else { 0 };
        let write = if flags.is_writable() { 0o300 } else { 0 };
        read | write
    }

    /// Sets the permission bits (chmod(2)).
    ///
    /// # Errors
    /// `EPERM` for who does not own the file, and in `/proc`; `EOPNOTSUPP` for a symbolic link.
    pub fn chmod(&mut self, env: &mut Env<'_>, node: Node, permissions: u32) -> Result<(), Errno> {
        let Node::Inode(inode) = node else { return Err(Errno::EPERM) };
        self.check_changeable(node)?;
        self.check_owner(env.processes, node)?;
        if self.file_type(node) == FileType::Symlink {
            return Err(Errno::EOPNOTSUPP);
        }
        let permissions = self.settable(env.processes, inode, permissions & PERMISSION_BITS);
        self.change_on_host(env, node, |at| HostChange::SetPermissions { at, permissions })?;
        let inode = &mut self.inodes[inode];
        if inode.seals.contains(Seals::EXEC) && (inode.permissions ^ permissions) & 0o111 != 0 {
            return Err(Errno::EPERM);
        }
        inode.permissions = permissions;
        inode.times.changed_ns = env.now_ns;
        self.notify_change(node, NotifyMask::ATTRIB);
        Ok(())
    }

    /// Sets owner and group where they are given (chown(2)).
    ///
    /// # Errors
    /// `EPERM` where the caller may not, and in `/proc`.
    pub fn chown(
        &mut self,
        env: &Env<'_>,
        node: Node,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Result<(), Errno> {
        let Node::Inode(inode) = node else { return Err(Errno::EPERM) };
        self.check_changeable(node)?;
        self.may_give(env.processes, inode, uid, gid)?;
        self.clear_set_ids(env.processes, inode);
        let inode = &mut self.inodes[inode];
        inode.uid = uid.unwrap_or(inode.uid);
        inode.gid = gid.unwrap_or(inode.gid);
        inode.times.changed_ns = env.now_ns;
        if uid.is_some() || gid.is_some() {
            self.notify_change(node, NotifyMask::ATTRIB);
        }
        Ok(())
    }

    /// Sets the times of access and change of contents (utimensat(2)).
    ///
    /// # Errors
    /// `EPERM` for who does not own the file, and in `/proc`; `EACCES` for who may not even write to it, when both times
    /// become the present one.
    pub fn set_times(&mut self, env: &mut Env<'_>, node: Node, times: NewTimes) -> Result<(), Errno> {
        let Node::Inode(inode) = node else { return Err(Errno::EPERM) };
        self.check_changeable(node)?;
        let owned = self.check_owner(env.processes, node);
        let (accessed_ns, modified_ns) = match times {
            NewTimes::Now if owned.is_err() => {
                self.permission(env.processes, node, AccessMode::WRITE)?;
                (Some(env.now_ns), Some(env.now_ns))
            }
            NewTimes::Now => (Some(env.now_ns), Some(env.now_ns)),
            NewTimes::Chosen { accessed_ns, modified_ns } => {
                owned?;
                (accessed_ns, modified_ns)
            }
        };
        self.change_on_host(env, node, |at| HostChange::SetTimes { at, accessed_ns, modified_ns })?;
        let times = &mut self.inodes[inode].times;
        times.accessed_ns = accessed_ns.unwrap_or(times.accessed_ns);
        times.modified_ns = modified_ns.unwrap_or(times.modified_ns);
        times.changed_ns = env.now_ns;
        // As Linux takes it: one time alone looks like a use of the file (fsnotify_change).
        self.notify_change(
            node,
            match (accessed_ns, modified_ns) {
                (Some(_), Some(_)) => NotifyMask::ATTRIB,
                (Some(_), None) => NotifyMask::ACCESS,
                (None, Some(_)) => NotifyMask::MODIFY,
                (None, None) => NotifyMask::empty(),
            },
        );
        Ok(())
    }

    /// Returns how long what is written to a file will last (`F_GET_RW_HINT`).
    pub fn write_hint(&self, open: OpenId) -> u8 {
        match self.opens[open].node {
            Node::Inode(inode) => self.inodes[inode].write_hint,
            Node::Proc(_) => 0,
        }
    }

    /// Keeps how long what is written to a file will last (`F_SET_RW_HINT`).
    ///
    /// # Errors
    /// `EPERM` for who does not own the file.
    pub fn set_write_hint(&mut self, env: &Env<'_>, open: OpenId, hint: u8) -> Result<(), Errno> {
        let node = self.opens[open].node;
        self.check_owner(env.processes, node)?;
        if let Node::Inode(inode) = node {
            self.inodes[inode].write_hint = hint;
        }
        Ok(())
    }

    /// Records that contents changed.
    pub(super) fn touch(&mut self, node: Node, now_ns: u64) {
        if let Node::Inode(inode) = node {
            self.inodes[inode].touch_modified(now_ns);
        }
    }
}
