//! QEMU's educational device (QEMU, `docs/specs/edu.rst`): registers, DMA, message interrupts.

use crate::{enable, load, store, wait};
use core::cell::UnsafeCell;
use unilith_bus::PciAddress;

/// Device and vendor.
pub const IDS: u32 = 0x11e8_1234;

const LEN: usize = 1 << 20;
/// Its registers.
const IDENTIFICATION: usize = 0x00;
const LIVENESS: usize = 0x04;
const STATUS: usize = 0x24;
const ACKNOWLEDGE: usize = 0x64;
const DMA_SOURCE: usize = 0x80;
const DMA_DESTINATION: usize = 0x88;
const DMA_COUNT: usize = 0x90;
const DMA_COMMAND: usize = 0x98;
/// Its own memory, as DMA knows it.
const OWN_MEMORY: u64 = 0x4_0000;
const START: u32 = 0b001;
const TO_RAM: u32 = 0b010;
const INTERRUPT: u32 = 0b100;
/// In STATUS: the DMA is done.
const DMA_DONE: u32 = 0x100;

#[repr(align(64))]
struct Buffer(UnsafeCell<[u8; 64]>);

// SAFETY: used by one thread, and by the device while that waits.
unsafe impl Sync for Buffer {}

static FROM: Buffer =
    Buffer(UnsafeCell::new(*b"sixty-four bytes go to the device and come back to another place"));
static INTO: Buffer = Buffer(UnsafeCell::new([0; 64]));

/// Copies a buffer to the device and back.
pub fn drive(at: PciAddress) -> &'static str {
    enable(at);
    let bar = unilith_bus::pci_read(at, 0x10) & !0xf;
    let Some(registers) = unilith_bus::registers(bar.into(), LEN) else { return "out of reach" };
    if load(registers, IDENTIFICATION) & 0xffff != 0x00ed {
        return "is something else";
    }
    store(registers, LIVENESS, 0x1234_5678);
    if load(registers, LIVENESS) != !0x1234_5678 {
        return "is not alive";
    }
    if !enable_messages(at) {
        return "has no messages";
    }
    for (source, destination, command) in [
        (unilith_bus::dma_address(FROM.0.get().cast()), OWN_MEMORY, START | INTERRUPT),
        (OWN_MEMORY, unilith_bus::dma_address(INTO.0.get().cast()), START | TO_RAM | INTERRUPT),
    ] {
        for (register, value) in
            [(DMA_SOURCE, source), (DMA_DESTINATION, destination), (DMA_COUNT, 64)]
        {
            store(registers, register, value as u32);
            store(registers, register + 4, (value >> 32) as u32);
        }
        store(registers, DMA_COMMAND, command);
        // The device takes 100 ms.
        match wait(|| load(registers, STATUS) & DMA_DONE != 0) {
            Some(0..=3) => {}
            Some(_) => return "does not let the processor halt",
            None => return "does not end halts",
        }
        store(registers, ACKNOWLEDGE, DMA_DONE);
    }
    // SAFETY: the device is done.
    let equal = unsafe { INTO.0.get().read_volatile() == FROM.0.get().read_volatile() };
    if equal { "works" } else { "copies something else" }
}

/// Programs the MSI capability (PCI Local Bus Specification 3.0, 6.8.1), with 64-bit addresses.
fn enable_messages(at: PciAddress) -> bool {
    const CAPABILITIES: u8 = 0x34;
    const MSI: u32 = 5;
    const ENABLE: u32 = 1 << 16;
    let Some(message) = unilith_bus::message() else { return false };
    let mut offset = unilith_bus::pci_read(at, CAPABILITIES) as u8 & 0xfc;
    for _ in 0..16 {
        let header = unilith_bus::pci_read(at, offset);
        if offset != 0 && header & 0xff == MSI {
            unilith_bus::pci_write(at, offset + 4, message.address as u32);
            unilith_bus::pci_write(at, offset + 8, (message.address >> 32) as u32);
            unilith_bus::pci_write(at, offset + 12, message.data);
            unilith_bus::pci_write(at, offset, header | ENABLE);
            return true;
        }
        offset = (header >> 8) as u8 & 0xfc;
    }
    false
}
