//! The names that compiled code calls, with the signatures and promises of the C standard.

use core::ffi::{c_char, c_int};

/// C's `memcpy`. Safety: see [`copy`](crate::copy).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: passed on.
    unsafe { crate::copy(to, from, len) };
    to
}

/// C's `memmove`. Safety: see [`copy_overlapping`](crate::copy_overlapping).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8 {
    // SAFETY: passed on.
    unsafe { crate::copy_overlapping(to, from, len) };
    to
}

/// C's `memset`. Safety: see [`fill`](crate::fill).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: c_int, len: usize) -> *mut u8 {
    // SAFETY: passed on. The standard says that `byte` is converted to a byte.
    unsafe { crate::fill(to, byte as u8, len) };
    to
}

/// C's `memcmp`. Safety: see [`compare`](crate::compare).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, len: usize) -> c_int {
    // SAFETY: passed on.
    unsafe { crate::compare(a, b, len) }
}

/// POSIX's former `bcmp`, which compilers still call where only equality matters.
/// Safety: see [`compare`](crate::compare).
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, len: usize) -> c_int {
    // SAFETY: passed on.
    unsafe { crate::compare(a, b, len) }
}

/// C's `strlen`. Safety: see [`length`](crate::length).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    // SAFETY: passed on.
    unsafe { crate::length(text.cast()) }
}

/// What landing pads of the prebuilt standard library end with. Nothing unwinds in an image
/// (`panic = "abort"`), so no landing pad is ever entered; but where one is inlined, the linker
/// wants the name. Not a panic: this crate is linked after link-time optimisation has removed the
/// panic machinery that nobody else calls.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
