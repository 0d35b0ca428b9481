//! Threads, waiting, and the work that is done while nobody runs.
//!
//! A scheduler is a singleton of the image, bound at link time
//! (`docs/decisions/001-link-time-binding.md`). What it must provide is small: threads that can
//! be started, parked and woken. Everything that waits is built on that: a [`WaitQueue`] names
//! what is waited for, and a [`Poller`] is work that belongs to no thread (a device's rings, a
//! protocol's timers).
//!
//! Interrupts do no work here: all that one does is to end the halt of an idle processor, whose
//! pollers then look at their devices (`docs/decisions/003-interrupts-end-halts.md`).
#![no_std]

extern crate alloc;

mod mutex;
mod poller;
mod priority;
mod wait;

pub use mutex::{Mutex, MutexGuard};
pub use poller::{NEVER, Poller, arm, idle, poll};
pub use priority::Priority;
pub use wait::{Observer, WaitQueue, sleep_until, wait_any};

use alloc::boxed::Box;

/// A thread. Numbers are given out in order and not used again: the first thread, the one that
/// boots, is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ThreadId(pub u32);

/// Why a thread could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnError {
    /// No memory for its stack.
    NoMemory,
    /// This image's scheduler has one thread only.
    Unsupported,
}

/// What a thread does.
pub type Entry = Box<dyn FnOnce() + Send>;

/// A scheduler.
pub trait Scheduler {
    /// Starts a thread. It runs when the scheduler sees fit, not before this returns.
    fn spawn(entry: Entry) -> Result<ThreadId, SpawnError>;

    /// The thread that runs.
    fn current() -> ThreadId;

    /// Lets others run that can.
    fn yield_now();

    /// Ends the current thread. The last one's end is the image's, with status 0.
    fn exit_thread() -> !;

    /// Stops the current thread until [`wake`](Self::wake) is called for it or the clock
    /// (monotonic, nanoseconds) shows `deadline`; it may also come back without either. A wake
    /// that came since the last block makes this return at once.
    fn block(deadline: u64);

    /// Lets `thread` run again; if it is not blocked, its next block returns at once. Nothing
    /// happens if there is no such thread any more.
    fn wake(thread: ThreadId);

    /// The pollers have been run ([`poll`]): devices do not interrupt.
    fn polled() {}

    /// An application has made a system call, and goes on: it may have set a timer of a poller.
    fn called() {}

    /// Sets whom `thread` goes before. [`SpawnError::Unsupported`] if all are equal here; nothing
    /// happens if there is no such thread.
    fn set_priority(thread: ThreadId, priority: Priority) -> Result<(), SpawnError> {
        let _ = (thread, priority);
        Err(SpawnError::Unsupported)
    }
}

/// Binds the scheduler of this image, and lists its pollers. Say it once, in the composition root.
#[macro_export]
macro_rules! bind {
    ($scheduler:ty, [$($poller:expr),* $(,)?]) => {
        const _: () = {
            use $crate::{Entry, Poller, Priority, Scheduler as _, SpawnError, ThreadId};
            #[unsafe(no_mangle)]
            fn __unilith_thread_spawn(entry: Entry) -> Result<ThreadId, SpawnError> {
                <$scheduler>::spawn(entry)
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_current() -> ThreadId {
                <$scheduler>::current()
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_yield() {
                <$scheduler>::yield_now()
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_exit() -> ! {
                <$scheduler>::exit_thread()
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_block(deadline: u64) {
                <$scheduler>::block(deadline)
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_wake(thread: ThreadId) {
                <$scheduler>::wake(thread)
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_polled() {
                <$scheduler>::polled()
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_called() {
                <$scheduler>::called()
            }
            #[unsafe(no_mangle)]
            fn __unilith_thread_set_priority(
                thread: ThreadId,
                priority: Priority,
            ) -> Result<(), SpawnError> {
                <$scheduler>::set_priority(thread, priority)
            }
            #[unsafe(no_mangle)]
            fn __unilith_pollers() -> &'static [Poller] {
                &[$($poller),*]
            }
        };
    };
}

macro_rules! linked {
    ($($(#[$doc:meta])* $name:ident = $symbol:ident($($arg:ident: $ty:ty),*) $(-> $ret:ty)?;)*) => {
        // SAFETY: the only definitions of these symbols are made by `bind!`, whose signatures
        // are checked against the trait `Scheduler`, as these are.
        unsafe extern "Rust" {
            safe fn __unilith_pollers() -> &'static [Poller];
            safe fn __unilith_thread_polled();
            $(safe fn $symbol($($arg: $ty),*) $(-> $ret)?;)*
        }
        $($(#[$doc])* #[inline] pub fn $name($($arg: $ty),*) $(-> $ret)? { $symbol($($arg),*) })*
    };
}

linked! {
    /// See [`Scheduler::spawn`].
    spawn = __unilith_thread_spawn(entry: Entry) -> Result<ThreadId, SpawnError>;
    /// See [`Scheduler::current`].
    current = __unilith_thread_current() -> ThreadId;
    /// See [`Scheduler::yield_now`].
    yield_now = __unilith_thread_yield();
    /// See [`Scheduler::exit_thread`].
    exit_thread = __unilith_thread_exit() -> !;
    /// See [`Scheduler::block`].
    block = __unilith_thread_block(deadline: u64);
    /// See [`Scheduler::wake`].
    wake = __unilith_thread_wake(thread: ThreadId);
    /// See [`Scheduler::called`].
    called = __unilith_thread_called();
    /// See [`Scheduler::set_priority`].
    set_priority = __unilith_thread_set_priority(thread: ThreadId, priority: Priority)
        -> Result<(), SpawnError>;
}
