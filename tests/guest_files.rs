//! Every program that runs inside is complete: its source, ELF file, expected text and rows belong together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &str, suffix: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names: BTreeSet<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .filter_map(|path| path.file_name()?.to_str()?.strip_suffix(suffix).map(str::to_owned))
        .collect();
    assert!(!names.is_empty(), "{folder} holds programs");
    names
}

fn assert_is_riscv64_executable(path: PathBuf) {
    let elf = fs::read(&path).unwrap();
    // ELF, 64-bit, little-endian; ET_EXEC, EM_RISCV (gABI, ELF Header).
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "{}", path.display());
    assert_eq!(elf[16..20], [2, 0, 243, 0], "{}", path.display());
}

/// Checks the programs whose sources lie in `sources` and the rest of whose files lie below `home`.
fn assert_complete(sources: &str, home: &str) {
    let programs = names(sources, ".c");
    assert_eq!(names(&format!("{home}/expected"), ".txt"), programs);
    let readme = fs::read_to_string(root().join(home).join("README.md")).unwrap();
    for name in &programs {
        assert!(readme.contains(&format!("`{name}`")) || readme.contains(&format!("`{name} [")), "{name}");
    }
}

fn assert_built(sources: &str, binaries: &str) {
    let programs = names(sources, ".c");
    assert_eq!(names(binaries, ""), programs);
    for name in programs {
        assert_is_riscv64_executable(root().join(binaries).join(name));
    }
}

#[test]
fn guests_are_complete() {
    assert_complete("guest/src", "guest");
    assert_built("guest/src", "guest/bin");
    let list = fs::read_to_string(root().join("guest/list.txt")).unwrap();
    let listed: BTreeSet<_> = list.lines().map(|row| row.split_once('\t').unwrap().0.to_owned()).collect();
    assert_eq!(listed, names("guest/src", ".c"));
}

#[test]
fn test_programs_are_complete() {
    assert_complete("tests/programs", "tests/programs");
    assert_built("tests/programs", "tests/programs/bin");
}

#[test]
fn oracle_programs_are_complete() {
    assert_complete("tests/oracle", "tests/oracle");
}
