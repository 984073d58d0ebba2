//! What the guest asked for in vain although the host has it: the `--dir` that would grant it.
//!
//! Programs ask for many files that need not be there: the loader's cache, locales, configuration. Only what the user can have
//! meant is told: a relative path, which leads to the same file for the host, and an absolute one that is among the
//! program's arguments.

use crate::failure::Failure;
use crate::host::CommandHost;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use tine_machine::Machine;

/// The most files that are named.
const MOST: usize = 3;

/// Returns a hint for each file that the guest did not find, still does not see, and the host has.
pub(crate) fn of_missed_files(
    machine: &mut Machine,
    host: &mut CommandHost,
    program: &[OsString],
) -> Vec<Failure> {
    let missed: Vec<Vec<u8>> = machine.kernel().missed_paths().map(<[u8]>::to_vec).collect();
    let mut hints = Vec::new();
    for path in missed {
        let on_host = Path::new(OsStr::from_bytes(&path));
        let is_meant = on_host.is_relative() || program.iter().any(|argument| argument.as_bytes() == path);
        if is_meant && on_host.exists() && !machine.is_there(host, &path) {
            hints.push(hint(on_host));
        }
        if hints.len() == MOST {
            break;
        }
    }
    hints
}

fn hint(path: &Path) -> Failure {
    let directory = match path.parent() {
        _ if path.is_dir() => path,
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    };
    let message =
        format!("the guest asked for {}, which exists on the host but was not granted", path.display());
    Failure::tine(message).hint(format!("--dir {}", directory.display()))
}
