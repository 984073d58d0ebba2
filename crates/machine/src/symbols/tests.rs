use super::object::Object;
use super::table::{SymbolName, containing, demangled};
use super::{SourceLine, SymbolPlace, base_name};
use proptest::prelude::*;
use std::path::Path;

/// A committed guest: static, with symbols and compressed line tables.
fn guest(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest/bin").join(name);
    std::fs::read(path).unwrap()
}

fn symbol(address: u64, size: u64, name: &str) -> SymbolName {
    SymbolName { address, size, name: name.to_owned() }
}

#[test]
fn a_symbol_is_found_by_any_address_in_it() {
    let symbols = [symbol(0x100, 0x20, "outer"), symbol(0x108, 4, "inner"), symbol(0x200, 0, "label")];
    let name = |address| containing(&symbols, address, 0x280).map(|symbol| symbol.name.as_str());
    assert_eq!([name(0xff), name(0x100), name(0x107)], [None, Some("outer"), Some("outer")]);
    // The innermost has it, and behind it the one around it goes on.
    assert_eq!([name(0x108), name(0x10b), name(0x10c)], [Some("inner"), Some("inner"), Some("outer")]);
    assert_eq!([name(0x11f), name(0x120), name(0x1ff)], [Some("outer"), None, None]);
    // Without a size it lasts until its section ends.
    assert_eq!([name(0x200), name(0x27f), name(0x280)], [Some("label"), Some("label"), None]);
}

#[test]
fn names_are_shown_as_their_source_has_them() {
    assert_eq!(demangled("main"), "main");
    assert_eq!(
        demangled("_ZN4core3fmt9Formatter9write_str17h0123456789abcdefE"),
        "core::fmt::Formatter::write_str"
    );
    assert_eq!(
        demangled("_ZNSt6vectorIiSaIiEE9push_backERKi"),
        "std::vector<int, std::allocator<int> >::push_back"
    );
    assert_eq!(demangled("_Zwhatever"), "_Zwhatever");
    assert_eq!(SymbolPlace { name: "main".to_owned(), offset: 0x1e }.to_string(), "main+0x1e");
    assert_eq!(SymbolPlace { name: "main".to_owned(), offset: 0 }.to_string(), "main");
    assert_eq!(SourceLine { file: "/src/cow.c".to_owned(), line: 12 }.to_string(), "cow.c:12");
    assert_eq!(base_name("/usr/lib/libc.so.6"), "libc.so.6");
}

#[test]
fn a_guest_has_names_and_sections() {
    let bytes = guest("prefork");
    let elf = goblin::elf::Elf::parse(&bytes).unwrap();
    let find = |name: &str| elf.syms.iter().find(|it| elf.strtab.get_at(it.st_name) == Some(name)).unwrap();
    let main = find("main");
    let text = elf.program_headers.iter().find(|header| header.is_executable()).unwrap();
    let mut object = Object::parse(bytes.clone()).unwrap();

    let offset = text.p_offset + (main.st_value - text.p_vaddr) + 6;
    let address = object.address_of(offset).unwrap();
    assert_eq!(address, main.st_value + 6);
    assert_eq!(object.symbol(address).unwrap().to_string(), "main+0x6");
    assert_eq!(object.section_name(address), Some(".text"));
    assert!(object.begins_with(&bytes[..4096]) && !object.begins_with(b"something else"));
    // Neither has a place outside of what is loaded.
    assert_eq!(object.address_of(u64::MAX), None);
    assert_eq!((object.symbol(u64::MAX), object.section_name(0)), (None, None));
    assert_eq!(object.lines(u64::MAX), []);
    assert!(object.unwind(u64::MAX, |_| Some(())).is_none());
}

/// A file with a segment that is all zeros: what is mapped below it belongs to another.
#[test]
fn memory_that_is_in_no_file_has_names() {
    let bytes = guest("held-lock");
    let elf = goblin::elf::Elf::parse(&bytes).unwrap();
    let lock = elf.syms.iter().find(|it| elf.strtab.get_at(it.st_name) == Some("lock")).unwrap();
    let constants =
        elf.program_headers.iter().rfind(|header| header.p_filesz > 0 && header.p_vaddr > 0).unwrap();
    let object = Object::parse(bytes.clone()).unwrap();
    let offset = constants.p_offset + (lock.st_value - constants.p_vaddr);
    let address = object.address_behind(constants.p_offset, offset).unwrap();
    assert_eq!((address, object.address_of(offset)), (lock.st_value, None));
    assert_eq!(object.symbol(address).unwrap().to_string(), "lock");
    assert_eq!(object.section_name(address), Some(".sbss"));
    assert_eq!(object.address_behind(u64::MAX, u64::MAX), None);
}

#[test]
fn compressed_line_tables_are_read() {
    let mut object = Object::parse(guest("prefork")).unwrap();
    let names: Vec<_> = (0x11000..0x11800).step_by(2).flat_map(|address| object.lines(address)).collect();
    let is_there = |function: &str, file: &str| {
        names.iter().any(|it| {
            it.function.as_deref() == Some(function) && it.line.as_ref().is_some_and(|line| line.file == file)
        })
    };
    assert!(
        is_there("main", "guest/src/prefork.c") && is_there("incref", "guest/src/prefork.c"),
        "{names:?}"
    );
}

#[test]
fn what_is_no_elf_file_has_no_names() {
    for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\n"] {
        assert!(Object::parse(bytes.to_owned()).is_none());
    }
}

/// Asks a file for everything, whatever state it is in.
fn ask(bytes: Vec<u8>) {
    let Some(mut object) = Object::parse(bytes) else { return };
    for offset in (0..0x4000).step_by(0x3a).chain([u64::MAX - 1, u64::MAX]) {
        for address in object.address_of(offset).into_iter().chain([offset]) {
            let _ =
                (object.symbol(address), object.section_name(address).map(str::len), object.lines(address));
            let _ = object.unwind(address, |row| Some(row.cfa().clone()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// The same where what is damaged was compressed.
    #[test]
    fn a_damaged_compressed_section_is_survived(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = guest("hello");
        let elf = goblin::elf::Elf::parse(&bytes).unwrap();
        let is_debug = |header: &&goblin::elf::SectionHeader| header.sh_flags & 0x800 != 0;
        let sections: Vec<_> = elf.section_headers.iter().filter(is_debug).filter_map(|it| it.file_range()).collect();
        prop_assert!(!sections.is_empty());
        for (at, value) in damage {
            let all: Vec<_> = sections.iter().cloned().flatten().collect();
            bytes[all[at.index(all.len())]] = value;
        }
        ask(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// A damaged file gives fewer names, and never a panic: headers and tables are hit as often as the rest.
    #[test]
    fn a_damaged_file_is_survived(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 1..24),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = debugged();
        let tail = 64 * 40;
        for (at, value, in_headers) in damage {
            let at = match in_headers {
                true if value & 1 == 0 => at.index(0x200),
                true => bytes.len() - 1 - at.index(tail.min(bytes.len())),
                false => at.index(bytes.len()),
            };
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        ask(bytes);
    }
}

/// A library with line and frame tables: `tests/files/lines.so`, of which the comment in `tests/files/lines.c` tells.
fn debugged() -> Vec<u8> {
    include_bytes!("../../tests/files/lines.so").to_vec()
}

#[test]
fn lines_inlined_functions_and_callers_are_found() {
    let bytes = debugged();
    let elf = goblin::elf::Elf::parse(&bytes).unwrap();
    let outer = elf.dynsyms.iter().find(|it| elf.dynstrtab.get_at(it.st_name) == Some("outer")).unwrap();
    let mut object = Object::parse(bytes.clone()).unwrap();
    let places: Vec<_> = (0..outer.st_size).step_by(2).map(|at| object.lines(outer.st_value + at)).collect();
    let at = |function: &str, line| {
        let line = Some(SourceLine { file: "./lines.c".to_owned(), line });
        places
            .iter()
            .filter_map(|lines| lines.first())
            .any(|it| it.function.as_deref() == Some(function) && it.line == line)
    };
    // `inner` is inlined into `outer` and has no symbol of its own.
    assert!(at("inner", 9) && at("outer", 15), "{places:?}");
    assert_eq!(object.symbol(outer.st_value + 2).unwrap().to_string(), "outer+0x2");
    // Behind the prologue the return address lies 8 bytes below the caller's stack pointer.
    let last = outer.st_value + outer.st_size - 8;
    let saves_ra = |row: &gimli::UnwindTableRow<usize>| match row.register(gimli::Register(1)) {
        Some(gimli::RegisterRule::Offset(offset)) => Some(offset),
        _ => None,
    };
    let offsets: Vec<_> =
        (outer.st_value..last).step_by(2).filter_map(|at| object.unwind(at, saves_ra)).collect();
    assert!(offsets.contains(&-8), "{offsets:?}");
}
