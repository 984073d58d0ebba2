//! A comparison as JSON and CSV, for programs.

use super::output::ending;
use super::{Comparison, Ran};
use crate::report;
use serde_json::{Map, Value, json};

/// Version of the keys and of their meanings.
const SCHEMA: u32 = 1;

pub(super) fn json(comparison: &Comparison) -> String {
    let model = &comparison.model;
    let parameters: Map<_, _> =
        model.parameters().into_iter().map(|(name, cycles, _)| (name.to_owned(), cycles.into())).collect();
    let runs: Vec<_> =
        comparison.runs.iter().enumerate().map(|(index, ran)| run(comparison, index, ran)).collect();
    let object = json!({
        "schema": SCHEMA,
        "program": comparison.program,
        "common": comparison.common,
        "cost": { "model": model.to_string(), "cycles": parameters },
        "outputs": comparison.outputs.len(),
        "runs": runs,
    });
    format!("{object:#}\n")
}

fn run(comparison: &Comparison, index: usize, ran: &Ran) -> Value {
    let options = comparison.varied.iter().zip(comparison.labels(ran));
    let options: Map<_, _> = options.map(|((_, axis), label)| (axis.name.clone(), label.into())).collect();
    let figures = comparison.metrics.iter().map(|metric| (metric.key.clone(), metric.values[index].into()));
    json!({
        "options": options,
        "figures": figures.collect::<Map<_, _>>(),
        "end": ending(&ran.outcome),
        "output": output_of(comparison, index),
        "report": report::value(&ran.report),
    })
}

/// Returns which output a run has, counted from 0: runs of one number printed the same.
fn output_of(comparison: &Comparison, index: usize) -> Option<usize> {
    comparison.outputs.iter().position(|group| group.runs.contains(&index))
}

pub(super) fn csv(comparison: &Comparison) -> String {
    let mut table = csv::Writer::from_writer(Vec::new());
    let axes = comparison.varied.iter().map(|(_, axis)| axis.name.clone());
    let keys = comparison.metrics.iter().map(|metric| metric.key.clone());
    let mut rows = vec![axes.chain(keys).chain(["end", "output"].map(str::to_owned)).collect::<Vec<_>>()];
    for (index, ran) in comparison.runs.iter().enumerate() {
        let figures = comparison.metrics.iter().map(|metric| metric.values[index].to_string());
        let output = output_of(comparison, index).map(|output| output.to_string());
        let rest = [ending(&ran.outcome), output.unwrap_or_default()];
        rows.push(comparison.labels(ran).into_iter().chain(figures).chain(rest).collect());
    }
    for row in rows {
        table.write_record(row).expect("memory takes every row");
    }
    let bytes = table.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("made of strings")
}
