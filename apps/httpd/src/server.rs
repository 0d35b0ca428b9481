//! The event loop.

use crate::connection::{Connection, Stage, Turn};
use crate::order::Order;
use crate::ready::ReadyList;
use crate::site::Site;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_net_api::Socket;
use unilith_platform::monotonic_ns;
use unilith_sched_api::{NEVER, Observer};

/// Connections at a time.
pub const CONNECTIONS: usize = 512;
/// How long a connection may do nothing, nanoseconds: a client that sends a request byte by byte,
/// or takes no answer, does nothing.
pub const IDLE: u64 = 10_000_000_000;
/// How long a connection must have done nothing before it is given up for a new one, nanoseconds:
/// requests take their time to come. Else clients that all want something, and find the server
/// full of others, would throw each other out.
pub const GRACE: u64 = 500_000_000;
/// The listener's key; those of connections follow.
const LISTENER: usize = 0;

/// A listener and its connections.
pub struct Server {
    listener: Arc<dyn Socket>,
    ready: Arc<ReadyList>,
    /// By key, less the listener's.
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// By when they did something last.
    order: Order,
    /// When there may be room for a client that waits, monotonic.
    room: u64,
    /// Keys that are looked at in this round.
    keys: Vec<u64>,
}

impl Server {
    /// A server of what `listener` accepts.
    pub fn new(listener: Arc<dyn Socket>) -> Self {
        let ready = Arc::new(ReadyList::new());
        ready.watch(listener.queue(), LISTENER);
        ready.notify(LISTENER as u64);
        let (connections, free, order) = (Vec::new(), Vec::new(), Order::default());
        Self { listener, ready, connections, free, order, room: NEVER, keys: Vec::new() }
    }

    /// Serves for ever.
    pub fn run(mut self, site: &Site) -> ! {
        loop {
            // What the last round sent goes out, and what came in meanwhile is told of.
            unilith_sched_api::poll();
            self.wait();
            self.round(site, monotonic_ns());
        }
    }

    /// Waits until there is something to do in a round.
    pub fn wait(&mut self) {
        self.ready.wait(self.deadline(), &mut self.keys);
    }

    /// When there is, even if nothing happens (monotonic, nanoseconds).
    pub fn deadline(&self) -> u64 {
        let idle = self.oldest().map_or(NEVER, |(_, active)| active + IDLE);
        idle.min(self.room)
    }

    /// Does what there is to do, as was waited for, at `now` (monotonic, nanoseconds).
    pub fn round(&mut self, site: &Site, now: u64) {
        let mut keys = core::mem::take(&mut self.keys);
        for key in keys.drain(..) {
            match (key as usize).checked_sub(LISTENER + 1) {
                Some(index) => self.turn(index, site, now),
                None => self.accept(site, now),
            }
        }
        self.keys = keys;
        if self.room <= now {
            self.accept(site, now);
        }
        // Those that did nothing for too long.
        while let Some((index, active)) = self.oldest()
            && active + IDLE <= now
        {
            self.close(index);
        }
    }

    /// The connection that did nothing for the longest time, and since when.
    fn oldest(&self) -> Option<(usize, u64)> {
        let index = self.order.iter().next()?;
        Some((index, self.connection(index)?.active()))
    }

    fn connection(&self, index: usize) -> Option<&Connection> {
        self.connections.get(index)?.as_ref()
    }

    /// Takes new connections.
    fn accept(&mut self, site: &Site, now: u64) {
        self.room = NEVER;
        loop {
            if self.free.is_empty() {
                if self.connections.len() < CONNECTIONS {
                    self.free.push(self.connections.len());
                    self.connections.push(None);
                } else if self.listener.ready().receive {
                    self.make_room(site, now);
                }
            }
            let Some(index) = self.free.pop() else { return };
            let Ok(socket) = self.listener.accept() else {
                self.free.push(index);
                return;
            };
            self.ready.watch(socket.queue(), LISTENER + 1 + index);
            self.connections[index] = Some(Connection::new(socket, now));
            self.order.touch(index);
            // It may have sent something before it was watched.
            self.turn(index, site, now);
        }
    }

    /// Gives up a connection for one that waits, if there is one that can be.
    fn make_room(&mut self, site: &Site, now: u64) {
        for _ in 0..2 * CONNECTIONS {
            let Some((index, stage, active)) = self.dispensable() else {
                // Nobody tells of an answer that was taken to its end.
                self.room = now + GRACE;
                return;
            };
            if active + GRACE > now {
                self.room = active + GRACE;
                return;
            }
            // A request may have come, which this round has not got to.
            self.turn(index, site, now);
            match self.connection(index) {
                None => return,
                Some(same) if same.active() == active && same.stage() == stage => {
                    self.close(index);
                    return;
                }
                Some(_) => {}
            }
        }
    }

    /// The connection that can be given up best, what it is at, and since when: of those that are
    /// not owed an answer, the one that did nothing for the longest time. One that has begun a
    /// request is no better than one that has not: whoever breaks off in the middle is one, too.
    fn dispensable(&self) -> Option<(usize, Stage, u64)> {
        self.order.iter().find_map(|index| {
            let connection = self.connection(index)?;
            let stage = connection.stage();
            (stage != Stage::Answer).then_some((index, stage, connection.active()))
        })
    }

    fn turn(&mut self, index: usize, site: &Site, now: u64) {
        let slot = self.connections.get_mut(index);
        // A key may outlive its connection.
        let Some(connection) = slot.and_then(Option::as_mut) else { return };
        let turn = connection.turn(site, now);
        if connection.active() == now {
            self.order.touch(index);
        }
        match turn {
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
        self.order.remove(index);
        self.free.push(index);
    }
}
