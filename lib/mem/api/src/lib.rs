//! Page allocators: who hands out the memory that the platform found.
//!
//! Heaps, address spaces and drivers take pages from here; the policy behind it is the user's
//! choice. Bound at link time like the platform (`docs/decisions/001-link-time-binding.md`).
#![no_std]

use core::ptr::NonNull;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

/// A page allocator.
pub trait PageAllocator {
    /// Takes `count` contiguous pages, readable and writable by the kernel, content undefined.
    /// `None` when there is no such run or `count` is 0.
    fn allocate(count: usize) -> Option<NonNull<u8>>;

    /// Gives pages back.
    ///
    /// # Safety
    /// `pages` came from [`allocate`](Self::allocate) with this very `count` and is not used again.
    unsafe fn free(pages: NonNull<u8>, count: usize);

    /// Pages that are free now.
    fn free_pages() -> usize;
}

/// Binds the page allocator of this image. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($allocator:ty) => {
        const _: () = {
            use $crate::PageAllocator as _;
            #[unsafe(no_mangle)]
            fn __unilith_pages_allocate(count: usize) -> Option<core::ptr::NonNull<u8>> {
                <$allocator>::allocate(count)
            }
            #[unsafe(no_mangle)]
            unsafe fn __unilith_pages_free(pages: core::ptr::NonNull<u8>, count: usize) {
                // SAFETY: the caller keeps the contract of `PageAllocator::free`.
                unsafe { <$allocator>::free(pages, count) }
            }
            #[unsafe(no_mangle)]
            fn __unilith_pages_free_count() -> usize {
                <$allocator>::free_pages()
            }
        };
    };
}

// SAFETY: the only definitions of these symbols are made by `bind!`, with these signatures.
unsafe extern "Rust" {
    safe fn __unilith_pages_allocate(count: usize) -> Option<NonNull<u8>>;
    unsafe fn __unilith_pages_free(pages: NonNull<u8>, count: usize);
    safe fn __unilith_pages_free_count() -> usize;
}

/// See [`PageAllocator::allocate`].
#[inline]
pub fn allocate(count: usize) -> Option<NonNull<u8>> {
    __unilith_pages_allocate(count)
}

/// See [`PageAllocator::free`].
///
/// # Safety
/// As [`PageAllocator::free`].
#[inline]
pub unsafe fn free(pages: NonNull<u8>, count: usize) {
    // SAFETY: passed on.
    unsafe { __unilith_pages_free(pages, count) }
}

/// See [`PageAllocator::free_pages`].
#[inline]
pub fn free_pages() -> usize {
    __unilith_pages_free_count()
}
