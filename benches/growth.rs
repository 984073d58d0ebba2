//! What one process, area, instruction or hart costs as their number grows. `README.md` says what each figure measures.
//!
//!     cargo bench --bench growth -- --out benches/results

#![expect(clippy::print_stdout, reason = "whoever runs the bench reads what was measured")]

#[path = "support/figure.rs"]
mod figure;
mod support;

use clap::Parser;
use figure::{Figure, Point, cpu_seconds, median};
use std::error::Error;
use std::path::PathBuf;
use support::{Nobody, Workload, run};
use tine_machine::{Interest, MemoryPolicy};

/// Rounds of which the median counts.
const ROUNDS: usize = 3;

#[derive(Parser)]
struct Options {
    /// Where the figures and pictures go.
    #[arg(long, value_name = "DIR", default_value = "target/growth")]
    out: PathBuf,
    /// Run the smallest of each once, and write nothing.
    #[arg(long)]
    test: bool,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What grows.
struct Growth {
    name: &'static str,
    unit: &'static str,
    of: &'static str,
    sizes: &'static [u64],
    /// What a run of this size does, and how many elements that is.
    run: fn(u64) -> (Workload<'static>, u64),
}

const POLICY: &MemoryPolicy = &MemoryPolicy::TEXTBOOK;

const fn workload(kind: &'static str, count: u64, pages: u64) -> Workload<'static> {
    let interest = Interest::empty();
    Workload {
        kind,
        count,
        pages,
        policy: POLICY,
        memory_bytes: 2 << 30,
        interest,
        harts: 1,
        processes: 16_384,
    }
}

/// Instructions in a page of code.
const PER_PAGE: u64 = 1_024;

const GROWTHS: [Growth; 4] = [
    Growth {
        name: "processes",
        unit: "ns a process, from fork to wait",
        of: "processes at once",
        sizes: &[1, 10, 100, 1_000, 10_000],
        run: |size| (workload("processes", size, 1), size),
    },
    Growth {
        name: "areas",
        unit: "ns an area, from mprotect to munmap",
        of: "areas of a process",
        sizes: &[1, 10, 100, 1_000, 10_000, 30_000],
        run: |size| (workload("areas", size, 1), size),
    },
    Growth {
        name: "code",
        unit: "ns an instruction",
        of: "KiB of code",
        sizes: &[4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536],
        run: |kib| {
            let (pages, rounds) = (kib / 4, (1 << 18) / kib);
            (workload("code", rounds, pages), pages * PER_PAGE * rounds)
        },
    },
    Growth {
        name: "harts",
        unit: "ns a step of a process",
        of: "harts, and as many processes",
        sizes: &[1, 2, 4, 8, 16],
        run: |harts| (Workload { harts: harts as u32, ..workload("crowd", harts, 1) }, harts * 1_000_000),
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    if options.test {
        for growth in &GROWTHS {
            per_element(growth, growth.sizes[0]);
        }
        return Ok(());
    }
    let figure = |growth: &Growth| {
        let mut figure = Figure::new(growth.name, growth.unit, growth.of);
        for &size in growth.sizes {
            let value = median((0..ROUNDS).map(|_| per_element(growth, size)).collect());
            println!("{:12} {size:>8} {value:12.1} {}", growth.name, growth.unit);
            figure.points.push(Point { line: growth.name, size: size as f64, value });
        }
        figure
    };
    let figures: Vec<Figure> = GROWTHS.iter().map(figure).collect();
    figure::keep(&figures, &options.out, "growth")
}

/// Returns the nanoseconds that one element takes, on the host's processor; loading the program is in them, making the machine
/// is not.
fn per_element(growth: &Growth, size: u64) -> f64 {
    let (workload, elements) = (growth.run)(size);
    let machine = workload.machine();
    let before = cpu_seconds();
    let machine = run(machine, &mut Nobody);
    let seconds = cpu_seconds() - before;
    drop(machine);
    seconds * 1e9 / elements as f64
}
