//! `tine disasm` against GNU objdump: its recorded text always, and the tool itself with `TINE_CROSS=1`.

use crate::support::{guest, run};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn disassembled(file: &Path) -> String {
    let (code, stdout, stderr) = run([Path::new("disasm"), file]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{}", file.display());
    stdout
}

/// Drops the description of an address below every symbol: objdump names the first one with a negative offset.
fn without_far_addresses(line: &str) -> &str {
    match line.split_once(" # ") {
        Some((instruction, address)) if address.starts_with("0x") || address.contains("-0x") => instruction,
        _ => line,
    }
}

#[test]
fn functions_are_printed_as_objdump_prints_them() {
    let text = disassembled(&guest("hello"));
    let recorded = fs::read_to_string("tests/command/recorded/hello-main.txt").unwrap();
    assert!(recorded.lines().count() > 5);
    assert!(text.contains(&recorded), "{text}");
}

#[test]
fn every_program_is_printed_as_objdump_prints_it() {
    if std::env::var_os("TINE_CROSS").is_none_or(|value| value != "1") {
        return;
    }
    let folders = ["guest/bin", "tests/programs/bin"];
    let files =
        folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    for file in files {
        let output = Command::new("riscv64-linux-gnu-objdump").arg("-d").arg(&file).output();
        let expected =
            String::from_utf8(output.expect("TINE_CROSS=1 requires riscv64-linux-gnu-objdump").stdout);
        let (expected, found) = (expected.unwrap(), disassembled(&file));
        assert_eq!(found.lines().count(), expected.lines().count(), "{}", file.display());
        for (found, expected) in found.lines().zip(expected.lines()) {
            assert_eq!(without_far_addresses(found), without_far_addresses(expected), "{}", file.display());
        }
    }
}

#[test]
fn a_stripped_program_is_printed_by_its_segments() {
    let mut elf = fs::read(guest("hello")).unwrap();
    // No section table: e_shoff, and e_shnum with e_shstrndx.
    elf[40..48].fill(0);
    elf[60..64].fill(0);
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stripped");
    fs::write(&file, elf).unwrap();
    let text = disassembled(&file);
    assert!(text.contains("Disassembly of section LOAD:"), "{text}");
    let code = |text: &str| {
        text.lines().filter_map(|line| line.split('\t').nth(1)).map(str::to_owned).collect::<Vec<_>>()
    };
    let whole = code(&disassembled(&guest("hello")));
    assert!(code(&text).starts_with(&whole[..10]));
}
