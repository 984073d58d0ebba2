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

/// Returns the rows of a table of behaviours: number, and the command with which to see it.
fn behaviours(file: &str) -> Vec<(u32, String)> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    let row = |line: &str| {
        let (number, rest) = line.strip_prefix("| M")?.split_once(" | ")?;
        let (_, see) = rest.split_once(" | ")?;
        Some((number.parse().ok()?, see.trim_end_matches(" |").to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// Every behaviour has a command that runs a guest, and README.md links it.
#[test]
fn behaviours_have_commands() {
    let described = behaviours("docs/behaviours.md");
    let linked = behaviours("README.md");
    let numbers = |rows: &[(u32, String)]| rows.iter().map(|(number, _)| *number).collect::<Vec<_>>();
    let built = (1..=29).filter(|number| ![21, 23, 24, 25].contains(number));
    assert_eq!(numbers(&described), built.collect::<Vec<_>>());
    assert_eq!(numbers(&described), numbers(&linked));
    let guests = names("guest/src", ".c");
    for ((number, see), (_, command)) in described.iter().zip(&linked) {
        assert!(see.contains(command.trim_matches('`')), "M{number}: {see} has not {command}");
        let name: String = command
            .split_once('@')
            .unwrap()
            .1
            .chars()
            .take_while(|it| it.is_alphanumeric() || *it == '-')
            .collect();
        assert!(guests.contains(&name), "M{number}: {name}");
    }
}
