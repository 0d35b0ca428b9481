//! The interest list: what an instance waits for.

use super::nesting::check_nesting;
use super::{ALWAYS, Epoll, EpollFile, Item, Key};
use alloc::collections::btree_map::Entry;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use unilith_posix_abi::raw::general::{
    EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLWAKEUP,
};
use unilith_posix_abi::{Errno, Fd, Result};
use unilith_posix_fd::{Description, File};

/// What may stand beside EPOLLEXCLUSIVE.
const WITH_EXCLUSIVE: u32 =
    EPOLLEXCLUSIVE | EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLET | EPOLLWAKEUP;

fn key(fd: Fd, open: &Arc<Description>) -> Key {
    (fd.0, Arc::as_ptr(open) as usize)
}

fn nested(file: &dyn File) -> Option<&Arc<Epoll>> {
    file.downcast::<EpollFile>().map(|file| &file.0)
}

/// Waits for `fd` (EPOLL_CTL_ADD). EPERM if it is always ready, EEXIST, ELOOP.
pub fn add(
    epoll: &Arc<Epoll>,
    fd: Fd,
    open: &Arc<Description>,
    events: u32,
    data: u64,
) -> Result<()> {
    let inner = nested(open.file());
    // Exclusive waking is a promise to wake at least one instance: waking all keeps it.
    if events & EPOLLEXCLUSIVE != 0 && (events & !WITH_EXCLUSIVE != 0 || inner.is_some()) {
        return Err(Errno::EINVAL);
    }
    if let Some(inner) = inner {
        check_nesting(epoll, inner)?;
    }
    let item = match epoll.interest.lock().entry(key(fd, open)) {
        Entry::Occupied(_) => return Err(Errno::EEXIST),
        Entry::Vacant(place) => {
            let item = Arc::new_cyclic(|me| Item {
                me: me.clone(),
                epoll: Arc::downgrade(epoll),
                key: key(fd, open),
                open: Arc::downgrade(open),
                events: AtomicU32::new(events | ALWAYS),
                data: AtomicU64::new(data),
                listed: AtomicBool::new(false),
            });
            place.insert(item).clone()
        }
    };
    item.observe(open);
    if let Some(inner) = inner {
        let mut parents = inner.parents.lock();
        parents.retain(|parent| parent.strong_count() > 0);
        parents.push(Arc::downgrade(epoll));
    }
    check_now(epoll, &item);
    Ok(())
}

/// Lists `item` if it is ready already.
fn check_now(epoll: &Epoll, item: &Item) {
    if item.occurred().is_some() && item.list(epoll) {
        epoll.queue.wake_all();
    }
}

/// Changes what `fd` is waited for (EPOLL_CTL_MOD). ENOENT.
pub fn modify(
    epoll: &Epoll,
    fd: Fd,
    open: &Arc<Description>,
    events: u32,
    data: u64,
) -> Result<()> {
    let item = epoll.interest.lock().get(&key(fd, open)).cloned().ok_or(Errno::ENOENT)?;
    let exclusive = (events | item.events.load(Relaxed)) & EPOLLEXCLUSIVE != 0;
    if exclusive {
        return Err(Errno::EINVAL);
    }
    item.events.store(events | ALWAYS, Relaxed);
    item.data.store(data, Relaxed);
    check_now(epoll, &item);
    Ok(())
}

/// Waits for `fd` no more (EPOLL_CTL_DEL). ENOENT.
pub fn delete(epoll: &Arc<Epoll>, fd: Fd, open: &Arc<Description>) -> Result<()> {
    let item = epoll.interest.lock().remove(&key(fd, open)).ok_or(Errno::ENOENT)?;
    item.forget();
    // It may still be listed: without events it reports nothing.
    item.events.store(0, Relaxed);
    if let Some(inner) = nested(open.file()) {
        let mut parents = inner.parents.lock();
        let at = parents.iter().position(|parent| parent.as_ptr() == Arc::as_ptr(epoll));
        if let Some(at) = at {
            parents.swap_remove(at);
        }
    }
    Ok(())
}
