//! An index that does not fit into memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The system's heap, without its larger blocks when [`SCARCE`] says so.
struct Heap;

static SCARCE: AtomicBool = AtomicBool::new(false);

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SCARCE.load(Relaxed) && layout.size() > 16 * 1024 {
            return std::ptr::null_mut();
        }
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

#[test]
fn too_many_small_files_are_an_error() {
    let mut archive = String::new();
    for index in 0..10_000 {
        // Mode, links and the length of the name; all else is 0.
        archive += &format!("070701{:08X}{:08X}{:016X}{:08X}", 0, 0o100644, 0, 1);
        archive += &format!("{:048X}{:08X}{:08X}{index:05}\0", 0, 6, 0);
    }
    let archive = archive.leak().as_bytes();
    SCARCE.store(true, Relaxed);
    let root = unilith_cpio::root(archive);
    SCARCE.store(false, Relaxed);
    assert_eq!(root.err().map(|error| error.problem), Some(unilith_cpio::Problem::Memory));
}
