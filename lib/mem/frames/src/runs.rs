//! Free runs of pages, remembered inside themselves.
//!
//! Runs are listed by the logarithm of their length; a run that is put is found first. Putting
//! is O(1). Neighbours are not joined when they are put, but when somebody asks for it: most
//! runs are taken again as they are.

use core::mem;
use core::ptr;
use unilith_mem_api::PAGE_SIZE;

/// One list per power of two that a number of pages can have.
const LISTS: usize = usize::BITS as usize - PAGE_SIZE.ilog2() as usize;

/// What the first page of a free run starts with. Runs are named by their address; 0 is none.
#[repr(C)]
struct Header {
    /// The next run of the list.
    next: usize,
    /// Pages in this run.
    count: usize,
    /// See [`mark`].
    mark: usize,
}

/// Lists of free runs.
pub(crate) struct Runs {
    /// The first run of `1 << index` pages or more, but less than twice that.
    lists: [usize; LISTS],
    /// Bit `index` is set if that list is not empty.
    occupied: u64,
    pages: usize,
}

impl Runs {
    pub(crate) const fn new() -> Self {
        Self { lists: [0; LISTS], occupied: 0, pages: 0 }
    }

    /// Pages in all runs.
    pub(crate) const fn pages(&self) -> usize {
        self.pages
    }

    /// Adds `count` pages from `page` on; none if `count` is 0.
    ///
    /// # Panics
    /// With debug assertions, if one of the pages is in a run already.
    ///
    /// # Safety
    /// The caller owns these pages, which are memory, and gives them away.
    pub(crate) unsafe fn put(&mut self, page: usize, count: usize) {
        if cfg!(debug_assertions) {
            for page in (page..).step_by(PAGE_SIZE).take(count) {
                // SAFETY: the caller owns the page.
                let header = unsafe { header(page) };
                assert!(header.mark != mark(page), "double free of the page at {page:#x}");
                header.mark = mark(page);
            }
        }
        self.pages += count;
        if count > 0 {
            self.link(page, count);
        }
    }

    /// Removes `count` pages: at least 1, and no more than there are addresses. Looks at `glances` runs that may be too short, then at those
    /// that cannot be.
    pub(crate) fn take(&mut self, count: usize, glances: usize) -> Option<usize> {
        let list = count.ilog2() as usize;
        let page = self.unlink_first(list, count, glances).or_else(|| {
            let longer = self.occupied & (!1 << list);
            if longer == 0 {
                None
            } else {
                self.unlink_first(longer.trailing_zeros() as usize, count, 1)
            }
        })?;
        // SAFETY: `page` is a free run.
        let length = unsafe { header(page) }.count;
        if length > count {
            self.link(page + count * PAGE_SIZE, length - count);
        }
        if cfg!(debug_assertions) {
            for page in (page..).step_by(PAGE_SIZE).take(count) {
                // SAFETY: the pages are part of a free run.
                unsafe { header(page) }.mark = 0;
            }
        }
        self.pages -= count;
        Some(page)
    }

    /// Joins runs that are neighbours. Takes `n log n` time for `n` runs.
    pub(crate) fn join(&mut self) {
        // A merge sort by address: bin `i` is empty or a sorted list of `1 << i` runs.
        let mut bins = [0; LISTS];
        self.occupied = 0;
        for list in &mut self.lists {
            let mut rest = mem::take(list);
            while rest != 0 {
                let mut sorted = rest;
                // SAFETY: `rest` is a free run.
                rest = mem::take(&mut unsafe { header(rest) }.next);
                let mut bin = 0;
                while bins[bin] != 0 {
                    sorted = merge(mem::take(&mut bins[bin]), sorted);
                    bin += 1;
                }
                bins[bin] = sorted;
            }
        }
        let mut rest = bins.into_iter().fold(0, merge);
        while rest != 0 {
            // SAFETY: `rest` is a free run, and `following` is unless it is 0.
            unsafe {
                let Header { mut count, next: mut following, .. } = *header(rest);
                while following == rest + count * PAGE_SIZE {
                    let neighbour = header(following);
                    count += neighbour.count;
                    following = neighbour.next;
                }
                self.link(rest, count);
                rest = following;
            }
        }
    }

    /// Makes `count > 0` free pages from `page` on a run.
    fn link(&mut self, page: usize, count: usize) {
        let list = count.ilog2() as usize;
        // SAFETY: the page is free, so it is ours.
        let header = unsafe { header(page) };
        header.next = mem::replace(&mut self.lists[list], page);
        header.count = count;
        self.occupied |= 1 << list;
    }

    /// Takes the first run of `count` pages or more out of a list, if it is among the first
    /// `glances`.
    fn unlink_first(&mut self, list: usize, count: usize, glances: usize) -> Option<usize> {
        let mut link = &mut self.lists[list];
        for _ in 0..glances {
            let page = *link;
            if page == 0 {
                break;
            }
            // SAFETY: runs in a list are free.
            let header = unsafe { header(page) };
            if header.count >= count {
                *link = header.next;
                if self.lists[list] == 0 {
                    self.occupied &= !(1 << list);
                }
                return Some(page);
            }
            link = &mut header.next;
        }
        None
    }
}

/// The header of a free page.
///
/// # Safety
/// `page` is the address of a page that belongs to the lists, and no other reference to its
/// header is in use.
unsafe fn header<'a>(page: usize) -> &'a mut Header {
    // SAFETY: a page is aligned and larger than a header, any bytes are a header, and the caller
    // says that it is ours.
    unsafe { &mut *ptr::with_exposed_provenance_mut(page) }
}

/// With debug assertions, what the header of every free page says, and hopefully no other page.
const fn mark(page: usize) -> usize {
    page ^ 0xF4EE_F4EE_F4EE_F4EE_u64 as usize
}

/// Merges two lists that are sorted by address.
fn merge(mut a: usize, mut b: usize) -> usize {
    let mut first = 0;
    let mut link = &mut first;
    while a != 0 && b != 0 {
        let lower = if a < b { &mut a } else { &mut b };
        *link = *lower;
        // SAFETY: runs in a list are free, and each is in one list only.
        link = &mut unsafe { header(*lower) }.next;
        *lower = *link;
    }
    *link = a | b;
    first
}
