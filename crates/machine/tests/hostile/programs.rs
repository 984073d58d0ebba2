//! Damaged ELF files, from the first byte to the exit.

use crate::{guest, small, survive};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

const GUESTS: [&str; 5] = ["hello", "fork-exec", "segments", "cow-tutorial", "vfork-shares"];

/// A change to a file.
#[derive(Clone, Debug)]
enum Damage {
    /// One byte becomes another.
    Byte(usize, u8),
    /// Eight bytes become a number.
    Word(usize, u64),
    /// The file ends early.
    Cut(usize),
}

/// Numbers that overflow when something is added to them, or that are not what they should be a multiple of.
const EDGES: [u64; 14] = [
    0,
    1,
    0xfff,
    0x1000,
    0x7fff_ffff,
    0xffff_ffff,
    (1 << 38) - 0x1000,
    (1 << 38) - 1,
    1 << 38,
    1 << 63,
    i64::MAX as u64,
    u64::MAX - 0xfff,
    u64::MAX - 7,
    u64::MAX,
];

/// Damage to the ELF header and the program headers, or anywhere.
fn damage() -> impl Strategy<Value = Damage> {
    const HEADERS: usize = 64 + 6 * 56;
    prop_oneof![
        4 => (0..HEADERS, any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        6 => (0..HEADERS / 8, select(EDGES.to_vec())).prop_map(|(at, word)| Damage::Word(8 * at, word)),
        2 => (0..32_768_usize, any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        1 => (0..32_768_usize).prop_map(Damage::Cut),
    ]
}

impl Damage {
    fn apply(&self, file: &mut Vec<u8>) {
        match *self {
            Self::Byte(at, byte) => {
                if let Some(old) = file.get_mut(at) {
                    *old = byte;
                }
            }
            Self::Word(at, word) => {
                if let Some(old) = file.get_mut(at..at + 8) {
                    old.copy_from_slice(&word.to_le_bytes());
                }
            }
            Self::Cut(len) => file.truncate(len),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_500,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::default()
    })]

    #[test]
    fn damaged_programs_are_refused_or_run_in_their_box(
        name in select(GUESTS.to_vec()),
        damages in prop::collection::vec(damage(), 1..5),
    ) {
        let mut file = guest(name);
        damages.iter().for_each(|damage| damage.apply(&mut file));
        // Refusing it is as good as running it.
        let _ = survive(small(), file);
    }

    #[test]
    fn noise_is_no_program(noise in prop::collection::vec(any::<u8>(), 0..300), magic in any::<bool>()) {
        let mut file = noise;
        if magic && file.len() >= 7 {
            file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        }
        prop_assert!(survive(small(), file).is_err());
    }
}

#[test]
fn undamaged_programs_run() {
    for name in GUESTS {
        let (mut machine, _) =
            survive(small(), guest(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(machine.report().machine.get("instructions.user") > 0);
    }
}
