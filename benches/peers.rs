//! Whole programs here, under qemu-riscv64 and, where they are about processes, on this computer's own Linux.
//!
//!     cargo bench --bench peers -- --out benches/results
//!
//! `README.md` says what the programs do.

#![expect(clippy::print_stdout, reason = "whoever runs the bench reads what was measured")]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use clap::Parser;
use cpu_time::{Ratio, cpu_seconds, median, ratio};
use plotters::prelude::*;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Parser)]
struct Options {
    /// How often each runs; every peer has its turn before the first has its second.
    #[arg(long, value_name = "N", default_value_t = 9)]
    runs: usize,
    /// Only the programs whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Where the table and the picture go.
    #[arg(long, value_name = "DIR", default_value = "target/peers")]
    out: PathBuf,
    /// Run each once, here alone, with little to do, and write nothing.
    #[arg(long)]
    test: bool,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A program of the suite.
struct Program {
    name: &'static str,
    /// From `benches/`.
    file: &'static str,
    arguments: &'static [&'static str],
    /// The same with little to do.
    brief: &'static [&'static str],
    /// Whether it is about what the kernel does, so that this computer's Linux is a peer.
    is_process_work: bool,
}

const fn computes(
    name: &'static str,
    file: &'static str,
    arguments: &'static [&'static str],
    brief: &'static [&'static str],
) -> Program {
    Program { name, file, arguments, brief, is_process_work: false }
}

const fn processes(
    name: &'static str,
    arguments: &'static [&'static str],
    brief: &'static [&'static str],
) -> Program {
    Program { name, file: "workload", arguments, brief, is_process_work: true }
}

const SUITE: [Program; 14] = [
    computes("compute", "workload", &["compute", "40000000"], &["compute", "9"]),
    computes("touch", "workload", &["touch", "40000000"], &["touch", "9"]),
    computes("stride 64 MiB", "workload", &["stride", "2000000", "16384"], &["stride", "9", "2"]),
    computes("queens", "programs/bin/queens", &["11"], &["5"]),
    computes("sha256", "programs/bin/sha256", &["16"], &["0"]),
    computes("nbody", "programs/bin/nbody", &["200000"], &["1"]),
    computes("sieve", "programs/bin/sieve", &["16"], &["1"]),
    processes("getppid", &["call", "1000000"], &["call", "9"]),
    processes("fork 16 MiB", &["fork", "200", "4096"], &["fork", "1", "4"]),
    processes("vfork", &["vfork", "2000"], &["vfork", "1"]),
    processes("exec", &["exec", "300"], &["exec", "1"]),
    processes("COW copy 16 MiB", &["copy", "20", "4096"], &["copy", "1", "4"]),
    processes("signal", &["signal", "200000"], &["signal", "9"]),
    processes("pipe", &["pipe", "50000"], &["pipe", "9"]),
];

/// Who runs a program.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peer {
    Tine,
    Qemu,
    Native,
}

impl Peer {
    const ALL: [Self; 3] = [Self::Tine, Self::Qemu, Self::Native];

    const fn name(self) -> &'static str {
        match self {
            Self::Tine => "tine",
            Self::Qemu => "qemu",
            Self::Native => "native",
        }
    }

    /// Tells whether a program can be run; qemu leaves an exec of a riscv64 program to the host, which refuses.
    fn runs(self, program: &Program) -> bool {
        match self {
            Self::Tine => true,
            Self::Qemu => program.name != "exec",
            Self::Native => program.is_process_work,
        }
    }

    fn command(self, benches: &Path, native: &Path, program: &Program) -> Command {
        match self {
            Self::Tine => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_tine"));
                command.args(["run", "--policy", "textbook"]).arg(benches.join(program.file));
                command
            }
            Self::Qemu => {
                let mut command = Command::new("qemu-riscv64");
                command.arg(benches.join(program.file));
                command
            }
            Self::Native => Command::new(native.join("benches").join(program.file)),
        }
    }
}

/// What a program took with each peer that runs it: the CPU seconds of every run.
struct Row<'a> {
    program: &'a Program,
    seconds: [Vec<f64>; 3],
}

impl Row<'_> {
    fn median(&self, peer: Peer) -> Option<f64> {
        median(self.seconds[peer as usize].clone())
    }

    /// Returns how many times as long as `peer` this takes.
    fn ratio(&self, peer: Peer) -> Option<Ratio> {
        ratio(&self.seconds[Peer::Tine as usize], &self.seconds[peer as usize])
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    if options.test {
        for program in &SUITE {
            cpu_seconds(Peer::Tine.command(&benches, &benches, program).args(program.brief))?;
        }
        return Ok(());
    }
    let native = Path::new(env!("CARGO_TARGET_TMPDIR")).join("native");
    let built = Command::new(benches.join("../guest/build")).arg("--host").arg(&native).status()?;
    if !built.success() {
        return Err("guest/build --host failed".into());
    }
    let suite = SUITE.iter().filter(|program| program.name.contains(&options.only));
    let mut rows = Vec::new();
    for program in suite {
        let mut row = Row { program, seconds: Default::default() };
        for _ in 0..options.runs {
            for peer in Peer::ALL.into_iter().filter(|peer| peer.runs(program)) {
                let mut command = peer.command(&benches, &native, program);
                row.seconds[peer as usize].push(cpu_seconds(command.args(program.arguments))?);
            }
        }
        println!("{}", line(&row)?);
        rows.push(row);
    }
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("peers.csv"), csv(&rows)?)?;
    draw(&rows, &options.out.join("peers.svg"))
}

fn line(row: &Row<'_>) -> Result<String, std::fmt::Error> {
    let mut text = format!("{:16}", row.program.name);
    for peer in Peer::ALL {
        match row.median(peer) {
            Some(seconds) => write!(text, " {:>7} {seconds:8.4} s", peer.name())?,
            None => write!(text, " {:>7} {:>10}", "", "")?,
        }
    }
    for peer in [Peer::Qemu, Peer::Native] {
        if let Some(Ratio { median: ratio, least, most }) = row.ratio(peer) {
            write!(text, "   {ratio:.3} of {} ({least:.3} to {most:.3})", peer.name())?;
        }
    }
    Ok(text)
}

fn csv(rows: &[Row<'_>]) -> Result<String, std::fmt::Error> {
    let mut text = String::from("program,peer,cpu seconds,tine/peer,least,most\n");
    for row in rows {
        for peer in Peer::ALL {
            let (Some(seconds), Some(Ratio { median: ratio, least, most })) =
                (row.median(peer), row.ratio(peer))
            else {
                continue;
            };
            writeln!(
                text,
                "{},{},{seconds:.4},{ratio:.3},{least:.3},{most:.3}",
                row.program.name,
                peer.name()
            )?;
        }
    }
    Ok(text)
}

/// Draws each ratio as a point between its least and most, over a logarithmic scale.
fn draw(rows: &[Row<'_>], file: &Path) -> Result<(), Box<dyn Error>> {
    let peers = [(Peer::Qemu, RGBColor(31, 119, 180)), (Peer::Native, RGBColor(214, 39, 40))];
    let area = SVGBackend::new(file, (760, 120 + 34 * rows.len() as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(14)
        .caption("CPU time of Tine, as a multiple of a peer's", ("sans-serif", 18))
        .x_label_area_size(42)
        .y_label_area_size(130)
        .build_cartesian_2d((0.01..100.0).log_scale(), 0.0..rows.len() as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(0)
        .x_desc("times as long; left of 1 is faster than the peer")
        .draw()?;
    for (index, row) in rows.iter().rev().enumerate() {
        let style = ("sans-serif", 13).into_font().color(&BLACK);
        let (_, y) = chart.backend_coord(&(0.01, index as f64 + 0.5));
        area.draw(&Text::new(row.program.name, (14, y - 7), style))?;
    }
    for (place, (peer, color)) in peers.into_iter().enumerate() {
        let marks = rows.iter().enumerate().filter_map(|(index, row)| {
            let at = (rows.len() - 1 - index) as f64 + 0.65 - 0.3 * place as f64;
            row.ratio(peer).map(|ratio| (at, ratio.median, ratio.least, ratio.most))
        });
        let marks: Vec<_> = marks.collect();
        let spans = marks.iter().map(|&(at, _, least, most)| {
            PathElement::new([(least.max(0.01), at), (most.min(100.0), at)], color.stroke_width(2))
        });
        chart.draw_series(spans)?;
        let points = marks
            .iter()
            .map(|&(at, ratio, ..)| Circle::new((ratio.clamp(0.01, 100.0), at), 4, color.filled()));
        chart.draw_series(points)?.label(peer.name()).legend(move |at| Circle::new(at, 4, color.filled()));
    }
    chart.draw_series(LineSeries::new([(1.0, 0.0), (1.0, rows.len() as f64)], BLACK.stroke_width(1)))?;
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
