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

/// Prints bytes as a C string literal of hexadecimal escapes; `...` follows when there are more.
pub(crate) fn hex_quoted(bytes: &[u8], are_more: bool) -> String {
    let text: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{text}\"{}", if are_more { "..." } else { "" })
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

/// Prints a number in hexadecimal, 0 as it is.
pub(in crate::syscall) fn hex(number: u64) -> String {
    if number == 0 { "0".to_owned() } else { format!("{number:#x}") }
}

/// Prints the names of the flags that are set; `zero` stands for no flag at all, and what the names have in common says
/// what bits without a name should have been.
pub(in crate::syscall) fn flags(bits: impl Into<u64>, zero: &str, names: &[(u32, &str)]) -> String {
    flags_or(bits, zero, &format!("{}???", common_prefix(names)), names)
}

/// Prints the names of the flags that are set; `unknown` is the comment on bits of which none has a name.
pub(in crate::syscall) fn flags_or(
    bits: impl Into<u64>,
    zero: &str,
    unknown: &str,
    names: &[(u32, &str)],
) -> String {
    let mut left = bits.into();
    let mut parts = Vec::new();
    for (value, name) in names {
        let value = u64::from(*value);
        if left & value == value {
            parts.push((*name).to_owned());
            left &= !value;
        }
    }
    match (left, parts.as_slice()) {
        (0, []) => zero.to_owned(),
        (0, parts) => parts.join("|"),
        (left, []) => format!("{left:#x} /* {unknown} */"),
        (left, parts) => format!("{}|{left:#x}", parts.join("|")),
    }
}

/// Returns what all names begin with: up to an underscore, where there is one.
fn common_prefix<'a>(names: &[(u32, &'a str)]) -> &'a str {
    let Some((_, first)) = names.first() else { return "" };
    let is_common = |end: usize| names.iter().all(|(_, name)| name.get(..end) == first.get(..end));
    let end = (0..=first.len()).rev().find(|end| is_common(*end)).unwrap_or(0);
    let common = &first[..end];
    common.rfind('_').map_or(common, |underscore| &common[..=underscore])
}

#[cfg(test)]
mod tests {
    use super::{flags, quoted};

    #[test]
    fn strings_are_quoted_as_strace_quotes_them() {
        assert_eq!(quoted(b"a\"b\\\n\t", 32), r#""a\"b\\\n\t""#);
        assert_eq!(quoted(b"\0", 32), r#""\0""#);
        assert_eq!(quoted(b"\x001", 32), r#""\0001""#);
        assert_eq!(quoted(b"\xff", 32), r#""\377""#);
        assert_eq!(quoted(b"abcd", 3), r#""abc"..."#);
    }

    #[test]
    fn bits_without_a_name_are_hexadecimal() {
        let names = [(1, "SYNC_FILE_RANGE_WRITE"), (2, "SYNC_FILE_RANGE_WAIT_AFTER")];
        assert_eq!(flags(0_u32, "0", &names), "0");
        assert_eq!(flags(3_u32, "0", &names), "SYNC_FILE_RANGE_WRITE|SYNC_FILE_RANGE_WAIT_AFTER");
        assert_eq!(flags(9_u32, "0", &names), "SYNC_FILE_RANGE_WRITE|0x8");
        assert_eq!(flags(8_u32, "0", &names), "0x8 /* SYNC_FILE_RANGE_??? */");
        assert_eq!(flags(0x100_u32, "0", &[(1, "POLLIN"), (2, "POLLPRI")]), "0x100 /* POLL??? */");
    }
}
