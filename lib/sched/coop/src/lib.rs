//! Threads take turns: each runs until it waits, yields or ends, and the one that has been able to
//! run for longest is next.
//!
//! The pollers of the image are run before every decision, so what arrives from devices is seen at
//! every wait; when nobody can run, the processor halts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod threads;

use alloc::sync::Arc;
use threads::Threads;
use unilith_context::Context;
use unilith_sched_api::{Entry, NEVER, Scheduler, SpawnError, ThreadId, idle, poll};
use unilith_sync::Lock;

/// The cooperative scheduler.
pub struct Coop;

static THREADS: Lock<Threads> = Lock::new(Threads::new());

impl Scheduler for Coop {
    fn spawn(entry: Entry) -> Result<ThreadId, SpawnError> {
        if !unilith_context::has_started() {
            let boot = Context::boot().ok_or(SpawnError::NoMemory)?;
            THREADS.lock().set_boot(boot);
        }
        let context = Context::suspended(entry, Coop::exit_thread);
        let context = context.ok_or(SpawnError::NoMemory)?;
        Ok(THREADS.lock().add(context))
    }

    fn current() -> ThreadId {
        THREADS.lock().current()
    }

    fn yield_now() {
        THREADS.lock().yield_current();
        if let Some(next) = choose() {
            unilith_context::switch(&next);
        }
    }

    fn exit_thread() -> ! {
        if !THREADS.lock().end_current() {
            unilith_exit::exit(0);
        }
        match choose() {
            Some(next) => unilith_context::end(next),
            None => unreachable!("a thread that has ended is not chosen"),
        }
    }

    fn block(deadline: u64) {
        if !THREADS.lock().block_current(deadline) {
            return; // it was woken before
        }
        if let Some(next) = choose() {
            unilith_context::switch(&next);
        }
    }

    fn wake(thread: ThreadId) {
        THREADS.lock().wake(thread);
    }
}

/// Who runs next; waits until somebody can. `None`: the current thread goes on.
fn choose() -> Option<Arc<Context>> {
    loop {
        poll();
        let deadline = {
            let mut threads = THREADS.lock();
            let earliest = threads.earliest();
            if earliest != NEVER {
                threads.wake_sleepers(unilith_platform::monotonic_ns());
            }
            if let Some(next) = threads.next() {
                return next;
            }
            threads.earliest()
        };
        idle(deadline);
    }
}
