//! Pieces of text as strace spells them: strings, numbers, flags, modes.

use crate::task::Signal;

/// Prints bytes as a C string literal; `...` follows when there are more than `max`.
pub(crate) fn quoted(bytes: &[u8], max: usize) -> String {
    let mut text = String::from("\"");
    for (index, byte) in bytes.iter().take(max).enumerate() {
        match byte {
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b'\r' => text.push_str("\\r"),
            0x0b => text.push_str("\\v"),
            0x0c => text.push_str("\\f"),
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            0x20..=0x7e => text.push(char::from(*byte)),
            // Three digits where a digit follows, so that it is not read as part of the escape.
            _ if bytes.get(index + 1).is_some_and(u8::is_ascii_digit) => {
                text.push_str(&format!("\\{byte:03o}"))
            }
            _ => text.push_str(&format!("\\{byte:o}")),
        }
    }
    text.push('"');
    if bytes.len() > max {
        text.push_str("...");
    }
    text
}

/// Prints a pointer: `NULL` or hexadecimal.
pub(in crate::syscall) fn pointer(raw: u64) -> String {
    if raw == 0 { "NULL".to_owned() } else { format!("{raw:#x}") }
}

/// Prints a number in octal with a leading 0, of three digits at least.
pub(in crate::syscall) fn octal(number: u32) -> String {
    match number {
        0 => "000".to_owned(),
        _ => format!("{:0>3}", format!("0{number:o}")),
    }
}

/// Prints a signal number by name.
pub(in crate::syscall) fn signal(number: u32) -> String {
    Signal::new(number.into()).map_or_else(|| number.to_string(), |signal| signal.name().to_owned())
}

/// Prints the names of the flags that are set; `zero` is the name of no flag at all.
pub(in crate::syscall) fn flags(bits: u32, zero: &str, names: &[(u32, &str)]) -> String {
    let mut left = bits;
    let mut parts = Vec::new();
    for (value, name) in names {
        if left & value == *value {
            parts.push((*name).to_owned());
            left &= !value;
        }
    }
    match (left, parts.as_slice()) {
        (0, []) => zero.to_owned(),
        (0, parts) => parts.join("|"),
        (unknown, []) => format!("{unknown:#x} /* {}??? */", prefix(names)),
        (unknown, parts) => format!("{}|{unknown:#x}", parts.join("|")),
    }
}

/// Returns what the names of a list begin with, up to the underscore.
fn prefix<'a>(names: &[(u32, &'a str)]) -> &'a str {
    let first = names.first().map_or("", |(_, name)| name);
    first.split_inclusive('_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn strings_are_quoted_as_strace_quotes_them() {
        assert_eq!(quoted(b"a\"b\\\n\t", 32), r#""a\"b\\\n\t""#);
        assert_eq!(quoted(b"\0", 32), r#""\0""#);
        assert_eq!(quoted(b"\x001", 32), r#""\0001""#);
        assert_eq!(quoted(b"\xff", 32), r#""\377""#);
        assert_eq!(quoted(b"abcd", 3), r#""abc"..."#);
    }
}
