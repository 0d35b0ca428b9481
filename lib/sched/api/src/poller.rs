//! Work that belongs to no thread.

use unilith_platform::{idle as halt, monotonic_ns};

/// The deadline of what happens by itself never.
pub const NEVER: u64 = u64::MAX;

/// A device or a protocol that has to be looked at.
#[derive(Clone, Copy, Debug)]
pub struct Poller {
    /// Does what there is to do, without waiting; wakes whoever waited for it.
    pub run: fn(),
    /// The processor is about to halt: has devices interrupt when there is something to do. Tells
    /// at what time (monotonic, nanoseconds) `run` must be called even so: [`NEVER`], or 0 if
    /// something has arrived meanwhile.
    pub arm: fn() -> u64,
}

/// Runs all pollers once. Schedulers call it before they look for a thread that can run, and
/// after a while even if one can.
pub fn poll() {
    for poller in crate::__unilith_pollers() {
        (poller.run)();
    }
    crate::__unilith_thread_polled();
}

/// Has every device interrupt when there is something to do: until when (monotonic, nanoseconds)
/// nobody has to look even so, `deadline` at the latest. 0: something has arrived.
pub fn arm(deadline: u64) -> u64 {
    let arm = |earliest: u64, poller: &crate::Poller| earliest.min((poller.arm)());
    crate::__unilith_pollers().iter().fold(deadline, arm)
}

/// For schedulers that found nobody who can run: halts until an interrupt, `deadline`, or the
/// earliest deadline of a poller. Comes back at once if a poller has work.
pub fn idle(deadline: u64) {
    let until = arm(deadline);
    // Asking the clock may mean calibrating it: not for those who never ask.
    if until == NEVER || monotonic_ns() < until {
        halt(until);
    }
}
