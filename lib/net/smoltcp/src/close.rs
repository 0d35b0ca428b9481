//! How connections end.

use crate::conn::Owner;
use crate::links::NEVER;
use crate::slab::Id;
use crate::state::State;
use smoltcp::socket::tcp;

/// How long a connection that no application has may linger, in nanoseconds. Linux:
/// tcp_fin_timeout.
const ORPHAN: u64 = 60_000_000_000;

impl State {
    /// smoltcp is through with a connection.
    pub fn finish(&mut self, id: Id) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.over = true;
        if conn.state == tcp::State::TimeWait
            && let Some(sent) = conn.sent
        {
            self.time_wait.insert(self.now, conn.flow, sent.next, sent.ack);
        }
        self.detach(id);
        match self.conns.get(id).map(|conn| conn.owner) {
            Some(Owner::Orphan) => self.forget(id),
            _ => self.strip(id),
        }
    }

    /// No segment is for this connection any more.
    fn detach(&mut self, id: Id) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        self.timers.remove(&(conn.scheduled, id));
        conn.scheduled = NEVER;
        if self.flows.get(&conn.flow) == Some(&id) {
            self.flows.remove(&conn.flow);
        }
    }

    /// Takes the buffers of a connection that is over once all was read.
    pub fn strip(&mut self, id: Id) {
        if let Some(conn) = self.conns.get_mut(id)
            && conn.over
            && conn.tcp.as_ref().is_some_and(|tcp| !tcp.socket().can_recv())
            && let Some(tcp) = conn.tcp.take()
        {
            conn.unread = 0;
            self.give_tcp(tcp);
        }
    }

    /// Removes a connection without a word to anybody.
    pub fn forget(&mut self, id: Id) {
        self.detach(id);
        if let Some(conn) = self.conns.remove(id)
            && let Some(tcp) = conn.tcp
        {
            self.give_tcp(tcp);
        }
    }

    /// Whoever had a connection does not want it any more: what was sent still gets there, but
    /// what was not read is lost, and the other end is told so.
    pub fn abandon(&mut self, id: Id) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.owner = Owner::Orphan;
        if conn.over {
            return self.forget(id);
        }
        conn.expires = conn.expires.min(self.now.saturating_add(ORPHAN));
        if let Some(tcp) = &mut conn.tcp {
            let socket = tcp.socket_mut();
            if conn.abort_on_close || socket.can_recv() {
                socket.abort();
            } else {
                socket.close();
            }
            conn.state = socket.state();
        }
        self.touch(id);
    }
}
