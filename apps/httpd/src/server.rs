//! The event loop.

use crate::connection::{Connection, Turn};
use crate::ready::ReadyList;
use crate::site::Site;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_net_api::Socket;
use unilith_platform::monotonic_ns;
use unilith_sched_api::{NEVER, Observer};

/// Connections at a time; more wait in the backlog.
const CONNECTIONS: usize = 512;
/// How long a connection may do nothing, nanoseconds: a client that sends a request byte by byte,
/// or takes no answer, does nothing.
const IDLE: u64 = 10_000_000_000;
/// The listener's key; those of connections follow.
const LISTENER: usize = 0;

/// A listener and its connections.
pub struct Server {
    listener: Arc<dyn Socket>,
    ready: Arc<ReadyList>,
    /// By key, less the listener's; with a number that is not used again.
    connections: Vec<Option<(u64, Connection)>>,
    free: Vec<usize>,
    accepted: u64,
    /// When to look for idleness at which connection, and its number: each is here once. As all
    /// may be idle for equally long, the order is that of time.
    checks: VecDeque<(u64, usize, u64)>,
}

impl Server {
    /// A server of what `listener` accepts.
    pub fn new(listener: Arc<dyn Socket>) -> Self {
        let ready = Arc::new(ReadyList::new());
        ready.watch(listener.queue(), LISTENER);
        ready.notify(LISTENER as u64);
        Self {
            listener,
            ready,
            connections: Vec::new(),
            free: Vec::new(),
            accepted: 0,
            checks: VecDeque::new(),
        }
    }

    /// Serves for ever.
    pub fn run(mut self, site: &Site) -> ! {
        let mut keys = Vec::new();
        loop {
            // What the last round sent goes out, and what came in meanwhile is told of.
            unilith_sched_api::poll();
            let deadline = self.checks.front().map_or(NEVER, |check| check.0);
            self.ready.wait(deadline, &mut keys);
            let now = monotonic_ns();
            for key in keys.drain(..) {
                match (key as usize).checked_sub(LISTENER + 1) {
                    Some(index) => self.turn(index, site, now),
                    None => self.accept(site, now),
                }
            }
            self.close_idle(now);
        }
    }

    /// Takes new connections, as long as there is room.
    fn accept(&mut self, site: &Site, now: u64) {
        loop {
            let index = match self.free.pop() {
                Some(index) => index,
                None if self.connections.len() < CONNECTIONS => {
                    self.connections.push(None);
                    self.connections.len() - 1
                }
                None => return,
            };
            let Ok(socket) = self.listener.accept() else {
                self.free.push(index);
                return;
            };
            self.ready.watch(socket.queue(), LISTENER + 1 + index);
            self.accepted += 1;
            self.connections[index] = Some((self.accepted, Connection::new(socket, now)));
            self.checks.push_back((now + IDLE, index, self.accepted));
            // It may have sent something before it was watched.
            self.turn(index, site, now);
        }
    }

    fn turn(&mut self, index: usize, site: &Site, now: u64) {
        let slot = self.connections.get_mut(index);
        // A key may outlive its connection.
        let Some((_, connection)) = slot.and_then(Option::as_mut) else { return };
        match connection.turn(site, now) {
            Turn::Waits => {}
            Turn::Continues => self.ready.notify((LISTENER + 1 + index) as u64),
            Turn::Over => self.close(index),
        }
    }

    fn close(&mut self, index: usize) {
        if self.free.is_empty() {
            // Others may wait for room.
            self.ready.notify(LISTENER as u64);
        }
        self.connections[index] = None;
        self.free.push(index);
    }

    /// Closes connections that did nothing for too long.
    fn close_idle(&mut self, now: u64) {
        while let Some(&(time, index, number)) = self.checks.front()
            && time <= now
        {
            self.checks.pop_front();
            match &self.connections[index] {
                Some((same, connection)) if *same == number => {
                    let until = connection.active() + IDLE;
                    if until <= now {
                        self.close(index);
                    } else {
                        self.checks.push_back((until, index, number));
                    }
                }
                _ => {}
            }
        }
    }
}
