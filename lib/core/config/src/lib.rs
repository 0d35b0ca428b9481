//! Numbers and strings of the configuration as typed constants.
//!
//! The build sets `CONFIG_<SYMBOL>` for the compiler; `option_env!` in the crate that reads it
//! makes cargo rebuild that crate, and no other, when the value changes. Everything here is
//! evaluated by the compiler.
#![no_std]
#![forbid(unsafe_code)]

/// A number: decimal, or hexadecimal after `0x`. `default` is what host tests see.
///
/// # Panics
/// At compile time, if `value` is not a number.
pub const fn number(value: Option<&str>, default: usize) -> usize {
    let Some(text) = value else { return default };
    let bytes = text.as_bytes();
    let hex = bytes.len() > 2 && bytes[0] == b'0' && (bytes[1] | 0x20) == b'x';
    let (base, mut i) = if hex { (16, 2) } else { (10, 0) };
    assert!(!bytes.is_empty(), "a number of the configuration is empty");
    let mut number = 0usize;
    while i < bytes.len() {
        let digit = match bytes[i] {
            b @ b'0'..=b'9' => b - b'0',
            b @ b'a'..=b'f' if hex => b - b'a' + 10,
            b @ b'A'..=b'F' if hex => b - b'A' + 10,
            _ => panic!("a number of the configuration has a character that is no digit"),
        };
        number = number * base + digit as usize;
        i += 1;
    }
    number
}

/// A string. `default` is what host tests see.
pub const fn text(value: Option<&'static str>, default: &'static str) -> &'static str {
    match value {
        Some(text) => text,
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_bases_and_a_default() {
        assert_eq!(number(None, 7), 7);
        assert_eq!(number(Some("0"), 7), 0);
        assert_eq!(number(Some("1024"), 7), 1024);
        assert_eq!(number(Some("0x1F"), 7), 31);
    }

    #[test]
    #[should_panic(expected = "no digit")]
    fn letters_are_no_number() {
        number(Some("12k"), 0);
    }

    #[test]
    fn text_has_a_default() {
        assert_eq!((text(None, "a"), text(Some("b"), "a")), ("a", "b"));
    }
}
