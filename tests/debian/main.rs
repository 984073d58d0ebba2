//! Debian's riscv64 programs print here what they printed under Linux.
//!
//! `TINE_DEBIAN=DIR` names the root directory that `guest/debian/make-root` makes; without it nothing is run. README.md
//! beside this says how the expected texts were recorded.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// No case retires as many instructions: one that hangs ends here.
const MOST_INSTRUCTIONS: &str = "60000000000";
/// What Linux gave the cases when they were recorded.
const ENVIRONMENT: [&str; 4] =
    ["LC_ALL=C", "HOME=/root", "TERM=dumb", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/debian")
}

/// Runs a case on so many harts, and compares.
fn check(case: &str, harts: u32) {
    let Some(root) = std::env::var_os("TINE_DEBIAN") else {
        std::io::stderr().write_all(b"debian: not run without TINE_DEBIAN=DIR\n").unwrap();
        return;
    };
    let mut cases = folder().join("cases").into_os_string();
    cases.push("::/cases");
    let mut tine = Command::new(env!("CARGO_BIN_EXE_tine"));
    tine.args([
        "run",
        "--cwd",
        "/cases",
        "--max-instructions",
        MOST_INSTRUCTIONS,
        "--harts",
        &harts.to_string(),
    ])
    .args(ENVIRONMENT.iter().flat_map(|variable| ["-E", variable]))
    .arg("--root")
    .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(root))
    .arg("--dir")
    .arg(cases)
    .arg(format!("./{case}"));
    let output = tine.stdin(std::process::Stdio::null()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let expected = fs::read_to_string(folder().join(format!("expected/{case}.txt"))).unwrap();
    if let Some((line, (ours, linux))) =
        (1..).zip(printed.lines().zip(expected.lines())).find(|(_, (ours, linux))| ours != linux)
    {
        panic!("{case}, line {line}: {ours:?} instead of {linux:?}\n{errors}");
    }
    assert_eq!(printed.lines().count(), expected.lines().count(), "{case}: the number of lines\n{errors}");
    assert!(output.status.success() && errors.is_empty(), "{case}: {}\n{errors}", output.status);
}

/// Makes a test of each case, and one that every file is a case.
macro_rules! cases {
    ($($name:ident = $file:literal on $harts:literal;)*) => {
        $(
            #[test]
            fn $name() {
                check($file, $harts);
            }
        )*

        #[test]
        fn every_file_is_a_case() {
            for entry in fs::read_dir(folder().join("cases")).unwrap() {
                let file = entry.unwrap().file_name();
                assert!([$($file),*].iter().any(|case| file == *case), "{file:?} is run by nobody");
            }
        }
    };
}

cases! {
    bash = "bash" on 1;
    busybox_sh = "busybox-sh" on 1;
    busybox_tools = "busybox-tools" on 1;
    coreutils = "coreutils" on 1;
    dash = "dash" on 1;
    esbuild = "esbuild" on 1;
    esbuild_on_four_harts = "esbuild" on 4;
    findutils = "findutils" on 1;
    gawk = "gawk" on 1;
    grep_sed = "grep-sed" on 1;
    lua = "lua" on 1;
    make = "make" on 1;
    make_on_four_harts = "make" on 4;
    perl_processes = "perl-processes" on 1;
    perl_text = "perl-text" on 1;
    python_multiprocessing = "python-multiprocessing" on 4;
    python_processes = "python-processes" on 1;
    python_psutil = "python-psutil" on 1;
    python_threads = "python-threads" on 1;
    python_threads_on_four_harts = "python-threads" on 4;
    redis = "redis" on 1;
    sqlite_wal = "sqlite-wal" on 1;
    startup_faults = "startup-faults" on 1;
    tar_xz = "tar-xz" on 1;
    tclsh = "tclsh" on 1;
}
