//! Files below a granted directory. Every path is opened beneath the directory, which cap-std sees to (openat2(2),
//! `RESOLVE_BENEATH`, where the host has it): neither `..`, nor a symbolic link, nor a directory that is exchanged for one
//! while it is walked, leads out of it.

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use tine_machine::{Errno, HostKind, HostMetadata};

/// A granted directory, or a granted file in its directory.
#[derive(Debug)]
pub(super) struct Files {
    /// The directory.
    pub(super) directory: Dir,
    /// The one file of it that is granted; none when all are.
    pub(super) only: Option<OsString>,
}

impl Files {
    /// Describes a file; a symbolic link is not followed.
    pub(super) fn metadata(&self, path: &[u8]) -> io::Result<HostMetadata> {
        let path = self.path(path);
        let metadata = self.directory.symlink_metadata(&path)?;
        self.describe(&path, &metadata)?.ok_or_else(|| ErrorKind::PermissionDenied.into())
    }

    /// Lists what there is in a directory and is a directory, a regular file or a symbolic link.
    pub(super) fn list(&self, path: &[u8]) -> io::Result<Vec<(Vec<u8>, HostMetadata)>> {
        let path = self.path(path);
        let mut entries = Vec::new();
        for entry in self.directory.read_dir(&path)? {
            let entry = entry?;
            let name = entry.file_name();
            let described = entry.metadata().and_then(|metadata| self.describe(&path.join(&name), &metadata));
            match described {
                Ok(Some(metadata)) => entries.push((name.into_vec(), metadata)),
                Ok(None) => {}
                // It was removed meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(entries)
    }

    /// Reads up to `max` bytes at `offset`; none at the end.
    pub(super) fn read(&self, path: &[u8], offset: u64, max: usize) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        // What has become a FIFO meanwhile must not be waited for.
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let mut file = self.directory.open_with(self.path(path), &options)?.into_std();
        let left = file.metadata()?.len().saturating_sub(offset);
        file.seek(SeekFrom::Start(offset))?;
        // One more than there is, so that the end is found without room being made for more.
        let mut bytes = Vec::with_capacity(max.min((left as usize).saturating_add(1)));
        file.take(max as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns where a path of the grant is below the directory.
    pub(super) fn path(&self, path: &[u8]) -> PathBuf {
        match &self.only {
            Some(name) => PathBuf::from(name),
            None if path.is_empty() => PathBuf::from("."),
            None => PathBuf::from(OsStr::from_bytes(path)),
        }
    }

    /// Says what there is to say of a file; nothing of what the guest is not to see.
    fn describe(&self, path: &Path, metadata: &Metadata) -> io::Result<Option<HostMetadata>> {
        let file_type = metadata.file_type();
        let kind = if file_type.is_dir() {
            HostKind::Directory
        } else if file_type.is_file() {
            HostKind::Regular(metadata.len())
        } else if file_type.is_symlink() {
            HostKind::Symlink(self.directory.read_link_contents(path)?.into_os_string().into_vec())
        } else {
            return Ok(None);
        };
        let (seconds, nanoseconds) = (MetadataExt::mtime(metadata), MetadataExt::mtime_nsec(metadata));
        let modified_ns = seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        Ok(Some(HostMetadata {
            kind,
            permissions: MetadataExt::mode(metadata) & 0o7777,
            modified_ns: u64::try_from(modified_ns).unwrap_or_default(),
            links: u32::try_from(MetadataExt::nlink(metadata)).unwrap_or(u32::MAX),
            identity: (MetadataExt::dev(metadata), MetadataExt::ino(metadata)),
        }))
    }
}

/// Returns what the guest is told of a failure. A Linux host has the guest's own numbers.
pub(super) fn errno(error: io::Error) -> Errno {
    if cfg!(target_os = "linux")
        && let Some(errno) = error.raw_os_error().and_then(Errno::from_number)
    {
        return errno;
    }
    match error.kind() {
        ErrorKind::NotFound => Errno::ENOENT,
        ErrorKind::AlreadyExists => Errno::EEXIST,
        ErrorKind::StorageFull => Errno::ENOSPC,
        ErrorKind::ReadOnlyFilesystem => Errno::EROFS,
        ErrorKind::DirectoryNotEmpty => Errno::ENOTEMPTY,
        ErrorKind::PermissionDenied => Errno::EACCES,
        ErrorKind::NotADirectory => Errno::ENOTDIR,
        ErrorKind::IsADirectory => Errno::EISDIR,
        ErrorKind::OutOfMemory => Errno::ENOMEM,
        _ => Errno::EIO,
    }
}
