//! Offsets of directory entries, small enough for the libraries above.
//!
//! The server's offsets are those of the host's file system, which may be hashes of 63 bits (ext4).
//! Libraries above add to cookies, so large ones are given numbers.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Offsets from here on are given numbers.
const LARGE: u64 = 1 << 60;

/// Large offsets of one directory, by number.
#[derive(Default)]
pub struct Cookies {
    offsets: Vec<u64>,
    numbers: BTreeMap<u64, u64>,
}

impl Cookies {
    /// The cookie for an offset; `None` without memory for it.
    pub fn of(&mut self, offset: u64) -> Option<u64> {
        if offset < LARGE {
            return Some(offset);
        }
        if let Some(number) = self.numbers.get(&offset) {
            return Some(LARGE + number);
        }
        self.offsets.try_reserve(1).ok()?;
        let number = self.offsets.len() as u64;
        self.offsets.push(offset);
        self.numbers.insert(offset, number);
        Some(LARGE + number)
    }

    /// The offset that a cookie stands for, if it is one.
    pub fn offset(&self, cookie: u64) -> Option<u64> {
        match cookie.checked_sub(LARGE) {
            None => Some(cookie),
            Some(number) => self.offsets.get(usize::try_from(number).ok()?).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_offsets_get_numbers() {
        let mut cookies = Cookies::default();
        let offsets = [0, 5, LARGE - 1, LARGE, u64::MAX, LARGE, 7];
        let all = offsets.map(|offset| cookies.of(offset).expect("memory"));
        assert!(all.iter().all(|&cookie| cookie < 1 << 61));
        assert_eq!(all.map(|cookie| cookies.offset(cookie)), offsets.map(Some));
        assert_eq!(cookies.offset(LARGE + 2), None);
    }
}
