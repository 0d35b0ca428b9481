//! Port input and output (SDM volume 1, chapter 19).

use core::arch::asm;

/// Reads a byte from `port`.
///
/// # Safety
/// Runs in ring 0, and reading `port` has no effect that breaks memory safety.
#[inline]
pub unsafe fn read8(port: u16) -> u8 {
    let value: u8;
    // SAFETY: the caller vouches for the port.
    unsafe {
        asm!("in al, dx", out("al") value, in("dx") port, options(nomem, nostack, preserves_flags))
    };
    value
}

/// Writes a byte to `port`.
///
/// # Safety
/// Runs in ring 0, and writing `value` to `port` does not break memory safety.
#[inline]
pub unsafe fn write8(port: u16, value: u8) {
    // SAFETY: the caller vouches for the port.
    unsafe {
        asm!("out dx, al", in("al") value, in("dx") port, options(nomem, nostack, preserves_flags))
    };
}

/// Writes 16 bits to `port`.
///
/// # Safety
/// As [`write8`].
#[inline]
pub unsafe fn write16(port: u16, value: u16) {
    // SAFETY: the caller vouches for the port.
    unsafe {
        asm!("out dx, ax", in("ax") value, in("dx") port, options(nomem, nostack, preserves_flags))
    };
}

/// Writes 32 bits to `port`.
///
/// # Safety
/// As [`write8`].
#[inline]
pub unsafe fn write32(port: u16, value: u32) {
    // SAFETY: the caller vouches for the port.
    unsafe {
        asm!("out dx, eax", in("eax") value, in("dx") port, options(nomem, nostack, preserves_flags))
    };
}

/// Reads 32 bits from `port`.
///
/// # Safety
/// As [`read8`].
#[inline]
pub unsafe fn read32(port: u16) -> u32 {
    let value: u32;
    // SAFETY: the caller vouches for the port.
    unsafe {
        asm!("in eax, dx", out("eax") value, in("dx") port, options(nomem, nostack, preserves_flags))
    };
    value
}
