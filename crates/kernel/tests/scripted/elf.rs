//! Programs for the scripted CPU: the smallest ELF files that execve takes.

use crate::script::{DATA, DATA_PAGES, TEXT};
use tine_mmu::{PAGE_SIZE, VirtAddr};

const HEADER_BYTES: u64 = 64;
const PROGRAM_HEADER_BYTES: u64 = 56;
/// The text follows the ELF header and two program headers.
const TEXT_OFFSET: u64 = HEADER_BYTES + 2 * PROGRAM_HEADER_BYTES;

const PF_X: u32 = 1;
const PF_W: u32 = 2;
const PF_R: u32 = 4;

/// Returns the address of the step with this index in its program.
pub(crate) const fn step_at(index: usize) -> VirtAddr {
    VirtAddr(TEXT.0 + TEXT_OFFSET + 4 * index as u64)
}

/// Makes a program that lies out of the way of its interpreter, and whose only code would not run.
pub(crate) fn with_interpreter(path: &str) -> Vec<u8> {
    const AT: u64 = 0x100_0000;
    let mut file = program(&[]);
    let path_at = file.len() as u64;
    file.extend(path.bytes().chain([0]));
    let len = file.len() as u64;
    let mut header = |index: u64, kind: u32, values: [u64; 6]| {
        let at = (HEADER_BYTES + index * PROGRAM_HEADER_BYTES) as usize;
        file[at..at + 4].copy_from_slice(&kind.to_le_bytes());
        let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        file[at + 8..at + 56].copy_from_slice(&values);
    };
    header(0, 1, [0, AT, AT, len, len, PAGE_SIZE]);
    // PT_INTERP
    header(1, 3, [path_at, AT + path_at, AT + path_at, path.len() as u64 + 1, path.len() as u64 + 1, 1]);
    file
}

/// Makes a program of these words, with [`DATA_PAGES`] writable pages of zeros at [`DATA`].
pub(crate) fn program(words: &[u32]) -> Vec<u8> {
    let text_bytes = TEXT_OFFSET + 4 * words.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2); // ET_EXEC
    half(&mut file, 243); // EM_RISCV
    word(&mut file, 1);
    long(&mut file, step_at(0).0);
    long(&mut file, HEADER_BYTES);
    long(&mut file, 0);
    word(&mut file, 0);
    for value in [HEADER_BYTES as u16, PROGRAM_HEADER_BYTES as u16, 2, 0, 0, 0] {
        half(&mut file, value);
    }
    let mut segment = |at: VirtAddr, flags: u32, file_bytes: u64, memory_bytes: u64| {
        word(&mut file, 1); // PT_LOAD
        word(&mut file, flags);
        for value in [0, at.0, at.0, file_bytes, memory_bytes, PAGE_SIZE] {
            long(&mut file, value);
        }
    };
    segment(TEXT, PF_R | PF_X, text_bytes, text_bytes);
    segment(DATA, PF_R | PF_W, 0, DATA_PAGES * PAGE_SIZE);
    for value in words {
        word(&mut file, *value);
    }
    file
}
