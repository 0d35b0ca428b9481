//! What the stack knows of sockets of UDP.
//!
//! What is received goes from the frame into the socket's own queue, and what is sent to this
//! host goes from queue to queue. Only what leaves through the device passes through smoltcp,
//! which knows where the neighbours are.

use crate::buffers::buffer;
use crate::flow::{Link, endpoint, is_host};
use crate::links::NEVER;
use crate::ports::Ports;
use crate::slab::{Id, Slab};
use crate::state::State;
use crate::tcp::unspecified;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::udp;
use smoltcp::wire::{IpAddress, IpEndpoint, IpListenEndpoint, IpProtocol};
use unilith_net_api::{NetError, Result};
use unilith_sched_api::WaitQueue;

const RECEIVE: usize = unilith_config::number(option_env!("CONFIG_NET_UDP_RECEIVE_KIB"), 64) * 1024;

/// Bytes that a queued datagram is counted for, besides its own.
pub const OVERHEAD: usize = 64;

/// Datagrams, and bytes of them, that may wait for the device.
const SEND: (usize, usize) = (32, 16 * 1024);

/// Bytes of a datagram for an ordinary device.
const FRAME: usize = 1500;

/// Bytes of a datagram, at most (RFC 768, over IPv4).
pub const LONGEST: usize = 65535 - 20 - 8;

/// How long datagrams wait for the address of a neighbour.
const PATIENCE: u64 = 3_000_000_000;

pub struct Sender {
    set: SocketSet<'static>,
    handle: SocketHandle,
    /// Since when nothing could be sent.
    since: u64,
    /// Something was for IPv6.
    v6: bool,
}

/// What the stack knows of a socket.
pub struct Udp {
    pub number: u64,
    pub local: Option<IpEndpoint>,
    pub peer: Option<IpEndpoint>,
    pub queue: Arc<WaitQueue>,
    pub inbox: VecDeque<(IpEndpoint, Vec<u8>)>,
    pub bytes: usize,
    pub error: Option<NetError>,
    pub sender: Option<Sender>,
    pub waiting: bool,
}

/// The sockets of UDP.
#[derive(Default)]
pub struct UdpTable {
    pub sockets: Slab<Udp>,
    pub by_port: BTreeMap<u16, Vec<Id>>,
    pub ports: Ports,
    /// Sockets with something for the device.
    senders: Vec<Id>,
    /// When they have to be looked at.
    pub next: u64,
}

impl Udp {
    /// How well a datagram fits: not at all, or the more precisely the better.
    fn fits(&self, from: IpEndpoint, to: IpEndpoint, many: bool) -> Option<u8> {
        let local = self.local?;
        let address = match local.addr {
            address if address == to.addr => 2,
            address if !address.is_unspecified() => return None,
            IpAddress::Ipv4(_) if matches!(to.addr, IpAddress::Ipv6(_)) => return None,
            _ => u8::from(many || local.addr.version() == to.addr.version()),
        };
        match self.peer {
            Some(peer) if peer == from => Some(address + 4),
            Some(_) => None,
            None => Some(address),
        }
    }

    pub fn can_send(&self) -> bool {
        self.sender.as_ref().is_none_or(Sender::has_room)
    }
}

impl State {
    /// Hands a datagram to whom it is for, or to all of them; false if to nobody.
    pub fn udp_deliver(
        &mut self,
        from: IpEndpoint,
        to: IpEndpoint,
        data: &[u8],
        many: bool,
    ) -> bool {
        let Some(ids) = self.udp.by_port.get(&to.port) else { return false };
        let sockets = &self.udp.sockets;
        let fits = |id: &Id| Some((sockets.get(*id)?.fits(from, to, many)?, *id));
        let mut targets: Vec<(u8, Id)> = ids.iter().filter_map(fits).collect();
        if !many {
            let best = targets.iter().copied().max_by_key(|(fit, _)| *fit);
            targets.clear();
            targets.extend(best);
        }
        for (_, id) in &targets {
            let Some(socket) = self.udp.sockets.get_mut(*id) else { continue };
            let bytes = data.len() + OVERHEAD;
            if socket.bytes + bytes > RECEIVE.max(LONGEST + OVERHEAD) {
                continue;
            }
            let mut copy = Vec::new();
            if copy.try_reserve_exact(data.len()).is_err() {
                continue;
            }
            copy.extend_from_slice(data);
            socket.inbox.push_back((from, copy));
            socket.bytes += bytes;
            let queue = socket.queue.clone();
            self.wake(&queue);
        }
        !targets.is_empty()
    }

    /// The other end of a connected socket does not exist.
    pub fn udp_refused(&mut self, local: IpEndpoint, remote: IpEndpoint) {
        let Some(ids) = self.udp.by_port.get(&local.port) else { return };
        let sockets = &self.udp.sockets;
        let concerns = |id: &&Id| {
            let socket = sockets.get(**id);
            socket.is_some_and(|s| s.peer == Some(remote) && s.fits(remote, local, false).is_some())
        };
        let Some(&id) = ids.iter().find(concerns) else { return };
        if let Some(socket) = self.udp.sockets.get_mut(id) {
            socket.error = Some(NetError::Refused);
            let queue = socket.queue.clone();
            self.wake(&queue);
        }
    }

    /// Gives a socket a port.
    pub fn udp_bind(&mut self, id: Id, wanted: IpEndpoint, reuse: bool) -> Result<IpEndpoint> {
        let start = self.random() as u16;
        let socket = self.udp.sockets.get_mut(id).ok_or(NetError::Invalid)?;
        if socket.local.is_some() {
            return Err(NetError::Invalid);
        }
        let local = self.udp.ports.bind(socket.number, wanted, reuse, start)?;
        socket.local = Some(local);
        self.udp.by_port.entry(local.port).or_default().push(id);
        Ok(local)
    }

    /// Where a datagram to `to` comes from, binding the socket if it is not.
    pub fn udp_source(&mut self, id: Id, to: IpEndpoint, v6: bool) -> Result<(Link, IpEndpoint)> {
        let (link, source) = match self.route(to.addr) {
            Ok(route) => route,
            // Broadcasts and multicasts go to the device.
            Err(_)
                if !to.addr.is_unspecified() && !is_host(to.addr)
                    || self.addresses.is_broadcast(to.addr) =>
            {
                let source = self.addresses.v4.ok_or(NetError::Unreachable)?.0;
                (Link::Device, source.into())
            }
            Err(error) => return Err(error),
        };
        let local = match self.udp.sockets.get(id).and_then(|socket| socket.local) {
            Some(local) => local,
            None => self.udp_bind(id, endpoint(unspecified(v6)), false)?,
        };
        let address = if local.addr.is_unspecified() { source } else { local.addr };
        if address.version() != to.addr.version() {
            return Err(NetError::Unreachable);
        }
        Ok((link, IpEndpoint::new(address, local.port)))
    }

    /// Sends a datagram to this host.
    pub fn udp_local(
        &mut self,
        id: Id,
        from: IpEndpoint,
        to: IpEndpoint,
        data: &[u8],
    ) -> Result<()> {
        if !self.udp_deliver(from, to, data, false)
            && let Some(socket) = self.udp.sockets.get_mut(id)
            && socket.peer.is_some()
        {
            socket.error = Some(NetError::Refused);
            let queue = socket.queue.clone();
            self.wake(&queue);
        }
        Ok(())
    }

    /// Sends a datagram to the device.
    pub fn udp_remote(
        &mut self,
        id: Id,
        from: IpEndpoint,
        to: IpEndpoint,
        data: &[u8],
    ) -> Result<()> {
        let now = self.now;
        let socket = self.udp.sockets.get_mut(id).ok_or(NetError::Invalid)?;
        if socket.sender.is_none() {
            socket.sender = Some(Sender::new(from.port, now).ok_or(NetError::NoMemory)?);
        }
        let sender = socket.sender.as_mut().ok_or(NetError::NoMemory)?;
        sender.v6 |= matches!(to.addr, IpAddress::Ipv6(_));
        let metadata = udp::UdpMetadata {
            endpoint: to,
            local_address: Some(from.addr),
            meta: Default::default(),
        };
        let sending = sender.set.get_mut::<udp::Socket<'_>>(sender.handle);
        if sending.send_queue() == 0 {
            sender.since = now;
        }
        match sending.send_slice(data, metadata) {
            Ok(()) => {}
            Err(udp::SendError::BufferFull) => return Err(NetError::WouldBlock),
            Err(udp::SendError::Unaddressable) => return Err(NetError::Invalid),
        }
        if !core::mem::replace(&mut socket.waiting, true) {
            self.udp.senders.push(id);
        }
        self.udp.next = 0;
        if cfg!(feature = "eager") {
            self.udp_turns();
            self.links.flush();
        }
        Ok(())
    }

    /// Has the sockets send that have something.
    pub fn udp_turns(&mut self) {
        if self.udp.senders.is_empty() {
            self.udp.next = NEVER;
        }
        if self.udp.next > self.now {
            return;
        }
        let now = self.now;
        let mut next = NEVER;
        let mut senders = core::mem::take(&mut self.udp.senders);
        senders.retain(|&id| {
            let Some(socket) = self.udp.sockets.get_mut(id) else { return false };
            let Some(sender) = &mut socket.sender else { return false };
            let full = !sender.has_room();
            // The device is asked for help with IPv4 only, and which comes next is not known.
            let udp = (!sender.v6).then_some(IpProtocol::Udp);
            let turn = self.links.egress(Link::Device, now, &mut sender.set, udp);
            self.blocked |= turn.full;
            if turn.count > 0 {
                sender.since = now;
            }
            let queue = socket.queue.clone();
            let left = sender.set.get::<udp::Socket<'_>>(sender.handle).send_queue() > 0;
            let stuck = left && now.saturating_sub(sender.since) > PATIENCE;
            if left && !stuck {
                let at = self.links.poll_at(Link::Device, now, &sender.set);
                next = next.min(at.max(now.saturating_add(200_000)));
            } else {
                socket.waiting = false;
            }
            if stuck {
                // Nobody has the address: what waits is lost, and a socket that has a peer says so.
                socket.sender = None;
                if socket.peer.is_some() {
                    socket.error = Some(NetError::Unreachable);
                }
            }
            if full && socket.can_send() || socket.error.is_some() {
                self.wake(&queue);
            }
            left && !stuck
        });
        self.udp.senders = senders;
        self.udp.next = next;
    }
}

impl Sender {
    /// Whether a frame's worth fits in any case: smoltcp's ring has no datagram across its end.
    fn has_room(&self) -> bool {
        let socket = self.set.get::<udp::Socket<'_>>(self.handle);
        socket.can_send() && socket.payload_send_capacity() - socket.send_queue() >= 2 * FRAME
    }

    fn new(port: u16, now: u64) -> Option<Self> {
        let none = udp::PacketBuffer::new(Vec::new(), Vec::new());
        let room =
            udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; SEND.0], buffer(SEND.1)?);
        let mut socket = udp::Socket::new(none, room);
        socket.bind(IpListenEndpoint { addr: None, port }).ok()?;
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        Some(Self { set, handle, since: now, v6: false })
    }
}
