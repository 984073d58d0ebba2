//! What the user is told when Tine cannot do what was asked: what happened, to what, and what to do about it.

use anstyle::{AnsiColor, Style};
use std::io::Write;
use std::process::ExitCode;

/// Exit code when Tine itself fails: a bad flag, a full disk (env(1) has the same three).
const TINE_FAILED: u8 = 125;
/// Exit code when PROGRAM is there but cannot be run.
const CANNOT_RUN: u8 = 126;
/// Exit code when PROGRAM is not there.
const NOT_FOUND: u8 = 127;

/// An error as the user sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Makes the failure of Tine itself.
    pub(crate) fn tine(message: impl Into<String>) -> Self {
        Self { code: TINE_FAILED, message: message.into(), hint: None }
    }

    /// Makes the failure of a program that is there but cannot be run.
    pub(crate) fn cannot_run(message: impl Into<String>) -> Self {
        Self { code: CANNOT_RUN, message: message.into(), hint: None }
    }

    /// Makes the failure of a program that is not there.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { code: NOT_FOUND, message: message.into(), hint: None }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it to stderr as something that the user may want to know, and that ends nothing.
    pub(crate) fn warn(&self) {
        self.print();
    }

    /// Prints the failure to stderr and returns its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        self.print();
        ExitCode::from(self.code)
    }

    fn print(&self) {
        let error = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        let remedy = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        let mut text = format!("{error}tine:{error:#} {}\n", self.message);
        if let Some(hint) = &self.hint {
            text += &format!("  {remedy}hint:{remedy:#} {hint}\n");
        }
        // Where stderr is closed, the exit code is all that can be said.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }
}
