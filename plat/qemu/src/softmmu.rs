//! A favour to QEMU's translation of code (TCG). It looks guest addresses up in a table of its own,
//! which grows when it is flushed and was found to be crowded, and never otherwise. A guest with
//! one address space has no reason to flush, and would keep the 256 entries that it starts with: so
//! it does now and then, on the way to a halt. `docs/decisions/006-softmmu.md` has what it saves.

use core::sync::atomic::{AtomicU64, Ordering};
use unilith_x86_64::cpu;

/// Ticks of the time-stamp counter between two flushes: QEMU looks back over 100 ms, which no host
/// counts so far in.
const INTERVAL: u64 = 1 << 29;

/// When the next flush is due.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// There is none.
const NEVER: u64 = u64::MAX;

/// Before a halt.
pub fn tick() {
    let (now, next) = (cpu::cycles(), NEXT.load(Ordering::Relaxed));
    if now < next {
        return;
    }
    if next == 0 && !is_translated() {
        return NEXT.store(NEVER, Ordering::Relaxed);
    }
    NEXT.store(now.saturating_add(INTERVAL), Ordering::Relaxed);
    // SAFETY: ring 0.
    unsafe { cpu::flush_tlb() };
}

/// Whether QEMU translates this guest.
fn is_translated() -> bool {
    let hypervisor = cpu::cpuid(0x4000_0000, 0);
    // "TCGTCGTCGTCG"
    [hypervisor.ebx, hypervisor.ecx, hypervisor.edx] == [0x5447_4354, 0x4354_4743, 0x4743_5447]
}
