//! `docs/syscalls.md` says what the tables say.

use std::path::Path;
use tine_kernel::syscall::{SYSCALLS, UNSUPPORTED};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/syscalls.md");
const BLESS: &str = "TINE_BLESS=1 cargo test -p tine-kernel --test reference";

const INTRODUCTION: &str = "\
# System calls

Every system call of Linux 6.12 on riscv64, and whether Tine has it. The rows are those of
`crates/kernel/src/syscall/table.rs`; what Tine does not have is in `names.rs` beside it and answered with ENOSYS.
Write this file anew with

    ";

fn reference() -> String {
    let supported = SYSCALLS.iter().map(|call| {
        let status = call.missing.map_or_else(|| "whole".to_owned(), |missing| format!("partly: {missing}"));
        (call.number, call.name, status)
    });
    let unsupported = UNSUPPORTED.iter().map(|(number, name)| (*number, *name, "not".to_owned()));
    let mut rows: Vec<_> = supported.chain(unsupported).collect();
    rows.sort_unstable();
    let (has, all) = (SYSCALLS.len(), rows.len());
    let partly = SYSCALLS.iter().filter(|call| call.missing.is_some()).count();
    let mut text = format!("{INTRODUCTION}{BLESS}\n\nTine has {has} of {all}, {partly} of them in part.\n\n");
    text.push_str("| number | call | Tine has it |\n| ---: | --- | --- |\n");
    for (number, name, status) in rows {
        text.push_str(&format!("| {number} | `{name}` | {status} |\n"));
    }
    text
}

#[test]
fn the_reference_of_system_calls_is_up_to_date() {
    let now = reference();
    if std::env::var_os("TINE_BLESS").is_some() {
        std::fs::write(FILE, &now).expect("the workspace can be written");
    }
    let written = std::fs::read_to_string(FILE).unwrap_or_default();
    let shown = Path::new(FILE).file_name().expect("a file has a name").display();
    assert!(written == now, "{shown} is out of date. Write it anew: {BLESS}");
}
