//! A set of small numbers with a quick answer to "which is the lowest?": bits, and above them bits that say which words of
//! bits are not empty.

/// Bits in a word.
const WORD: u64 = u64::BITS as u64;

/// The numbers of free blocks of one size.
#[derive(Clone, Debug)]
pub(super) struct FreeBlocks {
    /// `levels[0]` has a bit for each number; bit *i* of `levels[n + 1]` tells whether word *i* of `levels[n]` has any. The
    /// last level is one word.
    levels: Vec<Vec<u64>>,
    count: u64,
}

impl FreeBlocks {
    /// Makes an empty set for the numbers below `limit`.
    pub(super) fn new(limit: u64) -> Self {
        let mut levels = Vec::new();
        let mut words = limit;
        while levels.is_empty() || words > 1 {
            words = words.div_ceil(WORD).max(1);
            levels.push(vec![0; words as usize]);
        }
        Self { levels, count: 0 }
    }

    /// Returns how many numbers are in it.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a number that is not in it.
    pub(super) fn insert(&mut self, number: u64) {
        self.count += 1;
        let mut index = number;
        for level in &mut self.levels {
            let word = &mut level[(index / WORD) as usize];
            let was_empty = *word == 0;
            *word |= 1 << (index % WORD);
            if !was_empty {
                return;
            }
            index /= WORD;
        }
    }

    /// Removes a number, and tells whether it was there. Any number may be asked for.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let word = self.levels[0].get((number / WORD) as usize).copied().unwrap_or(0);
        if word >> (number % WORD) & 1 == 0 {
            return false;
        }
        self.count -= 1;
        let mut index = number;
        for level in &mut self.levels {
            let word = &mut level[(index / WORD) as usize];
            *word &= !(1 << (index % WORD));
            if *word != 0 {
                break;
            }
            index /= WORD;
        }
        true
    }

    /// Removes the lowest number.
    pub(super) fn take_first(&mut self) -> Option<u64> {
        let mut index = 0;
        for level in self.levels.iter().rev() {
            let word = level[index as usize];
            if word == 0 {
                return None;
            }
            index = index * WORD + u64::from(word.trailing_zeros());
        }
        self.remove(index);
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hands_out_the_lowest_number_across_words_and_levels() {
        let mut set = FreeBlocks::new(1_000_000);
        for number in [999_999, 64, 4_096, 63, 262_144] {
            set.insert(number);
        }
        assert!(set.remove(4_096) && !set.remove(4_096) && !set.remove(5_000_000));
        let rest: Vec<u64> = std::iter::from_fn(|| set.take_first()).collect();
        assert_eq!(rest, [63, 64, 262_144, 999_999]);
        assert_eq!(set.count(), 0);
    }

    #[test]
    fn one_number_needs_one_word() {
        let mut set = FreeBlocks::new(1);
        assert_eq!(set.take_first(), None);
        set.insert(0);
        assert_eq!(set.take_first(), Some(0));
    }
}
