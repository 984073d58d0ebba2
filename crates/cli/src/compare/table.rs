//! A comparison as a table for people: a row for each run, the best of each column marked.

use super::metrics::Metric;
use super::output::{difference, ending};
use super::{Comparison, Ran};
use crate::report::counted;
use comfy_table::{CellAlignment, Table, TableStyle};

/// Marks the best of a column.
const BEST: char = '*';

pub(super) fn render(comparison: &Comparison) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_header(header(comparison));
    for (index, ran) in comparison.runs.iter().enumerate() {
        table.add_row(row(comparison, index, ran));
    }
    for column in table.column_iter_mut().skip(comparison.varied.len()) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let common = match comparison.common.as_slice() {
        [] => String::new(),
        common => format!("  with {}", common.join(" ")),
    };
    let mut text = format!("tine compare: {}{common}\n\n", comparison.program.join(" "));
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    text.push('\n');
    text += &outputs(comparison);
    text + &legend(comparison)
}

fn header(comparison: &Comparison) -> Vec<String> {
    let axes = comparison.varied.iter().map(|(_, axis)| axis.name.clone());
    // A name of several words stands in several lines, so that columns stay narrow.
    let metrics = comparison.metrics.iter().map(|metric| metric.heading.replace(['_', ' '], " \n") + " ");
    axes.chain(metrics).chain(["exit".to_owned()]).collect()
}

fn row(comparison: &Comparison, index: usize, ran: &Ran) -> Vec<String> {
    let labels = comparison.labels(ran).into_iter();
    let figures = comparison.metrics.iter().map(|metric| figure(metric, index));
    labels.chain(figures).chain([ending(&ran.outcome)]).collect()
}

/// Writes a run's figure, with room for the mark.
fn figure(metric: &Metric, index: usize) -> String {
    let value = metric.values[index];
    let mark = if metric.best() == Some(value) { BEST } else { ' ' };
    format!("{}{mark}", metric.unit.show(value))
}

fn outputs(comparison: &Comparison) -> String {
    let [first, others @ ..] = comparison.outputs.as_slice() else { return String::new() };
    let runs = comparison.runs.len();
    if others.is_empty() {
        return format!("output identical in all {}\n", counted(runs as u64, "run"));
    }
    let name = |index: usize| {
        let labels = comparison.labels(&comparison.runs[index]);
        let parts =
            comparison.varied.iter().zip(labels).map(|((_, axis), label)| format!("--{} {label}", axis.name));
        parts.collect::<Vec<_>>().join(" ")
    };
    let mut text = format!(
        "output DIFFERS: {} say one thing, the others do not\n  as with {}: {}\n",
        first.runs.len(),
        name(first.runs[0]),
        counted(first.runs.len() as u64, "run"),
    );
    for group in others {
        let other = group.runs[0];
        text += &format!(
            "  as with {}: {}; {}\n",
            name(other),
            counted(group.runs.len() as u64, "run"),
            difference(&comparison.runs[first.runs[0]], &comparison.runs[other]),
        );
    }
    text
}

/// Says what the marks and the model mean.
fn legend(comparison: &Comparison) -> String {
    let model = &comparison.model;
    let parameters = model.parameters();
    let prices = parameters.iter().map(|(_, cycles, per)| format!("{cycles} {per}"));
    format!(
        "{BEST} least of its column\nmodel cycles: {model}, a model and no measurement: {}\n",
        prices.collect::<Vec<_>>().join(" · ")
    )
}
