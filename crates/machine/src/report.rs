//! The report of a run: everything that was counted, and everything that the figures depend on, as plain data.
//!
//! Counts have the keys of the report's public interface, such as `tlb.dtlb.load_misses`. The parts add up: the
//! machine's counts are the sum of its processes' and of its harts'. Gauges stand apart, because they do not add up.

use std::collections::BTreeMap;
use tine_kernel::inject::Injection;
use tine_kernel::mm::PageSize;
use tine_kernel::{Account, ForkMode, MemoryPolicy, Origin, Outcome, ProcessRecord, WaitStatus};
use tine_mmu::TlbConfig;

/// Version of the keys and of their meanings.
pub const SCHEMA: u32 = 1;

/// Counts by key, in the order in which they are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<(String, u64)>);

impl Counts {
    /// Returns the count of `key`; 0 where nothing of the kind was counted.
    pub fn get(&self, key: &str) -> u64 {
        self.iter().find(|(other, _)| *other == key).map_or(0, |(_, count)| count)
    }

    /// Returns every key with its count.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(key, count)| (key.as_str(), *count))
    }

    /// Leaves out the events of mechanisms that the policy does not have.
    fn retain(&mut self, policy: &MemoryPolicy) {
        self.0.retain(|(key, _)| policy.has_counter(key));
    }

    /// Returns the counts whose keys begin with `prefix`, by the rest of their keys.
    pub fn under(&self, prefix: &str) -> impl Iterator<Item = (&str, u64)> {
        self.iter().filter_map(move |(key, count)| key.strip_prefix(prefix).map(|rest| (rest, count)))
    }
}

impl<K: Into<String>> FromIterator<(K, u64)> for Counts {
    fn from_iter<I: IntoIterator<Item = (K, u64)>>(rows: I) -> Self {
        Self(rows.into_iter().map(|(key, count)| (key.into(), count)).collect())
    }
}

impl From<&Account> for Counts {
    fn from(account: &Account) -> Self {
        // The supervisor is native: it retires no instruction of the machine, nor is there firmware below it.
        let instructions = [
            ("instructions.user", account.retired),
            ("instructions.supervisor", 0),
            ("instructions.machine", 0),
        ];
        let rows = instructions.into_iter().chain(account.tlb.rows()).chain(account.memory.rows());
        let rows =
            rows.chain([("sched.switches", account.switches)]).map(|(key, count)| (key.to_owned(), count));
        let calls = account.syscalls.by_name().into_iter().flat_map(|(name, count)| {
            [
                (format!("syscalls.{name}.calls"), count.calls),
                (format!("syscalls.{name}.errors"), count.errors),
            ]
        });
        rows.chain(calls).collect()
    }
}

/// Everything that the figures of a report depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The program, as the user named it.
    pub program: String,
    /// Its arguments, without its own name.
    pub arguments: Vec<String>,
    /// The memory policy.
    pub policy: MemoryPolicy,
    /// The shape of each hart's TLBs.
    pub tlb: TlbConfig,
    /// Number of harts.
    pub harts: u32,
    /// Size of guest RAM in bytes.
    pub memory_bytes: u64,
    /// Start of everything drawn at random.
    pub seed: u64,
    /// Seconds since 1970 at the start.
    pub epoch_s: u64,
    /// What was made to fail.
    pub injections: Vec<Injection>,
    /// Virtual time of one retired instruction.
    pub instruction_ns: u64,
    /// Virtual time charged for a trap.
    pub trap_ns: u64,
}

/// What was counted in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the figures depend on.
    pub setting: Setting,
    /// How the run ended; `None` before it has run.
    pub outcome: Option<Outcome>,
    /// The whole machine's counts.
    pub machine: Counts,
    /// States, not events: frames by use.
    pub gauges: Counts,
    /// Every process that ever was, by number.
    pub processes: Vec<Process>,
    /// Each hart's counts.
    pub harts: Vec<Counts>,
}

/// A process in the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Number of the process that made it.
    pub parent: i32,
    /// Name of its last program.
    pub command: String,
    /// `program`, `fork` or `vfork`.
    pub origin: &'static str,
    /// How it ended; `None` when the run ended first.
    pub end: Option<WaitStatus>,
    /// What it did.
    pub counts: Counts,
}

impl From<&ProcessRecord> for Process {
    fn from(record: &ProcessRecord) -> Self {
        Self {
            pid: record.pid.0,
            parent: record.parent.0,
            command: record.command.clone(),
            origin: match record.origin {
                Origin::Program => "program",
                Origin::Fork => "fork",
                Origin::Vfork => "vfork",
            },
            end: record.end,
            counts: Counts::from(&record.account),
        }
    }
}

impl Report {
    /// Leaves out the events of mechanisms that the policy does not have.
    pub(crate) fn without_absent_mechanisms(mut self) -> Self {
        let processes = self.processes.iter_mut().map(|process| &mut process.counts);
        let scopes =
            [&mut self.machine, &mut self.gauges].into_iter().chain(processes).chain(&mut self.harts);
        scopes.for_each(|counts| counts.retain(&self.setting.policy));
        self
    }

    /// Checks what must hold of the counts of every run, whatever the program did.
    ///
    /// # Errors
    /// Names the first rule that is broken, where, and the figures.
    pub fn check(&self) -> Result<(), String> {
        let scopes = [("machine".to_owned(), &self.machine)]
            .into_iter()
            .chain(self.processes.iter().map(|process| (format!("pid {}", process.pid), &process.counts)))
            .chain(self.harts.iter().enumerate().map(|(hart, counts)| (format!("hart {hart}"), counts)));
        for (scope, counts) in scopes {
            self.check_scope(counts).map_err(|broken| format!("{scope}: {broken}"))?;
        }
        self.check_sum("processes", self.processes.iter().map(|process| &process.counts))?;
        self.check_sum("harts", self.harts.iter())
    }

    fn check_scope(&self, counts: &Counts) -> Result<(), String> {
        let equal = |what: &str, left: u64, right: u64| {
            if left == right { Ok(()) } else { Err(format!("{what}: {left} is not {right}")) }
        };
        let at_most = |what: &str, part: u64, whole: u64| {
            if part <= whole { Ok(()) } else { Err(format!("{what}: {part} is more than {whole}")) }
        };
        let mut first_level_misses = 0;
        for (lookups, misses) in LOOKUPS {
            first_level_misses += counts.get(misses);
            at_most(misses, counts.get(misses), counts.get(lookups))?;
        }
        let kinds = counts.under("faults.").filter(|(kind, _)| *kind != "total").map(|(_, count)| count);
        equal("fault kinds sum to the total", kinds.sum(), counts.get("faults.total"))?;
        let copied_or_reused: u64 = ["cow_copy", "cow_reuse", "huge_copy", "huge_reuse"]
            .map(|kind| counts.get(&format!("faults.{kind}")))
            .iter()
            .sum();
        // A split copies too, unless what it splits is zeros.
        let with_splits = copied_or_reused + counts.get("faults.huge_split");
        at_most("a copy-on-write fault copies or reuses", copied_or_reused, counts.get("cow.faults"))?;
        at_most("a copy-on-write fault copies, reuses or splits", counts.get("cow.faults"), with_splits)?;
        if self.setting.policy.cow_prealloc_frames > 0 && self.setting.policy.fork != ForkMode::Eager {
            let asked = counts.get("pool.hits") + counts.get("pool.misses");
            let whole = counts.get("faults.huge_copy") * PageSize::Huge.pages();
            equal("every copy of a base page asks the pool", asked + whole, counts.get("cow.pages_copied"))?;
        }
        at_most("tlb.l2.misses", counts.get("tlb.l2.misses"), counts.get("tlb.l2.lookups"))?;
        let last_level_misses = if self.setting.tlb.l2.is_some() {
            equal(
                "first-level misses ask the second level",
                first_level_misses,
                counts.get("tlb.l2.lookups"),
            )?;
            counts.get("tlb.l2.misses")
        } else {
            first_level_misses
        };
        at_most("every last-level miss walks", last_level_misses, counts.get("tlb.walks"))
    }

    fn check_sum<'a>(&self, parts: &str, counts: impl Iterator<Item = &'a Counts>) -> Result<(), String> {
        let mut sums = BTreeMap::<&str, u64>::new();
        for (key, count) in counts.flat_map(Counts::iter) {
            *sums.entry(key).or_default() += count;
        }
        for (key, whole) in self.machine.iter() {
            let sum = sums.remove(key).unwrap_or_default();
            if sum != whole {
                return Err(format!("{key}: the {parts} have {sum}, the machine has {whole}"));
            }
        }
        match sums.first_key_value() {
            Some((key, sum)) => Err(format!("{key}: the {parts} have {sum}, the machine does not know it")),
            None => Ok(()),
        }
    }
}

/// First-level lookups, each with its misses.
const LOOKUPS: [(&str, &str); 5] = [
    ("tlb.itlb.lookups", "tlb.itlb.misses"),
    ("tlb.dtlb.loads", "tlb.dtlb.load_misses"),
    ("tlb.dtlb.stores", "tlb.dtlb.store_misses"),
    ("tlb.supervisor.loads", "tlb.supervisor.load_misses"),
    ("tlb.supervisor.stores", "tlb.supervisor.store_misses"),
];
