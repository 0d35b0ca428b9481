//! A plain Linux process: the same libraries without a machine.
//!
//! There is no libc: [`host`] makes the few system calls that a platform needs. The runner gives
//! three arguments (the kernel command line, the path of the initial RAM disk or nothing, and
//! the memory in KiB). Standard output is the application's bytes as they are; standard error is
//! framed if the command line asks for it (`docs/decisions/002-console-framing.md`).
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![no_std]

mod console;
mod crash;
mod host;
mod start;
mod user;

pub use user::LinuxUser;

use unilith_platform::{Event, Platform, Region, Stream};

/// This platform.
pub struct Linux;

impl Platform for Linux {
    const NAME: &'static str = "linux";

    fn console_write(stream: Stream, bytes: &[u8]) {
        console::write(stream, bytes);
    }

    fn console_read(buf: &mut [u8]) -> usize {
        host::read(0, buf)
    }

    fn console_ready() -> bool {
        host::readable(0)
    }

    fn monotonic_ns() -> u64 {
        host::clock_ns(linux_raw_sys::general::CLOCK_MONOTONIC)
    }

    fn realtime_ns() -> u64 {
        host::clock_ns(linux_raw_sys::general::CLOCK_REALTIME)
    }

    fn cycles() -> u64 {
        unilith_x86_64::cpu::cycles()
    }

    fn entry_cycles() -> u64 {
        start::given().map_or(0, |given| given.entry_cycles)
    }

    fn command_line() -> &'static [u8] {
        start::given().map_or(&[], |given| given.command_line)
    }

    fn initrd() -> &'static [u8] {
        start::given().map_or(&[], |given| given.initrd)
    }

    fn memory(index: usize) -> Option<Region> {
        if index == 0 { start::given()?.memory } else { None }
    }

    fn entropy(buf: &mut [u8]) -> bool {
        host::random(buf)
    }

    fn event(event: Event<'_>) {
        console::event(event);
    }

    fn backtrace(visit: &mut dyn FnMut(usize)) {
        crash::backtrace(unilith_x86_64::backtrace::frame_pointer(), visit);
    }

    fn idle(deadline: u64) {
        host::idle(deadline);
    }

    fn exit(status: u8) -> ! {
        host::exit(status)
    }
}
