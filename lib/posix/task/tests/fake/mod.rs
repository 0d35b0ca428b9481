//! A cooperative scheduler over threads of the host, of which one at a time runs, and a clock that
//! moves when nobody can run.
#![allow(dead_code)]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, MutexGuard};
use unilith_sched_api::{Entry, NEVER, Scheduler, SpawnError, ThreadId};

/// Monotonic nanoseconds.
pub static NOW: AtomicU64 = AtomicU64::new(0);

struct State {
    running: u32,
    last: u32,
    runnable: VecDeque<u32>,
    blocked: BTreeMap<u32, u64>,
    /// Wakes of threads that were not blocked.
    woken: BTreeSet<u32>,
    ended: BTreeSet<u32>,
}

static STATE: Mutex<State> = Mutex::new(State {
    running: 1,
    last: 1,
    runnable: VecDeque::new(),
    blocked: BTreeMap::new(),
    woken: BTreeSet::new(),
    ended: BTreeSet::new(),
});
static TURN: Condvar = Condvar::new();

thread_local! {
    static ME: Cell<u32> = const { Cell::new(1) };
}

/// What ends a thread of the host without a message.
struct End;

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Lets the next one run that can, after the pollers have done their work.
fn switch() {
    loop {
        unilith_sched_api::poll();
        let mut state = state();
        if let Some(next) = state.runnable.pop_front() {
            state.running = next;
            TURN.notify_all();
            return;
        }
        let deadline = state.blocked.values().min().copied().unwrap_or(NEVER);
        drop(state);
        unilith_sched_api::idle(deadline);
        let (mut state, now) = (self::state(), NOW.load(Relaxed));
        let blocked = state.blocked.iter();
        let due: Vec<u32> = blocked.filter(|(_, at)| **at <= now).map(|(id, _)| *id).collect();
        for thread in due {
            state.blocked.remove(&thread);
            state.runnable.push_back(thread);
        }
    }
}

fn await_turn(me: u32) {
    let mut state = state();
    while state.running != me {
        state = TURN.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
    }
}

/// What the processor does that has nothing to do: the clock moves on.
pub fn idle(until: u64) {
    if until == NEVER {
        eprintln!("nobody can run; blocked: {:?}", state().blocked);
        std::process::abort();
    }
    NOW.fetch_max(until, Relaxed);
}

pub struct Baton;

impl Scheduler for Baton {
    fn spawn(entry: Entry) -> Result<ThreadId, SpawnError> {
        let mut state = state();
        state.last += 1;
        let me = state.last;
        state.runnable.push_back(me);
        std::thread::spawn(move || {
            ME.set(me);
            await_turn(me);
            let ended = catch_unwind(AssertUnwindSafe(entry));
            if ended.as_ref().is_err_and(|why| !why.is::<End>()) {
                eprintln!("thread {me} panicked");
                std::process::abort();
            }
            self::state().ended.insert(me);
            switch();
        });
        Ok(ThreadId(me))
    }

    fn current() -> ThreadId {
        ThreadId(ME.get())
    }

    fn yield_now() {
        let me = ME.get();
        state().runnable.push_back(me);
        switch();
        await_turn(me);
    }

    fn exit_thread() -> ! {
        resume_unwind(Box::new(End))
    }

    fn block(deadline: u64) {
        let mut state = state();
        let me = ME.get();
        if state.woken.remove(&me) {
            return;
        }
        if deadline <= NOW.load(Relaxed) {
            state.runnable.push_back(me);
        } else {
            state.blocked.insert(me, deadline);
        }
        drop(state);
        switch();
        await_turn(me);
    }

    fn wake(thread: ThreadId) {
        let mut state = state();
        if state.blocked.remove(&thread.0).is_some() {
            state.runnable.push_back(thread.0);
        } else if !state.ended.contains(&thread.0) {
            state.woken.insert(thread.0);
        }
    }
}
