//! Locks on whole files (flock(2)).

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use unilith_fs_api::NodeId;
use unilith_posix_abi::raw::general::{LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN};
use unilith_posix_abi::{Errno, Fd, Result, syscall};
use unilith_posix_fd::{Description, table};
use unilith_sync::Lock;

/// EDEADLK: "Resource deadlock avoided".
const EDEADLK: Errno = Errno::from_number(unilith_posix_abi::raw::errno::EDEADLK as u16);

/// A lock. It belongs to an open file description, and goes when that is closed for good.
struct Held {
    file: NodeId,
    owner: Weak<Description>,
    exclusive: bool,
}

static HELD: Lock<Vec<Held>> = Lock::new(Vec::new());

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
    /// flock(2). A lock that another description of the same process holds is not waited for:
    /// that is EDEADLK.
    pub fn flock[__NR_flock](fd: Fd, operation: u32) -> Result<()> {
        let open = table::get(fd)?;
        let about = open.opened()?.metadata()?;
        let file = NodeId { device: about.device, inode: about.inode };
        let exclusive = match operation & !LOCK_NB {
            LOCK_SH => false,
            LOCK_EX => true,
            LOCK_UN => {
                HELD.lock().retain(|lock| lock.owner.as_ptr() != Arc::as_ptr(&open));
                return Ok(());
            }
            _ => return Err(Errno::EINVAL),
        };
        match take(file, &open, exclusive) {
            Err(Errno::EAGAIN) if operation & LOCK_NB == 0 => Err(EDEADLK),
            result => result,
        }
    }
}
