//! The modern interface (VIRTIO 1.2, section 4.1).

use crate::config::Function;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};
use unilith_virtio::{Error, Mapped, QueueAddresses, Registers, Transport};

/// Number of the vendor's own capabilities, which say where the registers are.
const VENDOR_SPECIFIC: u8 = 0x09;
const VIRTIO_PCI_CAP_COMMON_CFG: u8 = 1;
const VIRTIO_PCI_CAP_NOTIFY_CFG: u8 = 2;
const VIRTIO_PCI_CAP_DEVICE_CFG: u8 = 4;

// The common configuration (section 4.1.4.3).
const DEVICE_FEATURE_SELECT: usize = 0x00;
const DEVICE_FEATURE: usize = 0x04;
const DRIVER_FEATURE_SELECT: usize = 0x08;
const DRIVER_FEATURE: usize = 0x0c;
const CONFIG_MSIX_VECTOR: usize = 0x10;
const NUM_QUEUES: usize = 0x12;
const DEVICE_STATUS: usize = 0x14;
const CONFIG_GENERATION: usize = 0x15;
const QUEUE_SELECT: usize = 0x16;
const QUEUE_SIZE: usize = 0x18;
const QUEUE_MSIX_VECTOR: usize = 0x1a;
const QUEUE_ENABLE: usize = 0x1c;
const QUEUE_NOTIFY_OFF: usize = 0x1e;
const QUEUE_DESC: usize = 0x20;
const QUEUE_DRIVER: usize = 0x28;
const QUEUE_DEVICE: usize = 0x30;
const COMMON_SIZE: usize = 0x38;

const VIRTIO_MSI_NO_VECTOR: u16 = 0xffff;
/// The vector of all queues.
const VECTOR: u16 = 0;

/// Registers of one kind are not larger than this; a device that says so is not believed.
const MOST_REGISTERS: usize = 1 << 20;
/// Queues that drivers use.
const MOST_QUEUES: usize = 8;

/// A device, by its registers.
pub(crate) struct Modern {
    function: Function,
    device_type: u32,
    common: Mapped,
    notify: Mapped,
    /// Not every device has a configuration of its own.
    device: Option<Mapped>,
    multiplier: u32,
    /// By queue: where in `notify` it is notified.
    places: Vec<AtomicU32>,
}

impl Modern {
    /// The device at `function`, which is of type `device_type`.
    ///
    /// # Errors
    /// `Legacy` without the modern interface; `Unassigned` if its registers have no address.
    pub(crate) fn new(function: Function, device_type: u32) -> Result<Self, Error> {
        let [mut common, mut notify, mut device] = [None; 3];
        for (at, number) in function.capabilities() {
            if number != VENDOR_SPECIFIC {
                continue;
            }
            let place = match function.read8(at.saturating_add(3)) {
                VIRTIO_PCI_CAP_COMMON_CFG => &mut common,
                VIRTIO_PCI_CAP_NOTIFY_CFG => &mut notify,
                VIRTIO_PCI_CAP_DEVICE_CFG => &mut device,
                _ => continue,
            };
            // The first of several is the one that the device prefers.
            place.get_or_insert(at);
        }
        let (Some(common), Some(notify)) = (common, notify) else { return Err(Error::Legacy) };
        function.enable();
        let multiplier = function.read(notify.saturating_add(16));
        let (common, notify) = (region(function, common)?, region(function, notify)?);
        let device = device.map(|at| region(function, at)).transpose()?;
        // A device that has left the bus reads as all ones.
        if common.size() < COMMON_SIZE || common.read32(DEVICE_FEATURE_SELECT) == u32::MAX {
            return Err(Error::Broken);
        }
        let queues = usize::from(common.read16(NUM_QUEUES)).min(MOST_QUEUES);
        let places = (0..queues).map(|_| AtomicU32::new(0)).collect();
        Ok(Self { function, device_type, common, notify, device, multiplier, places })
    }
}

/// The registers that the capability at `at` names.
fn region(function: Function, at: u8) -> Result<Mapped, Error> {
    let bar = function.read8(at.saturating_add(4));
    let offset = function.read(at.saturating_add(8));
    let len = function.read(at.saturating_add(12)) as usize;
    map(function, bar, offset, len.min(MOST_REGISTERS))
}

/// `len` bytes of registers behind a base address register.
pub(crate) fn map(function: Function, bar: u8, offset: u32, len: usize) -> Result<Mapped, Error> {
    let base = function.memory(bar).ok_or(Error::Unassigned)?;
    let address = base.checked_add(offset.into()).ok_or(Error::Broken)?;
    // SAFETY: the firmware has assigned this address to the device's registers; the platform
    // refuses what is memory.
    unsafe { Mapped::new(address, len) }.ok_or(Error::Unassigned)
}

impl Transport for Modern {
    fn device_type(&self) -> u32 {
        self.device_type
    }

    fn features(&self) -> u64 {
        let half = |select| {
            self.common.write32(DEVICE_FEATURE_SELECT, select);
            u64::from(self.common.read32(DEVICE_FEATURE))
        };
        half(0) | half(1) << 32
    }

    fn accept(&self, features: u64) {
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.common.write32(DRIVER_FEATURE_SELECT, select);
            self.common.write32(DRIVER_FEATURE, half);
        }
    }

    fn status(&self) -> u8 {
        self.common.read8(DEVICE_STATUS)
    }

    fn set_status(&self, status: u8) {
        self.common.write8(DEVICE_STATUS, status);
    }

    fn connect(&self) -> Result<(), Error> {
        crate::msix::enable(self.function)?;
        // Nobody waits for changes of the configuration.
        self.common.write16(CONFIG_MSIX_VECTOR, VIRTIO_MSI_NO_VECTOR);
        Ok(())
    }

    fn queue_limit(&self, queue: u16) -> u16 {
        if usize::from(queue) >= self.places.len() {
            return 0;
        }
        self.common.write16(QUEUE_SELECT, queue);
        self.common.read16(QUEUE_SIZE)
    }

    unsafe fn start_queue(
        &self,
        queue: u16,
        size: u16,
        addresses: QueueAddresses,
    ) -> Result<(), Error> {
        let place = self.places.get(usize::from(queue)).ok_or(Error::NoQueue)?;
        self.common.write16(QUEUE_SELECT, queue);
        if self.common.read16(QUEUE_ENABLE) != 0 {
            return Err(Error::Broken);
        }
        let offset = u32::from(self.common.read16(QUEUE_NOTIFY_OFF));
        place.store(offset.saturating_mul(self.multiplier), Ordering::Relaxed);
        self.common.write16(QUEUE_SIZE, size);
        self.common.write64(QUEUE_DESC, addresses.descriptors);
        self.common.write64(QUEUE_DRIVER, addresses.available);
        self.common.write64(QUEUE_DEVICE, addresses.used);
        self.common.write16(QUEUE_MSIX_VECTOR, VECTOR);
        if self.common.read16(QUEUE_MSIX_VECTOR) != VECTOR {
            return Err(Error::NoInterrupt);
        }
        self.common.write16(QUEUE_ENABLE, 1);
        match self.common.read16(QUEUE_ENABLE) {
            1 => Ok(()),
            _ => Err(Error::Broken),
        }
    }

    fn notify(&self, queue: u16) {
        if let Some(place) = self.places.get(usize::from(queue)) {
            self.notify.write16(place.load(Ordering::Relaxed) as usize, queue);
        }
    }

    fn acknowledge(&self) {
        // Every message is an interrupt of its own (section 4.1.4.5).
    }

    fn config_generation(&self) -> u32 {
        self.common.read8(CONFIG_GENERATION).into()
    }

    fn config8(&self, offset: usize) -> u8 {
        self.device.as_ref().map_or(u8::MAX, |device| device.read8(offset))
    }

    fn config16(&self, offset: usize) -> u16 {
        self.device.as_ref().map_or(u16::MAX, |device| device.read16(offset))
    }

    fn config32(&self, offset: usize) -> u32 {
        self.device.as_ref().map_or(u32::MAX, |device| device.read32(offset))
    }
}
