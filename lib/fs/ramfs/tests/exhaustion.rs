//! Memory that runs out: an error value, and nothing is half done.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_fs_api::FsError;

/// The system's heap, without its larger blocks when [`SCARCE`] says so.
struct Heap;

static SCARCE: AtomicBool = AtomicBool::new(false);

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SCARCE.load(Relaxed) && layout.size() > 1024 {
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

unilith_platform::bind!(unilith_fakes::Platform);

#[test]
fn names_need_memory_that_may_not_be_there() {
    let root = unilith_ramfs::root(0o755);
    let file = root.create(b"first", 0o644).expect("made");
    SCARCE.store(true, Relaxed);
    let refused = (0..1000).find_map(|i| root.create(format!("{i}").as_bytes(), 0o644).err());
    let linked = (0..1000).find_map(|i| root.link(format!("l{i}").as_bytes(), &file).err());
    let moved = root.rename(b"first", &root, b"last", false);
    let written = file.write_at(0, &[1; 4096]);
    SCARCE.store(false, Relaxed);
    assert_eq!((refused, linked), (Some(FsError::NoSpace), Some(FsError::NoSpace)));
    assert_eq!((moved, written), (Err(FsError::NoSpace), Err(FsError::NoSpace)));
    assert_eq!(root.lookup(b"first").expect("still there").id(), file.id());
}
