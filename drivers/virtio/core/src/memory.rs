//! Memory that devices read and write.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use unilith_mem_api::PAGE_SIZE;

/// Buffers cut from one run of pages start at multiples of this: no cache line is shared.
const ALIGN: usize = 64;

/// A run of pages, given back when nobody needs it any more.
pub(crate) struct Pages {
    start: NonNull<u8>,
    count: usize,
    /// Where devices find it.
    address: u64,
}

// SAFETY: pages belong to no thread.
unsafe impl Send for Pages {}
// SAFETY: sharing a `Pages` shares numbers; its memory is reached through buffers and rings.
unsafe impl Sync for Pages {}

impl Pages {
    /// At least `len` bytes, contiguous for devices too. Their content is undefined.
    pub(crate) fn new(len: usize) -> Option<Self> {
        let count = len.div_ceil(PAGE_SIZE);
        let start = unilith_mem_api::allocate(count)?;
        let address = unilith_bus::dma_address(start.as_ptr());
        let pages = Self { start, count, address };
        let last = count * PAGE_SIZE - 1;
        let end = unilith_bus::dma_address(start.as_ptr().wrapping_add(last));
        (end.wrapping_sub(address) == last as u64).then_some(pages)
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn address(&self) -> u64 {
        self.address
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: they were allocated with this count; buffers and rings in them hold an `Arc` of
        // this, and a queue gives up its own only when the device has been reset.
        unsafe { unilith_mem_api::free(self.start, self.count) };
    }
}

/// Bytes that a device may be told to read or write. Whoever has the buffer may use its bytes;
/// while the device may, the [`Queue`](crate::Queue) has it.
///
/// A device that breaks the rules can write even so: no parser may rely on a byte staying what
/// it was, but for its memory safety nothing here depends on that.
pub struct DmaBuffer {
    start: NonNull<u8>,
    len: usize,
    address: u64,
    _pages: Arc<Pages>,
}

// SAFETY: a buffer owns its bytes: no other buffer contains them.
unsafe impl Send for DmaBuffer {}
// SAFETY: a shared buffer can only be read.
unsafe impl Sync for DmaBuffer {}

impl DmaBuffer {
    /// A buffer of `len` bytes of undefined content. `None` without memory, or for length 0.
    pub fn new(len: usize) -> Option<Self> {
        Self::several(1, len)?.pop()
    }

    /// `count` buffers of `len` bytes, next to each other so that few bytes are lost.
    pub fn several(count: usize, len: usize) -> Option<Vec<Self>> {
        let stride = len.checked_next_multiple_of(ALIGN)?;
        let total = stride.checked_mul(count).filter(|&total| total > 0)?;
        let pages = Arc::new(Pages::new(total)?);
        let buffer = |index: usize| {
            // SAFETY: the run of pages has at least `count * stride` bytes.
            let start = unsafe { pages.start().add(index * stride) };
            let address = pages.address() + (index * stride) as u64;
            Self { start, len, address, _pages: pages.clone() }
        };
        Some((0..count).map(buffer).collect())
    }

    /// Where devices find its first byte.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }
}

impl Deref for DmaBuffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the buffer owns these bytes of its pages. They are memory of the machine, which
        // has some value in every byte; no device is told to write there while we have the buffer.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for DmaBuffer {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and borrowed exclusively.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}
