//! A cost model: turns counts into the cycles that a machine with such costs would have spent.
//!
//! ```text
//!   SPEC = part { "," part }
//!   part = preset | parameter "=" cycles
//! ```
//!
//! A model ranks policies; it does not predict a machine. Whoever shows its cycles shows its parameters beside them.

use crate::{Counts, Report};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Declares the parameters of a model: field, name in a SPEC, and what it is paid for.
macro_rules! parameters {
    ($($(#[$doc:meta])* $field:ident = $name:literal, $per:literal, $units:expr;)*) => {
        /// What each event costs, in cycles.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct CostModel {
            $($(#[$doc])* pub $field: u64,)*
        }

        impl CostModel {
            /// Returns each parameter by name, with its cycles and what they are paid for.
            pub fn parameters(&self) -> Vec<(&'static str, u64, &'static str)> {
                vec![$(($name, self.$field, $per)),*]
            }

            /// Returns the cycles that the counted events cost.
            fn price(&self, counts: &Counts) -> u64 {
                let units: &[(u64, fn(&Counts) -> u64)] = &[$((self.$field, $units)),*];
                units.iter().fold(0, |sum, (cycles, units)| sum.saturating_add(cycles.saturating_mul(units(counts))))
            }

            fn parameter(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $($name => Some(&mut self.$field),)*
                    _ => None,
                }
            }
        }
    };
}

parameters! {
    /// A retired instruction whose data is at hand.
    instruction = "insn", "an instruction", |counts| counts.get("instructions.user");
    /// A first-level TLB miss that asks the second level.
    second_level = "l2tlb", "a second-level TLB look-up", |counts| counts.get("tlb.l2.lookups");
    /// A PTE that a walk reads, from a cache.
    walk_read = "pte-read", "a PTE read by a walk", |counts| counts.get("tlb.walk_reads");
    /// A fault's way into the supervisor, its look-ups, and its way back.
    fault = "fault", "a page fault", |counts| counts.get("faults.total");
    /// A system call's way into the supervisor and back.
    syscall = "syscall", "a system call", |counts| sum(counts, "syscalls.", ".calls");
    /// 4 KiB copied.
    copy = "copy", "a page copied", |counts| counts.get("cow.pages_copied");
    /// 4 KiB cleared.
    clear = "clear", "a page cleared", |counts| {
        ["faults.demand_zero", "faults.zero_page_write", "fork.pt_frames_allocated"].map(|key| counts.get(key)).iter().sum()
    };
    /// A PTE copied by fork, with the counts of its frame.
    pte = "pte-copy", "a PTE copied by fork", |counts| counts.get("fork.ptes_copied");
    /// A local fence.
    fence = "fence", "a fence", |counts| ["sfence.all", "sfence.asid", "sfence.page"].map(|key| counts.get(key)).iter().sum();
    /// Another hart told: an interrupt there, and the wait for its answer.
    remote_fence = "remote-fence", "a remote fence", |counts| counts.get("sfence.remote");
    /// A change of the running task.
    switch = "switch", "a switch", |counts| counts.get("sched.switches");
}

/// Adds up the counts whose keys begin and end so.
fn sum(counts: &Counts, prefix: &str, suffix: &str) -> u64 {
    counts.under(prefix).filter(|(key, _)| key.ends_with(suffix)).map(|(_, count)| count).sum()
}

impl CostModel {
    /// An in-order core of the U74's class at some 1.5 GHz. Round figures that nobody measured: a second-level TLB beside the
    /// first-level cache, page tables in the second-level cache, 8 bytes a cycle for copies, 32 for clearing.
    pub const INORDER: Self = Self {
        instruction: 1,
        second_level: 4,
        walk_read: 20,
        fault: 800,
        syscall: 200,
        copy: 1024,
        clear: 256,
        pte: 15,
        fence: 30,
        remote_fence: 2000,
        switch: 600,
    };

    /// Every event costs as much as an instruction: a plain sum of what happened.
    pub const UNIT: Self = Self {
        instruction: 1,
        second_level: 1,
        walk_read: 1,
        fault: 1,
        syscall: 1,
        copy: 1,
        clear: 1,
        pte: 1,
        fence: 1,
        remote_fence: 1,
        switch: 1,
    };

    /// The presets by name.
    pub const PRESETS: [(&'static str, Self); 2] = [("inorder", Self::INORDER), ("unit", Self::UNIT)];

    /// Returns the cycles that a run would have taken, all harts together.
    pub fn cycles(&self, report: &Report) -> u64 {
        self.price(&report.machine)
    }
}

impl Default for CostModel {
    fn default() -> Self {
        Self::INORDER
    }
}

impl fmt::Display for CostModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::PRESETS.iter().find(|(_, preset)| preset == self) {
            Some((name, _)) => f.write_str(name),
            None => {
                let parameters = self.parameters();
                let parts = parameters.iter().map(|(name, cycles, _)| format!("{name}={cycles}"));
                f.write_str(&parts.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Why a SPEC names no model.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CostError {
    /// Neither preset nor parameter.
    #[error("\"{0}\" is neither a model nor a parameter")]
    Unknown(String),
    /// A parameter whose value is no number of cycles.
    #[error("\"{0}\" is not a number of cycles")]
    Cycles(String),
}

impl FromStr for CostModel {
    type Err = CostError;

    fn from_str(spec: &str) -> Result<Self, CostError> {
        let mut model = Self::default();
        for part in spec.split(',') {
            if let Some((_, preset)) = Self::PRESETS.iter().find(|(name, _)| *name == part) {
                model = *preset;
                continue;
            }
            let (name, cycles) = part.split_once('=').ok_or_else(|| CostError::Unknown(part.to_owned()))?;
            let parameter = model.parameter(name).ok_or_else(|| CostError::Unknown(name.to_owned()))?;
            // A cap far above any cost keeps the products small.
            let number = cycles.parse::<u32>().map_err(|_| CostError::Cycles(cycles.to_owned()))?;
            *parameter = number.into();
        }
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_a_preset_with_changes() {
        let model: CostModel = "unit,copy=7".parse().unwrap();
        assert_eq!(model, CostModel { copy: 7, ..CostModel::UNIT });
        assert_eq!(model.to_string().parse(), Ok(model));
        assert_eq!("inorder".parse::<CostModel>().unwrap().to_string(), "inorder");
        assert_eq!("fast".parse::<CostModel>(), Err(CostError::Unknown("fast".to_owned())));
        assert_eq!("copy=-1".parse::<CostModel>(), Err(CostError::Cycles("-1".to_owned())));
    }

    #[test]
    fn every_event_has_its_price() {
        let counts: Counts = [
            ("instructions.user", 1000),
            ("faults.total", 3),
            ("cow.pages_copied", 2),
            ("syscalls.read.calls", 5),
            ("syscalls.read.errors", 4),
            ("sfence.page", 6),
        ]
        .into_iter()
        .collect();
        assert_eq!(CostModel::UNIT.price(&counts), 1000 + 3 + 2 + 5 + 6);
        assert_eq!(CostModel::INORDER.price(&counts), 1000 + 3 * 800 + 2 * 1024 + 5 * 200 + 6 * 30);
    }
}
