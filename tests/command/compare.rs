//! `tine compare` as a shell sees it.

use crate::support::{run, tine};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

/// The test program that does what its first argument says.
const ON_REQUEST: &str = "tests/programs/bin/on-request";

#[track_caller]
fn refused(arguments: &[&str], stderr: &str) {
    assert_eq!(run(arguments), (125, String::new(), stderr.to_owned()), "{arguments:?}");
}

#[test]
fn every_combination_is_a_row() {
    let (code, stdout, stderr) = run([
        "compare",
        "--fork",
        "cow,eager",
        "--fork-order",
        "child-first,parent-first",
        "--",
        "@fork-exec",
    ]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout);
}

#[test]
fn rows_do_not_depend_on_how_many_run_at_once() {
    let table = |jobs| {
        run(["compare", "--tlb", "u74,l2=none,tiny", "--seed", "0,1", "--jobs", jobs, "--", "@prefork"])
    };
    assert_eq!(table("1"), table("6"));
}

#[test]
fn figures_are_those_of_the_run_itself() {
    let json = |arguments: &[&str]| serde_json::from_str::<Value>(&run(arguments).1).unwrap();
    let compared = json(&[
        "compare",
        "--fork",
        "cow,eager",
        "--format",
        "json",
        "--cost",
        "unit,copy=5",
        "--",
        "@cow-storm",
    ]);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compared.json");
    for (row, fork) in compared["runs"].as_array().unwrap().iter().zip(["cow", "eager"]) {
        run(["run", "--stats=json", "--stats-file", file.to_str().unwrap(), "--fork", fork, "@cow-storm"]);
        let alone: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(row["report"], alone, "{fork}");
        assert_eq!(row["options"]["fork"], fork);
        assert_eq!(row["figures"]["cow.pages_copied"], alone["machine"]["cow"]["pages_copied"]);
    }
    assert_eq!(compared["cost"]["cycles"]["copy"], 5);
    assert_eq!(compared["outputs"], 1);
}

#[test]
fn output_that_differs_is_reported() {
    let (code, stdout, _) = run(["compare", "--max-instructions", "10,20,1000000", "--", "@hello"]);
    assert_eq!(code, 1);
    let reported = "output DIFFERS: 2 say one thing, the others do not
  as with --max-instructions 10: 2 runs
  as with --max-instructions 1000000: 1 run; line 1 of stdout is missing there, \"Hello, world!\" here
";
    assert!(stdout.contains(reported), "{stdout}");
}

#[test]
fn every_run_reads_the_whole_input() {
    let mut child = tine(["compare", "--fork", "cow,eager", "--format", "csv", "--", ON_REQUEST, "copy"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&[b'x'; 100_000]).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let ends: Vec<_> =
        stdout.lines().skip(1).map(|row| row.rsplit(',').take(2).collect::<Vec<_>>()).collect();
    assert_eq!(ends, [["0", "0"], ["0", "0"]], "{stdout}");
}

#[test]
fn a_plot_is_drawn() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compared.svg");
    let (code, ..) =
        run(["compare", "--fork", "cow,eager", "--plot", file.to_str().unwrap(), "--", "@fork-exec"]);
    assert_eq!(code, 0);
    let picture = fs::read_to_string(&file).unwrap();
    for text in ["tine compare: @fork-exec", "cow reuse", "eager", "524.0 KiB"] {
        assert!(picture.contains(text), "{text}");
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    refused(
        &["compare", "--", "@hello"],
        "tine: there is nothing to compare: every option has one value\n  hint: give one of them a list: --fork cow,eager\n",
    );
    refused(
        &["compare", "--fork", "cow,eager", "--dir", ".::/x:rw", "--", "@hello"],
        "tine: --dir .::/x:rw: runs side by side would change the same files\n  hint: leave out :rw, and what a run changes stays in its machine\n",
    );
    let tlb = ["compare", "--tlb", "foo", "--", "@hello"];
    assert_eq!(run(tlb), run(["run", "--tlb", "foo", "--", "@hello"]), "a wrong value is named first");
    refused(
        &["compare", "--fork", "cow,eager", "--cost", "fast", "--", "@hello"],
        "tine: --cost fast: \"fast\" is neither a model nor a parameter\n  hint: inorder or unit, and cycles for some of insn, l2tlb, pte-read, fault, syscall, copy, clear, pte-copy, fence, remote-fence, switch\n",
    );
}
