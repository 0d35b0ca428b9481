//! An application's memory: brk(2), mmap(2) and their kin.
//!
//! A private mapping of a file copies a page of it on the first touch. A shared mapping would have
//! to be seen by others: it is possible for files that never change (those of an archive), where
//! nobody can tell the difference, and ENODEV else.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod advice;
mod mapping;

/// The calls themselves.
pub mod calls {
    pub use crate::advice::*;
    pub use crate::mapping::*;
}

use unilith_posix_abi::Entry;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    mapping::brk::ENTRY,
    mapping::mmap::ENTRY,
    mapping::munmap::ENTRY,
    mapping::mprotect::ENTRY,
    mapping::mremap::ENTRY,
    advice::madvise::ENTRY,
    advice::msync::ENTRY,
    advice::mincore::ENTRY,
    advice::mlock::ENTRY,
    advice::munlock::ENTRY,
];
