//! Processes and threads as the families of system calls see them: who makes this call, and how
//! a call waits.
//!
//! Every call that may wait does so by [`wait`], so that a signal ends the wait (EINTR) in one
//! place.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use unilith_posix_abi::{Errno, Result};
pub use unilith_sched_api::{NEVER, WaitQueue};

/// Whether the current thread has a signal to deliver, for which a wait has to end.
pub fn interrupted() -> bool {
    false
}

/// The current thread wrote to what nobody will read any more: it is to get SIGPIPE, besides the
/// EPIPE that its call gives. No signal is delivered yet, as for a process that ignores it.
pub fn broken_pipe() {}

/// Waits on queues until `ready` gives something; `None` once the monotonic clock shows
/// `deadline` (nanoseconds, [`NEVER`]). EINTR if a signal has to be delivered first.
pub fn wait<T>(
    queues: &[&WaitQueue],
    deadline: u64,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<Option<T>> {
    let result = unilith_sched_api::wait_any(queues, deadline, || match ready() {
        Some(value) => Some(Ok(value)),
        None => interrupted().then_some(Err(Errno::EINTR)),
    });
    result.transpose()
}
