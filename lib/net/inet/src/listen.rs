//! Listeners, and what is left of connections.

use crate::conn::Owner;
use crate::flow::Link;
use crate::packet::Packet;
use crate::parse::Segment;
use crate::slab::Id;
use crate::state::State;
use crate::timewait::Past;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use smoltcp::wire::{IpAddress, IpEndpoint};
use unilith_net_api::{NetError, Result};
use unilith_sched_api::WaitQueue;
use unilith_tcp::Flags;

/// What an application chose for a socket; connections have it from their listener.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    pub no_delay: bool,
    pub keep_alive: Option<u32>,
    pub abort_on_close: bool,
}

/// A socket that accepts connections.
pub struct Listener {
    pub endpoint: IpEndpoint,
    /// Connections that may wait to be taken.
    pub backlog: usize,
    pub pending: VecDeque<Id>,
    pub queue: Arc<WaitQueue>,
    pub options: Options,
}

impl Listener {
    pub fn is_full(&self) -> bool {
        self.pending.len() >= self.backlog
    }

    /// Whether not even those may join whose SYN was answered while there was room: many clients
    /// that connect at the same moment all find room, and what the other end sends with its
    /// acknowledgement should not be lost.
    pub fn is_overfull(&self) -> bool {
        self.pending.len() >= self.backlog.saturating_mul(2)
    }

    /// How well it fits an address: not at all, or the more precisely the better.
    fn fits(&self, address: IpAddress) -> Option<u8> {
        let own = self.endpoint.addr;
        match (own == address, own.is_unspecified(), own.version() == address.version()) {
            (true, ..) => Some(2),
            (false, true, true) => Some(1),
            // "All" of IPv6 is all of IPv4 as well.
            (false, true, false) => matches!(own, IpAddress::Ipv6(_)).then_some(0),
            _ => None,
        }
    }
}

impl State {
    /// Who listens there.
    pub fn listener(&self, local: IpEndpoint) -> Option<Id> {
        let candidates = self.listening.get(&local.port)?.iter();
        let fitting =
            candidates.filter_map(|id| Some((self.listeners.get(*id)?.fits(local.addr)?, *id)));
        fitting.max_by_key(|(fit, _)| *fit).map(|(_, id)| id)
    }

    pub fn listen(&mut self, listener: Listener) -> Id {
        let port = listener.endpoint.port;
        let id = self.listeners.insert(listener);
        self.listening.entry(port).or_default().push(id);
        id
    }

    /// Takes a connection that waits.
    pub fn accept(&mut self, listener: Id) -> Result<Id> {
        let listener = self.listeners.get_mut(listener).ok_or(NetError::Invalid)?;
        let id = listener.pending.pop_front().ok_or(NetError::WouldBlock)?;
        if let Some(conn) = self.conns.get_mut(id) {
            conn.owner = Owner::Application;
        }
        Ok(id)
    }

    /// Nobody listens any more: connections that wait are reset.
    pub fn unlisten(&mut self, id: Id) {
        let Some(listener) = self.listeners.remove(id) else { return };
        if let Some(ids) = self.listening.get_mut(&listener.endpoint.port) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.listening.remove(&listener.endpoint.port);
            }
        }
        self.half.close(id);
        for pending in listener.pending {
            if let Some(conn) = self.conns.get_mut(pending) {
                conn.abort_on_close = true;
            }
            self.abandon(pending);
        }
    }

    /// A segment for which there is no connection is answered with a reset (RFC 9293, 3.10.7.1).
    pub fn refuse(&mut self, link: Link, segment: &Segment<'_>) {
        if let Some(reset) = segment.header.refusal(segment.payload.len()) {
            let packet = Packet { flow: &segment.flow, header: &reset, payload: [&[], &[]] };
            self.links.reply(link, segment.hop, &packet);
        }
    }

    /// A segment for a connection that is over (RFC 9293, 3.10.7.4, TIME-WAIT): it is told what
    /// was the last, once more. A reset is believed only if it has exactly the sequence number
    /// that was told: then it comes from one who wants a new connection (RFC 1337 has the danger
    /// of others).
    pub fn answer_late(&mut self, link: Link, segment: &Segment<'_>, past: Past) {
        let received = &segment.header;
        let resets = received.flags.has(Flags::RST);
        if resets && received.seq == past.ack {
            self.time_wait.remove(&segment.flow);
        }
        if resets || !received.flags.has(Flags::ACK | Flags::SYN) {
            return;
        }
        // An answer to this would be answered by one that remembers as well, and so on.
        let says = !segment.payload.is_empty() || received.flags.has(Flags::SYN | Flags::FIN);
        if !says && received.seq == past.ack {
            return;
        }
        let (from, to) = segment.flow.ports();
        let (seq, ack, flags) = (past.next, past.ack, Flags::ACK);
        let header = unilith_tcp::Segment { from, to, seq, ack, flags, ..Default::default() };
        let packet = Packet { flow: &segment.flow, header: &header, payload: [&[], &[]] };
        self.links.reply(link, segment.hop, &packet);
    }
}
