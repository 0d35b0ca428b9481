//! Kernel threads' stacks, and the switch from one to another: the unsafe part of every scheduler
//! with more than one thread.
//!
//! A scheduler decides; this crate checks. A [`Context`] runs or is suspended or has ended, only
//! the one that runs can switch away, only to one that is suspended, and a stack lives at least as
//! long as somebody is on it. So no scheduler, however wrong, runs two threads on one stack.
#![no_std]

extern crate alloc;

mod stack;

use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use stack::Stack;
use unilith_sched_api::Entry;
use unilith_sync::Lock;
use unilith_x86_64::context as arch;

#[cfg(feature = "user")]
type User = unilith_posix_api::ThreadState;

const SUSPENDED: u8 = 0;
const RUNNING: u8 = 1;
const ENDED: u8 = 2;

/// What a thread does when its entry has returned: ends.
pub type Finish = fn() -> !;

/// A thread as the processor sees it.
pub struct Context {
    state: AtomicU8,
    /// The stack pointer while it is suspended.
    pointer: AtomicUsize,
    /// None: the stack that the image booted on.
    stack: Option<Stack>,
    /// What it does, and then.
    entry: Lock<Option<(Entry, Finish)>>,
    #[cfg(feature = "user")]
    user: UnsafeCell<User>,
    /// Only to be allowed an empty cell where there is no application.
    #[cfg(not(feature = "user"))]
    _user: UnsafeCell<()>,
}

// SAFETY: the application's state is touched in `switch` only, when the context stops or starts to
// run, which happens on one processor at a time.
unsafe impl Sync for Context {}
// SAFETY: nothing in it belongs to a processor.
unsafe impl Send for Context {}

/// The context that runs, kept alive by being here.
static CURRENT: Lock<Option<Arc<Context>>> = Lock::new(None);
/// The one that ran before: its stack is left for good only when the next one is on its own.
static PREVIOUS: Lock<Option<Arc<Context>>> = Lock::new(None);

impl Context {
    fn new(state: u8, stack: Option<Stack>, entry: Option<(Entry, Finish)>) -> Option<Self> {
        #[cfg(feature = "user")]
        let end = stack.as_ref().map_or(0, Stack::end);
        Some(Self {
            state: AtomicU8::new(state),
            pointer: AtomicUsize::new(0),
            stack,
            entry: Lock::new(entry),
            #[cfg(feature = "user")]
            user: UnsafeCell::new(unilith_posix_api::new_thread(end)?),
            #[cfg(not(feature = "user"))]
            _user: UnsafeCell::new(()),
        })
    }

    /// A context that will call `entry`, then `finish`. `None` if there is no memory.
    pub fn suspended(entry: Entry, finish: Finish) -> Option<Arc<Self>> {
        let stack = Stack::new()?;
        let end = stack.end();
        let context = Arc::new(Self::new(SUSPENDED, Some(stack), Some((entry, finish)))?);
        // SAFETY: the stack is fresh and this context's own; the argument is only compared.
        let pointer = unsafe { arch::prepare(end, start, Arc::as_ptr(&context) as usize) };
        context.pointer.store(pointer, Ordering::Relaxed);
        Some(context)
    }

    /// The context that calls this, which booted the image. `None` if there is no memory, or if
    /// there is one already.
    pub fn boot() -> Option<Arc<Self>> {
        let mut current = CURRENT.lock();
        if current.is_some() {
            return None;
        }
        let context = Arc::new(Self::new(RUNNING, None, None)?);
        *current = Some(context.clone());
        Some(context)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        #[cfg(feature = "user")]
        unilith_posix_api::drop_thread(core::mem::take(self.user.get_mut()));
    }
}

/// The first code on a new stack.
extern "C" fn start(_: usize) -> ! {
    arrived();
    let entry = CURRENT.lock().as_ref().and_then(|current| current.entry.lock().take());
    match entry {
        Some((entry, finish)) => {
            entry();
            finish()
        }
        None => panic!("a thread without an entry"),
    }
}

/// On the new stack: whoever ran before has left its own.
fn arrived() {
    let previous = PREVIOUS.lock().take();
    drop(previous);
}

/// Suspends the context that runs, and lets `to` run.
///
/// # Panics
/// `to` is not suspended, or nothing runs: the scheduler is wrong.
pub fn switch(to: &Arc<Context>) {
    leave(SUSPENDED, to.clone());
}

/// Ends the context that runs, and lets `to` run, which is given away: nobody comes back to drop it.
///
/// # Panics
/// As [`switch`].
pub fn end(to: Arc<Context>) -> ! {
    leave(ENDED, to);
    unreachable!("a context that has ended is never switched to")
}

/// Keeps nothing on the stack that would have to be dropped: it may be left for good.
fn leave(state: u8, to: Arc<Context>) {
    let taken = to.state.compare_exchange(SUSPENDED, RUNNING, Ordering::Acquire, Ordering::Relaxed);
    assert!(taken.is_ok(), "the scheduler chose a thread that is not suspended");
    let load = to.pointer.load(Ordering::Relaxed);
    #[cfg(feature = "user")]
    let theirs = to.user.get();
    // It lives on there.
    let from = CURRENT.lock().replace(to);
    let Some(from) = from else { panic!("the scheduler switches before it has started") };
    if let Some(stack) = &from.stack {
        stack.check();
    }
    let save = from.pointer.as_ptr();
    #[cfg(feature = "user")]
    {
        let ours = from.user.get();
        // SAFETY: one has just stopped to run and the other not yet started, so nobody else has
        // either, and they are not the same.
        unsafe { unilith_posix_api::switch_thread(&mut *ours, &mut *theirs) };
    }
    from.state.store(state, Ordering::Release);
    *PREVIOUS.lock() = Some(from);
    // SAFETY: `to` was suspended, so its pointer was saved by this function or made by `prepare`,
    // and its state says that nobody else loads it. Its stack lives: `CURRENT` keeps it. `save` is
    // in the context that `PREVIOUS` keeps until this stack has been left.
    unsafe { arch::switch(save, load) };
    arrived();
}

/// Whether a context was started by [`Context::boot`].
pub fn has_started() -> bool {
    CURRENT.lock().is_some()
}
