//! Sleeps until three deadlines, and says how often it woke up before each: a processor that
//! halts wakes up once or twice, one that does not comes back thousands of times.
#![no_std]
#![forbid(unsafe_code)]

use unilith_platform::{idle, monotonic_ns};
use unilith_print::{eprintln, println};

const NS_PER_MS: u64 = 1_000_000;
/// One for the deadline, and some for what comes early: a tick, an old interrupt.
const WAKE_UPS: u32 = 4;
/// The host runs other things too. (A clock that runs wrong is found by the test, which has one
/// of its own.)
const LATE_NS: u64 = 500 * NS_PER_MS;

/// Called once the image has booted.
pub fn main() -> i32 {
    let mut status = 0;
    for ms in [10, 250, 1000] {
        let start = monotonic_ns();
        let deadline = start + ms * NS_PER_MS;
        let mut wake_ups = 0u32;
        while monotonic_ns() < deadline {
            idle(deadline);
            wake_ups = wake_ups.saturating_add(1);
        }
        let late = monotonic_ns() - deadline;
        eprintln!("{ms} ms: {wake_ups} wake-ups, {} us late", late / 1000);
        if late > LATE_NS {
            println!("{ms} ms: too late");
            status = 1;
        } else if wake_ups > WAKE_UPS {
            println!("{ms} ms: did not halt");
            status = 1;
        } else {
            println!("{ms} ms: right");
        }
    }
    status
}
