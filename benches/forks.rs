//! What fork and its copies cost as a process grows, under each policy: host time, and page-table memory.
//!
//!     cargo bench --bench forks -- --max 4096 --out benches/results
//!
//! `README.md` says what each figure measures.

#![expect(clippy::print_stdout, reason = "whoever runs the bench reads what was measured")]

#[path = "support/figure.rs"]
mod figure;
mod support;

use clap::Parser;
use figure::{Figure, Point, cpu_seconds, median};
use std::error::Error;
use std::path::PathBuf;
use support::Workload;
use tine_machine::{Event, EventSink, ForkMode, Guest, Interest, MemoryPolicy, PAGE_SIZE, Report, What};

/// Rounds of which the median counts. In each, every policy has its turn.
const ROUNDS: usize = 5;

#[derive(Parser)]
struct Options {
    /// The largest process, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    max: u64,
    /// Where the figures and pictures go.
    #[arg(long, value_name = "DIR", default_value = "target/forks")]
    out: PathBuf,
    /// Run each once with little memory, and write nothing.
    #[arg(long)]
    test: bool,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let (max, rounds) = if options.test { (1, 1) } else { (options.max, ROUNDS) };
    let sizes: Vec<u64> = (0..).map(|step| 1 << (2 * step)).take_while(|mib| *mib <= max).collect();
    let forks: Vec<_> = FORKS.iter().map(|&mode| (mode.name(), policy(mode, 0, 1))).collect();
    let storms = [
        ("cow", policy(ForkMode::Cow, 0, 1)),
        ("pool", policy(ForkMode::Cow, 1 << 16, 1)),
        ("batch 16", policy(ForkMode::Cow, 0, 16)),
        ("pool and batch 16", policy(ForkMode::Cow, 1 << 16, 16)),
    ];
    let mut all = fork_costs(&forks, &sizes, rounds);
    all.push(storm_costs("storm", &storms, &sizes, rounds));
    if options.test {
        return Ok(());
    }
    figure::keep(&all, &options.out, "forks")
}

const FORKS: [ForkMode; 3] = [ForkMode::Cow, ForkMode::Eager, ForkMode::Odf];

fn policy(fork: ForkMode, cow_prealloc_frames: u64, cow_batch_pages: u64) -> MemoryPolicy {
    MemoryPolicy { fork, cow_prealloc_frames, cow_batch_pages, ..MemoryPolicy::TEXTBOOK }
}

/// When a run's children were made and when they ended, on the host's processor, and the run's report.
fn time(kind: &str, count: u64, mib: u64, policy: &MemoryPolicy) -> (Watch, Report) {
    // Room for the process, a whole copy of it, their page tables and a pool.
    let memory_bytes = (2 * mib + mib / 64 + 320) << 20;
    let interest = Interest::FORK | Interest::EXIT;
    let pages = (mib << 20) / PAGE_SIZE;
    let workload = Workload { kind, count, pages, policy, memory_bytes, interest, harts: 1, processes: 64 };
    let mut watch = Watch::default();
    let mut machine = support::run(workload.machine(), &mut watch);
    (watch, machine.report())
}

/// Instants of a run, in seconds of the host's processor.
#[derive(Default)]
struct Watch {
    forks: Vec<f64>,
    exits: Vec<f64>,
}

impl EventSink for Watch {
    fn event(&mut self, event: &Event, _: Guest<'_>) {
        match event.what {
            What::Fork { .. } => self.forks.push(cpu_seconds()),
            What::Exit { .. } => self.exits.push(cpu_seconds()),
            _ => {}
        }
    }
}

impl Watch {
    /// Returns how long a fork takes with its child's end and the wait for it: from one fork to the next.
    fn a_fork(&self) -> f64 {
        (self.forks[self.forks.len() - 1] - self.forks[0]) / (self.forks.len() - 1) as f64
    }

    /// Returns how long children live, in all.
    fn lives(&self) -> f64 {
        self.forks.iter().zip(&self.exits).map(|(fork, exit)| exit - fork).sum()
    }
}

/// How many children a process of this size gets, so that forks are most of what a run does.
fn children(mib: u64) -> u64 {
    (512 / mib).clamp(5, 200)
}

/// A fork with its child's end, and the page tables that fork makes for the child.
fn fork_costs(policies: &[(&'static str, MemoryPolicy)], sizes: &[u64], rounds: usize) -> Vec<Figure> {
    let mut times = Figure::new("fork-time", "µs a fork, exit and wait", "resident MiB");
    let mut tables = Figure::new("fork-tables", "KiB of page tables a fork", "resident MiB");
    for &mib in sizes {
        let count = children(mib);
        let mut seconds = vec![Vec::new(); policies.len()];
        let mut frames = vec![0; policies.len()];
        for _ in 0..rounds {
            for (index, (_, policy)) in policies.iter().enumerate() {
                let (watch, report) = time("fork", count, mib, policy);
                seconds[index].push(watch.a_fork());
                frames[index] = report.machine.get("fork.pt_frames_allocated") / count;
            }
        }
        for ((name, _), (seconds, frames)) in policies.iter().zip(seconds.into_iter().zip(frames)) {
            let point = |value| Point { line: name, size: mib as f64, value };
            times.points.push(point(median(seconds) * 1e6));
            tables.points.push(point((frames * PAGE_SIZE) as f64 / 1024.0));
        }
    }
    vec![times, tables]
}

/// A page that a child stores to: its life from fork to exit is made of such stores.
fn storm_costs(
    name: &'static str,
    policies: &[(&'static str, MemoryPolicy)],
    sizes: &[u64],
    rounds: usize,
) -> Figure {
    let mut storm = Figure::new(name, "ns a page stored to", "resident MiB");
    for &mib in sizes {
        let count = (64 / mib).clamp(1, 16);
        let mut seconds = vec![Vec::new(); policies.len()];
        for _ in 0..rounds {
            for (index, (_, policy)) in policies.iter().enumerate() {
                let (watch, _) = time("copy", count, mib, policy);
                seconds[index].push(watch.lives() / (count * (mib << 20) / PAGE_SIZE) as f64);
            }
        }
        for ((policy, _), seconds) in policies.iter().zip(seconds) {
            storm.points.push(Point { line: policy, size: mib as f64, value: median(seconds) * 1e9 });
        }
    }
    storm
}
