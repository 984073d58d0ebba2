//! The programs of `tests/files` print here what they printed on Linux 6.12 (riscv64, in a tmpfs, as root): that is recorded in
//! `tests/files/expected`.
//!
//! `TINE_CROSS=1` says that the cross compiler is there; without it the kernel's own tests of files stand for this.

use crate::support::{Job, expected, files};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tine_machine::MemoryPolicy;

#[test]
fn programs_about_files_print_what_they_print_on_linux() {
    if std::env::var_os("TINE_CROSS").is_none() {
        std::io::stderr().write_all(b"files: not compared with Linux without TINE_CROSS=1\n").unwrap();
        return;
    }
    for source in files("tests/files").iter().filter(|path| path.extension().is_some_and(|it| it == "c")) {
        let name = source.file_stem().unwrap().to_str().unwrap();
        let program = build(name, source);
        for harts in [1, 4] {
            let stdout = Job::new(&program, MemoryPolicy::LINUX).harts(harts).run().stdout();
            assert_eq!(stdout, expected("tests/files/expected", name), "{name} on {harts} harts");
        }
    }
}

fn build(name: &str, source: &Path) -> PathBuf {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "riscv64-linux-gnu-gcc".into());
    let built = Command::new(compiler)
        .args(["-O2", "-Wall", "-Wno-unused-result", "-static", "-pthread", "-o"])
        .arg(&program)
        .arg(source)
        .status();
    assert!(built.unwrap().success(), "TINE_CROSS=1 promises the cross compiler");
    program
}
