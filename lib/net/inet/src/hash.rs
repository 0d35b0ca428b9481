//! SipHash under a secret key: nobody outside can choose ports that collide in a table (SipHash-1-3,
//! which says nothing of its result to anybody), or predict an initial sequence number
//! (SipHash-2-4).
//!
//! Jean-Philippe Aumasson, Daniel J. Bernstein, "SipHash: a fast short-input PRF", 2012.

use core::hash::{BuildHasher, Hasher};

/// The key.
#[derive(Clone, Copy, Debug)]
pub struct Secret(pub [u64; 2]);

impl Secret {
    /// A number that depends on all of `words`.
    pub fn hash(&self, words: &[u64]) -> u64 {
        let mut hasher: Sip<2, 4> = self.start();
        words.iter().for_each(|&word| hasher.write_u64(word));
        hasher.finish()
    }

    #[inline]
    fn start<const C: usize, const D: usize>(&self) -> Sip<C, D> {
        let [k0, k1] = self.0;
        Sip {
            v: [
                k0 ^ 0x736f_6d65_7073_6575,
                k1 ^ 0x646f_7261_6e64_6f6d,
                k0 ^ 0x6c79_6765_6e65_7261,
                k1 ^ 0x7465_6462_7974_6573,
            ],
            len: 0,
        }
    }
}

impl BuildHasher for Secret {
    type Hasher = Sip<1, 3>;
    #[inline]
    fn build_hasher(&self) -> Self::Hasher {
        self.start()
    }
}

/// The state of a hash with `C` rounds for a word and `D` at the end: whole words only, which is what the keys of this crate are made of.
pub struct Sip<const C: usize, const D: usize> {
    v: [u64; 4],
    len: u64,
}

impl<const C: usize, const D: usize> Sip<C, D> {
    #[inline]
    fn rounds(&mut self, count: usize) {
        let [mut a, mut b, mut c, mut d] = self.v;
        for _ in 0..count {
            a = a.wrapping_add(b);
            c = c.wrapping_add(d);
            b = b.rotate_left(13) ^ a;
            d = d.rotate_left(16) ^ c;
            a = a.rotate_left(32).wrapping_add(d);
            c = c.wrapping_add(b);
            d = d.rotate_left(21) ^ a;
            b = b.rotate_left(17) ^ c;
            c = c.rotate_left(32);
        }
        self.v = [a, b, c, d];
    }

    #[inline]
    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.rounds(C);
        self.v[0] ^= word;
    }
}

impl<const C: usize, const D: usize> Hasher for Sip<C, D> {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.len += 8;
        self.word(word);
    }

    #[inline]
    fn finish(&self) -> u64 {
        let mut end = Self { v: self.v, len: self.len };
        end.word(self.len << 56);
        end.v[2] ^= 0xff;
        end.rounds(D);
        end.v.iter().fold(0, |sum, part| sum ^ part)
    }
}
