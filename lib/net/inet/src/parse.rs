//! What a received frame is: only as much as is needed to find whom it is for.
//!
//! Lengths are checked here, and the checksums of TCP and UDP when the device has not done it.

use crate::flow::Flow;
use crate::packet::Mac;
use smoltcp::wire::{
    ETHERNET_HEADER_LEN, EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4DstUnreachable,
    Icmpv4Message, Icmpv4Packet, IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, Ipv6Packet,
    TcpPacket, UdpPacket,
};

/// A segment of TCP, seen from here.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub flow: Flow,
    /// Who sent the frame: the sender, or the gateway to it.
    pub hop: Mac,
    pub header: unilith_tcp::Segment,
    pub payload: &'a [u8],
}

/// A datagram of UDP.
#[derive(Clone, Copy, Debug)]
pub struct Udp<'a> {
    pub from: IpEndpoint,
    pub to: IpEndpoint,
    pub payload: &'a [u8],
}

/// What is in a packet.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    Tcp(Segment<'a>),
    Udp(Udp<'a>),
    /// Nobody has the port that a datagram was sent to: its two ends.
    Refused {
        local: IpEndpoint,
        remote: IpEndpoint,
    },
    /// An answer may be in it to the question where a neighbour is.
    Neighbour,
    /// For smoltcp to look at.
    Other,
    /// To be dropped.
    Bad,
}

/// The Ethernet header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub from: EthernetAddress,
    pub to: EthernetAddress,
    pub protocol: EthernetProtocol,
}

/// Looks at a frame. `verify`: the checksums of TCP and UDP are not known to be right.
pub fn frame(frame: &[u8], verify: bool) -> Option<(Header, Content<'_>)> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    let header = Header {
        from: ethernet.src_addr(),
        to: ethernet.dst_addr(),
        protocol: ethernet.ethertype(),
    };
    let content = match header.protocol {
        EthernetProtocol::Arp => Content::Neighbour,
        EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6 => {
            match packet(frame.get(ETHERNET_HEADER_LEN..)?, verify) {
                Content::Tcp(segment) => Content::Tcp(Segment { hop: header.from.0, ..segment }),
                content => content,
            }
        }
        _ => Content::Bad,
    };
    Some((header, content))
}

/// Looks at a packet of IP.
pub fn packet(packet: &[u8], verify: bool) -> Content<'_> {
    match packet.first().map(|first| first >> 4) {
        Some(4) => ipv4(packet, verify),
        Some(6) => ipv6(packet, verify),
        _ => None,
    }
    .unwrap_or(Content::Bad)
}

fn ipv4(packet: &[u8], verify: bool) -> Option<Content<'_>> {
    let packet = Ipv4Packet::new_checked(packet).ok()?;
    if packet.more_frags() || packet.frag_offset() != 0 || !packet.verify_checksum() {
        return None;
    }
    transport(
        packet.next_header(),
        packet.src_addr().into(),
        packet.dst_addr().into(),
        packet.payload(),
        verify,
    )
}

fn ipv6(packet: &[u8], verify: bool) -> Option<Content<'_>> {
    let packet = Ipv6Packet::new_checked(packet).ok()?;
    transport(
        packet.next_header(),
        packet.src_addr().into(),
        packet.dst_addr().into(),
        packet.payload(),
        verify,
    )
}

fn transport(
    protocol: IpProtocol,
    from: IpAddress,
    to: IpAddress,
    payload: &[u8],
    verify: bool,
) -> Option<Content<'_>> {
    Some(match protocol {
        IpProtocol::Tcp => {
            let (header, data) = unilith_tcp::Segment::parse(payload)?;
            if verify && !TcpPacket::new_unchecked(payload).verify_checksum(&from, &to) {
                return None;
            }
            Content::Tcp(Segment {
                flow: Flow {
                    local: IpEndpoint::new(to, header.to),
                    remote: IpEndpoint::new(from, header.from),
                },
                hop: [0; 6],
                header,
                payload: data,
            })
        }
        IpProtocol::Udp => {
            let udp = UdpPacket::new_checked(payload).ok()?;
            if verify && !udp.verify_checksum(&from, &to) {
                return None;
            }
            Content::Udp(Udp {
                from: IpEndpoint::new(from, udp.src_port()),
                to: IpEndpoint::new(to, udp.dst_port()),
                payload: udp.payload(),
            })
        }
        IpProtocol::Icmp => refused(payload).unwrap_or(Content::Other),
        // Neighbour solicitation and advertisement, RFC 4861.
        IpProtocol::Icmpv6 if matches!(payload.first(), Some(135 | 136)) => Content::Neighbour,
        _ => Content::Other,
    })
}

/// Destination unreachable, port unreachable (RFC 792), and the datagram of UDP that it is about.
fn refused(payload: &[u8]) -> Option<Content<'_>> {
    let icmp = Icmpv4Packet::new_checked(payload).ok()?;
    let about = Icmpv4DstUnreachable::PortUnreachable.into();
    if icmp.msg_type() != Icmpv4Message::DstUnreachable || icmp.msg_code() != about {
        return None;
    }
    if !icmp.verify_checksum() {
        return Some(Content::Bad);
    }
    // The start of a packet: its length is that of all of it.
    let packet = Ipv4Packet::new_unchecked(payload.get(8..).filter(|rest| rest.len() >= 20)?);
    if packet.next_header() != IpProtocol::Udp {
        return None;
    }
    let ports = payload.get(8 + usize::from(packet.header_len())..)?;
    let port = |at: usize| Some(u16::from_be_bytes([*ports.get(at)?, *ports.get(at + 1)?]));
    let local = IpEndpoint::new(packet.src_addr().into(), port(0)?);
    let remote = IpEndpoint::new(packet.dst_addr().into(), port(2)?);
    Some(Content::Refused { local, remote })
}
