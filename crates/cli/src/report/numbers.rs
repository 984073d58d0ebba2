//! Numbers as people read them.

use std::fmt::Display;

/// Writes a number with its thousands grouped: `12,408`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of bytes in the largest unit of which it is a whole number.
pub(crate) fn bytes(number: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(shift, _)| number > 0 && number.is_multiple_of(1 << shift));
    unit.map_or_else(
        || format!("{number} bytes"),
        |(shift, unit)| format!("{} {unit}", grouped(number >> shift)),
    )
}

/// Writes how many of something there are.
pub(crate) fn counted(number: u64, noun: impl Display) -> String {
    let ending = match number {
        1 => "",
        _ if noun.to_string().ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{ending}", grouped(number))
}

/// Writes a size with one digit behind the point, in a unit that keeps it short.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match units.into_iter().find(|(shift, _)| bytes >= 1 << shift) {
        Some((shift, unit)) => format!("{:.1} {unit}", bytes as f64 / f64::from(1_u32 << shift)),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        for (bytes, text) in [(0, "0 B"), (4096, "4.0 KiB"), (1536 << 10, "1.5 MiB"), (10 << 30, "10.0 GiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }
}
