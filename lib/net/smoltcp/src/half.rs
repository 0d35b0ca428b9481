//! Half-open connections: a SYN was answered, and nobody knows yet whether it was meant.
//!
//! Each is the SYN itself and the seed of the initial sequence number. smoltcp makes the answer
//! with a borrowed socket, and makes it again when the other end acknowledges it: only then does
//! a connection get a socket with buffers.

use crate::conn::{Conn, Owner};
use crate::flow::{Flow, Link};
use crate::hash::Secret;
use crate::links::{NEVER, any_interface, instant};
use crate::parse::Segment;
use crate::port::{Capabilities, Out, Port, Sent};
use crate::slab::Id;
use crate::sockets::Tcp;
use crate::state::State;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use hashbrown::HashMap;
use smoltcp::socket::tcp;
use smoltcp::wire::{ETHERNET_HEADER_LEN, IpListenEndpoint, TcpPacket};

const SECOND: u64 = 1_000_000_000;

/// Times that the answer is sent. Linux sends it six times.
const TRIES: u32 = 4;

/// Bytes of a SYN that is kept: headers with all options, from the link layer on.
const SYN: usize = 14 + 60 + 60;

struct Half {
    listener: Id,
    link: Link,
    syn: Box<[u8]>,
    seed: u64,
    /// The initial sequence numbers of this side and of the other.
    ours: u32,
    theirs: u32,
    tries: u32,
    at: u64,
}

/// The table of half-open connections.
pub struct HalfOpen {
    table: HashMap<Flow, Half, Secret>,
    /// By age. What is not in the table any more stays here for a while.
    order: VecDeque<Flow>,
    /// When the first answer has to be repeated.
    pub next: u64,
}

impl HalfOpen {
    pub fn new(secret: Secret) -> Self {
        Self { table: HashMap::with_hasher(secret), order: VecDeque::new(), next: NEVER }
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

    /// Makes room for one more; how many had to go.
    fn make_room(&mut self) -> u64 {
        let mut evicted = 0;
        while self.table.len() >= crate::HALF_OPEN
            && let Some(oldest) = self.order.pop_front()
        {
            evicted += u64::from(self.table.remove(&oldest).is_some());
        }
        if self.order.len() >= 2 * crate::HALF_OPEN {
            self.order.retain(|flow| self.table.contains_key(flow));
        }
        evicted
    }
}

fn packet(link: Link, frame: &[u8]) -> &[u8] {
    match link {
        Link::Device => frame.get(ETHERNET_HEADER_LEN..).unwrap_or_default(),
        Link::Loopback => frame,
    }
}

/// Has a socket answer a SYN: the packet of the answer, and its sequence number.
///
/// The interface exists for this only: its seed, and with it the initial sequence number that
/// smoltcp chooses, is the hash of a counter under the stack's secret, so that no sequence number
/// says anything about another.
fn answer(
    caps: Capabilities,
    seed: u64,
    now: u64,
    port: u16,
    syn: &[u8],
    tcp: &mut Tcp,
) -> Option<(Vec<u8>, u32)> {
    let mut iface = any_interface(caps, seed, now);
    tcp.socket_mut().listen(IpListenEndpoint { addr: None, port }).ok()?;
    let mut kept = Vec::new();
    let mut device = Port::new(caps, Some(syn), Out::Kept(&mut kept));
    iface.poll_ingress_single(instant(now), &mut device, &mut tcp.set);
    if tcp.socket().state() != tcp::State::SynReceived {
        return None;
    }
    iface.poll_egress(instant(now), &mut device, &mut tcp.set);
    let header = match kept.first()? >> 4 {
        4 => 20,
        _ => 40,
    };
    let segment = TcpPacket::new_checked(kept.get(header..)?).ok()?;
    let seq = segment.seq_number().0 as u32;
    segment.syn().then_some((kept, seq))
}

impl State {
    /// A SYN for a listener.
    pub fn open(&mut self, link: Link, listener: Id, segment: Segment, frame: &[u8]) {
        let full = self.listeners.get(listener).is_none_or(|listener| listener.is_full());
        if full || frame.len() > SYN {
            self.statistics.dropped += 1;
            return;
        }
        let seed = self.random();
        let Some((synack, ours)) = self.synack(link, seed, segment.flow, frame) else { return };
        self.links.answer(link, frame, &synack);
        self.statistics.evicted += self.half.make_room();
        let at = self.now.saturating_add(SECOND);
        let syn = frame.into();
        let theirs = segment.seq;
        let half = Half { listener, link, syn, seed, ours, theirs, tries: 1, at };
        self.half.table.insert(segment.flow, half);
        self.half.order.push_back(segment.flow);
        self.half.next = self.half.next.min(at);
    }

    /// The answer to a SYN, made with a socket that is given back.
    fn synack(&mut self, link: Link, seed: u64, flow: Flow, syn: &[u8]) -> Option<(Vec<u8>, u32)> {
        let caps = self.links.packet_caps(link);
        let mut tcp = self.take_tcp()?;
        let syn = packet(link, syn);
        let answer = answer(caps, seed, self.now, flow.local.port, syn, &mut tcp);
        self.give_tcp(tcp);
        answer
    }

    /// A segment for a half-open connection; false if it is to be treated as if there was none.
    pub fn half_open_segment(&mut self, link: Link, segment: Segment, frame: &[u8]) -> bool {
        let flow = segment.flow;
        let Some(half) = self.half.table.get(&flow) else { return false };
        let expected = half.theirs.wrapping_add(1);
        if segment.rst {
            if segment.seq == expected {
                self.half.table.remove(&flow);
            }
            return true;
        }
        if segment.syn {
            if segment.seq != half.theirs {
                self.half.table.remove(&flow);
                return false;
            }
            let seed = half.seed;
            if let Some((synack, _)) = self.synack(link, seed, flow, frame) {
                self.links.answer(link, frame, &synack);
            }
            return true;
        }
        if segment.ack != Some(half.ours.wrapping_add(1)) {
            // smoltcp resets what acknowledges nonsense.
            return false;
        }
        self.establish(flow, frame);
        true
    }

    /// The other end acknowledged: it becomes a connection.
    fn establish(&mut self, flow: Flow, frame: &[u8]) {
        let Some(half) = self.half.table.get(&flow) else { return };
        let (listener, link, seed, ours) = (half.listener, half.link, half.seed, half.ours);
        let Some(parent) = self.listeners.get(listener) else { return };
        if parent.is_overfull() {
            self.statistics.dropped += 1;
            return;
        }
        let options = parent.options;
        let caps = self.links.packet_caps(link);
        let Some(mut tcp) = self.take_tcp() else { return };
        let Some(half) = self.half.table.get(&flow) else { return };
        let port = flow.local.port;
        let syn = packet(link, &half.syn);
        if answer(caps, seed, self.now, port, syn, &mut tcp).is_none() {
            return self.give_tcp(tcp);
        }
        let theirs = half.theirs.wrapping_add(1);
        let mut conn = Conn::new(flow, link, tcp, Owner::Pending(listener), self.now);
        conn.sent = Some(Sent { seq: ours, next: ours.wrapping_add(1), ack: theirs });
        conn.set_options(options);
        let id = self.add(conn);
        self.deliver(id, frame);
        let state = self.conns.get(id).map(|conn| conn.state);
        if !matches!(state, Some(tcp::State::Established | tcp::State::CloseWait)) {
            return self.forget(id);
        }
        self.half.table.remove(&flow);
        if let Some(parent) = self.listeners.get_mut(listener) {
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
        let now = self.now;
        self.half.table.retain(|_, half| half.at > now || half.tries < TRIES);
        let due = |(flow, half): (&Flow, &mut Half)| {
            if half.at > now {
                return None;
            }
            half.at = now.saturating_add(SECOND << half.tries);
            half.tries += 1;
            Some((*flow, half.link, half.seed, half.syn.clone()))
        };
        let due: Vec<_> = self.half.table.iter_mut().filter_map(due).collect();
        self.half.next = self.half.table.values().map(|half| half.at).min().unwrap_or(NEVER);
        for (flow, link, seed, syn) in due {
            if let Some((synack, _)) = self.synack(link, seed, flow, &syn) {
                self.links.answer(link, &syn, &synack);
            }
        }
    }
}
