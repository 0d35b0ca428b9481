//! Clocks and sleeping.
//!
//! All clocks count nanoseconds. There is one thread, which never gives the processor away: so
//! the time that it has used is the time since boot, and sleeping is watching the clock.
#![no_std]
#![forbid(unsafe_code)]

use unilith_posix_abi::raw::general::{
    CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW,
    CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI,
    CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME, timespec, timeval,
};
use unilith_posix_abi::{Entry, Errno, Result, UserPtr, encode, syscall};

const SECOND: u64 = 1_000_000_000;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[
    clock_gettime::ENTRY,
    clock_getres::ENTRY,
    gettimeofday::ENTRY,
    #[cfg(target_arch = "x86_64")]
    time::ENTRY,
    nanosleep::ENTRY,
    clock_nanosleep::ENTRY,
];

/// What `clock` shows, in nanoseconds. EINVAL if there is no such clock.
pub fn now(clock: u32) -> Result<u64> {
    match clock {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => Ok(unilith_platform::realtime_ns()),
        CLOCK_MONOTONIC
        | CLOCK_MONOTONIC_COARSE
        | CLOCK_MONOTONIC_RAW
        | CLOCK_BOOTTIME
        | CLOCK_PROCESS_CPUTIME_ID
        | CLOCK_THREAD_CPUTIME_ID => Ok(unilith_platform::monotonic_ns()),
        _ => Err(Errno::EINVAL),
    }
}

fn write_timespec(ns: u64, to: UserPtr) -> Result<()> {
    to.copy_out(&encode!(timespec { tv_sec: ns / SECOND, tv_nsec: ns % SECOND }))
}

/// Waits until `clock` shows `end`.
fn sleep_until(clock: u32, end: u64) -> Result<()> {
    while now(clock)? < end {
        core::hint::spin_loop();
    }
    Ok(())
}

syscall! {
    /// clock_gettime(2)
    pub fn clock_gettime[__NR_clock_gettime](clock: u32, to: UserPtr) -> Result<()> {
        write_timespec(now(clock)?, to)
    }
}

syscall! {
    /// clock_getres(2): 1 ns.
    pub fn clock_getres[__NR_clock_getres](clock: u32, to: UserPtr) -> Result<()> {
        now(clock)?;
        if to.is_null() { Ok(()) } else { write_timespec(1, to) }
    }
}

syscall! {
    /// gettimeofday(2): the time zone is UTC.
    pub fn gettimeofday[__NR_gettimeofday](to: UserPtr, zone: UserPtr) -> Result<()> {
        let ns = unilith_platform::realtime_ns();
        if !to.is_null() {
            let value = encode!(timeval { tv_sec: ns / SECOND, tv_usec: ns % SECOND / 1000 });
            to.copy_out(&value)?;
        }
        if !zone.is_null() {
            zone.copy_out(&[0; 8])?; // struct timezone: two int
        }
        Ok(())
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// time(2)
    pub fn time[__NR_time](to: UserPtr) -> Result<usize> {
        let seconds = unilith_platform::realtime_ns() / SECOND;
        if !to.is_null() {
            to.copy_out(&seconds.to_ne_bytes())?;
        }
        Ok(seconds as usize)
    }
}

syscall! {
    /// nanosleep(2): nothing interrupts it, so there is never a rest.
    pub fn nanosleep[__NR_nanosleep](duration: UserPtr, rest: UserPtr) -> Result<()> {
        let _ = rest;
        let duration = duration.read_timespec()?;
        sleep_until(CLOCK_MONOTONIC, now(CLOCK_MONOTONIC)?.saturating_add(duration))
    }
}

syscall! {
    /// clock_nanosleep(2)
    pub fn clock_nanosleep[__NR_clock_nanosleep](
        clock: u32,
        flags: u32,
        time: UserPtr,
        rest: UserPtr,
    ) -> Result<()> {
        let _ = rest;
        if clock == CLOCK_THREAD_CPUTIME_ID {
            return Err(Errno::EINVAL);
        }
        let start = now(clock)?;
        let time = time.read_timespec()?;
        let absolute = flags & TIMER_ABSTIME != 0;
        sleep_until(clock, if absolute { time } else { start.saturating_add(time) })
    }
}
