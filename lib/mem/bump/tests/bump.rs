//! The heap over pages of the host.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::NonNull;
use unilith_bump::Bump;
use unilith_mem_api::{PAGE_SIZE, PageAllocator};

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
        panic!("this heap never frees");
    }

    fn free_pages() -> usize {
        PAGES.get().1
    }
}

unilith_mem_api::bind!(Fake);

/// A heap that can take up to `pages` pages.
fn heap(pages: usize) -> Bump {
    let layout = Layout::from_size_align(pages * PAGE_SIZE, 1 << 20).unwrap();
    // SAFETY: the layout has a size. The block is never freed.
    let block = unsafe { System.alloc(layout) };
    PAGES.set((block.expose_provenance(), pages));
    Bump::new()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// Breaks off the row of pages: the next chunk does not follow the last one.
fn skip_a_page() {
    Fake::allocate(1).unwrap();
}

#[test]
fn nothing_is_taken_before_it_is_needed() {
    let heap = heap(32);
    assert_eq!(Fake::free_pages(), 32);
    // SAFETY: the layout has a size.
    assert!(!unsafe { heap.alloc(layout(1, 1)) }.is_null());
    assert_eq!(Fake::free_pages(), 32 - CHUNK / PAGE_SIZE);
}

#[test]
fn allocations_are_aligned_and_apart() {
    let heap = heap(2048);
    let mut last = 0;
    for size in 1..400 {
        for align in [1, 2, 8, 16, 64, 4096, 16384] {
            // SAFETY: the layout has a size, and what is written lies in the allocation.
            let address = unsafe {
                let new = heap.alloc(layout(size, align));
                assert!(!new.is_null());
                new.write_bytes(0xff, size);
                new.addr()
            };
            assert_eq!(address % align, 0);
            assert!(address >= last);
            last = address + size;
        }
        if size % 50 == 0 {
            skip_a_page();
        }
    }
}

#[test]
fn large_requests_get_a_chunk_of_their_own() {
    let heap = heap(100);
    // SAFETY: the layouts have a size, and what is written lies in the allocation.
    unsafe {
        let small = heap.alloc(layout(10, 1));
        skip_a_page();
        let large = heap.alloc(layout(3 * CHUNK, 16));
        large.write_bytes(1, 3 * CHUNK);
        assert!(large > small.add(CHUNK));
        assert!(heap.alloc(layout(100 * PAGE_SIZE, 1)).is_null());
        assert!(heap.alloc(layout(isize::MAX as usize, 1)).is_null());
        assert!(!heap.alloc(layout(10, 1)).is_null());
    }
}

#[test]
fn the_last_pages_are_used_too() {
    let heap = heap(3);
    // SAFETY: the layout has a size.
    unsafe {
        assert!(!heap.alloc(layout(2 * PAGE_SIZE, 1)).is_null());
        assert!(!heap.alloc(layout(PAGE_SIZE, 1)).is_null());
        assert!(heap.alloc(layout(1, 1)).is_null());
    }
}

#[test]
fn chunks_that_follow_each_other_are_one() {
    let heap = heap(32);
    // SAFETY: the layouts have a size.
    let (first, second) =
        unsafe { (heap.alloc(layout(CHUNK - 8, 8)), heap.alloc(layout(CHUNK - 8, 8))) };
    assert_eq!(second.addr() - first.addr(), CHUNK - 8);
}

#[test]
fn the_last_allocation_is_resized_in_place() {
    let heap = heap(64);
    // SAFETY: the layouts have a size and are those that the allocations were made with.
    unsafe {
        let first = heap.alloc(layout(16, 16));
        let last = heap.alloc(layout(16, 16));
        assert_eq!(heap.realloc(last, layout(16, 16), 1000), last);
        assert_eq!(heap.realloc(last, layout(1000, 16), 32), last);
        assert_eq!(heap.alloc(layout(16, 16)), last.add(32));
        // One that is not the last shrinks in place, and is copied when it grows.
        first.write_bytes(7, 16);
        assert_eq!(heap.realloc(first, layout(16, 16), 8), first);
        let moved = heap.realloc(first, layout(8, 16), 100);
        assert_ne!(moved, first);
        assert_eq!(std::slice::from_raw_parts(moved, 8), [7; 8]);
        // Past the end of the chunk it has to move, too.
        skip_a_page();
        moved.write_bytes(9, 100);
        let far = heap.realloc(moved, layout(100, 16), CHUNK);
        assert_ne!(far, moved);
        assert_eq!(std::slice::from_raw_parts(far, 100), [9; 100]);
        assert!(heap.realloc(far, layout(CHUNK, 16), 1 << 30).is_null());
    }
}
