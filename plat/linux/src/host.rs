//! System calls of the host.

use core::arch::asm;
use linux_raw_sys::general as abi;

/// Makes a system call; a negative result is an error number.
///
/// # Safety
/// As the call demands.
pub unsafe fn call(nr: u32, args: [usize; 6]) -> isize {
    let result;
    // SAFETY: the caller keeps the call's contract; these are the registers that it changes.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr as isize => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        )
    };
    result
}

/// Writes all of `bytes`; what a closed descriptor refuses is lost.
pub fn write(descriptor: usize, bytes: &[u8]) {
    const EINTR: isize = -(linux_raw_sys::errno::EINTR as isize);
    let mut rest = bytes;
    while !rest.is_empty() {
        // SAFETY: a valid buffer.
        let n = unsafe {
            call(abi::__NR_write, [descriptor, rest.as_ptr() as usize, rest.len(), 0, 0, 0])
        };
        match n {
            EINTR => {}
            n if n <= 0 => return,
            n => rest = rest.get(n as usize..).unwrap_or_default(),
        }
    }
}

/// Reads some bytes; 0 at the end or after an error.
pub fn read(descriptor: usize, buf: &mut [u8]) -> usize {
    // SAFETY: a valid buffer.
    let n = unsafe {
        call(abi::__NR_read, [descriptor, buf.as_mut_ptr() as usize, buf.len(), 0, 0, 0])
    };
    usize::try_from(n).unwrap_or(0).min(buf.len())
}

/// Nanoseconds of one of the host's clocks.
pub fn clock_ns(clock: u32) -> u64 {
    let mut time = [0i64; 2];
    // SAFETY: a timespec is two 64-bit numbers.
    unsafe {
        call(abi::__NR_clock_gettime, [clock as usize, (&raw mut time) as usize, 0, 0, 0, 0])
    };
    time[0] as u64 * 1_000_000_000 + time[1] as u64
}

/// Sleeps until the monotonic clock shows `deadline`, or until something arrives at standard
/// input; at most for a while.
pub fn idle(deadline: u64) {
    const LONGEST_NS: u64 = 100_000_000;
    let left = deadline.saturating_sub(clock_ns(abi::CLOCK_MONOTONIC)).min(LONGEST_NS);
    wait_readable(0, left);
}

/// Whether a read gives something, or the end, without waiting.
pub fn readable(descriptor: i32) -> bool {
    wait_readable(descriptor, 0)
}

/// Waits for at most `ns` nanoseconds, less than a second, until a read would not wait.
fn wait_readable(descriptor: i32, ns: u64) -> bool {
    let mut input = abi::pollfd { fd: descriptor, events: abi::POLLIN as i16, revents: 0 };
    let time = [0i64, ns as i64];
    // SAFETY: one pollfd, and a timespec of two 64-bit numbers; no signal mask.
    let ready = unsafe {
        let (input, time) = ((&raw mut input) as usize, (&raw const time) as usize);
        call(abi::__NR_ppoll, [input, 1, time, 0, 0, 0])
    };
    ready > 0
}

/// Fills `buf` from the host's random number generator.
pub fn random(buf: &mut [u8]) -> bool {
    // SAFETY: a valid buffer.
    let n =
        unsafe { call(abi::__NR_getrandom, [buf.as_mut_ptr() as usize, buf.len(), 0, 0, 0, 0]) };
    n == buf.len() as isize
}

/// Ends the process.
pub fn exit(status: u8) -> ! {
    loop {
        // SAFETY: does not return.
        unsafe { call(abi::__NR_exit_group, [status.into(), 0, 0, 0, 0, 0]) };
    }
}

/// Maps private memory: of a file if `descriptor` is one, else zeros.
///
/// # Safety
/// With MAP_FIXED in `flags`, nothing that Rust refers to is in the way.
pub unsafe fn map(
    address: usize,
    len: usize,
    prot: u32,
    flags: u32,
    descriptor: isize,
) -> Result<usize, isize> {
    let flags = flags | abi::MAP_PRIVATE;
    // SAFETY: passed on.
    let at = unsafe {
        call(abi::__NR_mmap, [address, len, prot as usize, flags as usize, descriptor as usize, 0])
    };
    if at < 0 { Err(at) } else { Ok(at as usize) }
}
