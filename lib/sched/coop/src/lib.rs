//! Threads take turns: each runs until it waits, yields or ends, and the one that has been able to
//! run for longest is next.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::collections::VecDeque;
use unilith_sched_api::{Entry, Scheduler, SpawnError, ThreadId};
use unilith_threads::{Order, Threads, Why};

/// The cooperative scheduler.
pub struct Coop;

/// Who came first is first.
struct Fifo(VecDeque<ThreadId>);

impl Order for Fifo {
    type Rank = ();
    const TIMED: bool = false;

    fn enter(&mut self, thread: ThreadId, (): &mut (), _: Why) {
        self.0.push_back(thread);
    }

    fn next(&mut self) -> Option<ThreadId> {
        self.0.pop_front()
    }
}

static THREADS: Threads<Fifo> = Threads::new(Fifo(VecDeque::new()), ());

impl Scheduler for Coop {
    fn spawn(entry: Entry) -> Result<ThreadId, SpawnError> {
        THREADS.spawn(entry, Coop::exit_thread)
    }

    fn current() -> ThreadId {
        THREADS.current()
    }

    fn yield_now() {
        THREADS.yield_now(Why::Yielded);
    }

    fn exit_thread() -> ! {
        THREADS.exit_thread()
    }

    fn block(deadline: u64) {
        THREADS.block(deadline);
    }

    fn wake(thread: ThreadId) {
        THREADS.wake(thread);
    }
}
