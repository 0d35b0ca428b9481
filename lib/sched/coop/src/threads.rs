//! The threads, and who may run when.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use unilith_context::Context;
use unilith_sched_api::{NEVER, ThreadId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It runs, or is in the queue of those that can.
    Ready,
    /// It waits for a wake or for this time.
    Blocked(u64),
}

struct Thread {
    /// None: the first thread, before there is a second.
    context: Option<Arc<Context>>,
    state: State,
    /// Somebody woke it while it was not blocked.
    woken: bool,
}

/// All threads.
pub struct Threads {
    all: BTreeMap<ThreadId, Thread>,
    /// Those that can run, in order; the current one is not among them.
    ready: VecDeque<ThreadId>,
    /// Those that are blocked until some time.
    sleepers: BTreeSet<(u64, ThreadId)>,
    current: ThreadId,
    last: u32,
    /// The first thread has not been blocked or joined by another yet: it is not in `all`.
    alone: bool,
}

/// The thread that boots.
const FIRST: ThreadId = ThreadId(1);

impl Threads {
    pub const fn new() -> Self {
        Self {
            all: BTreeMap::new(),
            ready: VecDeque::new(),
            sleepers: BTreeSet::new(),
            current: FIRST,
            last: FIRST.0,
            alone: true,
        }
    }

    fn thread(&mut self, id: ThreadId) -> Option<&mut Thread> {
        if self.alone {
            self.alone = false;
            let first = Thread { context: None, state: State::Ready, woken: false };
            self.all.insert(FIRST, first);
        }
        self.all.get_mut(&id)
    }

    /// The context of the first thread.
    pub fn set_boot(&mut self, context: Arc<Context>) {
        if let Some(first) = self.thread(FIRST) {
            first.context = Some(context);
        }
    }

    /// Adds a thread that can run.
    pub fn add(&mut self, context: Arc<Context>) -> ThreadId {
        self.last += 1;
        let id = ThreadId(self.last);
        let thread = Thread { context: Some(context), state: State::Ready, woken: false };
        self.all.insert(id, thread);
        self.ready.push_back(id);
        id
    }

    pub fn current(&self) -> ThreadId {
        self.current
    }

    /// The current thread goes behind all that can run.
    pub fn yield_current(&mut self) {
        let current = self.current;
        // The first thread is entered in the table here, if nobody did before: what is not there
        // is not chosen.
        let _ = self.thread(current);
        self.ready.push_back(current);
    }

    /// Forgets the current thread; false if it was the last.
    pub fn end_current(&mut self) -> bool {
        let current = self.current;
        let _ = self.thread(current);
        self.all.remove(&current);
        !self.all.is_empty()
    }

    /// Blocks the current thread; false if it has been woken already.
    pub fn block_current(&mut self, deadline: u64) -> bool {
        let current = self.current;
        let Some(thread) = self.thread(current) else { return false };
        if core::mem::take(&mut thread.woken) {
            return false;
        }
        thread.state = State::Blocked(deadline);
        if deadline != NEVER {
            self.sleepers.insert((deadline, current));
        }
        true
    }

    pub fn wake(&mut self, id: ThreadId) {
        let Some(thread) = self.thread(id) else { return };
        match core::mem::replace(&mut thread.state, State::Ready) {
            State::Blocked(deadline) => {
                self.ready.push_back(id);
                self.sleepers.remove(&(deadline, id));
            }
            State::Ready => thread.woken = true,
        }
    }

    /// When the first of those that sleep is due.
    pub fn earliest(&self) -> u64 {
        self.sleepers.first().map_or(NEVER, |(deadline, _)| *deadline)
    }

    /// Wakes those whose time has come.
    pub fn wake_sleepers(&mut self, now: u64) {
        while let Some(&(deadline, id)) = self.sleepers.first() {
            if deadline > now {
                return;
            }
            self.sleepers.pop_first();
            if let Some(thread) = self.all.get_mut(&id) {
                thread.state = State::Ready;
                self.ready.push_back(id);
            }
        }
    }

    /// Takes the next thread that can run and makes it the current one. `None` if there is none;
    /// no context if it is the current one already.
    pub fn next(&mut self) -> Option<Option<Arc<Context>>> {
        while let Some(id) = self.ready.pop_front() {
            if id == self.current && self.all.contains_key(&id) {
                return Some(None);
            }
            if let Some(context) = self.all.get(&id).and_then(|thread| thread.context.clone()) {
                self.current = id;
                return Some(Some(context));
            }
        }
        None
    }
}
