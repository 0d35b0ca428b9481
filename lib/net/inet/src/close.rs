//! How connections end.

use crate::conn::Owner;
use crate::links::NEVER;
use crate::slab::Id;
use crate::state::State;
use unilith_tcp::State as Tcp;

/// How long a connection that no application has may linger, in nanoseconds. Linux:
/// tcp_fin_timeout.
const ORPHAN: u64 = 60_000_000_000;

impl State {
    /// Nothing more is to be done for a connection, but for what is not read.
    pub fn finish(&mut self, id: Id) {
        let Some(conn) = self.conns.get_mut(id) else { return };
        conn.over = true;
        if conn.state == Tcp::TimeWait
            && let Some(tcb) = &conn.tcb
        {
            let (next, expected) = tcb.numbers();
            self.time_wait.insert(self.now, conn.flow, next, expected);
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
            && conn.tcb.as_ref().is_some_and(|tcb| tcb.unread() == 0)
        {
            conn.unread = 0;
            conn.tcb = None;
        }
    }

    /// Removes a connection without a word to anybody.
    pub fn forget(&mut self, id: Id) {
        self.detach(id);
        self.conns.remove(id);
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
        if let Some(tcb) = &mut conn.tcb {
            if conn.abort_on_close || tcb.unread() > 0 {
                tcb.abort();
            } else {
                tcb.close();
            }
            conn.state = tcb.state();
        }
        self.touch(id);
    }
}
