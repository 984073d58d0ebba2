//! Tests of the hart through its public interface.

mod asm;
mod atomics;
mod bench;
mod code;
mod fp_vectors;
mod lockstep;
mod privileged;
mod trace;
mod traps;
