//! The report in its three forms: a table for people, JSON and CSV for programs.

mod csv;
mod json;
mod numbers;
mod table;

pub(crate) use numbers::{counted, grouped, size};

use crate::args::StatsFormat;
use tine_machine::{Report, TlbConfig};

/// Returns the report in `format`, with terminal styles in the table.
pub(crate) fn render(report: &Report, format: StatsFormat) -> String {
    match format {
        StatsFormat::Table => table::render(report),
        StatsFormat::Json => json::render(report),
        StatsFormat::Csv => csv::render(report),
    }
}

/// Returns the report as a JSON value.
pub(crate) fn value(report: &Report) -> serde_json::Value {
    json::value(report)
}

/// Returns the preset's name, or the whole shape where it is none.
fn tlb_name(tlb: &TlbConfig) -> String {
    tlb.preset_name().map_or_else(|| tlb.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
