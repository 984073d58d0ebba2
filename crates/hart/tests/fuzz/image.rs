//! A program as an ELF file: what comes before it, behind it, and the memory it works on.

use crate::program::{EIGHTH, MIDDLE, POOL, Program, Random, WINDOW, insn};
use crate::values;
use tine_isa::{Insn, Op};

/// Where everything is, under each oracle and here.
pub(crate) const BASE: u64 = 0x8000_0000;
/// Where the values of registers are that the program begins with.
const FIRST: u64 = BASE + 0x4_0000;
/// Where the state is stored that it ends with; the window lies behind it.
pub(crate) const LAST: u64 = FIRST + PAGE;
const WINDOW_AT: u64 = LAST + PAGE;
const POOL_AT: u64 = WINDOW_AT + PAGE;
const PAGE: u64 = 0x1000;
const END: u64 = POOL_AT + PAGE;
/// `x1` to `x31`, `f0` to `f31` and `fcsr`.
pub(crate) const STATE_WORDS: usize = 31 + 32 + 1;
/// What is stored at the end: the state's page and the window.
pub(crate) const LAST_BYTES: u64 = 2 * PAGE;

/// A program with all that surrounds it.
pub(crate) struct Image {
    /// What is loaded at [`BASE`].
    pub(crate) bytes: Vec<u8>,
    /// Where the common part begins: floating point is on.
    pub(crate) start: u64,
    /// The first instruction behind the program.
    pub(crate) end: u64,
}

/// Who executes the image.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Under {
    /// M-mode of a bare machine.
    Machine,
    /// A user program of Linux.
    Linux,
}

impl Image {
    pub(crate) fn new(program: &Program, under: Under) -> Self {
        let head = match under {
            Under::Machine => [insn(Op::Lui, 5, 0, 0, 0x6000), insn(Op::Csrrs, 0, 5, 0, 0x300)],
            Under::Linux => [insn(Op::Addi, 0, 0, 0, 0); 2],
        };
        let mut code = words(&head);
        let start = BASE + code.len() as u64;
        code.extend(words(&prologue(start)));
        code.extend(program.code());
        code.resize(code.len().next_multiple_of(4), 0);
        // Two bytes at the end are no instruction: code of odd halves falls through a c.nop.
        let odd = !program.code().len().is_multiple_of(4);
        if odd {
            let end = code.len();
            code[end - 2..].copy_from_slice(&[1, 0]);
        }
        let end = BASE + code.len() as u64;
        code.extend(words(&epilogue(end)));
        assert!(BASE + (code.len() as u64) <= FIRST, "the program is too long");
        code.resize((FIRST - BASE) as usize, 0);
        code.extend(memory(program.seed));
        Self { bytes: code, start, end }
    }
}

/// Returns the ELF file of what is loaded at [`BASE`]: one segment with all rights, and a section of names, without which Spike
/// refuses it.
pub(crate) fn elf(loaded: &[u8]) -> Vec<u8> {
    const HEADER_BYTES: u64 = 64 + 56;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // ET_EXEC, EM_RISCV.
    file.extend([2, 0, 243, 0, 1, 0, 0, 0]);
    let sections = PAGE + loaded.len() as u64;
    for word in [BASE, 64, sections] {
        file.extend(word.to_le_bytes());
    }
    // EF_RISCV_RVC and EF_RISCV_FLOAT_ABI_DOUBLE; sizes and numbers of the headers; the section of names.
    file.extend([5, 0, 0, 0, 64, 0, 56, 0, 1, 0, 64, 0, 2, 0, 1, 0]);
    // PT_LOAD with all rights, whose file offset is as far from a page's start as its address.
    file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    let bytes = loaded.len() as u64;
    for word in [PAGE, BASE, BASE, bytes, bytes, PAGE] {
        file.extend(word.to_le_bytes());
    }
    assert_eq!(file.len() as u64, HEADER_BYTES);
    file.resize(PAGE as usize, 0);
    file.extend(loaded);
    // SHT_NULL, then SHT_STRTAB, one byte of zero.
    let names = [3 << 32, 0, 0, sections, 1, 0, 0, 0];
    file.extend([[0_u64; 8], names].concat().iter().flat_map(|word| word.to_le_bytes()));
    file
}

fn words(insns: &[Insn]) -> Vec<u8> {
    insns.iter().flat_map(|insn| insn.encode().to_le_bytes()).collect()
}

/// Puts an address into a register, `pc` being where this is executed.
fn address(register: u8, pc: u64, to: u64) -> [Insn; 2] {
    let offset = to.wrapping_sub(pc) as i32;
    let low = offset << 20 >> 20;
    [insn(Op::Auipc, register, 0, 0, offset - low), insn(Op::Addi, register, register, 0, low)]
}

/// Loads every register.
fn prologue(pc: u64) -> Vec<Insn> {
    let mut insns = address(31, pc, FIRST).to_vec();
    insns.extend((0..32).map(|f| insn(Op::Fld, f, 31, 0, 8 * (32 + i32::from(f)))));
    insns.extend((1..32).map(|x| insn(Op::Ld, x, 31, 0, 8 * i32::from(x))));
    insns
}

/// Stores every register but x31, and the flags; under Linux, writes them and the window to standard output and exits.
fn epilogue(pc: u64) -> Vec<Insn> {
    let mut insns = address(31, pc, LAST).to_vec();
    insns.extend((1..31).map(|x| insn(Op::Sd, 0, 31, x, 8 * (i32::from(x) - 1))));
    insns.extend((0..32).map(|f| insn(Op::Fsd, 0, 31, f, 8 * (31 + i32::from(f)))));
    insns.extend([insn(Op::Csrrs, 1, 0, 0, 3), insn(Op::Sd, 0, 31, 1, 8 * (STATE_WORDS as i32 - 1))]);
    let ecall = insn(Op::Ecall, 0, 0, 0, 0);
    insns.extend([
        insn(Op::Addi, 17, 0, 0, 64),
        insn(Op::Addi, 10, 0, 0, 1),
        insn(Op::Addi, 11, 31, 0, 0),
        insn(Op::Lui, 12, 0, 0, LAST_BYTES as i32),
        ecall,
        insn(Op::Addi, 17, 0, 0, 93),
        insn(Op::Addi, 10, 0, 0, 0),
        ecall,
    ]);
    insns
}

/// Returns what lies behind the code: first values of registers, room for the last, window, pool.
fn memory(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed.rotate_left(32));
    let mut words: Vec<u64> = (FIRST..END).step_by(8).map(|_| values::any(&mut random)).collect();
    let last = ((LAST - FIRST) / 8) as usize;
    words[last..last + PAGE as usize / 8].fill(0);
    for (register, at) in [
        (WINDOW, WINDOW_AT),
        (MIDDLE, WINDOW_AT + PAGE / 2),
        (POOL, POOL_AT + PAGE / 2),
        (EIGHTH, WINDOW_AT + PAGE / 8),
    ] {
        words[usize::from(register)] = at;
    }
    // The counter of loops.
    words[5] = 0;
    let special = values::special();
    let pool = ((POOL_AT - FIRST) / 8) as usize;
    words[pool..pool + special.len()].copy_from_slice(&special);
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
