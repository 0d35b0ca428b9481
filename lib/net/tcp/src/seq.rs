//! Sequence numbers: a circle, on which "before" means within half of it (RFC 9293, 3.4).

/// Whether `a` comes before `b`.
#[inline]
pub const fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// Whether `b` does not come before `a`.
#[inline]
pub const fn at_most(a: u32, b: u32) -> bool {
    !before(b, a)
}

/// The later one.
#[inline]
pub const fn later(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

/// The bytes from `a` to `b`, which does not come before it.
#[inline]
pub const fn between(a: u32, b: u32) -> usize {
    b.wrapping_sub(a) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_circle_has_no_end() {
        assert!(before(u32::MAX, 0) && !before(0, u32::MAX));
        assert!(at_most(5, 5) && !before(5, 5));
        assert_eq!(later(u32::MAX - 1, 3), 3);
        assert_eq!(between(u32::MAX, 4), 5);
    }
}
