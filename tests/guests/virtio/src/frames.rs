//! The network device by itself, without a stack: asks who has the gateway's address.

use unilith_net_api::Device;
use unilith_platform::{idle, monotonic_ns};

/// Of QEMU's user networking: this guest and the gateway.
const OURS: [u8; 4] = [10, 0, 2, 15];
const GATEWAY: [u8; 4] = [10, 0, 2, 2];

const BURST: usize = 50;
const ROUNDS: usize = 40;
const PATIENCE_NS: u64 = 5_000_000_000;
/// With the padding of Ethernet.
const FRAME: usize = 60;

/// A request of the Address Resolution Protocol (RFC 826), in an Ethernet frame.
fn request(from: [u8; 6], frame: &mut [u8]) {
    let parts: [&[u8]; 9] = [
        &[0xff; 6],
        &from,
        // ARP; for Ethernet, IPv4, their lengths; a request.
        &[0x08, 0x06],
        &[0, 1, 8, 0, 6, 4, 0, 1],
        &from,
        &OURS,
        &[0; 6],
        &GATEWAY,
        &[0; FRAME],
    ];
    let bytes = parts.iter().flat_map(|part| part.iter());
    frame.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}

/// The gateway's Ethernet address, if this is its reply.
fn reply(frame: &[u8]) -> Option<[u8; 6]> {
    let is_reply = frame.get(12..14) == Some(&[0x08, 0x06]) && frame.get(20..22) == Some(&[0, 2]);
    let is_gateways = frame.get(28..32) == Some(&GATEWAY);
    if is_reply && is_gateways { frame.get(22..28)?.try_into().ok() } else { None }
}

/// Asks thousands of times, in bursts, and waits for the replies with the processor halted. The
/// gateway's address, how many replies came, and how often the processor halted for that.
pub fn resolve(net: &dyn Device) -> (Option<[u8; 6]>, usize, usize) {
    let (mut gateway, mut replies, mut halts) = (None, 0, 0);
    for _ in 0..ROUNDS {
        for _ in 0..BURST {
            net.send(FRAME, None, &mut |frame| request(net.address(), frame));
        }
        net.flush();
        let (deadline, wanted) = (monotonic_ns() + PATIENCE_NS, replies + BURST);
        while replies < wanted && monotonic_ns() < deadline {
            let take = &mut |received: unilith_net_api::Received<'_>| {
                if let Some(address) = reply(received.frame) {
                    gateway = Some(address);
                    replies += 1;
                }
            };
            if !net.receive(take) && !net.arm() {
                halts += 1;
                idle(deadline);
            }
        }
    }
    (gateway, replies, halts)
}
