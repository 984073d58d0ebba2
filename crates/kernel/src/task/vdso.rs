//! The vDSO (vdso(7)): a page of code that every program gets. Its source is `crates/kernel/vdso/vdso.S`.

use crate::FileId;
use crate::mm::{Memory, OutOfMemory};
use goblin::elf::Elf;
use tine_mmu::{PAGE_SIZE, Ram};

/// The ELF file, which is its own image: one page, linked at 0.
const IMAGE: &[u8] = include_bytes!("../../vdso/vdso.so");
/// Pages of data before the code (Linux 6.12 arch/riscv/kernel/vdso.c `VVAR_NR_PAGES`).
pub(crate) const DATA_PAGES: u64 = 2;
/// Where a signal handler returns to.
const SIGRETURN: &str = "__vdso_rt_sigreturn";

/// The vDSO in the page cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vdso {
    /// Its page.
    pub file: FileId,
    /// The pages of data before it (`[vvar]`), where Linux has what its clocks need: here they ask the kernel, and the pages are
    /// zeros.
    pub data: FileId,
    /// Offset in bytes of the code that signal handlers return to.
    pub sigreturn: u64,
}

impl Vdso {
    /// Puts the vDSO into the page cache.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for it.
    pub(crate) fn load(ram: &mut Ram, memory: &mut Memory) -> Result<Self, OutOfMemory> {
        let (cache, frames) = memory.cache_mut();
        let file = cache.create_backed();
        cache.write(ram, frames, file, 0, IMAGE)?;
        let data = cache.create_backed();
        let _ = cache.set_size(ram, frames, data, DATA_PAGES * PAGE_SIZE);
        Ok(Self { file, data, sigreturn: symbol(SIGRETURN).unwrap_or_default() })
    }
}

/// Returns the address of a dynamic symbol of the image.
fn symbol(name: &str) -> Option<u64> {
    let elf = Elf::parse(IMAGE).ok()?;
    elf.dynsyms
        .iter()
        .find(|symbol| elf.dynstrtab.get_at(symbol.st_name) == Some(name))
        .map(|symbol| symbol.st_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_is_one_page_and_exports_what_programs_look_up() {
        assert!(IMAGE.len() <= 4096);
        for name in [SIGRETURN, "__vdso_clock_gettime", "__vdso_gettimeofday", "__vdso_clock_getres"] {
            assert!(symbol(name).is_some_and(|at| (at as usize) < IMAGE.len()), "{name}");
        }
    }

    #[test]
    fn handlers_return_to_the_system_call() {
        let at = symbol(SIGRETURN).unwrap() as usize;
        // li a7, 139; ecall
        assert_eq!(IMAGE[at..at + 8], [0x93, 0x08, 0xb0, 0x08, 0x73, 0, 0, 0]);
    }
}
