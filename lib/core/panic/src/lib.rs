//! What happens when the kernel panics: a report, then the end of the machine.
#![no_std]
#![forbid(unsafe_code)]

/// Exit status of a panic: 128 + SIGABRT, as a shell would say of a program that aborts.
pub const STATUS: u8 = 134;

#[cfg(feature = "handler")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "report")]
    report::report(info);
    let _ = info;
    unilith_platform::exit(STATUS)
}

#[cfg(feature = "report")]
#[cfg_attr(not(feature = "handler"), expect(dead_code))]
mod report {
    use core::sync::atomic::{AtomicBool, Ordering};
    use unilith_platform::Event;
    use unilith_print::eprintln;

    static PANICKING: AtomicBool = AtomicBool::new(false);

    pub fn report(info: &core::panic::PanicInfo<'_>) {
        if PANICKING.swap(true, Ordering::Relaxed) {
            return; // a panic while reporting one
        }
        eprintln!("\nkernel {info}\nbacktrace (return addresses):");
        unilith_platform::backtrace(&mut |pc| {
            eprintln!("  {pc:#x}");
            unilith_platform::event(Event::Frame(pc));
        });
    }
}
