//! The text of bit patterns against GNU objdump's.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tine_isa::{Extension, Format, Insn, Isa, Listing, Op, csr_name, decode};

use crate::{cross_tools_required, patterns};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/patterns.txt");

#[test]
fn patterns_read_as_recorded() {
    let recorded = std::fs::read_to_string(RECORDED).unwrap();
    compare(&code_of(&recorded), &recorded);
    let mnemonics: BTreeSet<_> = recorded.lines().map(|line| Line::parse(line).mnemonic).collect();
    assert!(mnemonics.len() > Op::ALL.len(), "only {} mnemonics are recorded", mnemonics.len());
}

// Zicond, Zfa, Zcb and Zihintntl, assembled and disassembled by GNU binutils 2.44, which Debian 12 lacks.
#[test]
fn younger_patterns_read_as_recorded() {
    let recorded = include_str!("../recorded/younger.txt");
    compare_all(&code_of(recorded), recorded, |_| false);
    let mnemonics: BTreeSet<_> = recorded.lines().map(|line| Line::parse(line).mnemonic).collect();
    for op in Op::ALL.iter().filter(|op| is_younger_than_objdump(op.extension())) {
        assert!(mnemonics.contains(op.mnemonic()), "{op:?} is not recorded");
    }
}

// What is written must mean what was decoded: the assembler reads it back. Its branches and jumps need a linker.
#[test]
fn the_assembler_reads_every_row_back() {
    if !cross_tools_required() {
        return;
    }
    let is_read = |op: &Op| !is_younger_than_objdump(op.extension());
    let words = patterns::words(40, 0).into_iter().filter(|&bits| {
        let Some(insn) = decode(bits) else { return false };
        let is_exact = matches!(insn.op, Op::FcvtDS | Op::FcvtDW | Op::FcvtDWu | Op::FcvtSH | Op::FcvtDH);
        // No assembler spells reserved fields, or names a prefetch's destination.
        is_read(&insn.op)
            && insn.encode() == bits
            && !matches!(insn.op.format(), Format::Branch | Format::J)
            && !(is_exact && insn.rm != 0)
            && (insn.op != Op::Fence || is_written_fence(insn.imm))
            && !is_locality_hint(&insn)
    });
    let words: Vec<u32> = words.collect();
    let rows: BTreeSet<_> = words.iter().filter_map(|&bits| decode(bits)).map(|insn| insn.op).collect();
    let missing: Vec<_> = Op::ALL.iter().filter(|op| is_read(op) && !rows.contains(op)).collect();
    assert!(
        missing.iter().all(|op| matches!(op.format(), Format::Branch | Format::J)),
        "{missing:?} are not compared"
    );
    let text: String = words.iter().map(|&bits| format!("\t{}\n", decode(bits).unwrap().at(0))).collect();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("read-back.s");
    let (object, binary) = (path.with_extension("o"), path.with_extension("bin"));
    let head = format!(".attribute arch, \"{}\"\n.option norvc\n.option norelax\n", ARCH.replace("gc", "g"));
    std::fs::write(&path, head + &text).unwrap();
    tool("as", &["-march=rv64g".as_ref(), path.as_ref(), "-o".as_ref(), object.as_ref()]);
    let binary_format = ["-O", "binary", "-j", ".text"].map(OsStr::new);
    tool("objcopy", &[&binary_format[..], &[object.as_ref(), binary.as_ref()]].concat());
    let read = std::fs::read(&binary).unwrap();
    let read: Vec<u32> =
        read.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect();
    for (&bits, &read) in words.iter().zip(&read) {
        assert_eq!(read, bits, "{:#010x} {bits:#010x} {}", read, decode(bits).unwrap().at(0));
    }
    assert_eq!(read.len(), words.len());
}

/// Whether a fence has a text of its own.
fn is_written_fence(imm: i32) -> bool {
    imm == 0x833 || imm >> 8 == 0 && (imm & 0xf0 != 0 && imm & 0x0f != 0 || imm == 0x010)
}

fn is_locality_hint(insn: &Insn) -> bool {
    insn.op == Op::Add && insn.rd == 0 && insn.rs1 == 0 && (2..=5).contains(&insn.rs2)
}

#[test]
fn recorded_patterns_are_what_objdump_prints() {
    if cross_tools_required() {
        let actual = objdump("recorded.bin", &sample());
        let new_recording = Path::new(env!("CARGO_TARGET_TMPDIR")).join("patterns.txt");
        std::fs::write(&new_recording, &actual).unwrap();
        let recorded = std::fs::read_to_string(RECORDED).unwrap();
        assert!(recorded == actual, "the recording is stale: replace it by {}", new_recording.display());
    }
}

#[test]
fn all_patterns_read_as_objdump_prints_them() {
    if cross_tools_required() {
        let csr_reads = (0..1 << 12).flat_map(csr_read).collect();
        for (file, code) in [("halves.bin", halves()), ("words.bin", words()), ("csrs.bin", csr_reads)] {
            compare(&code, &objdump(file, &code));
        }
    }
}

/// The patterns that are recorded: a few of each mnemonic, in each length, and a read of each CSR that has a name.
fn sample() -> Vec<u8> {
    const OF_EACH: usize = 10;
    let code = [halves(), words()].concat();
    let text = objdump("candidates.bin", &code);
    let mut kinds = BTreeMap::<_, Vec<_>>::new();
    for line in text.lines().map(Line::parse) {
        kinds.entry((line.bits.len(), line.mnemonic)).or_default().push(line.bytes());
    }
    let some_of_each = kinds.values().flat_map(|lines| lines.iter().step_by(lines.len().div_ceil(OF_EACH)));
    let named_csrs = (0..1 << 12).filter(|&csr| csr_name(csr).is_some()).map(|csr| csr_read(csr).to_vec());
    some_of_each.cloned().chain(named_csrs).flatten().collect()
}

fn halves() -> Vec<u8> {
    patterns::halves().flat_map(u16::to_le_bytes).collect()
}

fn words() -> Vec<u8> {
    patterns::words(1_000, 300_000).into_iter().flat_map(u32::to_le_bytes).collect()
}

fn csr_read(csr: u16) -> [u8; 4] {
    (Op::Csrrs.encoding().matches | u32::from(csr) << 20 | 10 << 7).to_le_bytes()
}

/// Extensions that objdump 2.40 knows.
const ARCH: &str = "rv64gc_zba_zbb_zbc_zbs_zicbom_zicbop_zicboz_zawrs_zfhmin_zihintpause_svinval";

/// Has objdump disassemble `code` at address 0, and returns the lines of instructions.
///
/// The code goes through the assembler so that the file says which extensions it may have, and has no symbols that
/// say what is data.
fn objdump(file: &str, code: &[u8]) -> String {
    let path: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&path, code).unwrap();
    let (source, object) = (path.with_extension("s"), path.with_extension("o"));
    let text = format!(".attribute arch, \"{ARCH}\"\n.text\n.incbin \"{}\"\n", path.display());
    std::fs::write(&source, text).unwrap();
    tool("as", &["-march=rv64gc".as_ref(), source.as_ref(), "-o".as_ref(), object.as_ref()]);
    tool("strip", &["--strip-all".as_ref(), object.as_ref()]);
    let text = tool("objdump", &["-d".as_ref(), object.as_ref()]);
    text.lines().filter(|line| line.contains('\t')).map(|line| format!("{line}\n")).collect()
}

/// Runs a tool of the cross binutils and returns what it prints.
fn tool(name: &str, arguments: &[&OsStr]) -> String {
    let name = format!("riscv64-linux-gnu-{name}");
    let output = Command::new(&name).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("TINE_CROSS=1 requires {name}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the code that objdump printed.
fn code_of(text: &str) -> Vec<u8> {
    text.lines().flat_map(|line| Line::parse(line).bytes()).collect()
}

fn compare(code: &[u8], theirs: &str) {
    compare_all(code, theirs, is_known_difference);
}

fn compare_all(code: &[u8], theirs: &str, is_known_difference: impl Fn(&Line<'_>) -> bool) {
    let mut ours = String::new();
    Listing::new(code.len() as u64).write(0, code, &mut ours).unwrap();
    let mut different = Vec::new();
    for (ours, theirs) in ours.lines().zip(theirs.lines()) {
        if ours != theirs && !is_known_difference(&Line::parse(theirs)) {
            different.push(format!("- {theirs}\n+ {ours}\n"));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.concat());
    assert_eq!(ours.lines().count(), theirs.lines().count());
}

/// One line of objdump: `addr:\tbits\tmnemonic\toperands`.
struct Line<'a> {
    bits: &'a str,
    mnemonic: &'a str,
    operands: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Line<'a> {
        let mut columns = line.split('\t').skip(1);
        let mut column = || columns.next().unwrap_or("").trim_end();
        Line { bits: column(), mnemonic: column(), operands: column() }
    }

    fn value(&self) -> u32 {
        u32::from_str_radix(self.bits, 16).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        self.value().to_le_bytes()[..self.bits.len() / 2].to_vec()
    }
}

/// Where objdump 2.40 departs from the ISA, or knows other extensions.
fn is_known_difference(theirs: &Line<'_>) -> bool {
    let bits = theirs.value();
    const RV64GC: Isa = Isa::RV64GC;
    let theirs_unknown = theirs.mnemonic == ".4byte";
    match decode(bits).map(|insn| (insn.op, insn)) {
        // "Memory Ordering Instructions": implementations ignore the reserved fields; objdump wants them zero.
        Some((Op::Fence | Op::FenceI, _)) => theirs_unknown,
        // Conversions that are always exact: every rounding mode is valid, objdump knows one.
        Some((Op::FcvtDS | Op::FcvtDW | Op::FcvtDWu | Op::FcvtSH | Op::FcvtDH, insn)) => {
            theirs_unknown && insn.rm != 0
        }
        // Extensions, and HINTs with names, that are younger than objdump 2.40. What 2.44 says of them is recorded.
        Some((op, _)) if is_younger_than_objdump(op.extension()) => theirs_unknown,
        Some((_, insn)) if insn.len == 2 && theirs.mnemonic == ".2byte" => RV64GC.decode(bits).is_none(),
        Some((_, insn)) if is_locality_hint(&insn) => true,
        // objdump looks for an address twice, and the second time takes `tp` to be 0.
        Some((Op::Jalr, insn)) => insn.rs1 == 4 && theirs.operands.contains('#'),
        Some(_) => false,
        // Reserved rounding modes.
        None if theirs.operands.ends_with(",unknown") => has_reserved_rounding_mode(bits),
        // c.addi16sp with an immediate of 0 is reserved.
        None if bits == 0x6101 => true,
        // Debug mode; what drafts of the privileged architecture had.
        None => matches!(theirs.mnemonic, "dret" | "uret" | "hret" | "sfence.vm"),
    }
}

fn is_younger_than_objdump(extension: Extension) -> bool {
    matches!(extension, Extension::Zicond | Extension::Zfa)
}

fn has_reserved_rounding_mode(bits: u32) -> bool {
    const MODE_IN_FRM: u32 = 0x7000;
    decode(bits | MODE_IN_FRM).is_some_and(|insn| insn.op.format().has_rounding_mode())
}
