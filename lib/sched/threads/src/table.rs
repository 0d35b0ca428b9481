//! The threads, and which of them can run.

use crate::{Order, Why};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use unilith_context::Context;
use unilith_platform::monotonic_ns;
use unilith_sched_api::{NEVER, ThreadId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It runs, or is among those that can.
    Ready,
    /// It waits for a wake or for this time.
    Blocked(u64),
}

struct Thread<R> {
    /// None: the first thread, before there is a second.
    context: Option<Arc<Context>>,
    state: State,
    /// Somebody woke it while it was not blocked.
    woken: bool,
    rank: R,
}

/// All threads.
pub struct Table<O: Order> {
    all: BTreeMap<ThreadId, Thread<O::Rank>>,
    /// Those that can run; the current one is not among them.
    order: O,
    /// Those that are blocked until some time.
    sleepers: BTreeSet<(u64, ThreadId)>,
    current: ThreadId,
    /// Since when it runs, in a timed order.
    since: u64,
    /// It does; else it waits, and another one is looked for.
    is_running: bool,
    last: u32,
    /// The rank of the first thread, which is not in `all` until it is blocked or joined by another.
    first: Option<O::Rank>,
}

/// The thread that boots.
const FIRST: ThreadId = ThreadId(1);

impl<O: Order> Table<O> {
    pub(crate) const fn new(order: O, rank: O::Rank) -> Self {
        Self {
            all: BTreeMap::new(),
            order,
            sleepers: BTreeSet::new(),
            current: FIRST,
            since: 0,
            is_running: true,
            last: FIRST.0,
            first: Some(rank),
        }
    }

    fn thread(&mut self, id: ThreadId) -> Option<&mut Thread<O::Rank>> {
        if let Some(rank) = self.first.take() {
            let first = Thread { context: None, state: State::Ready, woken: false, rank };
            self.all.insert(FIRST, first);
        }
        self.all.get_mut(&id)
    }

    /// The context of the first thread.
    pub(crate) fn set_boot(&mut self, context: Arc<Context>) {
        if let Some(first) = self.thread(FIRST) {
            first.context = Some(context);
        }
    }

    /// Adds a thread that can run. It is of the current one's rank.
    pub(crate) fn add(&mut self, context: Arc<Context>) -> ThreadId {
        let current = self.current;
        self.account_running();
        let mut rank = self.thread(current).map(|thread| thread.rank).unwrap_or_default();
        self.last += 1;
        let id = ThreadId(self.last);
        self.order.enter(id, &mut rank, Why::New);
        let thread = Thread { context: Some(context), state: State::Ready, woken: false, rank };
        self.all.insert(id, thread);
        self.changed();
        id
    }

    /// The thread that runs.
    pub fn current(&self) -> ThreadId {
        self.current
    }

    /// Counts the time that the current thread has run until `now`.
    pub fn account(&mut self, now: u64) {
        let ns = now.saturating_sub(self.since);
        self.since = now;
        if let Some(thread) = self.all.get_mut(&self.current) {
            self.order.ran(&mut thread.rank, ns);
        }
    }

    /// The same until now, in a timed order, if it does run.
    pub fn account_running(&mut self) {
        if O::TIMED && self.is_running {
            self.account(monotonic_ns());
        }
    }

    /// The current thread stops to run.
    fn pause(&mut self) {
        self.account_running();
        self.is_running = false;
    }

    /// Tells the order that something has changed for the thread that runs.
    pub fn changed(&mut self) {
        self.runs_until(self.due());
    }

    /// The same, if something else is due at `due`, earlier than those that sleep.
    pub fn runs_until(&mut self, due: u64) {
        if O::TIMED
            && self.is_running
            && let Some(thread) = self.all.get(&self.current)
        {
            self.order.runs(&thread.rank, self.since, due);
        }
    }

    /// The current thread goes to its place among all that can run.
    pub(crate) fn yield_current(&mut self, why: Why) {
        let current = self.current;
        // The first thread is entered in the table here, if nobody did before: what is not there
        // is not chosen.
        let _ = self.thread(current);
        self.pause();
        if let Some(thread) = self.all.get_mut(&current) {
            self.order.enter(current, &mut thread.rank, why);
        }
    }

    /// Forgets the current thread; false if it was the last.
    pub(crate) fn end_current(&mut self) -> bool {
        let current = self.current;
        let _ = self.thread(current);
        self.pause();
        self.all.remove(&current);
        !self.all.is_empty()
    }

    /// Blocks the current thread; false if it has been woken already.
    pub(crate) fn block_current(&mut self, deadline: u64) -> bool {
        let current = self.current;
        let Some(thread) = self.thread(current) else { return false };
        if core::mem::take(&mut thread.woken) {
            return false;
        }
        thread.state = State::Blocked(deadline);
        if deadline != NEVER {
            self.sleepers.insert((deadline, current));
        }
        self.pause();
        true
    }

    pub(crate) fn wake(&mut self, id: ThreadId) {
        let Some(thread) = self.thread(id) else { return };
        match core::mem::replace(&mut thread.state, State::Ready) {
            State::Blocked(deadline) => {
                self.sleepers.remove(&(deadline, id));
                self.account_running();
                self.woken(id);
                self.changed();
            }
            State::Ready => thread.woken = true,
        }
    }

    fn woken(&mut self, id: ThreadId) {
        if let Some(thread) = self.all.get_mut(&id) {
            thread.state = State::Ready;
            self.order.enter(id, &mut thread.rank, Why::Woken);
        }
    }

    /// When the first of those that sleep is due.
    pub fn due(&self) -> u64 {
        self.sleepers.first().map_or(NEVER, |(deadline, _)| *deadline)
    }

    /// Wakes those whose time has come.
    pub fn wake_sleepers(&mut self, now: u64) {
        while let Some(&(deadline, id)) = self.sleepers.first()
            && deadline <= now
        {
            self.sleepers.pop_first();
            self.woken(id);
        }
    }

    /// Takes the next thread that can run and makes it the current one. `None` if there is none;
    /// no context if it is the current one already.
    pub(crate) fn next(&mut self, now: u64) -> Option<Option<Arc<Context>>> {
        while let Some(id) = self.order.next() {
            let Some(thread) = self.all.get(&id) else { continue };
            let context = thread.context.clone();
            if id != self.current && context.is_none() {
                continue;
            }
            let goes_on = core::mem::replace(&mut self.current, id) == id;
            self.since = now;
            self.is_running = true;
            self.changed();
            return Some(if goes_on { None } else { context });
        }
        None
    }

    /// The order, with the rank of a thread, and whether it is in the order: it can run, and does
    /// not.
    pub fn rank(&mut self, id: ThreadId) -> Option<(&mut O, &mut O::Rank, bool)> {
        let _ = self.thread(id);
        let is_current = id == self.current && self.is_running;
        let Self { all, order, .. } = self;
        let thread = all.get_mut(&id)?;
        let waits = !is_current && thread.state == State::Ready;
        Some((order, &mut thread.rank, waits))
    }
}
