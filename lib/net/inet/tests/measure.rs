//! Not judged, only measured: `valgrind --tool=callgrind` over these tells the instructions of an
//! echo and of a connection. Run them by name with `--ignored`; ROUNDS says how many.

mod fake;

use fake::*;
use unilith_net_api::{Offload, Shutdown};

fn rounds() -> usize {
    std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1000)
}

#[test]
#[ignore = "a measurement"]
fn echoes() {
    let world = World::with(Offload { send_checksum: true, receive_checksum: true });
    let listener = world.listen(80, 8);
    let (client, server) = world.connection(&listener);
    for _ in 0..rounds() {
        send(&client, &[1; 64]).unwrap();
        world.a.poll();
        world.b.poll();
        receive(&server).unwrap();
        send(&server, &[2; 64]).unwrap();
        world.b.poll();
        world.a.poll();
        receive(&client).unwrap();
        set_now(now() + 50_000);
    }
}

#[test]
#[ignore = "a measurement"]
fn connections() {
    let world = World::with(Offload { send_checksum: true, receive_checksum: true });
    let listener = world.listen(80, 8);
    for _ in 0..rounds() {
        let client = world.connect(80);
        world.a.poll();
        while !listener.ready().receive {
            world.b.poll();
            world.a.poll();
            set_now(now() + 1_000_000);
        }
        let server = listener.accept().unwrap();
        send(&client, &[1; 64]).unwrap();
        world.a.poll();
        world.b.poll();
        receive(&server).unwrap();
        send(&server, &[2; 64]).unwrap();
        server.shutdown(Shutdown::Both).unwrap();
        drop(server);
        for _ in 0..3 {
            world.b.poll();
            world.a.poll();
        }
        receive(&client).unwrap();
        drop(client);
        for _ in 0..3 {
            world.a.poll();
            world.b.poll();
        }
        set_now(now() + 100_000);
    }
}
