//! Threads share the time: one that computes is stopped when its slice is over and another one can
//! run, and at once for one of a higher real-time priority. Shares follow nice values (sched(7)).
//!
//! Only an application is stopped, while it executes its own code: the kernel is never interrupted
//! (`docs/decisions/003-interrupts-end-halts.md`), and a native application is part of it. The
//! timer is armed only when something waits: another thread, a time, or a device that does not
//! interrupt because it is polled. A thread that computes alone for a slice has the devices
//! interrupt, and is left alone otherwise.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod fair;
mod weight;

use core::sync::atomic::{AtomicBool, Ordering};
use fair::{Fair, Rank, SLICE};
use unilith_platform::{alarm, monotonic_ns};
use unilith_sched_api::{Entry, Priority, Scheduler, SpawnError, ThreadId, arm, poll};
use unilith_threads::{Order as _, Threads, Why};

/// The preemptive scheduler.
pub struct Preempt;

static THREADS: Threads<Fair> = Threads::new(Fair::new(), Rank::new());

/// Nobody has to look at devices: they interrupt, or the application has not called the kernel yet.
static QUIET: AtomicBool = AtomicBool::new(true);
/// Somebody has looked at them since the last tick.
static POLLED: AtomicBool = AtomicBool::new(false);

impl Scheduler for Preempt {
    fn spawn(entry: Entry) -> Result<ThreadId, SpawnError> {
        THREADS.spawn(entry, Preempt::exit_thread)
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

    fn polled() {
        POLLED.store(true, Ordering::Relaxed);
        end_quiet();
    }

    // What pollers are to do later is asked at the next tick.
    fn called() {
        end_quiet();
    }

    fn set_priority(thread: ThreadId, priority: Priority) -> Result<(), SpawnError> {
        THREADS.with(|table| {
            table.account_running();
            let Some((order, rank, waits)) = table.rank(thread) else { return };
            if waits {
                order.remove(thread, rank);
            }
            order.set_priority(rank, priority);
            if waits {
                order.enter(thread, rank, Why::Stopped);
            }
            table.changed();
        });
        Ok(())
    }
}

/// Has the thread that runs since `since` interrupted: in its slice, of which `left` was left then,
/// or when something is due, or after a slice if somebody has to look at devices.
fn watch(since: u64, left: u64, due: u64) {
    let left = if QUIET.load(Ordering::Relaxed) { left } else { left.min(SLICE) };
    alarm(since.saturating_add(left).min(due));
}

/// Somebody has to look at devices again, after a slice.
fn end_quiet() {
    if QUIET.load(Ordering::Relaxed) {
        QUIET.store(false, Ordering::Relaxed);
        alarm(monotonic_ns().saturating_add(SLICE));
    }
}

/// The application was interrupted while it computed.
pub fn tick() {
    // Before it looks at the devices, which the next line does.
    let computed = !POLLED.swap(false, Ordering::Relaxed);
    poll();
    POLLED.store(false, Ordering::Relaxed);
    let now = monotonic_ns();
    let stop = THREADS.with(|table| {
        // What it has run counts for whose time has come.
        table.account(now);
        table.wake_sleepers(now);
        let Some((order, rank, _)) = table.rank(table.current()) else { return false };
        order.left(rank) == 0 && !order.goes_on(rank)
    });
    if stop {
        return THREADS.yield_now(Why::Stopped);
    }
    let mut due = THREADS.with(|table| table.due());
    if computed {
        due = arm(due);
        QUIET.store(true, Ordering::Relaxed);
    }
    THREADS.with(|table| table.runs_until(due));
}
