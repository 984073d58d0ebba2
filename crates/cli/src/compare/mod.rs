//! `tine compare`: the same program, the same input, other policies.
//!
//! ```text
//!   options ──axes──▶ combinations ──runs──▶ reports ──metrics──▶ table, JSON, CSV, SVG
//!                                       └──▶ what was printed ──output──▶ the same, or where it differs
//! ```

mod axes;
mod formats;
mod metrics;
mod output;
mod plot;
mod runs;
mod table;

pub(crate) use axes::Axes;

use crate::args::{Compare, CompareFormat};
use crate::failure::Failure;
use crate::output::{self as files, Output};
use axes::Axis;
use metrics::Metric;
use output::Alike;
use runs::Ran;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use tine_machine::CostModel;

/// Exit code when runs printed different things, as diff(1) has it.
const DIFFERENT: u8 = 1;

/// A comparison that has been made.
struct Comparison {
    /// The program and its arguments, as the user named them.
    program: Vec<String>,
    /// What all runs have in common: options with one value.
    common: Vec<String>,
    /// The options that vary, each with its place among a point's values.
    varied: Vec<(usize, Axis)>,
    runs: Vec<Ran>,
    metrics: Vec<Metric>,
    outputs: Vec<Alike>,
    model: CostModel,
}

impl Comparison {
    /// Returns the values of the varied options in a run.
    fn labels(&self, ran: &Ran) -> Vec<String> {
        self.varied.iter().map(|(place, _)| ran.point.values[*place].to_string_lossy().into_owned()).collect()
    }
}

/// Runs the program in every combination of what the options list, and shows what differs.
///
/// # Errors
/// When there is nothing to compare, when a combination is wrong or cannot be run, or when the result cannot be written.
pub(crate) fn compare(options: &Compare) -> Result<ExitCode, Failure> {
    let axes = &options.axes;
    let combinations = runs::read(axes.points(&options.program))?;
    let varied: Vec<_> = axes.varied().map(|(place, axis)| (place, axis.clone())).collect();
    if varied.is_empty() {
        return Err(Failure::tine("there is nothing to compare: every option has one value")
            .hint("give one of them a list: --fork cow,eager"));
    }
    let plot = options.result.plot.as_deref().map(|path| Output::open("--plot", Some(path))).transpose()?;
    let jobs = options
        .result
        .jobs
        .or_else(|| std::thread::available_parallelism().ok())
        .unwrap_or(NonZeroUsize::MIN);
    let runs = runs::run_all(combinations, jobs)?;
    let is_common = |axis: &&Axis| axis.values.len() == 1;
    let text = |axis: &Axis| format!("--{} {}", axis.name, axis.values[0].to_string_lossy());
    let comparison = Comparison {
        program: options.program.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        common: axes.all().iter().filter(is_common).map(text).collect(),
        varied,
        metrics: metrics::of(&runs, &options.result.cost),
        outputs: output::groups(&runs),
        runs,
        model: options.result.cost,
    };
    if let Some(mut plot) = plot {
        plot.write(&plot::svg(&comparison)?);
        plot.finish()?;
    }
    files::print(&match options.result.format {
        CompareFormat::Table => table::render(&comparison),
        CompareFormat::Json => formats::json(&comparison),
        CompareFormat::Csv => formats::csv(&comparison),
    })?;
    Ok(if comparison.outputs.len() > 1 { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}
