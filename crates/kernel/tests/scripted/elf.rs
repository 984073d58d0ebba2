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
