//! Functions on PCI: configuration space as a table, registers in memory of the host.

use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use unilith_bus::PciAddress;
use unilith_virtio::{Device, DmaBuffer, Transport};
use unilith_virtio_model::{Registers, Space, set_pci, set_registers};
use unilith_virtio_pci::{scan, show};

type Config = [u32; 64];
type Functions = Rc<RefCell<BTreeMap<(u8, u8, u8), Config>>>;

fn machine(functions: &[((u8, u8, u8), Config)]) -> Functions {
    let functions: Functions = Rc::new(RefCell::new(functions.iter().copied().collect()));
    let key = |at: PciAddress| (at.bus, at.device, at.function);
    let (read, written) = (functions.clone(), functions.clone());
    set_pci(Space {
        read: Box::new(move |at, offset| {
            let functions = read.borrow();
            functions.get(&key(at)).map_or(u32::MAX, |config| config[usize::from(offset / 4)])
        }),
        write: Box::new(move |at, offset, value| {
            if let Some(config) = written.borrow_mut().get_mut(&key(at)) {
                // Ones clear what is in the status.
                let status = if offset == 4 { config[1] & !value & 0xffff_0000 } else { 0 };
                let written = if offset == 4 { value & 0xffff } else { value };
                config[usize::from(offset / 4)] = status | written;
            }
        }),
    });
    functions
}

// Where the device has its registers.
const COMMON: usize = 0x000;
const NOTIFY: usize = 0x100;
const DEVICE: usize = 0x200;
const TABLE: usize = 0x300;
const LEN: usize = 0x400;

/// A network device with 64-bit registers in BAR 4, those of MSI-X among them.
fn device(registers: Registers) -> Config {
    let mut config = [0; 64];
    let base = registers.address();
    config[0] = 0x1041_1af4;
    config[1] = 0x0010_0000;
    config[8] = base as u32 | 0b1100;
    config[9] = (base >> 32) as u32;
    config[0x34 / 4] = 0x40;
    let mut capability = |at: usize, kind: u32, next: u32, offset: usize, len: u32| {
        config[at / 4] = 0x09 | next << 8 | 16 << 16 | kind << 24;
        config[at / 4 + 1] = 4;
        config[at / 4 + 2] = offset as u32;
        config[at / 4 + 3] = len;
    };
    capability(0x40, 1, 0x50, COMMON, 0x38);
    // A second one of the same kind, which is not the device's preference.
    capability(0x50, 1, 0x60, DEVICE, 0x38);
    capability(0x60, 2, 0x80, NOTIFY, 0x100);
    capability(0x80, 4, 0x90, DEVICE, 12);
    config[0x70 / 4] = 8;
    config[0x90 / 4] = 0x11 | 0x4003 << 16;
    config[0x94 / 4] = TABLE as u32 + 4;
    config
}

/// Registers that behave enough like a device's: all features, two queues of 256 descriptors,
/// notified at 3 times the multiplier.
fn registers() -> Registers {
    let registers = set_registers(LEN);
    registers.set(COMMON + 0x04, u32::MAX);
    registers.set(COMMON + 0x10, 2 << 16);
    registers.set(COMMON + 0x18, 256);
    registers.set(COMMON + 0x1c, 3 << 16);
    registers.set(DEVICE, 0x4433_2211);
    registers
}

fn found(device_type: u32) -> Vec<Box<dyn Transport>> {
    let mut all = vec![];
    show(&scan(), device_type, &mut |transport| all.push(transport));
    all
}

#[test]
fn a_device_is_driven_by_its_registers() {
    let registers = registers();
    let functions = machine(&[((0, 3, 0), device(registers))]);
    assert_eq!(found(2).len(), 0);
    let device = Device::start(found(1).remove(0), 0).unwrap();
    let config = functions.borrow()[&(0, 3, 0)];
    assert_eq!(config[1], 0x0010_0406, "memory, master, no line; the status is as it was");
    assert_eq!(config[0x90 / 4] >> 30, 0b10, "messages are on and not masked");
    let entry: Vec<u32> = (0..4).map(|i| registers.get(TABLE + i * 4)).collect();
    assert_eq!(entry, [0xfee0_0000, 0, 0x31, 0]);
    assert_eq!(registers.get(COMMON + 0x10), 0xffff | 2 << 16, "none for the configuration");

    let mut queue = device.queue(1, 64).unwrap();
    device.ready();
    assert_eq!(registers.get(COMMON + 0x14) >> 16, 1, "the queue that was selected");
    assert_eq!(registers.get(COMMON + 0x18), 64, "its size, and vector 0");
    assert_eq!(registers.get(COMMON + 0x1c) & 0xffff, 1, "enabled");
    let address = |at| u64::from(registers.get(at)) | u64::from(registers.get(at + 4)) << 32;
    let rings = [0x20, 0x28, 0x30].map(|at| address(COMMON + at));
    assert_eq!((rings[1] - rings[0], rings[2] - rings[1]), (64 * 16, 4 + 64 * 2 + 4));
    let buffer = DmaBuffer::new(8).unwrap();
    assert!(queue.submit(buffer, 0, &[], std::slice::from_ref(&(0..8))).is_ok());
    queue.notify();
    assert_eq!(registers.get(NOTIFY + 3 * 8), 1, "queue 1, in the place of its own");
    assert_eq!((device.config8(1), device.config16(2)), (0x22, 0x4433));
    assert_eq!(device.config32(12), u32::MAX, "outside");
    assert!(device.queue(2, 64).is_err(), "there are two");
}

#[test]
fn transitional_devices_are_found_by_their_subsystem() {
    let mut config = device(registers());
    config[0] = 0x1000_1af4;
    config[0x2c / 4] = 1 << 16 | 0x1af4;
    machine(&[((0, 3, 0), config)]);
    assert_eq!(found(1).len(), 1);
    // Another vendor's, and a number that is none of virtio's.
    for id in [0x1000_8086, 0x1110_1af4, 0x0fff_1af4] {
        config[0] = id;
        machine(&[((0, 3, 0), config)]);
        assert_eq!(found(1).len(), 0);
    }
}

#[test]
fn functions_and_buses_are_looked_at() {
    let config = device(registers());
    let (mut bridge, mut several) = ([0; 64], config);
    bridge[0] = 0x000c_1b36;
    bridge[3] = 1 << 16;
    bridge[6] = 5 << 8;
    several[3] = 0x80 << 16;
    let mut loops = bridge;
    loops[6] = 0;
    machine(&[
        ((0, 1, 0), bridge),
        ((0, 31, 0), several),
        ((0, 31, 7), config),
        // Not there: function 0 says that it is the only one.
        ((5, 0, 0), config),
        ((5, 0, 1), config),
        ((5, 1, 0), loops),
        // Behind no bridge.
        ((6, 0, 0), config),
    ]);
    assert_eq!(found(1).len(), 3);
}

#[test]
fn what_cannot_be_used_is_refused() {
    type Change = fn(&mut Config);
    let changes: [(&str, Change); 7] = [
        ("no capabilities", |config| config[1] = 0),
        ("registers without an address", |config| (config[8], config[9]) = (0b1100, 0)),
        ("registers in ports", |config| config[8] |= 1),
        ("registers beyond what there is", |config| config[0x48 / 4] = 0x1000),
        ("registers past the end of addresses", |config| config[9] = u32::MAX),
        ("a BAR that does not exist", |config| config[0x44 / 4] = 6),
        ("too few registers", |config| config[0x4c / 4] = 0x30),
    ];
    for (what, change) in changes {
        let mut config = device(registers());
        change(&mut config);
        machine(&[((0, 3, 0), config)]);
        assert_eq!(found(1).len(), 0, "{what}");
    }
    // Without MSI-X there is no interrupt.
    let mut config = device(registers());
    config[0x80 / 4] &= !0xff00;
    machine(&[((0, 3, 0), config)]);
    assert!(Device::start(found(1).remove(0), 0).is_err());
}

proptest! {
    #[test]
    fn any_configuration_space_is_survived(
        bytes in proptest::collection::vec(any::<u32>(), 64),
        changes in proptest::collection::vec((4usize..64, any::<u32>()), 0..8),
        real: bool,
    ) {
        let mut config: Config = if real {
            device(registers())
        } else {
            bytes.try_into().unwrap()
        };
        for (at, value) in changes {
            config[at] = value;
        }
        config[0] = 0x1041_1af4;
        config[1] |= 0x0010_0000;
        machine(&[((0, 3, 0), config)]);
        for transport in found(1) {
            if let Ok(device) = Device::start(transport, 0) {
                let _ = device.queue(0, 64).map(|mut queue| queue.notify());
            }
        }
    }
}
