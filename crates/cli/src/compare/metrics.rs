//! The figures in which runs are compared. Less is better in each of them.

use super::runs::Ran;
use crate::report::{grouped, size};
use tine_machine::{CostModel, Counts, PAGE_SIZE};

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// As a number.
    Count,
    /// As a size.
    Bytes,
}

impl Unit {
    /// Writes a figure for people.
    pub(crate) fn show(self, value: u64) -> String {
        match self {
            Self::Count => grouped(value),
            Self::Bytes => size(value),
        }
    }
}

/// A figure of every run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Its name in JSON and CSV.
    pub(crate) key: String,
    /// What a table calls it.
    pub(crate) heading: String,
    /// How it is written.
    pub(crate) unit: Unit,
    /// The figure of each run, in their order.
    pub(crate) values: Vec<u64>,
}

impl Metric {
    /// Returns the least figure, where runs differ in it.
    pub(crate) fn best(&self) -> Option<u64> {
        let least = *self.values.iter().min()?;
        self.values.iter().any(|value| *value != least).then_some(least)
    }
}

/// Computes the figures; kinds of fault that no run took are left out.
pub(crate) fn of(runs: &[Ran], model: &CostModel) -> Vec<Metric> {
    let metric = |key: &str, heading: &str, unit: Unit, value: &dyn Fn(&Ran) -> u64| Metric {
        key: key.to_owned(),
        heading: heading.to_owned(),
        unit,
        values: runs.iter().map(value).collect(),
    };
    let count =
        |key: &str, heading: &str| metric(key, heading, Unit::Count, &|ran| ran.report.machine.get(key));
    let mut metrics = vec![count("instructions.user", "instr"), count("faults.total", "faults")];
    metrics.extend(fault_kinds(runs).into_iter().map(|kind| count(&format!("faults.{kind}"), &kind)));
    metrics.extend([
        count("cow.pages_copied", "pages copied"),
        metric("cow.bytes_copied", "bytes copied", Unit::Bytes, &|ran| {
            ran.report.machine.get("cow.bytes_copied")
        }),
        metric("tlb.misses", "TLB misses", Unit::Count, &|ran| last_level_misses(&ran.report.machine)),
        count("fork.pt_frames_allocated", "fork's tables"),
        metric("peak_bytes", "peak memory", Unit::Bytes, &|ran| {
            ran.report.gauges.get("frames.peak") * PAGE_SIZE
        }),
        metric("model_cycles", "model cycles", Unit::Count, &|ran| model.cycles(&ran.report)),
    ]);
    metrics
}

fn fault_kinds(runs: &[Ran]) -> Vec<String> {
    let mut kinds = Vec::<String>::new();
    for (kind, count) in runs.iter().flat_map(|ran| ran.report.machine.under("faults.")) {
        if kind != "total" && count > 0 && !kinds.iter().any(|known| known == kind) {
            kinds.push(kind.to_owned());
        }
    }
    kinds
}

/// Returns how many look-ups no TLB could answer.
fn last_level_misses(counts: &Counts) -> u64 {
    if counts.get("tlb.l2.lookups") > 0 {
        return counts.get("tlb.l2.misses");
    }
    let first_level = [
        "itlb.misses",
        "dtlb.load_misses",
        "dtlb.store_misses",
        "supervisor.load_misses",
        "supervisor.store_misses",
    ];
    first_level.iter().map(|key| counts.get(&format!("tlb.{key}"))).sum()
}
