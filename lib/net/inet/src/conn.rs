//! Connections: frames in, frames out, timers, and the end.
//!
//! A connection gets a turn only if something happened to it: a segment arrived, the application
//! did something, or one of its timers is due.

use crate::buffers::is_room;
use crate::flow::{Flow, Link};
use crate::links::NEVER;
use crate::listen::Options;
use crate::neighbours::Way;
use crate::packet::{Mac, Packet};
use crate::slab::Id;
use crate::state::State;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_net_api::{NetError, Ready};
use unilith_sched_api::WaitQueue;
use unilith_tcp::{Segment, State as Tcp, Tcb, Verdict};

const SECOND: u64 = 1_000_000_000;

/// How long a connection may take to be established.
const CONNECT: u64 = 60 * SECOND;

/// How long the other end may be silent while it owes an acknowledgement.
const SILENCE: u64 = 300 * SECOND;

/// Silent intervals of keep-alive after which the other end is given up.
const KEEP_ALIVES: u64 = 3;

/// How long an acknowledgement waits for data to go with: an answer usually comes earlier.
const ACK_DELAY: u64 = 5_000_000;

/// Time-outs after which it is asked again where the next host is.
const DOUBTS: u32 = 3;

/// Segments that one connection may send before it is another's turn.
const BURST: usize = 64;

/// Segments that wait while an application has the buffers.
const DEFERRED: usize = 64;

/// Who has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// An application.
    Application,
    /// A listener's queue.
    Pending(Id),
    /// Nobody any more.
    Orphan,
}

/// A connection.
pub struct Conn {
    pub flow: Flow,
    pub link: Link,
    /// Where packets go next, if it is known.
    pub hop: Option<Mac>,
    /// The control block. Not there while an application fills or empties its buffers, nor when
    /// the connection is over and all was read.
    pub tcb: Option<Box<Tcb>>,
    pub owner: Owner,
    pub queue: Arc<WaitQueue>,
    /// The state that was seen last.
    pub state: Tcp,
    /// It is in the list of those that get a turn.
    dirty: bool,
    /// When it is in the timers.
    pub scheduled: u64,
    /// It is in the list of those that delay an acknowledgement.
    delays: bool,
    /// When a segment arrived last.
    pub heard: u64,
    /// Since when the other end owes something; [`NEVER`]: it does not.
    owed: u64,
    /// When it is given up.
    pub expires: u64,
    keep_alive: u64,
    no_delay: bool,
    pub error: Option<NetError>,
    /// Nothing is left to be done.
    pub over: bool,
    /// Bytes to be read, and whether there was room to send, when it was looked at last.
    pub unread: usize,
    pub writable: bool,
    /// The application closed this direction.
    pub receive_shut: bool,
    pub send_shut: bool,
    pub abort_on_close: bool,
    /// Another thread wanted the buffers while they were away.
    pub contended: bool,
    /// It is to be closed when the buffers are back.
    closing: bool,
    /// It did not get its turn, as the buffers were away.
    missed: bool,
    unresolved: bool,
    /// Something came from elsewhere than `hop`: its address may have changed.
    moved: bool,
    deferred: Vec<(Segment, Vec<u8>)>,
}

impl Conn {
    pub fn new(flow: Flow, link: Link, mut tcb: Box<Tcb>, owner: Owner, now: u64) -> Self {
        // Nothing is saved by waiting where nothing is sent.
        tcb.set_ack_delay(if link == Link::Loopback { 0 } else { ACK_DELAY });
        Self {
            flow,
            link,
            hop: None,
            state: tcb.state(),
            tcb: Some(tcb),
            owner,
            queue: Arc::new(WaitQueue::new()),
            dirty: false,
            scheduled: NEVER,
            delays: false,
            heard: now,
            owed: NEVER,
            expires: if owner == Owner::Application { now.saturating_add(CONNECT) } else { NEVER },
            keep_alive: 0,
            no_delay: false,
            error: None,
            over: false,
            unread: 0,
            writable: false,
            receive_shut: false,
            send_shut: false,
            abort_on_close: false,
            contended: false,
            closing: false,
            missed: false,
            unresolved: false,
            moved: false,
            deferred: Vec::new(),
        }
    }

    pub fn set_options(&mut self, options: Options) {
        self.abort_on_close = options.abort_on_close;
        self.keep_alive = options.keep_alive.map_or(0, |seconds| u64::from(seconds) * SECOND);
        self.no_delay = options.no_delay;
        let Some(tcb) = &mut self.tcb else { return };
        tcb.set_no_delay(options.no_delay);
    }

    /// Whether silence says something of the other end. A call that is not answered is repeated
    /// anyway, for a time of its own.
    fn is_kept_alive(&self) -> bool {
        self.keep_alive > 0 && !matches!(self.state, Tcp::SynSent | Tcp::SynReceived)
    }

    /// Starts probes after a time of silence, and ends them when something is heard again: when to
    /// look again.
    fn watch_silence(&mut self, now: u64) -> u64 {
        if !self.is_kept_alive() {
            return NEVER;
        }
        let due = self.heard.saturating_add(self.keep_alive);
        let silent = now >= due;
        if let Some(tcb) = &mut self.tcb {
            tcb.set_probe(if silent { self.keep_alive } else { NEVER }, now);
        }
        if silent { NEVER } else { due }
    }

    /// The other end closed its direction.
    pub fn ended(&self) -> bool {
        use Tcp::{CloseWait, Closed, Closing, LastAck, TimeWait};
        matches!(self.state, CloseWait | Closing | LastAck | TimeWait | Closed)
    }

    /// What can be done without waiting.
    pub fn ready(&self) -> Ready {
        let (ended, error) = (self.ended(), self.error.is_some());
        let closed = self.state == Tcp::Closed;
        Ready {
            receive: self.unread > 0 || ended || self.receive_shut || error,
            send: self.writable || self.send_shut || closed || error,
            receive_closed: ended || self.receive_shut,
            closed: closed || ended && self.send_shut,
            error,
        }
    }

    /// Nothing more will be sent after what has been.
    pub fn close(&mut self) {
        match &mut self.tcb {
            Some(tcb) => {
                tcb.close();
                self.state = tcb.state();
            }
            None => self.closing = true,
        }
    }

    /// Sees what happened to it; true if whoever has it should know.
    fn look(&mut self) -> bool {
        let Some(tcb) = &mut self.tcb else { return false };
        let (state, unread, writable) = (tcb.state(), tcb.unread(), tcb.is_writable());
        let mut news = unread > self.unread || writable && !self.writable;
        (self.unread, self.writable) = (unread, writable);
        if state != self.state {
            use Tcp::{CloseWait, Closed, Closing, Established, LastAck, SynSent, TimeWait};
            let graceful = matches!(self.state, LastAck | Closing | TimeWait);
            if state == Closed && self.error.is_none() && !graceful {
                let refused = self.state == SynSent;
                self.error = Some(if refused { NetError::Refused } else { NetError::Reset });
            }
            if matches!(state, Established | CloseWait) {
                self.expires = NEVER;
            }
            self.state = state;
            news = true;
        }
        if self.owner == Owner::Orphan && unread > 0 {
            // Nobody will read it: RFC 1122, 4.2.2.13.
            tcb.abort();
            self.state = Tcp::Closed;
        }
        news && self.owner == Owner::Application
    }

    /// When it needs a turn, if its control block does at `at`.
    fn due(&mut self, at: u64, now: u64) -> u64 {
        at.min(self.limit(now)).min(self.watch_silence(now))
    }

    /// Nothing is left to be said.
    fn is_finished(&self) -> bool {
        self.tcb.as_ref().is_some_and(|tcb| tcb.is_over())
    }

    /// When it is given up.
    fn limit(&mut self, now: u64) -> u64 {
        let Some(tcb) = &self.tcb else { return NEVER };
        let owes = !self.over && tcb.owes();
        self.owed = if owes { self.owed.min(now) } else { NEVER };
        let silence = self.owed.saturating_add(SILENCE);
        let dead = match self.is_kept_alive() {
            true => self.heard.saturating_add(KEEP_ALIVES * self.keep_alive),
            false => NEVER,
        };
        self.expires.min(silence).min(dead)
    }
}

impl State {
    /// Whether there is memory for one more connection, and for it in the lists that it gets into.
    pub fn has_room(&mut self) -> bool {
        let most = self.conns.len() + 1;
        is_room(0)
            && self.flows.try_reserve(1).is_ok()
            && self.conns.try_reserve().is_ok()
            && self.dirty.try_reserve(most.saturating_sub(self.dirty.len())).is_ok()
            && self.acks.try_reserve(most.saturating_sub(self.acks.len())).is_ok()
    }

    pub fn add(&mut self, conn: Conn) -> Id {
        let flow = conn.flow;
        let id = self.conns.insert(Box::new(conn));
        self.flows.insert(flow, id);
        id
    }

    /// Has a connection given a turn.
    pub fn touch(&mut self, id: Id) {
        if let Some(conn) = self.conns.get_mut(id)
            && !conn.dirty
            && !conn.over
        {
            conn.dirty = true;
            self.dirty.push(id);
        }
    }

    /// A segment for a connection. `hop`: who sent the frame, if that is known.
    pub fn deliver(
        &mut self,
        id: Id,
        hop: Option<Mac>,
        header: &Segment,
        payload: &[u8],
    ) -> Verdict {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(id) else { return Verdict::Taken };
        conn.moved |= hop.is_some() && conn.hop.is_some() && hop != conn.hop;
        let Some(tcb) = &mut conn.tcb else {
            if conn.over {
                return Verdict::Foreign;
            }
            if conn.deferred.len() < DEFERRED {
                conn.deferred.push((*header, payload.to_vec()));
            }
            return Verdict::Taken;
        };
        conn.heard = now;
        if conn.owed != NEVER {
            conn.owed = now;
        }
        let verdict = tcb.input(now, header, payload);
        // Usually there is nothing to say before the application has said something.
        let quiet = !tcb.wants_output(now);
        let (at, ack_at) = (tcb.timer(), tcb.ack_deadline());
        if ack_at != NEVER && !core::mem::replace(&mut conn.delays, true) {
            self.acks.push_back((ack_at, id));
        }
        let wake = conn.look().then(|| conn.queue.clone());
        let quiet = quiet && conn.owner != Owner::Orphan && !conn.is_finished();
        let (at, scheduled) = (conn.due(at, now), conn.scheduled);
        if let Some(queue) = wake {
            self.wake(&queue);
        }
        if !quiet {
            self.touch(id);
        } else if at < scheduled {
            self.schedule(id, at);
        }
        verdict
    }

    /// Gives those a turn that have delayed an acknowledgement long enough.
    pub fn acks_due(&mut self) {
        while let Some(&(at, id)) = self.acks.front()
            && at <= self.now
        {
            self.acks.pop_front();
            let Some(conn) = self.conns.get_mut(id) else { continue };
            conn.delays = false;
            // While the buffers are away nobody knows; there will be a turn when they are back, and
            // it will be in the list again if it is not due by then.
            let at = conn.tcb.as_ref().map_or(self.now, |tcb| tcb.ack_deadline());
            if at <= self.now {
                self.touch(id);
            } else if at != NEVER {
                // That one was sent; this is a later one.
                conn.delays = true;
                self.acks.push_back((at, id));
            }
        }
    }

    /// Gives those that have to be given a turn one.
    pub fn turns(&mut self) {
        let mut dirty = core::mem::take(&mut self.dirty);
        for &id in &dirty {
            self.turn(id);
        }
        dirty.clear();
        // Those that could not finish are in the new list.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// Has a connection send what it can.
    pub fn turn(&mut self, id: Id) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.dirty = false;
        if conn.over {
            return;
        }
        let now = self.now;
        let given_up = conn.limit(now) <= now;
        conn.watch_silence(now);
        // The application has it: there will be another turn when it gives it back.
        let Some(tcb) = &mut conn.tcb else {
            conn.missed = true;
            return;
        };
        self.statistics.turns += 1;
        if given_up {
            conn.error.get_or_insert(NetError::TimedOut);
            tcb.abort();
        }
        if tcb.is_over() {
            // Nothing is to be said, so it does not matter where to.
            self.news(id);
            return self.finish(id);
        }
        let doubtful = tcb.timeouts() >= DOUBTS && tcb.deadline() <= now;
        let hop = match self.hop(id, doubtful) {
            Some(hop) => hop,
            None if given_up => {
                self.news(id);
                return self.finish(id);
            }
            None => return self.plan(id, now.saturating_add(SECOND)),
        };
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(tcb) = &mut conn.tcb else { return };
        let (links, link, flow) = (&mut self.links, conn.link, &conn.flow);
        let sent = tcb.output(now, BURST, &mut |header, payload| {
            links.transmit(link, hop, &Packet { flow, header, payload })
        });
        let at = tcb.timer();
        self.blocked |= sent.full;
        self.news(id);
        let Some(conn) = self.conns.get_mut(id) else { return };
        if given_up || conn.is_finished() {
            // What was left to say was said, or it does not matter any more.
            return self.finish(id);
        }
        if sent.full || sent.more {
            return self.touch(id);
        }
        self.plan(id, at);
    }

    /// Where the packets of a connection go next. If that is not known, it is asked for: there
    /// will be a turn when it is. `doubtful`: nothing has been heard for long.
    fn hop(&mut self, id: Id, doubtful: bool) -> Option<Mac> {
        let conn = self.conns.get_mut(id)?;
        if conn.link == Link::Loopback {
            return Some([0; 6]);
        }
        if let Some(hop) = conn.hop
            && !doubtful
            && !conn.moved
        {
            return Some(hop);
        }
        let Some(next) = self.addresses.next_hop(conn.flow.remote.addr) else {
            // No gateway to ask for: where it came from is all that is known.
            return conn.hop;
        };
        if doubtful && conn.hop.take().is_some() {
            self.neighbours.doubt(next, self.now);
        }
        let own = self.links.ethernet.as_ref()?.address.0;
        match self.neighbours.find(next, own, &self.addresses, self.now) {
            Way::To(hop) => {
                conn.hop = Some(hop);
                conn.moved = false;
                return Some(hop);
            }
            Way::Ask(question) => question.iter().for_each(|frame| self.links.ask(frame)),
        }
        if !core::mem::replace(&mut conn.unresolved, true) {
            self.unresolved.push(id);
        }
        // Unless it is silent, it may well be where it was.
        conn.hop
    }

    /// Tells whoever has a connection of what happened to it.
    fn news(&mut self, id: Id) {
        if let Some(conn) = self.conns.get_mut(id)
            && conn.look()
        {
            let queue = conn.queue.clone();
            self.wake(&queue);
        }
    }

    /// Plans the next turn of a connection, for `at` at the latest.
    fn plan(&mut self, id: Id, at: u64) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let at = conn.due(at, self.now);
        if at < conn.scheduled {
            self.schedule(id, at);
        }
    }

    /// Has a connection given a turn at `at`, and not when that was planned before.
    fn schedule(&mut self, id: Id, at: u64) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let before = core::mem::replace(&mut conn.scheduled, at);
        self.timers.remove(&(before, id));
        self.timers.insert((at, id));
    }

    /// The application gives the buffers of a connection back.
    /// `busy`: it has something to say.
    pub fn give_back(&mut self, id: Id, mut tcb: Box<Tcb>, busy: bool) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        tcb.set_no_delay(conn.no_delay);
        conn.unread = tcb.unread();
        conn.writable = tcb.is_writable();
        let busy = core::mem::take(&mut conn.missed) || busy || conn.closing;
        // The list may have come to it meanwhile, and left it out.
        let ack_at = tcb.ack_deadline();
        if ack_at != NEVER && !core::mem::replace(&mut conn.delays, true) {
            self.acks.push_back((ack_at, id));
        }
        conn.tcb = Some(tcb);
        if core::mem::take(&mut conn.closing) {
            conn.close();
        }
        let contended = core::mem::take(&mut conn.contended).then(|| conn.queue.clone());
        let deferred = core::mem::take(&mut conn.deferred);
        let over = conn.over;
        if let Some(queue) = contended {
            self.wake(&queue);
        }
        for (header, payload) in deferred {
            self.deliver(id, None, &header, &payload);
        }
        if over {
            self.strip(id);
        } else if busy {
            self.touch(id);
        }
    }

    /// The address of a neighbour may be known now.
    pub fn resolved(&mut self) {
        let mut unresolved = core::mem::take(&mut self.unresolved);
        for &id in &unresolved {
            if let Some(conn) = self.conns.get_mut(id) {
                conn.unresolved = false;
                self.touch(id);
            }
        }
        // Those that are still unresolved will be in it again.
        unresolved.clear();
        self.unresolved = unresolved;
        self.udp.next = 0;
    }

    /// Addresses have changed: connections that knew no way may have one now.
    pub fn touch_all(&mut self) {
        let ids: Vec<Id> = self.conns.ids().collect();
        ids.into_iter().for_each(|id| self.touch(id));
    }
}
