//! Waiting, as long as no signal has to be delivered.

use crate::action::UNSTOPPABLE;
use crate::info::Info;
use crate::life::leaves;
use crate::send::{attention, due, note, take_signal};
use crate::table::tasks;
use unilith_posix_abi::{Errno, Result};
use unilith_sched_api::WaitQueue;

/// Whether the current thread has a signal to deliver, or is to end, for which a wait has to end.
pub fn interrupted() -> bool {
    if !attention() {
        return false;
    }
    let mut tasks = tasks();
    let (process, thread) = tasks.current();
    leaves(process, thread) || due(process, thread) != 0
}

/// Waits on queues until `ready` gives something; `None` once the monotonic clock shows
/// `deadline` (nanoseconds, [`crate::NEVER`]). EINTR if a signal has to be delivered first.
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

/// Calls `act` while the signals of `mask` are blocked instead of those that are (ppoll and its
/// kin). If a signal ends it, the mask stays until the signal has been delivered.
pub fn with_mask<T>(mask: Option<u64>, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let Some(mask) = mask else { return act() };
    {
        let mut tasks = tasks();
        let thread = tasks.thread();
        thread.saved_mask = Some(thread.blocked);
        thread.blocked = mask & !UNSTOPPABLE;
    }
    note();
    let result = act();
    if !matches!(result, Err(Errno::EINTR)) {
        restore_mask();
    }
    result
}

/// Goes back to the mask before [`with_mask`], if no handler has done so.
pub fn restore_mask() {
    let mut tasks = tasks();
    let thread = tasks.thread();
    if let Some(mask) = thread.saved_mask.take() {
        thread.blocked = mask;
    }
}

/// Waits for one of the signals in `set`, which the caller blocks; `None` at the deadline.
pub fn wait_signal(set: u64, deadline: u64) -> Result<Option<Info>> {
    let set = set & !UNSTOPPABLE;
    let waits = |set| tasks().thread().waits_for = set;
    waits(set);
    let taken = wait(&[], deadline, || take_signal(set));
    waits(0);
    taken
}
