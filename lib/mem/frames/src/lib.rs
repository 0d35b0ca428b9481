//! A page allocator that costs nothing until it is used.
//!
//! A boot that has to look at all memory before it starts takes longer the more memory there is.
//! So nothing is scanned, zeroed or marked here: untouched memory is handed out by a bump pointer
//! that walks the regions of the platform, and what is freed is remembered inside the freed pages
//! themselves.
//!
//! [`Frames`] is the allocator of an image; [`Pool`] is the policy, over any memory.
#![no_std]

mod pool;
mod runs;

use core::ptr::NonNull;
use unilith_mem_api::PageAllocator;
use unilith_platform::Region;
use unilith_sync::Lock;

pub use pool::Pool;

/// The page allocator over the memory that the platform found.
pub struct Frames;

type Memory = fn(usize) -> Option<Region>;

// SAFETY: the platform promises that nobody uses the regions it names, and this static is the
// only one to ask it for them.
static POOL: Lock<Pool<Memory>> = Lock::new(unsafe { Pool::new(unilith_platform::memory) });

impl PageAllocator for Frames {
    fn allocate(count: usize) -> Option<NonNull<u8>> {
        POOL.lock().allocate(count)
    }

    unsafe fn free(pages: NonNull<u8>, count: usize) {
        // SAFETY: the caller keeps the same promise.
        unsafe { POOL.lock().free(pages, count) }
    }

    fn free_pages() -> usize {
        POOL.lock().free_pages()
    }
}
