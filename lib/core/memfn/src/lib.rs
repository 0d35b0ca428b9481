//! The memory functions that compiled code calls when no libc is linked.
//!
//! The compiler turns copies, fills and comparisons into calls of `memcpy`, `memmove`, `memset`,
//! `memcmp`, `bcmp` and `strlen`, whatever the source says. Feature `export` defines these names;
//! only an image enables it, because a hosted program has them from its libc. Without it this
//! crate is ordinary functions, which is how they are tested.
//!
//! Small sizes matter most: most calls move less than a cache line. So up to 64 bytes take no
//! loop. They are covered by a few moves that may overlap, all loads before the first store,
//! which also makes them right for overlapping buffers. More takes a loop of 64 bytes per
//! iteration. String instructions (`rep movsb`) are not used: they cost tens of cycles to start,
//! and one step per byte where an emulator counts or interprets instructions.
//!
//! # Recursion
//! An optimiser that recognises a copy loop replaces it by a call of `memcpy`, which would be
//! this very loop. `#![no_builtins]` forbids that for this crate, through link-time optimisation
//! too; and because an unoptimised build implements even `read_unaligned` by `memcpy`,
//! loads and stores here are plain assignments of one register through a packed struct.
#![no_std]
#![no_builtins]

#[cfg(test)]
extern crate std;

mod block;
#[cfg(feature = "export")]
mod export;
mod moves;
#[cfg(test)]
mod tests;

use block::{Block, Native};

/// `memcpy`: copies `len` bytes from `from` to `to`, which do not overlap.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes. They do not overlap, unless they are
/// the same: the compiler takes the liberty of copying a value onto itself.
#[inline(always)]
pub unsafe fn copy(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: passed on.
    unsafe { moves::copy::<Native>(to, from, len) }
}

/// `memmove`: copies `len` bytes from `from` to `to`, which may overlap.
///
/// # Safety
/// `from` is readable and `to` writable for `len` bytes.
#[inline(always)]
pub unsafe fn copy_overlapping(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: passed on.
    unsafe { moves::copy_overlapping::<Native>(to, from, len) }
}

/// `memset`: sets `len` bytes at `to` to `byte`.
///
/// # Safety
/// `to` is writable for `len` bytes.
#[inline(always)]
pub unsafe fn fill(to: *mut u8, byte: u8, len: usize) {
    // SAFETY: passed on.
    unsafe { moves::fill::<Native>(to, byte, len) }
}

/// `memcmp`: negative, zero or positive as the `len` bytes at `a` are less than, equal to or
/// greater than those at `b`, compared byte by byte as unsigned numbers.
///
/// # Safety
/// `a` and `b` are readable for `len` bytes.
#[inline(always)]
pub unsafe fn compare(a: *const u8, b: *const u8, len: usize) -> i32 {
    // SAFETY: passed on.
    unsafe { moves::compare::<Native>(a, b, len) }
}

/// `strlen`: the number of bytes at `text` before the first zero.
///
/// # Safety
/// `text` is readable up to and including a zero.
#[inline(always)]
pub unsafe fn length(text: *const u8) -> usize {
    // SAFETY: passed on.
    unsafe { Native::length(text) }
}
