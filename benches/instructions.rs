//! How many instructions this computer executes for one thing, as valgrind's callgrind counts them: figures that the
//! computer's other work does not touch, kept in `results/instructions.csv`. `README.md` has the commands.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever runs the bench reads what was measured"
)]

#[path = "support/micro.rs"]
mod micro;
mod support;

use micro::{Micro, SUITE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs, process};
use support::{Nobody, run};

/// A figure is worse when it has grown by more than this.
const TOLERANCE: f64 = 0.02;

const HEADER: &str = "bench,host instructions per element";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| *word != "--bench").collect();
    match arguments[..] {
        ["--one", name, count] => {
            let micro = SUITE.iter().find(|micro| id(micro) == name).expect("a bench of the suite");
            run(micro.machine(count.parse().expect("a number")), &mut Nobody);
            ExitCode::SUCCESS
        }
        ["--test"] => {
            // That the workload does each of them; callgrind may not be there.
            SUITE.iter().for_each(|micro| drop(run(micro.machine(1), &mut Nobody)));
            ExitCode::SUCCESS
        }
        ["--write"] => {
            let rows = SUITE.iter().map(|micro| format!("{},{:.0}\n", id(micro), measure(micro)));
            let rows: String = rows.collect();
            fs::write(kept(), format!("{HEADER}\n{rows}")).expect("the file of results can be written");
            ExitCode::SUCCESS
        }
        [] => compare(),
        _ => {
            eprintln!("usage: cargo bench --bench instructions [-- --write | --test]");
            ExitCode::from(2)
        }
    }
}

fn id(micro: &Micro) -> String {
    format!("{}/{}", micro.group, micro.name)
}

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/results/instructions.csv")
}

/// Prints each figure beside the one that is kept.
fn compare() -> ExitCode {
    let kept = fs::read_to_string(kept()).expect("the file of results can be read");
    let rows = kept.lines().skip(1).filter_map(|row| row.split_once(','));
    let before: BTreeMap<&str, f64> =
        rows.filter_map(|(name, figure)| Some((name, figure.parse().ok()?))).collect();
    let mut worse = 0;
    println!("{:28} {:>12} {:>12} {:>8}", "host instructions of", "kept", "now", "change");
    for micro in &SUITE {
        let (name, now) = (id(micro), measure(micro));
        let Some(before) = before.get(name.as_str()) else {
            println!("{name:28} {:>12} {now:>12.0}", "none");
            continue;
        };
        let change = now / before - 1.0;
        let verdict = if change > TOLERANCE { "  worse" } else { "" };
        worse += u32::from(change > TOLERANCE);
        println!("{name:28} {before:>12.0} {now:>12.0} {:>+7.1}%{verdict}", change * 100.0);
    }
    if worse > 0 {
        println!("{worse} worse by more than {:.0} %", TOLERANCE * 100.0);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Returns the instructions for one element: what twice as much work takes more.
fn measure(micro: &Micro) -> f64 {
    let count = (micro.count / 20).max(5);
    let more = count_with_callgrind(micro, 2 * count) - count_with_callgrind(micro, count);
    more as f64 / (micro.elements(2 * count) - micro.elements(count)) as f64
}

fn count_with_callgrind(micro: &Micro, count: u64) -> u64 {
    let file = env::temp_dir().join(format!("tine-callgrind-{}", process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", file.display())])
        .arg(env::current_exe().expect("this program is a file"))
        .args(["--one", &id(micro), &count.to_string()])
        .output()
        .expect("valgrind runs (Debian package valgrind)");
    let profile = fs::read_to_string(&file).unwrap_or_default();
    let _ = fs::remove_file(&file);
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ")?.parse().ok());
    total.unwrap_or_else(|| panic!("callgrind counted nothing: {}", String::from_utf8_lossy(&output.stderr)))
}
