//! The heap over pages of the host.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::NonNull;
use unilith_mem_api::{PAGE_SIZE, PageAllocator};
use unilith_tlsf::Tlsf;

const CHUNK: usize = 64 * 1024;

thread_local! {
    /// The rest of a large block, of which pages are taken in order; the pages that may be taken.
    static PAGES: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// Hands out pages that follow each other.
struct Fake;

impl PageAllocator for Fake {
    fn allocate(count: usize) -> Option<NonNull<u8>> {
        let (next, left) = PAGES.get();
        let left = left.checked_sub(count)?;
        PAGES.set((next + count * PAGE_SIZE, left));
        NonNull::new(std::ptr::with_exposed_provenance_mut(next))
    }

    unsafe fn free(_: NonNull<u8>, _: usize) {
        panic!("this heap keeps its chunks");
    }

    fn free_pages() -> usize {
        PAGES.get().1
    }
}

unilith_mem_api::bind!(Fake);

/// A heap that can take up to `pages` pages.
fn heap(pages: usize) -> Tlsf {
    let layout = Layout::from_size_align(pages * PAGE_SIZE, 1 << 16).unwrap();
    // SAFETY: the layout has a size. The block is never freed.
    let block = unsafe { System.alloc(layout) };
    PAGES.set((block.expose_provenance(), pages));
    Tlsf::new()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn chunks_are_taken_when_needed_and_used_again() {
    let heap = heap(32);
    assert_eq!(Fake::free_pages(), 32);
    for _ in 0..1000 {
        // SAFETY: the layout has a size and is the same for both.
        unsafe {
            let memory = heap.alloc(layout(40_000, 64));
            memory.write_bytes(1, 40_000);
            heap.dealloc(memory, layout(40_000, 64));
        }
    }
    assert_eq!(Fake::free_pages(), 32 - CHUNK / PAGE_SIZE);
}

#[test]
fn large_requests_get_what_they_need() {
    let heap = heap(100);
    // SAFETY: the layouts have a size.
    unsafe {
        let large = heap.alloc(layout(80 * PAGE_SIZE, 4096));
        assert_eq!(large.addr() % 4096, 0);
        large.write_bytes(1, 80 * PAGE_SIZE);
        assert!(heap.alloc(layout(80 * PAGE_SIZE, 1)).is_null());
        assert!(heap.alloc(layout(isize::MAX as usize, 1)).is_null());
        assert!(!heap.alloc(layout(40, 8)).is_null());
    }
}

#[test]
fn the_last_pages_are_used_too() {
    let heap = heap(3);
    // SAFETY: the layouts have a size.
    unsafe {
        assert!(!heap.alloc(layout(2 * PAGE_SIZE - 64, 8)).is_null());
        assert!(!heap.alloc(layout(PAGE_SIZE - 64, 8)).is_null());
        assert_eq!(Fake::free_pages(), 0);
        assert!(heap.alloc(layout(PAGE_SIZE, 8)).is_null());
    }
}

#[test]
fn contents_move_with_an_allocation_that_grows() {
    let heap = heap(64);
    // SAFETY: the layouts have a size and are those that the allocations were made with.
    unsafe {
        let one = heap.alloc(layout(100, 32));
        one.write_bytes(7, 100);
        let two = heap.alloc(layout(100, 8));
        let moved = heap.realloc(one, layout(100, 32), 5000);
        assert_ne!(moved, one);
        assert_eq!(moved.addr() % 32, 0);
        assert_eq!(std::slice::from_raw_parts(moved, 100), [7; 100]);
        assert_eq!(heap.realloc(moved, layout(5000, 32), 6000), moved);
        // The old place is free again.
        assert_eq!(heap.alloc(layout(100, 32)), one);
        assert!(heap.realloc(two, layout(100, 8), 1 << 30).is_null());
        two.write_bytes(9, 100);
    }
}

#[test]
#[cfg(feature = "stats")]
fn the_heap_tells_its_use() {
    let heap = heap(32);
    // SAFETY: the layout has a size and is the same for both.
    unsafe {
        let memory = heap.alloc(layout(40, 8));
        assert_eq!(heap.stats().used, 48);
        heap.dealloc(memory, layout(40, 8));
    }
    assert_eq!((heap.stats().used, heap.stats().peak), (0, 48));
}
