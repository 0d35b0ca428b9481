//! QEMU's PC machines (`pc`, `q35`, `microvm`) and others that start a kernel by PVH.
//!
//! The loader leaves the processor in 32-bit mode with the address of an `hvm_start_info` in
//! EBX; [`boot`] gets from there to [`start`], which sets up what every image needs and nothing
//! else: descriptor tables and final page tables. Everything optional (clock, memory map,
//! console) starts at its first use, so an image that does not use it does not pay.
#![cfg(target_arch = "x86_64")]
#![no_std]

mod boot;
mod bus;
mod clock;
mod console;
mod crash;
mod devices;
mod idle;
mod input;
mod memory;
mod power;
mod pvh;
mod softmmu;
mod user;

use unilith_platform::{CounterClock, Event, Platform, Region, Stream};

/// This platform.
pub struct Qemu;

unsafe extern "Rust" {
    /// The composition root. Defined by the image crate.
    safe fn __unilith_main() -> !;
}

/// 64-bit entry, on the boot stack, with the boot page tables.
extern "C" fn start() -> ! {
    // SAFETY: this is the boot processor, in ring 0, and this function runs once.
    unsafe {
        unilith_x86_64::tables::load(crash::on_trap);
        memory::finish_page_tables();
    }
    __unilith_main()
}

impl Platform for Qemu {
    const NAME: &'static str = "qemu";

    fn console_write(stream: Stream, bytes: &[u8]) {
        console::write(stream, bytes);
    }

    fn console_read(buf: &mut [u8]) -> usize {
        input::read(buf)
    }

    fn console_ready() -> bool {
        input::ready()
    }

    fn monotonic_ns() -> u64 {
        clock::monotonic_ns()
    }

    fn realtime_ns() -> u64 {
        clock::realtime_ns()
    }

    fn counter() -> Option<CounterClock> {
        clock::counter()
    }

    fn cycles() -> u64 {
        unilith_x86_64::cpu::cycles()
    }

    fn entry_cycles() -> u64 {
        boot::entry_cycles()
    }

    fn command_line() -> &'static [u8] {
        pvh::command_line()
    }

    fn initrd() -> &'static [u8] {
        pvh::initrd()
    }

    fn memory(index: usize) -> Option<Region> {
        memory::region(index)
    }

    fn entropy(buf: &mut [u8]) -> bool {
        for chunk in buf.chunks_mut(8) {
            let Some(value) = unilith_x86_64::cpu::random() else { return false };
            chunk.copy_from_slice(&value.to_le_bytes()[..chunk.len()]);
        }
        true
    }

    fn event(event: Event<'_>) {
        console::event(event);
    }

    fn backtrace(visit: &mut dyn FnMut(usize)) {
        crash::backtrace(visit);
    }

    fn signal() -> Option<u8> {
        input::signal()
    }

    fn idle(deadline: u64) {
        idle::idle(deadline);
    }

    #[cfg(feature = "preempt")]
    fn alarm(at: u64) {
        idle::alarm(at);
    }

    fn exit(status: u8) -> ! {
        console::exit(status);
        power::off(status)
    }
}

/// What drivers need.
pub use bus::QemuBus;
/// The application's half of the address space.
pub use user::QemuUser;
