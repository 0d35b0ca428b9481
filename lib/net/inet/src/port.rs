//! One turn of smoltcp: at most one frame in, and frames out.
//!
//! smoltcp wants to own a device and to scan its sockets for every frame. Here it is given the
//! one frame and the one socket that belong together, for one call.

use crate::flow::Link;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use smoltcp::phy::{self, Checksum, ChecksumCapabilities, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{
    ETHERNET_HEADER_LEN, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet,
    Ipv6Packet, TcpPacket, UdpPacket,
};
use unilith_net_api::Device;

/// Payload of a packet of the loopback, at most: large, but several fit into a window.
pub const LOOPBACK_MTU: usize = 16384 + 40;

/// Who cares for the checksums of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// Nobody: it does not leave this host.
    Ignored,
    /// smoltcp.
    Computed,
    /// The device, for TCP and UDP.
    Offloaded,
}

/// What smoltcp may expect of a link.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Frames of Ethernet, or packets of IP.
    pub link: Link,
    /// Bytes of an IP packet, at most.
    pub mtu: usize,
    pub sums: Sums,
}

impl Capabilities {
    fn of_smoltcp(self) -> DeviceCapabilities {
        let mut caps = DeviceCapabilities::default();
        (caps.medium, caps.max_transmission_unit) = match self.link {
            Link::Loopback => (Medium::Ip, self.mtu),
            Link::Device => (Medium::Ethernet, self.mtu + ETHERNET_HEADER_LEN),
        };
        // Those of TCP and UDP in what is received were verified when it was parsed.
        let sum = match self.sums {
            Sums::Ignored => {
                caps.checksum = ChecksumCapabilities::ignored();
                Checksum::None
            }
            Sums::Computed => Checksum::Tx,
            Sums::Offloaded => Checksum::None,
        };
        (caps.checksum.tcp, caps.checksum.udp) = (sum, sum);
        caps
    }
}

/// Frames that wait; bounded.
pub struct Frames {
    pub queue: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    limit: usize,
}

impl Frames {
    pub const fn new(limit: usize) -> Self {
        Self { queue: VecDeque::new(), spare: Vec::new(), limit }
    }

    /// An empty frame, with the memory of a used one if there is one; `None` if there is no memory.
    pub fn fresh(&mut self, len: usize) -> Option<Vec<u8>> {
        let mut frame = self.spare.pop().unwrap_or_default();
        frame.clear();
        frame.try_reserve_exact(len).ok()?;
        frame.resize(len, 0);
        Some(frame)
    }

    /// Gives back the memory of a frame.
    pub fn recycle(&mut self, frame: Vec<u8>) {
        if self.spare.len() < 16 {
            self.spare.push(frame);
        }
    }

    /// Adds a frame, unless there are too many.
    pub fn push(&mut self, frame: Vec<u8>) {
        if self.queue.len() < self.limit {
            self.queue.push_back(frame);
        }
    }

    pub fn is_full(&self) -> bool {
        self.queue.len() >= self.limit
    }
}

/// Where frames go.
pub enum Out<'a> {
    /// To the device, now.
    Device(&'a dyn Device),
    /// Into a queue.
    Queue(&'a mut Frames),
    /// Nowhere: the last one is kept.
    Kept(&'a mut Vec<u8>),
}

/// A device for smoltcp.
pub struct Port<'a> {
    pub caps: Capabilities,
    pub frame: Option<&'a [u8]>,
    pub out: Out<'a>,
    /// There was no room.
    pub full: bool,
    /// Frames that went out, but for questions where a neighbour is.
    pub count: u32,
    /// All frames that went out.
    pub frames: u32,
    /// What is sent is this over IPv4, or a question for a neighbour.
    pub protocol: Option<IpProtocol>,
}

impl<'a> Port<'a> {
    pub fn new(caps: Capabilities, frame: Option<&'a [u8]>, out: Out<'a>) -> Self {
        Self { caps, frame, out, full: false, count: 0, frames: 0, protocol: None }
    }

    /// Remembers what is in a frame that goes out, and completes its checksum.
    fn seal(&mut self, frame: &mut [u8], promised: bool) {
        self.frames += 1;
        let header = match self.caps.link {
            Link::Device => ETHERNET_HEADER_LEN,
            Link::Loopback => 0,
        };
        if self.caps.sums == Sums::Offloaded {
            checksum(frame, promised);
        }
        let packet = frame.get(header..).unwrap_or_default();
        let question = match self.caps.link {
            Link::Device => match frame.get(12..14) {
                Some([0x08, 0x00]) => false,
                Some([0x86, 0xdd]) => packet.get(6) == Some(&IpProtocol::Icmpv6.into()),
                _ => true,
            },
            Link::Loopback => false,
        };
        self.count += u32::from(!question);
    }
}

/// Where the checksum of a frame of UDP over IPv4 starts and stands, as virtio-net wants to know
/// it, if the frame that is going to be written can be nothing else.
fn promise(protocol: Option<IpProtocol>, len: usize) -> Option<(u16, u16)> {
    // Instead of the packet there may be a question where the next host is: ARP, 42 bytes.
    const ARP: usize = ETHERNET_HEADER_LEN + 28;
    match protocol {
        Some(IpProtocol::Udp) if len != ARP => Some((34, 6)),
        _ => None,
    }
}

/// Fills in the checksum of TCP or UDP: that of the pseudo-header if the device completes it, as
/// virtio 1.2, 5.1.6.2 demands, else all of it.
fn checksum(frame: &mut [u8], promised: bool) {
    let Ok(mut frame) = EthernetFrame::new_checked(frame) else { return };
    let (protocol, from, to, header): (IpProtocol, IpAddress, IpAddress, _) =
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => {
                let Ok(ip) = Ipv4Packet::new_checked(frame.payload_mut()) else { return };
                let header = ip.header_len().into();
                (ip.next_header(), ip.src_addr().into(), ip.dst_addr().into(), header)
            }
            EthernetProtocol::Ipv6 => {
                let Ok(ip) = Ipv6Packet::new_checked(frame.payload_mut()) else { return };
                (ip.next_header(), ip.src_addr().into(), ip.dst_addr().into(), 40)
            }
            _ => return,
        };
    let Some(payload) = frame.payload_mut().get_mut(header..) else { return };
    let len = payload.len();
    match protocol {
        IpProtocol::Tcp => {
            let Ok(mut tcp) = TcpPacket::new_checked(payload) else { return };
            if promised {
                tcp.set_checksum(pseudo_header(from, to, protocol, len));
            } else {
                tcp.fill_checksum(&from, &to);
            }
        }
        IpProtocol::Udp => {
            let Ok(mut udp) = UdpPacket::new_checked(payload) else { return };
            if promised {
                udp.set_checksum(pseudo_header(from, to, protocol, len));
            } else {
                udp.fill_checksum(&from, &to);
            }
        }
        _ => {}
    }
}

/// The sum over the pseudo-header (RFC 9293, 3.1), not complemented.
pub fn pseudo_header(from: IpAddress, to: IpAddress, protocol: IpProtocol, len: usize) -> u16 {
    // The sum does not care how its words are grouped: RFC 1071, 2.
    let halves = |value: u64| (value & 0xffff_ffff) + (value >> 32);
    let sum = match (from, to) {
        (IpAddress::Ipv4(from), IpAddress::Ipv4(to)) => {
            u64::from(u32::from(from)) + u64::from(u32::from(to))
        }
        (from, to) => [from, to].into_iter().fold(0, |sum, address| {
            let bits = match address {
                IpAddress::Ipv4(address) => u128::from(u32::from(address)),
                IpAddress::Ipv6(address) => u128::from(address),
            };
            sum + halves(bits as u64) + halves((bits >> 64) as u64)
        }),
    };
    let sum = halves(sum + u64::from(u8::from(protocol)) + len as u64);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// A frame to be read.
pub struct Rx<'a>(&'a [u8]);

impl phy::RxToken for Rx<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame.
pub struct Tx<'t, 'a>(&'t mut Port<'a>);

impl phy::TxToken for Tx<'_, '_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let Self(port) = self;
        match &mut port.out {
            Out::Device(device) => {
                let device = *device;
                let offload = port.caps.sums == Sums::Offloaded;
                let offer = if offload { promise(port.protocol, len) } else { None };
                let (mut write, mut result) = (Some(f), None);
                device.send(len, offer, &mut |frame| {
                    if let Some(write) = write.take() {
                        result = Some(write(frame));
                        port.seal(frame, offer.is_some());
                    }
                });
                match (result, write) {
                    (Some(result), _) => result,
                    // No room after all: lost, as on a wire.
                    (None, Some(write)) => write(&mut alloc::vec![0; len]),
                    (None, None) => unreachable!("the frame was written without a result"),
                }
            }
            Out::Queue(frames) => {
                let mut frame = frames.fresh(len).unwrap_or_else(|| alloc::vec![0; len]);
                let result = f(&mut frame);
                port.seal(&mut frame, false);
                if let Out::Queue(frames) = &mut port.out {
                    frames.push(frame);
                }
                result
            }
            Out::Kept(kept) => {
                kept.clear();
                kept.resize(len, 0);
                let result = f(kept);
                (port.count, port.frames) = (port.count + 1, port.frames + 1);
                result
            }
        }
    }
}

impl<'a> phy::Device for Port<'a> {
    type RxToken<'t>
        = Rx<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Tx<'t, 'a>
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Rx<'_>, Tx<'_, 'a>)> {
        let frame = self.frame.take()?;
        Some((Rx(frame), Tx(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_, 'a>> {
        let room = match &self.out {
            Out::Device(device) => device.can_send(),
            Out::Queue(frames) => !frames.is_full(),
            Out::Kept(_) => true,
        };
        self.full |= !room;
        room.then_some(Tx(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.caps.of_smoltcp()
    }
}
