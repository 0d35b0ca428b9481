//! Frames that become their own answers, in place.

/// The address that QEMU's user networking has for its guest.
const ADDRESS: [u8; 4] = [10, 0, 2, 15];
/// Echo (RFC 862).
const PORT: [u8; 2] = 7u16.to_be_bytes();

const ETHERNET: usize = 14;
const ETHERTYPE: core::ops::Range<usize> = 12..14;
const ARP: [u8; 2] = [0x08, 0x06];
const IPV4: [u8; 2] = [0x08, 0x00];
/// Ethernet, IPv4, the lengths of their addresses, a request (RFC 826).
const REQUEST: [u8; 8] = [0, 1, 0x08, 0x00, 6, 4, 0, 1];
const REPLY: u8 = 2;
/// Version 4, a header without options (RFC 791).
const VERSION_AND_LENGTH: u8 = 0x45;
const UDP: u8 = 17;

/// Turns `frame` into its answer by the device with Ethernet address `our`; how long that is.
/// `None` if it needs none.
pub fn answer(frame: &mut [u8], our: [u8; 6]) -> Option<usize> {
    let ethertype = frame.get(ETHERTYPE)?.try_into().ok()?;
    let len = match ethertype {
        ARP => arp(frame.get_mut(ETHERNET..)?, our)?,
        IPV4 => udp(frame.get_mut(ETHERNET..)?)?,
        _ => return None,
    };
    swap(frame, 0, 6, 6);
    frame.get_mut(6..12)?.copy_from_slice(&our);
    Some(ETHERNET + len)
}

/// Exchanges two fields of `len` bytes.
fn swap(bytes: &mut [u8], first: usize, second: usize, len: usize) {
    if let Ok([a, b]) = bytes.get_disjoint_mut([first..first + len, second..second + len]) {
        a.swap_with_slice(b);
    }
}

fn arp(packet: &mut [u8], our: [u8; 6]) -> Option<usize> {
    let packet = packet.first_chunk_mut::<28>()?;
    if !packet.starts_with(&REQUEST) || packet[24..28] != ADDRESS {
        return None;
    }
    packet[7] = REPLY;
    // Sender and target, each an Ethernet and an IPv4 address.
    swap(packet, 8, 18, 10);
    packet[8..14].copy_from_slice(&our);
    Some(packet.len())
}

fn udp(packet: &mut [u8]) -> Option<usize> {
    let header = packet.first_chunk::<28>()?;
    let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
    // The flag "don't fragment" may be set, but neither "more fragments" nor an offset.
    let whole = header[6] & 0x3f == 0 && header[7] == 0;
    let ours = header[16..20] == ADDRESS && header[22..24] == PORT;
    let plain = header[0] == VERSION_AND_LENGTH && header[9] == UDP;
    if !(plain && whole && ours && (header.len()..=packet.len()).contains(&len)) {
        return None;
    }
    // Addresses and ports change places: the checksum of the header, a sum, stays right. That of
    // UDP may be the device's to fill in; 0 is none (RFC 768).
    swap(packet, 12, 16, 4);
    swap(packet, 20, 22, 2);
    packet.get_mut(26..28)?.fill(0);
    Some(len)
}
