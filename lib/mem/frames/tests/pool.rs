//! The policy over memory of the host.

use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::ptr::NonNull;
use unilith_frames::Pool;
use unilith_mem_api::PAGE_SIZE;
use unilith_platform::Region;

/// Memory to hand out: regions with given numbers of pages, apart from or next to each other.
struct Arena {
    _memory: Vec<u8>,
    regions: Vec<Region>,
}

impl Arena {
    fn new(regions: &[usize], gap: usize) -> Self {
        let pages: usize = regions.iter().map(|pages| pages + gap).sum();
        let mut memory = vec![0xA5; (pages + 1) * PAGE_SIZE];
        let mut start = memory.as_mut_ptr().expose_provenance().next_multiple_of(PAGE_SIZE);
        let regions = regions
            .iter()
            .map(|pages| {
                let region = Region { start, len: pages * PAGE_SIZE };
                start += (pages + gap) * PAGE_SIZE;
                region
            })
            .collect();
        Self { _memory: memory, regions }
    }

    fn pool(&self) -> Pool<impl Fn(usize) -> Option<Region>> {
        // SAFETY: the regions are parts of the arena's memory, which is used by this pool alone
        // in each test.
        unsafe { Pool::new(|index| self.regions.get(index).copied()) }
    }
}

/// Pages taken, filled with a tag so that an overlap is seen.
struct Taken {
    pages: NonNull<u8>,
    count: usize,
    tag: u8,
}

impl Taken {
    fn new(pages: NonNull<u8>, count: usize, tag: u8) -> Self {
        // SAFETY: the pages were just allocated.
        unsafe { pages.write_bytes(tag, count * PAGE_SIZE) };
        Self { pages, count, tag }
    }

    fn free(self, pool: &mut Pool<impl Fn(usize) -> Option<Region>>) {
        // SAFETY: the pages were allocated and are freed once.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.pages.as_ptr(), self.count * PAGE_SIZE);
            assert!(bytes.iter().all(|&byte| byte == self.tag), "somebody else wrote here");
            pool.free(self.pages, self.count);
        }
    }
}

#[test]
fn nothing_is_touched_before_it_is_asked_for() {
    let arena = Arena::new(&[4, 4], 1);
    let mut pool = arena.pool();
    assert_eq!(pool.free_pages(), 8);
    let page = pool.allocate(1).unwrap();
    assert_eq!(pool.free_pages(), 7);
    assert!(arena._memory.iter().all(|&byte| byte == 0xA5));
    assert_eq!(page.addr().get(), arena.regions[0].start);
}

#[test]
fn the_page_freed_last_is_taken_first() {
    let arena = Arena::new(&[8], 0);
    let mut pool = arena.pool();
    let pages: Vec<_> = (0..4).map(|_| pool.allocate(1).unwrap()).collect();
    for page in &pages {
        // SAFETY: allocated above, freed once.
        unsafe { pool.free(*page, 1) };
    }
    for page in pages.iter().rev() {
        assert_eq!(pool.allocate(1), Some(*page));
    }
}

#[test]
fn a_freed_run_is_taken_before_untouched_memory() {
    let arena = Arena::new(&[32], 0);
    let mut pool = arena.pool();
    let run = pool.allocate(7).unwrap();
    // SAFETY: allocated above, freed once.
    unsafe { pool.free(run, 7) };
    assert_eq!(pool.allocate(6), Some(run));
    assert_eq!(pool.free_pages(), 26);
}

#[test]
fn single_pages_become_a_run_again() {
    let arena = Arena::new(&[64], 0);
    let mut pool = arena.pool();
    let mut pages: Vec<_> = (0..64).map(|_| pool.allocate(1).unwrap()).collect();
    assert_eq!((pool.allocate(1), pool.free_pages()), (None, 0));
    // Out of order: odd ones down, then even ones up.
    pages.sort_by_key(|page| {
        let index = page.addr().get() / PAGE_SIZE;
        if index % 2 == 1 { usize::MAX - index } else { index }
    });
    for page in pages {
        // SAFETY: allocated above, freed once.
        unsafe { pool.free(page, 1) };
    }
    assert_eq!(pool.allocate(64).unwrap().addr().get(), arena.regions[0].start);
}

#[test]
fn adjacent_regions_are_one_run() {
    let arena = Arena::new(&[3, 0, 5], 0);
    assert!(arena.pool().allocate(8).is_some());
    let apart = Arena::new(&[3, 5], 1);
    let mut pool = apart.pool();
    assert_eq!(pool.allocate(8), None);
    assert_eq!(pool.free_pages(), 8);
    assert!(pool.allocate(5).is_some());
    assert!(pool.allocate(3).is_some());
}

#[test]
fn impossible_requests_are_refused() {
    let arena = Arena::new(&[4], 0);
    let mut pool = arena.pool();
    for count in [0, 5, usize::MAX / PAGE_SIZE, usize::MAX] {
        assert_eq!(pool.allocate(count), None);
        assert_eq!(pool.free_pages(), 4);
    }
    // SAFETY: there is no memory at all.
    let mut empty = unsafe { Pool::new(|_| None) };
    assert_eq!((empty.allocate(1), empty.free_pages()), (None, 0));
}

#[test]
fn only_whole_pages_are_used() {
    let arena = Arena::new(&[4], 0);
    let start = arena.regions[0].start;
    let ragged = Region { start: start + 1, len: 3 * PAGE_SIZE - 2 };
    // SAFETY: a part of the arena.
    let mut pool = unsafe { Pool::new(|index| (index == 0).then_some(ragged)) };
    assert_eq!(pool.free_pages(), 1);
    assert_eq!(pool.allocate(1).unwrap().addr().get(), start + PAGE_SIZE);
    assert_eq!(pool.allocate(1), None);
    // SAFETY: nothing is ever touched here, because there is no whole page.
    let mut low =
        unsafe { Pool::new(|index| (index == 0).then_some(Region { start: 0, len: 4096 })) };
    assert_eq!(low.allocate(1), None);
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "double free")]
fn a_double_free_within_a_free_run_is_noticed() {
    let arena = Arena::new(&[8], 0);
    let mut pool = arena.pool();
    let run = pool.allocate(4).unwrap();
    // SAFETY: the second call breaks the rule on purpose: the page is ours and unused.
    unsafe {
        pool.free(run, 4);
        pool.free(run.add(2 * PAGE_SIZE), 1);
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "never allocated")]
fn freeing_untouched_memory_is_noticed() {
    let arena = Arena::new(&[8], 0);
    let mut pool = arena.pool();
    let page = pool.allocate(1).unwrap();
    // SAFETY: breaks the rule on purpose: the second page is ours and unused.
    unsafe { pool.free(page, 2) };
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is taken and given back: nothing overlaps, the count is exact, and in the end
    /// every page can be had again.
    #[test]
    fn nothing_overlaps_and_nothing_is_lost(
        regions in vec(0_usize..40, 1..5),
        gap in 0_usize..2,
        steps in vec((0_usize..3, 1_usize..20, any::<prop::sample::Index>()), 1..200),
    ) {
        let arena = Arena::new(&regions, gap);
        let mut pool = arena.pool();
        let total: usize = regions.iter().sum();
        let mut taken: Vec<Taken> = Vec::new();
        let mut free = total;
        for (tag, (action, count, index)) in steps.into_iter().enumerate() {
            if action == 0 && !taken.is_empty() {
                let one = taken.swap_remove(index.index(taken.len()));
                free += one.count;
                one.free(&mut pool);
            } else {
                let count = if action == 1 { 1 } else { count };
                if let Some(pages) = pool.allocate(count) {
                    let address = pages.addr().get();
                    prop_assert!(arena.regions.iter().any(|r| r.start <= address)
                        && arena.regions.iter().any(|r| address + count * PAGE_SIZE <= r.start + r.len));
                    taken.push(Taken::new(pages, count, tag as u8));
                    free -= count;
                } else {
                    prop_assert!(count > 1 || free == 0, "a free page was refused");
                }
            }
            prop_assert_eq!(pool.free_pages(), free);
        }
        taken.into_iter().for_each(|one| one.free(&mut pool));
        // Every region is whole again: the longest first, because adjacent ones have joined.
        let mut lengths = regions;
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        if gap > 0 {
            for length in lengths.into_iter().filter(|&length| length > 0) {
                prop_assert!(pool.allocate(length).is_some());
            }
        } else if total > 0 {
            prop_assert!(pool.allocate(total).is_some());
        }
        while pool.allocate(1).is_some() {}
        prop_assert_eq!(pool.free_pages(), 0);
    }
}

#[test]
fn regions_are_looked_for_once() {
    let arena = Arena::new(&[2, 3, 4], 1);
    let asked = Cell::new(0);
    let memory = |index: usize| {
        asked.set(asked.get() + 1);
        arena.regions.get(index).copied()
    };
    // SAFETY: the regions are parts of the arena's memory, which is used by this pool alone.
    let mut pool = unsafe { Pool::new(memory) };
    assert!(pool.allocate(1).is_some());
    for left in (0..8).rev() {
        assert_eq!(pool.free_pages(), left + 1);
        assert!(pool.allocate(1).is_some());
        assert_eq!(pool.free_pages(), left);
    }
    // Each region and the end of their list: for the count, and for the pages.
    assert!(asked.get() <= 2 * 4, "asked {} times", asked.get());
}
