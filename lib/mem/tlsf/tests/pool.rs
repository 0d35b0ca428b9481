//! The algorithm over memory of the host.

use proptest::collection::vec;
use proptest::prelude::*;
use std::alloc::Layout;
use std::ptr::NonNull;
use unilith_tlsf::Pool;

const AREA: usize = 256 * 1024;
/// Bytes of an area that its first and last header take.
const HEADERS: usize = 16;

/// A pool and the host's memory that it uses.
struct Arena {
    pool: Pool,
    memory: Vec<u128>,
}

impl Arena {
    /// One area of `len` bytes.
    fn new(len: usize) -> Self {
        let mut arena = Self { pool: Pool::new(), memory: vec![0; len / 16] };
        arena.add(0, len);
        arena
    }

    /// Adds the bytes from `start` to `end` of the memory.
    fn add(&mut self, start: usize, end: usize) {
        let base = self.memory.as_mut_ptr().cast::<u8>();
        // SAFETY: the range is within the memory, which nobody else uses.
        unsafe {
            self.pool.add_area(NonNull::new_unchecked(base.add(start)), end - start);
        }
    }

    fn offset(&self, memory: NonNull<u8>) -> usize {
        memory.addr().get() - self.memory.as_ptr().addr()
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

/// The largest allocation that an area of `len` bytes has room for.
fn whole(len: usize) -> Layout {
    layout(len - HEADERS - 8, 1)
}

/// An allocation filled with a pattern of its own, so that an overlap is seen.
struct Taken {
    memory: NonNull<u8>,
    layout: Layout,
    seed: u8,
}

impl Taken {
    fn new(pool: &mut Pool, layout: Layout, seed: u8) -> Option<Self> {
        let memory = pool.allocate(layout)?;
        assert_eq!(memory.addr().get() % layout.align().max(16), 0, "{layout:?}");
        let taken = Self { memory, layout, seed };
        taken.fill(0);
        Some(taken)
    }

    fn byte(&self, index: usize) -> u8 {
        self.seed.wrapping_add((index * 7) as u8)
    }

    fn fill(&self, from: usize) {
        for index in from..self.layout.size() {
            // SAFETY: within the allocation.
            unsafe { self.memory.add(index).write(self.byte(index)) };
        }
    }

    fn check(&self, len: usize) {
        for index in 0..len {
            // SAFETY: within the allocation.
            assert_eq!(unsafe { self.memory.add(index).read() }, self.byte(index), "overwritten");
        }
    }

    fn resize(&mut self, pool: &mut Pool, size: usize) -> bool {
        let kept = size.min(self.layout.size());
        // SAFETY: allocated from this pool and not freed.
        let done = unsafe { pool.resize(self.memory, size) };
        if done {
            self.layout = layout(size, self.layout.align());
            self.check(kept);
            self.fill(kept);
        }
        done
    }

    fn free(self, pool: &mut Pool) {
        self.check(self.layout.size());
        // SAFETY: allocated from this pool, freed once.
        unsafe { pool.free(self.memory) };
    }
}

#[test]
fn an_empty_pool_refuses() {
    assert!(Pool::new().allocate(layout(1, 1)).is_none());
    let mut tiny = Arena::new(32);
    assert!(tiny.pool.allocate(layout(1, 1)).is_none());
}

#[test]
fn an_area_is_used_to_the_last_byte() {
    let mut arena = Arena::new(AREA);
    let all = Taken::new(&mut arena.pool, whole(AREA), 1).unwrap();
    assert!(arena.pool.allocate(layout(1, 1)).is_none());
    all.free(&mut arena.pool);
    assert!(arena.pool.allocate(layout(whole(AREA).size() + 1, 1)).is_none());
    // The smallest block has room for 24 bytes.
    let mut taken = Vec::new();
    while let Some(one) = Taken::new(&mut arena.pool, layout(24, 8), taken.len() as u8) {
        taken.push(one);
    }
    assert_eq!(taken.len(), (AREA - HEADERS) / 32);
    taken.into_iter().for_each(|one| one.free(&mut arena.pool));
    assert!(arena.pool.allocate(whole(AREA)).is_some());
}

#[test]
fn every_order_of_freeing_ends_in_one_block() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut arena = Arena::new(4096);
        let mut taken: Vec<_> =
            (0..3).map(|seed| Taken::new(&mut arena.pool, layout(100, 8), seed)).collect();
        for index in order {
            taken[index].take().unwrap().free(&mut arena.pool);
        }
        assert!(arena.pool.allocate(whole(4096)).is_some(), "{order:?}");
    }
}

#[test]
fn alignment_is_respected_and_costs_nothing_for_good() {
    for bits in 0..=16 {
        let mut arena = Arena::new(8 * AREA);
        let mut taken = Vec::new();
        for size in [1, 16, 24, 25, 40, 100, 5000] {
            taken.push(Taken::new(&mut arena.pool, layout(size, 1 << bits), size as u8).unwrap());
            // Moves the next one off the alignment.
            taken.push(Taken::new(&mut arena.pool, layout(size, 1), size as u8).unwrap());
        }
        taken.into_iter().for_each(|one| one.free(&mut arena.pool));
        assert!(arena.pool.allocate(whole(8 * AREA)).is_some(), "alignment {}", 1 << bits);
    }
}

#[test]
fn resizing_uses_the_room_behind() {
    let mut arena = Arena::new(4096);
    let mut one = Taken::new(&mut arena.pool, layout(100, 8), 1).unwrap();
    assert!(one.resize(&mut arena.pool, 1000), "into free memory");
    let two = Taken::new(&mut arena.pool, layout(100, 8), 2).unwrap();
    assert!(!one.resize(&mut arena.pool, 1100), "into a used block");
    assert!(one.resize(&mut arena.pool, 10), "smaller");
    let three = Taken::new(&mut arena.pool, layout(900, 8), 3).unwrap();
    assert_eq!(arena.offset(three.memory), 48, "what was cut off is used");
    assert!(!one.resize(&mut arena.pool, usize::MAX), "absurd");
    two.free(&mut arena.pool);
    assert!(one.resize(&mut arena.pool, 24), "within the smallest block");
}

#[test]
fn resizing_takes_exactly_what_there_is() {
    let mut arena = Arena::new(4096);
    let mut one = Taken::new(&mut arena.pool, layout(1, 1), 1).unwrap();
    assert!(!one.resize(&mut arena.pool, whole(4096).size() + 1));
    assert!(one.resize(&mut arena.pool, whole(4096).size()));
    assert!(arena.pool.allocate(layout(1, 1)).is_none());
    assert!(one.resize(&mut arena.pool, 1));
    one.free(&mut arena.pool);
    assert!(arena.pool.allocate(whole(4096)).is_some());
}

#[test]
fn areas_that_touch_become_one() {
    let mut arena = Arena { pool: Pool::new(), memory: vec![0; AREA / 16] };
    arena.add(0, 4096);
    let one = Taken::new(&mut arena.pool, layout(1000, 8), 1).unwrap();
    arena.add(4096, 8192);
    arena.add(8192, 8200);
    arena.add(12288, AREA);
    // What is free at the end of the first area and the second area are one block.
    let two = Taken::new(&mut arena.pool, layout(8192 - HEADERS - 1008 - 8, 8), 2).unwrap();
    assert_eq!(arena.offset(two.memory), 16 + 1008);
    one.free(&mut arena.pool);
    two.free(&mut arena.pool);
    assert!(arena.pool.allocate(whole(AREA - 12288)).is_some());
    assert_eq!(arena.pool.allocate(whole(8192)).map(|all| arena.offset(all)), Some(16));
}

#[test]
fn ragged_areas_are_rounded() {
    let mut arena = Arena { pool: Pool::new(), memory: vec![0; 4096 / 16] };
    arena.add(1, 4095);
    assert_eq!(arena.pool.allocate(whole(4096 - 32)).map(|all| arena.offset(all)), Some(32));
}

/// The promise that lets a heap grow: an area of the size it is told is enough.
#[test]
fn an_area_for_a_layout_has_room_for_it() {
    for size in (0..600).chain([4000, 4096, 5000, 65_535, 100_000]) {
        for align in [1, 16, 32, 64, 4096, 16384] {
            for start in [0, 16, 48] {
                let layout = layout(size, align);
                let len = Pool::area_for(layout).unwrap();
                let mut arena = Arena { pool: Pool::new(), memory: vec![0; AREA / 16] };
                arena.add(start, start + len);
                assert!(Taken::new(&mut arena.pool, layout, 1).is_some(), "{layout:?} in {len}");
            }
        }
    }
    assert_eq!(Pool::area_for(layout(isize::MAX as usize, 1)), None);
    let mut arena = Arena::new(4096);
    for bits in 10..62 {
        let half = (isize::MAX as usize) / 2;
        assert!(arena.pool.allocate(layout(1 << 12, 1 << bits)).is_none());
        assert!(arena.pool.allocate(layout(half, 1 << bits.min(60))).is_none());
        assert!(arena.pool.allocate(layout(1 << bits.max(12), 1)).is_none());
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_double_free_is_noticed() {
    for joined in [false, true] {
        let mut arena = Arena::new(4096);
        let one = arena.pool.allocate(layout(100, 8)).unwrap();
        let two = arena.pool.allocate(layout(100, 8)).unwrap();
        arena.pool.allocate(layout(100, 8)).unwrap();
        // SAFETY: the last call breaks the rule on purpose; it panics before it does harm.
        unsafe {
            if joined {
                arena.pool.free(one);
            }
            arena.pool.free(two);
            let again = std::panic::AssertUnwindSafe(|| arena.pool.free(two));
            assert!(std::panic::catch_unwind(again).is_err());
        }
    }
}

#[test]
#[cfg(feature = "stats")]
fn bytes_in_use_are_counted() {
    let mut arena = Arena::new(4096);
    let mut one = Taken::new(&mut arena.pool, layout(24, 8), 1).unwrap();
    let two = Taken::new(&mut arena.pool, layout(25, 8), 2).unwrap();
    assert_eq!((arena.pool.stats().used, arena.pool.stats().peak), (32 + 48, 32 + 48));
    two.free(&mut arena.pool);
    assert!(one.resize(&mut arena.pool, 40));
    assert_eq!((arena.pool.stats().used, arena.pool.stats().peak), (48, 80));
    one.free(&mut arena.pool);
    assert_eq!((arena.pool.stats().used, arena.pool.stats().peak), (0, 80));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    /// Whatever is allocated, resized and freed: nothing overlaps, contents stay, alignment
    /// holds, and when all is freed, memory is whole again.
    #[test]
    fn memory_is_kept_apart_and_comes_together_again(
        steps in vec(
            (0_u8..6, prop_oneof![0_usize..64, 0_usize..600, 0_usize..20_000], 0_u32..13,
             any::<prop::sample::Index>()),
            1..300,
        ),
        cut in 1_usize..15,
    ) {
        // Two areas that touch, the second added half-way.
        let cut = cut * AREA / 16;
        let mut arena = Arena { pool: Pool::new(), memory: vec![0; AREA / 16] };
        arena.add(0, cut);
        let half = steps.len() / 2;
        let mut taken: Vec<Taken> = Vec::new();
        for (number, (action, size, bits, index)) in steps.into_iter().enumerate() {
            if number == half {
                arena.add(cut, AREA);
            }
            match action {
                0..3 => {
                    let bits = if action == 0 { bits } else { bits % 5 };
                    let layout = layout(size, 1 << bits);
                    taken.extend(Taken::new(&mut arena.pool, layout, number as u8));
                }
                _ if taken.is_empty() => {}
                3 => {
                    let index = index.index(taken.len());
                    let smaller = size < taken[index].layout.size();
                    let done = taken[index].resize(&mut arena.pool, size);
                    prop_assert!(done || !smaller);
                }
                _ => {
                    let one = taken.swap_remove(index.index(taken.len()));
                    one.free(&mut arena.pool);
                }
            }
        }
        #[cfg(feature = "stats")]
        prop_assert!(
            arena.pool.stats().used >= taken.iter().map(|one| one.layout.size()).sum::<usize>()
        );
        taken.into_iter().for_each(|one| one.free(&mut arena.pool));
        #[cfg(feature = "stats")]
        prop_assert_eq!(arena.pool.stats().used, 0);
        prop_assert!(arena.pool.allocate(whole(AREA)).is_some());
    }
}
