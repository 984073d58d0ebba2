//! Files of the host, as the guest sees them (overlayfs): the names of a directory are read when it is first walked, the
//! bytes of a file when it is first opened, each once. From then on they are like any other file in memory.
//!
//! - Names are listed in order, and get their inode numbers in that order when their directory is read: neither depends on
//!   the host's.
//! - The owner is root. Permissions, sizes, links and the time of the last change are the host's; that time stands for the
//!   others too, which a copy of the directory would not have kept.
//! - What is neither directory nor regular file nor symbolic link is not seen.

use super::directory::Directory;
use super::inode::{InodeId, InodeKind, Node};
use super::mount::{Grant, MountId, MountKind, Writes};
use super::namespace::Vacant;
use super::path::{At, FinalLink};
use super::permission::Creation;
use super::{Env, FileType, Fs, PERMISSION_BITS};
use crate::host::{HostKind, HostMetadata, HostPath};
use crate::mm::Truncated;
use crate::{Errno, FileId, GrantId};
use std::ops::Range;
use tine_mmu::PAGE_SIZE;

/// How much of a file is read at a time: what fits into a cache of the host on its way into frames.
const CHUNK: usize = 1 << 18;

impl Fs {
    /// Makes `/` what the user grants there.
    pub(super) fn grant_root(
        &mut self,
        env: &mut Env<'_>,
        grant: GrantId,
        writes: Writes,
    ) -> Result<(), Errno> {
        let at = HostPath { grant, path: Vec::new() };
        let metadata = env.host.file_metadata(&at)?;
        if metadata.kind != HostKind::Directory {
            return Err(Errno::ENOTDIR);
        }
        let Node::Inode(root) = self.root() else { return Err(Errno::ENOTDIR) };
        self.mounts[MountId(0)].kind = MountKind::Granted(grant, writes);
        self.describe_as(root, at, &metadata);
        Ok(())
    }

    /// Mounts what the user grants elsewhere; what it covers is made when it is missing.
    pub(super) fn mount_grant(&mut self, env: &mut Env<'_>, id: GrantId, grant: &Grant) -> Result<(), Errno> {
        let at = HostPath { grant: id, path: Vec::new() };
        let metadata = env.host.file_metadata(&at)?;
        let (covers, kind) = match metadata.kind {
            HostKind::Directory => {
                let covers = self.make_directories(env, &grant.at, 0o755)?;
                (covers, InodeKind::Directory(Directory::new(covers)))
            }
            HostKind::Regular(_) => {
                (self.make_file_to_cover(env, &grant.at)?, InodeKind::Regular(env.cache.create_backed()))
            }
            HostKind::Symlink(_) => return Err(Errno::ELOOP),
        };
        let root = self.new_root(kind, 0, env.now_ns);
        self.mount(MountKind::Granted(id, grant.writes), covers, Node::Inode(root));
        self.describe_as(root, at, &metadata);
        if metadata.kind != HostKind::Directory {
            self.inodes[root].origin.unseen_links = metadata.links;
        }
        if let (Some(file), HostKind::Regular(size)) = (self.regular(Node::Inode(root)), metadata.kind) {
            Self::resize_unmapped(env, file, size);
        }
        Ok(())
    }

    fn make_file_to_cover(&mut self, env: &mut Env<'_>, path: &[u8]) -> Result<InodeId, Errno> {
        let name_at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let directory = self.make_directories(env, &path[..name_at], 0o755)?;
        let base = Node::Inode(directory);
        let found = self.walk(env, At { base, path: &path[name_at..] }, FinalLink::Follow)?;
        match found.node {
            Some(node) if self.is_directory(node) => Err(Errno::EISDIR),
            Some(Node::Inode(inode)) => Ok(inode),
            Some(Node::Proc(_)) => Err(Errno::EBUSY),
            None => {
                let kind = InodeKind::Regular(env.cache.create());
                self.make_given(env, found, kind, 0o644)
            }
        }
    }

    /// Gives an inode what the host knows of it. Its names or bytes are still to be read.
    fn describe_as(&mut self, inode: InodeId, at: HostPath, metadata: &HostMetadata) {
        let inode = &mut self.inodes[inode];
        inode.permissions = metadata.permissions & PERMISSION_BITS;
        inode.times.set_all(metadata.modified_ns);
        if !matches!(metadata.kind, HostKind::Symlink(_)) {
            inode.origin.unread = Some(at);
        }
    }

    /// Returns where the names or bytes of an inode are that nobody has read yet. What the guest moved is still where it was,
    /// unless the host moved it too.
    fn unread(&self, inode: InodeId) -> Option<HostPath> {
        let was = self.inodes[inode].origin.unread.clone()?;
        Some(self.host_path(inode).unwrap_or(was))
    }

    /// Reads the names of a directory of the host, unless that is done or it is none.
    ///
    /// # Errors
    /// What the host says: the directory cannot be read, or is not there any more.
    pub(super) fn read_names(&mut self, env: &mut Env<'_>, directory: Node) -> Result<(), Errno> {
        let Node::Inode(directory) = directory else { return Ok(()) };
        if self.inodes[directory].directory().is_none() {
            return Ok(());
        }
        let Some(at) = self.unread(directory) else { return Ok(()) };
        let mut entries = env.host.list_files(&at)?;
        entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        self.inodes[directory].origin.unread = None;
        let times = self.inodes[directory].times;
        self.given_names += entries.len() as u64;
        for (name, metadata) in entries {
            let at = at.join(&name);
            let vacant = Vacant { directory, name };
            self.add_granted(env, &vacant, at, metadata);
        }
        self.inodes[directory].times = times;
        Ok(())
    }

    /// Makes the inode of a file of the host, or gives the one that is there already one more of its names.
    fn add_granted(&mut self, env: &mut Env<'_>, vacant: &Vacant, at: HostPath, metadata: HostMetadata) {
        let identity = (at.grant, metadata.identity);
        if let Some(&known) = self.linked.get(&identity) {
            self.attach_seen(vacant, known);
            return;
        }
        let kind = match &metadata.kind {
            HostKind::Directory => InodeKind::Directory(Directory::new(vacant.directory)),
            HostKind::Symlink(target) => InodeKind::Symlink(target.clone()),
            HostKind::Regular(size) => {
                let contents = env.cache.create_backed();
                Self::resize_unmapped(env, contents, *size);
                InodeKind::Regular(contents)
            }
        };
        let inode = self.make(vacant, kind, metadata.permissions, Creation::by_root(metadata.modified_ns));
        self.describe_as(inode, at, &metadata);
        if self.file_type(Node::Inode(inode)) != FileType::Directory && metadata.links > 1 {
            let origin = &mut self.inodes[inode].origin;
            origin.unseen_links = metadata.links - 1;
            origin.identity = Some(identity);
            self.linked.insert(identity, inode);
        }
    }

    /// Gives an inode a name that it has on the host, which is no change of it.
    fn attach_seen(&mut self, vacant: &Vacant, known: InodeId) {
        let times = self.inodes[known].times;
        self.attach(vacant, known, times.changed_ns);
        let inode = &mut self.inodes[known];
        inode.times = times;
        inode.origin.unseen_links = inode.origin.unseen_links.saturating_sub(1);
    }

    /// Reads the bytes of a file of the host, unless that is done or it is none.
    ///
    /// What does not fit into guest memory is read when somebody needs it, and so is what has left memory since.
    ///
    /// # Errors
    /// What the host says: the file cannot be read, or is not there any more.
    pub(super) fn read_contents(&mut self, env: &mut Env<'_>, node: Node) -> Result<(), Errno> {
        let (Node::Inode(inode), Some(contents)) = (node, self.regular(node)) else { return Ok(()) };
        let Some(at) = self.unread(inode) else { return Ok(()) };
        let mut offset = 0;
        let mut has_room = true;
        while has_room {
            let bytes = env.host.read_file(&at, offset, CHUNK)?;
            if bytes.is_empty() {
                break;
            }
            // Only the host's last piece ends within a page, unless the file grows meanwhile.
            has_room = if offset.is_multiple_of(PAGE_SIZE) {
                env.cache.fill(env.ram, env.frames, contents, offset / PAGE_SIZE, &bytes).is_ok()
            } else {
                env.cache.write(env.ram, env.frames, contents, offset, &bytes) == Ok(bytes.len())
            };
            offset += bytes.len() as u64;
        }
        if has_room {
            // The file may have another size now than when it was described.
            Self::resize_unmapped(env, contents, offset);
        }
        env.cache.set_backed(contents, env.cache.size(contents));
        self.sources.insert(contents, inode);
        let origin = &mut self.inodes[inode].origin;
        origin.unread = None;
        origin.source = Some(at);
        Ok(())
    }

    /// Reads the pages of a range that are missing.
    ///
    /// # Errors
    /// `ENOMEM` when there is no room for them all, and what the host says: the file cannot be read, or is not there any more.
    pub(crate) fn fetch(&self, env: &mut Env<'_>, file: FileId, pages: Range<u64>) -> Result<(), Errno> {
        while let Some(missing) = env.cache.missing(file, pages.clone()) {
            let source = self.sources.get(&file).and_then(|inode| self.source(*inode));
            let at = source.ok_or(Errno::EIO)?;
            let first = missing.start * PAGE_SIZE;
            let end = (missing.end * PAGE_SIZE).min(env.cache.backed_bytes(file)).min(first + CHUNK as u64);
            let mut bytes = env.host.read_file(&at, first, (end - first) as usize)?;
            // What the host has no more reads as zeros.
            bytes.resize((end - first) as usize, 0);
            env.cache.fill(env.ram, env.frames, file, missing.start, &bytes).map_err(|_| Errno::ENOMEM)?;
        }
        Ok(())
    }

    /// Reads all that is missing of a file whose bytes will not be found on the host again, or not as they are here.
    pub(super) fn keep_here(&mut self, env: &mut Env<'_>, file: FileId) -> Result<(), Errno> {
        self.fetch(env, file, 0..u64::MAX)?;
        env.cache.set_backed(file, 0);
        Ok(())
    }

    fn source(&self, inode: InodeId) -> Option<HostPath> {
        self.host_path(inode).or_else(|| self.inodes[inode].origin.source.clone())
    }

    /// Notes what a call wrote: the host has it too, or nobody else has.
    pub(super) fn note_written(&mut self, env: &mut Env<'_>, node: Node, file: FileId, bytes: Range<u64>) {
        let Node::Inode(inode) = node else { return };
        if self.host_path(inode).is_some() {
            let backed = env.cache.backed_bytes(file).max(bytes.end);
            env.cache.set_backed(file, backed);
            self.sources.insert(file, inode);
        } else {
            env.cache.mark_written(env.frames, file, bytes);
        }
    }

    /// Spares reading the bytes of a file that is about to be emptied.
    pub(super) fn skip_contents(&mut self, node: Node) {
        if let (Node::Inode(inode), Some(_)) = (node, self.regular(node)) {
            self.inodes[inode].origin.unread = None;
        }
    }

    /// Sets the size of what nobody maps, because nobody has opened it yet.
    fn resize_unmapped(env: &mut Env<'_>, contents: FileId, size_bytes: u64) {
        let truncated = env.cache.set_size(env.ram, env.frames, contents, size_bytes);
        debug_assert_eq!(truncated, Truncated::default(), "an unread file is not mapped");
    }
}
