//! `--timeline` and `--processes` as a shell sees them.

use crate::support::{run, without_inodes};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn temporary(name: &str) -> String {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string()
}

/// Runs a program with the option and returns what it wrote to its file, and the report of the same run.
#[track_caller]
fn observe(option: &str, file: &str, arguments: &[&str]) -> (String, Value) {
    let (file, stats) = (temporary(file), temporary(&format!("{file}.stats")));
    let options = ["run", option, &file, "--stats=json", "--stats-file", &stats];
    let (code, _, stderr) = run(options.iter().chain(arguments));
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    let stats = serde_json::from_str(&fs::read_to_string(stats).unwrap()).unwrap();
    (fs::read_to_string(file).unwrap(), stats)
}

#[test]
fn a_time_line_ends_with_the_reports_figures() {
    for arguments in [&["@cow-storm", "2", "3"][..], &["--thp", "always", "@cow-storm", "4"], &["@pipeline"]]
    {
        let (text, stats) = observe("--timeline", "totals.json", arguments);
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["run"], stats["run"]);
        let samples = line["machine"]["samples"].as_array().unwrap();
        let columns = ["time_ns", "frames_in_use", "most_in_use", "frames_shared", "pages_copied"];
        assert_eq!(line["machine"]["columns"], serde_json::json!(columns));
        let last = samples.last().unwrap();
        let counted = [
            &stats["gauges"]["frames"]["in_use"],
            &stats["gauges"]["cow"]["pages_shared"],
            &stats["machine"]["cow"]["pages_copied"],
        ];
        assert_eq!([&last[1], &last[3], &last[4]], counted, "{arguments:?}");
        let peak = samples.iter().map(|sample| sample[2].as_u64()).max().unwrap();
        assert_eq!(peak, stats["gauges"]["frames"]["peak"].as_u64(), "{arguments:?}");
        let lanes = line["processes"]["lanes"].as_array().unwrap();
        let copied: u64 = lanes.iter().map(|lane| lane["pages_copied"].as_u64().unwrap()).sum();
        assert_eq!(Some(copied), stats["machine"]["cow"]["pages_copied"].as_u64(), "{arguments:?}");
    }
}

#[test]
fn a_time_line_is_the_same_every_time_and_small() {
    for ending in ["svg", "json"] {
        let draw =
            |turn: u32| observe("--timeline", &format!("same-{turn}.{ending}"), &["@cow-storm", "4"]).0;
        let first = draw(1);
        assert_eq!(first, draw(2));
        assert!(first.len() < 64 << 10, "{ending}: {} bytes", first.len());
    }
}

#[test]
fn a_picture_names_processes_and_figures() {
    let (picture, _) = observe("--timeline", "named.svg", &["@fork-exec"]);
    for text in
        ["<svg", "tine run: @fork-exec", "every change is drawn", "pid 2  fork-exec", "pid 3  exe", "exit 0"]
    {
        assert!(picture.contains(text), "{text}");
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    for file in ["line.png", "line", ".svg"] {
        let (code, stdout, stderr) = run(["run", "--timeline", file, "@hello"]);
        assert_eq!((code, stdout.as_str()), (125, ""));
        assert_eq!(
            stderr,
            format!(
                "tine: --timeline {file}: its name does not say what to write\n  hint: a name that ends in .svg, for a picture, or in .json, for the figures: --timeline run.svg\n"
            )
        );
    }
}

#[test]
fn lives_are_told_in_a_table() {
    let (code, _, stderr) = run(["run", "--processes", "--policy", "textbook", "@segments"]);
    assert_eq!(code, 0);
    insta::assert_snapshot!(without_inodes(&stderr));
}

#[test]
fn lives_are_told_as_json() {
    let (text, _) =
        observe("--processes-file", "lives.json", &["--processes=json", "--no-aslr", "@fd-cloexec"]);
    let lives: Value = serde_json::from_str(&text).unwrap();
    let program = lives["lives"].as_array().unwrap().last().unwrap();
    assert_eq!(program["began"]["as"], "exec");
    assert_eq!(
        program["descriptors"][3],
        serde_json::json!({ "fd": 3, "name": "/secret.txt", "cloexec": false })
    );
    let stack = program["segments"].as_array().unwrap().last().unwrap();
    assert_eq!((&stack["name"], &stack["own"]), (&"stack".into(), &1.into()), "{stack}");
}

/// The figures of `/proc/vmstat` within are those of the report: nothing is copied after the program has read them.
#[test]
fn vmstat_says_what_the_report_says() {
    for policy in ["linux", "textbook"] {
        let stats = temporary(&format!("vmstat-{policy}.json"));
        let options = ["run", "--policy", policy, "--stats=json", "--stats-file", &stats, "@vmstat", "all"];
        let (code, stdout, _) = run(options);
        assert_eq!(code, 0, "{stdout}");
        let report: Value = serde_json::from_str(&fs::read_to_string(stats).unwrap()).unwrap();
        let line = |key: &str| {
            let line = stdout.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            line.unwrap_or_else(|| panic!("{key}: {stdout}")).parse::<u64>().unwrap()
        };
        let [faults, cow] = [&report["machine"]["faults"], &report["machine"]["cow"]];
        assert_eq!(
            [cow["faults"].as_u64(), cow["pages_copied"].as_u64()],
            ["cow_fault", "cow_copies"].map(|it| Some(line(it)))
        );
        assert_eq!(
            [faults["cow_reuse"].as_u64(), faults["total"].as_u64()],
            ["pgreuse", "pgfault"].map(|it| Some(line(it)))
        );
        assert!(line("cow_fault") > 8);
    }
}
