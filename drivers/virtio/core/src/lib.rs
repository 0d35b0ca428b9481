//! VIRTIO 1.x for drivers (OASIS, *Virtual I/O Device Version 1.2*): modern devices, split
//! virtqueues.
//!
//! A device is not trusted. What it writes to shared memory is checked against what the driver
//! remembers elsewhere; one that breaks the rules yields [`Error::Broken`], and stays unused.
//!
//! All `unsafe` code of the drivers is here and in the transports: a driver has
//! [`DmaBuffer`]s, gives them to a [`Queue`] and gets them back, so that it cannot touch what the
//! device uses. Drivers whose users wait for each answer use [`Requests`].
#![no_std]

extern crate alloc;

use core::fmt;

mod barrier;
mod device;
mod memory;
mod queue;
mod registers;
mod requests;
mod ring;
mod transport;

pub use device::Device;
pub use memory::DmaBuffer;
pub use queue::{Completion, Queue, Rejected};
pub use registers::{Mapped, Registers};
pub use requests::{Layout, Requests};
pub use transport::{Find, QueueAddresses, Transport, device_type, feature, probe, status};

/// Why a device cannot be used, or an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The device broke the rules of the specification.
    Broken,
    /// The device needs something that is not implemented here, or the other way round.
    Unsupported,
    /// The device has no such queue.
    NoQueue,
    /// No memory for rings or buffers.
    NoMemory,
    /// The queue has no free descriptors.
    Full,
    /// What the caller asked for makes no sense.
    Invalid,
    /// The firmware has given the device no address for its registers, or one out of reach.
    Unassigned,
    /// The machine has no interrupt for the device.
    NoInterrupt,
    /// The device did not answer in time.
    TimedOut,
    /// The device knows only the interface from before version 1.
    Legacy,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "it breaks the rules of VIRTIO",
            Self::Unsupported => "it needs features that this image does not have, or lacks some",
            Self::NoQueue => "a virtqueue is missing",
            Self::NoMemory => "no memory for its buffers",
            Self::Full => "its queue is full",
            Self::Invalid => "invalid request",
            Self::Unassigned => "its registers have no address",
            Self::NoInterrupt => "it has no interrupt",
            Self::TimedOut => "it does not answer",
            Self::Legacy => "it is a legacy device (QEMU: virtio-mmio.force-legacy=false)",
        })
    }
}

/// Tells the log that a device stays unused: `which` kind it is, and why.
pub fn refuse(which: &str, error: Error) {
    #[cfg(feature = "log")]
    unilith_log::warn!("virtio {}: {}", which, error);
    let _ = (which, error);
}
