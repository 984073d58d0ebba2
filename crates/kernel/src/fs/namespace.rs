//! Operations on names: make, remove, move (Linux 6.12 fs/namei.c).

use super::directory::Directory;
use super::inode::{Inode, InodeKind, Link};
use super::notify::NotifyMask;
use super::path::{FinalLink, Found, Last, PATH_MAX};
use super::permission::Creation;
use super::{AccessMode, At, Env, Fs, InodeId, Node, RenameFlags};
use crate::Errno;

/// The permission bits that mkdir(2) takes.
const MKDIR_BITS: u32 = 0o1777;

/// A name that can be made: nothing has it yet.
pub(super) struct Vacant {
    pub(super) directory: InodeId,
    pub(super) name: Vec<u8>,
}

impl Vacant {
    /// Returns the name as the one of what is made.
    pub(super) fn link(&self) -> Link {
        Link { directory: self.directory, name: self.name.clone() }
    }
}

/// Whether a slash may follow the name of what is made: only a directory's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slash {
    Allowed,
    Refused,
}

/// A name that is there.
pub(super) struct Named {
    pub(super) directory: InodeId,
    pub(super) name: Vec<u8>,
    pub(super) inode: InodeId,
}

impl Named {
    fn link(&self) -> Link {
        Link { directory: self.directory, name: self.name.clone() }
    }
}

impl Fs {
    /// Makes a directory (mkdirat(2)); the caller has applied its umask to `permissions`.
    ///
    /// # Errors
    /// `EEXIST`, and what a look-up gives.
    pub fn mkdir(&mut self, env: &mut Env<'_>, at: At<'_>, permissions: u32) -> Result<(), Errno> {
        let found = self.walk(env, at, FinalLink::Keep)?;
        let vacant = self.vacant(env, found)?;
        let kind = InodeKind::Directory(Directory::new(vacant.directory));
        self.make_for(env, &vacant, kind, permissions & MKDIR_BITS)?;
        Ok(())
    }

    /// Makes a symbolic link with the text `target` (symlinkat(2)).
    ///
    /// # Errors
    /// `ENOENT` when `target` is empty, `ENAMETOOLONG`, `EEXIST`, and what a look-up gives.
    pub fn symlink(&mut self, env: &mut Env<'_>, target: &[u8], at: At<'_>) -> Result<(), Errno> {
        match target.len() {
            0 => return Err(Errno::ENOENT),
            PATH_MAX.. => return Err(Errno::ENAMETOOLONG),
            _ => {}
        }
        let found = self.walk(env, at, FinalLink::Keep)?;
        let vacant = self.vacant_without_slash(env, found)?;
        self.make_for(env, &vacant, InodeKind::Symlink(target.to_vec()), 0o777)?;
        Ok(())
    }

    /// Gives `node` one more name (linkat(2)). The caller has looked `node` up with the flags it was given.
    ///
    /// # Errors
    /// `EPERM` for a directory or a file that is not the caller's to link, `EXDEV` for what is not in this file system, `ENOENT` for a file whose last name is gone,
    /// `EEXIST`, and what a look-up gives.
    pub fn link(&mut self, env: &mut Env<'_>, node: Node, at: At<'_>) -> Result<(), Errno> {
        let found = self.walk(env, at, FinalLink::Keep)?;
        let vacant = self.free_name(found, Slash::Refused)?;
        let Node::Inode(inode) = node else { return Err(Errno::EXDEV) };
        if self.inodes[inode].mount != self.inodes[vacant.directory].mount {
            return Err(Errno::EXDEV);
        }
        self.may_link(env.processes, node)?;
        self.may_take(env, &vacant)?;
        let file = &self.inodes[inode];
        match file.kind {
            InodeKind::Directory(_) => return Err(Errno::EPERM),
            _ if file.links.is_empty() && !file.is_linkable => return Err(Errno::ENOENT),
            _ => {}
        }
        self.link_on_host(env, inode, &vacant)?;
        self.attach(&vacant, inode, env.now_ns);
        self.notify_link_count(inode);
        self.notify_name(&vacant.link(), node, NotifyMask::CREATE);
        Ok(())
    }

    /// Removes a name of a file that is no directory (unlinkat(2)).
    ///
    /// # Errors
    /// `EISDIR` for a directory, `ENOTDIR` when a slash follows, `EBUSY` for what a mount covers, `EPERM` in `/proc`, and what a
    /// look-up gives.
    pub fn unlink(&mut self, env: &mut Env<'_>, at: At<'_>) -> Result<(), Errno> {
        let found = self.walk(env, at, FinalLink::Keep)?;
        let Last::Name(name) = found.last else { return Err(Errno::EISDIR) };
        let node = found.node.ok_or(Errno::ENOENT)?;
        let is_directory = self.is_directory(node);
        if found.trailing_slash {
            return Err(if is_directory { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        if self.covered_by(node).is_some() {
            return Err(Errno::EBUSY);
        }
        let (Node::Inode(directory), Node::Inode(inode)) = (found.directory, node) else {
            return Err(if is_directory { Errno::EISDIR } else { Errno::EPERM });
        };
        self.may_delete(env.processes, directory, inode)?;
        if is_directory {
            return Err(Errno::EISDIR);
        }
        let named = Named { directory, name, inode };
        self.remove_on_host(env, &named)?;
        self.detach(&named, env.now_ns);
        self.notify_link_count(inode);
        self.let_name_go(env, &named);
        Ok(())
    }

    /// Removes an empty directory (unlinkat(2) with `AT_REMOVEDIR`).
    ///
    /// # Errors
    /// `ENOTDIR`, `ENOTEMPTY`, `EINVAL` for `.`, `EBUSY` for the root of a mount, `EPERM` in `/proc`, and what a look-up
    /// gives.
    pub fn rmdir(&mut self, env: &mut Env<'_>, at: At<'_>) -> Result<(), Errno> {
        let found = self.walk(env, at, FinalLink::Keep)?;
        let name = match found.last {
            Last::Name(name) => name,
            Last::Dot => return Err(Errno::EINVAL),
            Last::DotDot => return Err(Errno::ENOTEMPTY),
            Last::Place => return Err(Errno::EBUSY),
        };
        let node = found.node.ok_or(Errno::ENOENT)?;
        self.read_names(env, node)?;
        let (directory, inode) = match (found.directory, node) {
            _ if self.covered_by(node).is_some() => return Err(Errno::EBUSY),
            (Node::Inode(directory), Node::Inode(inode)) => (directory, inode),
            (_, node) if !self.is_directory(node) => return Err(Errno::ENOTDIR),
            _ => return Err(Errno::EPERM),
        };
        self.may_delete(env.processes, directory, inode)?;
        match self.inodes[inode].directory() {
            None => return Err(Errno::ENOTDIR),
            Some(removed) if !removed.is_empty() => return Err(Errno::ENOTEMPTY),
            Some(_) => {}
        }
        let named = Named { directory, name, inode };
        self.remove_on_host(env, &named)?;
        self.detach(&named, env.now_ns);
        self.let_name_go(env, &named);
        Ok(())
    }

    /// Frees what had its last name taken, if nobody has it open, and tells that the name is gone (`d_delete_notify`).
    fn let_name_go(&mut self, env: &mut Env<'_>, named: &Named) {
        let node = Node::Inode(named.inode);
        self.hold(Node::Inode(named.directory));
        let kind = if self.is_directory(node) { NotifyMask::ISDIR } else { NotifyMask::empty() };
        self.collect(env, named.inode);
        self.notify_lost_name(&named.link(), NotifyMask::DELETE | kind);
        self.release(env, Node::Inode(named.directory));
    }

    /// Moves a name (renameat2(2)).
    ///
    /// # Errors
    /// `ENOENT`, `EEXIST` with `NOREPLACE`, `ENOTDIR`, `EISDIR`, `ENOTEMPTY`, `EINVAL` for a directory into itself, `EBUSY` for
    /// `.`, `..` and the root of a mount, `EXDEV` from one mount to another, and what a look-up gives.
    pub fn rename(
        &mut self,
        env: &mut Env<'_>,
        from: At<'_>,
        to: At<'_>,
        flags: RenameFlags,
    ) -> Result<(), Errno> {
        if flags.contains(RenameFlags::NOREPLACE | RenameFlags::EXCHANGE) {
            return Err(Errno::EINVAL);
        }
        let exchanges = flags.contains(RenameFlags::EXCHANGE);
        let from = self.walk(env, from, FinalLink::Keep)?;
        let to = self.walk(env, to, FinalLink::Keep)?;
        if self.mount_of(from.directory) != self.mount_of(to.directory) {
            return Err(Errno::EXDEV);
        }
        let (Node::Inode(from_directory), Node::Inode(to_directory)) = (from.directory, to.directory) else {
            return Err(Errno::EPERM);
        };
        let Last::Name(from_name) = from.last else { return Err(Errno::EBUSY) };
        let Last::Name(to_name) = to.last else {
            return Err(if flags.contains(RenameFlags::NOREPLACE) { Errno::EEXIST } else { Errno::EBUSY });
        };
        let source = from.node.ok_or(Errno::ENOENT)?;
        match to.node {
            Some(_) if flags.contains(RenameFlags::NOREPLACE) => return Err(Errno::EEXIST),
            None if exchanges => return Err(Errno::ENOENT),
            _ => {}
        }
        let is_directory = |node: Node| self.is_directory(node);
        if !is_directory(source) && (from.trailing_slash || to.trailing_slash && !exchanges) {
            return Err(Errno::ENOTDIR);
        }
        if exchanges && to.trailing_slash && !to.node.is_some_and(is_directory) {
            return Err(Errno::ENOTDIR);
        }
        if self.is_within(to_directory, source) {
            return Err(Errno::EINVAL);
        }
        if to.node.is_some_and(|target| self.is_within(from_directory, target)) {
            return Err(if exchanges { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        if self.inodes[to_directory].directory().is_some_and(|directory| directory.is_removed) {
            return Err(Errno::ENOENT);
        }
        if [Some(source), to.node].into_iter().flatten().any(|node| self.covered_by(node).is_some()) {
            return Err(Errno::EBUSY);
        }
        if let Some(target) = to.node {
            self.read_names(env, target)?;
        }
        let Node::Inode(inode) = source else { return Err(Errno::EBUSY) };
        if to.node == Some(source) {
            // Two names of one file stay as they are.
            return Ok(());
        }
        self.may_rename(env, (from_directory, inode), (to_directory, to.node), exchanges)?;
        let source = Named { directory: from_directory, name: from_name, inode };
        let vacant = Vacant { directory: to_directory, name: to_name };
        match to.node {
            None => {
                self.move_on_host(env, &source, &vacant, None, exchanges)?;
                self.move_name(&source, &vacant, env.now_ns);
                self.notify_move(inode, &source.link(), &vacant.link(), None);
            }
            Some(Node::Proc(_)) => return Err(Errno::EBUSY),
            Some(Node::Inode(target)) => {
                if !exchanges {
                    self.replaceable(inode, target)?;
                }
                self.move_on_host(env, &source, &vacant, Some(target), exchanges)?;
                let target = Named { directory: vacant.directory, name: vacant.name, inode: target };
                if exchanges {
                    self.exchange(&source, &target, env.now_ns);
                    let (from, to) = (source.link(), target.link());
                    self.notify_move(inode, &from, &to, None);
                    self.notify_move(target.inode, &to, &from, None);
                } else {
                    self.detach(&target, env.now_ns);
                    let vacant = Vacant { directory: target.directory, name: target.name };
                    self.move_name(&source, &vacant, env.now_ns);
                    self.notify_move(inode, &source.link(), &vacant.link(), Some(target.inode));
                    self.collect(env, target.inode);
                }
            }
        }
        Ok(())
    }

    /// Checks whether the caller may move a name, and what has the new one away (`vfs_rename`). A directory that gets another
    /// parent is written to, for its `..`.
    fn may_rename(
        &self,
        env: &Env<'_>,
        (from, source): (InodeId, InodeId),
        (to, target): (InodeId, Option<Node>),
        exchanges: bool,
    ) -> Result<(), Errno> {
        self.may_delete(env.processes, from, source)?;
        let target = match target {
            Some(Node::Inode(target)) => Some(target),
            _ => None,
        };
        match target {
            Some(target) => self.may_delete(env.processes, to, target)?,
            None => self.may_create(env.processes, to)?,
        }
        if from == to {
            return Ok(());
        }
        for moved in [Some(source), target.filter(|_| exchanges)].into_iter().flatten() {
            if self.inodes[moved].directory().is_some() {
                self.permission(env.processes, Node::Inode(moved), AccessMode::WRITE)?;
            }
        }
        Ok(())
    }

    /// Checks that a move may replace `target` by `source`.
    fn replaceable(&self, source: InodeId, target: InodeId) -> Result<(), Errno> {
        match (self.inodes[source].directory(), self.inodes[target].directory()) {
            (Some(_), None) => Err(Errno::ENOTDIR),
            (None, Some(_)) => Err(Errno::EISDIR),
            (_, Some(target)) if !target.is_empty() => Err(Errno::ENOTEMPTY),
            _ => Ok(()),
        }
    }

    /// Tells whether `directory` is `ancestor` or lies below it.
    fn is_within(&self, directory: InodeId, ancestor: Node) -> bool {
        let mut here = directory;
        loop {
            if self.across_mount(here) == ancestor {
                return true;
            }
            match self.inodes[here].directory() {
                Some(it) if it.parent != here => here = it.parent,
                _ => return false,
            }
        }
    }

    /// Checks that nothing has the name yet, that its directory takes names, and that the caller may make one.
    ///
    /// # Errors
    /// `EEXIST`, `ENOENT` in a removed directory and in `/proc`, `EACCES`, `ENOSPC` when there are as many names as there may
    /// be.
    pub(super) fn vacant(&self, env: &Env<'_>, found: Found) -> Result<Vacant, Errno> {
        let vacant = self.free_name(found, Slash::Allowed)?;
        self.may_take(env, &vacant)?;
        Ok(vacant)
    }

    /// The same for what is not going to be a directory, so that no slash may follow.
    pub(super) fn vacant_without_slash(&self, env: &Env<'_>, found: Found) -> Result<Vacant, Errno> {
        let vacant = self.free_name(found, Slash::Refused)?;
        self.may_take(env, &vacant)?;
        Ok(vacant)
    }

    /// Checks that nothing has the name yet and that its directory takes names.
    fn free_name(&self, found: Found, slash: Slash) -> Result<Vacant, Errno> {
        let Last::Name(name) = found.last else { return Err(Errno::EEXIST) };
        if found.node.is_some() {
            return Err(Errno::EEXIST);
        }
        if found.trailing_slash && slash == Slash::Refused {
            return Err(Errno::ENOENT);
        }
        match found.directory {
            Node::Inode(directory) if self.inodes[directory].directory().is_some_and(|it| !it.is_removed) => {
                Ok(Vacant { directory, name })
            }
            // A removed directory takes no names, and /proc answers ENOENT for every name that it does not know.
            _ => Err(Errno::ENOENT),
        }
    }

    /// Checks whether the caller may make a name, and that there is room for it.
    fn may_take(&self, env: &Env<'_>, at: &Vacant) -> Result<(), Errno> {
        self.may_create(env.processes, at.directory)?;
        self.check_mount_room(at.directory)?;
        self.check_room(env)
    }

    /// Checks that there may be one more name. As on Linux, a tmpfs holds one for every two pages of memory, so that a guest
    /// cannot fill the host with empty files (Linux 6.12 mm/shmem.c shmem_reserve_inode).
    fn check_room(&self, env: &Env<'_>) -> Result<(), Errno> {
        if self.names < Self::max_names(env) + self.given_names { Ok(()) } else { Err(Errno::ENOSPC) }
    }

    /// Returns how many names there may be.
    pub(super) fn max_names(env: &Env<'_>) -> u64 {
        env.frames.gauges().total / 2
    }

    /// Makes an inode and its first name.
    pub(super) fn make(
        &mut self,
        at: &Vacant,
        kind: InodeKind,
        permissions: u32,
        creation: Creation,
    ) -> InodeId {
        let inode = self.new_inode(kind, permissions, creation);
        self.inodes[inode].mount = self.inodes[at.directory].mount;
        self.attach(at, inode, creation.now_ns);
        inode
    }

    /// Makes an inode with the next inode number and no name.
    pub(super) fn new_inode(&mut self, kind: InodeKind, permissions: u32, creation: Creation) -> InodeId {
        if let InodeKind::Directory(directory) = &kind {
            let parent = directory.parent;
            self.inodes[parent].holders += 1;
        }
        let number = self.next_number;
        self.next_number += 1;
        self.inodes.insert(Inode::new(number, kind, permissions, creation))
    }

    fn directory_mut(&mut self, inode: InodeId) -> &mut Directory {
        match &mut self.inodes[inode].kind {
            InodeKind::Directory(directory) => directory,
            _ => unreachable!("only directories hold names"),
        }
    }

    pub(super) fn attach(&mut self, at: &Vacant, inode: InodeId, now_ns: u64) {
        self.names += 1;
        let is_directory = self.inodes[inode].directory().is_some();
        self.directory_mut(at.directory).insert(&at.name, inode, is_directory);
        self.inodes[at.directory].touch_modified(now_ns);
        let inode = &mut self.inodes[inode];
        inode.links.push(Link { directory: at.directory, name: at.name.clone() });
        inode.is_linkable = false;
        inode.deleted_path = None;
        inode.times.changed_ns = now_ns;
    }

    /// Removes a name for good. Whoever calls owes the inode a [`Fs::collect`].
    fn detach(&mut self, named: &Named, now_ns: u64) {
        let path = self.path_of(Node::Inode(named.inode));
        self.remove_name(named, now_ns);
        let inode = &mut self.inodes[named.inode];
        if inode.links.is_empty() {
            inode.deleted_path = Some(path);
            if let InodeKind::Directory(directory) = &mut inode.kind {
                directory.is_removed = true;
            }
        }
    }

    /// Takes every name of an inode away. Whoever calls owes it a [`Fs::collect`].
    pub(super) fn remove_all_names(&mut self, inode: InodeId, now_ns: u64) {
        while let Some(link) = self.inodes[inode].links.first().cloned() {
            self.detach(&Named { directory: link.directory, name: link.name, inode }, now_ns);
        }
    }

    fn remove_name(&mut self, named: &Named, now_ns: u64) {
        self.names -= 1;
        let is_directory = self.inodes[named.inode].directory().is_some();
        self.directory_mut(named.directory).remove(&named.name, is_directory);
        self.inodes[named.directory].touch_modified(now_ns);
        let inode = &mut self.inodes[named.inode];
        inode.links.retain(|link| link.directory != named.directory || link.name != named.name);
        inode.times.changed_ns = now_ns;
    }

    fn move_name(&mut self, from: &Named, to: &Vacant, now_ns: u64) {
        self.remove_name(from, now_ns);
        self.attach(to, from.inode, now_ns);
        self.set_parent(from.inode, to.directory);
    }

    fn exchange(&mut self, one: &Named, other: &Named, now_ns: u64) {
        self.remove_name(one, now_ns);
        self.remove_name(other, now_ns);
        for (at, named) in [(one, other), (other, one)] {
            let vacant = Vacant { directory: at.directory, name: at.name.clone() };
            self.attach(&vacant, named.inode, now_ns);
            self.set_parent(named.inode, at.directory);
        }
    }

    /// Tells a directory where it is now; other inodes do not care.
    fn set_parent(&mut self, inode: InodeId, parent: InodeId) {
        if let InodeKind::Directory(directory) = &mut self.inodes[inode].kind {
            let before = std::mem::replace(&mut directory.parent, parent);
            // Both have names below them, so neither goes away here.
            self.inodes[parent].holders += 1;
            self.inodes[before].holders -= 1;
        }
    }
}
