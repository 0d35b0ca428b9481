//! Where the hosts of the network are: ARP (RFC 826) and neighbour discovery (RFC 4861).
//!
//! Connections that come from outside need none of it: their first frame says where they come
//! from. smoltcp answers those who ask for this host.

use crate::config::Addresses;
use crate::packet::Mac;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use smoltcp::phy::{ChecksumCapabilities, Medium};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, HardwareAddress, Icmpv6Packet, Icmpv6Repr, IpAddress, IpProtocol, Ipv6Packet,
    Ipv6Repr, NdiscRepr,
};

/// Neighbours that are remembered.
const MOST: usize = 256;

const SECOND: u64 = 1_000_000_000;

/// How long an answer is believed.
const BELIEVED: u64 = 60 * SECOND;

/// How long it is not even doubted: hosts behind a gateway fall silent at any time, and are not to
/// keep it from others.
const FRESH: u64 = 10 * SECOND;

/// Between two questions.
const PATIENCE: u64 = SECOND;

/// RFC 4861, 7.1: what comes from farther away than a neighbour has fewer.
const NDISC_HOPS: u8 = 255;

struct Neighbour {
    mac: Option<Mac>,
    /// Until when `mac` is believed.
    until: u64,
    /// When the next question may be asked.
    ask_at: u64,
}

/// What is known.
#[derive(Default)]
pub struct Neighbours {
    table: BTreeMap<IpAddress, Neighbour>,
}

/// What to do for a packet.
pub enum Way {
    /// The next host has this address.
    To(Mac),
    /// Not known; the frame to ask with, unless that was done just now.
    Ask(Option<Vec<u8>>),
}

impl Neighbours {
    /// Where `next` is, asking if it is not known.
    pub fn find(&mut self, next: IpAddress, own: Mac, addresses: &Addresses, now: u64) -> Way {
        if self.table.len() >= MOST && !self.table.contains_key(&next) {
            self.forget_oldest();
        }
        let new = || Neighbour { mac: None, until: 0, ask_at: 0 };
        let neighbour = self.table.entry(next).or_insert_with(new);
        if let Some(mac) = neighbour.mac
            && now < neighbour.until
        {
            return Way::To(mac);
        }
        if now < neighbour.ask_at {
            return Way::Ask(None);
        }
        neighbour.ask_at = now.saturating_add(PATIENCE);
        Way::Ask(question(next, own, addresses))
    }

    /// What was known of `next` does not seem to be true any more.
    pub fn doubt(&mut self, next: IpAddress, now: u64) {
        if let Some(neighbour) = self.table.get_mut(&next)
            && neighbour.until <= now.saturating_add(BELIEVED - FRESH)
        {
            neighbour.until = 0;
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.table.iter().min_by_key(|(_, n)| n.until.max(n.ask_at));
        if let Some(address) = oldest.map(|(address, _)| *address) {
            self.table.remove(&address);
        }
    }

    /// A neighbour says where it is. Only what was asked for is remembered.
    fn hear(&mut self, address: IpAddress, mac: EthernetAddress, now: u64) {
        if let Some(neighbour) = self.table.get_mut(&address)
            && mac.is_unicast()
        {
            neighbour.mac = Some(mac.0);
            neighbour.until = now.saturating_add(BELIEVED);
        }
    }

    /// A frame of ARP or neighbour discovery.
    pub fn learn(&mut self, frame: &[u8], now: u64) {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else { return };
        let said = match ethernet.ethertype() {
            EthernetProtocol::Arp => arp(ethernet.payload()),
            EthernetProtocol::Ipv6 => advertisement(ethernet.payload()),
            _ => None,
        };
        if let Some((address, mac)) = said {
            self.hear(address, mac, now);
        }
    }
}

fn arp(packet: &[u8]) -> Option<(IpAddress, EthernetAddress)> {
    let packet = ArpPacket::new_checked(packet).ok()?;
    match ArpRepr::parse(&packet).ok()? {
        ArpRepr::EthernetIpv4 { source_hardware_addr, source_protocol_addr, .. } => {
            Some((source_protocol_addr.into(), source_hardware_addr))
        }
        _ => None,
    }
}

fn advertisement(packet: &[u8]) -> Option<(IpAddress, EthernetAddress)> {
    let ip = Ipv6Packet::new_checked(packet).ok()?;
    if ip.hop_limit() != NDISC_HOPS {
        return None;
    }
    let icmp = Icmpv6Packet::new_checked(ip.payload()).ok()?;
    let sums = ChecksumCapabilities::default();
    match Icmpv6Repr::parse(&ip.src_addr(), &ip.dst_addr(), &icmp, &sums).ok()? {
        Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert { target_addr, lladdr: Some(at), .. }) => {
            let Ok(HardwareAddress::Ethernet(mac)) = at.parse(Medium::Ethernet) else {
                return None;
            };
            Some((target_addr.into(), mac))
        }
        _ => None,
    }
}

/// The frame that asks where `next` is.
fn question(next: IpAddress, own: Mac, addresses: &Addresses) -> Option<Vec<u8>> {
    let own = EthernetAddress(own);
    match (next, addresses.source(next)?) {
        (IpAddress::Ipv4(next), IpAddress::Ipv4(from)) => {
            let arp = ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                source_hardware_addr: own,
                source_protocol_addr: from,
                target_hardware_addr: EthernetAddress([0; 6]),
                target_protocol_addr: next,
            };
            let to = EthernetAddress::BROADCAST;
            Some(frame(own, to, EthernetProtocol::Arp, arp.buffer_len(), |payload| {
                arp.emit(&mut ArpPacket::new_unchecked(payload));
            }))
        }
        (IpAddress::Ipv6(next), IpAddress::Ipv6(from)) => {
            let icmp = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
                target_addr: next,
                lladdr: Some(own.into()),
            });
            let [.., a, b, c] = next.octets();
            // RFC 4291, 2.7.1: the solicited-node address, and its address of Ethernet (RFC 2464).
            let group = Ipv6Addr::new(
                0xff02,
                0,
                0,
                0,
                0,
                1,
                0xff00 | u16::from(a),
                u16::from_be_bytes([b, c]),
            );
            let ip = Ipv6Repr {
                src_addr: from,
                dst_addr: group,
                next_header: IpProtocol::Icmpv6,
                payload_len: icmp.buffer_len(),
                hop_limit: NDISC_HOPS,
            };
            let to = EthernetAddress([0x33, 0x33, 0xff, a, b, c]);
            let len = ip.buffer_len() + icmp.buffer_len();
            Some(frame(own, to, EthernetProtocol::Ipv6, len, |payload| {
                ip.emit(&mut Ipv6Packet::new_unchecked(&mut *payload));
                if let Some(rest) = payload.get_mut(ip.buffer_len()..) {
                    let mut packet = Icmpv6Packet::new_unchecked(rest);
                    icmp.emit(&from, &group, &mut packet, &ChecksumCapabilities::default());
                }
            }))
        }
        _ => None,
    }
}

fn frame(
    from: EthernetAddress,
    to: EthernetAddress,
    kind: EthernetProtocol,
    len: usize,
    fill: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let header = EthernetRepr { src_addr: from, dst_addr: to, ethertype: kind };
    let mut bytes = vec![0; header.buffer_len() + len];
    let mut ethernet = EthernetFrame::new_unchecked(&mut bytes);
    header.emit(&mut ethernet);
    fill(ethernet.payload_mut());
    bytes
}
