//! What happens when the heap gives out no large blocks.

mod fake;

use fake::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::Ipv4Addr;
use unilith_net_api::NetError;

struct Heap;

thread_local! {
    static SCARCE: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: as the system's, but for what it refuses.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= 4096 && SCARCE.get() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

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
    SCARCE.set(true);
    read(&mut got).unwrap();
    (0..5).for_each(|_| world.b.poll());
    assert_eq!(read(&mut got), Err(NetError::WouldBlock));
    SCARCE.set(false);
    while got.len() < sent {
        set_now(now() + SECOND / 1000);
        world.b.poll();
        let _ = read(&mut got);
    }
    assert!(got == data[..sent]);
}
