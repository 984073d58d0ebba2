//! Runs the command as a shell would.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Returns the command with `arguments`, without anything of this terminal.
pub(crate) fn tine<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tine"));
    command.args(arguments).stdin(Stdio::null()).current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["COLUMNS", "CLICOLOR_FORCE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Runs the command and returns its exit code, stdout and stderr.
pub(crate) fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> (i32, String, String) {
    finish(tine(arguments))
}

/// The same in another directory.
pub(crate) fn run_in<I: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = I>,
) -> (i32, String, String) {
    let mut command = tine(arguments);
    command.current_dir(directory);
    finish(command)
}

fn finish(mut command: Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().expect("tine is not killed"), text(stdout), text(stderr))
}

/// Returns the ELF file of a built-in program.
pub(crate) fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/bin").join(name)
}

/// Writes `pipe:[N]` for `pipe:[32]`, and so of sockets: their numbers depend on how many files a machine begins with.
pub(crate) fn without_inodes(text: &str) -> String {
    let mut parts = text.split(":[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| format!(":[N{}", part.trim_start_matches(|it: char| it.is_ascii_digit())));
    first + &rest.collect::<String>()
}
