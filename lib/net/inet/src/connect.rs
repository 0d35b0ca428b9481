//! How connections begin on this side.

use crate::buffers::rings;
use crate::conn::{Conn, Owner};
use crate::flow::{Flow, Link, is_host, is_loopback};
use crate::listen::Options;
use crate::packet::mss;
use crate::ports::ephemeral;
use crate::slab::Id;
use crate::state::State;
use alloc::boxed::Box;
use alloc::sync::Arc;
use smoltcp::wire::{IpAddress, IpEndpoint};
use unilith_net_api::{NetError, Result};
use unilith_sched_api::WaitQueue;
use unilith_tcp::Tcb;

impl State {
    /// How packets get to an address, and the address that they come from.
    pub fn route(&self, to: IpAddress) -> Result<(Link, IpAddress)> {
        if is_loopback(to) || self.addresses.has(to) {
            return Ok((Link::Loopback, to));
        }
        if !is_host(to) || self.addresses.is_broadcast(to) {
            return Err(NetError::Unreachable);
        }
        let source = self.addresses.source(to).ok_or(NetError::Unreachable)?;
        Ok((Link::Device, source))
    }

    /// The local end of a connection to `to` that is none yet, nor was one lately.
    fn choose(&mut self, to: IpEndpoint, bound: Option<IpEndpoint>) -> Result<(Link, Flow)> {
        let (link, source) = self.route(to.addr)?;
        let address = match bound {
            Some(bound) if !bound.addr.is_unspecified() => bound.addr,
            _ => source,
        };
        if address.version() != to.addr.version() {
            return Err(NetError::Unreachable);
        }
        if is_loopback(address) && link == Link::Device {
            return Err(NetError::Invalid);
        }
        let flow = |port| Flow { local: IpEndpoint::new(address, port), remote: to };
        let free = |this: &Self, flow: &Flow| {
            !this.flows.contains_key(flow)
                && !this.half.contains(flow)
                && this.time_wait.get(this.now, flow).is_none()
        };
        let flow = match bound {
            Some(bound) => Some(flow(bound.port)).filter(|flow| free(self, flow)),
            None => {
                let start = self.random() as u16;
                ephemeral(start)
                    .filter(|port| !self.ports.is_bound(*port))
                    .map(flow)
                    .find(|flow| free(self, flow))
            }
        };
        let taken = if bound.is_some() { NetError::InUse } else { NetError::NotAvailable };
        Ok((link, flow.ok_or(taken)?))
    }

    /// Sends the SYN of a connection.
    pub fn connect(
        &mut self,
        to: IpEndpoint,
        bound: Option<IpEndpoint>,
        options: Options,
        queue: &Arc<WaitQueue>,
    ) -> Result<(Id, Flow)> {
        let (link, flow) = self.choose(to, bound)?;
        if !self.has_room() {
            return Err(NetError::NoMemory);
        }
        let iss = self.initial(&flow);
        let mss = mss(self.links.caps(link), to.addr);
        let (tx, rx) = rings();
        let tcb = Box::new(Tcb::connect(flow.ports(), iss, mss, tx, rx));
        let mut conn = Conn::new(flow, link, tcb, Owner::Application, self.now);
        conn.queue = queue.clone();
        conn.set_options(options);
        let id = self.add(conn);
        self.turn(id);
        self.links.flush();
        Ok((id, flow))
    }
}
