//! Many connections: what a packet costs and what is kept must not depend on their number.

mod fake;

use fake::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use unilith_inet::Addresses;
use unilith_net_api::{NetError, Socket};

#[test]
fn a_packet_costs_the_same_beside_ten_thousand_idle_connections() {
    let world = World::new();
    let listener = world.listen(80, 4096);
    let mut idle = Vec::new();
    let mut costs = Vec::new();
    for many in [1, 10_000] {
        while idle.len() < many {
            idle.push(world.connection(&listener));
        }
        world.pass(5 * SECOND);
        let (client, server) = &idle[0];
        let before = world.b.statistics();
        for _ in 0..100 {
            send(client, b"request").unwrap();
            world.a.poll();
            world.b.poll();
            receive(server).unwrap();
            send(server, b"answer").unwrap();
            world.b.poll();
            world.a.poll();
            receive(client).unwrap();
        }
        let after = world.b.statistics();
        costs.push((after.turns - before.turns, after.received - before.received));
    }
    assert_eq!(costs[0], costs[1], "turns and frames for a hundred echoes");
    assert_eq!(world.b.statistics().connections, 10_000);
    // And a clock that runs gives idle connections nothing to do.
    let before = world.b.statistics().turns;
    world.pass(100 * SECOND);
    assert!(world.b.statistics().turns - before < 10, "idle connections get turns");
}

#[test]
fn a_flood_of_syns_is_bounded_and_passes() {
    let world = World::new();
    let listener = world.listen(80, 16);
    world.connection(&listener);
    for index in 0..20_000_u32 {
        let [a, b, ..] = index.to_be_bytes();
        let from = [10, 9, a ^ b, index as u8];
        world.nic_b.inject(&syn(from, (index >> 8) as u16 | 1024, index));
        if index % 50 == 0 {
            world.b.poll();
            // The wire is full of answers to nobody.
            while world.nic_a.receive_and_drop() {}
        }
    }
    world.b.poll();
    while world.nic_a.receive_and_drop() {}
    let statistics = world.b.statistics();
    assert_eq!(statistics.half_open, 1024);
    assert!(statistics.evicted > 18_000, "{statistics:?}");
    // Nobody has sent or received a byte.
    assert_eq!(statistics.buffers, 0);
    // Whoever means it still gets through.
    let (client, server) = world.connection(&listener);
    transfer(&world, &client, &server, b"meant");
    world.pass(60 * SECOND);
    assert_eq!(world.b.statistics().half_open, 0);
}

#[test]
fn a_flood_of_syns_leaves_the_last_memory() {
    let world = World::new();
    let listener = world.listen(80, 16);
    world.connection(&listener);
    let flood = |from: u32| {
        for index in from..from + 2000_u32 {
            let [_, _, c, d] = index.to_be_bytes();
            world.nic_b.inject(&syn([10, 9, c, d], 1024, index));
            if index % 50 == 0 {
                world.b.poll();
                while world.nic_a.receive_and_drop() {}
            }
        }
        world.b.poll();
        while world.nic_a.receive_and_drop() {}
    };
    let before = fake::FREE_PAGES.replace(0);
    flood(0);
    let statistics = world.b.statistics();
    assert!((7..200).contains(&statistics.half_open), "{statistics:?}");
    assert!(statistics.evicted > 1800, "{statistics:?}");
    fake::FREE_PAGES.set(before);
    let (client, server) = world.connection(&listener);
    transfer(&world, &client, &server, b"meant");
}

#[test]
fn clients_that_connect_at_once_are_all_answered_though_the_device_is_full() {
    let world = World::new();
    let _listener = world.listen(80, 511);
    world.nic_b.take_log();
    for client in 0..500_u16 {
        world.nic_b.inject(&syn([10, 0, 0, 1], 5000 + client, 77));
    }
    // The device sends a hundred frames, and then nothing for a while.
    world.nic_b.room.store(100, Ordering::Relaxed);
    world.b.poll();
    for _ in 0..50 {
        world.b.poll();
        let next = world.b.arm();
        assert!(next > 0 && next <= now() + SECOND / 1000, "busy, or asleep: {next}");
    }
    assert_eq!(world.nic_b.take_log().len(), 100);
    world.nic_b.room.store(usize::MAX, Ordering::Relaxed);
    for _ in 0..50 {
        world.b.poll();
    }
    // Without waiting for anybody to repeat anything.
    assert_eq!(world.nic_b.take_log().len(), 400);
    assert_eq!(world.b.statistics().half_open, 500);
}

#[test]
fn a_half_open_connection_is_answered_again_and_given_up() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    let frame = syn([10, 0, 0, 1], 5000, 77);
    world.nic_b.take_log();
    world.nic_b.inject(&frame);
    world.b.poll();
    world.nic_b.inject(&frame);
    world.b.poll();
    let answers = world.nic_b.take_log();
    assert_eq!(answers.len(), 2);
    assert_eq!(answers[0], answers[1], "the same answer, the same sequence number");
    while world.nic_a.receive_and_drop() {}
    for _ in 0..200 {
        set_now(now() + SECOND / 2);
        world.b.poll();
        while world.nic_a.receive_and_drop() {}
    }
    assert_eq!(world.nic_b.take_log().len(), 3);
    assert_eq!(world.b.statistics().half_open, 0);
}

#[test]
fn sequence_numbers_do_not_follow_from_each_other() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    world.nic_b.take_log();
    let mut seen: Vec<u32> = Vec::new();
    for port in 0..100 {
        world.nic_b.inject(&syn([10, 0, 0, 1], 5000 + port, 77));
        world.b.poll();
        let answer = world.nic_b.take_log().pop().unwrap();
        seen.push(u32::from_be_bytes(answer[38..42].try_into().unwrap()));
    }
    let near = |(one, other): (&u32, &u32)| one.abs_diff(*other) < 1 << 20;
    assert!(seen.iter().zip(&seen[1..]).filter(|pair| near(*pair)).count() <= 1, "{seen:?}");
}

#[test]
fn a_port_is_used_again_at_once_above_the_old_sequence_numbers() {
    let world = World::new();
    let listener = world.listen(80, 16);
    let client = world.a.tcp(false).unwrap();
    client.bind(ip(A, 4000), true).unwrap();
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
    world.until(5, || listener.ready().receive);
    let server = listener.accept().unwrap();
    drop(server);
    world.until(5, || client.ready().receive_closed);
    world.nic_a.take_log();
    drop(client);
    world.pass(SECOND);
    assert_eq!(world.b.statistics().time_wait, 1);
    let fin = world.nic_a.take_log().pop().unwrap();
    let last = u32::from_be_bytes(fin[38..42].try_into().unwrap());
    world.nic_b.take_log();
    // Below: the old connection is spoken of. Above: a new one begins.
    world.nic_b.inject(&syn([10, 0, 0, 1], 4000, last.wrapping_sub(10)));
    world.b.poll();
    let answer = world.nic_b.take_log().pop().unwrap();
    assert_eq!(answer[47] & 0x12, 0x10, "an acknowledgement");
    assert_eq!(answer[42..46], last.wrapping_add(1).to_be_bytes());
    world.nic_b.inject(&syn([10, 0, 0, 1], 4000, last.wrapping_add(1000)));
    world.b.poll();
    let answer = world.nic_b.take_log().pop().unwrap();
    assert_eq!(answer[47] & 0x12, 0x12, "a SYN and an acknowledgement");
    assert_eq!(world.b.statistics().time_wait, 0);
}

#[test]
fn a_reset_ends_what_is_half_open_if_it_fits() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    world.nic_b.inject(&syn([10, 0, 0, 1], 5000, 77));
    world.b.poll();
    assert_eq!(world.b.statistics().half_open, 1);
    let reset = |seq: u32| {
        let mut frame = syn([10, 0, 0, 1], 5000, seq);
        frame[47] = 0x04;
        let (from, to) = (A.into(), B.into());
        smoltcp::wire::TcpPacket::new_unchecked(&mut frame[34..]).fill_checksum(&from, &to);
        world.nic_b.inject(&frame);
        world.b.poll();
        world.b.statistics().half_open
    };
    assert_eq!((reset(77), reset(79), reset(78)), (1, 1, 0));
}

/// A connection from a host that does not exist: B's end, and the frame that established it.
fn by_hand(world: &World, from: [u8; 4]) -> (Arc<dyn Socket>, Vec<u8>) {
    let listener = world.listen(80, 16);
    world.nic_b.take_log();
    world.nic_b.inject(&syn(from, 5000, 77));
    world.b.poll();
    let answer = world.nic_b.take_log().pop().unwrap();
    let mut ack = syn(from, 5000, 78);
    let iss = u32::from_be_bytes(answer[38..42].try_into().unwrap());
    ack[42..46].copy_from_slice(&iss.wrapping_add(1).to_be_bytes());
    ack[47] = 0x10;
    let (from, to) = (std::net::Ipv4Addr::from(from).into(), B.into());
    smoltcp::wire::TcpPacket::new_unchecked(&mut ack[34..]).fill_checksum(&from, &to);
    world.nic_b.inject(&ack);
    world.b.poll();
    (listener.accept().unwrap(), ack)
}

#[test]
fn a_gateway_that_moved_is_found_by_who_only_listens() {
    let world = World::new();
    let far = [10, 9, 0, 1];
    let (_server, frame) = by_hand(&world, far);
    // The same from another address of Ethernet, and out of window: to be acknowledged.
    let mut frame = frame;
    frame[6..12].copy_from_slice(&[0x52, 0x54, 0, 0, 0, 9]);
    frame[38..42].copy_from_slice(&77_u32.to_be_bytes());
    let (from, to) = (std::net::Ipv4Addr::from(far).into(), B.into());
    smoltcp::wire::TcpPacket::new_unchecked(&mut frame[34..]).fill_checksum(&from, &to);
    let acknowledged = || {
        set_now(now() + SECOND);
        world.nic_b.inject(&frame);
        world.b.poll();
        let log = world.nic_b.take_log();
        (log.last().unwrap()[5], log.iter().any(|frame| frame[12..14] == [8, 6]))
    };
    assert_eq!(acknowledged(), (1, true), "who says so is not believed, but the gateway is asked");
    let mut answer = vec![0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 9, 8, 6];
    answer.extend([0, 1, 8, 0, 6, 4, 0, 2, 0x52, 0x54, 0, 0, 0, 9, 10, 0, 0, 254]);
    answer.extend([0x52, 0x54, 0, 0, 0, 2, 10, 0, 0, 2]);
    world.nic_b.inject(&answer);
    world.b.poll();
    assert_eq!(acknowledged(), (9, false));
}

#[test]
fn who_came_through_an_unknown_gateway_is_answered_through_it() {
    let (nic_a, nic_b) = Nic::pair(unilith_net_api::Offload::default());
    let b = unilith_inet::Net::new(
        Some(nic_b.clone()),
        Addresses { gateway: None, ..address(B) },
        [3, 4],
    );
    let a = unilith_inet::Net::new(Some(nic_a.clone()), address(A), [1, 2]);
    let world = World { a, b, nic_a, nic_b };
    let (server, _) = by_hand(&world, [10, 9, 0, 1]);
    send(&server, b"answer").unwrap();
    for _ in 0..200 {
        world.b.poll();
        while world.nic_a.receive_and_drop() {}
        set_now(now() + SECOND / 2);
    }
    let tries = world.nic_b.take_log().len();
    assert!(tries >= 6, "sent {tries} times in 100 seconds");
}

#[test]
fn who_calls_again_is_the_newest_that_is_half_open() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    let call = |port: u16, seq: u32| {
        world.nic_b.inject(&syn([10, 0, 0, 1], port, seq));
        world.b.poll();
        while world.nic_a.receive_and_drop() {}
    };
    call(5000, 77);
    (0..1022).for_each(|other| call(6000 + other, 1));
    call(5000, 99);
    call(8000, 1);
    assert_eq!(world.b.statistics().half_open, 1024);
    call(8001, 1);
    assert_eq!(world.b.statistics().half_open, 1024);
    let mut reset = syn([10, 0, 0, 1], 5000, 100);
    reset[47] = 0x04;
    let (from, to) = (A.into(), B.into());
    smoltcp::wire::TcpPacket::new_unchecked(&mut reset[34..]).fill_checksum(&from, &to);
    world.nic_b.inject(&reset);
    world.b.poll();
    assert_eq!(world.b.statistics().half_open, 1023, "the newest was forgotten first");
}

#[test]
fn frames_from_nobody_are_not_answered_to_everybody() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    world.nic_b.take_log();
    for port in [80, 81] {
        let mut frame = syn([10, 0, 0, 1], 5000, 77);
        frame[36..38].copy_from_slice(&u16::to_be_bytes(port));
        let (from, to) = (A.into(), B.into());
        smoltcp::wire::TcpPacket::new_unchecked(&mut frame[34..]).fill_checksum(&from, &to);
        frame[6..12].fill(0xff);
        world.nic_b.inject(&frame);
        world.b.poll();
    }
    assert_eq!(world.nic_b.take_log().len(), 0);
}

/// The gateway answers who asks for it: whether somebody did.
fn gateway_answers(world: &World) -> bool {
    let asked = world.nic_b.take_log().iter().any(|frame| frame[12..14] == [8, 6]);
    if asked {
        let mut answer = vec![0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 9, 8, 6];
        answer.extend([0, 1, 8, 0, 6, 4, 0, 2, 0x52, 0x54, 0, 0, 0, 9, 10, 0, 0, 254]);
        answer.extend([0x52, 0x54, 0, 0, 0, 2, 10, 0, 0, 2]);
        world.nic_b.inject(&answer);
    }
    asked
}

#[test]
fn clients_that_vanish_do_not_hide_the_gateway() {
    let world = World::new();
    let dead = [[10, 9, 0, 1], [10, 9, 0, 2]].map(|host| {
        let (server, _) = by_hand(&world, host);
        send(&server, b"are you there").unwrap();
        world.b.poll();
        set_now(now() + 3 * SECOND / 10);
        server
    });
    // The second one has its doubts, too, right after the first one's were dispelled.
    let mut asked = false;
    let mut doubts = None;
    while doubts.is_none_or(|since| now() < since + SECOND / 2) {
        world.b.poll();
        if gateway_answers(&world) {
            asked = true;
            doubts = doubts.or(Some(now()));
            world.b.poll();
        }
        while world.nic_a.receive_and_drop() {}
        set_now(now() + SECOND / 20);
    }
    assert!(asked && dead.iter().all(|server| server.take_error().is_none()));
    let call = world.b.tcp(false).unwrap();
    assert_eq!(call.connect(ip([10, 9, 0, 9].into(), 80)), Err(NetError::InProgress));
    let log = world.nic_b.take_log();
    let calls = log.iter().filter(|frame| frame[12..14] == [8, 0] && frame[33] == 9).count();
    assert_eq!(calls, 1, "where the gateway is was told half a second ago");
}

#[test]
fn a_call_that_is_answered_and_closed_at_once_is_established() {
    let world = World::new();
    world.nic_b.take_log();
    let call = world.b.tcp(false).unwrap();
    assert_eq!(call.connect(ip(A, 5000)), Err(NetError::InProgress));
    // A says where it is, and no more.
    world.a.poll();
    world.b.poll();
    let sent = world.nic_b.take_log().pop().unwrap();
    let iss = u32::from_be_bytes(sent[38..42].try_into().unwrap());
    let mut answer = syn(A.octets(), 5000, 77);
    answer[36..38].copy_from_slice(&sent[34..36]);
    answer[42..46].copy_from_slice(&iss.wrapping_add(1).to_be_bytes());
    answer[47] = 0x13;
    let (from, to) = (A.into(), B.into());
    smoltcp::wire::TcpPacket::new_unchecked(&mut answer[34..]).fill_checksum(&from, &to);
    world.nic_b.inject(&answer);
    world.b.poll();
    assert!(call.ready().send && call.ready().receive_closed, "{:?}", call.ready());
    for _ in 0..100 {
        set_now(now() + SECOND);
        world.b.poll();
        while world.nic_a.receive_and_drop() {}
    }
    assert_eq!(call.take_error(), None, "a call has a minute, a connection has not");
}

#[test]
fn closed_connections_leave_the_last_memory_and_no_more_than_that() {
    let world = World::new();
    let listener = world.listen(80, 16);
    let close = |(client, server): (Arc<dyn Socket>, Arc<dyn Socket>)| {
        drop(server);
        world.pass(SECOND / 100);
        drop(client);
        world.pass(SECOND / 100);
    };
    let first = world.connection(&listener);
    let before = fake::FREE_PAGES.replace(0);
    close(first);
    fake::FREE_PAGES.set(before);
    (0..24).for_each(|_| close(world.connection(&listener)));
    assert_eq!(world.b.statistics().time_wait, 25, "there is memory again");
}

#[test]
fn a_flood_that_goes_on_is_bounded_by_the_memory_that_there_is_now() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    let flood = |from: u32, to: u32| {
        for index in from..to {
            let [_, _, c, d] = index.to_be_bytes();
            world.nic_b.inject(&syn([10, 9, c, d], 1024, index));
            world.b.poll();
            while world.nic_a.receive_and_drop() {}
        }
        world.b.statistics().half_open
    };
    assert!(flood(0, 10) > 0);
    let before = fake::FREE_PAGES.replace(0);
    assert!(flood(10, 1000) < 200);
    fake::FREE_PAGES.set(before);
    assert_eq!(flood(1000, 3000), 1024);
}
