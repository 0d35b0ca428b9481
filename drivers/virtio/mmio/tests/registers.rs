//! The registers of virtio-mmio, in memory of the host.

use unilith_bus::{Interrupt, MmioSlot};
use unilith_virtio::{Device, DmaBuffer, Transport, feature};
use unilith_virtio_mmio::{scan, show};
use unilith_virtio_model::{Registers, enabled, set_registers, set_slot};

const LEN: usize = 0x200;

/// A device of type 2, version `version`, as far as memory can be one.
fn slot(version: u32) -> Registers {
    let registers = set_registers(LEN);
    registers.set(0, u32::from_le_bytes(*b"virt"));
    registers.set(4, version);
    registers.set(8, 2);
    // All features; 256 descriptors.
    registers.set(0x10, u32::MAX);
    registers.set(0x34, 256);
    registers.set(0x100, 0x4433_2211);
    let interrupt = Interrupt::Line(7);
    set_slot(MmioSlot { address: registers.address(), len: LEN, interrupt });
    registers
}

fn found(device_type: u32) -> Vec<Box<dyn Transport>> {
    let mut all = vec![];
    show(&scan(), device_type, &mut |transport| all.push(transport));
    all
}

#[test]
fn a_device_is_found_by_its_type() {
    assert_eq!(found(2).len(), 0, "no slot");
    let registers = slot(2);
    assert_eq!((found(1).len(), found(2).len()), (0, 1));
    assert_eq!(found(2)[0].device_type(), 2);
    registers.set(0, 0);
    assert_eq!(found(2).len(), 0, "no magic");
}

#[test]
fn legacy_devices_are_refused() {
    for version in [0, 1, 3] {
        slot(version);
        assert_eq!(found(2).len(), 0);
    }
}

#[test]
fn a_queue_is_set_up_and_notified() {
    let registers = slot(2);
    let device = Device::start(found(2).remove(0), 0).unwrap();
    assert_eq!(enabled(), Some(Interrupt::Line(7)));
    assert_eq!(registers.get(0x24), 1, "the upper features last");
    assert_eq!(
        registers.get(0x20),
        (feature::VERSION_1 | feature::ACCESS_PLATFORM >> 32) as u32 | 3
    );
    let mut queue = device.queue(3, 64).unwrap();
    device.ready();
    assert_eq!((registers.get(0x30), registers.get(0x38), registers.get(0x44)), (3, 64, 1));
    let address = |at| u64::from(registers.get(at)) | u64::from(registers.get(at + 4)) << 32;
    let (descriptors, available, used) = (address(0x80), address(0x90), address(0xa0));
    assert_eq!((available - descriptors, used - available), (64 * 16, 4 + 64 * 2 + 4));
    assert_eq!(registers.get(0x70), 15);

    registers.set(0x50, 99);
    let buffer = DmaBuffer::new(8).unwrap();
    assert!(queue.submit(buffer, 0, &[], std::slice::from_ref(&(0..8))).is_ok());
    queue.notify();
    assert_eq!(registers.get(0x50), 3);

    assert_eq!(
        (device.config8(1), device.config16(2), device.config32(0)),
        (0x22, 0x4433, 0x4433_2211)
    );
    assert_eq!(device.config32(0x1000), u32::MAX, "outside");
    assert_eq!(device.config32(usize::MAX), u32::MAX);

    // An interrupt is acknowledged with its reasons.
    device.acknowledge();
    assert_eq!(registers.get(0x64), 0);
    registers.set(0x60, 3);
    device.acknowledge();
    assert_eq!(registers.get(0x64), 3);
}

#[test]
fn a_queue_that_is_in_use_or_not_there_is_refused() {
    let registers = slot(2);
    let device = Device::start(found(2).remove(0), 0).unwrap();
    registers.set(0x44, 1);
    assert!(device.queue(0, 64).is_err());
    registers.set(0x44, 0);
    registers.set(0x34, 0);
    assert!(device.queue(0, 64).is_err());
}
