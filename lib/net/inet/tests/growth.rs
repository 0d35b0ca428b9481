//! Twenty thousand connections leave nothing behind. A file of its own: it counts the bytes that
//! the process has allocated.

mod fake;

use fake::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use unilith_net_api::{Shutdown, Socket};

static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One connection with a request and an answer, closed by `server_first`'s side first.
fn serve(world: &World, listener: &Arc<dyn Socket>, server_first: bool) {
    let (client, server) = world.connection(listener);
    send(&client, b"GET").unwrap();
    world.until(5, || server.ready().receive);
    assert_eq!(receive(&server).unwrap(), b"GET");
    send(&server, b"200").unwrap();
    let (first, second) = if server_first { (&server, &client) } else { (&client, &server) };
    world.until(5, || client.ready().receive);
    assert_eq!(receive(&client).unwrap(), b"200");
    first.shutdown(Shutdown::Both).unwrap();
    world.until(5, || second.ready().receive_closed);
    drop((client, server));
    world.until(5, || world.a.statistics().connections + world.b.statistics().connections == 0);
}

#[test]
fn twenty_thousand_connections_one_after_another() {
    let world = World::new();
    let listener = world.listen(80, 16);
    let (mut work, mut memory) = (Vec::with_capacity(20), Vec::with_capacity(20));
    for round in 0..20 {
        let before = (world.a.statistics(), world.b.statistics());
        for index in 0..1000 {
            serve(&world, &listener, index % 2 == 0);
        }
        let after = (world.a.statistics(), world.b.statistics());
        work.push((
            after.0.turns - before.0.turns + after.1.turns - before.1.turns,
            after.0.received + after.1.received - before.0.received - before.1.received,
        ));
        memory.push(LIVE.load(Ordering::Relaxed));
        for statistics in [after.0, after.1] {
            assert_eq!((statistics.connections, statistics.half_open), (0, 0));
            assert!(statistics.time_wait <= 2048, "round {round}: {statistics:?}");
            assert_eq!(statistics.buffers, 0, "round {round}: {statistics:?}");
        }
    }
    let (first, last) = (work[1], work[19]);
    assert!(last.0 <= first.0 * 11 / 10 && last.1 <= first.1 * 11 / 10, "{work:?}");
    // The table of TIME-WAIT is full after a few rounds; then nothing grows.
    assert!(memory[19] <= memory[5] + 4096, "{memory:?} bytes");
}
