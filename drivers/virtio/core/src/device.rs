//! A device on its way to being used (VIRTIO 1.2, section 3.1).

use crate::transport::{Transport, feature, status};
use crate::{Error, Queue};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// How often a device is asked whether it has been reset.
const RESET_PATIENCE: usize = 100_000;
/// How often a configuration field that keeps changing is read.
const CONFIG_PATIENCE: usize = 16;

/// A device whose features have been agreed on. Cloning names the same device.
#[derive(Clone)]
pub struct Device {
    transport: Arc<dyn Transport>,
    features: u64,
}

impl Device {
    /// Resets the device and accepts those of its features that are in `wanted`, and those of
    /// the queues. What comes next: [`queue`](Self::queue), then [`ready`](Self::ready).
    ///
    /// # Errors
    /// The device does not follow version 1, does not reset, refuses, or cannot interrupt.
    pub fn start(transport: Box<dyn Transport>, wanted: u64) -> Result<Self, Error> {
        let transport: Arc<dyn Transport> = transport.into();
        if !reset(&*transport) {
            return Err(Error::Broken);
        }
        transport.set_status(status::ACKNOWLEDGE);
        transport.set_status(status::ACKNOWLEDGE | status::DRIVER);
        let ours = feature::VERSION_1 | feature::ACCESS_PLATFORM | feature::EVENT_IDX;
        let features = transport.features() & (wanted | ours);
        let device = Self { transport, features };
        device.negotiate().inspect_err(|_| device.give_up())?;
        Ok(device)
    }

    fn negotiate(&self) -> Result<(), Error> {
        if !self.has(feature::VERSION_1) {
            return Err(Error::Unsupported);
        }
        self.transport.accept(self.features);
        let agreed = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK;
        self.transport.set_status(agreed);
        if self.transport.status() & status::FEATURES_OK == 0 {
            return Err(Error::Unsupported);
        }
        self.transport.connect()
    }

    /// Whether all of these features were agreed on.
    pub fn has(&self, features: u64) -> bool {
        self.features & features == features
    }

    /// Sets a queue up, with at most `size` descriptors.
    ///
    /// # Errors
    /// There is no such queue, no memory, or the device refuses.
    pub fn queue(&self, index: u16, size: u16) -> Result<Queue, Error> {
        Queue::new(self.transport.clone(), index, size, self.has(feature::EVENT_IDX))
    }

    /// Everything is set up: the device may start.
    pub fn ready(&self) {
        self.transport.set_status(self.transport.status() | status::DRIVER_OK);
    }

    /// Tells the device that there will be no driver for it.
    pub fn give_up(&self) {
        self.transport.set_status(self.transport.status() | status::FAILED);
    }

    /// Whether the device says that it has given up.
    pub fn needs_reset(&self) -> bool {
        self.transport.status() & status::DEVICE_NEEDS_RESET != 0
    }

    /// Tells the device that its interrupt was seen.
    pub fn acknowledge(&self) {
        self.transport.acknowledge();
    }

    /// Reads 8 bits of the configuration space.
    pub fn config8(&self, offset: usize) -> u8 {
        self.transport.config8(offset)
    }

    /// Reads 16 bits of the configuration space.
    pub fn config16(&self, offset: usize) -> u16 {
        self.transport.config16(offset)
    }

    /// Reads 32 bits of the configuration space.
    pub fn config32(&self, offset: usize) -> u32 {
        self.transport.config32(offset)
    }

    /// Reads what is larger than one access can read: again, until it has not changed meanwhile.
    ///
    /// # Errors
    /// It never stops changing.
    pub fn config<T>(&self, read: impl Fn(&Self) -> T) -> Result<T, Error> {
        for _ in 0..CONFIG_PATIENCE {
            let before = self.transport.config_generation();
            let value = read(self);
            if self.transport.config_generation() == before {
                return Ok(value);
            }
        }
        Err(Error::Broken)
    }

    /// Reads 64 bits of the configuration space.
    ///
    /// # Errors
    /// They never stop changing.
    pub fn config64(&self, offset: usize) -> Result<u64, Error> {
        self.config(|d| u64::from(d.config32(offset)) | u64::from(d.config32(offset + 4)) << 32)
    }
}

/// Resets a device; false if it does not say so within bounds. Afterwards it uses no memory.
pub(crate) fn reset(transport: &dyn Transport) -> bool {
    transport.set_status(0);
    (0..RESET_PATIENCE).any(|_| {
        core::hint::spin_loop();
        transport.status() == 0
    })
}
