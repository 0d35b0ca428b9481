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

impl State {
    /// Lets the next one run that can.
    fn switch(&mut self) {
        if self.runnable.is_empty() {
            let due = self.blocked.iter().min_by_key(|(_, deadline)| **deadline);
            match due {
                Some((&thread, &deadline)) if deadline != NEVER => {
                    NOW.fetch_max(deadline, Relaxed);
                    self.blocked.remove(&thread);
                    self.runnable.push_back(thread);
                }
                _ => {
                    eprintln!("nobody can run; blocked: {:?}", self.blocked);
                    std::process::abort();
                }
            }
        }
        self.running = self.runnable.pop_front().unwrap_or(0);
        TURN.notify_all();
    }
}

fn await_turn(mut state: MutexGuard<'static, State>, me: u32) {
    while state.running != me {
        state = TURN.wait(state).unwrap_or_else(|poisoned| poisoned.into_inner());
    }
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
            await_turn(self::state(), me);
            let ended = catch_unwind(AssertUnwindSafe(entry));
            if ended.as_ref().is_err_and(|why| !why.is::<End>()) {
                eprintln!("thread {me} panicked");
                std::process::abort();
            }
            let mut state = self::state();
            state.ended.insert(me);
            state.switch();
        });
        Ok(ThreadId(me))
    }

    fn current() -> ThreadId {
        ThreadId(ME.get())
    }

    fn yield_now() {
        let mut state = state();
        let me = ME.get();
        state.runnable.push_back(me);
        state.switch();
        await_turn(state, me);
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
        state.switch();
        await_turn(state, me);
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

unilith_sched_api::bind!(Baton, []);
