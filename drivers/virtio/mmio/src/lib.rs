//! Devices in memory (VIRTIO 1.2, section 4.2: virtio over MMIO, version 2).
#![no_std]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;
use unilith_bus::{Interrupt, MmioSlot};
use unilith_sync::Once;
use unilith_virtio::{Error, Mapped, QueueAddresses, Registers, Transport, refuse};

const MAGIC_VALUE: usize = 0x000;
const VERSION: usize = 0x004;
const DEVICE_ID: usize = 0x008;
const DEVICE_FEATURES: usize = 0x010;
const DEVICE_FEATURES_SEL: usize = 0x014;
const DRIVER_FEATURES: usize = 0x020;
const DRIVER_FEATURES_SEL: usize = 0x024;
const QUEUE_SEL: usize = 0x030;
const QUEUE_NUM_MAX: usize = 0x034;
const QUEUE_NUM: usize = 0x038;
const QUEUE_READY: usize = 0x044;
const QUEUE_NOTIFY: usize = 0x050;
const INTERRUPT_STATUS: usize = 0x060;
const INTERRUPT_ACK: usize = 0x064;
const STATUS: usize = 0x070;
const QUEUE_DESC: usize = 0x080;
const QUEUE_DRIVER: usize = 0x090;
const QUEUE_DEVICE: usize = 0x0a0;
const CONFIG_GENERATION: usize = 0x0fc;
const CONFIG: usize = 0x100;

/// "virt".
const MAGIC: u32 = 0x7472_6976;
const LEGACY: u32 = 1;
const MODERN: u32 = 2;

/// How many places a platform may name.
const SLOTS: usize = 256;

/// A device, by its registers.
pub struct Mmio<R> {
    registers: R,
    interrupt: Interrupt,
    device_type: u32,
}

impl<R: Registers> Mmio<R> {
    /// The device behind these registers, if there is one and it is of this type. (A place for a
    /// device that is not there has type 0.)
    ///
    /// # Errors
    /// It is of another version than 2.
    pub fn new(
        device_type: u32,
        registers: R,
        interrupt: Interrupt,
    ) -> Result<Option<Self>, Error> {
        if registers.read32(MAGIC_VALUE) != MAGIC || registers.read32(DEVICE_ID) != device_type {
            return Ok(None);
        }
        match registers.read32(VERSION) {
            MODERN => Ok(Some(Self { registers, interrupt, device_type })),
            LEGACY => Err(Error::Legacy),
            _ => Err(Error::Unsupported),
        }
    }
}

impl<R: Registers> Transport for Mmio<R> {
    fn device_type(&self) -> u32 {
        self.device_type
    }

    fn features(&self) -> u64 {
        let half = |select| {
            self.registers.write32(DEVICE_FEATURES_SEL, select);
            u64::from(self.registers.read32(DEVICE_FEATURES))
        };
        half(0) | half(1) << 32
    }

    fn accept(&self, features: u64) {
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.registers.write32(DRIVER_FEATURES_SEL, select);
            self.registers.write32(DRIVER_FEATURES, half);
        }
    }

    fn status(&self) -> u8 {
        self.registers.read32(STATUS) as u8
    }

    fn set_status(&self, status: u8) {
        self.registers.write32(STATUS, status.into());
    }

    fn connect(&self) -> Result<(), Error> {
        unilith_bus::enable(self.interrupt);
        Ok(())
    }

    fn queue_limit(&self, queue: u16) -> u16 {
        self.registers.write32(QUEUE_SEL, queue.into());
        self.registers.read32(QUEUE_NUM_MAX).try_into().unwrap_or(u16::MAX)
    }

    unsafe fn start_queue(
        &self,
        queue: u16,
        size: u16,
        addresses: QueueAddresses,
    ) -> Result<(), Error> {
        self.registers.write32(QUEUE_SEL, queue.into());
        if self.registers.read32(QUEUE_READY) != 0 {
            return Err(Error::Broken);
        }
        self.registers.write32(QUEUE_NUM, size.into());
        self.registers.write64(QUEUE_DESC, addresses.descriptors);
        self.registers.write64(QUEUE_DRIVER, addresses.available);
        self.registers.write64(QUEUE_DEVICE, addresses.used);
        self.registers.write32(QUEUE_READY, 1);
        match self.registers.read32(QUEUE_READY) {
            1 => Ok(()),
            _ => Err(Error::Broken),
        }
    }

    fn notify(&self, queue: u16) {
        self.registers.write32(QUEUE_NOTIFY, queue.into());
    }

    fn acknowledge(&self) {
        // The line stays up until every reason is acknowledged, and only its edges are seen.
        let reasons = self.registers.read32(INTERRUPT_STATUS);
        if reasons != 0 {
            self.registers.write32(INTERRUPT_ACK, reasons);
        }
    }

    fn config_generation(&self) -> u32 {
        self.registers.read32(CONFIG_GENERATION)
    }

    fn config8(&self, offset: usize) -> u8 {
        self.registers.read8(CONFIG.saturating_add(offset))
    }

    fn config16(&self, offset: usize) -> u16 {
        self.registers.read16(CONFIG.saturating_add(offset))
    }

    fn config32(&self, offset: usize) -> u32 {
        self.registers.read32(CONFIG.saturating_add(offset))
    }
}

/// A place where a device was found, and its type.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    device_type: u32,
    slot: MmioSlot,
}

/// The registers of a slot.
fn registers(slot: MmioSlot) -> Option<Mapped> {
    // SAFETY: the platform says that this is a place for registers of virtio-mmio. Reading
    // magic, version and type changes nothing; what is no device has another magic.
    unsafe { Mapped::new(slot.address, slot.len) }
}

/// Looks at all places for devices.
pub fn scan() -> Vec<Place> {
    let place = |slot| {
        let registers = registers(slot)?;
        let device_type = registers.read32(DEVICE_ID);
        let is_there = registers.read32(MAGIC_VALUE) == MAGIC && device_type != 0;
        is_there.then_some(Place { device_type, slot })
    };
    (0..SLOTS).map_while(unilith_bus::mmio_slot).filter_map(place).collect()
}

/// Shows the devices of one type in `places`.
pub fn show(places: &[Place], device_type: u32, found: &mut dyn FnMut(Box<dyn Transport>)) {
    for place in places.iter().filter(|place| place.device_type == device_type) {
        let Some(registers) = registers(place.slot) else { continue };
        match Mmio::new(device_type, registers, place.slot.interrupt) {
            Ok(Some(device)) => found(Box::new(device)),
            Ok(None) => {}
            Err(error) => refuse("mmio", error),
        }
    }
}

static PLACES: Once<Vec<Place>> = Once::new();

/// Shows the devices of one type: see [`Find`](unilith_virtio::Find). The machine is looked at
/// once: every access to a register may cost a hypervisor a microsecond.
pub fn find(device_type: u32, found: &mut dyn FnMut(Box<dyn Transport>)) {
    if let Some(places) = PLACES.get_or_init(scan) {
        show(places, device_type, found);
    }
}
