//! Blocks: how memory is divided.
//!
//! An area is a row of blocks without gaps. A block starts with one word, its header: its size
//! and two flags. The payload follows and is aligned to two words. A free block holds the links
//! of its list in the payload and repeats its size in its last word, so that the block after it
//! can find its start; a flag in that block's header says whether that word may be read.
//! The last block of an area is a header of size 0 that is never free.

use core::num::NonZeroUsize;
use core::ptr;

/// Bytes of a header.
pub(crate) const WORD: usize = size_of::<usize>();
/// Sizes are multiples of this, and payloads are aligned to it.
pub(crate) const ALIGN: usize = 2 * WORD;
/// The smallest block: header, two links, size.
pub(crate) const MIN: usize = 4 * WORD;

/// In a header: this block is free.
const FREE: usize = 1;
/// In a header: the block before this one is free.
const AFTER_FREE: usize = 2;
const FLAGS: usize = ALIGN - 1;

/// A block, by the address of its header. Whoever has one says that there is such a block and
/// that it belongs to the pool that uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block(NonZeroUsize);

impl Block {
    /// The block whose header is at `address`.
    ///
    /// # Safety
    /// The block belongs to the pool, with its header, links and last word; or all fields that
    /// are missing are set before they are read. The address is that of a word, not 0.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        // SAFETY: the caller says that it is not 0.
        Self(unsafe { NonZeroUsize::new_unchecked(address) })
    }

    /// The address of the header.
    pub(crate) const fn address(self) -> usize {
        self.0.get()
    }

    /// The address of the payload.
    pub(crate) const fn payload(self) -> usize {
        self.address() + WORD
    }

    /// Bytes from this header to the next.
    pub(crate) fn size(self) -> usize {
        self.get(0) & !FLAGS
    }

    /// Whether this block is free.
    pub(crate) fn is_free(self) -> bool {
        self.get(0) & FREE != 0
    }

    /// The block after this one.
    pub(crate) fn next(self) -> Self {
        // SAFETY: blocks follow each other without gaps, and this is not the last, which
        // nobody asks for its next.
        unsafe { Self::at(self.address() + self.size()) }
    }

    /// The block before this one, if it is free.
    pub(crate) fn free_before(self) -> Option<Self> {
        // SAFETY: the last word of a free block is its size.
        (self.get(0) & AFTER_FREE != 0).then(|| unsafe { Self::at(self.address() - self.get(-1)) })
    }

    /// Makes this a used block of `size` after a used one.
    pub(crate) fn create(self, size: usize) {
        self.set(0, size);
    }

    /// Changes the size and leaves the flags.
    pub(crate) fn set_size(self, size: usize) {
        self.set(0, size | self.get(0) & FLAGS);
    }

    /// Makes this a free block of `size` after a used one.
    pub(crate) fn mark_free(self, size: usize) {
        self.set(0, size | FREE);
        self.set((size / WORD) as isize - 1, size);
        let next = self.next();
        next.set(0, next.get(0) | AFTER_FREE);
    }

    /// Marks only this header, as that of a free block.
    pub(crate) fn flag_free(self) {
        self.set(0, self.get(0) | FREE);
    }

    /// Makes this free block a used one.
    pub(crate) fn mark_used(self) {
        self.set(0, self.get(0) & !FREE);
        let next = self.next();
        next.set(0, next.get(0) & !AFTER_FREE);
    }

    /// The neighbours in the list of a free block: the one before, the one after.
    pub(crate) fn links(self) -> (Option<Self>, Option<Self>) {
        (NonZeroUsize::new(self.get(1)).map(Self), NonZeroUsize::new(self.get(2)).map(Self))
    }

    /// Sets the link to the one before.
    pub(crate) fn link_before(self, block: Option<Self>) {
        self.set(1, block.map_or(0, Self::address));
    }

    /// Sets the link to the one after.
    pub(crate) fn link_after(self, block: Option<Self>) {
        self.set(2, block.map_or(0, Self::address));
    }

    fn word(self, index: isize) -> *mut usize {
        ptr::with_exposed_provenance_mut::<usize>(self.address()).wrapping_offset(index)
    }

    fn get(self, index: isize) -> usize {
        // SAFETY: a word of a block, by the meaning of this type.
        unsafe { *self.word(index) }
    }

    fn set(self, index: isize, value: usize) {
        // SAFETY: a word of a block, by the meaning of this type.
        unsafe { *self.word(index) = value }
    }
}
