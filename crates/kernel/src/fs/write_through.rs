//! Changes to what the user grants with `:rw`: the host makes each of them first, and what it refuses does not happen.
//!
//! A store to a shared mapping is no call that the host could refuse. What it changed is written when a process asks for it
//! (msync(2), fsync(2)), unmaps something or ends, and once more at the end of the run; what the host refuses then is told to
//! the caller that asked, and at last to the user.
//!
//! Owners are not the host's, and neither are FIFOs and sockets: they stay in memory.

use super::inode::{InodeId, InodeKind, Node};
use super::mount::{MountKind, Writes};
use super::namespace::{Named, Vacant};
use super::{Env, Fs};
use crate::host::{HostChange, HostPath};
use crate::{Errno, FileId};
use tine_mmu::PAGE_SIZE;

/// How much of a file is written at a time when all of it is.
const CHUNK: usize = 1 << 20;

impl Fs {
    /// Tells whether what happens to an inode is the host's business.
    fn is_written_through(&self, inode: InodeId) -> bool {
        let inode = &self.inodes[inode];
        let kind = inode.mount.map(|mount| self.mounts[mount].kind);
        matches!(kind, Some(MountKind::Granted(_, Writes::Through)))
            && matches!(inode.kind, InodeKind::Regular(_) | InodeKind::Directory(_) | InodeKind::Symlink(_))
    }

    /// Returns where an inode is on the host, if changes to it go there. An unlinked one is nowhere.
    pub(super) fn host_path(&self, inode: InodeId) -> Option<HostPath> {
        let mount = &self.mounts[self.inodes[inode].mount?];
        let MountKind::Granted(grant, Writes::Through) = mount.kind else { return None };
        if !self.is_written_through(inode) {
            return None;
        }
        let mut names = Vec::new();
        let mut here = inode;
        while Node::Inode(here) != mount.root {
            let link = self.inodes[here].links.first()?;
            names.push(link.name.as_slice());
            here = link.directory;
        }
        names.reverse();
        Some(HostPath { grant, path: names.join(&b'/') })
    }

    /// Returns where a name in a directory is on the host, if changes go there.
    fn host_name(&self, directory: InodeId, name: &[u8]) -> Option<HostPath> {
        Some(self.host_path(directory)?.join(name))
    }

    /// Makes on the host what is about to be made at a free name.
    pub(super) fn make_on_host(
        &self,
        env: &mut Env<'_>,
        at: &Vacant,
        kind: &InodeKind,
        permissions: u32,
    ) -> Result<(), Errno> {
        let Some(at) = self.host_name(at.directory, &at.name) else { return Ok(()) };
        match kind {
            InodeKind::Regular(_) => env.host.change_file(&HostChange::MakeFile { at, permissions }),
            InodeKind::Directory(_) => env.host.change_file(&HostChange::MakeDirectory { at, permissions }),
            InodeKind::Symlink(target) => env.host.change_file(&HostChange::MakeSymlink { at, target }),
            _ => Ok(()),
        }
    }

    /// Gives an inode another name on the host. One that never had a name is made there, with all its bytes.
    pub(super) fn link_on_host(&self, env: &mut Env<'_>, inode: InodeId, to: &Vacant) -> Result<(), Errno> {
        let Some(to) = self.host_name(to.directory, &to.name) else { return Ok(()) };
        match (self.host_path(inode), &self.inodes[inode].kind) {
            (Some(from), _) => env.host.change_file(&HostChange::Link { from, to }),
            (None, InodeKind::Regular(contents)) => {
                let permissions = self.inodes[inode].permissions;
                env.host.change_file(&HostChange::MakeFile { at: to.clone(), permissions })?;
                write_whole(env, &to, *contents)
            }
            (None, _) => Ok(()),
        }
    }

    /// Removes a name on the host.
    pub(super) fn remove_on_host(&mut self, env: &mut Env<'_>, named: &Named) -> Result<(), Errno> {
        if self.host_path(named.inode).is_none() {
            return Ok(());
        }
        let Some(at) = self.host_name(named.directory, &named.name) else { return Ok(()) };
        if self.inodes[named.inode].holders > 0 {
            // Whoever holds it may still want to read it, and cannot once its name is gone.
            self.read_contents(env, Node::Inode(named.inode))?;
            if let Some(contents) = self.regular(Node::Inode(named.inode)) {
                self.keep_here(env, contents)?;
            }
        }
        env.host.change_file(&match self.inodes[named.inode].kind {
            InodeKind::Directory(_) => HostChange::RemoveDirectory { at },
            _ => HostChange::RemoveFile { at },
        })
    }

    /// Moves a name on the host, or swaps two.
    pub(super) fn move_on_host(
        &mut self,
        env: &mut Env<'_>,
        from: &Named,
        to: &Vacant,
        replaced: Option<InodeId>,
        exchanges: bool,
    ) -> Result<(), Errno> {
        let (Some(old), Some(new)) =
            (self.host_name(from.directory, &from.name), self.host_name(to.directory, &to.name))
        else {
            return Ok(());
        };
        if let Some(target) = replaced.filter(|target| !exchanges && self.inodes[*target].holders > 0)
            && let Some(contents) = self.regular(Node::Inode(target))
        {
            self.keep_here(env, contents)?;
        }
        let is_there = |inode: InodeId| self.host_path(inode).is_some();
        if !is_there(from.inode) {
            let target = replaced.filter(|target| !exchanges && is_there(*target));
            let named = |inode| Named { directory: to.directory, name: to.name.clone(), inode };
            return target.map_or(Ok(()), |target| self.remove_on_host(env, &named(target)));
        }
        env.host.change_file(&if exchanges {
            HostChange::Exchange { one: old, other: new }
        } else {
            HostChange::Rename { from: old, to: new }
        })
    }

    /// Makes a change to an inode on the host, which `change` describes given its path.
    ///
    /// # Errors
    /// What the host says; `EIO` for a file of which only a name is left that nobody has seen.
    pub(super) fn change_on_host<'a>(
        &self,
        env: &mut Env<'_>,
        node: Node,
        change: impl FnOnce(HostPath) -> HostChange<'a>,
    ) -> Result<(), Errno> {
        let Node::Inode(inode) = node else { return Ok(()) };
        match self.host_path(inode) {
            Some(at) => env.host.change_file(&change(at)),
            None if self.is_written_through(inode) && self.inodes[inode].origin.unseen_links > 0 => {
                Err(Errno::EIO)
            }
            None => Ok(()),
        }
    }

    /// Notes that stores may change a file without a call.
    pub(super) fn note_shared_mapping(&mut self, node: Node, contents: FileId) {
        let Node::Inode(inode) = node else { return };
        self.mapped.insert(contents, inode);
        if self.is_written_through(inode) {
            self.stored_to.insert(contents, inode);
        }
    }

    /// Notes that a store to a shared mapping has faulted: to the file that is a change (`fault_dirty_shared_page`).
    pub(crate) fn note_store(&mut self, contents: FileId, now_ns: u64) {
        if let Some(inode) = self.mapped.get(&contents) {
            self.inodes[*inode].touch_modified(now_ns);
        }
    }

    /// Writes to the host what stores have changed in mapped files.
    ///
    /// # Errors
    /// What the host said of the first page that it refused. That page stays to be written.
    pub fn write_back(&self, env: &mut Env<'_>) -> Result<(), Errno> {
        let files = self.stored_to.iter();
        files.map(|(contents, inode)| self.write_back_file(env, *contents, *inode)).fold(Ok(()), Result::and)
    }

    fn write_back_file(&self, env: &mut Env<'_>, contents: FileId, inode: InodeId) -> Result<(), Errno> {
        let size = env.cache.size(contents);
        for (index, ppn) in env.cache.pages_of(contents) {
            if !env.frames.take_dirty(env.ram, ppn) {
                continue;
            }
            let offset = index * PAGE_SIZE;
            let len = size.saturating_sub(offset).min(PAGE_SIZE) as usize;
            let bytes = env.ram.frame(ppn)[..len].to_vec();
            let written = self.change_on_host(env, Node::Inode(inode), |at| HostChange::Write {
                at,
                offset,
                bytes: &bytes,
            });
            if let Err(errno) = written {
                env.frames.mark_dirty(ppn);
                return Err(errno);
            }
        }
        Ok(())
    }

    /// Writes what is left at the end of a run, and returns the paths of what the host refused.
    pub fn unwritten(&self, env: &mut Env<'_>) -> Vec<(Vec<u8>, Errno)> {
        let files = self.stored_to.iter();
        let failures = files.filter_map(|(contents, inode)| {
            let errno = self.write_back_file(env, *contents, *inode).err()?;
            Some((self.path_of(Node::Inode(*inode)), errno))
        });
        failures.collect()
    }
}

fn write_whole(env: &mut Env<'_>, at: &HostPath, contents: FileId) -> Result<(), Errno> {
    let mut offset = 0;
    loop {
        let bytes = env.cache.read(env.ram, contents, offset, CHUNK);
        if bytes.is_empty() {
            return Ok(());
        }
        env.host.change_file(&HostChange::Write { at: at.clone(), offset, bytes: &bytes })?;
        offset += bytes.len() as u64;
    }
}
