//! What counting costs: programs under the command as it is, and under one that was built not to count, in turn.
//!
//!     cargo bench --bench counting -- --out benches/results
//!
//! `README.md` says what is left out of the other one.

#![expect(clippy::print_stdout, reason = "whoever runs the bench reads what was measured")]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use clap::Parser;
use cpu_time::{cpu_seconds, median, ratio};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Parser)]
struct Options {
    /// How often each runs; the other has its turn before the first has its second.
    #[arg(long, value_name = "N", default_value_t = 11)]
    runs: usize,
    /// Where the table goes.
    #[arg(long, value_name = "DIR", default_value = "target/counting")]
    out: PathBuf,
    /// Run each once, as it is, with little to do, and write nothing.
    #[arg(long)]
    test: bool,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A program's name, file from `benches/`, arguments, and the arguments with which it has little to do.
type Program = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const SUITE: [Program; 8] = [
    ("compute", "workload", &["compute", "80000000"], &["compute", "9"]),
    ("branch", "workload", &["branch", "80000000"], &["branch", "9"]),
    ("touch", "workload", &["touch", "80000000"], &["touch", "9"]),
    ("stride 64 MiB", "workload", &["stride", "4000000", "16384"], &["stride", "9", "2"]),
    ("queens", "programs/bin/queens", &["13"], &["5"]),
    ("sha256", "programs/bin/sha256", &["8"], &["0"]),
    ("nbody", "programs/bin/nbody", &["400000"], &["1"]),
    ("sieve", "programs/bin/sieve", &["16"], &["1"]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let benches = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let command = |tine: &Path, file: &str, arguments: &[&str]| {
        let mut command = Command::new(tine);
        command.args(["run", "--policy", "textbook"]).arg(benches.join(file)).args(arguments);
        command
    };
    let counting = Path::new(env!("CARGO_BIN_EXE_tine"));
    if options.test {
        for (_, file, _, brief) in SUITE {
            cpu_seconds(&mut command(counting, file, brief))?;
        }
        return Ok(());
    }
    let other = build_without_counts()?;
    let mut text = String::from("program,cpu seconds,without counts,ratio,least,most\n");
    for (name, file, arguments, _) in SUITE {
        let (mut ours, mut others) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            ours.push(cpu_seconds(&mut command(counting, file, arguments))?);
            others.push(cpu_seconds(&mut command(&other, file, arguments))?);
        }
        let ratio = ratio(&ours, &others).ok_or("no runs")?;
        let (seconds, without) = (median(ours).ok_or("no runs")?, median(others).ok_or("no runs")?);
        let (median, least, most) = (ratio.median, ratio.least, ratio.most);
        println!("{name:14} {seconds:8.4} s, {without:8.4} s without: {median:.3} ({least:.3} to {most:.3})");
        writeln!(text, "{name},{seconds:.4},{without:.4},{median:.3},{least:.3},{most:.3}")?;
    }
    fs::create_dir_all(&options.out)?;
    fs::write(options.out.join("counting.csv"), text)?;
    Ok(())
}

/// Builds the command that does not count, apart from everything else, and returns where it is.
fn build_without_counts() -> Result<PathBuf, Box<dyn Error>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("uncounted");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["build", "--release", "--package", "tine", "--target-dir"])
        .arg(&target)
        .env("RUSTFLAGS", "--cfg uncounted")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()?;
    if !built.success() {
        return Err("the command that does not count cannot be built".into());
    }
    Ok(target.join("release/tine"))
}
