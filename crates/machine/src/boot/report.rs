//! What was counted in a run without native supervisor.

use super::{BootConfig, Ending};
use crate::Counts;
use std::collections::BTreeMap;
use tine_hart::Hart;

/// What was counted, and what it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootReport {
    /// What the figures depend on.
    pub config: BootConfig,
    /// How the run ended; `None` before it has run.
    pub ending: Option<Ending>,
    /// The sum of all harts.
    pub machine: Counts,
    /// Each hart's counts.
    pub harts: Vec<Counts>,
}

impl BootReport {
    pub(super) fn new(config: &BootConfig, ending: Option<&Ending>, harts: &[Hart]) -> Self {
        let harts: Vec<Counts> = harts.iter().map(|hart| rows(hart).into_iter().collect()).collect();
        let mut sums = BTreeMap::<&str, u64>::new();
        for (key, count) in harts.iter().flat_map(Counts::iter) {
            *sums.entry(key).or_default() += count;
        }
        // In the order of the rows, not of the alphabet.
        let order = harts.first().into_iter().flat_map(Counts::iter).map(|(key, _)| key);
        let machine = order.map(|key| (key, sums.get(key).copied().unwrap_or_default())).collect();
        Self { config: config.clone(), ending: ending.cloned(), machine, harts }
    }
}

/// Returns a hart's counts with the keys of the report.
fn rows(hart: &Hart) -> Vec<(&'static str, u64)> {
    let mut rows = vec![
        ("instructions.user", hart.instructions.user),
        ("instructions.supervisor", hart.instructions.supervisor),
        ("instructions.machine", hart.instructions.machine),
        ("traps.exceptions", hart.traps.exceptions),
        ("traps.interrupts", hart.traps.interrupts),
        ("traps.fetch_page_faults", hart.page_faults.fetch),
        ("traps.load_page_faults", hart.page_faults.load),
        ("traps.store_page_faults", hart.page_faults.store),
    ];
    // There is no native supervisor that could copy, nor one that tells other harts of its fences.
    let native = |key: &str| key.starts_with("tlb.supervisor.") || key == "sfence.remote";
    rows.extend(hart.mmu.counters().rows().into_iter().filter(|(key, _)| !native(key)));
    rows
}
