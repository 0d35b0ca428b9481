//! What happens when the heap gives out no large blocks.

mod fake;

use fake::*;
use std::net::Ipv4Addr;
use unilith_net_api::NetError;
use unilith_scarce::{Heap, scarce};

#[global_allocator]
static HEAP: Heap = Heap::up_to(4095);

#[test]
fn a_large_packet_of_the_loopback_waits_for_memory() {
    let world = World::new();
    let listener = world.listen(80, 5);
    let client = world.b.tcp(false).unwrap();
    assert_eq!(client.connect(ip(Ipv4Addr::LOCALHOST, 80)), Err(NetError::InProgress));
    world.b.poll();
    let server = listener.accept().unwrap();
    client.set_no_delay(true);
    // Small packets fill the window, then what is written waits.
    let data = pattern(200_000);
    let (mut sent, mut got) = (0, Vec::with_capacity(data.len()));
    while let Ok(len) = send(&client, &data[sent..sent + 1000]) {
        sent += len;
        world.b.poll();
    }
    assert!(sent > 50_000, "{sent}");
    let read = |got: &mut Vec<u8>| {
        server.receive(false, &mut |bytes| {
            got.extend_from_slice(bytes);
            bytes.len()
        })
    };
    // The window opens, and there is no memory for a large packet.
    scarce(|| {
        read(&mut got).unwrap();
        (0..5).for_each(|_| world.b.poll());
        assert_eq!(read(&mut got), Err(NetError::WouldBlock));
    });
    while got.len() < sent {
        set_now(now() + SECOND / 1000);
        world.b.poll();
        let _ = read(&mut got);
    }
    assert!(got == data[..sent]);
}

/// B does what it has to do, without large blocks.
fn poll_scarce(world: &World) {
    scarce(|| world.b.poll());
}

#[test]
fn a_flood_of_syns_makes_do_with_what_there_is() {
    let world = World::new();
    let _listener = world.listen(80, 16);
    for index in 0..2000_u32 {
        let [_, _, c, d] = index.to_be_bytes();
        world.nic_b.inject(&syn([10, 9, c, d], 1024, index));
        // There is enough for the first ones.
        if index < 500 {
            world.b.poll()
        } else {
            poll_scarce(&world)
        }
        while world.nic_a.receive_and_drop() {}
    }
    assert!((400..1024).contains(&world.b.statistics().half_open), "{:?}", world.b.statistics());
    // All are answered again.
    set_now(now() + SECOND);
    poll_scarce(&world);
}

#[test]
fn connections_make_do_with_what_there_is() {
    let world = World::new();
    let listener = world.listen(80, 500);
    let clients: Vec<_> = (0..400)
        .map(|_| {
            let client = world.connect(80);
            for _ in 0..3 {
                world.a.poll();
                poll_scarce(&world);
            }
            client
        })
        .collect();
    let served: Vec<_> = std::iter::from_fn(|| listener.accept().ok()).collect();
    assert!((16..400).contains(&served.len()), "{}", served.len());
    // They all end on this side, and are remembered.
    for server in served {
        drop(server);
        poll_scarce(&world);
        world.a.poll();
    }
    for client in clients {
        drop(client);
        world.a.poll();
        poll_scarce(&world);
    }
    for _ in 0..100 {
        set_now(now() + SECOND / 100);
        // Those for which there was no room have come meanwhile.
        while listener.accept().is_ok() {}
        world.a.poll();
        poll_scarce(&world);
    }
    let statistics = world.b.statistics();
    assert_eq!(statistics.connections, 0);
    assert!(statistics.time_wait >= 16, "{statistics:?}");
}
