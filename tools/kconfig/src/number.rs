//! Numbers as the language reads them: as C's `strtoll` does, so that odd texts compare as they
//! do under Linux.

/// What a text is when it is read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// No number, or not only one.
    Text,
    /// Signed.
    Signed(i64),
    /// Unsigned: values of hex symbols.
    Unsigned(u64),
}

/// The leading number of a text.
struct Leading {
    negative: bool,
    /// Absolute value; saturated where it does not fit.
    value: u64,
    overflow: bool,
    /// Bytes read; 0 if there is no number.
    length: usize,
}

fn leading(text: &str, base: u32) -> Leading {
    let bytes = text.as_bytes();
    let digit = |at: usize, base: u32| {
        bytes.get(at).and_then(|b| char::from(*b).to_digit(base)).map(u64::from)
    };
    let mut at = 0;
    while matches!(bytes.get(at), Some(b' ' | b'\t'..=b'\r')) {
        at += 1;
    }
    let negative = bytes.get(at) == Some(&b'-');
    if matches!(bytes.get(at), Some(b'-' | b'+')) {
        at += 1;
    }
    let prefixed = bytes.get(at) == Some(&b'0')
        && matches!(bytes.get(at + 1), Some(b'x' | b'X'))
        && digit(at + 2, 16).is_some();
    let base = match base {
        0 if prefixed => 16,
        0 if bytes.get(at) == Some(&b'0') => 8,
        0 => 10,
        other => other,
    };
    if base == 16 && prefixed {
        at += 2;
    }
    let (start, mut value, mut overflow) = (at, 0_u64, false);
    while let Some(digit) = digit(at, base) {
        match value.checked_mul(u64::from(base)).and_then(|v| v.checked_add(digit)) {
            Some(next) => value = next,
            None => (value, overflow) = (u64::MAX, true),
        }
        at += 1;
    }
    Leading { negative, value, overflow, length: if at > start { at } else { 0 } }
}

/// The number at the start of a text, 0 if there is none; what does not fit becomes the limit.
pub fn strtoll(text: &str, base: u32) -> i64 {
    signed(&leading(text, base)).unwrap_or_else(|limit| limit)
}

fn signed(number: &Leading) -> Result<i64, i64> {
    let value = i128::from(number.value);
    let value = if number.negative { -value } else { value };
    match i64::try_from(value) {
        Ok(value) if !number.overflow => Ok(value),
        _ => Err(if number.negative { i64::MIN } else { i64::MAX }),
    }
}

/// A whole text as a signed number of this base (0: by its prefix).
pub fn parse_signed(text: &str, base: u32) -> Number {
    let number = leading(text, base);
    match signed(&number) {
        Ok(value) if number.length > 0 && number.length == text.len() => Number::Signed(value),
        _ => Number::Text,
    }
}

/// A whole text as an unsigned hexadecimal number.
pub fn parse_hex(text: &str) -> Number {
    let number = leading(text, 16);
    if number.overflow || number.length == 0 || number.length != text.len() {
        return Number::Text;
    }
    let value = if number.negative { number.value.wrapping_neg() } else { number.value };
    Number::Unsigned(value)
}

/// Whether a text is a decimal number as a configuration writes it: no sign but `-`, no leading 0.
pub fn is_int(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
}

/// Whether a text is a hexadecimal number, with or without 0x.
pub fn is_hex(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_does() {
        assert_eq!(strtoll("12ab", 10), 12);
        assert_eq!(strtoll("0x1f", 16), 31);
        assert_eq!(strtoll("0xg", 16), 0);
        assert_eq!(strtoll(" -7", 10), -7);
        assert_eq!(strtoll("99999999999999999999", 10), i64::MAX);
        assert_eq!(strtoll("-99999999999999999999", 10), i64::MIN);
        assert_eq!(parse_signed("010", 0), Number::Signed(8));
        assert_eq!(parse_signed("08", 0), Number::Text);
        assert_eq!(parse_signed("0x10", 0), Number::Signed(16));
        assert_eq!(parse_signed("", 10), Number::Text);
        assert_eq!(parse_hex("0xffffffffffffffff"), Number::Unsigned(u64::MAX));
        assert_eq!(parse_hex("0x1ffffffffffffffff"), Number::Text);
        assert!(is_int("-5") && is_int("0") && !is_int("05") && !is_int("+5") && !is_int(""));
        assert!(is_hex("0xAf") && is_hex("af") && !is_hex("0x") && !is_hex("g"));
    }
}
