//! A general-purpose heap whose every operation takes constant time.
//!
//! A kernel cannot afford an allocator that is fast on average: the one slow call may be in the
//! path of a packet. Two-level segregated fit (Masmano, Ripoll, Crespo, Real: "TLSF: a New
//! Dynamic Memory Allocator for Real-Time Systems", ECRTS 2004) keeps free blocks in lists by
//! size: a first level of powers of two, a second level that divides each into 16 equal parts.
//! Two levels of bitmaps find the first list with blocks that are large enough, without a search.
//! Freed blocks are joined with their neighbours at once. The price is that a block is up to
//! 1/16 larger than necessary before what is left of it is cut off.
//!
//! [`Tlsf`] is the heap of an image; [`Pool`] is the algorithm, over any memory.
#![no_std]

mod block;
mod pool;

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use unilith_mem_api::PAGE_SIZE;
use unilith_sync::Lock;

pub use pool::Pool;
#[cfg(feature = "stats")]
pub use pool::Stats;

/// Bytes taken from the page allocator at a time, at least.
const CHUNK: usize = unilith_config::number(option_env!("CONFIG_HEAP_CHUNK"), 64) * 1024;

/// Pages that allocations of a page or more leave to others. Whoever makes such can bear to hear that
/// there are none; a program whose memory was promised, and who makes a small one, cannot.
const KEPT: usize = unilith_config::number(option_env!("CONFIG_HEAP_KEPT"), 0) * 1024 / PAGE_SIZE;

/// The heap. Say `#[global_allocator] static HEAP: Tlsf = Tlsf::new();` in the composition root.
///
/// It takes chunks from the page allocator when it needs them and keeps them.
pub struct Tlsf {
    pool: Lock<Pool>,
}

impl Tlsf {
    /// An empty heap: it takes its first chunk when something is allocated.
    pub const fn new() -> Self {
        Self { pool: Lock::new(Pool::new()) }
    }

    /// How much memory is in use.
    #[cfg(feature = "stats")]
    pub fn stats(&self) -> Stats {
        self.pool.lock().stats()
    }
}

impl Default for Tlsf {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds a chunk that is large enough for `layout`.
#[cold]
fn grow(pool: &mut Pool, layout: Layout) -> Option<()> {
    let needed = Pool::area_for(layout)?;
    let take = |bytes: usize, most: usize| {
        let pages = bytes.div_ceil(PAGE_SIZE);
        let memory = if pages > most { None } else { unilith_mem_api::allocate(pages) };
        Some((memory?, pages * PAGE_SIZE))
    };
    let most = match KEPT {
        0 => usize::MAX,
        kept => unilith_mem_api::free_pages().saturating_sub(kept),
    };
    // When memory is scarce, what is needed has to do.
    let taken = take(needed.max(CHUNK), most).or_else(|| take(needed, most));
    let small = layout.size() < PAGE_SIZE;
    let (start, len) = taken.or_else(|| if small { take(needed, usize::MAX) } else { None })?;
    // SAFETY: these pages are ours now and are never given back.
    unsafe { pool.add_area(start, len) };
    Some(())
}

// SAFETY: `Pool` hands out memory that is as large and aligned as asked for and part of no other
// allocation; it never unwinds.
unsafe impl GlobalAlloc for Tlsf {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut pool = self.pool.lock();
        let memory = pool.allocate(layout).or_else(|| {
            grow(&mut pool, layout)?;
            pool.allocate(layout)
        });
        memory.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        // SAFETY: the caller passes what `alloc` returned, which is not null, and only once.
        unsafe { self.pool.lock().free(NonNull::new_unchecked(memory)) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller passes what `alloc` returned, which is not null.
        if unsafe { self.pool.lock().resize(NonNull::new_unchecked(memory), size) } {
            return memory;
        }
        // SAFETY: the caller keeps the promises of `realloc`, so the new layout is valid; the
        // new allocation is apart from the old one, which is freed once.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(memory, new, layout.size().min(size));
                self.dealloc(memory, layout);
            }
            new
        }
    }
}
