//! Tests of the hart through its public interface.

mod asm;
mod atomics;
mod bench;
mod code;
mod extensions;
mod fp_vectors;
mod lockstep;
mod privileged;
mod softfloat;
mod trace;
mod traps;
