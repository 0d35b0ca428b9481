//! epoll(7).
//!
//! Every registered file has an [`Item`], which observes the file's queue. When something happens
//! to the file, the item puts itself on the ready list of its epoll, once. Waiting looks at the
//! listed items only, so that idle files cost nothing; it asks each what it is ready for, as the
//! list says no more than that something may have changed.
//!
//! An item that is level-triggered goes back to the end of the list after it was reported, and
//! leaves it when it is found not to be ready any more.

pub mod calls;
mod interest;
mod nesting;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use unilith_fs_api::{FileType, Metadata};
use unilith_posix_abi::raw::general::{EPOLLET, EPOLLEXCLUSIVE, EPOLLONESHOT, EPOLLWAKEUP};
use unilith_posix_abi::{Fd, Result};
use unilith_posix_fd::{Description, Events, File, nameless, table};
use unilith_posix_task::WaitQueue;
use unilith_sched_api::Observer;
use unilith_sync::Lock;

/// Bits of `epoll_event.events` that are no events. An item with nothing but these is disabled:
/// by EPOLLONESHOT, or because it was deleted.
const MODES: u32 = EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
/// What is reported whether it was asked for or not.
const ALWAYS: u32 = Events::ERROR.0 | Events::HANGUP.0;

/// What an item is told by its file's queue.
const CHANGED: u64 = 0;
/// What an item is told by its description.
const CLOSED: u64 = 1;

/// A number and what it stood for: a number can be used again while what it was lives on.
type Key = (i32, usize);

/// A file that is waited for.
struct Item {
    me: Weak<Item>,
    epoll: Weak<Epoll>,
    key: Key,
    open: Weak<Description>,
    events: AtomicU32,
    data: AtomicU64,
    /// It is on the ready list.
    listed: AtomicBool,
}

/// An instance of epoll.
struct Epoll {
    interest: Lock<BTreeMap<Key, Arc<Item>>>,
    ready: Lock<VecDeque<Arc<Item>>>,
    /// The instances that wait for this one.
    parents: Lock<Vec<Weak<Epoll>>>,
    queue: WaitQueue,
}

impl Item {
    /// What it would report now, if anything.
    fn occurred(&self) -> Option<Events> {
        let events = self.events.load(Relaxed);
        if events & !MODES == 0 {
            return None;
        }
        let open = self.open.upgrade()?;
        let got = open.file().ready() & Events(events);
        got.any().then_some(got)
    }

    /// Puts it on the list; whether it was not there.
    fn list(&self, epoll: &Epoll) -> bool {
        let Some(me) = self.me.upgrade() else { return false };
        let new = !self.listed.swap(true, Relaxed);
        if new {
            epoll.ready.lock().push_back(me);
        }
        new
    }

    fn observer(&self) -> Weak<dyn Observer> {
        self.me.clone()
    }

    /// Has it told of what happens to `open`.
    fn observe(&self, open: &Description) {
        if let Some(queue) = open.file().queue() {
            queue.observe(self.observer(), CHANGED);
        }
        open.closed().observe(self.observer(), CLOSED);
    }

    /// Has it told no more.
    fn forget(&self) {
        if let Some(open) = self.open.upgrade() {
            if let Some(queue) = open.file().queue() {
                queue.forget(&self.observer(), CHANGED);
            }
            open.closed().forget(&self.observer(), CLOSED);
        }
    }
}

impl Observer for Item {
    fn notify(&self, what: u64) {
        let Some(epoll) = self.epoll.upgrade() else { return };
        if what == CLOSED {
            let item = epoll.interest.lock().remove(&self.key);
            drop(item);
        } else if self.events.load(Relaxed) & !MODES != 0 && self.list(&epoll) {
            epoll.queue.wake_all();
        }
    }
}

impl Epoll {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            interest: Lock::new(BTreeMap::new()),
            ready: Lock::new(VecDeque::new()),
            parents: Lock::new(Vec::new()),
            queue: WaitQueue::new(),
        })
    }

    /// Takes the next item off the list.
    fn next(&self) -> Option<Arc<Item>> {
        let item = self.ready.lock().pop_front()?;
        // Before it is asked: what happens after that puts it on the list again.
        item.listed.store(false, Relaxed);
        Some(item)
    }

    /// Shows what happened to `report`, at most `most` times; how often. If `report` fails the
    /// event is kept for the next time.
    fn collect(
        &self,
        most: usize,
        mut report: impl FnMut(usize, Events, u64) -> Result<()>,
    ) -> Result<usize> {
        let mut reported = 0;
        // What is listed again meanwhile has its turn the next time.
        let mut pending = self.ready.lock().len();
        while pending > 0
            && reported < most
            && let Some(item) = self.next()
        {
            pending -= 1;
            let Some(events) = item.occurred() else { continue };
            if let Err(error) = report(reported, events, item.data.load(Relaxed)) {
                item.list(self);
                return if reported > 0 { Ok(reported) } else { Err(error) };
            }
            reported += 1;
            let modes = item.events.load(Relaxed) & MODES;
            if modes & EPOLLONESHOT != 0 {
                item.events.store(modes, Relaxed);
            } else if modes & EPOLLET == 0 {
                item.list(self);
            }
        }
        Ok(reported)
    }

    /// Whether there is something to report. What is not ready any more leaves the list.
    fn has_events(&self) -> bool {
        while let Some(item) = self.next() {
            if item.occurred().is_some() {
                item.list(self);
                return true;
            }
        }
        false
    }
}

/// An instance of epoll as an open file. Several descriptions never share one.
struct EpollFile(Arc<Epoll>);

impl File for EpollFile {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::CharDevice, 0o600, 2))
    }

    fn ready(&self) -> Events {
        Events::READ.when(self.0.has_events())
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }
}

impl Drop for EpollFile {
    fn drop(&mut self) {
        let items = core::mem::take(&mut *self.0.interest.lock());
        items.values().for_each(|item| item.forget());
        self.0.ready.lock().clear();
    }
}

/// Opens a new instance.
fn open(close_on_exec: bool) -> Result<Fd> {
    let file = Box::new(EpollFile(Epoll::new()));
    table::open(file, unilith_posix_abi::raw::general::O_RDWR, close_on_exec)
}
