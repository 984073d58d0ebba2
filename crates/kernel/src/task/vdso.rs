//! The vDSO (vdso(7)): a page of code that every program gets, and before it a page of data that the code reads. The code's
//! source is `crates/kernel/vdso`.
//!
//! So a program that asks for the time or for what the harts can do does not enter the supervisor: `rdtime` counts the same
//! virtual nanoseconds that every clock is made of, and the page has the rest. Linux multiplies the counter by a scale that
//! NTP bends and guards it with a sequence count; here the scale is one, and each word is read at once.

use super::COARSE_NS;
use crate::mm::{Memory, OutOfMemory};
use crate::syscall::hwprobe;
use crate::{FileId, InstructionSet};
use goblin::elf::Elf;
use tine_mmu::Ram;

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
    /// The page of data before it (`[vvar]`). The second page of that area is for time namespaces: it has none.
    pub data: FileId,
    /// Offset in bytes of the code that signal handlers return to.
    pub sigreturn: u64,
}

impl Vdso {
    /// Puts code and data in memory.
    ///
    /// # Errors
    /// [`OutOfMemory`] when there is no frame for it.
    pub(crate) fn load(
        ram: &mut Ram,
        memory: &mut Memory,
        isa: &InstructionSet,
        wall_offset_ns: u64,
    ) -> Result<Self, OutOfMemory> {
        let (cache, frames) = memory.cache_mut();
        let file = cache.create_backed();
        cache.write(ram, frames, file, 0, IMAGE)?;
        let data = cache.create_kernel_data(contents(isa, wall_offset_ns));
        Ok(Self { file, data, sigreturn: symbol(SIGRETURN).unwrap_or_default() })
    }

    /// Tells programs what the time of day is ahead of the time since the start.
    pub(crate) fn set_wall_offset(
        self,
        ram: &mut Ram,
        memory: &mut Memory,
        isa: &InstructionSet,
        wall_offset_ns: u64,
    ) {
        memory.cache_mut().0.change_kernel_data(ram, self.data, contents(isa, wall_offset_ns));
    }
}

/// Returns the data, as `vdso_data` in `vdso.c` has it.
fn contents(isa: &InstructionSet, wall_offset_ns: u64) -> Vec<u8> {
    const RESOLUTION_NS: u64 = 1;
    let answers: Vec<u64> = hwprobe::answers(isa);
    let words = [wall_offset_ns, COARSE_NS, RESOLUTION_NS, answers.len() as u64].into_iter().chain(answers);
    words.flat_map(u64::to_le_bytes).collect()
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
        let clocks = ["clock_gettime", "gettimeofday", "clock_getres"];
        for name in clocks.into_iter().chain(["rt_sigreturn", "getcpu", "flush_icache", "riscv_hwprobe"]) {
            assert!(
                symbol(&format!("__vdso_{name}")).is_some_and(|at| (at as usize) < IMAGE.len()),
                "{name}"
            );
        }
    }

    #[test]
    fn handlers_return_to_the_system_call() {
        let at = symbol(SIGRETURN).unwrap() as usize;
        // li a7, 139; ecall
        assert_eq!(IMAGE[at..at + 8], [0x93, 0x08, 0xb0, 0x08, 0x73, 0, 0, 0]);
    }
}
