//! The text of bit patterns against GNU objdump's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use tine_isa::{Listing, Op, csr_name, decode};

use crate::{cross_tools_required, patterns};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/patterns.txt");

#[test]
fn patterns_read_as_recorded() {
    let recorded = std::fs::read_to_string(RECORDED).unwrap();
    compare(&code_of(&recorded), &recorded);
    let mnemonics: BTreeSet<_> = recorded.lines().map(|line| Line::parse(line).mnemonic).collect();
    assert!(mnemonics.len() > Op::ALL.len(), "only {} mnemonics are recorded", mnemonics.len());
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

/// Has objdump disassemble `code` at address 0, and returns the lines of instructions.
fn objdump(file: &str, code: &[u8]) -> String {
    let path: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(file);
    std::fs::write(&path, code).unwrap();
    let output = Command::new("riscv64-linux-gnu-objdump")
        .args(["-b", "binary", "-m", "riscv:rv64", "-D"])
        .arg(&path)
        .output()
        .expect("TINE_CROSS=1 requires riscv64-linux-gnu-objdump");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| line.contains('\t')).map(|line| format!("{line}\n")).collect()
}

/// Returns the code that objdump printed.
fn code_of(text: &str) -> Vec<u8> {
    text.lines().flat_map(|line| Line::parse(line).bytes()).collect()
}

fn compare(code: &[u8], theirs: &str) {
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

/// Where objdump 2.40 departs from the ISA, or knows more than RV64GC.
fn is_known_difference(theirs: &Line<'_>) -> bool {
    let bits = theirs.value();
    let theirs_unknown = theirs.mnemonic == ".4byte";
    match decode(bits).map(|insn| (insn.op, insn)) {
        // "Memory Ordering Instructions": implementations ignore the reserved fields; objdump wants them zero.
        Some((Op::Fence | Op::FenceI, _)) => theirs_unknown,
        // Conversions that are always exact: every rounding mode is valid, objdump knows one.
        Some((Op::FcvtDS | Op::FcvtDW | Op::FcvtDWu, insn)) => theirs_unknown && insn.rm != 0,
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

fn has_reserved_rounding_mode(bits: u32) -> bool {
    const MODE_IN_FRM: u32 = 0x7000;
    decode(bits | MODE_IN_FRM).is_some_and(|insn| insn.op.format().has_rounding_mode())
}
