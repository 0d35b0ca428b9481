//! Futexes (futex(2)): a thread sleeps as long as a word of memory has a value.
//!
//! There is one address space, so an address is all that names a word: FUTEX_PRIVATE_FLAG changes
//! nothing. What is not here is ENOSYS: priority inheritance (C libraries then have no such
//! mutexes), and the calls that take several words.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod operation;
mod queue;
mod robust;

pub use robust::owner_died;

use operation::Operation;
use queue::Queue;
use unilith_posix_abi::raw::general::{
    FUTEX_BITSET_MATCH_ANY, FUTEX_CLOCK_REALTIME, FUTEX_CMP_REQUEUE, FUTEX_PRIVATE_FLAG,
    FUTEX_REQUEUE, FUTEX_WAIT, FUTEX_WAIT_BITSET, FUTEX_WAKE, FUTEX_WAKE_BITSET, FUTEX_WAKE_OP,
};
use unilith_posix_abi::{Entry, Errno, Result, UserPtr, syscall};
use unilith_posix_task::NEVER;
use unilith_sched_api::ThreadId;
use unilith_sync::Lock;

/// The calls of this family.
pub const SYSCALLS: &[Entry] = &[futex::ENTRY];

static QUEUE: Lock<Queue<ThreadId>> = Lock::new(Queue::new());

fn check(address: UserPtr) -> Result<()> {
    if address.0.is_multiple_of(size_of::<u32>()) { Ok(()) } else { Err(Errno::EINVAL) }
}

/// Waits until somebody wakes `address` with a bit of `bitset`, unless its value is not `value`.
/// EAGAIN, ETIMEDOUT at `deadline` (monotonic, nanoseconds), EINTR.
pub fn wait(address: UserPtr, value: u32, deadline: u64, bitset: u32) -> Result<()> {
    check(address)?;
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    // Looking after registering: a wake that comes between is not lost.
    let waiter = QUEUE.lock().add(address.0, bitset, unilith_sched_api::current())?;
    let result = match address.read_u32() {
        Ok(now) if now == value => {
            unilith_posix_task::wait(&[], deadline, || waiter.is_woken().then_some(()))
                .and_then(|woken| woken.ok_or(Errno::ETIMEDOUT))
        }
        Ok(_) => Err(Errno::EAGAIN),
        Err(error) => Err(error),
    };
    QUEUE.lock().remove(&waiter);
    result
}

/// Wakes at most `count` who wait at `address` with a bit of `bitset`; how many.
pub fn wake(address: UserPtr, count: usize, bitset: u32) -> Result<usize> {
    check(address)?;
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    Ok(QUEUE.lock().wake(address.0, count, bitset, |&thread| unilith_sched_api::wake(thread)))
}

/// Wakes at most `wakes` who wait at `from`, and has at most `moves` others wait at `to`; how many
/// of both.
fn requeue(from: UserPtr, to: UserPtr, wakes: usize, moves: usize) -> Result<usize> {
    check(from)?;
    check(to)?;
    let woken = wake(from, wakes, FUTEX_BITSET_MATCH_ANY)?;
    Ok(woken + QUEUE.lock().requeue(from.0, to.0, moves))
}

/// The monotonic time that a timeout means: relative, or absolute by one of two clocks.
fn deadline(timeout: UserPtr, absolute: bool, realtime: bool) -> Result<u64> {
    if timeout.is_null() {
        return Ok(NEVER);
    }
    let time = timeout.read_timespec()?;
    let now = unilith_platform::monotonic_ns();
    Ok(match (absolute, realtime) {
        (false, _) => now.saturating_add(time),
        (true, false) => time,
        (true, true) => now.saturating_add(time.saturating_sub(unilith_platform::realtime_ns())),
    })
}

/// A count of threads: negative ones mean none.
fn count(register: usize) -> usize {
    usize::try_from(register as i32).unwrap_or(0)
}

syscall! {
    /// futex(2): waiting, waking and requeueing. `timeout` is a number for some operations.
    pub fn futex[__NR_futex](
        address: UserPtr,
        operation: u32,
        value: u32,
        timeout: UserPtr,
        second: UserPtr,
        third: u32,
    ) -> Result<usize> {
        let realtime = operation & FUTEX_CLOCK_REALTIME != 0;
        let command = operation & !(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
        let wakes = count(value as usize);
        let any = FUTEX_BITSET_MATCH_ANY;
        if realtime && command != FUTEX_WAIT && command != FUTEX_WAIT_BITSET {
            return Err(Errno::ENOSYS);
        }
        match command {
            FUTEX_WAIT => {
                let deadline = deadline(timeout, false, false)?;
                wait(address, value, deadline, any).map(|()| 0)
            }
            FUTEX_WAIT_BITSET => {
                let deadline = deadline(timeout, true, realtime)?;
                wait(address, value, deadline, third).map(|()| 0)
            }
            FUTEX_WAKE => wake(address, wakes, any),
            FUTEX_WAKE_BITSET => wake(address, wakes, third),
            FUTEX_REQUEUE => requeue(address, second, wakes, count(timeout.0)),
            FUTEX_CMP_REQUEUE => {
                check(address)?;
                if address.read_u32()? != third {
                    return Err(Errno::EAGAIN);
                }
                requeue(address, second, wakes, count(timeout.0))
            }
            FUTEX_WAKE_OP => {
                check(address)?;
                check(second)?;
                let operation = Operation::unpack(third)?;
                let old = second.read_u32()?;
                second.copy_out(&operation.apply(old).to_ne_bytes())?;
                let first = wake(address, wakes, any)?;
                let more = operation.holds(old);
                Ok(first + if more { wake(second, count(timeout.0), any)? } else { 0 })
            }
            _ => Err(Errno::ENOSYS),
        }
    }
}
