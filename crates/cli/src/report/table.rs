//! The report as a table for people: figures in columns, units named, zero rows left out.

use super::numbers::{bytes, counted, grouped};
use super::tlb_name;
use anstyle::Style;
use std::collections::BTreeMap;
use tine_machine::{Counts, MemoryPolicy, Outcome, PAGE_SIZE, Process, Report, WaitStatus};

/// Width of a row's name.
const NAME: usize = 21;
/// Width of a row's first figure.
const FIGURE: usize = 14;
/// Width at which a row goes on in the next line.
const WIDTH: usize = 100;
/// More processes than this are summed up in a line: a table of thousands helps nobody.
const MOST_PROCESSES: usize = 40;
/// Deeper descendants are not indented any further.
const MOST_INDENT: usize = 8;
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub(super) fn render(report: &Report) -> String {
    let mut text = header(report);
    text.push('\n');
    text += &machine_rows(report);
    text.push('\n');
    text += &process_rows(&report.processes);
    if report.harts.len() > 1 {
        text.push('\n');
        text += &hart_rows(&report.harts);
    }
    text
}

/// Says what ran and everything that the figures depend on.
fn header(report: &Report) -> String {
    let setting = &report.setting;
    let outcome = match &report.outcome {
        None => "has not run".to_owned(),
        Some(Outcome::Ended(WaitStatus::Exited(code))) => format!("exited {code}"),
        Some(Outcome::Ended(WaitStatus::Killed { signal, .. })) => format!("was killed by {}", signal.name()),
        Some(Outcome::InstructionLimit(limit)) => {
            format!("was stopped after {} instructions", grouped(*limit))
        }
        Some(Outcome::Deadlock(_)) => "was stopped: no task could ever run again".to_owned(),
    };
    let policy = policy(&setting.policy);
    let machine = format!(
        "tlb {} · {} · {} · seed {} · epoch {}",
        tlb_name(&setting.tlb),
        counted(u64::from(setting.harts), "hart"),
        bytes(setting.memory_bytes),
        setting.seed,
        setting.epoch_s
    );
    let time = format!("{} ns an instruction, {} ns a trap", setting.instruction_ns, setting.trap_ns);
    let failing: String = setting.injections.iter().map(|injection| format!(" · fail {injection}")).collect();
    let program = &setting.program;
    format!(
        "{BOLD}tine: {program} {outcome}{BOLD:#}      {DIM}{policy}\n  {machine} · {time}{failing}{DIM:#}\n"
    )
}

/// Names the preset, how fork works, and every other switch that differs from the preset.
fn policy(policy: &MemoryPolicy) -> String {
    const ALWAYS: [&str; 3] = ["fork", "fork_order", "ad"];
    let [fork, order, ad] = ALWAYS.map(|always| {
        policy
            .switches()
            .into_iter()
            .find(|(key, _)| *key == always)
            .map_or(String::new(), |(_, value)| value.to_string())
    });
    let mut text = format!("policy {} · fork {fork}, {order} · {ad}", policy.name);
    for (key, value) in policy.changed().into_iter().filter(|(key, _)| !ALWAYS.contains(key)) {
        text += &format!(" · {key} {value}");
    }
    text
}

fn machine_rows(report: &Report) -> String {
    let counts = &report.machine;
    let mut rows = Rows::default();
    rows.add(
        "instructions",
        counts.get("instructions.user"),
        "user",
        ["the supervisor is native and retires none".to_owned()],
    );
    let kinds = nonzero(counts.under("faults.").filter(|(kind, _)| *kind != "total"));
    rows.add("page faults", counts.get("faults.total"), "resolved", kinds);
    let attributes = counts.under("faults_attr.").map(|(attribute, count)| {
        let name = match attribute {
            "supervisor" => "taken by the supervisor",
            "fault_around_pages" => "pages mapped around",
            "cow_batch_pages" => "pages copied around",
            "table_unshared" => "unshared a page table",
            "stack_growth" => "grew the stack",
            other => other,
        };
        (name, count)
    });
    rows.list("", nonzero(attributes));
    rows.list("failed faults", nonzero(counts.under("failed_faults.")));
    let copied = counts.get("cow.pages_copied");
    rows.list(
        "copy-on-write",
        nonzero([
            ("pages write-protected by fork", counts.get("cow.pages_write_protected")),
            (&format!("copied ({})", bytes(counts.get("cow.bytes_copied"))), copied),
            ("reused", counts.get("cow.pages_reused")),
            ("copied in vain", counts.get("cow.copied_in_vain")),
        ]),
    );
    rows.list(
        "pool of frames",
        nonzero([
            ("copies served", counts.get("pool.hits")),
            ("copies that found it empty", counts.get("pool.misses")),
            ("frames at the end", report.gauges.get("frames.pool")),
        ]),
    );
    let fork_work = [
        ("PTEs copied", counts.get("fork.ptes_copied")),
        ("page-table frames", counts.get("fork.pt_frames_allocated")),
        ("page-table frames shared", counts.get("fork.pt_frames_shared")),
        ("PTEs copied when they were unshared", counts.get("fork.ptes_unshared")),
    ];
    rows.add("fork", counts.get("fork.fork"), "", nonzero(fork_work));
    rows.add("vfork", counts.get("fork.vfork"), "", []);
    rows.add("threads", counts.get("fork.thread"), "", []);
    tlb_rows(counts, &mut rows);
    let fences =
        ["all", "asid", "page", "remote"].map(|scope| (scope, counts.get(&format!("sfence.{scope}"))));
    rows.list("fences", nonzero(fences));
    let calls = |what: &'static str| {
        let ending = format!(".{what}");
        counts.under("syscalls.").filter(move |(key, _)| key.ends_with(&ending)).map(|(_, count)| count).sum()
    };
    rows.add("system calls", calls("calls"), "", nonzero([("failed", calls("errors"))]));
    rows.add("switches", counts.get("sched.switches"), "", []);
    let gauges = &report.gauges;
    let peak = gauges.get("frames.peak");
    let use_at_end = nonzero([
        ("in use at the end", gauges.get("frames.in_use")),
        ("page cache", gauges.get("frames.page_cache")),
        ("page tables", gauges.get("frames.page_table")),
    ]);
    rows.add("memory", peak, &format!("frames at the peak ({})", bytes(peak * PAGE_SIZE)), use_at_end);
    rows.0
}

fn tlb_rows(counts: &Counts, rows: &mut Rows) {
    let lookups = [
        ("TLB  instructions", "tlb.itlb.lookups", "tlb.itlb.misses"),
        ("     loads", "tlb.dtlb.loads", "tlb.dtlb.load_misses"),
        ("     stores", "tlb.dtlb.stores", "tlb.dtlb.store_misses"),
        ("     supervisor loads", "tlb.supervisor.loads", "tlb.supervisor.load_misses"),
        ("     supervisor stores", "tlb.supervisor.stores", "tlb.supervisor.store_misses"),
        ("     second level", "tlb.l2.lookups", "tlb.l2.misses"),
    ];
    for (name, lookups, misses) in lookups {
        let (lookups, misses) = (counts.get(lookups), counts.get(misses));
        let rate = 100.0 * misses as f64 / lookups.max(1) as f64;
        rows.add(name, lookups, &format!("lookups {:>12} misses {rate:>7.2} %", grouped(misses)), []);
    }
    let walk_work =
        [("PTE reads", counts.get("tlb.walk_reads")), ("A/D bits set", counts.get("tlb.ad_updates"))];
    rows.add("     walks", counts.get("tlb.walks"), "", nonzero(walk_work));
    let removed = [
        ("displaced by fills", counts.get("tlb.evictions")),
        ("removed by fences", counts.get("tlb.flushed_entries")),
    ];
    rows.list("     entries", nonzero(removed));
}

/// Rows of one figure in a column and what goes with it; a row whose figure is 0 is left out.
#[derive(Default)]
struct Rows(String);

impl Rows {
    fn add(&mut self, name: &str, figure: u64, unit: &str, more: impl IntoIterator<Item = String>) {
        if figure > 0 {
            self.push(name, &grouped(figure), unit, more);
        }
    }

    /// Adds a row of several figures, the first of them in the column.
    fn list(&mut self, name: &str, figures: Vec<String>) {
        let mut figures = figures.into_iter();
        if let Some((figure, unit)) = figures.next().as_deref().and_then(|first| first.split_once(' ')) {
            self.push(name, figure, unit, figures);
        }
    }

    /// Adds a row, on more than one line where it is long.
    fn push(&mut self, name: &str, figure: &str, unit: &str, more: impl IntoIterator<Item = String>) {
        let start = format!("  {name:NAME$} {figure:>FIGURE$} ");
        let indent = start.chars().count();
        let mut line = format!("{start}{unit}").trim_end().to_owned();
        for part in more {
            line += " ·";
            if line.chars().count() + 1 + part.chars().count() > WIDTH {
                self.0 += &line;
                line = format!("\n{:indent$}{part}", "");
            } else {
                line += &format!(" {part}");
            }
        }
        self.0 += &line;
        self.0.push('\n');
    }
}

/// Returns each figure that is not 0 with its unit.
fn nonzero<'a>(figures: impl IntoIterator<Item = (&'a str, u64)>) -> Vec<String> {
    let figures = figures.into_iter().filter(|(_, count)| *count > 0);
    figures.map(|(unit, count)| format!("{} {unit}", grouped(count))).collect()
}

fn process_rows(processes: &[Process]) -> String {
    let ordered = family_order(processes);
    let shown = &ordered[..ordered.len().min(MOST_PROCESSES)];
    let names: Vec<_> = shown.iter().map(|&(process, depth)| process_name(process, depth)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().max("command".len());
    let mut text = format!(
        "  {DIM}{:>5}  {:width$} {:>14} {:>9} {:>9} {:>9}  exit{DIM:#}\n",
        "pid", "command", "instr", "faults", "copied", "reused"
    );
    for (&(process, _), name) in shown.iter().zip(&names) {
        let counts = &process.counts;
        let figures = ["instructions.user", "faults.total", "cow.pages_copied", "cow.pages_reused"];
        let [instructions, faults, copied, reused] = figures.map(|key| grouped(counts.get(key)));
        let end = match process.end {
            Some(WaitStatus::Exited(code)) => code.to_string(),
            Some(WaitStatus::Killed { signal, .. }) => signal.name().to_owned(),
            None => "alive".to_owned(),
        };
        text += &format!(
            "  {:>5}  {name:width$} {instructions:>14} {faults:>9} {copied:>9} {reused:>9}  {end}\n",
            process.pid
        );
    }
    let left_out = ordered.len() - shown.len();
    if left_out > 0 {
        text +=
            &format!("         and {} (all are in --stats=json)\n", counted(left_out as u64, "more process"));
    }
    text
}

/// Returns the processes with each after the one that made it, and how many generations it is from the program.
fn family_order(processes: &[Process]) -> Vec<(&Process, usize)> {
    let mut children = BTreeMap::<i32, Vec<&Process>>::new();
    let known: BTreeMap<i32, &Process> = processes.iter().map(|process| (process.pid, process)).collect();
    let mut to_visit = Vec::new();
    for process in processes.iter().rev() {
        if known.contains_key(&process.parent) && process.parent != process.pid {
            children.entry(process.parent).or_default().push(process);
        } else {
            to_visit.push((process, 0));
        }
    }
    let mut ordered = Vec::with_capacity(processes.len());
    while let Some((process, depth)) = to_visit.pop() {
        ordered.push((process, depth));
        let of_this = children.remove(&process.pid).unwrap_or_default();
        to_visit.extend(of_this.into_iter().map(|child| (child, depth + 1)));
    }
    ordered
}

fn process_name(process: &Process, depth: usize) -> String {
    if depth == 0 {
        return process.command.clone();
    }
    let indent = "  ".repeat(depth.min(MOST_INDENT) - 1);
    format!("{indent}└ {} {}", process.origin, process.command)
}

fn hart_rows(harts: &[Counts]) -> String {
    let keys = ["instructions.user", "sched.switches", "faults.total", "tlb.walks", "sfence.remote"];
    let mut text = format!(
        "  {DIM}{:>5} {:>14} {:>9} {:>9} {:>12} {:>14}{DIM:#}\n",
        "hart", "instr", "switches", "faults", "walks", "remote fences"
    );
    for (hart, counts) in harts.iter().enumerate() {
        let [instructions, switches, faults, walks, remote] = keys.map(|key| grouped(counts.get(key)));
        text +=
            &format!("  {hart:>5} {instructions:>14} {switches:>9} {faults:>9} {walks:>12} {remote:>14}\n");
    }
    text
}
