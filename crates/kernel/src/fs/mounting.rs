//! What programs mount and unmount (mount(2), umount2(2); Linux 6.12 fs/namespace.c): file systems in memory, and how what is
//! mounted may be used. What was mounted before the first program stays.

use super::directory::Directory;
use super::inode::{InodeId, InodeKind};
use super::mount::{Mount, MountId, MountKind};
use super::notify::NotifyMask;
use super::path::LookupFlags;
use super::tmpfs::TmpfsOptions;
use super::{At, Env, FileType, Fs, Node};
use crate::Errno;
use crate::creds::Capabilities;
use bitflags::bitflags;

bitflags! {
    /// What is forbidden in a mount (`MS_*` of mount(2), `ST_*` of statvfs(3)).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MountFlags: u64 {
        /// `MS_RDONLY`: to change anything.
        const RDONLY = 1;
        /// `MS_NOSUID`: to become somebody else by running a program.
        const NOSUID = 2;
        /// `MS_NODEV`: to open devices.
        const NODEV = 4;
        /// `MS_NOEXEC`: to run programs.
        const NOEXEC = 8;
    }
}

/// How to unmount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmount {
    /// At once, unless somebody uses it.
    Idle,
    /// At once from the tree; what is in use goes when it is no more (`MNT_DETACH`).
    Detach,
    /// When it was asked for twice and nobody has used it in between (`MNT_EXPIRE`).
    Expire,
}

impl Fs {
    /// Finds where to mount, or what to unmount.
    fn mount_point(&mut self, env: &mut Env<'_>, at: At<'_>, flags: LookupFlags) -> Result<Node, Errno> {
        let node = self.lookup(env, at, flags)?;
        if !env.credentials().can(Capabilities::SYS_ADMIN) {
            return Err(Errno::EPERM);
        }
        Ok(node)
    }

    /// Mounts an empty tmpfs over a directory.
    ///
    /// # Errors
    /// `EPERM`, `ENOTDIR`, `EINVAL` for options that make no sense, `ENOSYS` in `/proc` and `/sys`, and what a look-up gives.
    pub fn mount_new(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        source: &[u8],
        flags: MountFlags,
        options: &[u8],
    ) -> Result<(), Errno> {
        let node = self.mount_point(env, at, LookupFlags::empty())?;
        let options = TmpfsOptions::parse(options, env.frames.gauges().total)?;
        if !self.is_directory(node) {
            return Err(Errno::ENOTDIR);
        }
        let Node::Inode(covers) = node else { return Err(Errno::ENOSYS) };
        let kind = InodeKind::Directory(Directory::new(covers));
        let root = self.new_root(kind, options.permissions, env.now_ns);
        (self.inodes[root].uid, self.inodes[root].gid) = (options.uid, options.gid);
        let id = self.mount(MountKind::Tmpfs, covers, Node::Inode(root));
        let mount = &mut self.mounts[id];
        (mount.flags, mount.is_guests) = (flags, true);
        mount.source = Some(source.to_vec());
        self.limit_mount(env, id, options);
        Ok(())
    }

    /// Changes how a mount may be used (`MS_REMOUNT`), and how much a tmpfs holds.
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is no root of a mount, and for less than it holds already; `EBUSY` when it is to be read and somebody has a file in it open for
    /// writing.
    pub fn remount(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        flags: MountFlags,
        options: &[u8],
    ) -> Result<(), Errno> {
        let node = self.mount_point(env, at, LookupFlags::empty())?;
        let id = self.mount_of(node).filter(|id| self.mounts[*id].root == node).ok_or(Errno::EINVAL)?;
        let writers = |inode: &super::Inode| inode.mount == Some(id) && inode.writers > 0;
        if flags.contains(MountFlags::RDONLY) && self.inodes.iter().any(|(_, inode)| writers(inode)) {
            return Err(Errno::EBUSY);
        }
        if self.mounts[id].is_guests {
            let asked = TmpfsOptions::parse(options, env.frames.gauges().total)?;
            self.change_limits(env, id, &asked)?;
        }
        self.mounts[id].flags = flags;
        Ok(())
    }

    /// Checks that somebody may say how mounts propagate, which with one namespace changes nothing.
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is no root of a mount.
    pub fn set_propagation(&mut self, env: &mut Env<'_>, at: At<'_>) -> Result<(), Errno> {
        let node = self.mount_point(env, at, LookupFlags::empty())?;
        let is_root = self.mount_of(node).is_some_and(|id| self.mounts[id].root == node);
        if is_root { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// Takes a mount away.
    ///
    /// # Errors
    /// `EPERM`; `EINVAL` for what is no root of a mount; `EBUSY` while it is used, and for what was there at the start;
    /// `EAGAIN` for the first of two calls with `MNT_EXPIRE`.
    pub fn unmount(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        flags: LookupFlags,
        how: Unmount,
    ) -> Result<(), Errno> {
        let node = self.mount_point(env, at, flags)?;
        let id = self.mount_of(node).filter(|id| self.mounts[*id].root == node).ok_or(Errno::EINVAL)?;
        let is_busy = self.is_used(id);
        let mount = &mut self.mounts[id];
        let Some(covers) = mount.covers.filter(|_| mount.is_guests) else { return Err(Errno::EBUSY) };
        match how {
            Unmount::Idle | Unmount::Expire if is_busy => return Err(Errno::EBUSY),
            Unmount::Expire if !mount.is_expiring => {
                mount.is_expiring = true;
                return Err(Errno::EAGAIN);
            }
            _ => {}
        }
        mount.covers = None;
        self.covered.remove(&covers);
        if is_busy {
            self.detached.push(id);
        } else {
            self.dissolve(env, id);
        }
        self.release(env, Node::Inode(covers));
        Ok(())
    }

    /// Tells whether something in a mount is open, somebody's directory, or covered by another mount.
    fn is_used(&self, id: MountId) -> bool {
        let inside = || self.inodes.iter().filter(|(_, inode)| inode.mount == Some(id));
        let holders: u32 = inside().map(|(_, inode)| inode.holders).sum();
        // The mount holds its root, and each directory the one above it.
        let directories = inside().filter(|(_, inode)| inode.directory().is_some()).count() as u32;
        holders > directories
    }

    /// Frees everything in a mount that nobody uses (`generic_shutdown_super`).
    fn dissolve(&mut self, env: &mut Env<'_>, id: MountId) {
        let inside = self.inodes.iter().filter(|(_, inode)| inode.mount == Some(id));
        let inodes: Vec<InodeId> = inside.map(|(inode, _)| inode).collect();
        for inode in &inodes {
            self.notify_unmounted(*inode);
            self.names -= self.inodes[*inode].links.len() as u64;
            self.inodes[*inode].links.clear();
        }
        let Mount { root, .. } = self.mounts.remove(id);
        env.cache.lift_limit(id.quota());
        let (directories, files): (Vec<_>, Vec<_>) =
            inodes.into_iter().partition(|inode| self.inodes[*inode].file_type() == FileType::Directory);
        let leaves = directories.into_iter().filter(|inode| self.inodes[*inode].holders == 0);
        for inode in leaves.collect::<Vec<_>>().into_iter().chain(files) {
            self.collect(env, inode);
        }
        self.release(env, root);
    }

    /// Frees detached mounts that nobody uses any more.
    pub(super) fn dissolve_detached(&mut self, env: &mut Env<'_>) {
        if self.detached.is_empty() {
            return;
        }
        let (used, idle): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.detached).into_iter().partition(|id| self.is_used(*id));
        self.detached = used;
        for id in idle {
            self.dissolve(env, id);
        }
    }

    /// Returns what is forbidden where a place is.
    pub(super) fn mount_flags(&self, node: Node) -> MountFlags {
        self.mount_of(node).map_or(MountFlags::empty(), |id| self.mounts[id].flags)
    }

    /// Checks that a file may be changed where it is (`mnt_want_write`).
    ///
    /// # Errors
    /// `EROFS`.
    pub(super) fn check_changeable(&self, node: Node) -> Result<(), Errno> {
        if self.mount_flags(node).contains(MountFlags::RDONLY) { Err(Errno::EROFS) } else { Ok(()) }
    }

    fn notify_unmounted(&mut self, inode: InodeId) {
        let node = Node::Inode(inode);
        self.notify_self(node, NotifyMask::UNMOUNT);
        self.end_watching(node);
    }
}
