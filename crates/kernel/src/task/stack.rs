//! The stack that a new program finds (Linux 6.12 fs/binfmt_elf.c create_elf_tables).
//!
//! ```text
//!   stack top ─▶ 8 zero bytes
//!                path of the program ("AT_EXECFN")
//!                environment strings, argument strings
//!                16 random bytes
//!                auxiliary vector, ending with AT_NULL
//!                environment pointers, NULL
//!                argument pointers, NULL
//!         sp ─▶  argc
//! ```

use super::exec::ProgramStrings;
use crate::creds::{Credentials, ProgramCredentials};
use tine_mmu::VirtAddr;

/// What the auxiliary vector says of the program (getauxval(3)).
#[derive(Clone, Copy, Debug)]
pub(super) struct ProgramFacts<'a> {
    /// `AT_PHDR`.
    pub headers_at: VirtAddr,
    /// `AT_PHNUM`.
    pub header_count: u16,
    /// `AT_BASE`: the load bias of the interpreter; 0 without one.
    pub interpreter: VirtAddr,
    /// `AT_ENTRY`.
    pub entry: VirtAddr,
    /// `AT_SYSINFO_EHDR`.
    pub vdso: VirtAddr,
    /// `AT_HWCAP`.
    pub hwcap: u64,
    /// `AT_UID` to `AT_EGID`, and `AT_SECURE`.
    pub given: &'a ProgramCredentials,
}

/// The strings of a new program, and where each will be.
#[derive(Clone, Debug)]
pub(super) struct Strings {
    /// Address of the lowest byte.
    pub start: VirtAddr,
    /// All bytes from there up to the top of the stack.
    pub bytes: Vec<u8>,
    /// Addresses of the argument strings.
    pub arguments: Vec<VirtAddr>,
    /// Addresses of the environment strings.
    pub environment: Vec<VirtAddr>,
    /// Address of the program's path.
    pub path: VirtAddr,
}

impl Strings {
    /// Lays the strings out below `top`.
    pub(super) fn new(top: VirtAddr, path: &[u8], strings: &ProgramStrings) -> Self {
        let ProgramStrings { arguments, environment } = strings;
        const TERMINATOR_BYTES: usize = 8;
        let size = |strings: &[Vec<u8>]| strings.iter().map(|string| string.len() + 1).sum::<usize>();
        let total = size(arguments) + size(environment) + path.len() + 1 + TERMINATOR_BYTES;
        let start = VirtAddr(top.0 - total as u64);
        let mut bytes = Vec::with_capacity(total);
        let mut place = |string: &[u8]| {
            let at = start + bytes.len() as u64;
            bytes.extend_from_slice(string);
            bytes.push(0);
            at
        };
        let arguments = arguments.iter().map(|string| place(string)).collect();
        let environment = environment.iter().map(|string| place(string)).collect();
        let path = place(path);
        bytes.resize(total, 0);
        Self { start, bytes, arguments, environment, path }
    }

    /// Returns the words from `argc` to the end of the auxiliary vector, and where they begin: the new stack pointer.
    pub(super) fn tables(&self, facts: &ProgramFacts<'_>, random_at: VirtAddr) -> (VirtAddr, Vec<u64>) {
        let mut words = vec![self.arguments.len() as u64];
        words.extend(self.arguments.iter().map(|at| at.0));
        words.push(0);
        words.extend(self.environment.iter().map(|at| at.0));
        words.push(0);
        for (kind, value) in auxiliary_vector(facts, random_at, self.path) {
            words.extend([kind, value]);
        }
        let sp = random_at.0 - 8 * words.len() as u64;
        (VirtAddr(sp & !15), words)
    }

    /// Returns the part of [`Self::tables`] that is the auxiliary vector.
    pub(super) fn auxiliary_vector_in<'a>(&self, words: &'a [u64]) -> &'a [u64] {
        // Before it: argc, and the two vectors of pointers with the NULL that ends each.
        &words[1 + self.arguments.len() + 1 + self.environment.len() + 1..]
    }
}

/// Size in bytes of `AT_RANDOM`'s object.
pub(super) const RANDOM_BYTES: usize = 16;

/// Lists the auxiliary vector in Linux's order.
fn auxiliary_vector(facts: &ProgramFacts<'_>, random_at: VirtAddr, path: VirtAddr) -> Vec<(u64, u64)> {
    const AT_NULL: u64 = 0;
    const AT_PHDR: u64 = 3;
    const AT_PHENT: u64 = 4;
    const AT_PHNUM: u64 = 5;
    const AT_PAGESZ: u64 = 6;
    const AT_BASE: u64 = 7;
    const AT_FLAGS: u64 = 8;
    const AT_ENTRY: u64 = 9;
    const AT_UID: u64 = 11;
    const AT_EUID: u64 = 12;
    const AT_GID: u64 = 13;
    const AT_EGID: u64 = 14;
    const AT_HWCAP: u64 = 16;
    const AT_CLKTCK: u64 = 17;
    const AT_SECURE: u64 = 23;
    const AT_RANDOM: u64 = 25;
    const AT_RSEQ_FEATURE_SIZE: u64 = 27;
    const AT_RSEQ_ALIGN: u64 = 28;
    const AT_EXECFN: u64 = 31;
    const AT_SYSINFO_EHDR: u64 = 33;
    /// From `AT_L1I_CACHESIZE` to `AT_L3_CACHEGEOMETRY`: the caches are not modelled, and Linux says 0 where it knows none.
    const CACHES: std::ops::RangeInclusive<u64> = 40..=47;
    const AT_MINSIGSTKSZ: u64 = 51;
    const PROGRAM_HEADER_BYTES: u64 = 56;
    let ProgramCredentials { credentials: Credentials { user, group, .. }, is_privileged } = facts.given;
    let mut vector = vec![(AT_SYSINFO_EHDR, facts.vdso.0)];
    vector.extend(CACHES.map(|kind| (kind, 0)));
    vector.extend([
        (AT_MINSIGSTKSZ, super::frame::FRAME_BYTES as u64),
        (AT_HWCAP, facts.hwcap),
        (AT_PAGESZ, tine_mmu::PAGE_SIZE),
        (AT_CLKTCK, crate::syscall::CLOCK_TICKS),
        (AT_PHDR, facts.headers_at.0),
        (AT_PHENT, PROGRAM_HEADER_BYTES),
        (AT_PHNUM, u64::from(facts.header_count)),
        (AT_BASE, facts.interpreter.0),
        (AT_FLAGS, 0),
        (AT_ENTRY, facts.entry.0),
        (AT_UID, u64::from(user.real)),
        (AT_EUID, u64::from(user.effective)),
        (AT_GID, u64::from(group.real)),
        (AT_EGID, u64::from(group.effective)),
        (AT_SECURE, u64::from(*is_privileged)),
        (AT_RANDOM, random_at.0),
        (AT_EXECFN, path.0),
        (AT_RSEQ_FEATURE_SIZE, crate::syscall::RSEQ_FEATURE_BYTES),
        (AT_RSEQ_ALIGN, crate::syscall::RSEQ_ALIGNMENT),
        (AT_NULL, 0),
    ]);
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_is_laid_out_as_linux_does() {
        let told = ProgramStrings {
            arguments: vec![b"a".to_vec(), b"bc".to_vec()],
            environment: vec![b"E=1".to_vec()],
        };
        let strings = Strings::new(VirtAddr(0x1000), b"/p", &told);
        assert_eq!(strings.bytes, b"a\0bc\0E=1\0/p\0\0\0\0\0\0\0\0\0");
        assert_eq!(strings.path, VirtAddr(0x1000 - 8 - 3));
        let facts = ProgramFacts {
            headers_at: VirtAddr(64),
            header_count: 3,
            interpreter: VirtAddr(0),
            entry: VirtAddr(0x100),
            vdso: VirtAddr(0),
            hwcap: 0x112d,
            given: &ProgramCredentials { credentials: Credentials::ROOT, is_privileged: false },
        };
        let (sp, words) = strings.tables(&facts, VirtAddr(0xf00));
        assert_eq!(sp.0 % 16, 0);
        assert!(sp.0 + 8 * words.len() as u64 <= 0xf00);
        assert_eq!(
            words[..6],
            [2, strings.arguments[0].0, strings.arguments[1].0, 0, strings.environment[0].0, 0]
        );
        assert_eq!(words[words.len() - 2..], [0, 0]);
    }
}
