//! Connections between two hosts.

mod fake;

use fake::*;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use unilith_net_api::{NetError, Offload, Shutdown};
use unilith_sched_api::Observer;

#[test]
fn an_echo() {
    let world = World::new();
    let listener = world.listen(7, 8);
    assert_eq!(listener.accept().err(), Some(NetError::WouldBlock));
    assert!(!listener.ready().receive);
    let client = world.connect(7);
    for _ in 0..5 {
        world.a.poll();
        world.b.poll();
    }
    assert!(client.ready().send, "what waits for a neighbour goes as soon as it answers");
    let server = listener.accept().unwrap();
    assert_eq!(client.peer(), Some(ip(B, 7)));
    assert_eq!(server.peer(), client.local());
    assert_eq!(server.local(), Some(ip(B, 7)));
    assert!((32768..=60999).contains(&client.local().unwrap().port()));
    assert_eq!(receive(&server), Err(NetError::WouldBlock));
    assert_eq!(send(&client, b"hello"), Ok(5));
    world.until(1, || server.ready().receive);
    assert_eq!(server.available(), 5);
    let mut peeked = 0;
    let _ = server.receive(true, &mut |bytes| {
        peeked = bytes.len();
        bytes.len()
    });
    assert_eq!(peeked, 5);
    assert_eq!(receive(&server).unwrap(), b"hello");
    assert!(!server.ready().receive);
    assert_eq!(send(&server, b"HELLO"), Ok(5));
    world.until(1, || client.ready().receive);
    // In two pieces: what is not taken stays.
    assert_eq!(client.receive(false, &mut |_| 2), Ok(2));
    assert_eq!(receive(&client).unwrap(), b"LLO");
}

#[test]
fn much_in_both_directions() {
    let world = World::new();
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    let data = pattern(3_000_000);
    transfer(&world, &client, &server, &data);
    let frames = world.nic_a.sent.load(Ordering::Relaxed);
    assert!(frames < 3_000_000 / 1400, "{frames} frames: not full segments");
    transfer(&world, &server, &client, &data);
}

#[test]
fn one_in_ten_is_lost_and_others_are_swapped_doubled_or_corrupted() {
    let world = World::new();
    let listener = world.listen(80, 8);
    world.faults(Faults { lose: 26, swap: 10, double: 10, corrupt: 3 });
    let (client, server) = world.connection(&listener);
    transfer(&world, &client, &server, &pattern(500_000));
    transfer(&world, &server, &client, &pattern(300_000));
    client.shutdown(Shutdown::Send).unwrap();
    world.until(600, || receive(&server).is_ok_and(|bytes| bytes.is_empty()));
}

#[test]
fn the_device_completes_checksums() {
    for receive_checksum in [false, true] {
        let world = World::with(Offload { send_checksum: true, receive_checksum });
        let listener = world.listen(80, 8);
        let (client, server) = world.connection(&listener);
        transfer(&world, &client, &server, &pattern(100_000));
        transfer(&world, &server, &client, &pattern(99_999));
        drop(client);
        // A reset is made by smoltcp while it looks at a frame.
        let refused = world.connect(81);
        world.until(5, || refused.take_error() == Some(NetError::Refused));
    }
}

#[test]
fn who_was_refused_may_try_again() {
    let world = World::new();
    let client = world.connect(80);
    world.until(5, || client.ready().closed);
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::Refused));
    let listener = world.listen(80, 8);
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
    world.until(5, || client.ready().send && listener.ready().receive);
    let server = listener.accept().unwrap();
    transfer(&world, &client, &server, &pattern(10_000));
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::Connected));
}

#[test]
fn each_half_closes_by_itself() {
    let world = World::new();
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    send(&client, b"request").unwrap();
    client.shutdown(Shutdown::Send).unwrap();
    assert_eq!(send(&client, b"more"), Err(NetError::Closed));
    world.until(5, || server.ready().receive_closed);
    assert_eq!(receive(&server).unwrap(), b"request");
    assert_eq!(receive(&server).unwrap(), b"");
    assert!(!server.ready().closed);
    // The other direction still works.
    transfer(&world, &server, &client, &pattern(200_000));
    server.shutdown(Shutdown::Send).unwrap();
    world.until(5, || receive(&client).is_ok_and(|bytes| bytes.is_empty()));
    world.until(5, || client.ready().closed && server.ready().closed);
    assert_eq!(client.take_error(), None);
    assert_eq!(world.a.statistics().time_wait, 1);
    assert_eq!(world.b.statistics().time_wait, 0);
    assert_eq!(receive(&client).unwrap(), b"");
}

#[test]
fn what_was_sent_before_the_close_still_arrives() {
    let world = World::new();
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    let data = pattern(30_000);
    assert_eq!(send(&client, &data), Ok(30_000));
    drop(client);
    let mut got = Vec::new();
    world.until(10, || {
        let bytes = receive(&server);
        got.extend(bytes.clone().unwrap_or_default());
        bytes.is_ok_and(|bytes| bytes.is_empty())
    });
    assert!(got == data);
    drop(server);
    world.pass(SECOND);
    assert_eq!(world.a.statistics().connections, 0);
    assert_eq!(world.b.statistics().connections, 0);
}

#[test]
fn data_after_the_close_is_reset() {
    let world = World::new();
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    drop(server);
    world.until(5, || client.ready().receive_closed);
    send(&client, b"too late").unwrap();
    world.until(5, || client.ready().error);
    assert_eq!(send(&client, b"x"), Err(NetError::Reset));
    assert_eq!(send(&client, b"x"), Err(NetError::Closed));
    assert_eq!(receive(&client).unwrap(), b"");
}

#[test]
fn closing_with_unread_data_or_without_lingering_resets() {
    let world = World::new();
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    send(&client, b"unread").unwrap();
    world.until(5, || server.available() == 6);
    drop(server);
    world.until(5, || client.take_error() == Some(NetError::Reset));
    let (client, server) = world.connection(&listener);
    client.set_abort_on_close(true);
    drop(client);
    world.until(5, || receive(&server) == Err(NetError::Reset));
    assert_eq!(world.b.statistics().connections, 1);
    assert_eq!(world.a.statistics().time_wait, 0);
}

#[test]
fn a_reset_in_the_middle_is_told_after_what_came_before() {
    let world = World::new();
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    send(&client, b"before").unwrap();
    world.until(5, || server.available() == 6);
    client.set_abort_on_close(true);
    drop(client);
    world.until(5, || server.ready().error);
    assert_eq!(receive(&server).unwrap(), b"before");
    assert_eq!(receive(&server), Err(NetError::Reset));
    assert_eq!(receive(&server).unwrap(), b"");
    assert_eq!(send(&server, b"x"), Err(NetError::Closed));
    world.connection(&listener);
}

#[test]
fn nobody_listens_or_nobody_answers() {
    let world = World::new();
    let refused = world.connect(81);
    assert_eq!(refused.connect(ip(B, 81)), Err(NetError::InProgress));
    world.until(5, || refused.ready().error);
    assert_eq!(refused.connect(ip(B, 81)), Err(NetError::Refused));
    let nobody = world.a.tcp(false).unwrap();
    assert_eq!(nobody.connect(ip(Ipv4Addr::new(10, 0, 0, 77), 80)), Err(NetError::InProgress));
    world.until(100, || nobody.ready().error);
    assert_eq!(nobody.take_error(), Some(NetError::TimedOut));
    let odd = world.a.tcp(false).unwrap();
    assert_eq!(odd.connect(ip(Ipv4Addr::BROADCAST, 80)), Err(NetError::Unreachable));
    assert_eq!(odd.send(&mut |_| 0), Err(NetError::NotConnected));
}

#[test]
fn the_backlog_bounds_what_waits() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let clients: Vec<_> = (0..12).map(|_| world.connect(80)).collect();
    world.pass(SECOND / 2);
    let established = clients.iter().filter(|client| client.ready().send).count();
    assert!(established >= 6);
    // They came together and all found room; as many again may join as there was room for.
    let accept = || std::iter::from_fn(|| listener.accept().ok()).count();
    assert_eq!(accept(), 6);
    // Who comes when there is none has to repeat the SYN.
    let one_by_one = |_| {
        let client = world.connect(80);
        world.pass(SECOND / 100);
        client
    };
    let _more: Vec<_> = (0..6).map(one_by_one).collect();
    // The others' SYNs, or their acknowledgements, are repeated.
    let mut accepted = 6;
    world.until(20, || {
        let now = accept();
        assert!(now <= 6, "{now} waited");
        accepted += now;
        accepted == 18
    });
    assert!(world.b.statistics().dropped > 0);
}

#[test]
fn a_listener_that_goes_resets_who_waits() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let client = world.connect(80);
    world.until(5, || listener.ready().receive);
    drop(listener);
    world.until(5, || client.take_error() == Some(NetError::Reset));
    assert_eq!(world.b.statistics().connections, 0);
    let again = world.listen(80, 3);
    world.connection(&again);
}

#[test]
fn a_full_buffer_blocks_and_a_reader_frees_it() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let (client, server) = world.connection(&listener);
    let data = pattern(300_000);
    let mut sent = 0;
    world.pass(SECOND);
    while let Ok(len) = send(&client, &data[sent..]) {
        sent += len;
        world.pass(SECOND);
    }
    assert!(!client.ready().send);
    assert!(sent < 150_000, "{sent} bytes in two buffers");
    // A closed window for a long time, then all the rest.
    world.pass(100 * SECOND);
    let mut got = 0;
    world.until(100, || {
        got += receive(&server).map_or(0, |bytes| bytes.len());
        got == sent && client.ready().send
    });
    transfer(&world, &client, &server, &data);
}

#[test]
fn silence_ends_a_connection_that_is_owed_something() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let (client, server) = world.connection(&listener);
    world.pass(1000 * SECOND);
    assert!(client.ready().send, "idle connections stay");
    world.faults(Faults { lose: 255, ..Faults::default() });
    send(&client, b"x").unwrap();
    world.pass(200 * SECOND);
    assert_eq!(client.take_error(), None);
    world.pass(200 * SECOND);
    assert_eq!(client.take_error(), Some(NetError::TimedOut));
    server.set_keep_alive(Some(10));
    world.pass(40 * SECOND);
    assert_eq!(server.take_error(), Some(NetError::TimedOut));
}

#[test]
fn keep_alive_keeps_alive() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let (client, server) = world.connection(&listener);
    client.set_keep_alive(Some(10));
    let before = world.nic_a.sent.load(Ordering::Relaxed);
    world.pass(9 * SECOND);
    let at_once = world.nic_a.sent.load(Ordering::Relaxed) - before;
    assert_eq!(at_once, 0, "it has not been silent for long");
    world.pass(1000 * SECOND);
    let probes = world.nic_a.sent.load(Ordering::Relaxed) - before;
    assert!((50..400).contains(&probes), "{probes} probes");
    transfer(&world, &server, &client, b"still there");
}

#[test]
fn whoever_watches_is_told() {
    struct Count(AtomicUsize);
    impl Observer for Count {
        fn notify(&self, _: u64) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let world = World::new();
    let listener = world.listen(80, 3);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let watch: Arc<dyn Observer> = count.clone();
    let told = || count.0.swap(0, Ordering::Relaxed);
    listener.queue().observe(Arc::downgrade(&watch), 0);
    let (client, server) = world.connection(&listener);
    assert_eq!(told(), 1);
    server.queue().observe(Arc::downgrade(&watch), 1);
    // Each piece is told, even if the one before was not read: edge-triggered epoll needs it.
    for _ in 0..3 {
        send(&client, b"x").unwrap();
        world.pass(SECOND);
        assert_eq!(told(), 1);
    }
    drop(client);
    world.pass(SECOND);
    assert!(told() >= 1);
}

#[cfg(not(feature = "eager"))]
#[test]
fn small_pieces_make_one_packet() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let (client, server) = world.connection(&listener);
    client.set_no_delay(true);
    let before = world.nic_a.sent.load(Ordering::Relaxed);
    for _ in 0..100 {
        send(&client, b"0123456789").unwrap();
    }
    world.until(5, || server.available() == 1000);
    assert_eq!(world.nic_a.sent.load(Ordering::Relaxed) - before, 1);
}

#[test]
fn a_request_and_its_answer_are_two_packets() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let (client, server) = world.connection(&listener);
    let packets =
        || world.nic_a.sent.load(Ordering::Relaxed) + world.nic_b.sent.load(Ordering::Relaxed);
    world.pass(SECOND);
    let before = packets();
    for _ in 0..100 {
        send(&client, b"request").unwrap();
        world.a.poll();
        world.b.poll();
        assert_eq!(receive(&server).unwrap(), b"request");
        send(&server, b"answer").unwrap();
        world.b.poll();
        world.a.poll();
        assert_eq!(receive(&client).unwrap(), b"answer");
    }
    assert_eq!(packets() - before, 200, "acknowledgements go with the data");
}

#[test]
fn ports_belong_to_one_socket() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let other = world.b.tcp(false).unwrap();
    assert_eq!(other.bind(ip(Ipv4Addr::UNSPECIFIED, 80), true), Err(NetError::InUse));
    assert_eq!(other.bind(ip(B, 80), true), Err(NetError::InUse));
    assert_eq!(other.bind(ip(A, 81), true), Err(NetError::NotAvailable));
    assert_eq!(other.bind(ip(B, 0), true), Ok(()));
    assert_ne!(other.local().unwrap().port(), 0);
    assert_eq!(other.bind(ip(B, 90), true), Err(NetError::Invalid));
    let v6 = world.b.tcp(true).unwrap();
    assert_eq!(v6.bind(ip(B, 90), true), Err(NetError::Invalid));
    assert_eq!(v6.bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80)), true), Ok(()));
    // The port of a connection that is over but not forgotten: with SO_REUSEADDR only.
    let (client, server) = world.connection(&listener);
    drop((server, listener));
    world.until(5, || client.ready().receive_closed);
    drop(client);
    world.pass(SECOND);
    drop(v6);
    assert_eq!(world.b.statistics().time_wait, 1);
    let strict = world.b.tcp(false).unwrap();
    assert_eq!(strict.bind(ip(Ipv4Addr::UNSPECIFIED, 80), false), Err(NetError::InUse));
    assert_eq!(strict.bind(ip(Ipv4Addr::UNSPECIFIED, 80), true), Ok(()));
}

#[test]
fn ipv6_between_hosts_and_ipv4_at_a_socket_of_ipv6() {
    let world = World::new();
    let listener = world.b.tcp(true).unwrap();
    listener.bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80)), true).unwrap();
    listener.listen(5).unwrap();
    let v6 = world.b.local_addresses().into_iter().rev().find_map(|(address, _)| match address {
        std::net::IpAddr::V6(address) => Some(address),
        _ => None,
    });
    let client = world.a.tcp(true).unwrap();
    let to = SocketAddr::from((v6.unwrap(), 80));
    assert_eq!(client.connect(to), Err(NetError::InProgress));
    world.until(10, || listener.ready().receive && client.ready().send);
    let server = listener.accept().unwrap();
    transfer(&world, &client, &server, &pattern(50_000));
    transfer(&world, &server, &client, &pattern(50_000));
    let (client, server) = world.connection(&listener);
    let mapped = SocketAddr::from((A.to_ipv6_mapped(), client.local().unwrap().port()));
    assert_eq!(server.peer(), Some(mapped));
    // And with the device's help for IPv4 only.
    let world = World::with(Offload { send_checksum: true, receive_checksum: false });
    let listener = world.b.tcp(true).unwrap();
    listener.bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 80)), true).unwrap();
    listener.listen(5).unwrap();
    let client = world.a.tcp(true).unwrap();
    assert_eq!(client.connect(to), Err(NetError::InProgress));
    world.until(10, || listener.ready().receive && client.ready().send);
    let server = listener.accept().unwrap();
    transfer(&world, &client, &server, &pattern(50_000));
}

#[test]
fn the_loopback_needs_no_device() {
    let alone = unilith_inet::Net::new(None, unilith_inet::Addresses::default(), [5, 6]);
    let world = World { a: alone.clone(), b: alone, ..World::new() };
    for (v6, host) in [(false, "127.0.0.1"), (false, "127.1.2.3"), (true, "::1")] {
        let listener = world.b.tcp(v6).unwrap();
        let to = SocketAddr::new(host.parse().unwrap(), 80);
        listener.bind(to, true).unwrap();
        listener.listen(5).unwrap();
        let client = world.a.tcp(v6).unwrap();
        assert_eq!(client.connect(to), Err(NetError::InProgress));
        world.until(5, || client.ready().send && listener.ready().receive);
        let server = listener.accept().unwrap();
        transfer(&world, &client, &server, &pattern(1_000_000));
        transfer(&world, &server, &client, &pattern(1_000_000));
        let refused = world.a.tcp(v6).unwrap();
        let nobody = SocketAddr::new(to.ip(), 81);
        assert_eq!(refused.connect(nobody), Err(NetError::InProgress));
        world.until(5, || refused.take_error() == Some(NetError::Refused));
    }
    let lost = world.a.tcp(false).unwrap();
    assert_eq!(lost.connect(ip(B, 80)), Err(NetError::Unreachable));
}

#[test]
fn the_own_address_is_reached_without_the_device() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let client = world.b.tcp(false).unwrap();
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
    world.until(5, || listener.ready().receive);
    assert_eq!(listener.accept().unwrap().peer().unwrap().ip(), B);
    assert_eq!(world.nic_b.sent.load(Ordering::Relaxed), 0);
}

#[test]
fn a_full_device_loses_nothing() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let (client, server) = world.connection(&listener);
    let data = pattern(200_000);
    let (mut sent, mut got) = (0, Vec::new());
    world.until(60, || {
        world.nic_a.room.store(3, Ordering::Relaxed);
        sent += send(&client, &data[sent..]).unwrap_or(0);
        got.extend(receive(&server).unwrap_or_default());
        got.len() == data.len()
    });
    assert!(got == data);
}

#[test]
fn buffers_are_lent_without_a_lock() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let (client, server) = world.connection(&listener);
    client.set_no_delay(true);
    send(&client, b"first").unwrap();
    world.until(5, || server.available() == 5);
    // While one thread reads, segments arrive and another one looks.
    let mut seen = Vec::new();
    let len = server.receive(false, &mut |bytes| {
        send(&client, b"second").unwrap();
        world.a.poll();
        world.b.poll();
        assert_eq!(receive(&server), Err(NetError::WouldBlock));
        assert_eq!(send(&server, b"x"), Err(NetError::WouldBlock));
        seen.extend_from_slice(bytes);
        bytes.len()
    });
    assert_eq!((len, &seen[..]), (Ok(5), &b"first"[..]));
    assert_eq!(receive(&server).unwrap(), b"second");
}

#[test]
fn who_does_not_answer_a_call_is_not_asked_for_a_sign_of_life() {
    let world = World::new();
    let client = world.a.tcp(false).unwrap();
    client.set_keep_alive(Some(5));
    // Where it is is known: only the answer is missing.
    let refused = world.connect(81);
    world.until(5, || refused.ready().closed);
    world.faults(Faults { lose: 255, ..Faults::default() });
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
    let before = world.a.statistics().turns;
    world.pass(10 * SECOND);
    let turns = world.a.statistics().turns - before;
    assert!(turns < 20, "{turns} turns in ten seconds of silence");
}

#[test]
fn two_that_remember_a_connection_do_not_answer_each_other_for_ever() {
    let world = World::new();
    let listener = world.listen(80, 3);
    let (client, server) = world.connection(&listener);
    world.pass(SECOND);
    world.nic_b.take_log();
    client.shutdown(Shutdown::Send).unwrap();
    server.shutdown(Shutdown::Send).unwrap();
    world.pass(SECOND);
    assert_eq!(world.a.statistics().time_wait, 1);
    assert_eq!(world.b.statistics().time_wait, 1);
    let last = world.nic_b.take_log().pop().unwrap();
    let before = world.nic_a.sent.load(Ordering::Relaxed);
    // The wire doubles the last acknowledgement, or somebody makes one up.
    world.nic_a.inject(&last);
    for _ in 0..20 {
        world.a.poll();
        world.b.poll();
    }
    let answers = world.nic_a.sent.load(Ordering::Relaxed) - before;
    assert!(answers < 2, "{answers} answers");
}

#[test]
fn a_window_that_opens_unheard_is_asked_for() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let (client, server) = world.connection(&listener);
    let data = pattern(50_000);
    assert_eq!(send(&client, &data[..20_000]), Ok(20_000));
    world.pass(SECOND);
    // More than fits: what is left waits, and the application has nothing to add.
    assert_eq!(send(&client, &data[20_000..]), Ok(30_000));
    world.pass(SECOND / 10);
    world.faults(Faults { lose: 255, ..Faults::default() });
    let mut got = receive(&server).unwrap();
    world.b.poll();
    world.faults(Faults::default());
    world.until(10, || {
        got.extend(receive(&server).unwrap_or_default());
        got.len() == data.len()
    });
    assert!(got == data);
}

#[test]
fn an_option_that_is_set_while_buffers_are_lent_counts() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let (client, _server) = world.connection(&listener);
    let _ = client.send(&mut |room| {
        client.set_no_delay(true);
        room[0] = 1;
        1
    });
    world.a.poll();
    let before = world.nic_a.sent.load(Ordering::Relaxed);
    send(&client, b"second").unwrap();
    world.a.poll();
    assert_eq!(world.nic_a.sent.load(Ordering::Relaxed) - before, 1, "it waits for the first");
}

#[test]
fn an_acknowledgement_that_came_due_while_buffers_were_lent_is_sent() {
    const MS: u64 = SECOND / 1000;
    let world = World::new();
    let listener = world.listen(80, 5);
    let (client, server) = world.connection(&listener);
    world.pass(SECOND);
    let start = now();
    let both = |at: u64| {
        set_now(start + at);
        world.a.poll();
        world.b.poll();
    };
    send(&client, b"one").unwrap();
    both(0);
    assert_eq!(receive(&server).unwrap(), b"one");
    // This takes the acknowledgement along; the next one is delayed from the fourth on.
    send(&server, b"answer").unwrap();
    world.b.poll();
    both(MS);
    send(&client, b"two").unwrap();
    both(4 * MS);
    // The first would have been due.
    let taken = server.receive(false, &mut |bytes| {
        both(6 * MS);
        bytes.len()
    });
    assert_eq!(taken, Ok(3));
    both(7 * MS);
    let before = world.nic_b.sent.load(Ordering::Relaxed);
    both(20 * MS);
    assert_eq!(world.nic_b.sent.load(Ordering::Relaxed) - before, 1, "nobody acknowledges");
}

#[test]
fn a_call_that_nobody_waits_for_is_forgotten() {
    let world = World::new();
    let nobody = world.a.tcp(false).unwrap();
    assert_eq!(nobody.connect(ip(Ipv4Addr::new(10, 0, 0, 77), 80)), Err(NetError::InProgress));
    drop(nobody);
    world.pass(SECOND / 10);
    assert_eq!(world.a.statistics().connections, 0);
}

#[test]
fn keep_alive_does_not_shorten_a_call() {
    let world = World::new();
    let client = world.a.tcp(false).unwrap();
    client.set_keep_alive(Some(1));
    world.faults(Faults { lose: 255, ..Faults::default() });
    assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
    world.pass(10 * SECOND);
    assert_eq!(client.take_error(), None);
}

#[test]
fn a_port_that_is_used_again_needs_no_second_call() {
    let world = World::new();
    let listener = world.listen(80, 5);
    for turn in 0..12 {
        let client = world.a.tcp(false).unwrap();
        client.bind(ip(A, 4000), true).unwrap();
        assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
        world.pass(SECOND / 10);
        let server = listener.accept().unwrap_or_else(|_| panic!("call {turn} is not answered"));
        // The server remembers it: a new call has to be above the old one.
        drop(server);
        world.pass(SECOND / 10);
        drop(client);
        world.pass(SECOND / 10);
        assert_eq!(world.b.statistics().time_wait, 1);
    }
}

/// The sequence numbers of segments that were sent: of SYNs, or of others.
fn numbers(nic: &Nic, syns: bool) -> Vec<u32> {
    let log = nic.take_log();
    let tcp = log.iter().filter(|frame| frame[12..14] == [8, 0] && (frame[47] & 2 != 0) == syns);
    tcp.map(|frame| u32::from_be_bytes(frame[38..42].try_into().unwrap())).collect()
}

#[test]
fn a_connection_after_a_fast_one_starts_above_it() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let call = || {
        let client = world.a.tcp(false).unwrap();
        client.bind(ip(A, 4000), true).unwrap();
        assert_eq!(client.connect(ip(B, 80)), Err(NetError::InProgress));
        world.pass(SECOND / 1000);
        (client, listener.accept().unwrap())
    };
    let (client, server) = call();
    world.nic_b.take_log();
    // In no time.
    let (data, mut got) = (pattern(10_000), 0);
    while got < 1_000_000 {
        let _ = send(&server, &data);
        world.b.poll();
        world.a.poll();
        got += receive(&client).map_or(0, |bytes| bytes.len());
    }
    drop(server);
    while receive(&client) != Ok(vec![]) {
        world.b.poll();
        world.a.poll();
    }
    drop(client);
    world.pass(SECOND / 1000);
    assert_eq!(world.b.statistics().time_wait, 1);
    let last = *numbers(&world.nic_b, false).last().unwrap();
    let (_client, _server) = call();
    let [first] = numbers(&world.nic_b, true)[..] else { panic!("answered more than once") };
    assert!(unilith_tcp::seq::before(last, first), "{last} {first}: RFC 9293, 3.6.1");
}
