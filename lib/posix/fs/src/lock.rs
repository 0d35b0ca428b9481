//! Locks on whole files (flock(2)).

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use unilith_fs_api::NodeId;
use unilith_posix_abi::raw::general::{LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN};
use unilith_posix_abi::{Errno, Fd, Result, syscall};
use unilith_posix_fd::{Description, table};
use unilith_posix_task::WaitQueue;
use unilith_sync::Lock;

/// Nanoseconds after which a lock that is in the way is looked at again: closing a description
/// wakes nobody.
const PATIENCE: u64 = 10_000_000;

/// A lock. It belongs to an open file description, and goes when that is closed for good.
struct Held {
    file: NodeId,
    owner: Weak<Description>,
    exclusive: bool,
}

impl Held {
    /// Whether it is in the way of somebody who wants a lock.
    fn stops(&self, file: NodeId, owner: &Arc<Description>, exclusive: bool) -> bool {
        let own = self.owner.as_ptr() == Arc::as_ptr(owner);
        self.file == file && !own && (exclusive || self.exclusive) && self.owner.strong_count() > 0
    }
}

static HELD: Lock<Vec<Held>> = Lock::new(Vec::new());
/// Somebody has given up a lock.
static RELEASED: WaitQueue = WaitQueue::new();

/// Gives up what a description has.
fn release(owner: &Arc<Description>) {
    HELD.lock().retain(|lock| lock.owner.as_ptr() != Arc::as_ptr(owner));
    RELEASED.wake_all();
}

/// Takes a lock, in place of the one that the description has. EAGAIN if another description
/// stands in the way.
fn take(file: NodeId, owner: &Arc<Description>, exclusive: bool) -> Result<()> {
    let mut held = HELD.lock();
    held.retain(|lock| lock.owner.strong_count() > 0);
    let own = |lock: &Held| lock.owner.as_ptr() == Arc::as_ptr(owner);
    let in_the_way = |lock: &Held| lock.file == file && !own(lock) && (exclusive || lock.exclusive);
    if held.iter().any(in_the_way) {
        return Err(Errno::EAGAIN);
    }
    held.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
    held.retain(|lock| !own(lock));
    held.push(Held { file, owner: Arc::downgrade(owner), exclusive });
    Ok(())
}

syscall! {
    /// flock(2)
    pub fn flock[__NR_flock](fd: Fd, operation: u32) -> Result<()> {
        let open = table::get(fd)?;
        let about = open.opened()?.metadata()?;
        let file = NodeId { device: about.device, inode: about.inode };
        let exclusive = match operation & !LOCK_NB {
            LOCK_SH => false,
            LOCK_EX => true,
            LOCK_UN => {
                release(&open);
                return Ok(());
            }
            _ => return Err(Errno::EINVAL),
        };
        loop {
            match take(file, &open, exclusive) {
                Err(Errno::EAGAIN) if operation & LOCK_NB == 0 => {}
                result => return result,
            }
            // What is converted is given up first, so that two who convert do not wait for ever.
            release(&open);
            let deadline = unilith_platform::monotonic_ns().saturating_add(PATIENCE);
            let free = || {
                let held = HELD.lock();
                let stops = held.iter().any(|lock| lock.stops(file, &open, exclusive));
                (!stops).then_some(())
            };
            unilith_posix_task::wait(&[&RELEASED], deadline, free)?;
        }
    }
}
