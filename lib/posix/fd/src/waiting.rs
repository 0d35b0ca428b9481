//! The one place where a call decides whether it waits.

use crate::{Description, File};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use unilith_posix_abi::raw::general::O_NONBLOCK;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_task::{NEVER, wait};
use unilith_sched_api::yield_now;

/// Nanoseconds for which a program that asks without waiting may keep the processor.
const TURN: u64 = 50_000;

/// What a file is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Until something can be read, received or accepted.
    Read,
    /// Until something can be written, sent or connected.
    Write,
}

/// The point in time (monotonic) that is `timeout` nanoseconds from now. The clock, whose first
/// use may calibrate it, is not asked for 0 and for never.
pub fn deadline(timeout: Option<u64>) -> u64 {
    match timeout {
        None => NEVER,
        Some(0) => 0,
        Some(ns) => unilith_platform::monotonic_ns().saturating_add(ns),
    }
}

/// Lets devices, protocols and other threads have their turn, if a program that never waits has
/// kept the processor for a while; whether they had it.
///
/// Work that belongs to no thread is done while threads wait. An event loop that always finds
/// something to do, and a loop around a call that gives EAGAIN, would see nothing new without
/// this.
pub fn give_way() -> bool {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = unilith_platform::monotonic_ns();
    let due = now >= NEXT.load(Relaxed);
    if due {
        NEXT.store(now.saturating_add(TURN), Relaxed);
        yield_now();
    }
    due
}

/// Calls `act` until it gives something else than EAGAIN, waiting in between on the queue of the
/// open file. EAGAIN if `nonblocking` or O_NONBLOCK says so, or when the file's patience ends;
/// EINTR if a signal has to be delivered.
pub fn wait_for<T>(
    open: &Description,
    direction: Direction,
    nonblocking: bool,
    mut act: impl FnMut(&dyn File) -> Result<T>,
) -> Result<T> {
    let file = open.file();
    let first = act(file);
    if !matches!(first, Err(Errno::EAGAIN)) {
        return first;
    }
    if nonblocking || open.flags() & O_NONBLOCK != 0 {
        return if give_way() { act(file) } else { first };
    }
    let Some(queue) = file.queue() else { return first };
    let end = deadline(file.patience(direction == Direction::Write));
    wait(&[queue], end, || match act(file) {
        Err(Errno::EAGAIN) => None,
        result => Some(result),
    })?
    .unwrap_or(Err(Errno::EAGAIN))
}
