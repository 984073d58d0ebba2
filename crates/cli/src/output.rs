//! Writing to stdout, stderr and files that the user named.

use crate::failure::Failure;
use anstream::adapter::strip_str;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, LineWriter, Write};
use std::path::Path;
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

/// Where lines go while the program runs. The first error is kept for the end: an observer does not stop a program.
pub(crate) struct Output {
    name: String,
    to: Box<dyn Write>,
    error: Option<io::Error>,
}

impl Output {
    /// Writes to stderr, line by line.
    pub(crate) fn stderr() -> Self {
        Self::to("stderr", LineWriter::new(io::stderr()))
    }

    /// Writes to `to`, which messages call `name`.
    pub(crate) fn to(name: impl Into<String>, to: impl Write + 'static) -> Self {
        Self { name: name.into(), to: Box::new(to), error: None }
    }

    /// Creates the file that `option` names, or takes stderr where it names none.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(crate) fn open(option: &str, file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else {
            return Ok(Self::stderr());
        };
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self::to(name, BufWriter::new(file))),
            Err(error) => Err(Failure::tine(format!("{option} cannot create {name}: {error}"))
                .hint("name a file in a directory that you may write")),
        }
    }

    /// Writes a line.
    pub(crate) fn line(&mut self, line: &str) {
        self.write(line);
        self.write("\n");
    }

    /// Writes `text` as it is.
    pub(crate) fn write(&mut self, text: &str) {
        if self.error.is_none() {
            self.error = self.to.write_all(text.as_bytes()).err();
        }
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// The first thing that could not be written.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let error = self.error.take().or_else(|| self.to.flush().err());
        error.map_or(Ok(()), |error| Err(Failure::tine(format!("cannot write to {}: {error}", self.name))))
    }
}

/// Where a report goes at the end of a run: a file that the user named, or stderr.
pub(crate) struct Destination(Option<Output>);

impl Destination {
    /// Creates the file that `option` names, if it names one.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(crate) fn open(option: &str, file: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self(file.map(|path| Output::open(option, Some(path))).transpose()?))
    }

    /// Writes text for people, which may have terminal styles, set off from what the program printed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_table(self, text: &str) -> Result<(), Failure> {
        match &self.0 {
            Some(_) => self.write(&strip_str(text).to_string()),
            None => self.write(&format!("\n{text}")),
        }
    }

    /// Writes text for programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(self, text: &str) -> Result<(), Failure> {
        let mut output = self.0.unwrap_or_else(|| Output::to("stderr", anstream::stderr()));
        output.write(text);
        output.finish()
    }
}
