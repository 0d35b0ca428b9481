//! The policy: freed runs first, then untouched memory, then freed runs joined.

use crate::runs::Runs;
use core::ptr::{self, NonNull};
use unilith_mem_api::PAGE_SIZE;
use unilith_platform::Region;

/// How many freed runs that may or may not be long enough are looked at before memory that is
/// known to do is taken.
const GLANCES: usize = 8;

/// Pages from the regions that `M` names, by index, until it says `None`.
pub struct Pool<M> {
    memory: M,
    /// Index of the region after the current one.
    following: usize,
    /// Untouched rest of the current region: first byte, and first byte past it.
    next: usize,
    end: usize,
    /// Pages of the regions from `following` on, once somebody has asked: a platform may have to
    /// look far for a region.
    untouched: Option<usize>,
    runs: Runs,
}

impl<M: Fn(usize) -> Option<Region>> Pool<M> {
    /// A pool over the regions that `memory` names. Nothing is asked for or touched yet.
    ///
    /// # Safety
    /// `memory` always gives the same answer. All regions are readable and writable, do not
    /// overlap, and belong to this pool alone.
    pub const unsafe fn new(memory: M) -> Self {
        Self { memory, following: 0, next: 0, end: 0, untouched: None, runs: Runs::new() }
    }

    /// Takes `count` contiguous pages of undefined content. `None` when there is no such run or
    /// `count` is 0.
    pub fn allocate(&mut self, count: usize) -> Option<NonNull<u8>> {
        if count == 0 || count > usize::MAX / PAGE_SIZE {
            return None;
        }
        let mut page = self.runs.take(count, GLANCES);
        if page.is_none() {
            page = self.bump(count);
        }
        if page.is_none() {
            self.runs.join();
            page = self.runs.take(count, usize::MAX);
        }
        NonNull::new(ptr::with_exposed_provenance_mut(page?))
    }

    /// Gives pages back.
    ///
    /// # Panics
    /// With debug assertions, if one of the pages is free already or was never allocated.
    ///
    /// # Safety
    /// `pages` came from [`allocate`](Self::allocate) with this very `count` and is not used again.
    pub unsafe fn free(&mut self, pages: NonNull<u8>, count: usize) {
        let page = pages.as_ptr().expose_provenance();
        let never = !page.is_multiple_of(PAGE_SIZE)
            || page < self.end && self.next < page.saturating_add(count.saturating_mul(PAGE_SIZE));
        debug_assert!(!never, "free of pages that were never allocated");
        // SAFETY: the caller gives `count` pages from `page` away.
        unsafe { self.runs.put(page, count) }
    }

    /// Pages that are free now.
    pub fn free_pages(&mut self) -> usize {
        let regions = || (self.following..).map_while(&self.memory);
        let count = || regions().map(|region| pages_of(region).1).sum();
        let untouched = *self.untouched.get_or_insert_with(count);
        self.runs.pages() + (self.end - self.next) / PAGE_SIZE + untouched
    }

    /// Takes `count` untouched pages. What is left of a region that is too small becomes a free
    /// run, so that nothing is lost.
    fn bump(&mut self, count: usize) -> Option<usize> {
        loop {
            if count <= (self.end - self.next) / PAGE_SIZE {
                let page = self.next;
                self.next += count * PAGE_SIZE;
                return Some(page);
            }
            let (rest, left) = (self.next, (self.end - self.next) / PAGE_SIZE);
            self.next = self.end;
            // SAFETY: these pages belong to the pool, and it has just forgotten them.
            unsafe { self.runs.put(rest, left) };
            let region = (self.memory)(self.following)?;
            self.following += 1;
            let (start, pages) = pages_of(region);
            self.untouched = self.untouched.map(|untouched| untouched - pages);
            (self.next, self.end) = (start, start + pages * PAGE_SIZE);
        }
    }
}

/// The first whole page of a region and the number of pages, without the page at address 0,
/// which cannot be pointed to.
fn pages_of(region: Region) -> (usize, usize) {
    let start = region.start.max(1).next_multiple_of(PAGE_SIZE);
    let end = region.start.saturating_add(region.len);
    (start, end.saturating_sub(start) / PAGE_SIZE)
}
