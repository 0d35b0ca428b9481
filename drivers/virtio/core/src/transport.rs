//! What a driver sees of the way that its device is attached.

use crate::Error;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Device types (VIRTIO 1.2, section 5).
pub mod device_type {
    /// Network device.
    pub const NET: u32 = 1;
    /// Block device.
    pub const BLOCK: u32 = 2;
    /// Entropy source.
    pub const ENTROPY: u32 = 4;
    /// 9P transport.
    pub const P9: u32 = 9;
}

/// Bits of the device status (VIRTIO 1.2, section 2.1).
pub mod status {
    /// The device has been found.
    pub const ACKNOWLEDGE: u8 = 1;
    /// There is a driver for it.
    pub const DRIVER: u8 = 2;
    /// The driver is set up.
    pub const DRIVER_OK: u8 = 4;
    /// The device agrees to the features that were accepted.
    pub const FEATURES_OK: u8 = 8;
    /// The device has given up: only a reset helps.
    pub const DEVICE_NEEDS_RESET: u8 = 64;
    /// The driver has given up.
    pub const FAILED: u8 = 128;
}

/// Feature bits that belong to no device type (VIRTIO 1.2, section 6).
pub mod feature {
    /// `used_event` and `avail_event` say when to interrupt and to notify.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// The device follows version 1 of the specification.
    pub const VERSION_1: u64 = 1 << 32;
    /// Addresses given to the device are those that the platform says.
    pub const ACCESS_PLATFORM: u64 = 1 << 33;
}

/// Where the three parts of a virtqueue are, by the device's addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueAddresses {
    /// The descriptor table.
    pub descriptors: u64,
    /// The available ring.
    pub available: u64,
    /// The used ring.
    pub used: u64,
}

/// The way a device is attached. Drivers use [`Device`](crate::Device), which keeps the order of
/// the specification.
pub trait Transport: Send + Sync {
    /// What kind of device this is: see [`device_type`].
    fn device_type(&self) -> u32;

    /// The features that the device offers.
    fn features(&self) -> u64;

    /// Tells the device which features the driver uses.
    fn accept(&self, features: u64);

    /// The device status: see [`status`].
    fn status(&self) -> u8;

    /// Writes the device status; 0 resets the device.
    fn set_status(&self, status: u8);

    /// Has the device's interrupts end halts.
    ///
    /// # Errors
    /// The machine has no interrupt for it.
    fn connect(&self) -> Result<(), Error>;

    /// How many descriptors queue `queue` may have; 0 if there is no such queue.
    fn queue_limit(&self, queue: u16) -> u16;

    /// Sets queue `queue` up, with `size` descriptors.
    ///
    /// # Errors
    /// The device refuses.
    ///
    /// # Safety
    /// The rings, and whatever the available ring names, are memory for the device's use until
    /// it is reset.
    unsafe fn start_queue(
        &self,
        queue: u16,
        size: u16,
        addresses: QueueAddresses,
    ) -> Result<(), Error>;

    /// Tells the device that queue `queue` has something new.
    fn notify(&self, queue: u16);

    /// Tells the device that its interrupt was seen, so that the next one is an interrupt again.
    fn acknowledge(&self);

    /// Changes whenever the configuration space has changed.
    fn config_generation(&self) -> u32;

    /// Reads 8 bits of the device's configuration space.
    fn config8(&self, offset: usize) -> u8;

    /// Reads 16 bits of the device's configuration space.
    fn config16(&self, offset: usize) -> u16;

    /// Reads 32 bits of the device's configuration space.
    fn config32(&self, offset: usize) -> u32;
}

/// Shows the devices of one type that are attached in one way.
pub type Find = fn(device_type: u32, found: &mut dyn FnMut(Box<dyn Transport>));

/// Lists the transports of this image. Said once, in the composition root.
#[macro_export]
macro_rules! bind {
    ([$($find:expr),* $(,)?]) => {
        const _: () = {
            #[unsafe(no_mangle)]
            fn __unilith_virtio_transports() -> &'static [$crate::Find] {
                &[$($find),*]
            }
        };
    };
}

// SAFETY: the only definition of this symbol is made by `bind!`, with this signature.
unsafe extern "Rust" {
    safe fn __unilith_virtio_transports() -> &'static [Find];
}

/// Every device of a type, on all transports of this image.
pub fn probe(device_type: u32) -> Vec<Box<dyn Transport>> {
    let mut found = Vec::new();
    for find in __unilith_virtio_transports() {
        find(device_type, &mut |transport| found.push(transport));
    }
    found
}
