//! TIME-WAIT: what is left of a connection that this side closed first.
//!
//! No buffers and no socket, only the numbers that answer a late segment (RFC 9293, 3.10.7.4).
//! The table is bounded, by less if it cannot grow; when it is full the oldest is forgotten.

use crate::buffers::has_place;
use crate::flow::Flow;
use crate::hash::Secret;
use alloc::collections::VecDeque;
use hashbrown::HashMap;

/// Nanoseconds that a connection is remembered: twice a maximum segment lifetime of 15 s.
const DURATION: u64 = 30_000_000_000;

/// So many are remembered in any case.
const LEAST: usize = 16;

/// A connection that is over.
#[derive(Clone, Copy, Debug)]
pub struct Past {
    /// The next sequence number of this side.
    pub next: u32,
    /// The next sequence number of the other side.
    pub ack: u32,
    until: u64,
}

/// Connections that are over.
pub struct TimeWait {
    past: HashMap<Flow, Past, Secret>,
    /// By age; what is not in the map any more, or with another time, was reused.
    order: VecDeque<(u64, Flow)>,
    limit: usize,
}

impl TimeWait {
    pub fn new(secret: Secret, limit: usize) -> Self {
        Self { past: HashMap::with_hasher(secret), order: VecDeque::new(), limit }
    }

    pub fn insert(&mut self, now: u64, flow: Flow, next: u32, ack: u32) {
        self.expire(now);
        // A half of what there is fits into the tables that there are, whatever was removed from
        // these.
        let limit = match has_place(&mut self.past, &mut self.order) {
            true => self.limit,
            false => self.limit.min((self.order.len() / 2).max(LEAST)),
        };
        while self.order.len() >= limit {
            self.forget_oldest();
        }
        let until = now.saturating_add(DURATION);
        self.past.insert(flow, Past { next, ack, until });
        self.order.push_back((until, flow));
    }

    pub fn get(&self, now: u64, flow: &Flow) -> Option<Past> {
        self.past.get(flow).copied().filter(|past| past.until > now)
    }

    pub fn remove(&mut self, flow: &Flow) {
        self.past.remove(flow);
    }

    /// Whether a connection from this port is remembered. Looks at all of them: for bind(2).
    pub fn uses_port(&self, now: u64, port: u16) -> bool {
        self.past.iter().any(|(flow, past)| flow.local.port == port && past.until > now)
    }

    pub fn len(&self) -> usize {
        self.past.len()
    }

    /// Forgets what is over. Every connection is looked at once.
    fn expire(&mut self, now: u64) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((until, flow)) = self.order.pop_front()
            && self.past.get(&flow).is_some_and(|past| past.until == until)
        {
            self.past.remove(&flow);
        }
    }
}
