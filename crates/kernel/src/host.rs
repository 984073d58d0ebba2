//! What the kernel needs of the world outside the machine: the three standard streams, and the files that the user grants.

use crate::Errno;

/// An output stream of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A file or directory of the host that the user lets the guest see, by its place in the list of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GrantId(pub u32);

/// A file of the host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPath {
    /// The grant that it is reached by.
    pub grant: GrantId,
    /// Its path in the grant, names with slashes between them; empty for what is granted itself. No name in it is a symbolic
    /// link, `.` or `..`: the guest's look-ups follow links, the host never does.
    pub path: Vec<u8>,
}

impl HostPath {
    /// Returns what `name` is in this directory.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        Self { grant: self.grant, path }
    }
}

/// What a file of the host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// A directory.
    Directory,
    /// A regular file of so many bytes.
    Regular(u64),
    /// A symbolic link with this text.
    Symlink(Vec<u8>),
}

/// What the host knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMetadata {
    /// What it is.
    pub kind: HostKind,
    /// Its permission bits.
    pub permissions: u32,
    /// When its contents changed, in nanoseconds since the epoch.
    pub modified_ns: u64,
    /// How many names it has.
    pub links: u32,
    /// Device and inode number, to tell names of one file from names of several. No guest sees them.
    pub identity: (u64, u64),
}

/// The host's end of the console, and its files. A host that grants no files need not know of them.
pub trait Host {
    /// Writes all of `bytes`; `false` when nobody reads the stream any more, which the guest sees as `EPIPE`.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> bool;

    /// Reads up to `max` bytes of standard input, waiting for the first; none at its end.
    fn read(&mut self, max: usize) -> Vec<u8>;

    /// Describes a file; a symbolic link is not followed.
    ///
    /// # Errors
    /// What the host says.
    fn file_metadata(&mut self, at: &HostPath) -> Result<HostMetadata, Errno> {
        let _ = at;
        Err(Errno::ENOENT)
    }

    /// Lists the directories, regular files and symbolic links in a directory, in any order.
    ///
    /// # Errors
    /// What the host says.
    fn list_files(&mut self, at: &HostPath) -> Result<Vec<(Vec<u8>, HostMetadata)>, Errno> {
        let _ = at;
        Err(Errno::ENOENT)
    }

    /// Reads up to `max` bytes of a file at `offset`; none at its end.
    ///
    /// # Errors
    /// What the host says.
    fn read_file(&mut self, at: &HostPath, offset: u64, max: usize) -> Result<Vec<u8>, Errno> {
        let _ = (at, offset, max);
        Err(Errno::ENOENT)
    }
}
