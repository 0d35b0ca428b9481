//! The scheduler of a test whose only thread is its own.

use std::marker::PhantomData;
use unilith_sched_api::{Entry, Scheduler, SpawnError, ThreadId};

/// What becomes of the only thread when it has to wait.
pub trait Waiting {
    /// See [`unilith_sched_api::Scheduler::block`].
    fn block(deadline: u64);
}

/// The scheduler with one thread, which waits as `W` does. To be bound.
pub struct OneThread<W>(PhantomData<W>);

impl<W: Waiting> Scheduler for OneThread<W> {
    fn spawn(_: Entry) -> Result<ThreadId, SpawnError> {
        Err(SpawnError::Unsupported)
    }

    fn current() -> ThreadId {
        ThreadId(1)
    }

    fn yield_now() {}

    fn exit_thread() -> ! {
        panic!("the only thread ends")
    }

    fn block(deadline: u64) {
        W::block(deadline);
    }

    fn wake(_: ThreadId) {}
}
