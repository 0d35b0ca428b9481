//! What every platform offers the libraries above it.
//!
//! A platform is a singleton of the image: there is exactly one, it is known when the image is
//! composed, and it is called from places (a panic, an allocator) where no handle can be passed.
//! So it is bound at link time: the composition root says [`bind!`]`(Qemu)` once, and the free
//! functions of this crate become direct calls to that platform, which link-time optimisation
//! inlines. There is no registry and no `dyn`. Forgetting to bind, or binding twice, is a link
//! error. `docs/decisions/001-link-time-binding.md` gives the reasons.
#![no_std]

/// Where console output goes. A platform that has only one stream merges the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stream {
    /// The application's standard output.
    Out = 1,
    /// The application's standard error, and everything that the kernel says.
    Err = 2,
}

/// A range of usable memory, by the address at which the kernel can read and write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte, in the kernel's address space; page-aligned.
    pub start: usize,
    /// Length in bytes; a multiple of the page size.
    pub len: usize,
}

/// How a cycle counter tells time: nanoseconds are cycles times the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterClock {
    /// Nanoseconds per cycle, as a 32.32 fixed-point number.
    pub rate: u64,
    /// The counter when the monotonic clock was 0.
    pub boot: u64,
    /// The counter when the wall clock was `epoch`.
    pub epoch_cycles: u64,
    /// Nanoseconds since the Unix epoch.
    pub epoch: u64,
}

/// Services that every platform offers.
pub trait Platform {
    /// The platform's name, as in the configuration: `qemu`, `linux`.
    const NAME: &'static str;

    /// Writes all of `bytes` to the console.
    fn console_write(stream: Stream, bytes: &[u8]);

    /// Reads at least one byte from the console, waiting for it; 0 is end of input.
    fn console_read(buf: &mut [u8]) -> usize;

    /// Whether [`console_read`](Self::console_read) would give something, or the end of input,
    /// without waiting. A platform that cannot tell says so always: reading waits there.
    fn console_ready() -> bool {
        true
    }

    /// Nanoseconds since boot. The first call may calibrate the clock.
    fn monotonic_ns() -> u64;

    /// How the cycle counter tells time, if it does: then [`monotonic_ns`](Self::monotonic_ns) and
    /// [`realtime_ns`](Self::realtime_ns) say the same. May calibrate the clock.
    fn counter() -> Option<CounterClock> {
        None
    }

    /// Nanoseconds since the Unix epoch, UTC.
    fn realtime_ns() -> u64;

    /// A free-running cycle counter: cheap, of unknown rate.
    fn cycles() -> u64;

    /// The cycle counter when this machine executed its first instruction of ours.
    fn entry_cycles() -> u64;

    /// The kernel command line: what the loader was told to pass on.
    fn command_line() -> &'static [u8];

    /// The initial RAM disk, where the loader put it; empty if there is none.
    fn initrd() -> &'static [u8];

    /// The `index`-th range of memory that nobody uses yet; `None` past the last.
    /// Image, initrd and boot data are not part of any range.
    fn memory(index: usize) -> Option<Region>;

    /// Fills `buf` with unpredictable bytes; `false` if this machine has no source of them.
    fn entropy(buf: &mut [u8]) -> bool;

    /// Reports `event` to whoever runs this machine; lost if nobody listens.
    fn event(event: Event<'_>);

    /// Calls `visit` with the return addresses of the caller's frames, innermost first.
    fn backtrace(visit: &mut dyn FnMut(usize));

    /// The signal (its number on Linux) that whoever runs this machine has sent since the last
    /// call: an orderly end is SIGTERM.
    fn signal() -> Option<u8> {
        None
    }

    /// Nothing to do: waits until a device interrupts or the monotonic clock shows `deadline`
    /// (nanoseconds; `u64::MAX`: no deadline). May come back earlier. What arrived since the
    /// devices were asked to interrupt ends the wait at once.
    fn idle(deadline: u64);

    /// Has an application that computes interrupted when the monotonic clock shows `at`
    /// (nanoseconds), or before, and whenever a device interrupts. A platform that cannot does
    /// nothing.
    fn alarm(at: u64) {
        let _ = at;
    }

    /// Ends the machine. `status` is what `unilith run` exits with.
    fn exit(status: u8) -> !;
}

/// Things that the runner of the machine wants to know apart from console output.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A timing mark: a name and the cycle counter when it was passed.
    Mark(&'a str, u64),
    /// A frame of a crash report: the address of an instruction in it.
    Frame(usize),
}

/// Binds the platform of this image. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($platform:ty) => {
        const _: () = {
            use $crate::Platform as _;
            #[unsafe(no_mangle)]
            fn __unilith_console_write(stream: $crate::Stream, bytes: &[u8]) {
                <$platform>::console_write(stream, bytes)
            }
            #[unsafe(no_mangle)]
            fn __unilith_console_read(buf: &mut [u8]) -> usize {
                <$platform>::console_read(buf)
            }
            #[unsafe(no_mangle)]
            fn __unilith_console_ready() -> bool {
                <$platform>::console_ready()
            }
            #[unsafe(no_mangle)]
            fn __unilith_monotonic_ns() -> u64 {
                <$platform>::monotonic_ns()
            }
            #[unsafe(no_mangle)]
            fn __unilith_realtime_ns() -> u64 {
                <$platform>::realtime_ns()
            }
            #[unsafe(no_mangle)]
            fn __unilith_counter() -> Option<$crate::CounterClock> {
                <$platform>::counter()
            }
            #[unsafe(no_mangle)]
            fn __unilith_cycles() -> u64 {
                <$platform>::cycles()
            }
            #[unsafe(no_mangle)]
            fn __unilith_entry_cycles() -> u64 {
                <$platform>::entry_cycles()
            }
            #[unsafe(no_mangle)]
            fn __unilith_backtrace(visit: &mut dyn FnMut(usize)) {
                <$platform>::backtrace(visit)
            }
            #[unsafe(no_mangle)]
            fn __unilith_command_line() -> &'static [u8] {
                <$platform>::command_line()
            }
            #[unsafe(no_mangle)]
            fn __unilith_initrd() -> &'static [u8] {
                <$platform>::initrd()
            }
            #[unsafe(no_mangle)]
            fn __unilith_memory(index: usize) -> Option<$crate::Region> {
                <$platform>::memory(index)
            }
            #[unsafe(no_mangle)]
            fn __unilith_entropy(buf: &mut [u8]) -> bool {
                <$platform>::entropy(buf)
            }
            #[unsafe(no_mangle)]
            fn __unilith_event(event: $crate::Event<'_>) {
                <$platform>::event(event)
            }
            #[unsafe(no_mangle)]
            fn __unilith_signal() -> Option<u8> {
                <$platform>::signal()
            }
            #[unsafe(no_mangle)]
            fn __unilith_idle(deadline: u64) {
                <$platform>::idle(deadline)
            }
            #[unsafe(no_mangle)]
            fn __unilith_alarm(at: u64) {
                <$platform>::alarm(at)
            }
            #[unsafe(no_mangle)]
            fn __unilith_exit(status: u8) -> ! {
                <$platform>::exit(status)
            }
        };
    };
}

macro_rules! linked {
    ($($(#[$doc:meta])* $name:ident = $symbol:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        // SAFETY: the only definitions of these symbols are made by `bind!`, whose signatures
        // are checked against the trait `Platform`, as these are.
        unsafe extern "Rust" {
            $(safe fn $symbol($($arg: $ty),*) $(-> $ret)?;)*
        }
        $($(#[$doc])* #[inline] pub fn $name($($arg: $ty),*) $(-> $ret)? { $symbol($($arg),*) })*
    };
}

linked! {
    /// See [`Platform::console_write`].
    console_write = __unilith_console_write(stream: Stream, bytes: &[u8]);
    /// See [`Platform::console_read`].
    console_read = __unilith_console_read(buf: &mut [u8]) -> usize;
    /// See [`Platform::console_ready`].
    console_ready = __unilith_console_ready() -> bool;
    /// See [`Platform::monotonic_ns`].
    monotonic_ns = __unilith_monotonic_ns() -> u64;
    /// See [`Platform::realtime_ns`].
    realtime_ns = __unilith_realtime_ns() -> u64;
    /// See [`Platform::counter`].
    counter = __unilith_counter() -> Option<CounterClock>;
    /// See [`Platform::cycles`].
    cycles = __unilith_cycles() -> u64;
    /// See [`Platform::entry_cycles`].
    entry_cycles = __unilith_entry_cycles() -> u64;
    /// See [`Platform::backtrace`].
    backtrace = __unilith_backtrace(visit: &mut dyn FnMut(usize));
    /// See [`Platform::command_line`].
    command_line = __unilith_command_line() -> &'static [u8];
    /// See [`Platform::initrd`].
    initrd = __unilith_initrd() -> &'static [u8];
    /// See [`Platform::memory`].
    memory = __unilith_memory(index: usize) -> Option<Region>;
    /// See [`Platform::entropy`].
    entropy = __unilith_entropy(buf: &mut [u8]) -> bool;
    /// See [`Platform::event`].
    event = __unilith_event(event: Event<'_>);
    /// See [`Platform::signal`].
    signal = __unilith_signal() -> Option<u8>;
    /// See [`Platform::idle`].
    idle = __unilith_idle(deadline: u64);
    /// See [`Platform::alarm`].
    alarm = __unilith_alarm(at: u64);
    /// See [`Platform::exit`].
    exit = __unilith_exit(status: u8) -> !;
}
