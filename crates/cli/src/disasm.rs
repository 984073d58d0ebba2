//! `tine disasm`: the executable sections of an ELF file, function by function, as `objdump -d` prints them.
//!
//! All extensions are decoded. Programs that ask the processor what it has (`hwprobe`) hold instructions of more than their
//! `.riscv.attributes` name, which `objdump` prints as data; a run's `--isa` says what a hart has, not what the bytes mean.

use crate::failure::Failure;
use goblin::elf::Elf;
use goblin::elf::header::EM_RISCV;
use goblin::elf::program_header::{PF_X, PT_LOAD};
use goblin::elf::section_header::{SHF_EXECINSTR, SHT_NOBITS};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;
use tine_isa::{Listing, Symbol};
use tine_machine::symbols;

/// Returns the disassembly of `file`.
///
/// # Errors
/// When the file cannot be read or is no 64-bit RISC-V ELF file.
pub(crate) fn listing(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let bytes = fs::read(file).map_err(|error| Failure::tine(format!("cannot read {shown}: {error}")))?;
    let cannot = |reason: &str| {
        Failure::tine(format!("cannot disassemble {shown}: {reason}"))
            .hint("give it a program or object file of riscv64-linux-gnu-gcc")
    };
    let elf = Elf::parse(&bytes).map_err(|error| cannot(&error.to_string()))?;
    if elf.header.e_machine != EM_RISCV || !elf.is_64 || !elf.little_endian {
        return Err(cannot("it is no riscv64 ELF file"));
    }
    let code = stretches(&elf, &bytes);
    if code.is_empty() {
        return Err(cannot("it holds no code"));
    }
    let mut text = format!("\n{shown}:     file format elf64-littleriscv\n\n");
    write(&elf, &code, &mut text).map_err(|_| cannot("its text is too long"))?;
    Ok(text)
}

/// A stretch of code under one heading.
struct Stretch<'a> {
    name: &'a str,
    address: u64,
    code: &'a [u8],
}

/// Finds the code: in sections, or in segments where the sections were stripped.
fn stretches<'a>(elf: &Elf<'a>, bytes: &'a [u8]) -> Vec<Stretch<'a>> {
    let part = |range: Option<Range<usize>>| {
        range.and_then(|range| bytes.get(range)).filter(|code| !code.is_empty())
    };
    let sections = elf
        .section_headers
        .iter()
        .filter(|section| section.sh_flags & u64::from(SHF_EXECINSTR) != 0 && section.sh_type != SHT_NOBITS);
    let found: Vec<_> = sections
        .filter_map(|section| {
            let code = part(section.file_range())?;
            let name = elf.shdr_strtab.get_at(section.sh_name).unwrap_or_default();
            Some(Stretch { name, address: section.sh_addr, code })
        })
        .collect();
    if !found.is_empty() {
        return found;
    }
    let segments =
        elf.program_headers.iter().filter(|segment| segment.p_type == PT_LOAD && segment.p_flags & PF_X != 0);
    segments
        .filter_map(|segment| {
            let start = usize::try_from(segment.p_offset).ok()?;
            let end = start.checked_add(usize::try_from(segment.p_filesz).ok()?)?;
            Some(Stretch { name: "LOAD", address: segment.p_vaddr, code: part(Some(start..end))? })
        })
        .collect()
}

fn write(elf: &Elf<'_>, code: &[Stretch<'_>], text: &mut String) -> fmt::Result {
    use fmt::Write;
    let names = names(elf);
    let describe = |address: u64| {
        let after = names.partition_point(|symbol| symbol.address <= address);
        names[..after].last().map(|symbol| Symbol { name: &symbol.name, address: symbol.address })
    };
    let global_pointer =
        elf.syms.iter().find(|symbol| elf.strtab.get_at(symbol.st_name) == Some("__global_pointer$"));
    for stretch in code {
        let end = stretch.address.saturating_add(stretch.code.len() as u64);
        writeln!(text, "\nDisassembly of section {}:", stretch.name)?;
        let inside =
            names.iter().map(|symbol| symbol.address).filter(|at| (stretch.address..end).contains(at));
        let mut starts: Vec<_> = [stretch.address].into_iter().chain(inside).collect();
        starts.dedup();
        let ends = starts.iter().skip(1).copied().chain([end]);
        let mut listing = Listing::new(end).with_symbols(&describe);
        if let Some(symbol) = global_pointer {
            listing = listing.with_global_pointer(symbol.st_value);
        }
        for (&start, end) in starts.iter().zip(ends) {
            let name = describe(start).filter(|symbol| symbol.address == start);
            writeln!(text, "\n{start:016x} <{}>:", name.map_or(stretch.name, |symbol| symbol.name))?;
            // Both lie within the stretch, so the differences are positions in its code.
            let range = (start - stretch.address) as usize..(end - stretch.address) as usize;
            listing.write(start, &stretch.code[range], text)?;
        }
    }
    Ok(())
}

/// A name for an address.
struct Name {
    address: u64,
    name: String,
}

/// Returns the symbols by address, the best for each.
fn names(elf: &Elf<'_>) -> Vec<Name> {
    let demangled = |name: &str| format!("{:#}", rustc_demangle::demangle(name));
    let symbols = symbols::symbol_names(elf).into_iter();
    symbols.map(|symbol| Name { address: symbol.address, name: demangled(&symbol.name) }).collect()
}
