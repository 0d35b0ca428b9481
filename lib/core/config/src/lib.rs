//! Typed constants from the image's configuration.
//!
//! A number or a string of the configuration reaches a crate as an environment variable of the
//! compiler, so it is text until somebody parses it. These functions do that while the crate
//! compiles: a value that makes no sense is a compile error at the constant's definition, and
//! nothing is parsed at run time.
//!
//! ```
//! /// Bytes asked for at a time.
//! const CHUNK: usize = unilith_config::number(option_env!("CONFIG_HEAP_CHUNK"), 64) * 1024;
//! ```
//!
//! The second argument is what a build without a configuration sees: host tests. Write the
//! default of the Kconfig entry there.
#![no_std]
#![forbid(unsafe_code)]

/// The number that `value` spells, in decimal or, after `0x`, in hexadecimal; `default` if there
/// is no value.
///
/// # Panics
/// If `value` spells no number or one past `usize::MAX`. In a constant, that is a compile error.
pub const fn number(value: Option<&str>, default: usize) -> usize {
    let Some(value) = value else { return default };
    let digits = value.as_bytes();
    let (radix, first) = match digits {
        [b'0', b'x' | b'X', ..] => (16, 2),
        _ => (10, 0),
    };
    assert!(digits.len() > first, "a configuration value has no digits");
    let mut number: usize = 0;
    let mut index = first;
    while index < digits.len() {
        let Some(digit) = (digits[index] as char).to_digit(radix) else {
            panic!("a configuration value is not a number");
        };
        number = match number.checked_mul(radix as usize) {
            Some(shifted) => match shifted.checked_add(digit as usize) {
                Some(sum) => sum,
                None => panic!("a configuration value is too large"),
            },
            None => panic!("a configuration value is too large"),
        };
        index += 1;
    }
    number
}

/// The text of `value`; `default` if there is no value.
pub const fn text(value: Option<&'static str>, default: &'static str) -> &'static str {
    match value {
        Some(value) => value,
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions work where they are meant to be used.
    const IN_A_CONSTANT: usize = number(Some("0x40"), 0) * 1024;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(IN_A_CONSTANT, 65536);
        assert_eq!(number(Some("0"), 7), 0);
        assert_eq!(number(Some("4096"), 7), 4096);
        assert_eq!(number(Some("0010"), 7), 10);
        assert_eq!(number(Some("0xFfe0"), 7), 0xffe0);
        assert_eq!(number(Some("0X10"), 7), 16);
        assert_eq!(number(Some("18446744073709551615"), 7) as u64, u64::MAX);
    }

    #[test]
    fn without_a_value_the_default_holds() {
        assert_eq!(number(None, 7), 7);
        assert_eq!(text(None, "eth0"), "eth0");
        assert_eq!(text(Some(""), "eth0"), "");
        assert_eq!(text(Some("lo"), "eth0"), "lo");
    }

    #[test]
    #[should_panic(expected = "no digits")]
    fn nothing_is_no_number() {
        number(Some(""), 7);
    }

    #[test]
    #[should_panic(expected = "no digits")]
    fn a_prefix_is_no_number() {
        number(Some("0x"), 7);
    }

    #[test]
    #[should_panic(expected = "not a number")]
    fn a_sign_is_no_digit() {
        number(Some("-1"), 7);
    }

    #[test]
    #[should_panic(expected = "not a number")]
    fn decimal_has_no_letters() {
        number(Some("1f"), 7);
    }

    #[test]
    #[should_panic(expected = "too large")]
    fn one_past_the_largest_is_refused() {
        number(Some("18446744073709551616"), 7);
    }
}
