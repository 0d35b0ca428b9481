//! The two links of a host, its device and its loopback, each with an interface of smoltcp.

use crate::flow::Link;
use crate::packet::{Mac, Packet};
use crate::port::{Capabilities, Frames, LOOPBACK_MTU, Out, Port, Sums};
use alloc::sync::Arc;
use alloc::vec::Vec;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpProtocol};
use unilith_net_api::Device;

/// Frames that one socket may send before it is another's turn.
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

fn loopback_interface(seed: u64, now: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut kept = Vec::new();
    let mut port = Port::new(LOOPBACK, None, Out::Kept(&mut kept));
    let mut iface = Interface::new(config, &mut port, instant(now));
    iface.set_any_ip(true);
    iface
}

impl Links {
    pub fn new(device: Option<Arc<dyn Device>>, seed: u64, now: u64) -> Self {
        Self {
            ethernet: device.and_then(|device| Ethernet::new(device, seed, now)),
            loopback: Frames::new(512),
            loopback_iface: loopback_interface(seed, now),
            unflushed: false,
        }
    }

    /// What may be expected of a link.
    pub fn caps(&self, link: Link) -> Capabilities {
        match (link, &self.ethernet) {
            (Link::Device, Some(ethernet)) => ethernet.caps,
            _ => LOOPBACK,
        }
    }

    /// Has the sockets of `set`, and smoltcp itself, look at a frame.
    pub fn ingress(&mut self, link: Link, now: u64, frame: &[u8], set: &mut SocketSet<'static>) {
        let now = instant(now);
        match (link, &mut self.ethernet) {
            (Link::Loopback, _) => {
                let mut port = Port::new(LOOPBACK, Some(frame), Out::Queue(&mut self.loopback));
                self.loopback_iface.poll_ingress_single(now, &mut port, set);
            }
            (Link::Device, Some(ethernet)) => {
                let out = Out::Queue(&mut ethernet.replies);
                let mut port = Port::new(ethernet.caps, Some(frame), out);
                ethernet.iface.poll_ingress_single(now, &mut port, set);
            }
            (Link::Device, None) => {}
        }
    }

    /// Has the sockets of `set` send.
    pub fn egress(
        &mut self,
        link: Link,
        now: u64,
        set: &mut SocketSet<'static>,
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
        port.protocol = protocol;
        for _ in 0..BURST {
            let before = port.count;
            iface.poll_egress(instant(now), &mut port, set);
            if port.count == before || port.full {
                break;
            }
        }
        let turn = Turn { count: port.count, full: port.full };
        self.unflushed |= link == Link::Device && port.frames > 0;
        turn
    }

    /// Sends a packet of TCP; false if there is no room. `hop`: where it goes next.
    #[inline]
    pub fn transmit(&mut self, link: Link, hop: Mac, packet: &Packet<'_>) -> bool {
        let len = packet.len(link);
        match (link, &self.ethernet) {
            (Link::Loopback, _) => {
                if self.loopback.is_full() {
                    return false;
                }
                let Some(mut frame) = self.loopback.fresh(len) else { return false };
                packet.write(&mut frame, None, Sums::Ignored);
                self.loopback.push(frame);
                true
            }
            (Link::Device, Some(ethernet)) => {
                let (ends, sums) = (Some((hop, ethernet.address.0)), ethernet.caps.sums);
                self.unflushed = true;
                ethernet.device.send(len, packet.offer(sums), &mut |frame| {
                    packet.write(frame, ends, sums);
                })
            }
            (Link::Device, None) => true,
        }
    }

    /// Sends a packet of TCP that answers a received one, as soon as there is room.
    pub fn reply(&mut self, link: Link, hop: Mac, packet: &Packet<'_>) {
        match (link, &mut self.ethernet) {
            (Link::Loopback, _) => _ = self.transmit(link, hop, packet),
            (Link::Device, Some(ethernet)) => {
                let Some(mut frame) = ethernet.replies.fresh(packet.len(link)) else { return };
                // Whoever sends it later asks for no help.
                packet.write(&mut frame, Some((hop, ethernet.address.0)), Sums::Computed);
                ethernet.replies.push(frame);
            }
            (Link::Device, None) => {}
        }
    }

    /// Sends a frame that asks where a neighbour is.
    pub fn ask(&mut self, frame: &[u8]) {
        if let Some(ethernet) = &self.ethernet {
            let device = &ethernet.device;
            self.unflushed |=
                device.send(frame.len(), None, &mut |room| room.copy_from_slice(frame));
        }
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
