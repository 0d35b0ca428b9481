//! A platform that has a clock.

use crate::fake::NOW;
use std::sync::atomic::Ordering::Relaxed;

struct Clock;

impl unilith_fakes::Machine for Clock {
    fn monotonic_ns() -> u64 {
        NOW.load(Relaxed)
    }
    fn realtime_ns() -> u64 {
        1_700_000_000_000_000_000 + NOW.load(Relaxed)
    }
    fn idle(until: u64) {
        crate::fake::idle(until);
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Clock>);
