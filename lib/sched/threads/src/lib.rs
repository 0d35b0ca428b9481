//! What schedulers with more than one thread share: who there is, who waits for what, and the
//! switch to who runs next. In which order they run is for the scheduler to say, by an [`Order`].
//!
//! The pollers of the image are run before every decision, so what arrives from devices is seen at
//! every wait; when nobody can run, the processor halts.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod table;

use alloc::sync::Arc;
pub use table::Table;
use unilith_context::Context;
use unilith_platform::monotonic_ns;
use unilith_sched_api::{Entry, NEVER, SpawnError, ThreadId, idle, poll};
use unilith_sync::Lock;

/// Why a thread can run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is new.
    New,
    /// What it waited for has happened.
    Woken,
    /// It lets others run.
    Yielded,
    /// It was stopped, and would go on.
    Stopped,
}

/// In which order threads run. It has those that can run and do not.
pub trait Order: Send {
    /// What it knows of a thread.
    type Rank: Copy + Default + Send;

    /// Whether it has to know how long threads run. To ask the clock costs something.
    const TIMED: bool;

    /// `thread` can run.
    fn enter(&mut self, thread: ThreadId, rank: &mut Self::Rank, why: Why);

    /// Takes out who is to run next.
    fn next(&mut self) -> Option<ThreadId>;

    /// The thread that runs has done so for so many nanoseconds more.
    fn ran(&mut self, _rank: &mut Self::Rank, _ns: u64) {}

    /// The thread of this rank runs, since `since` (monotonic, nanoseconds), and something has
    /// changed: it has begun to, or another one can run. The first of those that sleep is due at
    /// `due`.
    fn runs(&mut self, _rank: &Self::Rank, _since: u64, _due: u64) {}
}

/// The threads of an image, as one static.
pub struct Threads<O: Order>(Lock<Table<O>>);

impl<O: Order> Threads<O> {
    /// The thread that boots, alone.
    pub const fn new(order: O, rank: O::Rank) -> Self {
        Self(Lock::new(Table::new(order, rank)))
    }

    /// Does something with the table; must not wait.
    pub fn with<T>(&self, act: impl FnOnce(&mut Table<O>) -> T) -> T {
        act(&mut self.0.lock())
    }

    /// See `Scheduler::spawn`; `finish` is `Scheduler::exit_thread`.
    pub fn spawn(&self, entry: Entry, finish: fn() -> !) -> Result<ThreadId, SpawnError> {
        if !unilith_context::has_started() {
            let boot = Context::boot().ok_or(SpawnError::NoMemory)?;
            self.0.lock().set_boot(boot);
        }
        let context = Context::suspended(entry, finish).ok_or(SpawnError::NoMemory)?;
        Ok(self.0.lock().add(context))
    }

    /// See `Scheduler::current`.
    pub fn current(&self) -> ThreadId {
        self.0.lock().current()
    }

    /// See `Scheduler::yield_now`; `why` is [`Why::Yielded`] or [`Why::Stopped`].
    pub fn yield_now(&self, why: Why) {
        self.0.lock().yield_current(why);
        self.switch();
    }

    /// See `Scheduler::exit_thread`.
    pub fn exit_thread(&self) -> ! {
        if !self.0.lock().end_current() {
            unilith_exit::exit(0);
        }
        match self.choose() {
            Some(next) => unilith_context::end(next),
            None => unreachable!("a thread that has ended is not chosen"),
        }
    }

    /// See `Scheduler::block`.
    pub fn block(&self, deadline: u64) {
        // Otherwise it was woken before.
        if self.0.lock().block_current(deadline) {
            self.switch();
        }
    }

    /// See `Scheduler::wake`.
    pub fn wake(&self, thread: ThreadId) {
        self.0.lock().wake(thread);
    }

    fn switch(&self) {
        if let Some(next) = self.choose() {
            unilith_context::switch(&next);
        }
    }

    /// Who runs next; waits until somebody can. `None`: the current thread goes on.
    fn choose(&self) -> Option<Arc<Context>> {
        loop {
            poll();
            let deadline = {
                let mut table = self.0.lock();
                let now = if O::TIMED || table.due() != NEVER { monotonic_ns() } else { 0 };
                table.wake_sleepers(now);
                if let Some(next) = table.next(now) {
                    return next;
                }
                table.due()
            };
            idle(deadline);
        }
    }
}
