//! The unit in which bytes are moved and compared: what one register of the machine holds.

/// A register full of bytes; any bytes are one.
pub(crate) trait Block: Copy {
    /// Bytes in a block; a power of two.
    const SIZE: usize = size_of::<Self>();

    /// A block of `byte`s.
    fn splat(byte: u8) -> Self;

    /// Index of the first byte, in memory order, in which the blocks differ.
    fn first_difference(self, other: Self) -> Option<usize>;

    /// See [`length`](crate::length).
    ///
    /// # Safety
    /// `text` is readable up to and including a zero.
    unsafe fn length(text: *const u8) -> usize;
}

/// The block of this machine.
#[cfg(target_arch = "x86_64")]
pub(crate) type Native = core::arch::x86_64::__m128i;
/// The block of this machine.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) type Native = u64;

/// Any machine.
#[cfg(any(test, not(target_arch = "x86_64")))]
impl Block for u64 {
    #[inline(always)]
    fn splat(byte: u8) -> Self {
        Self::from(byte) * 0x0101_0101_0101_0101
    }

    #[inline(always)]
    fn first_difference(self, other: Self) -> Option<usize> {
        let differing = Self::from_le(self ^ other);
        if differing == 0 { None } else { Some(differing.trailing_zeros() as usize / 8) }
    }

    #[inline(always)]
    unsafe fn length(text: *const u8) -> usize {
        let mut len = 0;
        // SAFETY: no zero came before, so the next byte is still of the text.
        while unsafe { *text.add(len) } != 0 {
            len += 1;
        }
        len
    }
}

/// SSE2, which is part of x86_64.
#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::Block;
    use core::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set1_epi8, _mm_setzero_si128,
    };

    /// A bit for each byte in which the blocks are equal.
    #[inline(always)]
    fn equal_bytes(a: __m128i, b: __m128i) -> u32 {
        // SAFETY: the machine has SSE2.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(a, b)) as u32 }
    }

    /// Loads an aligned block, parts of which may belong to nobody. The processor allows that,
    /// the language does not, hence assembly.
    ///
    /// # Safety
    /// `at` is 16-byte aligned and in a readable page.
    #[inline(always)]
    unsafe fn load_aligned(at: *const u8) -> __m128i {
        let block;
        // SAFETY: reads 16 bytes of one page and changes nothing.
        unsafe {
            core::arch::asm!(
                "movdqa {block}, [{at}]",
                block = lateout(xmm_reg) block,
                at = in(reg) at,
                options(nostack, preserves_flags, readonly),
            );
        }
        block
    }

    impl Block for __m128i {
        #[inline(always)]
        fn splat(byte: u8) -> Self {
            // SAFETY: the machine has SSE2.
            unsafe { _mm_set1_epi8(byte as i8) }
        }

        #[inline(always)]
        fn first_difference(self, other: Self) -> Option<usize> {
            let differing = equal_bytes(self, other) ^ 0xffff;
            if differing == 0 { None } else { Some(differing.trailing_zeros() as usize) }
        }

        #[inline(always)]
        unsafe fn length(text: *const u8) -> usize {
            // SAFETY: the machine has SSE2.
            let zero = unsafe { _mm_setzero_si128() };
            let ahead = text as usize & (Self::SIZE - 1);
            let mut at = text.wrapping_sub(ahead);
            // SAFETY: an aligned block that holds a byte of the text lies in a page that does.
            let mut zeros = equal_bytes(unsafe { load_aligned(at) }, zero) >> ahead;
            if zeros != 0 {
                return zeros.trailing_zeros() as usize;
            }
            loop {
                at = at.wrapping_add(Self::SIZE);
                // SAFETY: as above; no zero came before `at`, so its first byte is of the text.
                zeros = equal_bytes(unsafe { load_aligned(at) }, zero);
                if zeros != 0 {
                    return at as usize - text as usize + zeros.trailing_zeros() as usize;
                }
            }
        }
    }
}
