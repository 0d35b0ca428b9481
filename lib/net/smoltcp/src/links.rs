//! The two links of a host, its device and its loopback, each with an interface of smoltcp.

use crate::flow::Link;
use crate::port::{Capabilities, Frames, LOOPBACK_MTU, Out, Port, Sent, Sums};
use alloc::sync::Arc;
use alloc::vec::Vec;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpProtocol};
use unilith_net_api::Device;

/// Segments that one connection may send before it is another's turn.
const BURST: usize = 64;

/// The deadline of what happens by itself never.
pub const NEVER: u64 = u64::MAX;

/// smoltcp's clock for a time in nanoseconds.
pub fn instant(now: u64) -> Instant {
    Instant::from_micros((now / 1000) as i64)
}

/// A device and what smoltcp knows of its network.
pub struct Ethernet {
    pub iface: Interface,
    pub device: Arc<dyn Device>,
    pub caps: Capabilities,
    pub address: EthernetAddress,
    /// Answers to received frames: they leave when the device has its buffer back.
    pub replies: Frames,
}

/// What a turn of smoltcp did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turn {
    /// Frames that went out.
    pub count: u32,
    /// There was no room for more.
    pub full: bool,
    /// There may be more to send.
    pub more: bool,
    pub sent: Option<Sent>,
    pub resent: bool,
}

impl Turn {
    fn of(port: &Port<'_>) -> Self {
        let Port { count, full, sent, resent, .. } = *port;
        Self { count, full, more: false, sent, resent }
    }
}

/// The links.
pub struct Links {
    pub ethernet: Option<Ethernet>,
    pub loopback: Frames,
    loopback_iface: Interface,
    /// The device has frames that it was not told to start with.
    pub unflushed: bool,
}

const LOOPBACK: Capabilities =
    Capabilities { link: Link::Loopback, mtu: LOOPBACK_MTU, sums: Sums::Ignored };

/// An interface without a link layer that answers for every address.
pub fn any_interface(caps: Capabilities, seed: u64, now: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut kept = Vec::new();
    let mut port = Port::new(caps, None, Out::Kept(&mut kept));
    let mut iface = Interface::new(config, &mut port, instant(now));
    iface.set_any_ip(true);
    iface
}

impl Links {
    pub fn new(device: Option<Arc<dyn Device>>, seed: u64, now: u64) -> Self {
        Self {
            ethernet: device.and_then(|device| Ethernet::new(device, seed, now)),
            loopback: Frames::new(512),
            loopback_iface: any_interface(LOOPBACK, seed, now),
            unflushed: false,
        }
    }

    /// What a connection may expect of a link above the link layer.
    pub fn packet_caps(&self, link: Link) -> Capabilities {
        match (link, &self.ethernet) {
            (Link::Device, Some(ethernet)) => {
                Capabilities { link: Link::Loopback, sums: Sums::Computed, ..ethernet.caps }
            }
            _ => LOOPBACK,
        }
    }

    /// Has the sockets of `set`, and smoltcp itself, look at a frame.
    pub fn ingress(
        &mut self,
        link: Link,
        now: u64,
        frame: &[u8],
        set: &mut SocketSet<'static>,
        sent: Option<Sent>,
    ) -> Turn {
        let now = instant(now);
        match (link, &mut self.ethernet) {
            (Link::Loopback, _) => {
                let mut port = Port::new(LOOPBACK, Some(frame), Out::Queue(&mut self.loopback));
                port.sent = sent;
                self.loopback_iface.poll_ingress_single(now, &mut port, set);
                Turn::of(&port)
            }
            (Link::Device, Some(ethernet)) => {
                let out = Out::Queue(&mut ethernet.replies);
                let mut port = Port::new(ethernet.caps, Some(frame), out);
                port.sent = sent;
                ethernet.iface.poll_ingress_single(now, &mut port, set);
                Turn::of(&port)
            }
            (Link::Device, None) => Turn::default(),
        }
    }

    /// Has the sockets of `set` send.
    pub fn egress(
        &mut self,
        link: Link,
        now: u64,
        set: &mut SocketSet<'static>,
        sent: Option<Sent>,
        protocol: Option<IpProtocol>,
    ) -> Turn {
        let (iface, mut port) = match (link, &mut self.ethernet) {
            (Link::Loopback, _) => {
                let port = Port::new(LOOPBACK, None, Out::Queue(&mut self.loopback));
                (&mut self.loopback_iface, port)
            }
            (Link::Device, Some(ethernet)) => {
                let port = Port::new(ethernet.caps, None, Out::Device(&*ethernet.device));
                (&mut ethernet.iface, port)
            }
            (Link::Device, None) => return Turn::default(),
        };
        (port.sent, port.protocol) = (sent, protocol);
        let mut more = true;
        for _ in 0..BURST {
            let before = port.count;
            iface.poll_egress(instant(now), &mut port, set);
            if port.count == before || port.full {
                more = port.full;
                break;
            }
        }
        let turn = Turn { more, ..Turn::of(&port) };
        self.unflushed |= link == Link::Device && port.frames > 0;
        turn
    }

    /// When the sockets of `set` want to be looked at again.
    pub fn poll_at(&mut self, link: Link, now: u64, set: &SocketSet<'static>) -> u64 {
        let at = match (link, &mut self.ethernet) {
            (Link::Loopback, _) => self.loopback_iface.poll_at(instant(now), set),
            (Link::Device, Some(ethernet)) => ethernet.iface.poll_at(instant(now), set),
            (Link::Device, None) => None,
        };
        at.map_or(NEVER, |at| (at.total_micros().max(0) as u64).saturating_mul(1000))
    }

    /// Sends a packet that is complete, to whom `frame` came from.
    pub fn answer(&mut self, link: Link, frame: &[u8], packet: &[u8]) {
        match (link, &mut self.ethernet) {
            (Link::Loopback, _) => self.loopback.push(packet.to_vec()),
            (Link::Device, Some(ethernet)) => {
                let (Some(to), Some(from), Some(protocol)) =
                    (frame.get(6..12), frame.get(0..6), frame.get(12..14))
                else {
                    return;
                };
                let mut answer = Vec::with_capacity(14 + packet.len());
                [to, from, protocol, packet].iter().for_each(|part| answer.extend_from_slice(part));
                ethernet.replies.push(answer);
            }
            (Link::Device, None) => {}
        }
    }

    /// Whether there is no room for another answer.
    pub fn replies_are_full(&self) -> bool {
        self.ethernet.as_ref().is_some_and(|ethernet| ethernet.replies.is_full())
    }

    /// Sends the answers that had to wait; false if the device has no room for all of them.
    pub fn send_replies(&mut self) -> bool {
        let Some(ethernet) = &mut self.ethernet else { return true };
        while let Some(frame) = ethernet.replies.queue.pop_front() {
            let sent =
                ethernet.device.send(frame.len(), None, &mut |room| room.copy_from_slice(&frame));
            if !sent {
                ethernet.replies.queue.push_front(frame);
                return false;
            }
            ethernet.replies.recycle(frame);
            self.unflushed = true;
        }
        true
    }

    /// Has the device start with what was sent.
    pub fn flush(&mut self) {
        if core::mem::take(&mut self.unflushed)
            && let Some(ethernet) = &self.ethernet
        {
            ethernet.device.flush();
        }
    }
}

impl Ethernet {
    fn new(device: Arc<dyn Device>, seed: u64, now: u64) -> Option<Self> {
        let address = EthernetAddress(device.address());
        if !address.is_unicast() {
            return None;
        }
        let offload = device.offload().send_checksum;
        let caps = Capabilities {
            link: Link::Device,
            // IPv6 needs 1280 (RFC 8200, 5).
            mtu: device.mtu().clamp(1280, 65535),
            sums: if offload { Sums::Offloaded } else { Sums::Computed },
        };
        let mut config = Config::new(HardwareAddress::Ethernet(address));
        config.random_seed = seed;
        let mut kept = Vec::new();
        let mut port = Port::new(caps, None, Out::Kept(&mut kept));
        let iface = Interface::new(config, &mut port, instant(now));
        Some(Self { iface, device, caps, address, replies: Frames::new(64) })
    }
}
