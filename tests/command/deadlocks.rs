//! Each way to wait for ever is told in its own words.
//!
//! The program is linked with glibc and not committed: `TINE_CROSS=1` says that the cross compiler is there.

use crate::support::{run, without_inodes};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn waits_are_told_in_their_own_words() {
    if std::env::var_os("TINE_CROSS").is_none() {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deadlocks/waits.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("waits");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "riscv64-linux-gnu-gcc".into());
    let mut command = Command::new(compiler);
    command.args(["-O1", "-w", "-static", "-pthread", "-o"]).arg(&program).arg(source);
    assert!(command.status().unwrap().success(), "TINE_CROSS=1 promises the cross compiler");
    let program = program.to_str().unwrap();
    let (code, ways, _) = run(["run", program]);
    assert_eq!(code, 0);
    let mut told = String::new();
    for way in ways.lines() {
        let (code, _, stderr) = run(["run", "--no-aslr", program, way]);
        assert_eq!(code, 125, "{way}: {stderr}");
        let lines = stderr.lines().filter(|line| line.starts_with(' ') && !line.starts_with("  hint"));
        told += &format!("{way}\n{}\n", lines.collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(without_inodes(&told));
}
