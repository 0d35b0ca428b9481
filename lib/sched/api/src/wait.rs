//! Waiting for something to happen.

use crate::{ThreadId, block, current, wake};
use alloc::sync::Weak;
use alloc::vec::Vec;
use unilith_sync::Lock;

/// Somebody who is told, instead of a thread that is woken: an epoll instance, say.
pub trait Observer: Send + Sync {
    /// What `key` stands for may have changed. Called with no lock of the queue held; must not
    /// wait.
    fn notify(&self, key: u64);
}

enum Waiter {
    Thread(ThreadId),
    Observer(Weak<dyn Observer>, u64),
}

/// Those who wait for one thing: a readable socket, a lock, the end of a thread.
///
/// Waking says that it is worth looking again, no more: whoever waits has a condition, which is
/// checked before and after.
pub struct WaitQueue {
    waiters: Lock<Vec<Waiter>>,
}

impl WaitQueue {
    /// Nobody waits.
    pub const fn new() -> Self {
        Self { waiters: Lock::new(Vec::new()) }
    }

    /// Waits until `ready` gives something, or until `deadline`: then a last time.
    pub fn wait<T>(&self, deadline: u64, ready: impl FnMut() -> Option<T>) -> Option<T> {
        wait_any(&[self], deadline, ready)
    }

    /// Has everybody look again.
    pub fn wake_all(&self) {
        // Threads deregister themselves; an observer stays. Nothing is called under the lock.
        let mut index = 0;
        loop {
            let observer = {
                let waiters = self.waiters.lock();
                match waiters.get(index) {
                    None => return,
                    Some(Waiter::Thread(thread)) => {
                        wake(*thread);
                        None
                    }
                    Some(Waiter::Observer(observer, key)) => Some((observer.clone(), *key)),
                }
            };
            index += 1;
            if let Some((observer, key)) = observer
                && let Some(observer) = observer.upgrade()
            {
                observer.notify(key);
            }
        }
    }

    /// Has at most `count` threads look again, those that have waited longest first; how many.
    pub fn wake(&self, count: usize) -> usize {
        let mut waiters = self.waiters.lock();
        let mut woken = 0;
        waiters.retain(|waiter| match waiter {
            Waiter::Thread(thread) if woken < count => {
                woken += 1;
                wake(*thread);
                false
            }
            _ => true,
        });
        woken
    }

    /// Has `observer` told with `key`, until [`forget`](Self::forget).
    pub fn observe(&self, observer: Weak<dyn Observer>, key: u64) {
        let mut waiters = self.waiters.lock();
        if waiters.len() == waiters.capacity() {
            // Before it grows: those that are gone and did not say so leave.
            waiters.retain(
                |waiter| !matches!(waiter, Waiter::Observer(known, _) if known.strong_count() == 0),
            );
        }
        waiters.push(Waiter::Observer(observer, key));
    }

    /// `observer` is not told of `key` any more.
    pub fn forget(&self, observer: &Weak<dyn Observer>, key: u64) {
        self.waiters.lock().retain(|waiter| {
            !matches!(waiter, Waiter::Observer(known, k) if *k == key && known.ptr_eq(observer))
        });
    }

    /// Whether nobody would be told.
    pub fn is_empty(&self) -> bool {
        self.waiters.lock().is_empty()
    }

    fn add(&self, thread: ThreadId) {
        self.waiters.lock().push(Waiter::Thread(thread));
    }

    fn remove(&self, thread: ThreadId) {
        let mut waiters = self.waiters.lock();
        let at = waiters.iter().position(|w| matches!(w, Waiter::Thread(t) if *t == thread));
        if let Some(at) = at {
            waiters.remove(at);
        }
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

/// Waits on several queues at once; see [`WaitQueue::wait`].
pub fn wait_any<T>(
    queues: &[&WaitQueue],
    deadline: u64,
    mut ready: impl FnMut() -> Option<T>,
) -> Option<T> {
    if let Some(value) = ready() {
        return Some(value);
    }
    let thread = current();
    loop {
        queues.iter().for_each(|queue| queue.add(thread));
        // What happened before the registration woke nobody: look again.
        let mut value = ready();
        if value.is_none() {
            block(deadline);
        }
        queues.iter().for_each(|queue| queue.remove(thread));
        value = value.or_else(&mut ready);
        let late = || deadline != crate::NEVER && unilith_platform::monotonic_ns() >= deadline;
        if value.is_some() || late() {
            return value;
        }
    }
}

/// Waits until the monotonic clock shows `deadline`.
pub fn sleep_until(deadline: u64) {
    wait_any(&[], deadline, || None::<()>);
}
