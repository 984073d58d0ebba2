//! Command-line errors in the shape of all others: clap knows what was wrong, this says it in one line with a hint.

use crate::args::Cli;
use crate::failure::Failure;
use crate::values::BadValue;
use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error;
use std::io;
use std::num::{IntErrorKind, ParseIntError};

/// The commands whose help describes options, the one that is meant where none is named first.
const COMMANDS: [&str; 4] = ["run", "boot", "compare", "disasm"];

/// What the command line asks for.
pub(crate) enum Asked {
    /// To do something.
    Command(Cli),
    /// To see help or the version, which were printed.
    Shown,
}

/// Reads the command line.
///
/// # Errors
/// The first thing that is wrong with it.
pub(crate) fn parse() -> Result<Asked, Failure> {
    match Cli::try_parse() {
        Ok(cli) => Ok(Asked::Command(cli)),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            match error.print() {
                // A reader that has seen enough (`tine run --help | head`) is no error.
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    Err(Failure::tine(format!("cannot print the help: {error}")))
                }
                _ => Ok(Asked::Shown),
            }
        }
        Err(error) => Err(explain(&error, &std::env::args().nth(1).unwrap_or_default())),
    }
}

/// Says in one line what is wrong with the command line of a command, and what to do about it.
pub(crate) fn explain(error: &clap::Error, command: &str) -> Failure {
    let command = COMMANDS.into_iter().find(|name| *name == command).unwrap_or(COMMANDS[0]);
    let help = format!("tine {command} --help describes every option");
    let argument = option_name(context(error, ContextKind::InvalidArg));
    let value = context(error, ContextKind::InvalidValue);
    let did_you_mean = |kind| Some(context(error, kind)).filter(|name| !name.is_empty());
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => {
            Failure::tine(format!("{argument} needs a value")).hint(help)
        }
        ErrorKind::InvalidValue => {
            let valid = context(error, ContextKind::ValidValue);
            let hint = match did_you_mean(ContextKind::SuggestedValue) {
                Some(suggestion) => format!("did you mean {suggestion}? It takes {valid}"),
                None => format!("it takes {valid}"),
            };
            Failure::tine(format!("{argument} does not know \"{value}\"")).hint(hint)
        }
        ErrorKind::ValueValidation => match error.source().and_then(|source| source.downcast_ref()) {
            Some(BadValue { problem, remedy }) => {
                Failure::tine(format!("{argument} {value}: {problem}")).hint(remedy.as_str())
            }
            None => {
                let problem = error.source().map(problem).unwrap_or_default();
                Failure::tine(format!("{argument} {value}: {problem}")).hint(help)
            }
        },
        ErrorKind::UnknownArgument => {
            let hint = match did_you_mean(ContextKind::SuggestedArg) {
                Some(suggestion) => format!("did you mean {}?", option_name(suggestion)),
                None => format!("options of the program go after its name; {help}"),
            };
            Failure::tine(format!("there is no option {argument}")).hint(hint)
        }
        ErrorKind::InvalidSubcommand => {
            let name = context(error, ContextKind::InvalidSubcommand);
            let hint = match did_you_mean(ContextKind::SuggestedSubcommand) {
                Some(suggestion) => format!("did you mean tine {suggestion}?"),
                None => format!("to run a program: tine run {name}"),
            };
            Failure::tine(format!("there is no command \"{name}\"")).hint(hint)
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = option_name(context(error, ContextKind::InvalidArg));
            let hint = match missing.as_str() {
                "PROGRAM" => "tine guests lists programs to try: tine run @cow-tutorial".to_owned(),
                _ => help,
            };
            Failure::tine(format!("{missing} is missing")).hint(hint)
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::tine("what is to be done?")
                .hint("tine run PROGRAM runs a program; tine --help lists all commands")
        }
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Failure::tine(line.trim_start_matches("error: ")).hint(help)
        }
    }
}

/// Says what is wrong with a value, of a number in the words of who wrote it.
fn problem(source: &(dyn Error + 'static)) -> String {
    match source.downcast_ref().map(ParseIntError::kind) {
        Some(IntErrorKind::PosOverflow | IntErrorKind::NegOverflow) => "it is too large".to_owned(),
        Some(_) => "it is not a whole number".to_owned(),
        None => source.to_string(),
    }
}

/// Returns what clap noted under `kind` as text; empty when it noted nothing.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// Returns the bare name of an argument that clap shows as `--fork <MODE>` or `<PROGRAM>...`.
fn option_name(argument: String) -> String {
    let name = argument.trim_start_matches(['<', '[']);
    name.split([' ', '[', '=', '>', ']']).next().unwrap_or_default().to_owned()
}
