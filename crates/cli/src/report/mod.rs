//! The report in its three forms: a table for people, JSON and CSV for programs.

mod csv;
mod json;
mod numbers;
mod table;

pub(crate) use numbers::{counted, grouped, size};

use crate::args::StatsFormat;
use tine_machine::{AdUpdate, ForkMode, ForkOrder, MemoryPolicy, Report, Thp, ThpCow, TlbConfig};

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

fn fork_mode(policy: &MemoryPolicy) -> &'static str {
    match policy.fork {
        ForkMode::Cow => "cow",
        ForkMode::Eager => "eager",
    }
}

fn fork_order(policy: &MemoryPolicy) -> &'static str {
    match policy.fork_order {
        ForkOrder::ChildFirst => "child-first",
        ForkOrder::ParentFirst => "parent-first",
    }
}

/// Returns the policy of huge pages in short; how they are copied only where there are any.
fn huge_pages(policy: &MemoryPolicy) -> String {
    match (policy.thp, policy.thp_cow) {
        (Thp::Never, _) | (_, ThpCow::Split) => format!("thp {}", policy.thp.name()),
        (_, ThpCow::Copy) => format!("thp {}, copied whole", policy.thp.name()),
    }
}

fn ad_update(policy: &MemoryPolicy) -> &'static str {
    match policy.ad_update {
        AdUpdate::Svade => "svade",
        AdUpdate::Svadu => "svadu",
    }
}

/// Returns the preset's name, or the whole shape where it is none.
fn tlb_name(tlb: &TlbConfig) -> String {
    tlb.preset_name().map_or_else(|| tlb.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
