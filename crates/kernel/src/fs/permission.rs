//! Who may do what with a file (path_resolution(7), inode(7); Linux 6.12 fs/namei.c, fs/attr.c). Every decision is made here,
//! by the credentials with which the file system works ([`Processes::credentials`]).
//!
//! As Debian sets them, `fs.protected_symlinks` and `fs.protected_hardlinks` are on.

use super::flags::{FileType, S_ISGID, S_ISUID, S_ISVTX};
use super::inode::InodeKind;
use super::namespace::Vacant;
use super::notify::NotifyMask;
use super::{Env, Fs, InodeId, MountFlags, Node, ProcNode, Processes};
use crate::creds::{Capabilities, Credentials};
use crate::{Errno, FileId};
use bitflags::bitflags;

bitflags! {
    /// What a file is to be used for, as access(2) has it; nothing asks whether it is there.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct AccessMode: u32 {
        /// `X_OK`: execute a file, search a directory.
        const EXECUTE = 1;
        /// `W_OK`.
        const WRITE = 2;
        /// `R_OK`.
        const READ = 4;
    }
}

/// A program that runs as its group: the bit means something else where the group may not execute it.
const FOR_GROUP: u32 = S_ISGID | 0o010;

/// To whom a file belongs, and what its permission bits are.
#[derive(Clone, Copy, Debug)]
struct Guard {
    uid: u32,
    gid: u32,
    permissions: u32,
    file_type: FileType,
}

impl Guard {
    /// Decides by permission bits and, where they forbid, by capabilities (`generic_permission`).
    fn admits(&self, who: &Credentials, mode: AccessMode) -> bool {
        let class = if who.user.fs == self.uid {
            6
        } else if who.is_in_group(self.gid) {
            3
        } else {
            0
        };
        if AccessMode::from_bits_truncate(self.permissions >> class).contains(mode) {
            return true;
        }
        let (reads_all, overrides) =
            (who.can(Capabilities::DAC_READ_SEARCH), who.can(Capabilities::DAC_OVERRIDE));
        if self.file_type == FileType::Directory {
            overrides || reads_all && !mode.contains(AccessMode::WRITE)
        } else {
            // What nobody may execute is not to be executed.
            let is_executable = self.permissions & 0o111 != 0;
            reads_all && mode == AccessMode::READ
                || overrides && (is_executable || !mode.contains(AccessMode::EXECUTE))
        }
    }

    /// Tells whether the caller may act as the owner (`inode_owner_or_capable`).
    const fn is_owned_by(&self, who: &Credentials) -> bool {
        self.uid == who.user.fs || who.can(Capabilities::FOWNER)
    }

    /// Tells whether the caller may mark the file for its group (`in_group_or_capable`).
    fn may_set_group_id(&self, who: &Credentials) -> bool {
        who.is_in_group(self.gid) || who.can(Capabilities::FSETID)
    }

    /// Tells whether names in this directory are for the owners of the files only to remove, and for its own.
    const fn is_sticky(&self) -> bool {
        self.permissions & S_ISVTX != 0
    }

    /// Returns the permission bits of a set-ID file that changes its contents or its owner (`setattr_should_drop_suidgid`).
    fn without_set_ids(&self, who: &Credentials) -> u32 {
        let for_group = self.permissions & 0o010 != 0 || !self.may_set_group_id(who);
        self.permissions & !(S_ISUID | if for_group { S_ISGID } else { 0 })
    }
}

impl Fs {
    fn guard(&self, processes: &dyn Processes, node: Node) -> Guard {
        let file_type = self.file_type(node);
        match node {
            Node::Inode(inode) => {
                let inode = &self.inodes[inode];
                Guard { uid: inode.uid, gid: inode.gid, permissions: inode.permissions, file_type }
            }
            Node::Proc(place) => {
                let (uid, gid) = place.process().map_or((0, 0), |pid| processes.owner(pid));
                Guard { uid, gid, permissions: self.proc_permissions(processes, place), file_type }
            }
        }
    }

    /// Checks whether the caller may use what is there so (`inode_permission`).
    ///
    /// # Errors
    /// `EACCES`; `EROFS`.
    pub fn permission(&self, processes: &dyn Processes, node: Node, mode: AccessMode) -> Result<(), Errno> {
        if mode.contains(AccessMode::WRITE)
            && matches!(self.file_type(node), FileType::Regular | FileType::Directory | FileType::Symlink)
        {
            self.check_changeable(node)?;
        }
        // A process sees its own descriptors whatever it has become (fs/proc/fd.c proc_fd_permission).
        let is_own =
            matches!(node, Node::Proc(ProcNode::FdDirectory(of)) if of.process() == processes.caller());
        if is_own || self.guard(processes, node).admits(processes.credentials(), mode) {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    /// Returns the contents of a program that execve(2) may run.
    ///
    /// # Errors
    /// `EACCES` when it is no regular file or the caller may not execute it, `ETXTBSY` when it is open for writing, and
    /// what reading it from the host gives.
    pub fn program(&mut self, env: &mut Env<'_>, node: Node) -> Result<FileId, Errno> {
        let contents = self.regular(node).ok_or(Errno::EACCES)?;
        self.permission(env.processes, node, AccessMode::EXECUTE)?;
        if self.mount_flags(node).contains(MountFlags::NOEXEC) {
            return Err(Errno::EACCES);
        }
        if matches!(node, Node::Inode(inode) if self.inodes[inode].writers > 0) {
            return Err(Errno::ETXTBSY);
        }
        self.read_contents(env, node)?;
        self.fetch(env, contents, 0..u64::MAX)?;
        for event in [NotifyMask::OPEN, NotifyMask::ACCESS, NotifyMask::CLOSE_NOWRITE] {
            self.notify_change(node, event);
        }
        Ok(contents)
    }

    /// Returns the user and the group as whom a program runs, where its set-ID bits say so (`bprm_fill_uid`).
    pub fn set_ids(&self, processes: &dyn Processes, node: Node) -> (Option<u32>, Option<u32>) {
        if self.mount_flags(node).contains(MountFlags::NOSUID) {
            return (None, None);
        }
        let Guard { uid, gid, permissions, .. } = self.guard(processes, node);
        let user = (permissions & S_ISUID != 0).then_some(uid);
        let group = (permissions & FOR_GROUP == FOR_GROUP).then_some(gid);
        (user, group)
    }

    /// Checks that the caller owns what is there.
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn check_owner(&self, processes: &dyn Processes, node: Node) -> Result<(), Errno> {
        let owned = self.guard(processes, node).is_owned_by(processes.credentials());
        if owned { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Checks whether the caller may make a name in a directory (`may_create`).
    pub(super) fn may_create(&self, processes: &dyn Processes, directory: InodeId) -> Result<(), Errno> {
        self.permission(processes, Node::Inode(directory), AccessMode::WRITE | AccessMode::EXECUTE)
    }

    /// Checks whether the caller may remove a name of a file from a directory (`may_delete`).
    ///
    /// # Errors
    /// `EACCES`; `EPERM` in a sticky directory.
    pub(super) fn may_delete(
        &self,
        processes: &dyn Processes,
        directory: InodeId,
        victim: InodeId,
    ) -> Result<(), Errno> {
        self.may_create(processes, directory)?;
        let who = processes.credentials();
        let directory = self.guard(processes, Node::Inode(directory));
        let owns =
            directory.uid == who.user.fs || self.guard(processes, Node::Inode(victim)).is_owned_by(who);
        if directory.is_sticky() && !owns { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Checks whether the caller may give a file one more name (`may_linkat`): others must not keep it alive who could not
    /// write to it.
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn may_link(&self, processes: &dyn Processes, node: Node) -> Result<(), Errno> {
        let guard = self.guard(processes, node);
        let (user, group) = self.set_ids(processes, node);
        let is_safe = guard.file_type == FileType::Regular
            && user.is_none()
            && group.is_none()
            && guard.admits(processes.credentials(), AccessMode::READ | AccessMode::WRITE);
        if is_safe || guard.is_owned_by(processes.credentials()) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Checks whether the caller may follow a link that ends a path (`may_follow_link`): in a sticky directory that everybody
    /// writes to, links of others lead astray.
    ///
    /// # Errors
    /// `EACCES`.
    pub(super) fn may_follow(
        &self,
        processes: &dyn Processes,
        directory: Node,
        link: Node,
    ) -> Result<(), Errno> {
        const FOR_ALL: u32 = 0o002;
        let (directory, link) = (self.guard(processes, directory), self.guard(processes, link));
        let is_trap = directory.is_sticky()
            && directory.permissions & FOR_ALL != 0
            && link.uid != processes.credentials().user.fs
            && link.uid != directory.uid;
        if is_trap { Err(Errno::EACCES) } else { Ok(()) }
    }

    /// Returns the permission bits that the caller may set (`setattr_prepare`): no set-group-ID bit for a group of others.
    pub(super) fn settable(&self, processes: &dyn Processes, inode: InodeId, permissions: u32) -> u32 {
        let guard = self.guard(processes, Node::Inode(inode));
        let marks = guard.may_set_group_id(processes.credentials());
        if marks { permissions } else { permissions & !S_ISGID }
    }

    /// Checks whether the caller may give a file to these (`chown_ok`, `chgrp_ok`).
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn may_give(
        &self,
        processes: &dyn Processes,
        inode: InodeId,
        uid: Option<u32>,
        gid: Option<u32>,
    ) -> Result<(), Errno> {
        let who = processes.credentials();
        let guard = self.guard(processes, Node::Inode(inode));
        let owns = guard.uid == who.user.fs;
        let user_ok = uid.is_none_or(|uid| owns && uid == guard.uid);
        let group_ok = gid.is_none_or(|gid| owns && (gid == guard.gid || who.is_in_group(gid)));
        if user_ok && group_ok || who.can(Capabilities::CHOWN) { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Takes the set-ID bits off a file that gets another owner, whoever gives it.
    pub(super) fn clear_set_ids(&mut self, processes: &dyn Processes, inode: InodeId) {
        let guard = self.guard(processes, Node::Inode(inode));
        if guard.file_type != FileType::Directory {
            self.inodes[inode].permissions = guard.without_set_ids(processes.credentials());
        }
    }

    /// Takes the set-ID bits off a file whose contents change, unless the caller may keep them (`file_remove_privs`).
    pub(super) fn drop_privileges(&mut self, processes: &dyn Processes, node: Node) {
        let Node::Inode(inode) = node else { return };
        let has_set_ids = self.inodes[inode].permissions & (S_ISUID | S_ISGID) != 0;
        if has_set_ids && !processes.credentials().can(Capabilities::FSETID) {
            self.clear_set_ids(processes, inode);
        }
    }
}

/// Who makes an inode, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creation {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) now_ns: u64,
}

impl Creation {
    /// Makes inodes for root.
    pub(super) const fn by_root(now_ns: u64) -> Self {
        Self { uid: 0, gid: 0, now_ns }
    }
}

impl Env<'_> {
    /// Returns the credentials of the caller.
    pub fn credentials(&self) -> &Credentials {
        self.processes.credentials()
    }

    /// Makes inodes for the caller.
    pub(super) fn creation(&self) -> Creation {
        let who = self.credentials();
        Creation { uid: who.user.fs, gid: who.group.fs, now_ns: self.now_ns }
    }
}

impl Fs {
    /// Makes a file for the caller. A set-group-ID directory hands its group down (`inode_init_owner`).
    ///
    /// # Errors
    /// What the host says, where it makes the file too.
    pub(super) fn make_for(
        &mut self,
        env: &mut Env<'_>,
        at: &Vacant,
        kind: InodeKind,
        permissions: u32,
    ) -> Result<InodeId, Errno> {
        self.check_queue_name(at.directory, &kind)?;
        let above = self.guard(env.processes, Node::Inode(at.directory));
        let mut creation = env.creation();
        let mut permissions = permissions;
        if above.permissions & S_ISGID != 0 {
            creation.gid = above.gid;
            if matches!(kind, InodeKind::Directory(_)) {
                permissions |= S_ISGID;
            } else if permissions & FOR_GROUP == FOR_GROUP && !above.may_set_group_id(env.credentials()) {
                permissions &= !S_ISGID;
            }
        }
        if let Err(errno) = self.make_on_host(env, at, &kind, permissions) {
            if let InodeKind::Regular(contents) = kind {
                env.cache.release(env.ram, env.frames, contents);
            }
            return Err(errno);
        }
        let inode = self.make(at, kind, permissions, creation);
        self.charge_mount(env, inode);
        self.notify_name(&at.link(), Node::Inode(inode), NotifyMask::CREATE);
        Ok(inode)
    }
}
