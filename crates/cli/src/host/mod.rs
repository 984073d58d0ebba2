//! The host as the guest sees it: standard streams, and the files that the command line grants.

mod change;
mod console;
mod files;
mod grants;

pub(crate) use console::{Console, Printed, Recording, Tape};
pub(crate) use grants::Grants;

use tine_machine::{Errno, Host, HostChange, HostMetadata, HostPath, Stream};

/// The command's end of the guest's console and files.
pub(crate) struct CommandHost {
    /// What the command line grants.
    pub(crate) grants: Grants,
    /// Where its standard streams lead.
    pub(crate) console: Console,
}

impl Host for CommandHost {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        self.console.write(stream, bytes)
    }

    fn read(&mut self, max: usize) -> Vec<u8> {
        self.console.read(max)
    }

    fn file_metadata(&mut self, at: &HostPath) -> Result<HostMetadata, Errno> {
        self.grants.files(at.grant).metadata(&at.path).map_err(files::errno)
    }

    fn list_files(&mut self, at: &HostPath) -> Result<Vec<(Vec<u8>, HostMetadata)>, Errno> {
        self.grants.files(at.grant).list(&at.path).map_err(files::errno)
    }

    fn read_file(&mut self, at: &HostPath, offset: u64, max: usize) -> Result<Vec<u8>, Errno> {
        self.grants.files(at.grant).read(&at.path, offset, max).map_err(files::errno)
    }

    fn change_file(&mut self, change: &HostChange<'_>) -> Result<(), Errno> {
        self.grants.files(change.grant()).change(change).map_err(files::errno)
    }
}
