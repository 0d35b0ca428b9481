//! Stacks: runs of pages, with a mark at the lower end that an overflow destroys.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};
use unilith_mem_api::{PAGE_SIZE, allocate, free};

/// Pages of a stack.
const PAGES: usize =
    unilith_config::number(option_env!("CONFIG_THREAD_STACK"), 64) * 1024 / PAGE_SIZE;
const MARK: u64 = 0x6b63_6174_735f_7866;

/// Pages that stay free; see HEAP_KEPT.
const KEPT: usize = unilith_config::number(option_env!("CONFIG_HEAP_KEPT"), 0) * 1024 / PAGE_SIZE;
/// Pages that a thread of an application touches as soon as it runs, which it may not have done yet:
/// its own stack and a page table.
const TOUCHED: usize = if cfg!(feature = "user") { 4 } else { 0 };

/// Stacks that there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whether there is memory for one more.
fn is_room() -> bool {
    let promised = KEPT + TOUCHED * COUNT.load(Ordering::Relaxed);
    promised == 0 || unilith_mem_api::free_pages() >= PAGES + TOUCHED + promised
}

/// The stack of a thread.
pub struct Stack(NonNull<u8>);

impl Stack {
    /// A fresh one; `None` if there is no memory.
    pub fn new() -> Option<Self> {
        if !is_room() {
            return None;
        }
        let pages = allocate(PAGES)?;
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the pages are ours, and aligned.
        unsafe { pages.cast().write(MARK) };
        Some(Self(pages))
    }

    /// The address after its last byte.
    pub fn end(&self) -> usize {
        self.0.addr().get() + PAGES * PAGE_SIZE
    }

    /// # Panics
    /// It has overflowed: memory below it may be damaged.
    pub fn check(&self) {
        // SAFETY: the pages are ours; nobody writes there unless it overflows.
        let mark = unsafe { self.0.cast::<u64>().read_volatile() };
        assert!(mark == MARK, "a thread's kernel stack overflowed: raise THREAD_STACK");
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: they are ours, of this count, and nobody runs on them: the context has ended or
        // was never started.
        unsafe { free(self.0, PAGES) };
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}
