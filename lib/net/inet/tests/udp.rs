//! Datagrams, addresses from DHCP, and echoes of ICMP.

mod fake;

use fake::*;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::*;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use unilith_inet::{Addresses, Net};
use unilith_net_api::{Datagram, NetError, Offload, Result};

fn send_to(socket: &Arc<dyn Datagram>, to: Option<SocketAddr>, data: &[u8]) -> Result<()> {
    socket.send_to(to, data.len(), &mut |room| room.copy_from_slice(data))
}

fn receive_from(socket: &Arc<dyn Datagram>) -> Result<(SocketAddr, Vec<u8>)> {
    let mut got = None;
    socket.receive_from(false, &mut |from, data| got = Some((from, data.to_vec())))?;
    Ok(got.unwrap())
}

fn bound(net: &Arc<Net>, port: u16) -> Arc<dyn Datagram> {
    let socket = net.udp(false).unwrap();
    socket.bind(ip(Ipv4Addr::UNSPECIFIED, port), false).unwrap();
    socket
}

#[test]
fn datagrams_there_and_back() {
    for send_checksum in [false, true] {
        let world = World::with(Offload { send_checksum, receive_checksum: false });
        let server = bound(&world.b, 53);
        let client = world.a.udp(false).unwrap();
        assert_eq!(send_to(&client, None, b"x"), Err(NetError::NotConnected));
        // The longest that fits, one that is short, and one that is empty.
        for len in [1472, 5, 0] {
            let data = pattern(len);
            send_to(&client, Some(ip(B, 53)), &data).unwrap();
            world.until(5, || server.ready().receive);
            assert_eq!(server.available(), len);
            let mut peeked = 0;
            server.receive_from(true, &mut |_, data| peeked = data.len()).unwrap();
            assert_eq!(peeked, len);
            let (from, got) = receive_from(&server).unwrap();
            assert_eq!(from, ip(A, client.local().unwrap().port()));
            assert!(got == data);
            send_to(&server, Some(from), &got).unwrap();
            world.until(5, || client.ready().receive);
            assert!(receive_from(&client).unwrap() == (ip(B, 53), data));
        }
        assert_eq!(receive_from(&server), Err(NetError::WouldBlock));
        let long = send_to(&client, Some(ip(B, 53)), &pattern(1473));
        assert_eq!(long, Err(NetError::TooLong));
    }
}

#[test]
fn a_connected_socket_hears_one_other_only() {
    let world = World::new();
    let (one, two) = (bound(&world.b, 1000), bound(&world.b, 1001));
    let client = world.a.udp(false).unwrap();
    client.connect(Some(ip(B, 1000))).unwrap();
    assert_eq!(client.peer(), Some(ip(B, 1000)));
    let local = client.local().unwrap();
    assert_eq!(local.ip(), A);
    send_to(&client, None, b"hello").unwrap();
    world.until(5, || one.ready().receive);
    send_to(&two, Some(local), b"from another").unwrap();
    send_to(&one, Some(local), b"from the right one").unwrap();
    world.until(5, || client.ready().receive);
    world.pass(SECOND);
    assert_eq!(receive_from(&client).unwrap().1, b"from the right one");
    assert_eq!(receive_from(&client), Err(NetError::WouldBlock));
    client.connect(None).unwrap();
    send_to(&two, Some(local), b"from another").unwrap();
    world.until(5, || client.ready().receive);
}

#[test]
fn the_queue_is_bounded() {
    let world = World::new();
    let server = bound(&world.b, 53);
    let client = world.a.udp(false).unwrap();
    let mut sent = 0;
    for _ in 0..500 {
        match send_to(&client, Some(ip(B, 53)), &[1; 1000]) {
            Ok(()) => sent += 1,
            Err(error) => assert_eq!(error, NetError::WouldBlock),
        }
        if !client.ready().send {
            world.until(5, || client.ready().send);
        }
    }
    world.pass(SECOND);
    let kept = std::iter::from_fn(|| receive_from(&server).ok()).count();
    assert!(sent > 400 && kept < 70, "{sent} sent, {kept} kept");
    send_to(&client, Some(ip(B, 53)), b"room again").unwrap();
    world.until(5, || server.ready().receive);
}

#[test]
fn broadcasts_reach_everybody() {
    let world = World::new();
    let (one, two) = (bound(&world.b, 53), bound(&world.b, 54));
    let client = world.a.udp(false).unwrap();
    for to in [Ipv4Addr::BROADCAST, Ipv4Addr::new(10, 0, 0, 255)] {
        send_to(&client, Some(ip(to, 53)), b"anybody?").unwrap();
        world.until(5, || one.ready().receive);
        assert_eq!(receive_from(&one).unwrap().0.ip(), A);
    }
    assert!(!two.ready().receive);
}

#[test]
fn to_oneself() {
    let alone = Net::new(None, Addresses::default(), [1, 2]);
    let server = bound(&alone, 53);
    let client = alone.udp(false).unwrap();
    let to = ip(Ipv4Addr::LOCALHOST, 53);
    let data = pattern(65507);
    send_to(&client, Some(to), &data).unwrap();
    let (from, got) = receive_from(&server).unwrap();
    assert!(got == data && from == ip(Ipv4Addr::LOCALHOST, client.local().unwrap().port()));
    assert_eq!(send_to(&client, Some(to), &pattern(65508)), Err(NetError::TooLong));
    client.connect(Some(ip(Ipv4Addr::LOCALHOST, 54))).unwrap();
    send_to(&client, None, b"nobody").unwrap();
    assert_eq!(client.take_error(), Some(NetError::Refused));
    assert_eq!(send_to(&client, Some(ip(B, 53)), b"x"), Err(NetError::Unreachable));
    let six = alone.udp(true).unwrap();
    six.bind("[::1]:53".parse().unwrap(), false).unwrap();
    let to_six = alone.udp(true).unwrap();
    send_to(&to_six, Some("[::1]:53".parse().unwrap()), b"six").unwrap();
    assert_eq!(receive_from(&six).unwrap().1, b"six");
    let taken = alone.udp(false).unwrap();
    assert_eq!(taken.bind(ip(Ipv4Addr::UNSPECIFIED, 53), false), Err(NetError::InUse));
}

#[test]
fn a_connected_socket_is_refused_by_icmp() {
    let world = World::new();
    let client = world.a.udp(false).unwrap();
    client.connect(Some(ip(B, 99))).unwrap();
    // The first question may be lost while addresses are looked for.
    world.until(10, || {
        if client.ready().send && !client.ready().error {
            let _ = send_to(&client, None, b"anybody?");
        }
        set_now(now() + SECOND / 10);
        client.ready().error
    });
    assert_eq!(receive_from(&client), Err(NetError::Refused));
    assert_eq!(client.take_error(), None);
}

#[test]
fn datagrams_of_ipv6() {
    for send_checksum in [false, true] {
        let world = World::with(Offload { send_checksum, receive_checksum: false });
        let address = world.b.local_addresses().into_iter().rev();
        let v6 = address.map(|(address, _)| address).find(|address| address.is_ipv6()).unwrap();
        let server = world.b.udp(true).unwrap();
        server.bind(SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 53)), false).unwrap();
        let client = world.a.udp(true).unwrap();
        for to in [SocketAddr::new(v6, 53), SocketAddr::from((B.to_ipv6_mapped(), 53))] {
            let data = pattern(1400);
            send_to(&client, Some(to), &data).unwrap();
            world.until(5, || server.ready().receive);
            let (from, got) = receive_from(&server).unwrap();
            assert!(got == data);
            send_to(&server, Some(from), &got).unwrap();
            world.until(5, || client.ready().receive);
            assert!(receive_from(&client).unwrap() == (to, data));
        }
    }
}

#[test]
fn a_neighbour_that_does_not_answer_blocks_nobody_else() {
    let world = World::new();
    let server = bound(&world.b, 53);
    let client = world.a.udp(false).unwrap();
    send_to(&client, Some(ip(Ipv4Addr::new(10, 0, 0, 99), 53)), b"nobody").unwrap();
    send_to(&client, Some(ip(B, 53)), b"somebody").unwrap();
    world.pass(5 * SECOND);
    send_to(&client, Some(ip(B, 53)), b"again").unwrap();
    world.until(10, || server.ready().receive);
}

/// An Ethernet frame with a packet of IPv4.
#[test]
fn a_connected_socket_hears_that_nobody_has_the_address() {
    let world = World::new();
    let client = world.a.udp(false).unwrap();
    client.connect(Some(ip(Ipv4Addr::new(10, 0, 0, 99), 53))).unwrap();
    send_to(&client, None, b"nobody").unwrap();
    world.pass(2 * SECOND);
    assert_eq!(client.take_error(), None);
    world.pass(4 * SECOND);
    assert_eq!(client.take_error(), Some(NetError::Unreachable));
    send_to(&client, None, b"again").unwrap();
}

fn frame(from: Ipv4Addr, to: Ipv4Addr, protocol: IpProtocol, payload: &[u8]) -> Vec<u8> {
    let ip = IpRepr::new(from.into(), to.into(), protocol, payload.len(), 64);
    let mut frame = vec![0; 14 + ip.buffer_len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
    ethernet.set_dst_addr(EthernetAddress([0x52, 0x54, 0, 0, 0, 1]));
    ethernet.set_src_addr(EthernetAddress([0x52, 0x54, 0, 0, 0, 2]));
    ethernet.set_ethertype(EthernetProtocol::Ipv4);
    ip.emit(ethernet.payload_mut(), &ChecksumCapabilities::default());
    ethernet.payload_mut()[20..].copy_from_slice(payload);
    frame
}

#[test]
fn echoes_are_answered() {
    let world = World::new();
    let mut echo = vec![0; 8 + 56];
    Icmpv4Repr::EchoRequest { ident: 7, seq_no: 9, data: &pattern(56) }
        .emit(&mut Icmpv4Packet::new_unchecked(&mut echo[..]), &ChecksumCapabilities::default());
    let ping = frame(B, A, IpProtocol::Icmp, &echo);
    // The first answer waits for an address and is lost; that is how smoltcp does it.
    for _ in 0..2 {
        world.nic_a.inject(&ping);
        world.pass(2 * SECOND);
    }
    world.nic_a.take_log();
    world.nic_a.inject(&ping);
    world.a.poll();
    let answers = world.nic_a.take_log();
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0][23], answers[0][34], answers[0].len()), (1, 0, ping.len()));
}

/// A server of DHCP that gives everybody the same address.
fn dhcp_answer(request: &[u8]) -> Option<Vec<u8>> {
    let ethernet = EthernetFrame::new_checked(request).ok()?;
    let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    let udp = UdpPacket::new_checked(ip.payload()).ok()?;
    if udp.dst_port() != 67 {
        return None;
    }
    let packet = DhcpPacket::new_checked(udp.payload()).ok()?;
    let request = DhcpRepr::parse(&packet).ok()?;
    let message_type = match request.message_type {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        DhcpMessageType::Request => DhcpMessageType::Ack,
        _ => return None,
    };
    let server = Ipv4Addr::new(10, 1, 0, 1);
    let mut dns = heapless_of(server);
    let repr = DhcpRepr {
        message_type,
        transaction_id: request.transaction_id,
        secs: 0,
        client_hardware_address: request.client_hardware_address,
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: Ipv4Addr::new(10, 1, 0, 50),
        server_ip: server,
        router: Some(server),
        subnet_mask: Some(Ipv4Addr::new(255, 255, 0, 0)),
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: false,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(server),
        parameter_request_list: None,
        dns_servers: dns.take(),
        max_size: None,
        lease_duration: Some(3600),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    };
    let mut payload = vec![0; 8 + repr.buffer_len()];
    let mut udp = UdpPacket::new_unchecked(&mut payload[..]);
    UdpRepr { src_port: 67, dst_port: 68 }.emit(
        &mut udp,
        &server.into(),
        &Ipv4Addr::BROADCAST.into(),
        repr.buffer_len(),
        |room| repr.emit(&mut DhcpPacket::new_unchecked(room)).unwrap(),
        &ChecksumCapabilities::default(),
    );
    Some(frame(server, Ipv4Addr::BROADCAST, IpProtocol::Udp, &payload))
}

/// The list type of smoltcp's representation, without naming its crate.
fn heapless_of<T: Default + Extend<Ipv4Addr>>(address: Ipv4Addr) -> Option<T> {
    let mut list = T::default();
    list.extend([address]);
    Some(list)
}

#[test]
fn an_address_from_dhcp() {
    let nic = Nic::new(1, Offload::default());
    nic.take_log();
    let net = Net::new(Some(nic.clone()), Addresses::default(), [1, 2]);
    // Before the lease, only the loopback and the link are known.
    assert!(!net.local_addresses().iter().any(|(address, _)| *address == ip4(10, 1, 0, 50)));
    let early = net.tcp(false).unwrap();
    assert_eq!(early.connect(ip(B, 80)), Err(NetError::Unreachable));
    for _ in 0..200 {
        net.poll();
        for frame in nic.take_log() {
            if let Some(answer) = dhcp_answer(&frame) {
                nic.inject(&answer);
            }
        }
        let next = net.arm().min(now() + SECOND);
        set_now(next.max(now()));
    }
    assert!(net.local_addresses().contains(&(ip4(10, 1, 0, 50), 16)));
    assert_eq!(net.dns_servers(), [ip4(10, 1, 0, 1)]);
    // The socket from before works now.
    assert_eq!(early.connect(ip(Ipv4Addr::new(8, 8, 8, 8), 80)), Err(NetError::InProgress));
    assert!(nic.sent.load(Ordering::Relaxed) < 20);
}

fn ip4(a: u8, b: u8, c: u8, d: u8) -> std::net::IpAddr {
    Ipv4Addr::new(a, b, c, d).into()
}

#[test]
fn addresses_from_the_command_line() {
    let options = |name: &str| {
        let value = match name {
            "net.ip" => "10.0.2.15/24",
            "net.gateway" => "10.0.2.2",
            "net.dns" => "10.0.2.3,odd,fd00::3",
            "net.ip6" => "fd00::2/64",
            _ => return None,
        };
        Some(value.to_string())
    };
    let addresses = Addresses::from_options(options);
    assert_eq!(addresses.v4, Some((Ipv4Addr::new(10, 0, 2, 15), 24)));
    assert_eq!(addresses.gateway, Some(Ipv4Addr::new(10, 0, 2, 2)));
    assert_eq!(addresses.v6, [("fd00::2".parse().unwrap(), 64)]);
    assert_eq!(addresses.dns, [ip4(10, 0, 2, 3), "fd00::3".parse().unwrap()]);
    for odd in ["", "x", "1.2.3.4/33", "0.0.0.0/0", "255.255.255.255", "224.0.0.1/4", "1.2.3.4/"] {
        let one = |name: &str| (name == "net.ip").then(|| odd.to_string());
        assert_eq!(Addresses::from_options(one), Addresses::default(), "{odd}");
    }
}
