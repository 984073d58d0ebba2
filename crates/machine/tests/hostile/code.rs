//! Random bits as code: every encoding may come up, with every kind of value in the registers.

use crate::{small, survive};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use tine_machine::{Config, Counts, Engine, Outcome};

/// Where the program's one segment is, readable, writable and executable: headers, code, then the registers' values.
const BASE: u64 = 0x1_0000;
const HEADER_BYTES: u64 = 64 + 56;
/// Where the registers' values are in it.
const VALUES: u64 = 0x600;
const SEGMENT_BYTES: u64 = 0x3000;
/// Registers that the prologue fills: `x1` to `x30`.
const REGISTERS: usize = 30;

/// A program that loads `values` into the registers and goes on with `words`.
fn program(words: &[u32], values: &[u64]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // ET_EXEC, EM_RISCV.
    file.extend([2, 0, 243, 0, 1, 0, 0, 0]);
    for word in [BASE + HEADER_BYTES, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // PT_LOAD, all rights.
    file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    for word in [0, BASE, BASE, SEGMENT_BYTES, SEGMENT_BYTES, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    let lui_x31 = BASE as u32 | 31 << 7 | 0x37;
    let ld = |register: u32| (VALUES as u32 + 8 * register) << 20 | 31 << 15 | 3 << 12 | register << 7 | 0x03;
    for word in [lui_x31].into_iter().chain((1..=REGISTERS as u32).map(ld)).chain(words.iter().copied()) {
        file.extend(word.to_le_bytes());
    }
    file.resize(VALUES as usize + 8, 0);
    for value in values {
        file.extend(value.to_le_bytes());
    }
    file.resize(SEGMENT_BYTES as usize, 0);
    file
}

/// Any 32 bits; 32 bits that begin as a known major opcode does; two compressed instructions.
fn word() -> impl Strategy<Value = u32> {
    const OPCODES: [u32; 20] = [
        0x03, 0x07, 0x0f, 0x13, 0x17, 0x1b, 0x23, 0x27, 0x2f, 0x33, 0x37, 0x3b, 0x43, 0x47, 0x4b, 0x4f, 0x53,
        0x63, 0x6f, 0x73,
    ];
    /// Rights and sizes that AMO and FP encodings want in their upper bits.
    const UPPER: [u32; 8] = [0, 0x01, 0x20, 0x08, 0x10, 0x02, 0x60, 0x2c];
    let shaped = (any::<u32>(), select(OPCODES.to_vec()), prop::option::of(select(UPPER.to_vec()))).prop_map(
        |(bits, opcode, upper)| upper.map_or(bits, |upper| bits & 0x01ff_ffff | upper << 25) & !0x7f | opcode,
    );
    let compressed = (any::<u16>(), any::<u16>(), 0..3_u32, 0..3_u32)
        .prop_map(|(low, high, q0, q1)| u32::from(low) & !3 | q0 | (u32::from(high) & !3 | q1) << 16);
    // Branches and jumps that stay in the program.
    let near =
        (any::<u32>(), 0..8_u32).prop_map(|(bits, step)| bits & 0x01ff_f07f & !0x7f | 0x63 | step << 9);
    prop_oneof![1 => any::<u32>(), 8 => shaped, 4 => compressed, 2 => near]
}

/// A pointer into the program, aligned or not, or a number that arithmetic gets wrong.
fn value() -> impl Strategy<Value = u64> {
    let edges = select(vec![
        0,
        1,
        u64::MAX,
        1 << 63,
        (1 << 63) - 1,
        1 << 31,
        0xffff_ffff,
        1 << 38,
        93,
        220,
        222,
        139,
    ]);
    prop_oneof![
        4 => (0..SEGMENT_BYTES / 8).prop_map(|index| BASE + 8 * index),
        2 => (0..SEGMENT_BYTES).prop_map(|offset| BASE + offset),
        2 => edges,
        1 => any::<u64>(),
        // Numbers that are NaN-boxed singles, and doubles.
        1 => any::<f32>().prop_map(|value| u64::MAX << 32 | u64::from(value.to_bits())),
        1 => any::<f64>().prop_map(f64::to_bits),
    ]
}

fn run_with(engine: Engine, config: &Config, file: Vec<u8>) -> (Outcome, Counts, Counts) {
    let config = Config { engine, ..config.clone() };
    let (mut machine, outcome) = survive(config, file).expect("a program that can be loaded");
    let report = machine.report();
    (outcome, report.machine, report.gauges)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_code_does_no_harm_and_counts_alike_on_both_engines(
        words in prop::collection::vec(word(), 1..40),
        values in prop::collection::vec(value(), REGISTERS),
        harts in 1..3_u32,
    ) {
        let file = program(&words, &values);
        let config = Config { harts, ..small() };
        prop_assert_eq!(run_with(Engine::Plain, &config, file.clone()), run_with(Engine::Threaded, &config, file));
    }
}

#[test]
fn prologue_fills_the_registers() {
    // The values of a0 (x10) and a7 (x17): exit(42).
    let mut values = [0; REGISTERS];
    (values[9], values[16]) = (42, 93);
    let ecall = 0x73;
    let (outcome, counts, _) = run_with(Engine::default(), &small(), program(&[ecall], &values));
    assert_eq!(outcome, Outcome::Ended(tine_machine::WaitStatus::Exited(42)));
    assert_eq!(counts.get("instructions.user"), 1 + REGISTERS as u64);
}

/// `sepc[0]` is always zero (Privileged ISA, "Supervisor Exception Program Counter (`sepc`) Register"), whatever a header, a
/// handler or a signal frame says.
#[test]
fn odd_entry_point_is_rounded_down() {
    const ENTRY_AT: usize = 24;
    let mut values = [0; REGISTERS];
    (values[9], values[16]) = (42, 93);
    let mut file = program(&[0x73], &values);
    file[ENTRY_AT] |= 1;
    for engine in [Engine::Plain, Engine::Threaded] {
        let (outcome, ..) = run_with(engine, &small(), file.clone());
        assert_eq!(outcome, Outcome::Ended(tine_machine::WaitStatus::Exited(42)));
    }
}
