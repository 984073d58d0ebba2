//! Programs that the dynamic linker loads, and the linker run as a program, print what they print under qemu-riscv64.
//!
//! They and the C library come from the cross compiler that CI installs: `TINE_CROSS=1` says that it and qemu are there.
//! Without it, the scripted kernel's tests of interpreters stand for these.

use crate::support::{Job, root};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tine_machine::{InstalledFile, MemoryPolicy, WaitStatus};

/// Where Debian's cross libraries are.
const SYSROOT: &str = "/usr/riscv64-linux-gnu";
const LINKER: &str = "/lib/ld-linux-riscv64-lp64d.so.1";
const LIBRARIES: [&str; 3] = [LINKER, "/lib/libc.so.6", "/lib/libm.so.6"];
/// The status with which the program ends.
const STATUS: u8 = 3;

fn has_cross_tools() -> bool {
    std::env::var_os("TINE_CROSS").is_some_and(|value| value == "1")
}

/// Compiles the program with these flags.
fn compile(name: &str, flags: &[&str]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("linkage");
    std::fs::create_dir_all(&folder).unwrap();
    let program = folder.join(name);
    let source = root().join("tests/dynamic/linkage.c");
    let mut compiler = Command::new("riscv64-linux-gnu-gcc");
    let status = compiler.args(["-O1", "-Wall"]).args(flags).arg(source).args(["-lm", "-o"]).arg(&program);
    assert!(status.status().unwrap().success(), "TINE_CROSS=1 promises the cross compiler");
    program
}

fn installed(path: &str, host: &Path) -> InstalledFile {
    InstalledFile { path: path.into(), bytes: std::fs::read(host).unwrap(), permissions: 0o755 }
}

fn libraries() -> Vec<InstalledFile> {
    LIBRARIES.map(|path| installed(path, Path::new(&format!("{SYSROOT}{path}")))).into()
}

/// Returns what the command prints under qemu, without an environment.
fn under_qemu(command: &[&OsStr]) -> String {
    let mut qemu = Command::new("qemu-riscv64");
    let output = qemu.env_clear().args(["-L", SYSROOT]).args(command).output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(STATUS)), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a job with the libraries and these files in the machine, under every policy and several seeds.
fn check(job: &Job, files: &[InstalledFile], expected: &str) {
    let files: Vec<_> = libraries().into_iter().chain(files.iter().cloned()).collect();
    for (policy, seed) in [(MemoryPolicy::LINUX, 0), (MemoryPolicy::LINUX, 7), (MemoryPolicy::TEXTBOOK, 0)] {
        let what = format!("{} under {}, seed {seed}", job.name(), policy.name);
        let run = job.clone().policy(&policy).seed(seed).files(files.clone()).run();
        assert_eq!(run.stdout_of(WaitStatus::Exited(STATUS)), expected, "{what}");
    }
}

#[test]
fn programs_run_whatever_way_they_are_linked() {
    if !has_cross_tools() {
        return;
    }
    let ways: [(&str, &[&str]); 3] =
        [("static", &["-static"]), ("dynamic", &["-no-pie"]), ("pie", &["-pie", "-fPIE"])];
    for (name, flags) in ways {
        let program = compile(name, flags);
        let expected = under_qemu(&[program.as_os_str(), "x".as_ref(), "y z".as_ref()]);
        let job = Job::new(&program, MemoryPolicy::LINUX).arguments(["x".to_owned(), "y z".to_owned()]);
        check(&job, &[], &expected);
    }
}

#[test]
fn linker_is_a_program_too() {
    if !has_cross_tools() {
        return;
    }
    let program = compile("by-linker", &["-pie", "-fPIE"]);
    let linker = format!("{SYSROOT}{LINKER}");
    let expected = under_qemu(&[linker.as_ref(), program.as_os_str(), "x".as_ref()]);
    let job = Job::new(Path::new(&linker), MemoryPolicy::LINUX)
        .arguments(["/bin/by-linker".to_owned(), "x".to_owned()]);
    check(&job, &[installed("/bin/by-linker", &program)], &expected);
}

#[test]
fn missing_interpreter_is_named() {
    if !has_cross_tools() {
        return;
    }
    let error = Job::new(&compile("alone", &["-pie", "-fPIE"]), MemoryPolicy::LINUX).refusal();
    assert!(error.contains(LINKER) && error.contains("ENOENT"), "{error}");
}
