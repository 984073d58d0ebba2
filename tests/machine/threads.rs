//! A program of glibc threads prints here what it prints under qemu-riscv64, which runs each thread on one of the host's.
//!
//! `TINE_CROSS=1` says that the cross compiler and qemu are there; without it the kernel's own tests of threads stand for this.

use crate::support::{Job, root};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use tine_machine::{MemoryPolicy, WaitStatus};

/// What Linux does and qemu's user mode does not: it has no robust lists.
const ROBUST: &str = "owner died: thread 1, process 1\n";

#[test]
fn threads_print_what_they_print_under_qemu() {
    if std::env::var_os("TINE_CROSS").is_none() {
        std::io::stderr().write_all(b"threads: not compared with qemu without TINE_CROSS=1\n").unwrap();
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
    let under_qemu = Command::new("qemu-riscv64").arg(&program).arg("without-robust-lists").output().unwrap();
    let under_qemu = String::from_utf8(under_qemu.stdout).unwrap();
    for harts in [1, 4] {
        let job = Job::new(&program, MemoryPolicy::LINUX).harts(harts);
        let whole = job.run().stdout_of(WaitStatus::Exited(5));
        assert!(whole.contains(ROBUST), "{whole}");
        assert_eq!(whole.replace(ROBUST, ""), under_qemu, "on {harts} harts");
    }
}
