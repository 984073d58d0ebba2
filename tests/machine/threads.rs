//! A program of glibc threads prints here what it printed on Debian trixie's riscv64 kernel (6.12), on two processors and on
//! four: `tests/threads/expected.txt`. (qemu-riscv64 has no robust lists, and now and then one of its runs never ends.)
//!
//! `TINE_CROSS=1` says that the cross compiler is there; without it the kernel's own tests of threads stand for this.

use crate::support::{Job, root};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use tine_machine::{MemoryPolicy, WaitStatus};

#[test]
fn threads_print_what_they_print_on_linux() {
    if std::env::var_os("TINE_CROSS").is_none() {
        std::io::stderr().write_all(b"threads: not compared with Linux without TINE_CROSS=1\n").unwrap();
        return;
    }
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("threads");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "riscv64-linux-gnu-gcc".into());
    let built = Command::new(compiler)
        .args(["-O2", "-Wall", "-static", "-pthread", "-o"])
        .arg(&program)
        .arg(root().join("tests/threads/threads.c"))
        .status();
    assert!(built.unwrap().success(), "TINE_CROSS=1 promises the cross compiler");
    let on_linux = std::fs::read_to_string(root().join("tests/threads/expected.txt")).unwrap();
    for harts in [1, 4] {
        let job = Job::new(&program, MemoryPolicy::LINUX).harts(harts);
        assert_eq!(job.run().stdout_of(WaitStatus::Exited(5)), on_linux, "on {harts} harts");
    }
}
