//! No scheduler: one thread, which waits by running the pollers and halting.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicBool, Ordering};
use unilith_sched_api::{Entry, Scheduler, SpawnError, ThreadId, idle, poll};

/// The scheduler of one thread.
pub struct Single;

static WOKEN: AtomicBool = AtomicBool::new(false);
const ONLY: ThreadId = ThreadId(1);

impl Scheduler for Single {
    fn spawn(_: Entry) -> Result<ThreadId, SpawnError> {
        Err(SpawnError::Unsupported)
    }

    fn current() -> ThreadId {
        ONLY
    }

    fn yield_now() {
        poll();
    }

    fn exit_thread() -> ! {
        unilith_exit::exit(0)
    }

    fn block(deadline: u64) {
        poll();
        if !WOKEN.swap(false, Ordering::Relaxed) {
            // Coming back early is allowed: whoever waits looks again.
            idle(deadline);
        }
    }

    fn wake(thread: ThreadId) {
        if thread == ONLY {
            WOKEN.store(true, Ordering::Relaxed);
        }
    }
}
