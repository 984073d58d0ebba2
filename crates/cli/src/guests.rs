//! The programs that are built into the command.

use crate::failure::Failure;
use std::fmt::Write;

/// A built-in program.
#[derive(Debug)]
pub(crate) struct Guest {
    /// Its name, without the `@`.
    pub(crate) name: &'static str,
    /// What it shows, in a line.
    pub(crate) summary: &'static str,
    /// Its ELF file.
    pub(crate) elf: &'static [u8],
}

/// All of them, by name.
const GUESTS: &[Guest] = include!(concat!(env!("OUT_DIR"), "/guests.rs"));

/// How alike two names must be for one to be offered for the other (Jaro-Winkler, 1 is the same).
const ALIKE: f64 = 0.8;

/// Returns the built-in program called `name`.
///
/// # Errors
/// When there is none; the names most like it are in the hint.
pub(crate) fn find(name: &str) -> Result<&'static Guest, Failure> {
    GUESTS.iter().find(|guest| guest.name == name).ok_or_else(|| {
        let alike = GUESTS
            .iter()
            .map(|guest| (strsim::jaro_winkler(guest.name, name), guest.name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let failure = Failure::not_found(format!("no program called \"{name}\" is built in"));
        match alike {
            Some((_, other)) => failure.hint(format!("did you mean @{other}? tine guests lists them")),
            None => failure.hint("tine guests lists them"),
        }
    })
}

/// Returns the list that `tine guests` prints.
pub(crate) fn list() -> String {
    let width = GUESTS.iter().map(|guest| guest.name.len()).max().unwrap_or_default();
    GUESTS.iter().fold(String::new(), |mut list, guest| {
        writeln!(list, "@{:width$}  {}", guest.name, guest.summary).expect("a String takes every byte");
        list
    })
}
