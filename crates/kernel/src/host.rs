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

/// A change of the host's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostChange<'a> {
    /// Makes an empty regular file where nothing is.
    MakeFile {
        /// Where.
        at: HostPath,
        /// Its permission bits.
        permissions: u32,
    },
    /// Makes a directory where nothing is.
    MakeDirectory {
        /// Where.
        at: HostPath,
        /// Its permission bits.
        permissions: u32,
    },
    /// Makes a symbolic link where nothing is.
    MakeSymlink {
        /// Where.
        at: HostPath,
        /// Its text.
        target: &'a [u8],
    },
    /// Gives a file one more name.
    Link {
        /// A name that it has.
        from: HostPath,
        /// The new one.
        to: HostPath,
    },
    /// Removes a name of what is no directory.
    RemoveFile {
        /// The name.
        at: HostPath,
    },
    /// Removes an empty directory.
    RemoveDirectory {
        /// The directory.
        at: HostPath,
    },
    /// Moves a name, replacing what has the new one.
    Rename {
        /// The name.
        from: HostPath,
        /// The new name.
        to: HostPath,
    },
    /// Swaps two names.
    Exchange {
        /// The one.
        one: HostPath,
        /// The other.
        other: HostPath,
    },
    /// Writes bytes into a regular file.
    Write {
        /// The file.
        at: HostPath,
        /// Where in it, in bytes.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// Sets the size of a regular file.
    SetSize {
        /// The file.
        at: HostPath,
        /// The size.
        size_bytes: u64,
    },
    /// Sets the permission bits.
    SetPermissions {
        /// The file.
        at: HostPath,
        /// The bits.
        permissions: u32,
    },
    /// Sets the times that are given; a symbolic link is not followed.
    SetTimes {
        /// The file.
        at: HostPath,
        /// When it was read last, in nanoseconds since the epoch.
        accessed_ns: Option<u64>,
        /// When it was written last, in nanoseconds since the epoch.
        modified_ns: Option<u64>,
    },
}

impl HostChange<'_> {
    /// Returns the grant in which it happens.
    pub const fn grant(&self) -> GrantId {
        match self {
            Self::MakeFile { at, .. }
            | Self::MakeDirectory { at, .. }
            | Self::MakeSymlink { at, .. }
            | Self::RemoveFile { at }
            | Self::RemoveDirectory { at }
            | Self::Write { at, .. }
            | Self::SetSize { at, .. }
            | Self::SetPermissions { at, .. }
            | Self::SetTimes { at, .. } => at.grant,
            Self::Link { from, .. } | Self::Rename { from, .. } => from.grant,
            Self::Exchange { one, .. } => one.grant,
        }
    }
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

    /// Changes a file, all of it or nothing.
    ///
    /// # Errors
    /// What the host says.
    fn change_file(&mut self, change: &HostChange<'_>) -> Result<(), Errno> {
        let _ = change;
        Err(Errno::EROFS)
    }
}
