//! A heap that never frees.
//!
//! For a program that runs once and ends, freeing is work whose result nobody uses. Allocation
//! is an addition here, there is no header per allocation, and the machine's end frees all.
//! The one kindness is to the growing vector: the allocation made last is resized in place.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use unilith_mem_api::PAGE_SIZE;
use unilith_sync::Lock;

/// Bytes taken from the page allocator at a time, at least.
const CHUNK: usize = unilith_config::number(option_env!("CONFIG_HEAP_CHUNK"), 64) * 1024;

/// The heap. Say `#[global_allocator] static HEAP: Bump = Bump::new();` in the composition root.
pub struct Bump {
    rest: Lock<Rest>,
}

/// The unused rest of the current chunk: first byte, and first byte past it.
struct Rest {
    next: usize,
    end: usize,
}

impl Bump {
    /// An empty heap: it takes its first chunk when something is allocated.
    pub const fn new() -> Self {
        Self { rest: Lock::new(Rest { next: 0, end: 0 }) }
    }
}

impl Default for Bump {
    fn default() -> Self {
        Self::new()
    }
}

impl Rest {
    /// Takes the bytes for `layout`, from the current chunk or a new one.
    fn take(&mut self, layout: Layout) -> Option<usize> {
        if let Some(start) = self.fit(layout) {
            return Some(start);
        }
        // A chunk is aligned to a page; more alignment than that may cost up to its size.
        let slack = layout.align().saturating_sub(PAGE_SIZE);
        let bytes = layout.size().checked_add(slack)?;
        // When memory is scarce, what is needed has to do.
        self.refill(bytes.max(CHUNK)).or_else(|| self.refill(bytes))?;
        self.fit(layout)
    }

    /// Takes the bytes for `layout` from the current chunk.
    fn fit(&mut self, layout: Layout) -> Option<usize> {
        let start = self.next.checked_next_multiple_of(layout.align())?;
        let next = start.checked_add(layout.size())?;
        if next > self.end || self.end == 0 {
            return None;
        }
        self.next = next;
        Some(start)
    }

    /// Takes a new chunk. If it follows the current one, it is added to its rest.
    fn refill(&mut self, bytes: usize) -> Option<()> {
        let pages = bytes.div_ceil(PAGE_SIZE);
        let chunk = unilith_mem_api::allocate(pages)?.as_ptr().expose_provenance();
        if chunk != self.end {
            self.next = chunk;
        }
        self.end = chunk + pages * PAGE_SIZE;
        Some(())
    }
}

// SAFETY: every allocation is a range of a chunk that no other allocation includes, because
// `next` only moves up within a chunk, but for `realloc`, which moves it within the last one.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.rest.lock().take(layout) {
            Some(start) => ptr::with_exposed_provenance_mut(start),
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        {
            let mut rest = self.rest.lock();
            if old.addr() + layout.size() == rest.next {
                let next = old.addr().checked_add(size);
                if let Some(next) = next.filter(|&next| next <= rest.end) {
                    rest.next = next;
                    return old;
                }
            }
        }
        if size <= layout.size() {
            return old;
        }
        // SAFETY: the caller keeps the promises of `realloc`, so this layout is valid; the new
        // allocation is apart from the old one.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(old, new, layout.size());
            }
            new
        }
    }
}
