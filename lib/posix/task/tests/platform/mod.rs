//! A platform that has a clock.

use crate::fake::NOW;
use std::sync::atomic::Ordering::Relaxed;
use unilith_platform::{Event, Platform, Region, Stream};

struct Clock;

impl Platform for Clock {
    const NAME: &'static str = "fake";
    fn console_write(_: Stream, _: &[u8]) {}
    fn console_read(_: &mut [u8]) -> usize {
        0
    }
    fn monotonic_ns() -> u64 {
        NOW.load(Relaxed)
    }
    fn realtime_ns() -> u64 {
        1_700_000_000_000_000_000 + NOW.load(Relaxed)
    }
    fn cycles() -> u64 {
        0
    }
    fn entry_cycles() -> u64 {
        0
    }
    fn command_line() -> &'static [u8] {
        &[]
    }
    fn initrd() -> &'static [u8] {
        &[]
    }
    fn memory(_: usize) -> Option<Region> {
        None
    }
    fn entropy(_: &mut [u8]) -> bool {
        false
    }
    fn event(_: Event<'_>) {}
    fn backtrace(_: &mut dyn FnMut(usize)) {}
    fn idle(until: u64) {
        crate::fake::idle(until);
    }
    fn exit(status: u8) -> ! {
        panic!("exit {status}")
    }
}

unilith_platform::bind!(Clock);
