//! Which sockets to look at.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use unilith_sched_api::{Observer, WaitQueue};
use unilith_sync::Lock;

struct Keys {
    /// In the order in which they were told of.
    listed: Vec<u64>,
    /// Which are in the list: one that is told of twice is looked at once.
    marked: Vec<bool>,
}

/// Keys of sockets whose readiness may have changed. An event loop that asks it costs as much as
/// there is to do, however many connections are idle.
pub struct ReadyList {
    keys: Lock<Keys>,
    queue: WaitQueue,
}

impl ReadyList {
    /// An empty one.
    pub fn new() -> Self {
        let keys = Keys { listed: Vec::new(), marked: Vec::new() };
        Self { keys: Lock::new(keys), queue: WaitQueue::new() }
    }

    /// Has `queue` tell of its changes under `key`.
    pub fn watch(self: &Arc<Self>, queue: &WaitQueue, key: usize) {
        let observer: Weak<dyn Observer> = Arc::<Self>::downgrade(self);
        queue.observe(observer, key as u64);
    }

    /// Waits until there are some, or until `deadline` (monotonic, nanoseconds), and moves them to
    /// `into`, which is empty.
    pub fn wait(&self, deadline: u64, into: &mut Vec<u64>) {
        self.queue.wait(deadline, || {
            let mut keys = self.keys.lock();
            let Keys { listed, marked } = &mut *keys;
            core::mem::swap(listed, into);
            for &key in into.iter() {
                marked[key as usize] = false;
            }
            (!into.is_empty()).then_some(())
        });
    }
}

impl Observer for ReadyList {
    fn notify(&self, key: u64) {
        let first = {
            let mut keys = self.keys.lock();
            let index = key as usize;
            if keys.marked.len() <= index {
                keys.marked.resize(index + 1, false);
            }
            if core::mem::replace(&mut keys.marked[index], true) {
                return;
            }
            keys.listed.push(key);
            keys.listed.len() == 1
        };
        if first {
            self.queue.wake_all();
        }
    }
}
