//! A queue of bytes that takes memory as it is used.

use alloc::vec::Vec;
use core::fmt;

/// The least that is allocated.
const FIRST: usize = 2048;

/// A queue of bytes, up to a limit. Its memory doubles when it is short; it is not given back
/// before the connection ends.
pub struct Ring {
    data: Vec<u8>,
    start: usize,
    len: usize,
    limit: usize,
    /// Whether more memory may be taken.
    may_grow: fn(usize) -> bool,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} of {})", self.len, self.limit)
    }
}

impl Ring {
    /// One that holds up to `limit` bytes, a power of two, and asks `may_grow` before it takes so
    /// many bytes more of memory.
    pub const fn new(limit: usize, may_grow: fn(usize) -> bool) -> Self {
        Self { data: Vec::new(), start: 0, len: 0, limit, may_grow }
    }

    /// Bytes in it.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it may hold.
    #[inline]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that may be added.
    #[inline]
    pub fn free(&self) -> usize {
        self.limit - self.len
    }

    /// Bytes of memory that it has.
    pub fn memory(&self) -> usize {
        self.data.len()
    }

    /// Has memory for `want` bytes in all; false if there is none.
    fn reserve(&mut self, want: usize) -> bool {
        want <= self.data.len() || self.grow(want)
    }

    #[cold]
    fn grow(&mut self, want: usize) -> bool {
        if want > self.limit {
            return false;
        }
        let size = want.next_power_of_two().max(FIRST).min(self.limit);
        let mut data: Vec<u8> = Vec::new();
        if !(self.may_grow)(size) || data.try_reserve_exact(size).is_err() {
            return false;
        }
        // All of the old memory: what lies behind the end may be out of order, but wanted.
        let (end, start) = self.data.split_at(self.start);
        data.extend_from_slice(start);
        data.extend_from_slice(end);
        data.resize(size, 0);
        (self.data, self.start) = (data, 0);
        true
    }

    /// Where the byte at `offset` from the front is.
    #[inline]
    fn place(&self, offset: usize) -> usize {
        let at = self.start + offset;
        if at >= self.data.len() { at - self.data.len() } else { at }
    }

    /// Has `fill` write bytes at the end, into a piece of room at a time, until it leaves some of
    /// a piece empty or there is no more room: how many.
    pub fn write(&mut self, fill: &mut dyn FnMut(&mut [u8]) -> usize) -> usize {
        let before = self.len;
        loop {
            if self.len == self.data.len() && !self.reserve(self.len + 1) {
                break;
            }
            let (end, room) = (self.place(self.len), self.data.len() - self.len);
            let until = (end + room).min(self.data.len());
            let Some(piece) = self.data.get_mut(end..until) else { break };
            let written = fill(piece).min(piece.len());
            let all = written == piece.len();
            self.len += written;
            if !all || written == 0 {
                break;
            }
        }
        self.len - before
    }

    /// Puts bytes at `offset` behind the end, without making them part of the queue; false if
    /// there is no room.
    #[inline]
    pub fn put(&mut self, offset: usize, bytes: &[u8]) -> bool {
        let from = self.len + offset;
        if !self.reserve(from + bytes.len()) {
            return false;
        }
        let at = self.place(from);
        match self.data.get_mut(at..at + bytes.len()) {
            Some(place) => place.copy_from_slice(bytes),
            None => {
                let (first, second) = bytes.split_at(self.data.len() - at);
                if let Some(place) = self.data.get_mut(at..) {
                    place.copy_from_slice(first);
                }
                if let Some(place) = self.data.get_mut(..second.len()) {
                    place.copy_from_slice(second);
                }
            }
        }
        true
    }

    /// Makes bytes that were put behind the end part of the queue.
    #[inline]
    pub fn extend(&mut self, count: usize) {
        self.len = (self.len + count).min(self.data.len());
    }

    /// `len` bytes at `offset` from the front, in two pieces; fewer if there are fewer.
    #[inline]
    pub fn pieces(&self, offset: usize, len: usize) -> [&[u8]; 2] {
        let offset = offset.min(self.len);
        let len = len.min(self.len - offset);
        let at = self.place(offset);
        match self.data.get(at..at + len) {
            Some(piece) => [piece, &[]],
            None => {
                let first = self.data.get(at..).unwrap_or_default();
                [first, self.data.get(..len - first.len()).unwrap_or_default()]
            }
        }
    }

    /// Drops bytes from the front.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        self.len -= count;
        self.start = self.place(count);
    }

    /// Has `take` read bytes from the front, until it leaves some: how many.
    pub fn read(&mut self, take: &mut dyn FnMut(&[u8]) -> usize) -> usize {
        let before = self.len;
        while self.len > 0 {
            let [piece, _] = self.pieces(0, self.len);
            let len = piece.len();
            let taken = take(piece).min(len);
            self.consume(taken);
            if taken < len {
                break;
            }
        }
        before - self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use proptest::prelude::*;

    fn write(ring: &mut Ring, mut bytes: &[u8]) -> usize {
        ring.write(&mut |room| {
            let len = room.len().min(bytes.len());
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            len
        })
    }

    #[test]
    fn memory_is_taken_when_it_is_needed() {
        let mut ring = Ring::new(8192, |_| true);
        assert_eq!((ring.memory(), ring.free()), (0, 8192));
        assert_eq!(write(&mut ring, &[1; 100]), 100);
        assert_eq!(ring.memory(), FIRST);
        assert_eq!(write(&mut ring, &[2; 9000]), 8092);
        assert_eq!((ring.memory(), ring.free()), (8192, 0));
        let mut none = Ring::new(8192, |_| false);
        assert_eq!(write(&mut none, &[1; 10]), 0);
        assert!(!none.put(0, &[1]));
    }

    #[test]
    fn what_lies_behind_the_end_survives_growth() {
        let mut ring = Ring::new(8192, |_| true);
        write(&mut ring, &[0; 2000]);
        ring.consume(2000);
        assert!(ring.put(10, b"later") && ring.put(3000, &[7]) && ring.put(0, b"0123456789"));
        ring.extend(15);
        assert_eq!(ring.pieces(0, 100), [&b"0123456789later"[..], &[]]);
    }

    proptest! {
        /// As a queue of the standard library.
        #[test]
        fn a_queue(steps in prop::collection::vec((0..3u8, 0..5000usize), 1..60)) {
            let mut ring = Ring::new(8192, |_| true);
            let mut model = VecDeque::new();
            let mut next = 0u8;
            for (kind, count) in steps {
                match kind {
                    0 => {
                        let bytes: Vec<u8> = (0..count).map(|i| next.wrapping_add(i as u8)).collect();
                        let written = write(&mut ring, &bytes);
                        prop_assert_eq!(written, count.min(8192 - model.len()));
                        model.extend(&bytes[..written]);
                        next = next.wrapping_add(written as u8);
                    }
                    1 => {
                        let mut got = Vec::new();
                        let mut left = count;
                        ring.read(&mut |piece| {
                            let len = piece.len().min(left);
                            got.extend_from_slice(&piece[..len]);
                            left -= len;
                            len
                        });
                        let want: Vec<u8> = model.drain(..count.min(model.len())).collect();
                        prop_assert_eq!(got, want);
                    }
                    _ => {
                        let pieces = ring.pieces(count, 700).concat();
                        let want: Vec<u8> = model.iter().skip(count).take(700).copied().collect();
                        prop_assert_eq!(pieces, want);
                    }
                }
                prop_assert_eq!(ring.len(), model.len());
            }
        }
    }
}
