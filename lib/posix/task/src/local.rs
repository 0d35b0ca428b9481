//! State of a family of system calls that each process has its own of.

use crate::table;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_sync::Lock;

/// For families that keep their state over execve(2).
pub fn nothing() {}

/// What every process has one of. A family has one static of it, which is known to the creation
/// and the end of processes from its first use on.
pub struct ProcessLocal<T: 'static> {
    values: Lock<Vec<Option<T>>>,
    first: fn() -> T,
    inherit: fn(&T) -> T,
    exec: fn(),
    known: AtomicBool,
}

impl<T: Send + 'static> ProcessLocal<T> {
    /// `first` makes the value of a process that has none yet; `inherit` what a child gets of its
    /// parent's (called under the lock of the values); `exec` is called in a process that has
    /// just got a new program.
    pub const fn new(first: fn() -> T, inherit: fn(&T) -> T, exec: fn()) -> Self {
        Self { values: Lock::new(Vec::new()), first, inherit, exec, known: AtomicBool::new(false) }
    }

    /// Uses the current process's value, under a lock: `act` must not use this static, wait, or
    /// drop what might.
    pub fn with<R>(&'static self, act: impl FnOnce(&mut T) -> R) -> R {
        let slot = table::slot();
        {
            let mut values = self.values.lock();
            if let Some(Some(value)) = values.get_mut(slot) {
                return act(value);
            }
        }
        if !self.known.swap(true, Relaxed) {
            KNOWN.lock().push(self);
        }
        let value = (self.first)();
        let mut values = self.values.lock();
        act(place(&mut values, slot).get_or_insert(value))
    }
}

fn place<T>(values: &mut Vec<Option<T>>, slot: usize) -> &mut Option<T> {
    if values.len() <= slot {
        values.resize_with(slot + 1, || None);
    }
    &mut values[slot]
}

trait Hooks: Sync {
    fn fork(&self, parent: usize, child: usize);
    fn exec(&self);
    fn exit(&self, slot: usize);
}

impl<T: Send + 'static> Hooks for ProcessLocal<T> {
    fn fork(&self, parent: usize, child: usize) {
        let old = {
            let mut values = self.values.lock();
            let value = values.get(parent).and_then(Option::as_ref).map(self.inherit);
            core::mem::replace(place(&mut values, child), value)
        };
        drop(old);
    }

    fn exec(&self) {
        (self.exec)();
    }

    fn exit(&self, slot: usize) {
        let value = self.values.lock().get_mut(slot).and_then(Option::take);
        drop(value); // without the lock: a file that is closed may do much
    }
}

static KNOWN: Lock<Vec<&'static dyn Hooks>> = Lock::new(Vec::new());

fn for_all(act: impl Fn(&dyn Hooks)) {
    let known = KNOWN.lock().clone();
    known.into_iter().for_each(act);
}

pub(crate) fn fork(parent: usize, child: usize) {
    for_all(|family| family.fork(parent, child));
}

pub(crate) fn exec() {
    for_all(|family| family.exec());
}

pub(crate) fn exit(slot: usize) {
    for_all(|family| family.exit(slot));
}
