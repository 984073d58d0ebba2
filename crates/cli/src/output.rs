//! Writing to stdout and to files that the user named.

use crate::failure::Failure;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// Prints `text` to stdout. A reader that has seen enough (`tine guests | head -1`) is no error.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn print(text: &str) -> Result<ExitCode, Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::tine(format!("cannot write to stdout: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
