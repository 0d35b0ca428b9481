//! The network device (VIRTIO 1.2, section 5.1), as a [`Device`](unilith_net_api::Device).
//!
//! Frames are received into buffers that the device gets back at once, and sent from buffers that
//! come back when they are needed again: nothing is allocated for a frame, and nothing of it is
//! copied but by its producer and its consumer. Interrupts are off unless somebody is about to
//! wait ([`arm`](unilith_net_api::Device::arm)), and notifications go out in batches.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod header;
mod net;
mod receive;
mod transmit;

pub use net::Net;

use alloc::vec::Vec;
use unilith_net_api::Device;
use unilith_sync::Once;
use unilith_virtio::{device_type, probe, refuse};

static DEVICES: Once<Vec<Net>> = Once::new();

/// The network devices of this machine; the first call finds and starts them.
pub fn devices() -> &'static [Net] {
    let start = || {
        let mut devices = Vec::new();
        for transport in probe(device_type::NET) {
            match Net::new(transport) {
                Ok(net) => devices.push(net),
                Err(error) => refuse("net", error),
            }
        }
        devices
    };
    DEVICES.get_or_init(start).map_or(&[], Vec::as_slice)
}

/// The first network device of this machine.
pub fn first() -> Option<&'static dyn Device> {
    devices().first().map(|net| net as &dyn Device)
}
