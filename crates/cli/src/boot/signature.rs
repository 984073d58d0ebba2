//! The signature of an architecture test: memory as lines of hexadecimal digits, the highest byte of each line first, as
//! Spike and the RISC-V test framework (riscof) write it.

use clap::ValueEnum;
use std::fmt::Write;

/// Bytes on a line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Granularity {
    /// A byte.
    #[value(name = "1")]
    One,
    /// A halfword.
    #[value(name = "2")]
    Two,
    /// A word.
    #[value(name = "4")]
    Four,
    /// A doubleword.
    #[value(name = "8")]
    Eight,
    /// Sixteen bytes.
    #[value(name = "16")]
    Sixteen,
}

/// Returns the lines; bytes that the last one lacks are zeros.
pub(super) fn text(bytes: &[u8], granularity: Granularity) -> String {
    let width = match granularity {
        Granularity::One => 1,
        Granularity::Two => 2,
        Granularity::Four => 4,
        Granularity::Eight => 8,
        Granularity::Sixteen => 16,
    };
    let mut text = String::with_capacity(bytes.len() * 3);
    for line in bytes.chunks(width) {
        let missing = std::iter::repeat_n(&0, width - line.len());
        for byte in missing.chain(line.iter().rev()) {
            // A String takes every byte.
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_little_endian_number() {
        let bytes = [0x78, 0x56, 0x34, 0x12, 0xef];
        assert_eq!(text(&bytes, Granularity::Four), "12345678\n000000ef\n");
        assert_eq!(text(&bytes, Granularity::Two), "5678\n1234\n00ef\n");
        assert_eq!(text(&bytes, Granularity::Sixteen), "0000000000000000000000ef12345678\n");
    }
}
