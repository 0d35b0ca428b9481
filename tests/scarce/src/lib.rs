//! The heap of tests of memory that runs short:
//! ```
//! use unilith_scarce::{Heap, scarce};
//!
//! #[global_allocator]
//! static HEAP: Heap = Heap::up_to(1024);
//!
//! let mut bytes = Vec::<u8>::new();
//! scarce(|| assert!(bytes.try_reserve(1025).is_err()));
//! assert!(bytes.try_reserve(1025).is_ok());
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's heap, without its larger blocks within [`scarce`].
pub struct Heap {
    largest: usize,
}

thread_local! {
    static SCARCE: Cell<bool> = const { Cell::new(false) };
}

impl Heap {
    /// A heap that always has blocks of up to `largest` bytes.
    pub const fn up_to(largest: usize) -> Self {
        Self { largest }
    }
}

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > self.largest && SCARCE.get() {
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

/// Does something while this thread gets no large blocks.
pub fn scarce<T>(act: impl FnOnce() -> T) -> T {
    SCARCE.set(true);
    let result = act();
    SCARCE.set(false);
    result
}
