//! Sockets of UDP, as applications see them.

use crate::buffers::buffer;
use crate::flow::{Link, is_host, is_loopback, socket_address};
use crate::net::Net;
use crate::slab::Id;
use crate::tcp::{number, wanted};
use crate::udp::{LONGEST, OVERHEAD, Udp};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::net::SocketAddr;
use smoltcp::wire::IpAddress;
use unilith_net_api::{Datagram, NetError, Ready, Result};
use unilith_sched_api::WaitQueue;

/// A socket of UDP.
pub struct UdpSocket {
    net: Arc<Net>,
    v6: bool,
    id: Id,
    queue: Arc<WaitQueue>,
}

impl UdpSocket {
    /// A fresh socket.
    pub fn new(net: Arc<Net>, v6: bool) -> Self {
        let queue = Arc::new(WaitQueue::new());
        let udp = Udp {
            number: number(),
            local: None,
            peer: None,
            queue: queue.clone(),
            inbox: VecDeque::new(),
            bytes: 0,
            error: None,
            sender: None,
            waiting: false,
        };
        let id = net.with(|state| state.udp.sockets.insert(udp));
        Self { net, v6, id, queue }
    }

    fn of<T>(&self, get: impl FnOnce(&mut Udp) -> T) -> Option<T> {
        self.net.with(|state| state.udp.sockets.get_mut(self.id).map(get))
    }
}

impl Datagram for UdpSocket {
    fn bind(&self, address: SocketAddr, reuse: bool) -> Result<()> {
        let wanted = wanted(address, self.v6)?;
        self.net.with(|state| {
            let address = wanted.addr;
            let usable = !is_host(address) || is_loopback(address) || state.addresses.has(address);
            if !usable && !state.addresses.is_broadcast(address) {
                return Err(NetError::NotAvailable);
            }
            state.udp_bind(self.id, wanted, reuse).map(|_| ())
        })
    }

    fn connect(&self, to: Option<SocketAddr>) -> Result<()> {
        let peer = to.map(|to| wanted(to, self.v6)).transpose()?;
        self.net.with(|state| {
            if let Some(peer) = peer {
                state.udp_source(self.id, peer, self.v6)?;
            }
            let socket = state.udp.sockets.get_mut(self.id).ok_or(NetError::Invalid)?;
            socket.peer = peer;
            Ok(())
        })
    }

    fn send_to(
        &self,
        to: Option<SocketAddr>,
        len: usize,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<()> {
        let to = to.map(|to| wanted(to, self.v6)).transpose()?;
        let (link, from, to) = self.net.with(|state| {
            let socket = state.udp.sockets.get_mut(self.id).ok_or(NetError::Invalid)?;
            if let Some(error) = socket.error.take() {
                return Err(error);
            }
            let to = to.or(socket.peer).ok_or(NetError::NotConnected)?;
            if to.port == 0 {
                return Err(NetError::Invalid);
            }
            let room = socket.can_send();
            let (link, from) = state.udp_source(self.id, to, self.v6)?;
            let headers = if matches!(to.addr, IpAddress::Ipv4(_)) { 28 } else { 48 };
            let longest = match link {
                Link::Loopback => LONGEST,
                Link::Device => state.links.caps(link).mtu.saturating_sub(headers),
            };
            if len > longest {
                return Err(NetError::TooLong);
            }
            if link == Link::Device && !room {
                return Err(NetError::WouldBlock);
            }
            Ok((link, from, to))
        })?;
        // Nothing is locked while the application's memory is read.
        let mut data = buffer(len).ok_or(NetError::NoMemory)?;
        fill(&mut data);
        self.net.with(|state| match link {
            Link::Loopback => state.udp_local(self.id, from, to, &data),
            Link::Device => state.udp_remote(self.id, from, to, &data),
        })
    }

    fn receive_from(&self, peek: bool, take: &mut dyn FnMut(SocketAddr, &[u8])) -> Result<()> {
        let next = self.of(|socket| match socket.inbox.pop_front() {
            Some((from, data)) => {
                socket.bytes -= data.len() + OVERHEAD;
                Ok((from, data))
            }
            None => Err(socket.error.take().unwrap_or(NetError::WouldBlock)),
        });
        let (from, data) = next.unwrap_or(Err(NetError::Invalid))?;
        take(socket_address(from, self.v6), &data);
        if peek {
            self.of(|socket| {
                socket.bytes += data.len() + OVERHEAD;
                socket.inbox.push_front((from, data));
            });
        }
        Ok(())
    }

    fn local(&self) -> Option<SocketAddr> {
        let (local, peer) = self.of(|socket| (socket.local, socket.peer))?;
        let mut local = local?;
        if local.addr.is_unspecified()
            && let Some(peer) = peer
        {
            local.addr = self
                .net
                .with(|state| state.route(peer.addr))
                .map_or(local.addr, |(_, source)| source);
        }
        Some(socket_address(local, self.v6))
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.of(|socket| socket.peer)?.map(|peer| socket_address(peer, self.v6))
    }

    fn ready(&self) -> Ready {
        let ready = self.of(|socket| Ready {
            receive: !socket.inbox.is_empty() || socket.error.is_some(),
            send: socket.can_send() || socket.error.is_some(),
            error: socket.error.is_some(),
            ..Ready::default()
        });
        ready.unwrap_or_default()
    }

    fn take_error(&self) -> Option<NetError> {
        self.of(|socket| socket.error.take())?
    }

    fn available(&self) -> usize {
        self.of(|socket| socket.inbox.front().map_or(0, |(_, data)| data.len())).unwrap_or(0)
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.net.with(|state| {
            // What is still to be sent gets its chance.
            state.udp_turns();
            let Some(socket) = state.udp.sockets.remove(self.id) else { return };
            let Some(local) = socket.local else { return };
            state.udp.ports.release(socket.number, local.port);
            if let Some(ids) = state.udp.by_port.get_mut(&local.port) {
                ids.retain(|id| *id != self.id);
                if ids.is_empty() {
                    state.udp.by_port.remove(&local.port);
                }
            }
        });
    }
}
