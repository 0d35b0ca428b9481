//! The only thread of this image. Whoever waits runs the pollers, then halts.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use unilith_sched_api::{Entry, Scheduler, SpawnError, ThreadId, idle, poll};

static WOKEN: AtomicBool = AtomicBool::new(false);

/// How often the thread waited.
pub static WAITS: AtomicU32 = AtomicU32::new(0);

struct Alone;

impl Scheduler for Alone {
    fn spawn(_: Entry) -> Result<ThreadId, SpawnError> {
        Err(SpawnError::Unsupported)
    }

    fn current() -> ThreadId {
        ThreadId(1)
    }

    fn yield_now() {
        poll();
    }

    fn exit_thread() -> ! {
        unilith_platform::exit(0)
    }

    fn block(deadline: u64) {
        WAITS.fetch_add(1, Ordering::Relaxed);
        poll();
        if !WOKEN.load(Ordering::Relaxed) {
            idle(deadline);
            poll();
        }
        WOKEN.store(false, Ordering::Relaxed);
    }

    fn wake(_: ThreadId) {
        WOKEN.store(true, Ordering::Relaxed);
    }
}

unilith_sched_api::bind!(
    Alone,
    [unilith_virtio_blk::POLLER, unilith_virtio_rng::POLLER, unilith_virtio_9p::POLLER]
);
