//! The texts that tell a newcomer what can be done.

use crate::support::{guest, run, tine};
use std::process::Command;

fn stdout_of(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(arguments);
    assert_eq!((code, stderr.as_str()), (0, ""), "{arguments:?}");
    stdout
}

#[test]
fn help_texts() {
    insta::assert_snapshot!("help", stdout_of(&["--help"]));
    insta::assert_snapshot!("run-short-help", stdout_of(&["run", "-h"]));
    insta::assert_snapshot!("run-help", stdout_of(&["run", "--help"]));
    insta::assert_snapshot!("boot-help", stdout_of(&["boot", "--help"]));
    insta::assert_snapshot!("compare-short-help", stdout_of(&["compare", "-h"]));
}

#[test]
fn the_list_of_guests_names_and_describes_each() {
    let list = stdout_of(&["guests"]);
    insta::assert_snapshot!("guests", list);
    for line in list.lines() {
        let name = line.split_whitespace().next().unwrap().strip_prefix('@').unwrap();
        assert!(guest(name).is_file(), "{name}");
    }
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(stdout_of(&["completions", shell]).contains("fork-order"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    for command in ["guests", "run --help"] {
        let pipe = format!("{} {command} | true; exit ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_tine"));
        let output = Command::new("bash").args(["-c", &pipe]).output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), [].as_slice()), "{command}");
    }
}

#[test]
fn colour_is_for_terminals_alone() {
    let escape = '\u{1b}';
    assert!(!run(["run", "@no-such"]).2.contains(escape));
    let forced = |variable: &str| {
        let output =
            tine(["run", "@no-such"]).env("CLICOLOR_FORCE", "1").env(variable, "1").output().unwrap();
        String::from_utf8(output.stderr).unwrap().contains(escape)
    };
    assert!(forced("UNUSED"));
    assert!(!forced("NO_COLOR"));
}

#[test]
fn the_readme_shows_what_its_first_command_prints() {
    let (_, stdout, stderr) = run(["run", "--stats", "@cow-tutorial"]);
    let shown: String = format!("{stdout}{stderr}")
        .lines()
        .map(|line| format!("    {line}").trim_end().to_owned() + "\n")
        .collect();
    let readme = include_str!("../../README.md");
    assert!(readme.contains(&shown), "README.md has to show:\n{shown}");
}
