//! A host whose files are a map, and which remembers what it was asked.

use crate::host::{HostChange, HostKind, HostMetadata, HostPath};
use crate::{Errno, Host, Stream};
use std::collections::BTreeMap;

/// A file of the fake host.
#[derive(Clone, Debug)]
struct FakeFile {
    metadata: HostMetadata,
    bytes: Vec<u8>,
}

/// The host: files by grant and path.
#[derive(Debug, Default)]
pub(super) struct FakeHost {
    files: BTreeMap<HostPath, FakeFile>,
    /// Listings and reads, in order.
    pub(super) asked: Vec<String>,
    /// Changes, in order.
    pub(super) changed: Vec<String>,
    /// What every request is answered, instead of the truth.
    pub(super) fails: Option<Errno>,
}

impl FakeHost {
    /// Puts a file there.
    pub(super) fn add(&mut self, at: HostPath, kind: HostKind, permissions: u32, bytes: &[u8]) {
        let identity = (1, self.files.len() as u64);
        let metadata = HostMetadata { kind, permissions, modified_ns: 7, links: 1, identity };
        self.files.insert(at, FakeFile { metadata, bytes: bytes.to_vec() });
    }

    /// Gives a file another name.
    pub(super) fn link(&mut self, from: &HostPath, to: HostPath) {
        let file = self.files.get_mut(from).unwrap();
        file.metadata.links += 1;
        let file = file.clone();
        self.files.insert(to, file);
    }

    /// Moves a file, and what is below it.
    fn rename(&mut self, from: &HostPath, to: &HostPath) {
        let below = |path: &HostPath| path.path.strip_prefix(from.path.as_slice()).map(<[u8]>::to_vec);
        let moved: Vec<_> = self.files.keys().filter_map(|path| Some((path.clone(), below(path)?))).collect();
        for (path, rest) in moved {
            let file = self.files.remove(&path).unwrap();
            let path = [to.path.as_slice(), &rest].concat();
            self.files.insert(HostPath { grant: to.grant, path }, file);
        }
    }

    fn get(&self, at: &HostPath) -> Result<&FakeFile, Errno> {
        match self.fails {
            Some(errno) => Err(errno),
            None => self.files.get(at).ok_or(Errno::ENOENT),
        }
    }
}

impl Host for FakeHost {
    fn write(&mut self, _: Stream, _: &[u8]) -> bool {
        false
    }

    fn read(&mut self, _: usize) -> Vec<u8> {
        Vec::new()
    }

    fn file_metadata(&mut self, at: &HostPath) -> Result<HostMetadata, Errno> {
        Ok(self.get(at)?.metadata.clone())
    }

    /// Lists backwards: the order of the host's must not matter.
    fn list_files(&mut self, at: &HostPath) -> Result<Vec<(Vec<u8>, HostMetadata)>, Errno> {
        self.asked.push(format!("list {}", String::from_utf8_lossy(&at.path)));
        self.get(at)?;
        let name_in = |path: &HostPath| {
            let rest = path.path.strip_prefix(at.path.as_slice())?;
            let name = if at.path.is_empty() { rest } else { rest.strip_prefix(b"/")? };
            (path.grant == at.grant && !name.is_empty() && !name.contains(&b'/')).then(|| name.to_vec())
        };
        let names = self.files.iter().rev();
        Ok(names.filter_map(|(path, file)| Some((name_in(path)?, file.metadata.clone()))).collect())
    }

    fn read_file(&mut self, at: &HostPath, offset: u64, max: usize) -> Result<Vec<u8>, Errno> {
        self.asked.push(format!("read {} from {offset}", String::from_utf8_lossy(&at.path)));
        let bytes = self.get(at)?.bytes.iter().skip(offset as usize).take(max);
        Ok(bytes.copied().collect())
    }

    /// Notes the change, and makes those of names: a look-up must find them.
    fn change_file(&mut self, change: &HostChange<'_>) -> Result<(), Errno> {
        if let Some(errno) = self.fails {
            return Err(errno);
        }
        let text = |at: &HostPath| String::from_utf8_lossy(&at.path).into_owned();
        let note = match change {
            HostChange::MakeFile { at, permissions } => format!("file {} {permissions:o}", text(at)),
            HostChange::MakeDirectory { at, permissions } => {
                format!("directory {} {permissions:o}", text(at))
            }
            HostChange::MakeSymlink { at, target } => {
                format!("symlink {} to {}", text(at), String::from_utf8_lossy(target))
            }
            HostChange::Link { from, to } => format!("link {} to {}", text(from), text(to)),
            HostChange::RemoveFile { at } => format!("remove {}", text(at)),
            HostChange::RemoveDirectory { at } => format!("remove directory {}", text(at)),
            HostChange::Rename { from, to } => {
                self.rename(from, to);
                format!("rename {} to {}", text(from), text(to))
            }
            HostChange::Exchange { one, other } => {
                let (was_one, was_other) = (self.files.remove(one), self.files.remove(other));
                self.files.extend(was_one.map(|file| (other.clone(), file)));
                self.files.extend(was_other.map(|file| (one.clone(), file)));
                format!("exchange {} and {}", text(one), text(other))
            }
            HostChange::Write { at, offset, bytes } => {
                format!("write {} at {offset}: {}", text(at), String::from_utf8_lossy(bytes))
            }
            HostChange::SetSize { at, size_bytes } => format!("size {} {size_bytes}", text(at)),
            HostChange::SetPermissions { at, permissions } => format!("mode {} {permissions:o}", text(at)),
            HostChange::SetTimes { at, accessed_ns, modified_ns } => {
                format!("times {} {accessed_ns:?} {modified_ns:?}", text(at))
            }
        };
        self.changed.push(note);
        Ok(())
    }
}
