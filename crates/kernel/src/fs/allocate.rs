//! What of a file has frames: fallocate(2), holes, and files of memory that can be sealed (memfd_create(2); Linux 6.12
//! mm/shmem.c, mm/memfd.c).

use super::inode::InodeKind;
use super::notify::NotifyMask;
use super::{Env, Fs, Node, OpenFlags, OpenId};
use crate::Errno;
use crate::FileId;
use crate::mm::Truncated;
use bitflags::bitflags;
use std::ops::Range;
use tine_mmu::PAGE_SIZE;

/// What fallocate(2) is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Frames for a range, and a size that covers it.
    Extend,
    /// Frames for a range, and the same size (`FALLOC_FL_KEEP_SIZE`).
    KeepSize,
    /// No frames: zeros (`FALLOC_FL_PUNCH_HOLE`).
    Hole,
    /// What tmpfs does not do.
    Unsupported,
}

/// Which of its rights a file of memory gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memfd {
    /// It cannot be sealed.
    Plain,
    /// It can be (`MFD_ALLOW_SEALING`).
    Sealable,
    /// It can be, and is so that it will never be executable (`MFD_NOEXEC_SEAL`).
    NeverExecutable,
}

bitflags! {
    /// What can be done to a file no more (fcntl(2), "File Sealing").
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Seals: u32 {
        /// `F_SEAL_SEAL`: no more seals. Every file begins so, unless memfd_create(2) allowed them.
        const SEAL = 1;
        /// `F_SEAL_SHRINK`.
        const SHRINK = 2;
        /// `F_SEAL_GROW`.
        const GROW = 4;
        /// `F_SEAL_WRITE`.
        const WRITE = 8;
        /// `F_SEAL_FUTURE_WRITE`: writing through mappings that are there goes on.
        const FUTURE_WRITE = 16;
        /// `F_SEAL_EXEC`: the permission to execute stays as it is.
        const EXEC = 32;
    }
}

impl Seals {
    /// Either seal against write(2) and new writable mappings.
    pub(super) const ANY_WRITE: Self = Self::WRITE.union(Self::FUTURE_WRITE);
}

impl Fs {
    /// Opens a new file of memory whose name is only shown (memfd_create(2)).
    pub fn memfd(&mut self, env: &mut Env<'_>, name: &[u8], kind: Memfd) -> OpenId {
        let permissions = if kind == Memfd::NeverExecutable { 0o666 } else { 0o777 };
        let contents = InodeKind::Regular(env.cache.create());
        let inode = self.new_inode(contents, permissions, env.creation());
        let file = &mut self.inodes[inode];
        file.deleted_path = Some([b"/", name].concat());
        file.seals = match kind {
            Memfd::Plain => Seals::SEAL,
            Memfd::Sealable => Seals::empty(),
            Memfd::NeverExecutable => Seals::EXEC,
        };
        self.describe(Node::Inode(inode), OpenFlags::RDWR | OpenFlags::LARGEFILE)
    }

    /// Returns the seals of a file (`F_GET_SEALS`).
    ///
    /// # Errors
    /// `EINVAL` for what is no file of a tmpfs.
    pub fn seals(&self, node: Node) -> Result<Seals, Errno> {
        match node {
            Node::Inode(inode) if self.regular(node).is_some() => Ok(self.inodes[inode].seals),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Adds seals (`F_ADD_SEALS`). The caller knows whether anybody maps the file for writing.
    ///
    /// # Errors
    /// `EPERM` when it is not open for writing or sealed against sealing, `EBUSY` when it is mapped so that it can be written,
    /// `EINVAL` for what is no file of a tmpfs and for unknown seals.
    pub fn add_seals(&mut self, open: OpenId, seals: u32, is_mapped_writable: bool) -> Result<(), Errno> {
        let node = self.node(open);
        if !self.status_flags(open).is_writable() {
            return Err(Errno::EPERM);
        }
        let mut seals = Seals::from_bits(seals).ok_or(Errno::EINVAL)?;
        let held = self.seals(node)?;
        if held.contains(Seals::SEAL) {
            return Err(Errno::EPERM);
        }
        if seals.contains(Seals::WRITE) && !held.contains(Seals::WRITE) && is_mapped_writable {
            return Err(Errno::EBUSY);
        }
        if let Node::Inode(inode) = node {
            let file = &mut self.inodes[inode];
            // What can be executed and never changed in that must not be written either.
            if seals.contains(Seals::EXEC) && file.permissions & 0o111 != 0 {
                seals |= Seals::SHRINK | Seals::GROW | Seals::ANY_WRITE;
            }
            file.seals |= seals;
        }
        Ok(())
    }

    /// Checks that the seals of a file allow its size to become `size`.
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn check_resize(
        &self,
        env: &Env<'_>,
        node: Node,
        file: FileId,
        size: u64,
    ) -> Result<(), Errno> {
        let seals = self.seals(node)?;
        let before = env.cache.size(file);
        let shrinks = size < before && seals.contains(Seals::SHRINK);
        let grows = size > before && seals.contains(Seals::GROW);
        if shrinks || grows { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Checks that the seals of a file allow a write as far as `end`.
    ///
    /// # Errors
    /// `EPERM`.
    pub(super) fn check_write(&self, env: &Env<'_>, node: Node, file: FileId, end: u64) -> Result<(), Errno> {
        let seals = self.seals(node)?;
        let grows = end > env.cache.size(file);
        if seals.intersects(Seals::ANY_WRITE) || grows && seals.contains(Seals::GROW) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Takes the pages of a range of bytes away (madvise(2) `MADV_REMOVE`).
    ///
    /// # Errors
    /// What the host says while the rest of the file is read, which will not be found there any more as it is here.
    pub(crate) fn punch_hole(
        &mut self,
        env: &mut Env<'_>,
        file: FileId,
        range: Range<u64>,
    ) -> Result<Truncated, Errno> {
        self.keep_here(env, file)?;
        Ok(env.cache.punch_hole(env.ram, env.frames, file, range))
    }

    /// Gives a range of a file frames, or takes them away (fallocate(2)).
    ///
    /// # Errors
    /// `EOPNOTSUPP`, `EPERM` for a seal, `ENOSPC`, `ENODEV` for what is no regular file.
    pub fn allocate(
        &mut self,
        env: &mut Env<'_>,
        node: Node,
        allocation: Allocation,
        range: Range<u64>,
    ) -> Result<Truncated, Errno> {
        let file = self.regular(node).ok_or(Errno::ENODEV)?;
        let seals = self.seals(node)?;
        self.keep_here(env, file)?;
        let mut cut = Truncated::default();
        match allocation {
            Allocation::Unsupported => return Err(Errno::EOPNOTSUPP),
            Allocation::Hole if seals.intersects(Seals::ANY_WRITE) => return Err(Errno::EPERM),
            Allocation::Hole => cut = self.punch_hole(env, file, range)?,
            Allocation::Extend | Allocation::KeepSize => {
                let size = env.cache.size(file);
                if seals.contains(Seals::GROW) && range.end > size {
                    return Err(Errno::EPERM);
                }
                let pages = range.start / PAGE_SIZE..range.end.div_ceil(PAGE_SIZE);
                env.cache.allocate(env.ram, env.frames, file, pages).map_err(|_| Errno::ENOSPC)?;
                if allocation == Allocation::Extend && range.end > size {
                    cut = env.cache.set_size(env.ram, env.frames, file, range.end);
                }
            }
        }
        self.drop_privileges(env.processes, node);
        self.touch(node, env.now_ns);
        self.notify_change(node, NotifyMask::MODIFY);
        Ok(cut)
    }
}
