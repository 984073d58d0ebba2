//! What the command line grants: which files of the host the guest sees, and where.

use super::files::Files;
use crate::failure::Failure;
use crate::values::DirSpec;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tine_machine::fs::{Grant, Writes};
use tine_machine::{Errno, GrantId};

/// One grant.
#[derive(Debug)]
struct Granted {
    /// The option that grants it, as the user wrote it.
    option: String,
    /// Its path on the host, without symbolic links.
    host: PathBuf,
    files: Files,
    grant: Grant,
}

/// Everything that is granted.
#[derive(Debug, Default)]
pub(crate) struct Grants(Vec<Granted>);

impl Grants {
    /// Opens what the options name.
    ///
    /// # Errors
    /// When something is not there, cannot be opened, or would be seen where something else is.
    pub(crate) fn open(root: Option<&Path>, directories: &[DirSpec]) -> Result<Self, Failure> {
        let mut grants = Self::default();
        if let Some(root) = root {
            let option = format!("--root {}", root.display());
            if fs::metadata(root).is_ok_and(|metadata| !metadata.is_dir()) {
                return Err(Failure::tine(format!("{option}: it is not a directory"))
                    .hint("name the directory that is to be the guest's /"));
            }
            grants
                .add(option, root, Grant { at: b"/".to_vec(), writes: Writes::InMemory })
                .map_err(|failure| failure.hint("guest/debian/make-root makes one"))?;
        }
        for spec in directories {
            let option = format!("--dir {}", spec.shown);
            let at = match &spec.guest {
                Some(guest) => guest.clone().into_os_string(),
                None => absolute(&spec.host).map_err(|error| unusable(&option, &error))?.into_os_string(),
            };
            let grant = Grant { at: at.as_bytes().to_vec(), writes: spec.writes };
            grants.add(option, &spec.host, grant)?;
        }
        Ok(grants)
    }

    fn add(&mut self, option: String, host: &Path, grant: Grant) -> Result<(), Failure> {
        if let Some(other) = self.0.iter().find(|other| other.grant.at == grant.at) {
            let at = String::from_utf8_lossy(&grant.at);
            return Err(Failure::tine(format!(
                "{} and {option}: the guest sees only one of them at {at}",
                other.option
            ))
            .hint("say where it is to see each: --dir HOST::GUEST"));
        }
        let (host, files) = open(host).map_err(|error| unusable(&option, &error))?;
        self.0.push(Granted { option, host, files, grant });
        Ok(())
    }

    /// Returns what the machine is told of them.
    pub(crate) fn mounts(&self) -> Vec<Grant> {
        self.0.iter().map(|granted| granted.grant.clone()).collect()
    }

    /// Tells whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the files of a grant.
    pub(super) fn files(&self, grant: GrantId) -> &Files {
        &self.0[grant.0 as usize].files
    }

    /// Returns where the guest sees a file of the host, if it does.
    pub(crate) fn path_in_machine(&self, host: &Path) -> Option<Vec<u8>> {
        let (directory, name) = (host.parent()?, host.file_name()?);
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        self.translate(&directory.canonicalize().ok()?.join(name))
    }

    /// Returns where the guest sees the directory that the command was started in, if it does.
    pub(crate) fn work_directory(&self) -> Option<Vec<u8>> {
        self.translate(&std::env::current_dir().and_then(|it| it.canonicalize()).ok()?)
    }

    /// Finds the innermost grant that a path without symbolic links is in.
    fn translate(&self, host: &Path) -> Option<Vec<u8>> {
        let within =
            |granted: &Granted| Some((granted.grant.at.clone(), host.strip_prefix(&granted.host).ok()?));
        let (mut path, rest) =
            self.0.iter().filter_map(within).min_by_key(|(_, rest)| rest.as_os_str().len())?;
        for name in rest {
            if !path.ends_with(b"/") {
                path.push(b'/');
            }
            path.extend_from_slice(name.as_bytes());
        }
        Some(path)
    }

    /// Says why a grant cannot be seen in the machine.
    pub(crate) fn refused(&self, grant: GrantId, errno: Errno) -> Failure {
        let Granted { option, grant, .. } = &self.0[grant.0 as usize];
        let at = String::from_utf8_lossy(&grant.at);
        Failure::tine(format!("{option}: the guest cannot see it at {at}: {}", errno.text()))
            .hint("say where it is to see it: --dir HOST::GUEST")
    }
}

/// Opens a directory, or the directory of a file, and returns the path without symbolic links.
fn open(host: &Path) -> io::Result<(PathBuf, Files)> {
    let path = host.canonicalize()?;
    let metadata = path.metadata()?;
    let authority = ambient_authority();
    let files = match (metadata.is_dir(), path.parent(), path.file_name()) {
        (true, ..) => Files { directory: Dir::open_ambient_dir(&path, authority)?, only: None },
        (false, Some(parent), Some(name)) if metadata.is_file() => {
            Files { directory: Dir::open_ambient_dir(parent, authority)?, only: Some(name.to_owned()) }
        }
        _ => return Err(ErrorKind::Unsupported.into()),
    };
    Ok((path, files))
}

/// Returns the path by which the guest sees a file of the host unless it is told another: the absolute one.
fn absolute(host: &Path) -> io::Result<PathBuf> {
    let plain = host.is_absolute() && !host.components().any(|part| part == std::path::Component::ParentDir);
    if plain { Ok(host.components().collect()) } else { host.canonicalize() }
}

fn unusable(option: &str, error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound => Failure::tine(format!("{option}: there is no such file or directory")),
        ErrorKind::PermissionDenied => Failure::tine(format!("{option}: permission denied")),
        ErrorKind::Unsupported => {
            Failure::tine(format!("{option}: it is neither a directory nor a regular file"))
        }
        _ => Failure::tine(format!("{option}: {error}")),
    }
}
