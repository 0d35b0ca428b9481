//! Say here what this library is for, and what it does not do.
#![no_std]
#![forbid(unsafe_code)]

/// The sum of `bytes` modulo 2^16.
///
/// ```
/// assert_eq!(@CRATE@::sum(&[1, 2, 3]), 6);
/// ```
pub fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| sum.wrapping_add(u16::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn it_wraps() {
        assert_eq!(sum(&[]), 0);
        assert_eq!(sum(&[255; 258]), 254);
    }
}
