//! Frames from somebody who means no good: no panic, and the next connection is served.

mod fake;

use fake::*;
use proptest::prelude::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::*;
use unilith_net_api::Offload;

/// A segment to port 80 of B, or to an established connection.
#[derive(Clone, Debug)]
struct Odd {
    established: bool,
    flags: u8,
    seq: i32,
    ack: i32,
    window: u16,
    options: Vec<u8>,
    payload: usize,
    after: u32,
}

fn odd() -> impl Strategy<Value = Odd> {
    let near = prop_oneof![4 => -3..3000, 1 => any::<i32>(), 2 => Just(0), 1 => -70000..70000];
    let option = prop_oneof![
        Just(vec![1]),
        any::<u16>().prop_map(|mss| [&[2, 4], &mss.to_be_bytes()[..]].concat()),
        any::<u8>().prop_map(|scale| vec![3, 3, scale]),
        Just(vec![4, 2]),
        prop::collection::vec(any::<u8>(), 8).prop_map(|time| [&[8, 10][..], &time].concat()),
        prop::collection::vec(any::<u8>(), 8).prop_map(|sack| [&[5, 10][..], &sack].concat()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    (
        any::<bool>(),
        prop_oneof![any::<u8>(), Just(0x10), Just(0x18), Just(0x11), Just(0x02), Just(0x04)],
        near.clone(),
        near,
        any::<u16>(),
        prop::collection::vec(option, 0..4),
        prop_oneof![Just(0usize), 0..1400usize],
        prop_oneof![Just(0u32), 0..3000u32],
    )
        .prop_map(|(established, flags, seq, ack, window, options, payload, after)| Odd {
            established,
            flags,
            seq,
            ack,
            window,
            options: options.concat().into_iter().take(40).collect(),
            payload,
            after,
        })
}

/// The frame; `next` and `acked` are the numbers that would be right.
fn frame(odd: &Odd, port: u16, next: u32, acked: u32) -> Vec<u8> {
    let header = 20 + odd.options.len().next_multiple_of(4);
    let mut segment = vec![0; header + odd.payload];
    let mut tcp = TcpPacket::new_unchecked(&mut segment[..]);
    tcp.set_src_port(port);
    tcp.set_dst_port(80);
    tcp.set_seq_number(TcpSeqNumber((next as i32).wrapping_add(odd.seq)));
    tcp.set_ack_number(TcpSeqNumber((acked as i32).wrapping_add(odd.ack)));
    tcp.set_header_len(header as u8);
    tcp.set_window_len(odd.window);
    tcp.options_mut()[..odd.options.len()].copy_from_slice(&odd.options);
    let flags = u16::from(odd.flags) | (header as u16 / 4) << 12;
    segment[12..14].copy_from_slice(&flags.to_be_bytes());
    let (from, to) = (IpAddress::Ipv4(A), IpAddress::Ipv4(B));
    TcpPacket::new_unchecked(&mut segment[..]).fill_checksum(&from, &to);
    let ip = IpRepr::new(from, to, IpProtocol::Tcp, segment.len(), 64);
    let mut frame = vec![0; 14 + ip.buffer_len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
    ethernet.set_dst_addr(EthernetAddress([0x52, 0x54, 0, 0, 0, 2]));
    ethernet.set_src_addr(EthernetAddress([0x52, 0x54, 0, 0, 0, 1]));
    ethernet.set_ethertype(EthernetProtocol::Ipv4);
    ip.emit(ethernet.payload_mut(), &ChecksumCapabilities::default());
    ethernet.payload_mut()[20..].copy_from_slice(&segment);
    frame
}

/// Nobody is hurt: a new connection works.
fn still_serves(world: &World, listener: &std::sync::Arc<dyn unilith_net_api::Socket>) {
    while listener.accept().is_ok() {}
    let (client, server) = world.connection(listener);
    transfer(world, &client, &server, b"still there");
    transfer(world, &server, &client, b"still there");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn segments(many in prop::collection::vec(odd(), 1..30), data: bool) {
        let world = World::new();
        let listener = world.listen(80, 8);
        world.nic_a.take_log();
        let (client, server) = world.connection(&listener);
        if data {
            send(&client, b"request").unwrap();
            world.until(5, || server.available() > 0);
            send(&server, &pattern(20_000)).unwrap();
            world.b.poll();
        }
        let port = client.local().unwrap().port();
        let last = world.nic_a.take_log().pop().unwrap();
        let number = |at: usize| u32::from_be_bytes(last[at..at + 4].try_into().unwrap());
        let (next, acked) = (number(38), number(42));
        for odd in &many {
            let port = if odd.established { port } else { 2000 };
            world.nic_b.inject(&frame(odd, port, next, acked));
            world.b.poll();
            if odd.after > 2000 {
                let _ = send(&server, &pattern(5000));
                let _ = receive(&server);
            }
            set_now(now() + u64::from(odd.after) * 1_000_000);
            world.b.poll();
        }
        drop((client, server));
        while world.nic_a.receive_and_drop() {}
        still_serves(&world, &listener);
    }

    #[test]
    fn frames(
        many in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..50),
        kind in prop::collection::vec(0..6usize, 50),
        offload: bool,
    ) {
        let world = World::with(Offload { send_checksum: offload, receive_checksum: offload });
        let listener = world.listen(80, 8);
        let _udp = world.b.udp(false).unwrap().bind(ip(B, 0), false);
        for (frame, kind) in many.iter().zip(kind) {
            // Starts that lead into the parsers.
            let start: &[u8] = match kind {
                0 => &[],
                1 => &[0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 8, 0, 0x45, 0],
                2 => &[0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0],
                3 => &[0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 0x86, 0xdd, 0x60],
                4 => &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0, 0, 1, 8, 0, 0x45],
                _ => &[0x33, 0x33, 0, 0, 0, 1, 0x52, 0x54, 0, 0, 0, 1, 0x86, 0xdd, 0x60],
            };
            world.nic_b.inject(&[start, frame].concat());
            world.b.poll();
            set_now(now() + 1_000_000);
            world.b.poll();
        }
        while world.nic_a.receive_and_drop() {}
        still_serves(&world, &listener);
    }
}
