//! The table against itself, and the text against GNU objdump.
//!
//! What objdump printed is recorded in `tests/recorded`, so that the comparison always runs. With `TINE_CROSS=1`
//! the tests require `riscv64-linux-gnu-objdump` 2.40 and `riscv64-linux-gnu-gcc`, compare far more, and check that
//! the recording is what objdump prints today.

mod encodings;
mod objdump;
mod patterns;
mod program;

/// Whether the RISC-V cross tools must be there.
fn cross_tools_required() -> bool {
    std::env::var_os("TINE_CROSS").is_some_and(|value| value == "1")
}
