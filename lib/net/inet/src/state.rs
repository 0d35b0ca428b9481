//! Everything that the stack knows, and what it does with a frame.

use crate::config::{Addresses, Lease};
use crate::conn::Conn;
use crate::flow::{Flow, Link, is_host, is_loopback};
use crate::half::HalfOpen;
use crate::hash::Secret;
use crate::links::{Links, NEVER};
use crate::listen::Listener;
use crate::neighbours::Neighbours;
use crate::parse::{self, Content, Header, Segment, Udp};
use crate::ports::Ports;
use crate::slab::{Id, Slab};
use crate::timewait::TimeWait;
use crate::udp::UdpTable;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashMap;
use smoltcp::iface::SocketSet;
use smoltcp::wire::{IpAddress, IpEndpoint};
use unilith_net_api::{Device, Received};
use unilith_sched_api::WaitQueue;
use unilith_tcp::{Flags, Verdict, seq};

/// Frames that are looked at before what they cause is sent.
const BATCH: usize = 64;

/// How much was done: for people who look for what is slow, and for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames from the device, and packets from the loopback.
    pub received: u64,
    /// Turns that connections got.
    pub turns: u64,
    /// SYNs that were dropped because too many connections waited to be accepted.
    pub dropped: u64,
    /// Half-open connections that made place for others.
    pub evicted: u64,
    /// Connections that there are, in any state but half open and TIME-WAIT.
    pub connections: usize,
    /// Half-open connections.
    pub half_open: usize,
    /// Connections in TIME-WAIT.
    pub time_wait: usize,
    /// Bytes of memory of the buffers of connections.
    pub buffers: usize,
}

/// The state of a stack.
pub struct State {
    /// Monotonic nanoseconds, as of this call.
    pub now: u64,
    pub secret: Secret,
    pub counter: u64,
    pub links: Links,
    pub neighbours: Neighbours,
    pub addresses: Addresses,
    pub lease: Option<Lease>,
    /// For frames that are nobody's.
    nobody: SocketSet<'static>,
    pub conns: Slab<Box<Conn>>,
    pub flows: HashMap<Flow, Id, Secret>,
    /// Connections that have to be given a turn.
    pub dirty: Vec<Id>,
    /// When others have to be.
    pub timers: BTreeSet<(u64, Id)>,
    /// Those that delay an acknowledgement, all by the same time: in order.
    pub acks: VecDeque<(u64, Id)>,
    /// Connections that wait for the address of a neighbour.
    pub unresolved: Vec<Id>,
    pub ports: Ports,
    pub listeners: Slab<Listener>,
    pub listening: BTreeMap<u16, Vec<Id>>,
    pub half: HalfOpen,
    pub time_wait: TimeWait,
    pub udp: UdpTable,
    /// Whom to wake when nothing is locked any more.
    pub wakes: Vec<Arc<WaitQueue>>,
    pub statistics: Statistics,
    /// The device had no room.
    pub blocked: bool,
}

impl State {
    pub fn new(device: Option<Arc<dyn Device>>, secret: Secret, now: u64) -> Self {
        let mut state = Self {
            now,
            secret,
            counter: 0,
            links: Links::new(device, secret.hash(&[now]), now),
            neighbours: Neighbours::default(),
            addresses: Addresses::default(),
            lease: None,
            nobody: SocketSet::new(Vec::new()),
            conns: Slab::default(),
            flows: HashMap::with_hasher(secret),
            dirty: Vec::new(),
            timers: BTreeSet::new(),
            acks: VecDeque::new(),
            unresolved: Vec::new(),
            ports: Ports::default(),
            listeners: Slab::default(),
            listening: BTreeMap::new(),
            half: HalfOpen::new(secret),
            time_wait: TimeWait::new(secret, crate::TIME_WAIT),
            udp: UdpTable::default(),
            wakes: Vec::new(),
            statistics: Statistics::default(),
            blocked: false,
        };
        state.apply_addresses();
        state
    }

    /// A number that nobody can predict, another one each time.
    pub fn random(&mut self) -> u64 {
        self.counter += 1;
        self.secret.hash(&[self.counter, self.now])
    }

    /// The initial sequence number of a connection (RFC 6528): it says nothing of those of other
    /// flows, and is above those of the same one that were used before, for whoever remembers.
    pub fn initial(&self, flow: &Flow) -> u32 {
        // As fast as Linux': the circle takes longer than TIME-WAIT.
        const TICK: u64 = 64;
        (self.secret.hash(&flow.words()) as u32).wrapping_add((self.now / TICK) as u32)
    }

    /// Has `queue` woken, later.
    pub fn wake(&mut self, queue: &Arc<WaitQueue>) {
        if !self.wakes.last().is_some_and(|last| Arc::ptr_eq(last, queue)) {
            self.wakes.push(queue.clone());
        }
    }

    /// Does everything that there is to do, within bounds.
    pub fn run(&mut self) {
        let device = self.links.ethernet.as_ref().map(|ethernet| ethernet.device.clone());
        self.blocked = false;
        self.due();
        for _ in 0..16 {
            let mut worked = false;
            if let Some(device) = &device {
                for _ in 0..BATCH {
                    // What may need an answer waits in the device until there is room for one.
                    if self.links.replies_are_full()
                        || !device.receive(&mut |received| self.frame(received))
                    {
                        break;
                    }
                    worked = true;
                }
                self.blocked |= !self.links.send_replies();
            }
            for _ in 0..BATCH {
                let Some(packet) = self.links.loopback.queue.pop_front() else { break };
                self.loopback(&packet);
                self.links.loopback.recycle(packet);
                worked = true;
            }
            self.turns();
            self.udp_turns();
            self.lease_turn();
            if !worked || self.blocked {
                break;
            }
        }
        self.links.flush();
    }

    /// What is due by the clock.
    fn due(&mut self) {
        while let Some(&(at, id)) = self.timers.first()
            && at <= self.now
        {
            self.timers.pop_first();
            if let Some(conn) = self.conns.get_mut(id) {
                conn.scheduled = NEVER;
            }
            self.touch(id);
        }
        self.acks_due();
        self.half_open_due();
    }

    /// When there will be something to do: 0 if there is now.
    pub fn next(&self) -> u64 {
        let waiting = !self.dirty.is_empty()
            || !self.links.loopback.queue.is_empty()
            || self.links.ethernet.as_ref().is_some_and(|e| !e.replies.queue.is_empty());
        if waiting {
            // A full device says nothing when it has room again.
            return if self.blocked { self.now.saturating_add(200_000) } else { 0 };
        }
        let timer = self.timers.first().map_or(NEVER, |(at, _)| *at);
        let ack = self.acks.front().map_or(NEVER, |(at, _)| *at);
        let lease = self.lease.as_ref().map_or(NEVER, |lease| lease.at);
        timer.min(ack).min(lease).min(self.half.next).min(self.udp.next)
    }

    /// A frame from the device.
    fn frame(&mut self, received: Received<'_>) {
        self.statistics.received += 1;
        let frame: &[u8] = received.frame;
        let Some((header, content)) = parse::frame(frame, !received.checksum_ok) else { return };
        match content {
            Content::Tcp(segment) => {
                if self.is_for_us(header, segment.flow.remote, segment.flow.local.addr) {
                    self.segment(Link::Device, &segment);
                }
            }
            Content::Udp(udp) => self.datagram(header, udp, frame),
            Content::Neighbour => {
                self.nobodys(Link::Device, frame);
                self.neighbours.learn(frame, self.now);
                self.resolved();
            }
            Content::Refused { local, remote } => self.udp_refused(local, remote),
            Content::Other => self.nobodys(Link::Device, frame),
            Content::Bad => {}
        }
    }

    /// Whether a frame from the device is for an address of this host, and comes from one that
    /// can be outside.
    fn is_for_us(&self, header: Header, from: IpEndpoint, to: IpAddress) -> bool {
        let here = self.links.ethernet.as_ref().is_some_and(|e| e.address == header.to);
        here && header.from.is_unicast()
            && from.port != 0
            && is_host(from.addr)
            && !is_loopback(from.addr)
            && !self.addresses.has(from.addr)
            && !self.addresses.is_broadcast(from.addr)
            && self.addresses.has(to)
    }

    /// A packet of the loopback: from this host itself.
    fn loopback(&mut self, packet: &[u8]) {
        self.statistics.received += 1;
        match parse::packet(packet, false) {
            Content::Tcp(segment) => self.segment(Link::Loopback, &segment),
            Content::Bad => {}
            _ => self.nobodys(Link::Loopback, packet),
        }
    }

    /// A segment of TCP for this host.
    fn segment(&mut self, link: Link, segment: &Segment<'_>) {
        let (flow, header) = (&segment.flow, &segment.header);
        if let Some(&id) = self.flows.get(flow) {
            if self.deliver(id, Some(segment.hop), header, segment.payload) == Verdict::Foreign {
                self.refuse(link, segment);
            }
            return;
        }
        if self.half.contains(flow) && self.half_open_segment(segment) {
            return;
        }
        let opens = header.flags.has(Flags::SYN) && !header.flags.has(Flags::RST | Flags::ACK);
        let past = self.time_wait.get(self.now, flow);
        if let Some(past) = past {
            // RFC 9293, 3.6.1: a new incarnation starts above the old one.
            if !opens || !seq::before(past.ack, header.seq) {
                return self.answer_late(link, segment, past);
            }
        }
        if opens && let Some(listener) = self.listener(flow.local) {
            return self.open(link, listener, segment, past);
        }
        self.refuse(link, segment);
    }

    /// A datagram from the device.
    fn datagram(&mut self, header: Header, udp: Udp<'_>, frame: &[u8]) {
        if self.lease.is_some() && udp.to.port == 68 && udp.from.port == 67 {
            return self.lease_frame(frame);
        }
        let ours = self.addresses.has(udp.to.addr);
        let many = self.addresses.is_broadcast(udp.to.addr);
        let here = self.links.ethernet.as_ref().is_some_and(|e| e.address == header.to);
        let outside = is_host(udp.from.addr)
            && !is_loopback(udp.from.addr)
            && !self.addresses.has(udp.from.addr);
        if !outside || !(ours && here || many) {
            return;
        }
        let taken = self.udp_deliver(udp.from, udp.to, udp.payload, many);
        if !taken && ours {
            // Port unreachable, says smoltcp.
            self.nobodys(Link::Device, frame);
        }
    }

    /// Has smoltcp answer a frame by itself.
    fn nobodys(&mut self, link: Link, frame: &[u8]) {
        self.links.ingress(link, self.now, frame, &mut self.nobody);
    }

    /// How much was done and is there.
    pub fn statistics(&self) -> Statistics {
        let conns = self.conns.ids().filter_map(|id| self.conns.get(id)?.tcb.as_ref());
        Statistics {
            connections: self.conns.len(),
            half_open: self.half.len(),
            time_wait: self.time_wait.len(),
            buffers: conns.map(|tcb| tcb.memory()).sum(),
            ..self.statistics
        }
    }
}
