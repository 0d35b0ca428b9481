//! What interrupts a process from outside: signals of the runner, and its timer (alarm(2) and
//! setitimer(2)). It counts real time; times that a
//! process uses itself are not counted (EINVAL).

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_posix_abi::raw::general::{__kernel_old_itimerval as itimerval, ITIMER_REAL, SIGALRM};
use unilith_posix_abi::{Errno, Result, UserPtr, decode, encode, syscall};
use unilith_posix_task::{self as task, Info, NEVER};
use unilith_sched_api::Poller;

const SECOND: u64 = 1_000_000_000;
const MICROSECOND: u64 = 1000;

/// Sends what has come from outside, and SIGALRM when a timer is due.
pub const POLLER: Poller = Poller { run: expire, arm: || NEXT.load(Relaxed) };

/// When the next timer of any process is due.
static NEXT: AtomicU64 = AtomicU64::new(NEVER);

/// The application's first process, which those who run the image mean.
const FIRST: i32 = 1;

/// A timer: when it is due, and after how many nanoseconds again (0: not again).
type Timer = (u64, u64);

/// What becomes of a timer that is due, however late it is.
fn again((due, interval): Timer, now: u64) -> Option<Timer> {
    if interval == 0 {
        return None;
    }
    let missed = now.saturating_sub(due) / interval;
    Some((due.saturating_add(interval.saturating_mul(missed + 1)), interval))
}

fn expire() {
    if let Some(signal) = unilith_platform::signal() {
        // To the application: a process that has just ended does not miss it.
        let _ = task::send_process(FIRST, Info::kernel(signal.into()), false);
    }
    if NEXT.load(Relaxed) == NEVER {
        return;
    }
    let now = unilith_platform::monotonic_ns();
    while now >= NEXT.load(Relaxed) {
        let expired = task::with_process(|pid, process| {
            let timer = process.alarm.filter(|(due, _)| *due <= now)?;
            process.alarm = again(timer, now);
            Some(pid)
        });
        if let Some(pid) = expired {
            // A process that has just ended does not miss it.
            let _ = task::send_process(pid, Info::kernel(SIGALRM), false);
        }
        look();
    }
}

/// Finds out which timer is next.
fn look() {
    let mut next = NEVER;
    task::with_process(|_, process| {
        next = process.alarm.map_or(next, |(due, _)| next.min(due));
        None::<()>
    });
    NEXT.store(next, Relaxed);
}

/// Sets the timer of the current process, or only tells it: what is left, and the interval.
fn exchange(timer: Option<Option<Timer>>) -> (u64, u64) {
    let (own, now) = (task::pid(), unilith_platform::monotonic_ns());
    let before = task::with_process(|pid, process| {
        let before = (pid == own).then_some(process.alarm)?;
        process.alarm = timer.unwrap_or(before);
        Some(before)
    });
    look();
    let before = before.flatten();
    before.map_or((0, 0), |(due, interval)| (due.saturating_sub(now).max(1), interval))
}

/// A timer that is due in `ns` nanoseconds; 0 is none.
fn in_ns(ns: u64, interval: u64) -> Option<Timer> {
    (ns > 0).then(|| (unilith_platform::monotonic_ns().saturating_add(ns), interval))
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// alarm(2): the seconds that were left.
    pub fn alarm[__NR_alarm](seconds: u32) -> usize {
        let (left, _) = exchange(Some(in_ns(u64::from(seconds) * SECOND, 0)));
        left.div_ceil(SECOND) as usize
    }
}

fn write(to: UserPtr, (left, interval): (u64, u64)) -> Result<()> {
    let left = left.next_multiple_of(MICROSECOND); // what runs is not 0
    to.copy_out(&encode!(itimerval {
        it_value.tv_sec: left / SECOND,
        it_value.tv_usec: left % SECOND / MICROSECOND,
        it_interval.tv_sec: interval / SECOND,
        it_interval.tv_usec: interval % SECOND / MICROSECOND,
    }))
}

fn nanoseconds(seconds: i64, microseconds: i64) -> Result<u64> {
    match (u64::try_from(seconds), u64::try_from(microseconds)) {
        (Ok(seconds), Ok(us)) if us < SECOND / MICROSECOND => {
            Ok(seconds.saturating_mul(SECOND).saturating_add(us * MICROSECOND))
        }
        _ => Err(Errno::EINVAL),
    }
}

syscall! {
    /// setitimer(2): ITIMER_REAL.
    pub fn setitimer[__NR_setitimer](which: u32, new: UserPtr, old: UserPtr) -> Result<()> {
        if which != ITIMER_REAL {
            return Err(Errno::EINVAL);
        }
        let mut timer = None;
        if !new.is_null() {
            let bytes: [u8; size_of::<itimerval>()] = new.read()?;
            let interval = nanoseconds(
                decode!(bytes, itimerval, it_interval.tv_sec),
                decode!(bytes, itimerval, it_interval.tv_usec),
            )?;
            let first = nanoseconds(
                decode!(bytes, itimerval, it_value.tv_sec),
                decode!(bytes, itimerval, it_value.tv_usec),
            )?;
            timer = in_ns(first, interval);
        }
        let before = exchange(Some(timer));
        if old.is_null() { Ok(()) } else { write(old, before) }
    }
}

syscall! {
    /// getitimer(2): ITIMER_REAL.
    pub fn getitimer[__NR_getitimer](which: u32, to: UserPtr) -> Result<()> {
        if which != ITIMER_REAL {
            return Err(Errno::EINVAL);
        }
        write(to, exchange(None))
    }
}

#[cfg(test)]
mod tests {
    use super::again;

    #[test]
    fn missed_periods_are_passed_over() {
        assert_eq!(again((100, 0), 100), None);
        assert_eq!(again((100, 10), 100), Some((110, 10)));
        assert_eq!(again((100, 10), 135), Some((140, 10)));
        assert_eq!(again((100, u64::MAX), 135), Some((u64::MAX, u64::MAX)));
    }
}
