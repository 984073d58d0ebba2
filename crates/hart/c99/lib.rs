//! C99's "fast" integer types, for `softfloat-sys`.
//!
//! The published `c99` crate finds these types by running CMake when it is built. Tine promises to build where there is
//! only cargo and a C compiler, so the workspace patches it with this file (see `[patch.crates-io]`).
#![no_std]
#![expect(non_camel_case_types, reason = "C's own names")]

/// `uint_fast8_t`: one byte everywhere.
pub type uint_fast8_t = u8;
/// `int_fast64_t`: eight bytes everywhere.
pub type int_fast64_t = i64;
/// `uint_fast64_t`: eight bytes everywhere.
pub type uint_fast64_t = u64;

// glibc makes the 32-bit fast types as wide as a register; every other C library here keeps them at 32 bits.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod fast32 {
    /// `int_fast32_t`: a register wide.
    pub type int_fast32_t = isize;
    /// `uint_fast32_t`: a register wide.
    pub type uint_fast32_t = usize;
}
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod fast32 {
    /// `int_fast32_t`: four bytes.
    pub type int_fast32_t = i32;
    /// `uint_fast32_t`: four bytes.
    pub type uint_fast32_t = u32;
}
pub use fast32::*;
