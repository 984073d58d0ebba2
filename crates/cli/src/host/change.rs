//! Changes of files below a granted directory, which the guest makes with `:rw`.

use super::files::Files;
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt, SystemTimeSpec};
use cap_std::fs::{Dir, File, OpenOptions, Permissions, PermissionsExt};
use cap_std::time::SystemTime;
use rustix::fs::RenameFlags;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use tine_machine::{HostChange, HostPath};

impl Files {
    /// Makes a change.
    pub(super) fn change(&self, change: &HostChange<'_>) -> io::Result<()> {
        let directory = &self.directory;
        let path = |at: &HostPath| self.path(&at.path);
        match change {
            HostChange::MakeFile { at, permissions } => {
                let file = directory.open_with(path(at), OpenOptions::new().write(true).create_new(true))?;
                file.set_permissions(Permissions::from_mode(*permissions))
            }
            HostChange::MakeDirectory { at, permissions } => {
                directory.create_dir(path(at))?;
                directory.set_permissions(path(at), Permissions::from_mode(*permissions))
            }
            HostChange::MakeSymlink { at, target } => {
                directory.symlink_contents(OsStr::from_bytes(target), path(at))
            }
            HostChange::Link { from, to } => directory.hard_link(path(from), directory, path(to)),
            HostChange::RemoveFile { at } => directory.remove_file(path(at)),
            HostChange::RemoveDirectory { at } => directory.remove_dir(path(at)),
            HostChange::Rename { from, to } => directory.rename(path(from), directory, path(to)),
            HostChange::Exchange { one, other } => exchange(directory, &path(one), &path(other)),
            HostChange::Write { at, offset, bytes } => {
                self.open_to_write(at)?.into_std().write_all_at(bytes, *offset)
            }
            HostChange::SetSize { at, size_bytes } => self.open_to_write(at)?.set_len(*size_bytes),
            HostChange::SetPermissions { at, permissions } => {
                directory.set_permissions(path(at), Permissions::from_mode(*permissions))
            }
            HostChange::SetTimes { at, accessed_ns, modified_ns } => {
                directory.set_symlink_times(path(at), accessed_ns.map(time), modified_ns.map(time))
            }
        }
    }

    fn open_to_write(&self, at: &HostPath) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).follow(FollowSymlinks::No).nonblock(true);
        self.directory.open_with(self.path(&at.path), &options)
    }
}

/// Swaps two names (renameat2(2), `RENAME_EXCHANGE`).
fn exchange(directory: &Dir, one: &Path, other: &Path) -> io::Result<()> {
    let open = |path: &Path| match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => directory.open_dir(parent),
        None => directory.try_clone(),
    };
    let name = |path: &Path| path.file_name().map(OsStr::to_owned).ok_or(io::ErrorKind::InvalidInput);
    let (one_directory, other_directory) = (open(one)?, open(other)?);
    rustix::fs::renameat_with(
        &one_directory,
        name(one)?,
        &other_directory,
        name(other)?,
        RenameFlags::EXCHANGE,
    )?;
    Ok(())
}

fn time(ns: u64) -> SystemTimeSpec {
    SystemTimeSpec::Absolute(SystemTime::from_std(UNIX_EPOCH + Duration::from_nanos(ns)))
}
