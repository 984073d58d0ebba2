//! What fork and its copies cost as a process grows, under each policy: host time, and page-table memory.
//!
//!     cargo bench --bench forks -- --max 4096 --out benches/results
//!
//! `README.md` says what each figure measures.

mod support;

use clap::Parser;
use plotters::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
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

/// A figure of one policy at one size.
struct Point {
    policy: &'static str,
    resident_mib: u64,
    value: f64,
}

/// A figure as the process grows.
struct Series {
    name: &'static str,
    unit: &'static str,
    points: Vec<Point>,
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
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("forks.csv"), csv(&all)?)?;
    for series in &all {
        draw(series, &options.out.join(format!("{}.svg", series.name)))?;
    }
    Ok(())
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
    let workload = Workload { kind, count, pages: (mib << 20) / PAGE_SIZE, policy, memory_bytes, interest };
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

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How many children a process of this size gets, so that forks are most of what a run does.
fn children(mib: u64) -> u64 {
    (512 / mib).clamp(5, 200)
}

/// A fork with its child's end, and the page tables that fork makes for the child.
fn fork_costs(policies: &[(&'static str, MemoryPolicy)], sizes: &[u64], rounds: usize) -> Vec<Series> {
    let mut times = Series { name: "fork-time", unit: "µs a fork, exit and wait", points: Vec::new() };
    let mut tables = Series { name: "fork-tables", unit: "KiB of page tables a fork", points: Vec::new() };
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
            let point = |value| Point { policy: name, resident_mib: mib, value };
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
) -> Series {
    let mut series = Series { name, unit: "ns a page stored to", points: Vec::new() };
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
            series.points.push(Point { policy, resident_mib: mib, value: median(seconds) * 1e9 });
        }
    }
    series
}

fn csv(all: &[Series]) -> Result<String, Box<dyn Error>> {
    let mut text = String::from("figure,unit,policy,resident_mib,value\n");
    for series in all {
        for Point { policy, resident_mib, value } in &series.points {
            writeln!(text, "{},{},{policy},{resident_mib},{value:.1}", series.name, series.unit)?;
        }
    }
    Ok(text)
}

/// Draws a figure over the size, both in powers.
fn draw(series: &Series, file: &Path) -> Result<(), Box<dyn Error>> {
    let colors =
        [RGBColor(31, 119, 180), RGBColor(214, 39, 40), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];
    let sizes = series.points.iter().map(|point| point.resident_mib as f64);
    let (least, most) =
        sizes.fold((f64::MAX, 1.0_f64), |(least, most), size| (least.min(size), most.max(size)));
    let values = series.points.iter().map(|point| point.value.max(0.1));
    let (low, high) =
        values.fold((f64::MAX, 0.1_f64), |(low, high), value| (low.min(value), high.max(value)));
    let area = SVGBackend::new(file, (760, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .caption(format!("{}: {}", series.name, series.unit), ("sans-serif", 18))
        .x_label_area_size(42)
        .y_label_area_size(74)
        .build_cartesian_2d((least..most * 1.2).log_scale(), (low / 2.0..high * 2.0).log_scale())?;
    chart.configure_mesh().x_desc("resident MiB").y_desc(series.unit).draw()?;
    let mut policies: Vec<&str> = Vec::new();
    for point in &series.points {
        if !policies.contains(&point.policy) {
            policies.push(point.policy);
        }
    }
    for (policy, color) in policies.into_iter().zip(colors) {
        let own = series.points.iter().filter(|point| point.policy == policy);
        let places: Vec<_> = own.map(|point| (point.resident_mib as f64, point.value.max(0.1))).collect();
        chart
            .draw_series(LineSeries::new(places, color.stroke_width(2)).point_size(4))?
            .label(policy)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()?;
    area.present()?;
    Ok(())
}
