//! The platform that a test of a library binds: a machine that has only what the test says. Where it
//! needs a scheduler, too, there is one thread ([`OneThread`]).
//!
//! A test that needs a platform just to be linked binds the one that has nothing:
//! ```
//! unilith_platform::bind!(unilith_fakes::Platform);
//! # fn main() {}
//! ```
//! One that needs a part of it writes that part:
//! ```
//! struct Clock;
//!
//! impl unilith_fakes::Machine for Clock {
//!     fn monotonic_ns() -> u64 {
//!         7_000_000_000
//!     }
//! }
//!
//! unilith_platform::bind!(unilith_fakes::Platform<Clock>);
//! assert_eq!(unilith_platform::monotonic_ns(), 7_000_000_000);
//! ```
#![forbid(unsafe_code)]

mod thread;

use std::marker::PhantomData;
pub use thread::{OneThread, Waiting};
use unilith_platform::{Event, Region, Stream};

/// What a test's machine has, by the methods of [`unilith_platform::Platform`]. What is left out
/// does nothing, is empty, or is 0. An exit of the machine fails the test.
pub trait Machine {
    /// See [`unilith_platform::Platform::console_write`].
    fn console_write(_stream: Stream, _bytes: &[u8]) {}

    /// See [`unilith_platform::Platform::console_read`].
    fn console_read(_buf: &mut [u8]) -> usize {
        0
    }

    /// See [`unilith_platform::Platform::console_ready`].
    fn console_ready() -> bool {
        true
    }

    /// See [`unilith_platform::Platform::monotonic_ns`].
    fn monotonic_ns() -> u64 {
        0
    }

    /// See [`unilith_platform::Platform::realtime_ns`].
    fn realtime_ns() -> u64 {
        0
    }

    /// See [`unilith_platform::Platform::command_line`].
    fn command_line() -> &'static [u8] {
        &[]
    }

    /// See [`unilith_platform::Platform::memory`].
    fn memory(_index: usize) -> Option<Region> {
        None
    }

    /// See [`unilith_platform::Platform::entropy`].
    fn entropy(_buf: &mut [u8]) -> bool {
        false
    }

    /// See [`unilith_platform::Platform::idle`].
    fn idle(_deadline: u64) {}
}

/// The machine that has nothing.
pub struct Nothing;

impl Machine for Nothing {}

/// The platform of machine `M`, to be bound.
pub struct Platform<M = Nothing>(PhantomData<M>);

impl<M: Machine> unilith_platform::Platform for Platform<M> {
    const NAME: &'static str = "fake";

    fn console_write(stream: Stream, bytes: &[u8]) {
        M::console_write(stream, bytes);
    }

    fn console_read(buf: &mut [u8]) -> usize {
        M::console_read(buf)
    }

    fn console_ready() -> bool {
        M::console_ready()
    }

    fn monotonic_ns() -> u64 {
        M::monotonic_ns()
    }

    fn realtime_ns() -> u64 {
        M::realtime_ns()
    }

    fn cycles() -> u64 {
        0
    }

    fn entry_cycles() -> u64 {
        0
    }

    fn command_line() -> &'static [u8] {
        M::command_line()
    }

    fn initrd() -> &'static [u8] {
        &[]
    }

    fn memory(index: usize) -> Option<Region> {
        M::memory(index)
    }

    fn entropy(buf: &mut [u8]) -> bool {
        M::entropy(buf)
    }

    fn event(_: Event<'_>) {}

    fn backtrace(_: &mut dyn FnMut(usize)) {}

    fn idle(deadline: u64) {
        M::idle(deadline);
    }

    fn exit(status: u8) -> ! {
        panic!("exit {status}")
    }
}
