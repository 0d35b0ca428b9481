//! A lock that may be held while its holder waits.

use crate::{NEVER, WaitQueue};
use core::ops::{Deref, DerefMut};
use unilith_sync::{Guard, Lock};

/// A value that one thread at a time may use; others wait for it. What is never held across a
/// wait is better behind a `Lock`.
pub struct Mutex<T> {
    value: Lock<T>,
    queue: WaitQueue,
}

impl<T> Mutex<T> {
    /// A free mutex around `value`.
    pub const fn new(value: T) -> Self {
        Self { value: Lock::new(value), queue: WaitQueue::new() }
    }

    /// Waits until it is free, and takes it. A thread that holds it already waits for ever.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        loop {
            let taken = self.queue.wait(NEVER, || self.value.try_lock());
            if let Some(guard) = taken {
                return MutexGuard { guard: Some(guard), queue: &self.queue };
            }
        }
    }
}

/// A mutex that is held; dropping it frees the mutex.
pub struct MutexGuard<'a, T> {
    /// None only while it is dropped.
    guard: Option<Guard<'a, T>>,
    queue: &'a WaitQueue,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        self.guard.as_ref().unwrap_or_else(|| unreachable!("held until it is dropped"))
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().unwrap_or_else(|| unreachable!("held until it is dropped"))
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.guard = None;
        self.queue.wake(1);
    }
}
