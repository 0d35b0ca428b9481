//! Control registers, model-specific registers, CPUID, time-stamp counter, random numbers.

use core::arch::asm;
use core::arch::x86_64::{__cpuid_count, _rdtsc, CpuidResult};

/// IA32_EFER.
pub const EFER: u32 = 0xc000_0080;
/// IA32_STAR: code segments of `syscall`.
pub const STAR: u32 = 0xc000_0081;
/// IA32_LSTAR: target of `syscall` in 64-bit mode.
pub const LSTAR: u32 = 0xc000_0082;
/// IA32_FMASK: flags that `syscall` clears.
pub const FMASK: u32 = 0xc000_0084;
/// IA32_FS_BASE: the application's thread pointer.
pub const FS_BASE: u32 = 0xc000_0100;
/// IA32_GS_BASE: this processor's data.
pub const GS_BASE: u32 = 0xc000_0101;

/// Reads a model-specific register.
///
/// # Safety
/// Runs in ring 0 on a processor that has `msr`.
#[inline]
pub unsafe fn read_msr(msr: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller vouches for the register.
    unsafe {
        asm!("rdmsr", in("ecx") msr, out("eax") low, out("edx") high, options(nomem, nostack, preserves_flags))
    };
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register.
///
/// # Safety
/// Runs in ring 0, and `value` in `msr` keeps the kernel's assumptions.
#[inline]
pub unsafe fn write_msr(msr: u32, value: u64) {
    // SAFETY: the caller vouches for register and value.
    unsafe {
        asm!("wrmsr", in("ecx") msr, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack, preserves_flags))
    };
}

/// Runs CPUID.
#[inline]
pub fn cpuid(leaf: u32, sub_leaf: u32) -> CpuidResult {
    __cpuid_count(leaf, sub_leaf)
}

/// The time-stamp counter.
#[inline]
pub fn cycles() -> u64 {
    // SAFETY: every x86-64 has RDTSC, and the kernel does not forbid it (CR4.TSD is clear).
    unsafe { _rdtsc() }
}

/// The address that the last page fault was about (CR2).
///
/// # Safety
/// Runs in ring 0.
#[inline]
pub unsafe fn fault_address() -> usize {
    let address: usize;
    // SAFETY: reading CR2 in ring 0 has no effect.
    unsafe { asm!("mov {}, cr2", out(reg) address, options(nomem, nostack, preserves_flags)) };
    address
}

/// Drops every translation that is not global by writing CR3 back.
///
/// # Safety
/// Runs in ring 0.
#[inline]
pub unsafe fn flush_tlb() {
    // SAFETY: the same root stays in force.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags)) };
}

/// Drops the translation of the page at `address`.
///
/// # Safety
/// Runs in ring 0.
#[inline]
pub unsafe fn flush_page(address: usize) {
    // SAFETY: forgetting a cached translation changes no memory.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) };
}

/// Stops until an interrupt that never comes.
pub fn halt() -> ! {
    loop {
        // SAFETY: with interrupts masked nothing else happens on this processor.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

/// A random number from RDRAND, if the processor has it and it answers (SDM volume 1, 7.3.17).
pub fn random() -> Option<u64> {
    const RDRAND: u32 = 1 << 30;
    if cpuid(1, 0).ecx & RDRAND == 0 {
        return None;
    }
    (0..10).find_map(|_| {
        let (value, ok): (u64, u8);
        // SAFETY: CPUID says that RDRAND exists.
        unsafe {
            asm!("rdrand {}", "setc {}", out(reg) value, out(reg_byte) ok, options(nomem, nostack))
        };
        (ok != 0).then_some(value)
    })
}
