//! The programs that are built into the command.

use std::fmt::Write;

/// A built-in program.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Its name, without the `@`.
    pub(crate) name: &'static str,
    /// What it shows, in a line.
    pub(crate) summary: &'static str,
}

/// All of them, by name.
const GUESTS: &[Guest] = include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// Returns the list that `tine guests` prints.
pub(crate) fn list() -> String {
    let width = GUESTS.iter().map(|guest| guest.name.len()).max().unwrap_or_default();
    GUESTS.iter().fold(String::new(), |mut list, guest| {
        writeln!(list, "@{:width$}  {}", guest.name, guest.summary).expect("a String takes every byte");
        list
    })
}
