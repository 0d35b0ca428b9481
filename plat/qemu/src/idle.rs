//! Waiting for an interrupt or a time, with the processor halted. The local APIC and its timer
//! start when somebody waits for the first time.

use crate::clock::{self, together};
use crate::{devices, input, softmmu};
use core::sync::atomic::{AtomicU64, Ordering};
use unilith_sync::Once;
use unilith_x86_64::apic::{self, LocalApic, Mode};
use unilith_x86_64::{cpu, interrupt, pic};

const NEVER: u64 = u64::MAX;
const NS_PER_S: u64 = 1_000_000_000;

/// What the timer counts, as far as hypervisors are concerned: both KVM's and QEMU's counts
/// nanoseconds, of which the driver has it take every 16th.
const EMULATED_HZ: u64 = NS_PER_S / 16;

static APIC: Once<Option<LocalApic>> = Once::new();

/// Timer ticks per nanosecond, as a 32.32 fixed-point number; 0: not known yet.
static RATE: AtomicU64 = AtomicU64::new(0);
/// In place of a rate: the timer takes values of the time-stamp counter.
const TSC_DEADLINE: u64 = u64::MAX;
/// In place of a rate: the timer does not count.
const BROKEN: u64 = u64::MAX - 1;
/// When the timer interrupts (monotonic, nanoseconds), unless it has done so; [`NEVER`]: it does not.
static PENDING: AtomicU64 = AtomicU64::new(NEVER);

/// The local APIC, started at the first call; `None` if this machine has none.
pub fn apic() -> Option<&'static LocalApic> {
    APIC.get_or_init(start)?.as_ref()
}

fn start() -> Option<LocalApic> {
    // SAFETY: ring 0, interrupts are disabled, and nobody else uses either controller. The mode is
    // what the processor says, and it stays.
    unsafe {
        let apic = match apic::mode()? {
            Mode::Memory(at) => LocalApic::new(Some(devices::registers(at, apic::LEN)?)),
            Mode::X2apic => LocalApic::new(None),
        };
        pic::mask();
        apic.enable();
        interrupt::start(&apic);
        #[cfg(feature = "preempt")]
        interrupt::stop_applications();
        Some(apic)
    }
}

/// Halts until an interrupt, or until the clock shows `deadline` (monotonic, nanoseconds).
pub fn idle(deadline: u64) {
    // Without a way to be woken, time passes by asking again.
    let Some(apic) = apic() else { return core::hint::spin_loop() };
    if deadline != NEVER && !arm(apic, deadline) {
        return core::hint::spin_loop();
    }
    softmmu::tick();
    input::listen();
    // SAFETY: ring 0; `start` has run. What the timer or a device did meanwhile is pending.
    unsafe { interrupt::wait() };
    input::woken();
}

/// Has the application interrupted at `at` (monotonic, nanoseconds), or before, and by devices.
#[cfg(feature = "preempt")]
pub fn alarm(at: u64) {
    let Some(apic) = apic() else { return };
    input::listen();
    let rate = rate(apic);
    if at != NEVER && rate != BROKEN {
        let now = clock::monotonic_ns();
        interrupt_at(apic, rate, now, at.max(now + 1));
    }
}

/// False if there is nothing to wait for, or no way to.
fn arm(apic: &LocalApic, deadline: u64) -> bool {
    let (rate, now) = (rate(apic), clock::monotonic_ns());
    let waits = now < deadline && rate != BROKEN;
    if waits {
        interrupt_at(apic, rate, now, deadline);
    }
    waits
}

/// Has the timer interrupt at `deadline`, which is after `now`, or before.
///
/// Who waits often waits until later every time, and for less long than that. To tell the timer each
/// time would cost more than to be woken once in vain: what it was told before stays, if it is
/// earlier.
fn interrupt_at(apic: &LocalApic, rate: u64, now: u64, deadline: u64) {
    if interrupt::has_timer_fired() {
        PENDING.store(NEVER, Ordering::Relaxed);
    }
    if PENDING.load(Ordering::Relaxed) <= deadline {
        return;
    }
    if rate == TSC_DEADLINE {
        PENDING.store(deadline, Ordering::Relaxed);
        // SAFETY: the rate says so.
        unsafe { apic.interrupt_at(clock::cycles_at(deadline)) };
        return;
    }
    let ticks = (u128::from(deadline - now) * u128::from(rate)) >> 32;
    // Rather a tick late than early and twice. Too far: it will be woken on the way.
    let (ticks, at) = match u32::try_from(ticks + 1) {
        Ok(ticks) => (ticks, deadline),
        Err(_) => (u32::MAX, now.saturating_add((u64::from(u32::MAX) << 32) / rate)),
    };
    PENDING.store(at, Ordering::Relaxed);
    apic.count_down(ticks);
}

/// See [`RATE`].
fn rate(apic: &LocalApic) -> u64 {
    let mut rate = RATE.load(Ordering::Relaxed);
    if rate == 0 {
        rate = start_timer(apic);
        RATE.store(rate, Ordering::Relaxed);
    }
    rate
}

/// Finds out which timer there is, and how fast it counts: in one millisecond.
fn start_timer(apic: &LocalApic) -> u64 {
    const MEASURE_NS: u64 = 1_000_000;
    if apic::has_tsc_deadline() {
        apic.set_tsc_deadline();
        return TSC_DEADLINE;
    }
    // The clock may have to be calibrated first, with the help of this very timer.
    clock::monotonic_ns();
    apic.set_one_shot(false);
    apic.count_down(u32::MAX);
    let read = || together(clock::monotonic_ns, || apic.ticks_left());
    let (started, first) = read();
    while clock::monotonic_ns().saturating_sub(started) < MEASURE_NS {
        core::hint::spin_loop();
    }
    let (ended, last) = read();
    apic.count_down(0);
    apic.set_one_shot(true);
    let ticks = first.wrapping_sub(last);
    if ticks == 0 {
        return BROKEN;
    }
    (u64::from(ticks) << 32) / ended.saturating_sub(started).max(1)
}

/// The rate of the time-stamp counter, measured for a millisecond against the local APIC's timer,
/// which is taken to be an emulated one.
pub fn tsc_hz() -> Option<u64> {
    const MEASURE_TICKS: u32 = (EMULATED_HZ / 1000) as u32;
    /// The timer does not count.
    const PATIENCE: usize = 1_000_000;
    let apic = apic()?;
    apic.set_one_shot(false);
    apic.count_down(u32::MAX);
    let read = || together(cpu::cycles, || apic.ticks_left());
    let (started, first) = read();
    (0..PATIENCE).find(|_| first.wrapping_sub(apic.ticks_left()) >= MEASURE_TICKS)?;
    let (ended, last) = read();
    apic.count_down(0);
    Some((ended - started) * EMULATED_HZ / u64::from(first.wrapping_sub(last)))
}
