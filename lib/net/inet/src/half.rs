//! Half-open connections: a SYN was answered, and nobody knows yet whether it was meant.
//!
//! Each is what the SYN said and the sequence number of the answer. Only when the other end
//! acknowledges it does a connection get a control block.

use crate::buffers::{RECEIVE, has_place, rings};
use crate::conn::{Conn, Owner};
use crate::flow::{Flow, Link};
use crate::hash::Secret;
use crate::links::{Links, NEVER};
use crate::packet::{Mac, Packet, mss};
use crate::parse::Segment;
use crate::slab::Id;
use crate::state::State;
use crate::timewait::Past;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use hashbrown::HashMap;
use unilith_tcp::{Flags, Peer, Tcb, seq};

const SECOND: u64 = 1_000_000_000;

/// Times that the answer is sent. Linux sends it six times.
const TRIES: u32 = 4;

/// So many may be half open in any case: a table of twice as many is smaller than a page, which
/// even a heap that is nearly empty has.
const LEAST: usize = 7;
const _: () = assert!(16 * (size_of::<(Flow, Half)>() + 1) + 32 < 4096);

#[derive(Clone, Copy)]
struct Half {
    /// Tells it from others of its flow.
    number: u64,
    listener: Id,
    link: Link,
    hop: Mac,
    peer: Peer,
    iss: u32,
    tries: u32,
    at: u64,
}

/// The table of half-open connections.
pub struct HalfOpen {
    table: HashMap<Flow, Half, Secret>,
    /// By age, with their numbers. What is not in the table any more, or with another number, stays
    /// here for a while.
    order: VecDeque<(Flow, u64)>,
    /// How many there were.
    count: u64,
    /// When the first answer has to be repeated.
    pub next: u64,
}

impl HalfOpen {
    pub fn new(secret: Secret) -> Self {
        let (table, order) = (HashMap::with_hasher(secret), VecDeque::new());
        Self { table, order, count: 0, next: NEVER }
    }

    pub fn contains(&self, flow: &Flow) -> bool {
        self.table.contains_key(flow)
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Forgets those of a listener.
    pub fn close(&mut self, listener: Id) {
        self.table.retain(|_, half| half.listener != listener);
    }

    /// Forgets in the order of age what is not in the table any more.
    fn tidy(&mut self) {
        let Self { table, order, .. } = self;
        order.retain(|(flow, number)| table.get(flow).is_some_and(|half| half.number == *number));
    }

    /// Makes room for one more; how many had to go.
    fn make_room(&mut self) -> u64 {
        let mut limit = crate::HALF_OPEN;
        // A half of what there is fits into the tables that there are, whatever was removed from
        // these.
        if !has_place(&mut self.table, &mut self.order) {
            self.tidy();
            limit = limit.min((self.table.len() / 2).max(LEAST));
        }
        let mut evicted = 0;
        while self.table.len() >= limit
            && let Some((oldest, number)) = self.order.pop_front()
        {
            if self.table.get(&oldest).is_some_and(|half| half.number == number) {
                self.table.remove(&oldest);
                evicted += 1;
            }
        }
        if self.order.len() >= 2 * crate::HALF_OPEN {
            self.tidy();
        }
        evicted
    }
}

/// Answers a SYN.
fn syn_ack(links: &mut Links, flow: &Flow, half: &Half) {
    let mss = mss(links.caps(half.link), flow.remote.addr);
    let header = Tcb::syn_ack(flow.ports(), half.iss, half.peer, mss, RECEIVE);
    let packet = Packet { flow, header: &header, payload: [&[], &[]] };
    links.reply(half.link, half.hop, &packet);
}

impl State {
    /// A SYN for a listener. `past`: the connection of this flow that was before, if it is
    /// remembered. This one starts above it, even if it was faster than the clock (RFC 9293, 3.6.1).
    pub fn open(&mut self, link: Link, listener: Id, segment: &Segment<'_>, past: Option<Past>) {
        if self.listeners.get(listener).is_none_or(|listener| listener.is_full()) {
            self.statistics.dropped += 1;
            return;
        }
        self.half.count += 1;
        let iss = self.initial(&segment.flow);
        let half = Half {
            number: self.half.count,
            listener,
            link,
            hop: segment.hop,
            peer: Peer::of(&segment.header),
            iss: past.map_or(iss, |past| seq::later(iss, past.next.wrapping_add(1))),
            tries: 1,
            at: self.now.saturating_add(SECOND),
        };
        syn_ack(&mut self.links, &segment.flow, &half);
        self.statistics.evicted += self.half.make_room();
        self.half.table.insert(segment.flow, half);
        self.time_wait.remove(&segment.flow);
        self.half.order.push_back((segment.flow, half.number));
        self.half.next = self.half.next.min(half.at);
    }

    /// A segment for a half-open connection; false if it is to be treated as if there was none.
    pub fn half_open_segment(&mut self, segment: &Segment<'_>) -> bool {
        let (flow, header) = (&segment.flow, &segment.header);
        let Some(half) = self.half.table.get(flow).copied() else { return false };
        if header.flags.has(Flags::RST) {
            if header.seq == half.peer.seq.wrapping_add(1) {
                self.half.table.remove(flow);
            }
            return true;
        }
        if header.flags.has(Flags::SYN) {
            if header.seq != half.peer.seq {
                self.half.table.remove(flow);
                return false;
            }
            syn_ack(&mut self.links, flow, &half);
            return true;
        }
        if !header.flags.has(Flags::ACK) || header.ack != half.iss.wrapping_add(1) {
            // What acknowledges nonsense is reset.
            return false;
        }
        self.establish(&half, segment);
        true
    }

    /// The other end acknowledged: it becomes a connection.
    fn establish(&mut self, half: &Half, segment: &Segment<'_>) {
        let flow = segment.flow;
        let Some(parent) = self.listeners.get(half.listener) else { return };
        let options = parent.options;
        if parent.is_overfull() || !self.has_room() {
            self.statistics.dropped += 1;
            return;
        }
        let mss = mss(self.links.caps(half.link), flow.remote.addr);
        let (tx, rx) = rings();
        let tcb = Box::new(Tcb::accept(flow.ports(), half.iss, half.peer, mss, tx, rx));
        let mut conn = Conn::new(flow, half.link, tcb, Owner::Pending(half.listener), self.now);
        conn.hop = Some(segment.hop);
        conn.set_options(options);
        let id = self.add(conn);
        self.deliver(id, Some(segment.hop), &segment.header, segment.payload);
        use unilith_tcp::State::{CloseWait, Established};
        let state = self.conns.get(id).map(|conn| conn.state);
        if !matches!(state, Some(Established | CloseWait)) {
            return self.forget(id);
        }
        self.half.table.remove(&flow);
        if let Some(parent) = self.listeners.get_mut(half.listener) {
            parent.pending.push_back(id);
            let queue = parent.queue.clone();
            self.wake(&queue);
        }
    }

    /// Repeats the answers that are due, and gives up those that were repeated often.
    pub fn half_open_due(&mut self) {
        if self.half.next > self.now {
            return;
        }
        let Self { half: HalfOpen { table, next, .. }, links, now, .. } = self;
        table.retain(|_, half| half.at > *now || half.tries < TRIES);
        for (flow, half) in table.iter_mut().filter(|(_, half)| half.at <= *now) {
            half.at = now.saturating_add(SECOND << half.tries);
            half.tries += 1;
            syn_ack(links, flow, half);
        }
        *next = table.values().map(|half| half.at).min().unwrap_or(NEVER);
    }
}
