//! Processes and programs.

pub(crate) mod elf;
