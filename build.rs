//! Puts the guest programs of `guest/bin` into the command: writes the table that `crates/cli/src/guests.rs` includes.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let list_file = root.join("guest/list.txt");
    println!("cargo::rerun-if-changed=guest/list.txt");
    println!("cargo::rerun-if-changed=guest/bin");
    let list =
        fs::read_to_string(&list_file).unwrap_or_else(|error| panic!("{}: {error}", list_file.display()));

    let mut table = String::from("&[\n");
    for line in list.lines() {
        let (name, summary) =
            line.split_once('\t').unwrap_or_else(|| panic!("{line:?} is not NAME<TAB>SUMMARY"));
        let elf = root.join("guest/bin").join(name);
        writeln!(
            table,
            "    Guest {{ name: {name:?}, summary: {summary:?}, elf: include_bytes!({elf:?}) }},"
        )
        .expect("a String takes every byte");
    }
    table.push_str("]\n");

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("guests.rs");
    fs::write(&out, table).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
}
