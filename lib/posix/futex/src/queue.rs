//! Who waits for which word. Knows neither memory nor scheduler: only addresses, and what is
//! called when somebody is to go on.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_posix_abi::{Errno, Result};

/// Lists by address: a power of two.
const BUCKETS: usize = 64;

/// One who waits.
pub struct Waiter<W> {
    /// Who.
    pub who: W,
    bitset: u32,
    woken: AtomicBool,
}

impl<W> Waiter<W> {
    /// Whether the wait is over.
    pub fn is_woken(&self) -> bool {
        self.woken.load(Relaxed)
    }
}

struct Place<W> {
    address: usize,
    waiter: Arc<Waiter<W>>,
}

/// All who wait.
pub struct Queue<W> {
    buckets: [VecDeque<Place<W>>; BUCKETS],
}

/// Words are four bytes apart; locks are further.
fn bucket(address: usize) -> usize {
    let word = address >> 2;
    (word ^ word >> 6 ^ word >> 12) % BUCKETS
}

impl<W> Queue<W> {
    /// Nobody.
    pub const fn new() -> Self {
        Self { buckets: [const { VecDeque::new() }; BUCKETS] }
    }

    /// `who` waits at `address` for a wake with a bit of `bitset`.
    pub fn add(&mut self, address: usize, bitset: u32, who: W) -> Result<Arc<Waiter<W>>> {
        let waiter = Arc::new(Waiter { who, bitset, woken: AtomicBool::new(false) });
        let list = &mut self.buckets[bucket(address)];
        list.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        list.push_back(Place { address, waiter: waiter.clone() });
        Ok(waiter)
    }

    /// `waiter` does not wait any more. It may have been moved since it was added.
    pub fn remove(&mut self, waiter: &Arc<Waiter<W>>) {
        if waiter.is_woken() {
            return;
        }
        for list in &mut self.buckets {
            if let Some(at) = list.iter().position(|place| Arc::ptr_eq(&place.waiter, waiter)) {
                list.remove(at);
                return;
            }
        }
    }

    /// Calls `wake` for at most `count` who wait at `address` with a bit of `bitset`, in the order
    /// in which they came; how many.
    pub fn wake(
        &mut self,
        address: usize,
        count: usize,
        bitset: u32,
        mut wake: impl FnMut(&W),
    ) -> usize {
        let mut woken = 0;
        self.buckets[bucket(address)].retain(|place| {
            let meant = place.address == address && place.waiter.bitset & bitset != 0;
            if !meant || woken >= count {
                return true;
            }
            woken += 1;
            place.waiter.woken.store(true, Relaxed);
            wake(&place.waiter.who);
            false
        });
        woken
    }

    /// Has at most `count` who wait at `from` wait at `to` instead; how many.
    pub fn requeue(&mut self, from: usize, to: usize, count: usize) -> usize {
        let (source, target) = (bucket(from), bucket(to));
        let mut moved = 0;
        let mut index = 0;
        // In one list the moved ones go to the end and are not met again: they have another
        // address then. From an address to itself nothing has to be moved.
        if from == to {
            return self.buckets[source].iter().filter(|p| p.address == from).take(count).count();
        }
        while moved < count && index < self.buckets[source].len() {
            if self.buckets[source][index].address != from
                || self.buckets[target].try_reserve(1).is_err()
            {
                index += 1;
                continue;
            }
            if let Some(place) = self.buckets[source].remove(index) {
                self.buckets[target].push_back(Place { address: to, ..place });
                moved += 1;
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(waiters: &[(usize, u32, u8)]) -> Queue<u8> {
        let mut queue = Queue::new();
        for &(address, bitset, who) in waiters {
            assert!(queue.add(address, bitset, who).is_ok());
        }
        queue
    }

    fn wake(queue: &mut Queue<u8>, address: usize, count: usize, bitset: u32) -> Vec<u8> {
        let mut woken = Vec::new();
        let count = queue.wake(address, count, bitset, |&who| woken.push(who));
        assert_eq!(count, woken.len());
        woken
    }

    extern crate std;
    use std::vec::Vec;

    #[test]
    fn first_come_first_served() {
        // 0x1000 and its neighbours may share a list; 0x1004 is another word.
        let mut queue =
            queue(&[(0x1000, !0, 1), (0x1004, !0, 2), (0x1000, !0, 3), (0x1000, !0, 4)]);
        assert_eq!(wake(&mut queue, 0x1000, 0, !0), []);
        assert_eq!(wake(&mut queue, 0x1000, 2, !0), [1, 3]);
        assert_eq!(wake(&mut queue, 0x1008, 2, !0), []);
        assert_eq!(wake(&mut queue, 0x1000, usize::MAX, !0), [4]);
        assert_eq!(wake(&mut queue, 0x1004, 1, !0), [2]);
    }

    #[test]
    fn bits_select() {
        let mut queue = queue(&[(8, 1, 1), (8, 2, 2), (8, 3, 3)]);
        assert_eq!(wake(&mut queue, 8, 9, 4), []);
        assert_eq!(wake(&mut queue, 8, 1, 2), [2]);
        assert_eq!(wake(&mut queue, 8, 9, 1), [1, 3]);
    }

    #[test]
    fn the_moved_keep_their_order() {
        for to in [0x2000, 0x1000 + 4 * BUCKETS * BUCKETS * BUCKETS] {
            let mut queue =
                queue(&[(0x1000, !0, 1), (0x1000, !0, 2), (0x1000, !0, 3), (to, !0, 4)]);
            assert_eq!(wake(&mut queue, 0x1000, 1, !0), [1]);
            assert_eq!(queue.requeue(0x1000, to, 1), 1);
            assert_eq!(wake(&mut queue, to, 9, !0), [4, 2]);
            assert_eq!(queue.requeue(0x1000, to, 9), 1);
            assert_eq!(
                (wake(&mut queue, 0x1000, 9, !0), wake(&mut queue, to, 9, !0)),
                (Vec::new(), [3].into())
            );
        }
    }

    #[test]
    fn who_gives_up_is_forgotten_wherever_it_is() {
        let mut queue = queue(&[(0x10, !0, 1)]);
        let Ok(waiter) = queue.add(0x10, !0, 2) else { panic!("no memory") };
        assert_eq!(queue.requeue(0x10, 0x20, 9), 2);
        queue.remove(&waiter);
        assert!(!waiter.is_woken());
        assert_eq!(wake(&mut queue, 0x20, 9, !0), [1]);
    }
}
