//! Packets of TCP: headers before a segment.

use crate::flow::{Flow, Link};
use crate::port::{Capabilities, Sums, pseudo_header};
use smoltcp::wire::{ETHERNET_HEADER_LEN, IpAddress, IpProtocol, TcpPacket};
use unilith_tcp::{HEADER, Segment};

/// An address of Ethernet.
pub type Mac = [u8; 6];

/// Bytes of a header of IPv4 without options, and of one of IPv6.
const IPV4: usize = 20;
const IPV6: usize = 40;

/// Hops that a packet may take.
const HOPS: u8 = 64;

/// Where the checksum stands in a segment.
const CHECKSUM: usize = 16;

/// A packet that is to be sent.
pub struct Packet<'a> {
    pub flow: &'a Flow,
    pub header: &'a Segment,
    /// What it carries, in two pieces.
    pub payload: [&'a [u8]; 2],
}

/// The largest segment that fits a link.
pub fn mss(caps: Capabilities, to: IpAddress) -> u16 {
    let headers = HEADER
        + match to {
            IpAddress::Ipv4(_) => IPV4,
            IpAddress::Ipv6(_) => IPV6,
        };
    (caps.mtu - headers).min(u16::MAX.into()) as u16
}

impl Packet<'_> {
    fn ip_len(&self) -> usize {
        match self.flow.local.addr {
            IpAddress::Ipv4(_) => IPV4,
            IpAddress::Ipv6(_) => IPV6,
        }
    }

    /// Bytes of it, with the header of the link.
    pub fn len(&self, link: Link) -> usize {
        let [first, second] = self.payload;
        let ethernet = if link == Link::Device { ETHERNET_HEADER_LEN } else { 0 };
        ethernet + self.ip_len() + self.header.header_len() + first.len() + second.len()
    }

    /// What the device is asked to complete: where the checksummed part of a frame starts, and
    /// where in it the checksum stands.
    pub fn offer(&self, sums: Sums) -> Option<(u16, u16)> {
        let start = ETHERNET_HEADER_LEN + self.ip_len();
        (sums == Sums::Offloaded).then_some((start as u16, CHECKSUM as u16))
    }

    /// Writes it; `ends`: the addresses of the two ends of the link, to and from, if it has such.
    pub fn write(&self, out: &mut [u8], ends: Option<(Mac, Mac)>, sums: Sums) {
        let mut rest = out;
        if let Some((to, from)) = ends {
            let Some((ethernet, after)) = rest.split_first_chunk_mut::<ETHERNET_HEADER_LEN>()
            else {
                return;
            };
            ethernet[0..6].copy_from_slice(&to);
            ethernet[6..12].copy_from_slice(&from);
            let kind: u16 = if self.ip_len() == IPV4 { 0x0800 } else { 0x86dd };
            ethernet[12..14].copy_from_slice(&kind.to_be_bytes());
            rest = after;
        }
        let Some(segment_len) = rest.len().checked_sub(self.ip_len()) else { return };
        let (from, to) = (self.flow.local.addr, self.flow.remote.addr);
        match (from, to) {
            (IpAddress::Ipv4(from), IpAddress::Ipv4(to)) => {
                let Some((ip, after)) = rest.split_first_chunk_mut::<IPV4>() else { return };
                ipv4(ip, (IPV4 + segment_len) as u16, from.octets(), to.octets());
                rest = after;
            }
            (IpAddress::Ipv6(from), IpAddress::Ipv6(to)) => {
                let Some((ip, after)) = rest.split_first_chunk_mut::<IPV6>() else { return };
                ip[0..4].copy_from_slice(&[0x60, 0, 0, 0]);
                ip[4..6].copy_from_slice(&(segment_len as u16).to_be_bytes());
                ip[6..8].copy_from_slice(&[IpProtocol::Tcp.into(), HOPS]);
                ip[8..24].copy_from_slice(&from.octets());
                ip[24..40].copy_from_slice(&to.octets());
                rest = after;
            }
            _ => return,
        }
        self.header.emit(rest);
        let mut at = self.header.header_len();
        for piece in self.payload {
            if let Some(place) = rest.get_mut(at..at + piece.len()) {
                place.copy_from_slice(piece);
            }
            at += piece.len();
        }
        match sums {
            Sums::Ignored => {}
            Sums::Computed => TcpPacket::new_unchecked(rest).fill_checksum(&from, &to),
            Sums::Offloaded => {
                let sum = pseudo_header(from, to, IpProtocol::Tcp, segment_len);
                if let Some(place) = rest.get_mut(CHECKSUM..CHECKSUM + 2) {
                    place.copy_from_slice(&sum.to_be_bytes());
                }
            }
        }
    }
}

/// A header of IPv4 (RFC 791) for TCP. It may not be fragmented; then it needs no number (RFC
/// 6864, 4).
fn ipv4(ip: &mut [u8; IPV4], len: u16, from: [u8; 4], to: [u8; 4]) {
    const START: u16 = 0x4500;
    const DONT_FRAGMENT: u16 = 0x4000;
    let hops = u16::from_be_bytes([HOPS, IpProtocol::Tcp.into()]);
    let words = |address: [u8; 4]| {
        let [a, b, c, d] = address;
        u32::from(u16::from_be_bytes([a, b])) + u32::from(u16::from_be_bytes([c, d]))
    };
    let sum = u32::from(START)
        + u32::from(len)
        + u32::from(DONT_FRAGMENT)
        + u32::from(hops)
        + words(from)
        + words(to);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    ip[0..2].copy_from_slice(&START.to_be_bytes());
    ip[2..4].copy_from_slice(&len.to_be_bytes());
    ip[4..6].fill(0);
    ip[6..8].copy_from_slice(&DONT_FRAGMENT.to_be_bytes());
    ip[8..10].copy_from_slice(&hops.to_be_bytes());
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip[12..16].copy_from_slice(&from);
    ip[16..20].copy_from_slice(&to);
}
