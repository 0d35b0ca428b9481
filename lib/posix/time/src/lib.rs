//! Clocks and sleeping.
//!
//! All clocks count nanoseconds. What a thread has used of the processor is not counted: to the
//! clocks of processes and threads it is the time since boot.
#![no_std]
#![forbid(unsafe_code)]

use unilith_posix_abi::raw::general::{
    CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_MONOTONIC_RAW,
    CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI,
    CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME, timespec, timeval,
};
use unilith_posix_abi::{Entry, Errno, Result, UserPtr, encode, syscall};
use unilith_posix_task::wait;

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

/// Waits for `ns` nanoseconds; if a signal ends that, says at `rest` how many are left.
fn sleep(ns: u64, rest: UserPtr) -> Result<()> {
    let end = unilith_platform::monotonic_ns().saturating_add(ns);
    let slept = wait(&[], end, || None::<()>);
    if slept.is_err() && !rest.is_null() {
        write_timespec(end.saturating_sub(unilith_platform::monotonic_ns()), rest)?;
    }
    slept.map(|_| ())
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
    /// nanosleep(2)
    pub fn nanosleep[__NR_nanosleep](duration: UserPtr, rest: UserPtr) -> Result<()> {
        sleep(duration.read_timespec()?, rest)
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
        if clock == CLOCK_THREAD_CPUTIME_ID {
            return Err(Errno::EINVAL);
        }
        let start = now(clock)?;
        let time = time.read_timespec()?;
        let absolute = flags & TIMER_ABSTIME != 0;
        match absolute {
            true => sleep(time.saturating_sub(start), UserPtr::NULL),
            false => sleep(time, rest),
        }
    }
}
