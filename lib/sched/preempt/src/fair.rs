//! The order: real-time priorities first, then whoever has had least of its share.

use crate::weight::{UNIT, weight};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use unilith_sched_api::{NEVER, Priority, ThreadId};
use unilith_threads::{Order, Why};

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
    /// How long it has run since it began to, or since its last slice ended, nanoseconds.
    used: u64,
}

impl Rank {
    pub const fn new() -> Self {
        Self { priority: Priority::Fair(0), time: 0, used: 0 }
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
    /// By level, the highest last: few are in use.
    realtime: Vec<(u8, VecDeque<ThreadId>)>,
    /// By time.
    fair: BTreeSet<(u64, ThreadId)>,
    /// A time that nobody who runs is before by much: who comes from a wait is not paid for it.
    floor: u64,
}

impl Fair {
    pub const fn new() -> Self {
        Self { realtime: Vec::new(), fair: BTreeSet::new(), floor: 0 }
    }

    /// Those of a real-time level.
    fn queue(&mut self, level: u8) -> &mut VecDeque<ThreadId> {
        let place = self.realtime.binary_search_by_key(&level, |(level, _)| *level);
        let index = place.unwrap_or_else(|index| {
            self.realtime.insert(index, (level, VecDeque::new()));
            index
        });
        &mut self.realtime[index].1
    }

    /// Takes `thread` out, which is in it.
    pub fn remove(&mut self, thread: ThreadId, rank: &Rank) {
        let Some(level) = rank.level() else {
            self.fair.remove(&(rank.time, thread));
            return;
        };
        self.queue(level).retain(|other| *other != thread);
        self.realtime.retain(|(_, queue)| !queue.is_empty());
    }

    /// Gives a thread, which is not in it, another priority. Its real-time one has cost it no share.
    pub fn set_priority(&mut self, rank: &mut Rank, priority: Priority) {
        rank.priority = priority;
        rank.time = rank.time.max(self.floor.saturating_sub(SLICE / 2));
    }

    /// In how many nanoseconds the thread of this rank, which runs, is to be stopped if it goes on;
    /// [`NEVER`]: nobody else waits who could come before it.
    pub fn left(&self, rank: &Rank) -> u64 {
        let highest = self.realtime.last().map(|(level, _)| *level);
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

impl Order for Fair {
    type Rank = Rank;
    const TIMED: bool = true;

    fn enter(&mut self, thread: ThreadId, rank: &mut Rank, why: Why) {
        if let Some(level) = rank.level() {
            let queue = self.queue(level);
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
            Why::Yielded => {
                rank.time.max(self.fair.last().map_or(0, |last| last.0.saturating_add(1)))
            }
            Why::Stopped => rank.time,
        };
        self.fair.insert((rank.time, thread));
    }

    fn next(&mut self) -> Option<ThreadId> {
        if let Some((_, queue)) = self.realtime.last_mut() {
            let next = queue.pop_front();
            if queue.is_empty() {
                self.realtime.pop();
            }
            if next.is_some() {
                return next;
            }
        }
        let (time, thread) = self.fair.pop_first()?;
        self.floor = self.floor.max(time);
        Some(thread)
    }

    fn ran(&mut self, rank: &mut Rank, ns: u64) {
        rank.used = rank.used.saturating_add(ns);
        if rank.level().is_none() {
            let own = ns.saturating_mul(UNIT) / weight(rank.priority);
            rank.time = rank.time.saturating_add(own);
            let least = self.fair.first().map_or(rank.time, |first| first.0.min(rank.time));
            self.floor = self.floor.max(least);
        }
    }

    fn runs(&mut self, rank: &Rank, since: u64, due: u64) {
        crate::watch(since, self.left(rank), due);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn thread(number: u32) -> ThreadId {
        ThreadId(number)
    }

    fn rank(priority: Priority) -> Rank {
        Rank { priority, ..Rank::new() }
    }

    /// Threads that compute, each with its priority: how long each has run after so many slices.
    fn shares(priorities: &[Priority], slices: usize) -> Vec<u64> {
        let mut fair = Fair::new();
        let mut ranks: Vec<Rank> = priorities.iter().copied().map(rank).collect();
        for (rank, number) in ranks.iter_mut().zip(1..) {
            fair.enter(thread(number), rank, Why::New);
        }
        let mut ran = alloc::vec![0; ranks.len()];
        let mut current = fair.next().expect("somebody");
        for _ in 0..slices {
            let index = current.0 as usize - 1;
            let rank = &mut ranks[index];
            let left = fair.left(rank).min(SLICE);
            fair.ran(rank, left);
            ran[index] += left;
            if fair.left(rank) == 0 && !fair.goes_on(rank) {
                fair.enter(current, rank, Why::Stopped);
                current = fair.next().expect("somebody");
            }
        }
        ran
    }

    #[test]
    fn equals_share_alike() {
        let ran = shares(&[Priority::Fair(0); 3], 300);
        assert!(ran.iter().all(|ran| *ran == 100 * SLICE), "{ran:?}");
    }

    #[test]
    fn nice_values_are_shares() {
        let ran = shares(&[Priority::Fair(-5), Priority::Fair(0), Priority::Fair(5)], 3000);
        for pair in ran.windows(2) {
            let ratio = pair[0] as f64 / pair[1] as f64;
            assert!((2.9..3.2).contains(&ratio), "1.25^5 is 3.05: {ran:?}");
        }
        let ran = shares(&[Priority::Fair(0), Priority::Idle], 3000);
        assert!(ran[1] > 0 && ran[0] > 200 * ran[1], "{ran:?}");
    }

    #[test]
    fn who_waited_is_soon_but_saves_nothing_up() {
        let (mut fair, mut hog, mut other, mut sleeper) =
            (Fair::new(), Rank::new(), Rank::new(), Rank::new());
        fair.ran(&mut hog, 1000 * MS);
        fair.enter(thread(1), &mut hog, Why::Stopped);
        assert_eq!(fair.next(), Some(thread(1)));
        fair.ran(&mut other, 1000 * MS);
        fair.enter(thread(2), &mut other, Why::Stopped);
        fair.enter(thread(3), &mut sleeper, Why::Woken);
        assert_eq!(fair.next(), Some(thread(3)));
        assert!(sleeper.time >= hog.time - SLICE, "{sleeper:?} {hog:?}");
    }

    #[test]
    fn nothing_is_saved_up_while_another_computes_alone() {
        let (mut fair, mut hog) = (Fair::new(), Rank::new());
        let (mut new, mut sleeper) = (Rank::new(), Rank::new());
        fair.enter(thread(1), &mut hog, Why::New);
        assert_eq!(fair.next(), Some(thread(1)));
        fair.ran(&mut hog, 1000 * MS);
        fair.enter(thread(2), &mut new, Why::New);
        fair.enter(thread(3), &mut sleeper, Why::Woken);
        assert!(new.time >= hog.time, "{new:?} {hog:?}");
        assert!(sleeper.time >= hog.time - SLICE, "{sleeper:?} {hog:?}");
    }

    #[test]
    fn nothing_is_saved_up_by_real_time() {
        let (mut fair, mut hog, mut urgent) = (Fair::new(), Rank::new(), rank(Priority::Fifo(5)));
        fair.ran(&mut hog, 1000 * MS);
        fair.set_priority(&mut urgent, Priority::Fair(0));
        assert!(urgent.time >= hog.time - SLICE, "{urgent:?} {hog:?}");
    }

    #[test]
    fn years_do_not_overflow() {
        let (mut fair, mut idle) = (Fair::new(), rank(Priority::Idle));
        fair.ran(&mut idle, u64::MAX);
        fair.enter(thread(1), &mut idle, Why::Stopped);
        fair.enter(thread(2), &mut Rank::new(), Why::Yielded);
        assert!(fair.next().is_some() && fair.next().is_some());
    }

    #[test]
    fn who_yields_is_behind_all() {
        let (mut fair, mut a, mut b, mut c) = (Fair::new(), Rank::new(), Rank::new(), Rank::new());
        fair.enter(thread(3), &mut c, Why::New);
        fair.ran(&mut b, 50 * MS);
        fair.enter(thread(2), &mut b, Why::New);
        fair.enter(thread(1), &mut a, Why::Yielded);
        let order: Vec<_> = core::iter::from_fn(|| fair.next()).collect();
        assert_eq!(order, [thread(3), thread(2), thread(1)]);
    }

    #[test]
    fn real_time_levels_come_first() {
        let mut fair = Fair::new();
        let (mut low, mut high, mut equal, mut plain) = (
            rank(Priority::Fifo(5)),
            rank(Priority::RoundRobin(9)),
            rank(Priority::RoundRobin(9)),
            rank(Priority::Fair(-20)),
        );
        assert_eq!(fair.left(&plain), NEVER);
        fair.enter(thread(1), &mut low, Why::Woken);
        assert_eq!(fair.left(&plain), 0, "at once");
        assert_eq!(fair.left(&high), NEVER);
        fair.enter(thread(2), &mut high, Why::Woken);
        fair.enter(thread(3), &mut equal, Why::Woken);
        fair.enter(thread(4), &mut plain, Why::New);
        assert_eq!(fair.left(&low), 0);
        assert_eq!(fair.next(), Some(thread(2)));
        // It shares with its equal, in rounds.
        assert_eq!(fair.left(&high), ROUND);
        fair.ran(&mut high, ROUND);
        assert_eq!((fair.left(&high), fair.goes_on(&mut high)), (0, false));
        fair.enter(thread(2), &mut high, Why::Stopped);
        assert_eq!(fair.next(), Some(thread(3)));
        // Stopped before its time, it is still the first of its equals.
        fair.ran(&mut equal, MS);
        fair.enter(thread(3), &mut equal, Why::Stopped);
        let order: Vec<_> = core::iter::from_fn(|| fair.next()).collect();
        assert_eq!(order, [thread(3), thread(2), thread(1), thread(4)]);
    }

    #[test]
    fn fifo_is_not_stopped_for_its_equals() {
        let (mut fair, mut a, mut b) =
            (Fair::new(), rank(Priority::Fifo(5)), rank(Priority::Fifo(5)));
        fair.ran(&mut a, 1000 * ROUND);
        fair.enter(thread(2), &mut b, Why::Woken);
        assert_eq!(fair.left(&a), NEVER);
    }

    #[test]
    fn who_is_taken_out_does_not_run() {
        let (mut fair, mut a, mut b) = (Fair::new(), rank(Priority::Fifo(5)), Rank::new());
        fair.enter(thread(1), &mut a, Why::Woken);
        fair.enter(thread(2), &mut b, Why::Woken);
        fair.remove(thread(1), &a);
        fair.remove(thread(2), &b);
        assert_eq!(fair.next(), None);
    }
}
