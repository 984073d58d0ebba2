//! The text of whole programs against GNU objdump's, addresses and symbols included.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tine_isa::{Listing, Symbol};

use crate::cross_tools_required;

#[test]
fn functions_read_as_recorded() {
    check(include_str!("../recorded/program.txt"));
}

#[test]
fn static_glibc_program_reads_as_objdump_prints_it() {
    if !cross_tools_required() {
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (source, program) = (directory.join("program.c"), directory.join("program"));
    // Enough to pull in stdio, floating point and threads.
    std::fs::write(
        &source,
        "#include <math.h>\n#include <pthread.h>\n#include <stdio.h>\n#include <stdlib.h>\n\
         int main(int argc, char **argv) {\n\
             printf(\"%f %lu\\n\", pow(atof(argv[0]), sin(argc)), pthread_self());\n\
         }\n",
    )
    .unwrap();
    let gcc = Command::new("riscv64-linux-gnu-gcc")
        .args(["-O2", "-static", "-o"])
        .args([&program, &source])
        .args(["-lm", "-lpthread"])
        .status()
        .expect("TINE_CROSS=1 requires riscv64-linux-gnu-gcc");
    assert!(gcc.success());
    let objdump = Command::new("riscv64-linux-gnu-objdump")
        .arg("-d")
        .arg(&program)
        .output()
        .expect("TINE_CROSS=1 requires riscv64-linux-gnu-objdump");
    assert!(objdump.status.success());
    check(&String::from_utf8(objdump.stdout).unwrap());
}

#[test]
fn code_that_ends_inside_an_instruction_ends_in_bytes() {
    let mut text = String::new();
    Listing::new(5).write(0, &[0x05, 0x45, 0x13, 0x05, 0x10], &mut text).unwrap();
    assert_eq!(
        text,
        "   0:\t4505                \tli\ta0,1\n   2:\t13 05 10            \t.byte\t0x13, 0x05, 0x10\n"
    );
}

/// Disassembles the code that `theirs` shows and compares every line.
fn check(theirs: &str) {
    let symbols = mentioned_symbols(theirs);
    let symbol_of = |address| symbols.get(&address).copied();
    let global_pointer = symbols.values().find(|symbol| symbol.name == "__global_pointer$").unwrap().address;
    let mut compared = 0;
    for section in theirs.split("\nDisassembly of section ").skip(1) {
        let functions: Vec<_> = section.split("\n\n").filter_map(Function::parse).collect();
        let end = functions.last().unwrap().end;
        let mut listing = Listing::new(end).with_symbols(&symbol_of).with_global_pointer(global_pointer);
        for (i, function) in functions.iter().enumerate() {
            let next = functions.get(i + 1).map_or(end, |next| next.start);
            let mut ours = String::new();
            listing.write(function.start, &function.code(next), &mut ours).unwrap();
            for (ours, theirs) in ours.lines().zip(&function.lines) {
                assert_eq!(ours, *theirs);
            }
            assert_eq!(ours.lines().count(), function.lines.len());
            compared += function.lines.len();
        }
    }
    assert!(compared > 100);
}

/// Returns what objdump says about addresses, wherever it does: `12008 <environ>`, `1200c <environ+0x4>`.
fn mentioned_symbols(text: &str) -> BTreeMap<u64, Symbol<'_>> {
    let mut symbols = BTreeMap::new();
    for (before, rest) in text.split('>').filter_map(|piece| piece.rsplit_once(" <")) {
        let digits = before.rsplit(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or("");
        let Ok(address) = u64::from_str_radix(digits, 16) else { continue };
        let (name, offset) = rest.rsplit_once("+0x").unwrap_or((rest, "0"));
        let offset = u64::from_str_radix(offset, 16).unwrap();
        symbols.insert(address, Symbol { name, address: address.wrapping_sub(offset) });
    }
    symbols
}

/// What objdump prints below `address <name>:`.
struct Function<'a> {
    start: u64,
    /// The end of the last line.
    end: u64,
    lines: Vec<&'a str>,
}

impl<'a> Function<'a> {
    fn parse(text: &'a str) -> Option<Function<'a>> {
        let (header, body) = text.trim_matches('\n').split_once('\n')?;
        let (start, _) = header.strip_suffix(">:")?.split_once(" <")?;
        let start = u64::from_str_radix(start, 16).unwrap();
        let lines: Vec<_> = body.lines().collect();
        let (last, code) = lines.iter().rev().find_map(|line| shown(line))?;
        // How many zeros end a section is not shown; two suffice to be skipped.
        let skipped = if lines.last() == Some(&"\t...") { 2 } else { 0 };
        Some(Function { start, end: last + code.len() as u64 + skipped, lines })
    }

    /// Returns the code up to `end`, the bytes that objdump skipped being zero.
    fn code(&self, end: u64) -> Vec<u8> {
        let mut code = vec![0; (end - self.start) as usize];
        for (address, bytes) in self.lines.iter().filter_map(|line| shown(line)) {
            let at = (address - self.start) as usize;
            code[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        code
    }
}

/// Returns the address and the bytes that a line shows.
fn shown(line: &str) -> Option<(u64, Vec<u8>)> {
    let (address, rest) = line.split_once(":\t")?;
    let bits = rest.split('\t').next()?.trim_end();
    let value = u32::from_str_radix(bits, 16).ok()?;
    let address = u64::from_str_radix(address.trim_start(), 16).ok()?;
    Some((address, value.to_le_bytes()[..bits.len() / 2].to_vec()))
}
