//! Bytes between a writer and a reader.

use crate::{Sink, Source};
use alloc::vec::Vec;
use unilith_posix_abi::{Errno, Result};

/// The first allocation: most pipes never carry more at a time.
const FIRST: usize = 4096;

/// A queue of bytes with a limit. Memory is taken when bytes come, and as much as they need.
pub struct Ring {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
    capacity: usize,
}

impl Ring {
    /// An empty queue of at most `capacity` bytes.
    pub const fn new(capacity: usize) -> Self {
        Self { bytes: Vec::new(), start: 0, len: 0, capacity }
    }

    /// Bytes in it.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that it can have.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes that still fit.
    pub const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.len)
    }

    /// Changes how many bytes it can have. EBUSY if there are more in it.
    pub fn set_capacity(&mut self, capacity: usize) -> Result<()> {
        if capacity < self.len {
            return Err(Errno::EBUSY);
        }
        if capacity < self.bytes.len() {
            self.resize(capacity)?;
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Moves the bytes into a buffer of `size` bytes, which is not less than they are.
    fn resize(&mut self, size: usize) -> Result<()> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size).map_err(|_| Errno::ENOMEM)?;
        let (first, second) = self.pieces();
        bytes.extend(first);
        bytes.extend(second);
        bytes.resize(size, 0);
        (self.bytes, self.start) = (bytes, 0);
        Ok(())
    }

    /// What is in it: up to the end of the buffer, and from its beginning on.
    fn pieces(&self) -> (&[u8], &[u8]) {
        let (wrapped, from_start) = self.bytes.split_at(self.start.min(self.bytes.len()));
        let first = from_start.get(..self.len.min(from_start.len())).unwrap_or_default();
        let second = wrapped.get(..self.len - first.len()).unwrap_or_default();
        (first, second)
    }

    /// Takes bytes from `from`, as many as there is room for; how many. ENOMEM if there is no
    /// memory for them.
    pub fn write(&mut self, from: &mut dyn Source) -> Result<usize> {
        let count = from.left().min(self.room());
        let needed = self.len + count;
        if needed > self.bytes.len() {
            self.resize(needed.next_power_of_two().max(FIRST).min(self.capacity))?;
        }
        let mut done = 0;
        while done < count {
            let size = self.bytes.len();
            let at = (self.start + self.len) % size;
            let end = size.min(at + count - done);
            let into = self.bytes.get_mut(at..end).unwrap_or_default();
            let (got, asked) = (from.get(into), into.len());
            self.len += got;
            done += got;
            if got < asked {
                break;
            }
        }
        Ok(done)
    }

    /// Gives `to` up to `most` bytes, which stay if `peek` says so; how many.
    pub fn read(&mut self, peek: bool, most: usize, to: &mut dyn Sink) -> usize {
        let mut count = 0;
        let (first, second) = self.pieces();
        for piece in [first, second] {
            let piece = piece.get(..piece.len().min(most - count)).unwrap_or_default();
            let put = to.put(piece);
            count += put;
            if put < piece.len() {
                break;
            }
        }
        if !peek && count > 0 {
            self.len -= count;
            self.start = if self.len == 0 { 0 } else { (self.start + count) % self.bytes.len() };
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Room;
    use alloc::vec;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let mut ring = Ring::new(10_000);
        let (mut next_in, mut next_out) = (0u8, 0u8);
        for round in 0..2000usize {
            let data: Vec<u8> =
                (0..round * 37 % 1500).map(|i| next_in.wrapping_add(i as u8)).collect();
            let written = ring.write(&mut data.as_slice()).expect("memory");
            assert!(written == data.len() || ring.room() == 0);
            next_in = next_in.wrapping_add(written as u8);
            let mut into = vec![0; round * 53 % 1700];
            let most = if round % 3 == 0 { into.len() / 2 } else { usize::MAX };
            let peeked = ring.read(true, most, &mut Room(&mut into));
            let count = ring.read(false, most, &mut Room(&mut into));
            assert_eq!(peeked, count);
            for byte in &into[..count] {
                assert_eq!(*byte, next_out);
                next_out = next_out.wrapping_add(1);
            }
        }
        assert!(ring.set_capacity(ring.len().saturating_sub(1)).is_err() || ring.is_empty());
        let kept = ring.len();
        ring.set_capacity(kept.max(1)).expect("enough");
        assert_eq!((ring.len(), ring.room()), (kept, kept.max(1) - kept));
    }

    #[test]
    fn memory_is_taken_when_it_is_needed() {
        let mut ring = Ring::new(1 << 16);
        assert_eq!(ring.bytes.capacity(), 0);
        ring.write(&mut [1u8; 10].as_slice()).expect("memory");
        assert_eq!(ring.bytes.len(), FIRST);
    }
}
