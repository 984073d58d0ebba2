//! Files that mknod(2) makes, FIFOs above all: pipes with a name, whose opening waits for the other end (fifo(7); Linux 6.12
//! fs/pipe.c fifo_open).

use super::device::Device;
use super::flags::FileType;
use super::inode::InodeKind;
use super::path::FinalLink;
use super::{At, Env, Fs, Node, OpenFlags, OpenId, Wait};
use crate::Errno;
use crate::creds::Capabilities;

/// What mknod(2) makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewFile {
    /// An empty regular file.
    Regular,
    /// A FIFO.
    Fifo,
    /// The name of a socket that nobody listens at.
    Socket,
    /// A character device, by its number.
    CharDevice(u64),
    /// A block device, by its number.
    BlockDevice(u64),
}

/// What an open(2) of a FIFO waits for: that its other end is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartnerWait {
    /// What wakes it.
    pub wait: Wait,
    /// How often the other end had been opened before.
    seen: u64,
}

impl Fs {
    /// Makes a file that is no directory (mknodat(2)); the caller has applied its umask to `permissions`.
    ///
    /// # Errors
    /// `EEXIST`, `EPERM` for a device that the caller may not make, and what a look-up gives.
    pub fn mknod(
        &mut self,
        env: &mut Env<'_>,
        at: At<'_>,
        what: NewFile,
        permissions: u32,
    ) -> Result<(), Errno> {
        let found = self.walk(env, at, FinalLink::Keep)?;
        let vacant = self.vacant_without_slash(env, found)?;
        let is_device = matches!(what, NewFile::CharDevice(_) | NewFile::BlockDevice(_));
        if is_device && !env.credentials().can(Capabilities::MKNOD) {
            return Err(Errno::EPERM);
        }
        let kind = match what {
            NewFile::Regular => InodeKind::Regular(env.cache.create()),
            NewFile::Fifo => InodeKind::NamedFifo(self.new_pipe(env)?),
            NewFile::Socket => InodeKind::Special(FileType::Socket, 0),
            NewFile::BlockDevice(number) => InodeKind::Special(FileType::BlockDevice, number),
            NewFile::CharDevice(number) => match Device::numbered(number) {
                Some(device) => InodeKind::Device(device),
                None => InodeKind::Special(FileType::CharDevice, number),
            },
        };
        self.make_for(env, &vacant, kind, permissions)?;
        Ok(())
    }

    /// Tells whether a device or a socket is there that nobody serves.
    fn is_unserved(&self, node: Node) -> bool {
        matches!(node, Node::Inode(inode) if matches!(self.inodes[inode].kind, InodeKind::Special(..)))
    }

    fn is_named_fifo(&self, node: Node) -> bool {
        matches!(node, Node::Inode(inode) if matches!(self.inodes[inode].kind, InodeKind::NamedFifo(_)))
    }

    /// Checks that something answers to an open(2).
    ///
    /// # Errors
    /// `ENXIO` for a device that is not there, for a socket, and for a FIFO without a reader whose writer will not wait for one.
    pub(super) fn check_served(&self, node: Node, flags: OpenFlags) -> Result<(), Errno> {
        if self.is_unserved(node) || self.is_writer_without_reader(node, flags) {
            return Err(Errno::ENXIO);
        }
        Ok(())
    }

    /// Tells whether a FIFO has no reader for a writer that will not wait for one.
    fn is_writer_without_reader(&self, node: Node, flags: OpenFlags) -> bool {
        self.is_named_fifo(node)
            && flags.contains(OpenFlags::NONBLOCK)
            && flags.is_writable()
            && !flags.is_readable()
            && self.pipe_id(node).is_some_and(|pipe| self.pipes[pipe].readers == 0)
    }

    /// Notes that a description has ends of a pipe open, and lets those go on that have waited for one.
    ///
    /// Returns how many writers the pipe has had when this is a reader who does not wait for one, else 0.
    pub(super) fn open_ends(&mut self, node: Node, flags: OpenFlags) -> u64 {
        let Some(id) = self.pipe_id(node) else { return 0 };
        let is_named = self.is_named_fifo(node);
        let pipe = &mut self.pipes[id];
        pipe.open(flags);
        if is_named {
            self.wakes.extend([Wait::PipeReadable(id), Wait::PipeWritable(id)]);
        }
        if is_named && flags.contains(OpenFlags::NONBLOCK) && pipe.writers == 0 {
            pipe.writers_seen
        } else {
            0
        }
    }

    /// Returns what the opening of a description has to wait for: a FIFO's other end, when it is open for one and not for both.
    pub fn partner_wait(&self, open: OpenId) -> Option<PartnerWait> {
        let file = &self.opens[open];
        let id = self.pipe_id(file.node).filter(|_| self.is_named_fifo(file.node))?;
        let pipe = &self.pipes[id];
        if file.flags.contains(OpenFlags::NONBLOCK) {
            return None;
        }
        match (file.flags.is_readable(), file.flags.is_writable()) {
            (true, false) if pipe.writers == 0 => {
                Some(PartnerWait { wait: Wait::PipeReadable(id), seen: pipe.writers_seen })
            }
            (false, true) if pipe.readers == 0 => {
                Some(PartnerWait { wait: Wait::PipeWritable(id), seen: pipe.readers_seen })
            }
            _ => None,
        }
    }

    /// Tells whether the other end has been opened since, even if it is closed again.
    pub fn has_partner_come(&self, open: OpenId, waited: PartnerWait) -> bool {
        let Some(pipe) = self.open_pipe(open).map(|id| &self.pipes[id]) else { return true };
        let seen = if self.opens[open].flags.is_readable() { pipe.writers_seen } else { pipe.readers_seen };
        seen != waited.seen
    }
}
