//! Address-space layout randomisation: how far exec moves each part of a program from its usual place.

use crate::random::Random;
use tine_mmu::{PAGE_SHIFT, PAGE_SIZE};

/// Pages by which the top of the stack may be lowered: 1 GiB (Linux 6.12 arch/riscv/include/asm/elf.h `STACK_RND_MASK`).
const STACK_PAGES_MASK: u64 = 0x3_ffff;
/// Bits of a random number of pages by which mappings and a position-independent program move (`vm.mmap_rnd_bits`, as Debian's
/// riscv64 kernel has it).
const MMAP_PAGES_BITS: u32 = 18;
/// Pages by which the heap may be raised: 1 GiB (mm/util.c `arch_randomize_brk`).
const HEAP_PAGES: u64 = (1 << 30) >> PAGE_SHIFT;

/// How far each part of a program moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offsets {
    /// Bytes by which the top of the stack is lowered, in whole pages.
    pub stack_bytes: u64,
    /// Bytes by which mappings are lowered, in whole pages.
    pub mmap_bytes: u64,
    /// Bytes by which a position-independent program with an interpreter is raised, in whole pages.
    pub program_bytes: u64,
    /// Bytes by which the heap is raised, in whole pages.
    pub heap_bytes: u64,
    /// Bytes by which the first stack pointer is lowered; less than a page (arch/riscv/kernel/process.c `arch_align_stack`).
    pub stack_pointer_bytes: u64,
}

impl Offsets {
    /// The most that the stack can be lowered: mappings keep out of the way of all of it.
    pub(super) const MAX_STACK_BYTES: u64 = STACK_PAGES_MASK << PAGE_SHIFT;

    /// Draws the offsets of one program.
    pub(super) const fn draw(random: &mut Random) -> Self {
        Self {
            stack_bytes: (random.next_u64() & STACK_PAGES_MASK) << PAGE_SHIFT,
            mmap_bytes: (random.next_u64() >> (64 - MMAP_PAGES_BITS)) << PAGE_SHIFT,
            program_bytes: (random.next_u64() >> (64 - MMAP_PAGES_BITS)) << PAGE_SHIFT,
            heap_bytes: (random.next_u64() % HEAP_PAGES) << PAGE_SHIFT,
            stack_pointer_bytes: random.next_u64() % PAGE_SIZE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_stays_within_linuxs_bits_and_uses_them() {
        let mut random = Random::new(7);
        let drawn: Vec<Offsets> = (0..4096).map(|_| Offsets::draw(&mut random)).collect();
        let check = |of: fn(&Offsets) -> u64, unit: u64, end: u64| {
            assert!(drawn.iter().all(|offsets| of(offsets) < end && of(offsets).is_multiple_of(unit)));
            assert!(drawn.iter().any(|offsets| of(offsets) > end / 10 * 9));
            assert!(drawn.iter().any(|offsets| of(offsets) < end / 10));
        };
        check(|offsets| offsets.stack_bytes, PAGE_SIZE, 1 << 30);
        check(|offsets| offsets.mmap_bytes, PAGE_SIZE, 1 << 30);
        check(|offsets| offsets.program_bytes, PAGE_SIZE, 1 << 30);
        check(|offsets| offsets.heap_bytes, PAGE_SIZE, 1 << 30);
        check(|offsets| offsets.stack_pointer_bytes, 1, PAGE_SIZE);
    }

    #[test]
    fn seed_decides() {
        let draw = |seed| Offsets::draw(&mut Random::new(seed));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
