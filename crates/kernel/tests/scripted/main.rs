//! The kernel without an interpreter: a scripted CPU makes the accesses and the system calls, through a real MMU.

mod cpu;
mod elf;
mod exec;
mod files;
mod limits;
mod memory;
mod processes;
mod random_calls;
mod scheduler;
mod scheduling;
mod script;
mod signals;
mod strace;
mod threads;
mod world;
