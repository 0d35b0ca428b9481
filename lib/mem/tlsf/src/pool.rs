//! The algorithm: lists of free blocks by size.

use crate::block::{ALIGN, Block, MIN, WORD};
use core::alloc::Layout;
use core::ptr::{self, NonNull};

/// Lists per power of two.
const SECOND: usize = 16;
/// Powers of two, but for the first entry, which is for all sizes below [`SMALL`].
const FIRST: usize = 32;
/// Sizes below this have a list each.
const SMALL: usize = SECOND * ALIGN;
/// Sizes from this on are in the last list, whatever they are.
const HUGE: usize = SMALL << (FIRST - 1);

/// Memory to allocate from: any number of areas, added at any time.
pub struct Pool {
    /// Bit `f` is set if `second[f]` is not 0.
    first: u32,
    /// Bit `s` of entry `f` is set if `heads[f][s]` is not empty.
    second: [u16; FIRST],
    heads: [[Option<Block>; SECOND]; FIRST],
    /// Where the area added last ends.
    end: usize,
    #[cfg(feature = "stats")]
    stats: Stats,
}

/// How much memory is in use.
#[cfg(feature = "stats")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Bytes in use now, with the heap's own header of each allocation.
    pub used: usize,
    /// The most bytes that were in use at a time.
    pub peak: usize,
}

impl Pool {
    /// A pool without memory.
    pub const fn new() -> Self {
        Self {
            first: 0,
            second: [0; FIRST],
            heads: [[None; SECOND]; FIRST],
            end: 0,
            #[cfg(feature = "stats")]
            stats: Stats { used: 0, peak: 0 },
        }
    }

    /// Adds memory. An area that starts where the last one ended becomes one with it.
    /// An area without room for a block is ignored.
    ///
    /// # Safety
    /// The `len` bytes from `start` on are memory that belongs to this pool alone from now on.
    pub unsafe fn add_area(&mut self, start: NonNull<u8>, len: usize) {
        let first = start.as_ptr().expose_provenance();
        let end = (first + len) & !(ALIGN - 1);
        let first = first.next_multiple_of(ALIGN);
        if end < first + WORD + MIN + WORD {
            return;
        }
        // SAFETY: within the area, or where the end of the last one was, whose header becomes
        // that of the new block. `create` and `set_size` fill in what is missing.
        unsafe {
            Block::at(end - WORD).create(0);
            let block = if first == self.end {
                Block::at(first - WORD)
            } else {
                let block = Block::at(first + WORD);
                block.create(0);
                block
            };
            block.set_size(end - WORD - block.address());
            self.release(block);
        }
        self.end = end;
    }

    /// Bytes of an area with which an allocation of `layout` cannot fail; `None` if there is no
    /// such number.
    pub fn area_for(layout: Layout) -> Option<usize> {
        // Two headers, and what rounding of both ends may lose.
        room(block_size(layout.size())?, layout.align())?.checked_add(2 * WORD + 2 * ALIGN)
    }

    /// Takes memory for `layout`; `None` if there is no block that is large enough. A size of 0
    /// is like one of 1.
    pub fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        let size = block_size(layout.size())?;
        let free = self.find(room(size, layout.align())?)?;
        self.unlink(free);
        let gap = gap(free.payload(), layout.align());
        // SAFETY: `find` found room for this; the header is written here.
        let block = unsafe { Block::at(free.address() + gap) };
        let left = free.size() - gap - size;
        if left >= MIN {
            block.create(size);
            // What is after a free block is used: the rest has no neighbour to be joined with, and
            // the block after it is still one after a free one.
            let rest = block.next();
            rest.create(left);
            self.insert(rest, left);
        } else {
            block.create(size + left);
            block.mark_used();
        }
        if gap > 0 {
            self.insert(free, gap);
        }
        self.account(0, block.size());
        NonNull::new(ptr::with_exposed_provenance_mut(block.payload()))
    }

    /// Gives memory back.
    ///
    /// # Panics
    /// With debug assertions, if it is free already, unless it was given away again.
    ///
    /// # Safety
    /// `memory` came from [`allocate`](Self::allocate) of this pool and is not used again.
    pub unsafe fn free(&mut self, memory: NonNull<u8>) {
        // SAFETY: the caller says that this is an allocation's payload.
        let block = unsafe { Block::at(memory.as_ptr().addr() - WORD) };
        debug_assert!(!block.is_free(), "double free of the memory at {memory:p}");
        self.account(block.size(), 0);
        if cfg!(debug_assertions) {
            // If it is joined with the block before it, nobody else will mark this header.
            block.flag_free();
        }
        self.release(block);
    }

    /// Changes the size of an allocation where it is; `false`, and no change, if there is no
    /// room after it.
    ///
    /// # Safety
    /// `memory` came from [`allocate`](Self::allocate) of this pool and was not freed. Bytes
    /// past `size` are not used again.
    pub unsafe fn resize(&mut self, memory: NonNull<u8>, size: usize) -> bool {
        // SAFETY: the caller says that this is an allocation's payload.
        let block = unsafe { Block::at(memory.as_ptr().addr() - WORD) };
        let Some(size) = block_size(size) else { return false };
        let before = block.size();
        if size > before {
            let next = block.next();
            let joined = before + next.size();
            if !next.is_free() || size > joined {
                return false;
            }
            self.unlink(next);
            next.mark_used();
            block.set_size(joined);
        }
        self.trim(block, size);
        self.account(before, block.size());
        true
    }

    /// How much memory is in use.
    #[cfg(feature = "stats")]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Counts that a block has another size; 0 is no block.
    #[cfg(feature = "stats")]
    fn account(&mut self, before: usize, after: usize) {
        self.stats.used = self.stats.used - before + after;
        self.stats.peak = self.stats.peak.max(self.stats.used);
    }

    #[cfg(not(feature = "stats"))]
    fn account(&mut self, _: usize, _: usize) {}

    /// Cuts off what a used block does not need for `size`, if that makes a block.
    fn trim(&mut self, block: Block, size: usize) {
        let rest = block.size() - size;
        if rest >= MIN {
            block.set_size(size);
            let rest_block = block.next();
            rest_block.create(rest);
            self.release(rest_block);
        }
    }

    /// Frees a used block: joins it with its neighbours if they are free.
    fn release(&mut self, block: Block) {
        let mut start = block;
        let mut size = block.size();
        let next = block.next();
        if next.is_free() {
            self.unlink(next);
            size += next.size();
        }
        if let Some(before) = block.free_before() {
            self.unlink(before);
            size += before.size();
            start = before;
        }
        self.insert(start, size);
    }

    /// A free block of `size` or more, still in its list.
    fn find(&self, size: usize) -> Option<Block> {
        // Any block in the list after that of `size` is large enough, and those in the same list
        // are if `size` is the least that belongs there. Hence it is rounded up; small sizes have
        // a list each.
        let rounded = if size < SMALL { size } else { size + granule(size) - 1 };
        if rounded < HUGE {
            let (first, second) = list_of(rounded);
            let same = self.second[first] & (!0 << second);
            if same != 0 {
                return self.heads[first][same.trailing_zeros() as usize];
            }
            let larger = self.first & (!1 << first);
            if larger != 0 {
                let first = larger.trailing_zeros() as usize;
                return self.heads[first][self.second[first].trailing_zeros() as usize];
            }
        }
        // A block that was just added is at the head of its list, which may be that of `size`.
        let (first, second) = list_of(size);
        self.heads[first][second].filter(|block| block.size() >= size)
    }

    /// Makes `size` bytes from `block` on a free block after a used one.
    fn insert(&mut self, block: Block, size: usize) {
        block.mark_free(size);
        let (first, second) = list_of(size);
        let head = self.heads[first][second].replace(block);
        block.link_before(None);
        block.link_after(head);
        if let Some(head) = head {
            head.link_before(Some(block));
        }
        self.second[first] |= 1 << second;
        self.first |= 1 << first;
    }

    /// Takes a free block out of its list.
    fn unlink(&mut self, block: Block) {
        let (before, after) = block.links();
        if let Some(after) = after {
            after.link_before(before);
        }
        if let Some(before) = before {
            before.link_after(after);
            return;
        }
        let (first, second) = list_of(block.size());
        self.heads[first][second] = after;
        if after.is_none() {
            self.second[first] &= !(1 << second);
            if self.second[first] == 0 {
                self.first &= !(1 << first);
            }
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new()
    }
}

/// The size of a block with a payload of `size` bytes; `None` if there is none.
fn block_size(size: usize) -> Option<usize> {
    const MOST: usize = isize::MAX as usize & !(ALIGN - 1);
    // With the header, in whole units.
    (size <= MOST - WORD).then(|| (size + WORD).next_multiple_of(ALIGN).max(MIN))
}

/// The size of a free block in which a block of `size` fits with its payload at a multiple of
/// `align`, wherever it starts.
fn room(size: usize, align: usize) -> Option<usize> {
    if align <= ALIGN {
        return Some(size);
    }
    // The payload moves up to the alignment, or once more if the gap is too small for a block.
    size.checked_add(align + ALIGN).filter(|&size| size <= isize::MAX as usize)
}

/// Bytes to leave out so that what is at `payload` is at a multiple of `align`: none, or enough
/// for a block.
fn gap(payload: usize, align: usize) -> usize {
    if align <= ALIGN {
        return 0;
    }
    // An alignment is a power of two.
    let gap = payload.wrapping_neg() & (align - 1);
    if gap > 0 && gap < MIN { gap + align } else { gap }
}

/// The sizes that belong to the same list as `size` span this many bytes.
#[inline]
fn granule(size: usize) -> usize {
    if size < SMALL { ALIGN } else { 1 << (size.ilog2() - SECOND.ilog2()) }
}

/// The list for blocks of `size`: index of the first level and of the second.
fn list_of(size: usize) -> (usize, usize) {
    if size < SMALL {
        (0, size / ALIGN)
    } else if size < HUGE {
        let first = size.ilog2() - SMALL.ilog2() + 1;
        (first as usize, size / granule(size) % SECOND)
    } else {
        (FIRST - 1, SECOND - 1)
    }
}
