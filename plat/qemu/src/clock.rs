//! Time: KVM's clock where it is offered, else the time-stamp counter, whose rate CPUID tells or
//! the programmable interval timer measures. Nothing happens before somebody asks for time.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering, fence};
use unilith_platform::CounterClock;
use unilith_pvclock::Reading;
use unilith_x86_64::cpu::{self, cycles};
use unilith_x86_64::port;

use crate::boot::{KERNEL_BASE, entry_cycles};

const NS_PER_S: u64 = 1_000_000_000;

/// MSR_KVM_SYSTEM_TIME_NEW and MSR_KVM_WALL_CLOCK_NEW (Linux, `Documentation/virt/kvm/x86/msr.rst`).
const KVM_SYSTEM_TIME: u32 = 0x4b56_4d01;
const KVM_WALL_CLOCK: u32 = 0x4b56_4d00;
/// CPUID 0x40000001 EAX: the two MSRs above exist.
const KVM_CLOCKSOURCE2: u32 = 1 << 3;

/// `struct pvclock_vcpu_time_info`, written by the hypervisor.
#[repr(C, align(64))]
struct PvClock {
    version: u32,
    pad0: u32,
    tsc_timestamp: u64,
    system_time: u64,
    tsc_to_system_mul: u32,
    tsc_shift: i8,
    flags: u8,
    pad: [u8; 2],
}

struct Shared<T>(UnsafeCell<T>);

// SAFETY: written by the hypervisor only; read with volatile loads under a version check.
unsafe impl<T> Sync for Shared<T> {}

static PVCLOCK: Shared<PvClock> = Shared(UnsafeCell::new(PvClock {
    version: 0,
    pad0: 0,
    tsc_timestamp: 0,
    system_time: 0,
    tsc_to_system_mul: 0,
    tsc_shift: 0,
    flags: 0,
    pad: [0; 2],
}));

/// `struct pvclock_wall_clock`.
static WALL: Shared<[u32; 4]> = Shared(UnsafeCell::new([0; 4]));

/// Nanoseconds per cycle, as a 32.32 fixed-point number; 0: not known yet; [`KVM`]: ask KVM.
static RATE: AtomicU64 = AtomicU64::new(0);
const KVM: u64 = u64::MAX;
/// Nanoseconds from the Unix epoch to the moment when [`EPOCH_CYCLES`] was the cycle counter, or
/// when KVM's clock began; 0: unknown.
static EPOCH: AtomicU64 = AtomicU64::new(0);
static EPOCH_CYCLES: AtomicU64 = AtomicU64::new(0);

/// Nanoseconds since the first instruction (KVM: since the virtual machine started).
#[inline]
pub fn monotonic_ns() -> u64 {
    match RATE.load(Ordering::Relaxed) {
        0 | KVM => slow_monotonic_ns(),
        rate => scale(cycles().wrapping_sub(entry_cycles()), rate),
    }
}

/// The clock when it is KVM's, or when nobody has asked before.
#[cold]
fn slow_monotonic_ns() -> u64 {
    if uses_kvm() { kvm_reading().ns_at(cycles()) } else { ns_since(entry_cycles()) }
}

/// `elapsed` cycles in nanoseconds.
#[inline]
fn scale(elapsed: u64, rate: u64) -> u64 {
    ((u128::from(elapsed) * u128::from(rate)) >> 32) as u64
}

/// Nanoseconds since the Unix epoch. The first answer needs no rate, so the time that a file
/// system is mounted at costs no calibration.
pub fn realtime_ns() -> u64 {
    let epoch = EPOCH.load(Ordering::Relaxed);
    match (epoch, uses_kvm()) {
        (0, true) => {
            let epoch = kvm_wall_ns();
            EPOCH.store(epoch, Ordering::Relaxed);
            epoch + kvm_reading().ns_at(cycles())
        }
        (0, false) => {
            let epoch = unilith_mc146818::seconds(&Cmos) * NS_PER_S;
            EPOCH.store(epoch, Ordering::Relaxed);
            EPOCH_CYCLES.store(cycles(), Ordering::Relaxed);
            epoch
        }
        (epoch, true) => epoch + kvm_reading().ns_at(cycles()),
        (epoch, false) => epoch + ns_since(EPOCH_CYCLES.load(Ordering::Relaxed)),
    }
}

/// How the cycle counter tells time; not under KVM, whose clock changes its rate.
pub fn counter() -> Option<CounterClock> {
    realtime_ns(); // finds the epoch
    monotonic_ns(); // finds the rate
    if uses_kvm() {
        return None;
    }
    Some(CounterClock {
        rate: RATE.load(Ordering::Relaxed),
        boot: entry_cycles(),
        epoch_cycles: EPOCH_CYCLES.load(Ordering::Relaxed),
        epoch: EPOCH.load(Ordering::Relaxed),
    })
}

/// Nanoseconds since the cycle counter was `start`. Finds the rate at the first call.
fn ns_since(start: u64) -> u64 {
    let elapsed = cycles().wrapping_sub(start);
    let mut rate = RATE.load(Ordering::Relaxed);
    if rate == 0 {
        let hz = cpuid_hz().unwrap_or_else(measured_hz).max(1);
        rate = (((NS_PER_S as u128) << 32) / u128::from(hz)) as u64;
        RATE.store(rate, Ordering::Relaxed);
    }
    scale(elapsed, rate)
}

/// Whether KVM offers its clock, which is started then.
fn uses_kvm() -> bool {
    match RATE.load(Ordering::Relaxed) {
        KVM => return true,
        0 => {}
        _ => return false,
    }
    let hypervisor = cpu::cpuid(0x4000_0000, 0);
    let is_kvm =
        [hypervisor.ebx, hypervisor.ecx, hypervisor.edx] == [0x4b4d_564b, 0x564b_4d56, 0x0000_004d]; // "KVMKVMKVM"
    let offered = is_kvm && cpu::cpuid(0x4000_0001, 0).eax & KVM_CLOCKSOURCE2 != 0;
    if offered {
        const ENABLE: u64 = 1;
        let physical = PVCLOCK.0.get() as usize - KERNEL_BASE;
        // SAFETY: the MSR exists, and the structure is the hypervisor's to write from now on.
        unsafe { cpu::write_msr(KVM_SYSTEM_TIME, physical as u64 | ENABLE) };
        RATE.store(KVM, Ordering::Relaxed);
    }
    offered
}

/// The counter's rate from CPUID leaf 0x15 (SDM volume 2A, CPUID).
fn cpuid_hz() -> Option<u64> {
    if cpu::cpuid(0, 0).eax < 0x15 {
        return None;
    }
    let leaf = cpu::cpuid(0x15, 0);
    if leaf.eax == 0 || leaf.ebx == 0 || leaf.ecx == 0 {
        return None;
    }
    Some(u64::from(leaf.ecx) * u64::from(leaf.ebx) / u64::from(leaf.eax))
}

/// The counter's rate against a timer: the PIT, or that of the local APIC.
fn measured_hz() -> u64 {
    pit_hz().or_else(crate::idle::tsc_hz).unwrap_or(NS_PER_S)
}

/// Measures the counter against channel 0 of the PIT for 10 ms (Intel 8254 data sheet). Channel 2
/// would need the speaker port, which a microvm lacks; channel 0's interrupt is masked. `None`
/// if there is no PIT.
fn pit_hz() -> Option<u64> {
    const PIT_HZ: u64 = 1_193_182;
    const TICKS: u16 = 11_932; // 10 ms
    const CHANNEL0: u16 = 0x40;
    const COMMAND: u16 = 0x43;
    const LATCH: u8 = 0b0000_0000; // channel 0: hold the count for reading
    const MODE_0: u8 = 0b0011_0000; // channel 0, low then high byte, counts down once
    /// So often the count may be found unchanged: a tick is 838 ns, reading it takes long.
    const STANDSTILL: usize = 100;
    const PATIENCE: usize = 1_000_000;
    // SAFETY: ports of the PIT; it touches no memory, and nobody else uses channel 0.
    let count = || unsafe {
        port::write8(COMMAND, LATCH);
        u16::from_le_bytes([port::read8(CHANNEL0), port::read8(CHANNEL0)])
    };
    // SAFETY: as above.
    unsafe {
        port::write8(COMMAND, MODE_0);
        port::write8(CHANNEL0, 0xff);
        port::write8(CHANNEL0, 0xff);
    }
    let (started, first) = together(cycles, count);
    for round in 0..PATIENCE {
        let ticks = first.wrapping_sub(count());
        if ticks >= TICKS {
            let (ended, last) = together(cycles, count);
            let ticks = u64::from(first.wrapping_sub(last)).max(1);
            return Some((ended - started) * PIT_HZ / ticks);
        }
        if ticks == 0 && round >= STANDSTILL {
            return None;
        }
    }
    None
}

/// Reads two clocks at about the same time: tries a few times, as the host may run something else
/// in between, and takes the quickest.
pub fn together<T>(now: impl Fn() -> u64, other: impl Fn() -> T) -> (u64, T) {
    const TRIES: usize = 4;
    let read = || {
        let before = now();
        let value = other();
        let took = now().saturating_sub(before);
        (took, before + took / 2, value)
    };
    let mut best = read();
    for _ in 1..TRIES {
        let again = read();
        if again.0 < best.0 {
            best = again;
        }
    }
    (best.1, best.2)
}

fn kvm_reading() -> Reading {
    let clock = PVCLOCK.0.get();
    loop {
        // SAFETY: the hypervisor writes this structure and makes `version` odd meanwhile.
        let (before, reading, after) = unsafe {
            let before = (&raw const (*clock).version).read_volatile();
            fence(Ordering::Acquire);
            let reading = Reading {
                stamp: (&raw const (*clock).tsc_timestamp).read_volatile(),
                time: (&raw const (*clock).system_time).read_volatile(),
                mul: (&raw const (*clock).tsc_to_system_mul).read_volatile(),
                shift: (&raw const (*clock).tsc_shift).read_volatile(),
            };
            fence(Ordering::Acquire);
            let after = (&raw const (*clock).version).read_volatile();
            (before, reading, after)
        };
        if before == after && before & 1 == 0 {
            return reading;
        }
        core::hint::spin_loop();
    }
}

/// The value of the time-stamp counter at which [`monotonic_ns`] will have reached `ns`. The clock
/// has been asked before.
pub fn cycles_at(ns: u64) -> u64 {
    let rate = RATE.load(Ordering::Relaxed);
    if rate == KVM {
        return kvm_reading().cycles_at(ns);
    }
    let cycles = (u128::from(ns) << 32).div_ceil(u128::from(rate.max(1)));
    entry_cycles().saturating_add(u64::try_from(cycles).unwrap_or(u64::MAX))
}

fn kvm_wall_ns() -> u64 {
    let physical = WALL.0.get() as usize - KERNEL_BASE;
    // SAFETY: the MSR exists (KVM_CLOCKSOURCE2); the hypervisor fills the structure before the
    // instruction ends.
    let [_, seconds, nanoseconds, _] = unsafe {
        cpu::write_msr(KVM_WALL_CLOCK, physical as u64);
        WALL.0.get().read_volatile()
    };
    u64::from(seconds) * NS_PER_S + u64::from(nanoseconds)
}

/// The real-time clock's index and data ports.
struct Cmos;

impl unilith_mc146818::Registers for Cmos {
    fn read(&self, register: u8) -> u8 {
        // SAFETY: reading the RTC changes nothing.
        unsafe {
            port::write8(0x70, register);
            port::read8(0x71)
        }
    }
}
