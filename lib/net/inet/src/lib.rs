//! The network stack of an image: TCP of our own (`unilith_tcp`), and smoltcp for UDP, ICMP, DHCP
//! and for answering who looks for this host.
//!
//! Connections are found in a hash table. One is looked at when a segment arrived for it, when the
//! application used it or when one of its timers is due; nothing is done per connection that is
//! idle. What is left to smoltcp is shown to it frame by frame (`port`).
//!
//! - A half-open connection is what its SYN said, not a control block (`half`); one in TIME-WAIT
//!   is a few numbers (`timewait`). Both tables are bounded.
//! - Buffers take memory as they are used (`buffers`).
//! - Where the next host is, a connection learns from the frame that opened it, or by asking
//!   (`neighbours`).
//! - Initial sequence numbers come from a hash under a secret key and the clock; none tells of
//!   another flow's.
//! - What an application sends waits until it waits, unless it is a full segment (`eager`).
//! - Received fragments of IP are dropped; datagrams that do not fit a frame are refused.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod buffers;
mod close;
mod config;
mod conn;
mod connect;
mod flow;
mod half;
mod hash;
mod links;
mod listen;
mod neighbours;
mod net;
mod packet;
mod parse;
mod port;
mod ports;
mod slab;
mod state;
mod tcp;
mod timewait;
mod udp;
mod udp_socket;

pub use config::Addresses;
pub use net::Net;
pub use state::Statistics;

use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;
use unilith_net_api::{Datagram, Device, Result, Socket, Stack};
use unilith_platform::{cycles, entropy, monotonic_ns};
use unilith_sched_api::Poller;
use unilith_sync::Once;

/// Half-open connections that are remembered.
const HALF_OPEN: usize = unilith_config::number(option_env!("CONFIG_NET_TCP_HALF_OPEN"), 1024);

/// Connections in TIME-WAIT that are remembered.
const TIME_WAIT: usize = unilith_config::number(option_env!("CONFIG_NET_TCP_TIME_WAIT"), 2048);

static NET: Once<Arc<Net>> = Once::new();

/// The stack of this image.
pub struct Inet;

/// Has the scheduler look after the stack.
pub const POLLER: Poller = Poller { run, arm };

fn run() {
    if let Some(net) = NET.get() {
        net.poll();
    }
}

fn arm() -> u64 {
    NET.get().map_or(net::IDLE, |net| net.arm())
}

/// Sixteen bytes that nobody can guess, as far as this machine has such.
fn secret() -> [u64; 2] {
    let mut bytes = [0; 16];
    if !entropy(&mut bytes) {
        unilith_log::warn!("network: no source of entropy, sequence numbers can be guessed");
        let [a, b] = [cycles(), monotonic_ns()];
        return [a, a.rotate_left(32) ^ b];
    }
    let (low, high) = bytes.split_at(8);
    let word = |half: &[u8]| half.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    [word(low), word(high)]
}

fn options() -> Addresses {
    Addresses::from_options(|name| unilith_cmdline::option(name).map(|word| word.to_string()))
}

/// Finds a driver's first device.
pub type Find = fn() -> Option<&'static dyn Device>;

/// Starts the stack over the first device that the image's drivers find, or with the loopback only.
/// Called once, by the composition root; the boot does not wait for a lease.
pub fn start(drivers: &[Find]) {
    let device = drivers.iter().find_map(|find| find());
    let device = device.map(|device| Arc::new(device) as Arc<dyn Device>);
    if NET.set(Net::new(device, options(), secret())).is_err() {
        unilith_log::warn!("network: the stack was started already");
    }
}

/// The stack; with the loopback only if nobody started it.
fn net() -> Result<&'static Arc<Net>> {
    let loopback = || Net::new(None, Addresses::default(), secret());
    NET.get_or_init(loopback).ok_or(unilith_net_api::NetError::NoMemory)
}

/// Servers that resolve names, for /etc/resolv.conf: from the command line, or from DHCP as soon
/// as there is a lease.
pub fn dns_servers() -> Vec<IpAddr> {
    NET.get().map(|net| net.dns_servers()).unwrap_or_default()
}

impl Stack for Inet {
    fn tcp(v6: bool) -> Result<Arc<dyn Socket>> {
        net()?.tcp(v6)
    }

    fn udp(v6: bool) -> Result<Arc<dyn Datagram>> {
        net()?.udp(v6)
    }

    fn local_addresses() -> Vec<(IpAddr, u8)> {
        net().map(|net| net.local_addresses()).unwrap_or_default()
    }
}
