//! The report of `tine boot`.

use crate::args::StatsFormat;
use crate::failure::Failure;
use crate::output::Destination;
use crate::report::grouped;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use tine_machine::boot::{BootReport, Ending};
use tine_machine::{Counts, SCHEMA};

/// Writes the report of the image that is shown under a name.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(
    report: &BootReport,
    shown: &str,
    format: StatsFormat,
    to: Destination,
) -> Result<(), Failure> {
    match format {
        StatsFormat::Table => to.write_table(&table(report, shown)),
        StatsFormat::Json => to.write(&json(report, shown)),
        StatsFormat::Csv => to.write(&csv(report)),
    }
}

/// Every count that is not zero, a line each, for the machine and, where there are several, each hart.
fn table(report: &BootReport, shown: &str) -> String {
    let width = report.machine.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let mut scopes = vec![(format!("{shown}, TLBs {}", report.config.tlb), &report.machine)];
    if report.harts.len() > 1 {
        let harts = report.harts.iter().enumerate();
        scopes.extend(harts.map(|(hart, counts)| (format!("hart {hart}"), counts)));
    }
    let mut text = String::new();
    for (scope, counts) in scopes {
        // A String takes every byte.
        let _ = writeln!(text, "{scope}");
        for (key, count) in counts.iter().filter(|&(_, count)| count > 0) {
            let _ = writeln!(text, "  {key:width$}  {:>14}", grouped(count));
        }
    }
    text
}

fn json(report: &BootReport, shown: &str) -> String {
    let counts = |counts: &Counts| -> Value {
        counts.iter().map(|(key, count)| (key.to_owned(), count.into())).collect::<Map<_, _>>().into()
    };
    let exit_code = match report.ending {
        Some(Ending::Exit(code)) => Value::from(code),
        _ => Value::Null,
    };
    let value = json!({
        "schema": SCHEMA,
        "image": shown,
        "tlb": report.config.tlb.to_string(),
        "harts": report.config.harts,
        "memory_bytes": report.config.memory_bytes,
        "seed": report.config.seed,
        "exit_code": exit_code,
        "machine": counts(&report.machine),
        "per_hart": report.harts.iter().map(counts).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn csv(report: &BootReport) -> String {
    let harts = report.harts.iter().enumerate().map(|(hart, counts)| (format!("hart {hart}"), counts));
    let mut text = String::from("scope,key,value\n");
    for (scope, counts) in [("machine".to_owned(), &report.machine)].into_iter().chain(harts) {
        for (key, count) in counts.iter() {
            let _ = writeln!(text, "{scope},{key},{count}");
        }
    }
    text
}
