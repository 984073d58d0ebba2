//! The generator behind random replacement.

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): one word of state, so
/// that a run with the same seed draws the same ways on every machine.
#[derive(Clone, Debug)]
pub(crate) struct WayPicker {
    state: u64,
}

impl WayPicker {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Draws a number below `ways`.
    pub(crate) fn pick(&mut self, ways: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.state;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        // The high half of the product is uniform over `0..ways` and cannot reach it.
        ((u128::from(word) * ways as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_published_generator() {
        // The first outputs for seed 1234567, from the generator's test vector at Rosetta Code, "Pseudo-random
        // numbers/Splitmix64". Scaled to 2^32 ways, a draw is the high half of the word.
        let mut picker = WayPicker::new(1_234_567);
        let words = [6_457_827_717_110_365_317u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for word in words {
            assert_eq!(picker.pick(1 << 32) as u64, word >> 32);
        }
    }

    #[test]
    fn every_way_is_drawn() {
        let mut picker = WayPicker::new(0);
        let mut drawn = [0; 4];
        for _ in 0..4000 {
            drawn[picker.pick(4)] += 1;
        }
        assert!(drawn.iter().all(|&times| (900..1100).contains(&times)), "{drawn:?}");
    }
}
