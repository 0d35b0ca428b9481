//! A UDP service right on the network device: no stack, no sockets, no scheduler. It sends every
//! datagram to port 7 back (RFC 862).
#![no_std]
#![forbid(unsafe_code)]

mod answer;

use unilith_net_api::Device;
use unilith_print::eprintln;

/// Frames between two flushes, at most: answers should not wait for each other for long.
const BATCH: usize = 32;

/// Called once the image has booted.
pub fn main() -> i32 {
    let Some(net) = unilith_virtio_net::first() else {
        eprintln!("udp-echo: there is no network device");
        return 1;
    };
    serve(net)
}

/// Answers what comes, and halts while nothing does.
fn serve(net: &dyn Device) -> ! {
    loop {
        let any = (0..BATCH).take_while(|_| receive(net)).count() > 0;
        net.flush();
        if !any && !net.arm() {
            unilith_platform::idle(u64::MAX);
        }
    }
}

fn receive(net: &dyn Device) -> bool {
    net.receive(&mut |received| {
        if let Some(len) = answer::answer(received.frame, net.address())
            && let Some(reply) = received.frame.get(..len)
        {
            // Without room it is lost, as datagrams may be.
            net.send(len, None, &mut |frame| frame.copy_from_slice(reply));
        }
    })
}
