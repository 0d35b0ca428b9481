//! Connections: frames in, frames out, timers, and the end.
//!
//! A connection gets a turn only if something happened to it: a segment arrived, the application
//! did something, or one of its timers is due.

use crate::flow::{Flow, Link};
use crate::links::{NEVER, Turn};
use crate::listen::Options;
use crate::port::Sent;
use crate::slab::Id;
use crate::sockets::Tcp;
use crate::state::State;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use smoltcp::socket::tcp::{self, CongestionControl};
use smoltcp::time::Duration;
use smoltcp::wire::{IpAddress, IpProtocol};
use unilith_net_api::{NetError, Ready};
use unilith_sched_api::WaitQueue;

const SECOND: u64 = 1_000_000_000;

/// How long a connection may take to be established.
const CONNECT: u64 = 60 * SECOND;

/// How long the other end may be silent while it owes an acknowledgement.
const SILENCE: u64 = 300 * SECOND;

/// Silent intervals of keep-alive after which the other end is given up.
const KEEP_ALIVES: u64 = 3;

/// Sockets that are kept for the next connections.
const POOL: usize = 16;

/// Frames that wait while an application has the buffers.
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
    /// The socket. Not there while an application fills or empties its buffers, nor when the
    /// connection is over and all was read.
    pub tcp: Option<Tcp>,
    pub owner: Owner,
    pub queue: Arc<WaitQueue>,
    /// The state that was seen last.
    pub state: tcp::State,
    pub sent: Option<Sent>,
    /// It is in the list of those that get a turn.
    dirty: bool,
    /// When it is in the timers.
    pub scheduled: u64,
    /// When a segment arrived last.
    pub heard: u64,
    /// When it sent last.
    spoke: u64,
    /// Since when the other end owes something; [`NEVER`]: it does not.
    owed: u64,
    /// When it is given up.
    pub expires: u64,
    keep_alive: u64,
    /// It has been silent for that long: smoltcp sends probes.
    probing: bool,
    pub error: Option<NetError>,
    /// smoltcp is through with it.
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
    lossy: bool,
    unresolved: bool,
    deferred: Vec<Vec<u8>>,
}

impl Conn {
    pub fn new(flow: Flow, link: Link, mut tcp: Tcp, owner: Owner, now: u64) -> Self {
        if link == Link::Loopback {
            // Nothing is saved by waiting.
            tcp.socket_mut().set_ack_delay(None);
        }
        Self {
            flow,
            link,
            state: tcp.socket().state(),
            tcp: Some(tcp),
            owner,
            queue: Arc::new(WaitQueue::new()),
            sent: None,
            dirty: false,
            scheduled: NEVER,
            heard: now,
            spoke: NEVER,
            owed: NEVER,
            expires: if owner == Owner::Application { now.saturating_add(CONNECT) } else { NEVER },
            keep_alive: 0,
            probing: false,
            error: None,
            over: false,
            unread: 0,
            writable: false,
            receive_shut: false,
            send_shut: false,
            abort_on_close: false,
            contended: false,
            closing: false,
            lossy: false,
            unresolved: false,
            deferred: Vec::new(),
        }
    }

    pub fn set_options(&mut self, options: Options) {
        self.abort_on_close = options.abort_on_close;
        self.keep_alive = options.keep_alive.map_or(0, |seconds| u64::from(seconds) * SECOND);
        let Some(tcp) = &mut self.tcp else { return };
        tcp.socket_mut().set_nagle_enabled(!options.no_delay);
    }

    /// Starts probes after a time of silence, and ends them when something is heard again: when to
    /// look again. smoltcp's own timer would send the first probe at once.
    fn watch_silence(&mut self, now: u64) -> u64 {
        let due = match self.keep_alive {
            0 => NEVER,
            interval => self.heard.saturating_add(interval),
        };
        let silent = now >= due;
        if let Some(tcp) = &mut self.tcp
            && core::mem::replace(&mut self.probing, silent) != silent
        {
            let interval = silent.then(|| Duration::from_micros(self.keep_alive / 1000));
            tcp.socket_mut().set_keep_alive(interval);
        }
        if silent { NEVER } else { due }
    }

    /// The other end closed its direction.
    pub fn ended(&self) -> bool {
        use tcp::State::{CloseWait, Closed, Closing, LastAck, TimeWait};
        matches!(self.state, CloseWait | Closing | LastAck | TimeWait | Closed)
    }

    /// What can be done without waiting.
    pub fn ready(&self) -> Ready {
        let (ended, error) = (self.ended(), self.error.is_some());
        let closed = self.state == tcp::State::Closed;
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
        match &mut self.tcp {
            Some(tcp) => {
                tcp.socket_mut().close();
                self.state = tcp.socket().state();
            }
            None => self.closing = true,
        }
    }

    fn took(&mut self, turn: Turn) {
        self.sent = turn.sent;
        if turn.count > 0 {
            self.unresolved = false;
        }
        if turn.resent
            && !core::mem::replace(&mut self.lossy, true)
            && let Some(tcp) = &mut self.tcp
        {
            tcp.socket_mut().set_congestion_control(CongestionControl::Reno);
        }
    }

    /// When it is given up, apart from what smoltcp does.
    fn limit(&mut self, now: u64) -> u64 {
        use tcp::State::{Closing, FinWait1, LastAck};
        let Some(tcp) = &self.tcp else { return NEVER };
        let fin = matches!(self.state, FinWait1 | Closing | LastAck);
        let owes = !self.over && (tcp.socket().send_queue() > 0 || fin);
        self.owed = if owes { self.owed.min(now) } else { NEVER };
        let silence = self.owed.saturating_add(SILENCE);
        let dead = match self.keep_alive {
            0 => NEVER,
            interval => self.heard.saturating_add(KEEP_ALIVES * interval),
        };
        self.expires.min(silence).min(dead)
    }
}

/// How an application sees that it can send: as Linux, when a third of the buffer is free.
fn is_writable(socket: &tcp::Socket<'_>) -> bool {
    let free = socket.send_capacity() - socket.send_queue();
    socket.may_send() && free >= socket.send_capacity() / 3
}

impl State {
    /// A socket, kept or new.
    pub fn take_tcp(&mut self) -> Option<Tcp> {
        self.pool.pop().or_else(Tcp::new)
    }

    /// Keeps a socket for the next connection.
    pub fn give_tcp(&mut self, tcp: Tcp) {
        if self.pool.len() < POOL {
            self.pool.push(tcp.renewed());
        }
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

    /// A segment for a connection.
    pub fn deliver(&mut self, id: Id, frame: &[u8]) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(tcp) = &mut conn.tcp else {
            if conn.deferred.len() < DEFERRED {
                conn.deferred.push(frame.to_vec());
            }
            return;
        };
        conn.heard = self.now;
        if conn.owed != NEVER {
            conn.owed = self.now;
        }
        let turn = self.links.ingress(conn.link, self.now, frame, &mut tcp.set, conn.sent);
        let at = self.links.poll_at(conn.link, self.now, &tcp.set);
        conn.took(turn);
        // Usually smoltcp has nothing to say before the application has.
        let quiet = at > self.now && conn.owner != Owner::Orphan;
        self.look(id);
        if quiet { self.settle(id, at) } else { self.touch(id) }
    }

    /// Tells whoever has a connection of what happened to it.
    fn look(&mut self, id: Id) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(tcp) = &mut conn.tcp else { return };
        let socket = tcp.socket();
        let (state, unread, writable) = (socket.state(), socket.recv_queue(), is_writable(socket));
        let mut news = unread > conn.unread || writable && !conn.writable;
        (conn.unread, conn.writable) = (unread, writable);
        if state != conn.state {
            use tcp::State::{Closed, Closing, Established, LastAck, SynSent, TimeWait};
            let graceful = matches!(conn.state, LastAck | Closing | TimeWait);
            if state == Closed && conn.error.is_none() && !graceful {
                let refused = conn.state == SynSent;
                conn.error = Some(if refused { NetError::Refused } else { NetError::Reset });
            }
            if state == Established {
                conn.expires = NEVER;
            }
            conn.state = state;
            news = true;
        }
        if conn.owner == Owner::Orphan && unread > 0 {
            // Nobody will read it: RFC 1122, 4.2.2.13.
            tcp.socket_mut().abort();
            conn.state = tcp::State::Closed;
        }
        if news && conn.owner == Owner::Application {
            let queue = conn.queue.clone();
            self.wake(&queue);
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
        let limit = conn.limit(self.now);
        conn.watch_silence(self.now);
        // The application has it: there will be another turn when it gives it back.
        let Some(tcp) = &mut conn.tcp else { return };
        self.statistics.turns += 1;
        let given_up = limit <= self.now;
        if given_up {
            conn.error.get_or_insert(NetError::TimedOut);
            tcp.socket_mut().abort();
        }
        let protocol = match conn.flow.remote.addr {
            IpAddress::Ipv4(_) => Some(IpProtocol::Tcp),
            IpAddress::Ipv6(_) => None,
        };
        let now = self.now;
        let turn = self.links.egress(conn.link, now, &mut tcp.set, conn.sent, protocol);
        let at = self.links.poll_at(conn.link, now, &tcp.set);
        conn.took(turn);
        self.blocked |= turn.full;
        // smoltcp asks again for a neighbour after exactly a second. So it repeats what it sends
        // now, but then something was sent.
        let asks = turn.count == 0 && !turn.full && at == now / 1000 * 1000 + SECOND;
        if turn.count > 0 {
            conn.spoke = now;
        } else if asks && conn.spoke != now && !conn.unresolved {
            conn.unresolved = true;
            self.unresolved.push(id);
            if self.unresolved.len() > 64 + 2 * self.conns.len() {
                let conns = &self.conns;
                self.unresolved.retain(|id| conns.get(*id).is_some_and(|conn| conn.unresolved));
            }
        }
        self.look(id);
        if given_up {
            // The reset went out, or it does not matter any more.
            return self.finish(id);
        }
        if turn.more {
            return self.touch(id);
        }
        self.settle(id, at);
    }

    /// Plans the next turn of a connection, or ends it.
    fn settle(&mut self, id: Id, mut at: u64) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        let Some(tcp) = &conn.tcp else { return };
        let gone = match conn.state {
            tcp::State::Closed => tcp.socket().remote_endpoint().is_none(),
            // Only the end of TIME-WAIT is left to wait for: the last acknowledgement is out.
            tcp::State::TimeWait => at > self.now.saturating_add(SECOND),
            _ => false,
        };
        if gone {
            return self.finish(id);
        }
        if at <= self.now {
            // It wants to send, and could not, although there is room.
            at = self.now.saturating_add(1_000_000);
        }
        let at = at.min(conn.limit(self.now)).min(conn.watch_silence(self.now));
        if at < conn.scheduled {
            self.timers.remove(&(conn.scheduled, id));
            conn.scheduled = at;
            self.timers.insert((at, id));
        }
    }

    /// The application gives the buffers of a connection back.
    pub fn give_back(&mut self, id: Id, tcp: Tcp) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.unread = tcp.socket().recv_queue();
        conn.writable = is_writable(tcp.socket());
        conn.tcp = Some(tcp);
        if core::mem::take(&mut conn.closing) {
            conn.close();
        }
        let contended = core::mem::take(&mut conn.contended).then(|| conn.queue.clone());
        let deferred = core::mem::take(&mut conn.deferred);
        if let Some(queue) = contended {
            self.wake(&queue);
        }
        for frame in deferred {
            self.deliver(id, &frame);
        }
        self.strip(id);
        self.touch(id);
    }

    /// The address of a neighbour may be known now.
    pub fn resolved(&mut self) {
        let mut unresolved = core::mem::take(&mut self.unresolved);
        unresolved.retain(|id| self.conns.get(*id).is_some_and(|conn| conn.unresolved));
        unresolved.iter().for_each(|id| self.touch(*id));
        self.unresolved = unresolved;
        self.udp.next = 0;
    }

    /// Connections whose address went away end.
    pub fn touch_all(&mut self) {
        let ids: Vec<Id> = self.conns.ids().collect();
        ids.into_iter().for_each(|id| self.touch(id));
    }
}
