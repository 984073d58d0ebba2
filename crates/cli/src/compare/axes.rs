//! What `tine compare` varies: the options of `tine run`, each with a list of values. Every combination of them *is* a command
//! line of `tine run`, and is read as one.

use crate::args::{Cli, Command as Subcommand, LimitArgs, MachineArgs, Run, TlbArgs};
use crate::failure::Failure;
use crate::policy::PolicyArgs;
use crate::usage;
use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser};
use std::ffi::{OsStr, OsString};
use tine_machine::TlbConfig;

/// Options that have one value in every run: the guest's files are part of the program.
const FIXED: [&str; 5] = ["root", "directories", "cwd", "environment", "injections"];
/// The option whose values have commas of their own.
const TLB: &str = "tlb";

/// The options of all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Axes {
    /// Words that every command line has.
    fixed: Vec<OsString>,
    /// Options with the values that they take in turn.
    axes: Vec<Axis>,
}

/// An option with the values that it takes in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Its name, without dashes.
    pub(crate) name: String,
    /// Its values, as the user wrote them.
    pub(crate) values: Vec<OsString>,
}

/// One combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The value of each axis, in their order.
    pub(crate) values: Vec<OsString>,
    /// The command line of `tine run`, its own name left out.
    pub(crate) words: Vec<OsString>,
}

impl Axes {
    /// Returns the axes that have more than one value.
    pub(crate) fn varied(&self) -> impl Iterator<Item = (usize, &Axis)> {
        self.axes.iter().enumerate().filter(|(_, axis)| axis.values.len() > 1)
    }

    /// Returns the axes.
    pub(crate) fn all(&self) -> &[Axis] {
        &self.axes
    }

    /// Returns every combination, the last axis varying fastest, for a program with its arguments.
    pub(crate) fn points(&self, program: &[OsString]) -> Vec<Point> {
        let mut combinations = vec![Vec::new()];
        for axis in &self.axes {
            let longer = |values: Vec<OsString>| {
                axis.values.iter().map(move |value| [values.clone(), vec![value.clone()]].concat())
            };
            combinations = combinations.into_iter().flat_map(longer).collect();
        }
        let point = |values: Vec<OsString>| {
            let options = self.axes.iter().zip(&values).map(|(axis, value)| option(&axis.name, value));
            let words = self.fixed.iter().cloned().chain(options).chain(["--".into()]);
            Point { words: words.chain(program.iter().cloned()).collect(), values }
        };
        combinations.into_iter().map(point).collect()
    }
}

impl Point {
    /// Reads the combination as the command line that it is.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn run(&self) -> Result<Run, Failure> {
        let words = ["tine", "run"].map(OsString::from).into_iter().chain(self.words.iter().cloned());
        match Cli::try_parse_from(words) {
            Ok(Cli { command: Subcommand::Run(run) }) => Ok(*run),
            Ok(_) => Err(Failure::tine("a combination is no run")),
            Err(error) => Err(usage::explain(&error, "run")),
        }
    }
}

fn option(name: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{name}="));
    word.push(value);
    word
}

/// Returns the options of `tine run` that describe a run: all but what is observed.
fn options_of_run() -> Vec<Arg> {
    let command = LimitArgs::augment_args(TlbArgs::augment_args(PolicyArgs::augment_args(
        MachineArgs::augment_args(Command::new("run")),
    )));
    command.get_arguments().cloned().collect()
}

/// Returns an option of `tine run` as one of `tine compare`.
fn swept(option: Arg) -> Arg {
    let name = option.get_long().unwrap_or_default().to_owned();
    match option.get_action() {
        ArgAction::Set if name == TLB => {
            option.action(ArgAction::Append).value_parser(ValueParser::os_string()).value_name("SPEC,...")
        }
        ArgAction::Set if !FIXED.contains(&option.get_id().as_str()) => {
            let value = option.get_value_names().and_then(|names| names.first());
            let list = format!("{},...", value.map_or("VALUE", |name| name.as_str()));
            option.action(ArgAction::Append).value_delimiter(',').value_name(list)
        }
        _ => option,
    }
}

impl Args for Axes {
    fn augment_args(command: Command) -> Command {
        command.args(options_of_run().into_iter().map(swept))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Axes {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut axes = Self::default();
        for option_of_run in options_of_run() {
            let id = option_of_run.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = || matches.get_raw(id).into_iter().flatten().map(OsStr::to_owned);
            match (option_of_run.get_long(), option_of_run.get_action()) {
                (Some(name), ArgAction::SetTrue) => axes.fixed.push(format!("--{name}").into()),
                (Some(TLB), _) => {
                    axes.axes.push(Axis { name: TLB.to_owned(), values: values().flat_map(tlbs).collect() });
                }
                (Some(name), _) if FIXED.contains(&id) => {
                    axes.fixed.extend(values().map(|value| option(name, &value)));
                }
                (Some(name), _) => axes.axes.push(Axis { name: name.to_owned(), values: values().collect() }),
                (None, _) => {
                    let short = format!("-{}", option_of_run.get_short().unwrap_or_default());
                    axes.fixed.extend(values().flat_map(|value| [short.clone().into(), value]));
                }
            }
        }
        Ok(axes)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Splits a list of TLBs, whose shapes have commas too: the name of a preset begins the next one.
fn tlbs(list: OsString) -> Vec<OsString> {
    let Some(list) = list.to_str() else { return vec![list] };
    let mut specs = Vec::<String>::new();
    for part in list.split(',') {
        let is_preset = TlbConfig::PRESETS.iter().any(|(name, _)| *name == part);
        match specs.last_mut() {
            Some(spec) if !is_preset => *spec += &format!(",{part}"),
            _ => specs.push(part.to_owned()),
        }
    }
    specs.into_iter().map(OsString::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_begins_the_next_tlb() {
        let split = |list: &str| tlbs(list.into());
        assert_eq!(split("u74,tiny"), ["u74", "tiny"]);
        assert_eq!(split("u74,l2=none,tiny"), ["u74,l2=none", "tiny"]);
        assert_eq!(split("l1i=16,l1d=16x4:random"), ["l1i=16,l1d=16x4:random"]);
    }

    #[test]
    fn the_last_axis_varies_fastest() {
        let axis = |name: &str, values: [&str; 2]| Axis {
            name: name.to_owned(),
            values: values.map(OsString::from).to_vec(),
        };
        let axes = Axes {
            fixed: vec!["--aslr".into()],
            axes: vec![axis("fork", ["cow", "eager"]), axis("seed", ["1", "2"])],
        };
        let points = axes.points(&["@hello".into()]);
        let lines: Vec<_> =
            points.iter().map(|point| point.words.join(OsStr::new(" ")).into_string().unwrap()).collect();
        assert_eq!(
            lines,
            [
                "--aslr --fork=cow --seed=1 -- @hello",
                "--aslr --fork=cow --seed=2 -- @hello",
                "--aslr --fork=eager --seed=1 -- @hello",
                "--aslr --fork=eager --seed=2 -- @hello",
            ]
        );
        assert!(points.iter().all(|point| point.run().is_ok()));
    }
}
