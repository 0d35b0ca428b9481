//! The order: real-time priorities first, then whoever has had least of its share.

use crate::weight::{UNIT, weight};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use unilith_sched_api::{NEVER, Priority, ThreadId};
use unilith_threads::Why;

/// How long a thread runs before others have their turn, nanoseconds.
pub const SLICE: u64 =
    unilith_config::number(option_env!("CONFIG_SCHED_SLICE"), 4) as u64 * 1_000_000;
/// The same among equals of SCHED_RR.
pub const ROUND: u64 = 100_000_000;

/// What is known of a thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rank {
    pub priority: Priority,
    /// The time that it has run, as much slower as its weight is larger, nanoseconds.
    time: u64,
    /// Tells it from others of the same time.
    number: u64,
    /// How long it has run since it began to, or since its last slice ended, nanoseconds.
    used: u64,
}

impl Rank {
    pub const fn new() -> Self {
        Self { priority: Priority::Fair(0), time: 0, number: 0, used: 0 }
    }

    /// Its level, if it is real-time.
    fn level(&self) -> Option<u8> {
        match self.priority {
            Priority::Fifo(level) | Priority::RoundRobin(level) => Some(level),
            Priority::Fair(_) | Priority::Idle => None,
        }
    }

    /// How long it may run while its equals wait.
    fn slice(&self) -> u64 {
        match self.priority {
            Priority::Fifo(_) => NEVER,
            Priority::RoundRobin(_) => ROUND,
            Priority::Fair(_) | Priority::Idle => SLICE,
        }
    }
}

/// Those that can run.
pub struct Fair {
    /// By level.
    realtime: BTreeMap<u8, VecDeque<ThreadId>>,
    /// By time and number.
    fair: BTreeSet<(u64, u64, ThreadId)>,
    /// A time that nobody who runs is before by much: who comes from a wait is not paid for it.
    floor: u64,
    count: u64,
}

impl Fair {
    pub const fn new() -> Self {
        Self { realtime: BTreeMap::new(), fair: BTreeSet::new(), floor: 0, count: 0 }
    }

    /// `thread` can run.
    pub fn enter(&mut self, thread: ThreadId, rank: &mut Rank, why: Why) {
        if let Some(level) = rank.level() {
            let queue = self.realtime.entry(level).or_default();
            // Who was stopped by a higher one goes on before its equals.
            if why == Why::Stopped && rank.used < rank.slice() {
                queue.push_front(thread);
            } else {
                rank.used = 0;
                queue.push_back(thread);
            }
            return;
        }
        rank.used = 0;
        rank.time = match why {
            Why::New => rank.time.max(self.floor),
            // It has its turn soon, but cannot save up for more than half a slice.
            Why::Woken => rank.time.max(self.floor.saturating_sub(SLICE / 2)),
            Why::Yielded => rank.time.max(self.fair.last().map_or(0, |last| last.0)),
            Why::Stopped => rank.time,
        };
        self.count += 1;
        rank.number = self.count;
        self.fair.insert((rank.time, rank.number, thread));
    }

    /// Takes out who is next.
    pub fn next(&mut self) -> Option<ThreadId> {
        if let Some(mut level) = self.realtime.last_entry() {
            let next = level.get_mut().pop_front();
            if level.get().is_empty() {
                level.remove();
            }
            if next.is_some() {
                return next;
            }
        }
        let (time, _, thread) = self.fair.pop_first()?;
        self.floor = self.floor.max(time);
        Some(thread)
    }

    /// Takes `thread` out, which is in it.
    pub fn remove(&mut self, thread: ThreadId, rank: &Rank) {
        let Some(level) = rank.level() else {
            self.fair.remove(&(rank.time, rank.number, thread));
            return;
        };
        if let Some(queue) = self.realtime.get_mut(&level) {
            queue.retain(|other| *other != thread);
            if queue.is_empty() {
                self.realtime.remove(&level);
            }
        }
    }

    /// The thread that runs has done so for `ns` more.
    pub fn ran(&mut self, rank: &mut Rank, ns: u64) {
        rank.used = rank.used.saturating_add(ns);
        if rank.level().is_none() {
            rank.time = rank.time.saturating_add(ns * UNIT / weight(rank.priority));
        }
    }

    /// In how many nanoseconds the thread of this rank, which runs, is to be stopped if it goes on;
    /// [`NEVER`]: nobody else waits who could come before it.
    pub fn left(&self, rank: &Rank) -> u64 {
        let highest = self.realtime.last_key_value().map(|(level, _)| *level);
        let equal = match (highest, rank.level()) {
            (Some(highest), Some(own)) if highest < own => return NEVER,
            (Some(highest), Some(own)) => highest == own,
            (Some(_), None) => false,
            (None, Some(_)) => return NEVER,
            (None, None) if self.fair.is_empty() => return NEVER,
            (None, None) => true,
        };
        match rank.slice() {
            NEVER if equal => NEVER,
            slice if equal => slice.saturating_sub(rank.used),
            _ => 0,
        }
    }

    /// Whether the thread of this rank, whose slice is over, goes before all others all the same:
    /// its share is larger. It begins another slice.
    pub fn goes_on(&mut self, rank: &mut Rank) -> bool {
        let least = self.fair.first().map(|first| first.0);
        let goes_on = self.realtime.is_empty()
            && rank.level().is_none()
            && least.is_some_and(|least| rank.time < least);
        if goes_on {
            rank.used = 0;
        }
        goes_on
    }
}
